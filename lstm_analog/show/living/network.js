"use strict";
// Screen 4: the whole network with any input, any valve shut; before and after.

const INPUTS = { "as given": (given) => given, "all zero": (given) => given.map((row) => row.map(() => 0)),
  "one pulse": (given) => given.map((row, k) => row.map(() => (k === 1 || given.length === 1 ? 1 : 0))),
  "a wave": (given) => given.map((row, k) => row.map((_, j) => Math.sin(0.9 * k + j))) };
const MOST_DRAWN = 64; // units in the picture of levels
const PACE = 1500; // ms for a step while it plays

SCREENS.push({ id: "network", title: "Your network", build(page) {
  const machine = page.ours, given = page.contents.x, reach = Math.max(1, ...given.flat().map(Math.abs));
  let x = given.map((row) => [...row]), channel = 0, layer = 0, unit = 0, step = 0, task = null, run = null;
  let before = null, traces = page.contents.digital, last = null, played = 0;
  const shut = new Map(); // of "layer/unit", the names of the valves that are shut
  const steps = given.length, ends = [1, Math.max(2, steps)];
  const input = new Plot({ x: ends, y: [-1.15 * reach, 1.15 * reach], height: 165, wide: true, whole: true, across: "step", up: "input", label: "The input at each step: draw it" });
  const states = Object.fromEntries(["h", "c"].filter((name) => machine.layers[0][name]).map((name) => [name, new Plot({ x: ends, y: [-1, 1], height: 190, wide: true, whole: true, across: "step", up: name === "h" ? "output h" : "memory c", label: `${name} of one unit after each step` })]));
  const levels = levelPicture(machine, (l, u) => choose(l, u));
  const progress = html("span", { class: "aside" });
  const shown = Object.fromEntries(["h", "h-digital", "h-before", "c", "c-digital", "c-before", "worst"].map((name) => [name, reading(`network-${name}`)]));
  const numbers = html("dl", { class: "numbers" }, ...Object.keys(states).flatMap((name) => [card(`${name} of the machine`, shown[name]), card(`digital ${name}`, shown[`${name}-digital`]), card(`${name} before`, shown[`${name}-before`])]),
    card("largest difference from digital", shown.worst));
  const chosen = unitChoice(machine, (l, u) => choose(l, u));
  const scrub = slider("step", { min: 1, max: steps, step: 1, value: 1 }, (value) => { step = value - 1; tell(); }, (value) => `${value} of ${steps}`);
  scrub.input.dataset.name = "network-step";
  const here = slider("input there", { min: -1.1 * reach, max: 1.1 * reach, step: reach / 50, value: x[0][0] }, (value) => { x[step][channel] = value; begin(); });
  here.input.dataset.name = "network-input";
  const valves = html("div", { class: "bar", role: "group", "aria-label": "valves of this unit" });
  const open = html("button", { type: "button", "data-name": "network-open", onclick: () => { shut.clear(); choose(layer, unit); begin(); } }, "open all");
  const playing = toggle("play", (on) => { last = null; if (on) page.work.paint(paint); }, { "data-name": "network-play" });
  const presets = html("div", { class: "bar", role: "group", "aria-label": "input" }, ...Object.entries(INPUTS).map(([name, make]) =>
    html("button", { type: "button", "data-input": name, onclick: () => { x = make(given).map((row) => [...row]); begin(); } }, name)));
  if (given[0].length > 1) presets.append(html("label", {}, "draw input ", html("select", { onchange: (event) => { channel = Number(event.target.value); tell(); } },
    ...given[0].map((_, k) => html("option", { value: k }, String(k + 1))))));

  function choose(l, u) {
    [layer, unit] = [l, u];
    chosen.select.value = `${l}/${u}`;
    valves.replaceChildren("shut: ", ...machine.layers[l].valves.map((valve) => {
      const button = toggle(valve.name, (on) => {
        const key = `${l}/${u}`, names = shut.get(key) ?? new Set();
        if (on) names.add(valve.name); else names.delete(valve.name);
        shut.set(key, names);
        begin();
      }, { "data-shut": valve.name });
      button.setAttribute("aria-pressed", shut.get(`${l}/${u}`)?.has(valve.name) ?? false);
      return button;
    }), open);
    tell();
  }

  /** Show the levels on their way through the present step, and go on to the next: as long as it plays. */
  function paint(now) {
    if (playing.getAttribute("aria-pressed") !== "true" || !run) return false;
    played = last === null ? 0 : Math.min(1, played + (now - last) / PACE);
    last = now;
    const from = machine.interval(step, machine.cycle[0]), to = from + machine.cycle.length;
    if (run.ends.length >= to) {
      const way = machine.way(run, from, to);
      levels.draw(way[Math.floor(played * (way.length - 1))].x, null, layer, unit, shut);
      if (played >= 1) {
        played = 0;
        step = (step + 1) % steps;
        scrub.put(step + 1);
        tell();
      }
    }
    return true;
  }

  /** Compute the network anew, as it is set now. */
  function begin() {
    page.work.stop(task);
    const network = machine.fed(x);
    for (const [key, names] of shut) {
      const [l, u] = key.split("/").map(Number);
      for (const valve of machine.layers[l].valves) if (names.has(valve.name)) machine.shut(network, valve, u);
    }
    traces = digital(page.contents.lstm, x, page.contents.start);
    run = new Simulation(network, { tolerance: 1e-8, points: page.samples(machine, steps, 30) });
    let told = 0;
    task = page.work.run(run, () => { task = null; tell(); }, () => { if (run.ends.length > told) { told = run.ends.length; tell(); } });
    tell();
  }

  function tell() {
    const done = run ? Math.max(0, Math.floor((run.ends.length - machine.once) / machine.cycle.length)) : 0;
    progress.textContent = done < steps ? `computing step ${done + 1} of ${steps}` : steps === 1 ? "the only step computed" : `all ${steps} steps computed`;
    input.line("line", x.map((row, k) => [k + 1, row[channel]]), "machine-line");
    input.dots("dots", x.map((row, k) => [k + 1, row[channel]]), "machine-dot", steps > 40 ? 2 : 5);
    input.cursor(step + 1);
    here.put(x[step][channel]);
    for (const name in states) curves(name);
    const at = run?.ends[machine.interval(step, "readout")], old = before?.ends[machine.interval(step, "readout")];
    if (at && !(played > 0)) levels.draw(at, old, layer, unit, shut);
    if (run && !task) shown.worst.textContent = small(worst(machine, run, traces, steps).error);
    else shown.worst.textContent = "\u2026";
  }

  function curves(name) {
    const plot = states[name], pairs = (values) => values.map((value, k) => [k + 1, value]);
    const now = run ? machine.states(run, layer, name, unit) : [], old = before ? machine.states(before, layer, name, unit) : [];
    const numeric = traces[layer][name].map((row) => row[unit]);
    const most = Math.max(0.3, ...[...now, ...old, ...numeric].map(Math.abs)) * 1.15;
    plot.y = [-most, most];
    plot.ruled(null);
    plot.line("before", pairs(old), "ghost");
    plot.line("now", pairs(now), `machine-line of-${name}`);
    plot.dots("digital", pairs(numeric), "digital-dot", steps > 40 ? 2.2 : 4.5);
    plot.cursor(step + 1);
    shown[name].textContent = now[step] === undefined ? "\u2026" : decimals(now[step]);
    shown[`${name}-digital`].textContent = decimals(numeric[step]);
    shown[`${name}-before`].textContent = old[step] === undefined ? "\u2026" : decimals(old[step]);
  }

  dragged(input.element, (event) => {
    const k = Math.max(0, Math.min(steps - 1, Math.round(input.valueAt(event)) - 1));
    x[k][channel] = Math.max(-1.1 * reach, Math.min(1.1 * reach, input.heightAt(event)));
    begin();
  }, "none");
  for (const plot of Object.values(states)) dragged(plot.element, (event) => {
    step = Math.max(0, Math.min(steps - 1, Math.round(plot.valueAt(event)) - 1));
    scrub.put(step + 1);
    tell();
  });
  const own = page.ownRun(page.contents.ours);
  const ready = () => { before = own.run; if (!run) run = own.run; tell(); };
  if (own.done) ready(); else { run = own.run; own.told = () => { if (run === own.run && own.run.ends.length % machine.cycle.length === 0) tell(); }; own.waiting.push(ready); }
  choose(0, 0);
  return { content: [html("p", { class: "lead" }, "Draw another input, shut any valve: the network is computed anew, beside the digital numbers for the same input and what it did before."),
    html("div", { class: "columns" }, html("div", {}, presets, input.element, html("div", { class: "bar" }, chosen.element, playing, progress), valves, levels.element, scrub.element, here.element),
      html("div", {}, ...Object.values(states).map(({ element }) => element), legend(["machine", "this network"], ["circle", "digital, all valves as trained"], ["ghost", "before"]), numbers))],
  enter() { last = null; if (playing.getAttribute("aria-pressed") === "true") page.work.paint(paint); } };
} });

/** Return a picture of the levels of all units, a memory and an output each, with those of before as lines. */
function levelPicture(machine, chosen) {
  const wide = 58, units = machine.sizes.flatMap((size, layer) => Array.from({ length: size }, (_, unit) => [layer, unit])).slice(0, MOST_DRAWN);
  const across = Math.min(9, Math.max(...machine.sizes)), rows = [];
  let line = -1, column = across, held = -1;
  for (const [layer, unit] of units) {
    if (layer !== held || column === across) { line++; column = 0; held = layer; }
    rows.push({ layer, unit, x: 6 + column++ * wide, y: 8 + line * 104 });
  }
  const cells = rows.map(({ layer, unit, x, y }) => {
    const names = ["c", "h"].filter((name) => machine.layers[layer][name]);
    const bars = names.map((name, k) => ({ name, x: x + 4 + k * 24, water: svg("rect", { x: x + 4 + k * 24, width: 20, class: `water of-${name}` }), ghost: svg("line", { x1: x + 2 + k * 24, x2: x + 26 + k * 24, class: "ghost" }) }));
    const frame = svg("rect", { x, y, width: wide - 6, height: 98, rx: 6, class: "unit" }), mark = svg("text", { x: x + 26, y: y + 92, "text-anchor": "middle" });
    const group = svg("g", { role: "button", tabindex: 0, "aria-label": `layer ${layer + 1}, unit ${unit + 1}`, onclick: () => chosen(layer, unit),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); chosen(layer, unit); } } }, frame,
    ...bars.flatMap((bar) => [svg("rect", { x: bar.x, y: y + 6, width: 20, height: 70, class: "inside" }), bar.water, svg("rect", { x: bar.x, y: y + 6, width: 20, height: 70, class: "glass fine" }), bar.ghost]),
    svg("line", { x1: x + 2, x2: x + wide - 8, y1: y + 41, y2: y + 41, class: "datum" }), mark);
    return { layer, unit, y, bars, frame, mark, group };
  });
  const element = svg("svg", { viewBox: `0 0 ${6 + across * wide} ${(line + 1) * 104 + 8}`, class: "picture units", role: "group", "aria-label": "The levels of all units; choose one" }, ...cells.map(({ group }) => group));
  return { element: atMost(element, 1.15 * (6 + across * wide)), draw(x, old, layer, unit, shut) {
    for (const cell of cells) {
      cell.frame.classList.toggle("chosen", cell.layer === layer && cell.unit === unit);
      cell.mark.textContent = `${cell.unit + 1}${(shut.get(`${cell.layer}/${cell.unit}`)?.size ?? 0) ? " \u2715" : ""}`;
      for (const { name, water, ghost } of cell.bars) {
        const spot = machine.layers[cell.layer][name], full = name === "c" ? FULL_SCALE : 1;
        const height = (values) => cell.y + 41 - 35 * Math.max(-1, Math.min(1, machine.read(spot, cell.unit, values) / full));
        set(water, { y: height(x), height: cell.y + 76 - height(x) });
        set(ghost, old ? { y1: height(old), y2: height(old) } : { y1: -9, y2: -9 });
      }
    }
  } };
}
