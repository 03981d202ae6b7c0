"use strict";
// Screen 5: the same LSTM as plumbing and as a circuit, side by side, and what corresponds to what.

SCREENS.push({ id: "beside", title: "Circuit beside plumbing", build(page) {
  const sides = { plumbing: page.machine("plumbing"), circuit: page.machine("circuit") };
  const runs = Object.fromEntries(Object.keys(sides).map((name) => [name, page.ownRun(name)]));
  const traces = page.contents.digital, steps = page.contents.x.length, { sizes } = sides.plumbing;
  let layer = 0, unit = 0, step = 0;
  const has = (name) => sides.plumbing.layers[0][name] !== null;
  const signals = [...["c", "h"].filter(has).map((name) => ({ key: name, label: name === "c" ? "memory c" : "output h", of: (machine) => machine.layers[layer][name], value: (x) => x[name] })),
    ...sides.plumbing.layers[0].gates.map((gate, k) => ({ key: `z${k}`, label: `z of ${gate.name === "cell" ? "new value" : gate.name}`, of: (machine) => machine.layers[layer].gates[k] }))];
  const pictures = Object.fromEntries(Object.keys(sides).map((name) => [name, sidePicture(name, signals)]));
  const lead = html("p", { class: "lead" }, "One LSTM, built twice. Where plumbing has a pressure the circuit has a voltage, and after each step both say the same number. Point at a row or at a part: its counterpart lights up.");
  const progress = html("span", { class: "aside" });
  const cells = signals.map(({ key, label }) => {
    const row = { plumbing: reading(`beside-${key}-plumbing`), circuit: reading(`beside-${key}-circuit`), pressure: html("span"), voltage: html("span"), digital: reading(`beside-${key}-digital`), difference: html("span") };
    row.element = html("tr", { "data-key": key, tabindex: 0 }, html("th", { scope: "row" }, label), ...["pressure", "plumbing", "voltage", "circuit", "digital", "difference"].map((name) => html("td", {}, row[name])));
    return row;
  });
  const rows = html("table", { class: "linked" }, html("caption", {}, "One unit after the step"), html("thead", {}, html("tr", {}, ...["", "pressure", "= units", "voltage", "= units", "digital", "plumbing \u2212 circuit"].map((head) => html("th", { scope: "col" }, head)))),
    html("tbody", {}, ...cells.map(({ element }) => element)));
  const chosen = unitChoice({ sizes }, (l, u) => { [layer, unit] = [l, u]; tell(); });
  const scrub = slider("step", { min: 1, max: steps, step: 1, value: 1 }, (value) => { step = value - 1; tell(); }, (value) => `${value} of ${steps}`);
  scrub.input.dataset.name = "beside-step";

  function tell() {
    const done = Math.min(...Object.entries(runs).map(([name, { run }]) => Math.max(0, Math.floor((run.ends.length - sides[name].once) / sides[name].cycle.length))));
    progress.textContent = done < steps ? `computing step ${done + 1} of ${steps}` : "";
    const found = signals.map((signal, k) => {
      const values = {};
      for (const name in sides) {
        const machine = sides[name], spot = signal.of(machine), x = runs[name].run.ends[machine.interval(step, spot.interval)];
        if (!x) return null;
        values[name] = machine.read(spot, unit, x);
        const effort = machine.effort(spot.group, unit, x) - (spot.against === null ? 0 : machine.effort(spot.against, unit, x));
        cells[k][name].textContent = decimals(values[name]);
        cells[k][name === "plumbing" ? "pressure" : "voltage"].textContent = physical(effort, machine.network.unit);
      }
      const numeric = signal.value ? traces[layer][signal.key][step][unit] : undefined;
      cells[k].digital.textContent = numeric === undefined ? "" : decimals(numeric);
      cells[k].difference.textContent = small(values.plumbing - values.circuit);
      return values;
    });
    if (found.includes(null)) return;
    for (const name in pictures) pictures[name].draw(found.map((values) => values[name]));
  }

  function light(key) {
    for (const element of linked.querySelectorAll("[data-key]")) element.classList.toggle("lit", element.dataset.key === key);
  }
  const linked = html("div", {}, html("div", { class: "columns" }, html("div", {}, html("h3", {}, `Plumbing (${sides.plumbing.technology})`), pictures.plumbing.element),
    html("div", {}, html("h3", {}, `Circuit (${sides.circuit.technology})`), pictures.circuit.element)), html("div", { class: "panel scroll" }, rows));
  for (const kind of ["pointerover", "focusin"]) linked.addEventListener(kind, (event) => light(event.target.closest("[data-key]")?.dataset.key));
  linked.addEventListener("pointerleave", () => light());
  for (const entry of Object.values(runs)) {
    let told = 0;
    const old = entry.told;
    if (!entry.done) entry.told = () => { old?.(); if (entry.run.ends.length > told) { told = entry.run.ends.length; tell(); } };
    entry.waiting.push(tell);
  }
  tell();
  return { content: [lead, html("div", { class: "bar grow" }, chosen.element, scrub.element, progress), linked, html("div", { class: "panel scroll" }, correspondences(sides))] };
} });

/** Return the plates of a capacitor under a bar at `x`, or the stand of a tank. */
const capacitor = (name, x) => [svg("path", { class: "rail", d: name === "plumbing" ? `M${x - 30} 151 H${x + 30}` : `M${x} 150 V158 M${x - 18} 158 H${x + 18} M${x - 18} 164 H${x + 18} M${x} 164 V172 M${x - 10} 172 H${x + 10}` })];

/** Return bars for the `signals`: the water in a tank or gauge, or the voltage of a capacitor or node. */
function sidePicture(name, signals) {
  const edges = signals.map(({ value }) => (value ? 2 : 6)), wide = 560 / signals.length;
  const bars = signals.map(({ key, label, value }, k) => {
    const x = wide * (k + 0.5), water = svg("rect", { x: x - 22, width: 44, class: "water" }), text = svg("text", { x, y: 192, "text-anchor": "middle", class: "strong" });
    const store = value ? capacitor(name, x) : [];
    const frame = name === "plumbing" ? svg("path", { d: `M${x - 22} 26 V150 H${x + 22} V26`, class: "glass" }) : svg("rect", { x: x - 22, y: 26, width: 44, height: 124, rx: 6, class: "glass" });
    return { water, text, x, group: svg("g", { "data-key": key, class: "signal" }, svg("rect", { x: x - wide / 2 + 2, y: 2, width: wide - 4, height: 196, rx: 8, class: "ground" }),
      svg("text", { x, y: 18, "text-anchor": "middle", class: "little" }, label.replace("z of ", "z ").replace("memory ", "").replace("output h", "h")), water, frame, ...store,
      svg("line", { x1: x - 28, x2: x + 28, y1: 88, y2: 88, class: "datum" }), text) };
  });
  const element = svg("svg", { viewBox: "0 0 560 200", class: "picture beside", role: "img", "aria-label": `The state of the ${name}` }, ...bars.map(({ group }) => group));
  return { element, draw(values) {
    values.forEach((value, k) => {
      const y = 88 - 62 * Math.max(-1, Math.min(1, value / edges[k]));
      set(bars[k].water, name === "plumbing" ? { y, height: 150 - y } : { y: Math.min(y, 88), height: Math.abs(y - 88) });
      bars[k].text.textContent = decimals(value, 3);
    });
  } };
}

/** Return the table of what corresponds to what, with the sizes and numbers in the two network files. */
function correspondences({ plumbing, circuit }) {
  const one = (machine, find) => machine.graph.nodes.find(find);
  const count = (machine, ...kinds) => machine.graph.edges.filter(({ kind, law }) => law && kinds.includes(kind)).length;
  const weights = (machine) => machine.graph.edges.filter(({ kind, law, source, target }) => // those to the datum are dummies
    law && ["Crossbars", "Transconductors"].includes(kind) && source !== "0" && target !== "0").length;
  const nodes = (machine, kind) => machine.graph.nodes.filter((node) => node.kind === kind).length;
  const store = (machine) => { const { capacitance, unit } = one(machine, (node) => node.id === `${machine.layers[0].h.group}_0`); return capacitance === undefined ? "\u2013" : `${capacitance.toExponential(2)} ${unit}`; };
  const scale = (machine) => physical(one(machine, (node) => node.id === `${machine.layers[0].h.group}_0`).scale, machine.network.unit);
  return table("What corresponds to what, with the numbers of these two networks", ["in plumbing", "", "in the circuit", ""], [
    ["pressure of one unit of signal", scale(plumbing), "voltage of one unit of signal", scale(circuit)],
    ["tank of the output h", store(plumbing), "capacitor of the output h", store(circuit)],
    ["capillary tubes, the weights", weights(plumbing), "conductances or transconductors, the weights", weights(circuit)],
    ["valves, two for each product or curve", count(plumbing, "Ports"), "transistor pairs", count(circuit, "Pairs", "Ports")],
    ["solenoid valves of the clock", count(plumbing, "Switches", "Inertances"), "switches of the clock", count(circuit, "Switches")],
    ["relays that pass a pressure on", nodes(plumbing, "a follower"), "buffers and op-amps that pass a voltage on", nodes(circuit, "a follower") + count(circuit, "OpAmps")],
    ["time constant", physical(plumbing.timeConstant, "s"), "time constant", physical(circuit.timeConstant, "s")],
    ["all unknowns", plumbing.network.free.length, "all unknowns", circuit.network.free.length],
  ]);
}
