"use strict";
// Screen 6: real parts. Leaking clock valves, warm parts, scattered weights; which unit suffers most.

const ROOM = 300.15; // K
const PER_KELVIN = 1.04; // a tube of VG32 oil conducts that much more for each kelvin near 40 degrees (docs/hydraulics.md)
const FAULTS = {
  leak: { label: "leak", min: -7, max: -1, step: 0.25, value: -7, format: (value) => (value <= -7 ? "none" : `${small(10 ** value)}`),
    plumbing: "what a shut clock valve still passes, as a share of an open one", circuit: "what an open switch of the clock still conducts, as a share of a closed one",
    apply(network, value) {
      if (value <= -7) return;
      for (const bank of network.banks) {
        const [closed, leak] = ["conductance", "leak"].map((name) => bank.law.parameters.indexOf(name)), wide = bank.law.parameters.length;
        if (closed < 0 || leak < 0) continue;
        for (let k = 0; k < bank.elements.length; k++) bank.number[k * wide + leak] = 10 ** value * bank.number[k * wide + closed];
      }
    } },
  warmth: { label: "warmth", min: 0, max: 20, step: 0.5, value: 0, format: (value) => `${decimals(value, 1)} K`,
    plumbing: "how much warmer the tubes from the inputs are than all others; the oil in them is thinner", circuit: "how much warmer the transistor pairs are than they were made for",
    apply(network, value, machine) {
      const inputs = new Set(machine.inputs.map(({ label }) => label));
      if (network.unit === "Pa") network.change("conductance", (element, bank) => bank.elements[0].kind === "Crossbars" && inputs.has(element.source.replace(/_\d+$/, "")), (g) => g * PER_KELVIN ** value);
      else for (const scale of ["scale1", "scale2"]) network.change(scale, (_, bank) => bank.elements[0].kind === "Pairs", (s) => s * ROOM / (ROOM + value));
    } },
  spread: { label: "spread", min: 0, max: 10, step: 0.25, value: 0, format: (value) => `${decimals(value, 2)} %`,
    plumbing: "how far the tubes of the weights scatter in what they let through (standard deviation)", circuit: "how far the weights scatter (standard deviation)",
    apply(network, value, machine, seed) {
      const draw = normals(seed);
      for (const name of ["conductance", "value"]) network.change(name, (_, bank) => ["Crossbars", "Transconductors"].includes(bank.elements[0].kind), (g) => g * Math.exp(0.01 * value * draw()));
    } },
};

SCREENS.push({ id: "broken", title: "Break it", build(page) {
  const machine = page.ours, steps = page.contents.x.length, given = page.contents.x;
  const asked = Object.fromEntries(Object.entries(FAULTS).map(([name, { value }]) => [name, value]));
  let seed = 1, task = null, run = null, before = null;
  const errors = new Plot({ x: [1, Math.max(2, steps)], y: [1e-9, 1], log: true, whole: true, across: "step", up: "largest error of c and h", height: 260, wide: true, label: "The largest error of all units after each step, as designed and broken" });
  const states = new Plot({ x: [1, Math.max(2, steps)], y: [-1, 1], whole: true, across: "step", up: "the worst signal", height: 200, wide: true, label: "The worst signal after each step" });
  const shown = { error: reading("broken-error"), before: reading("broken-before"), worst: html("output", { "data-name": "broken-worst", class: "number" }) };
  const progress = html("span", { class: "aside" });
  const sliders = Object.entries(FAULTS).map(([name, fault]) => {
    const made = slider(fault.label, fault, (value) => { asked[name] = value; begin(); }, fault.format);
    made.input.dataset.name = `broken-${name}`;
    return [name, made, html("p", { class: "hint" }, fault[page.contents.ours])];
  });
  const again = html("button", { type: "button", "data-name": "broken-seed", onclick: () => { seed++; begin(); } }, "another lot of parts");
  const mend = html("button", { type: "button", "data-name": "broken-mend", onclick: () => { for (const [name, made] of sliders) { asked[name] = FAULTS[name].value; made.put(FAULTS[name].value); } begin(); } }, "mend all");

  function begin() {
    page.work.stop(task);
    const network = machine.network.fork();
    for (const name in FAULTS) FAULTS[name].apply(network, asked[name], machine, seed);
    run = new Simulation(network, { tolerance: 1e-8 });
    task = page.work.run(run, () => { task = null; tell(); }, () => { progress.textContent = `computing step ${Math.floor((run.ends.length - machine.once) / machine.cycle.length) + 1} of ${steps}`; });
  }

  /** Return the largest error of all units after each step of `one`. */
  function perStep(one) {
    return given.map((_, step) => Math.max(...machine.layers.flatMap((layer, l) => ["h", "c"].filter((name) => layer[name]).flatMap((name) => {
      const end = one.ends[machine.interval(step, layer[name].interval)];
      return Array.from({ length: machine.sizes[l] }, (__, unit) => Math.abs(machine.read(layer[name], unit, end) - page.contents.digital[l][name][step][unit]));
    }))));
  }

  function tell() {
    if (!before) return;
    const now = run && !task ? run : before, pairs = (values) => values.map((value, k) => [k + 1, value]);
    progress.textContent = "";
    const found = worst(machine, now, page.contents.digital, steps), sound = worst(machine, before, page.contents.digital, steps);
    errors.line("before", pairs(perStep(before)), "ghost");
    errors.line("now", pairs(perStep(now)), "machine-line");
    errors.dots("dots", pairs(perStep(now)), "machine-dot", steps > 40 ? 2 : 4);
    const ours = machine.states(now, found.layer, found.name, found.unit), old = machine.states(before, found.layer, found.name, found.unit);
    const numeric = page.contents.digital[found.layer][found.name].map((row) => row[found.unit]), most = 1.15 * Math.max(0.3, ...[...ours, ...old, ...numeric].map(Math.abs));
    states.y = [-most, most];
    states.ruled(null);
    states.line("before", pairs(old), "ghost");
    states.line("now", pairs(ours), `machine-line of-${found.name}`);
    states.dots("digital", pairs(numeric), "digital-dot", steps > 40 ? 2.2 : 4.5);
    shown.error.textContent = small(found.error);
    shown.before.textContent = small(sound.error);
    shown.worst.textContent = `${machine.sizes.length > 1 ? `layer ${found.layer + 1}, ` : ""}unit ${found.unit + 1}, ${found.name === "c" ? "memory c" : "output h"}`;
  }

  const own = page.ownRun(page.contents.ours), ready = () => { before = own.run; tell(); };
  if (own.done) ready(); else own.waiting.push(ready);
  return { content: [html("p", { class: "lead" }, "No part is perfect. Let the clock valves leak, warm a part of the machine, let the weights scatter, and see which unit suffers most."),
    html("div", { class: "columns" }, html("div", {}, ...sliders.flatMap(([, made, hint]) => [made.element, hint]), html("div", { class: "bar" }, again, mend, progress),
      html("dl", { class: "numbers" }, card("largest error, broken", shown.error), card("as designed", shown.before), card("the worst", shown.worst))),
    html("div", {}, errors.element, states.element, legend(["machine", "broken"], ["ghost", "as designed"], ["circle", "digital"])))] };
} });
