"use strict";
// Screen 3: one step of the page's own machine, at any moment of it; and how its error depends on the length of a phase.

const PHASES = { setup: "the input comes", reset: "start", copy: "copy", readout: "read" };
const RATIOS = [2, 3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24];
const SWEPT = 4; // steps of the sequence that the second plot runs over

const phaseName = (name) => PHASES[name] ?? (name.startsWith("compute") ? `fill layer ${Number(name.slice(7)) + 1}` : name.startsWith("hold") ? "hold" : name);

/** Return what is unsettled of a unit of change after `ratio` time constants through `poles` equal stores (study/settling.py). */
function unsettled(ratio, poles) {
  let term = 1, sum = 1;
  for (let j = 1; j < poles; j++) { term *= ratio / j; sum += term; }
  return sum * Math.exp(-ratio);
}

/** Return the largest difference of h and c between `run` of `machine` and the `digital` traces, over `steps`. */
function worst(machine, run, traces, steps) {
  const found = { error: 0, layer: 0, unit: 0, name: "h" };
  machine.layers.forEach((layer, k) => {
    for (const name of ["h", "c"]) {
      if (!layer[name]) continue;
      for (let unit = 0; unit < machine.sizes[k]; unit++) {
        const ours = machine.states(run, k, name, unit);
        for (let step = 0; step < Math.min(steps, ours.length); step++) {
          const error = Math.abs(ours[step] - traces[k][name][step][unit]);
          if (error > found.error) Object.assign(found, { error, layer: k, unit, name });
        }
      }
    }
  });
  return found;
}

/** A choice of one unit of one layer. */
function unitChoice(machine, changed) {
  const options = machine.sizes.flatMap((size, layer) => Array.from({ length: size }, (_, unit) =>
    html("option", { value: `${layer}/${unit}` }, machine.sizes.length > 1 ? `layer ${layer + 1}, unit ${unit + 1}` : `unit ${unit + 1}`)));
  const select = html("select", { "data-name": "unit", onchange: () => changed(...select.value.split("/").map(Number)) }, ...options);
  select.setAttribute("aria-label", "unit");
  return { element: select, select };
}

SCREENS.push({ id: "step", title: "One step", build(page) {
  const machine = page.ours, { run } = page.ownRun(page.contents.ours), entry = page.ownRun(page.contents.ours);
  const traces = page.contents.digital;
  let layer = 0, unit = 0, step = 0, place = 0, points = [], edge = 1;
  const first = machine.layers[0], has = (name) => first[name] !== null;
  const kinds = ["c", "h"].filter(has).flatMap((name) => [[name, "slave", name === "c" ? "memory c" : "output h"],
    ...(first.masters[name] ? [[name, "master", name === "c" ? "next memory" : "next output"]] : [])]);
  const nodes = () => kinds.map(([name, role]) => (role === "slave" ? machine.layers[layer][name].group : machine.layers[layer].masters[name]));
  const tanks = kinds.map(([, , words], k) => tank(68 + 124 * k, 34, 150, 74, words));
  const picture = svg("svg", { viewBox: `0 8 ${124 * kinds.length + 12} 186`, class: "picture levels", role: "img", "aria-label": "The levels of this unit's tanks" }, ...tanks.map(({ element }) => element));
  const plot = new Plot({ x: [0, 1], y: [-1, 1], across: "time in the step, in time constants", up: "level (units of signal)", height: 230, wide: true, label: "The levels of one unit during a step, with the digital c and h" });
  const shown = Object.fromEntries(["c", "c-digital", "c-difference", "h", "h-digital", "h-difference"].map((name) => [name, reading(`step-${name}`)]));
  const numbers = html("dl", { class: "numbers" }, ...["c", "h"].filter(has).flatMap((name) =>
    [card(`${name} of the machine`, shown[name]), card(`digital ${name}`, shown[`${name}-digital`]), card("difference", shown[`${name}-difference`])]));
  const clock = html("span", { class: "clock" }), lamp = html("i", { class: "lamp" });
  const scrub = slider("moment", { min: 0, max: 1, step: 1, value: 0 }, (value) => { place = value; moment(); }, () => "");
  scrub.input.dataset.name = "step-scrub";
  const which = html("output", { "data-name": "step-number" });
  const go = (by) => { step = Math.max(0, Math.min(machine.steps - 1, step + by)); place = 0; draw(); };
  const back = html("button", { type: "button", "data-name": "step-back", onclick: () => go(-1) }, "previous step"), on = html("button", { type: "button", "data-name": "step-on", onclick: () => go(1) }, "following step");
  const chosen = unitChoice(machine, (l, u) => { [layer, unit] = [l, u]; draw(); });
  const playing = toggle("play", (play) => { if (play) page.work.paint(paint); }, { "data-name": "step-play" });
  let last = 0;

  function paint(now) {
    if (playing.getAttribute("aria-pressed") !== "true") return false;
    if (now - last > 45 && points.length) {
      last = now;
      if (place + 1 < points.length) place++;
      else if (step + 1 < machine.steps) { step++; place = 0; draw(); }
      else { playing.click(); return false; }
      scrub.put(place);
      moment();
    }
    return true;
  }

  function draw() {
    const from = machine.interval(step, machine.cycle[0]), to = from + machine.cycle.length;
    which.textContent = `step ${step + 1} of ${machine.steps}`;
    back.disabled = step === 0;
    on.disabled = step === machine.steps - 1;
    points = run.ends.length >= to ? machine.way(run, from, to) : [];
    if (!points.length) { clock.textContent = "computing \u2026"; return; }
    place = Math.min(place, points.length - 1);
    set(scrub.input, { max: points.length - 1 });
    scrub.put(place);
    const begun = points[0].time, tau = machine.timeConstant, labels = nodes();
    const values = labels.map((label) => points.map(({ x }) => machine.level(label, unit, x)));
    edge = edgeFor(values.flat());
    const all = [...values.flat(), ...["c", "h"].filter(has).map((name) => traces[layer][name][step][unit])];
    const middle = (Math.min(...all) + Math.max(...all)) / 2, half = Math.max(0.02, (Math.max(...all) - Math.min(...all)) / 2);
    plot.x = [0, (points.at(-1).time - begun) / tau];
    plot.y = [middle - 1.2 * half, middle + 1.2 * half];
    plot.ruled(null);
    values.forEach((levels, k) => plot.line(`line${k}`, levels.map((value, p) => [(points[p].time - begun) / tau, value]), `machine-line of-${kinds[k][0]} ${kinds[k][1]}`));
    ["c", "h"].filter(has).forEach((name) => plot.line(`digital-${name}`, [[0, traces[layer][name][step][unit]], [plot.x[1], traces[layer][name][step][unit]]], "digital-line"));
    const read = (name) => machine.states(run, layer, name, unit)[step];
    for (const name of ["c", "h"].filter(has)) {
      shown[name].textContent = decimals(read(name));
      shown[`${name}-digital`].textContent = decimals(traces[layer][name][step][unit]);
      shown[`${name}-difference`].textContent = small(Math.abs(read(name) - traces[layer][name][step][unit]));
    }
    moment();
  }

  function moment() {
    if (!points.length) return;
    const at = points[place], interval = machine.network.intervals[at.interval];
    nodes().forEach((label, k) => tanks[k].put(machine.level(label, unit, at.x), edge));
    plot.cursor((at.time - points[0].time) / machine.timeConstant);
    clock.textContent = phaseName(interval.name);
    lamp.classList.toggle("on", interval.high.size > 0);
    scrub.input.setAttribute("aria-valuetext", `${decimals((at.time - points[0].time) / machine.timeConstant, 1)} time constants, ${clock.textContent}`);
  }

  dragged(plot.element, (event) => {
    const when = points[0]?.time + plot.valueAt(event) * machine.timeConstant;
    place = Math.max(0, points.findLastIndex(({ time }) => time <= when));
    scrub.put(place);
    moment();
  });
  const law = settlingPlot(page, machine);
  if (entry.done) draw();
  else entry.waiting.push(draw);
  draw();
  const keys = legend(...(has("c") ? [["of-c", "memory c"]] : []), ["of-h", "output h"], ["master", "the next ones"], ["digital", "digital, after the step"]);
  return { content: [html("p", { class: "lead" }, "A step has a phase that fills the next memory from the old one, and a phase that copies it back. The nearer the levels come to rest, the nearer they are to the digital numbers."),
    html("div", { class: "bar" }, back, on, which, chosen.element, playing, html("span", { class: "lamp-text" }, lamp, "clock: ", clock)),
    html("div", { class: "columns" }, html("div", {}, picture, scrub.element, plot.element, keys, numbers), html("div", {}, ...law.content))],
  enter() { if (playing.getAttribute("aria-pressed") === "true") page.work.paint(paint); law.enter(); } };
} });

/** Return the panel in which the length of the phases is changed: the error of the first steps, and the law for it. */
function settlingPlot(page, machine) {
  const { poles, ratio } = page.contents.settling, found = new Map();
  const steps = Math.min(SWEPT, machine.steps), x = page.contents.x.slice(0, steps);
  const plot = new Plot({ x: [0, 25], y: [1e-11, 1], log: true, across: "length of a phase, in time constants", up: "largest error of c and h", height: 285, ticks: [0, 5, 10, 15, 20, 25],
    label: "The error of the machine against the length of its phases, with the law for it" });
  if (poles !== null) plot.line("law", Array.from({ length: 93 }, (_, k) => [2 + k / 4, unsettled(2 + k / 4, poles)]), "law-line");
  const shown = { error: reading("step-error"), law: reading("step-law") };
  let asked = Math.min(8, Math.round(ratio)), task = null, begun = false;
  const control = slider("phase", { min: 2, max: 24, step: 1, value: asked }, (value) => { asked = value; measure(asked, tell); tell(); }, (value) => `${value} \u03c4`);
  control.input.dataset.name = "step-phase";

  function tell() {
    const error = found.get(asked);
    plot.dots("found", [...found], "machine-dot", 4);
    if (error !== undefined) plot.dots("now", [[asked, error]], "now-dot", 7);
    shown.error.textContent = error === undefined ? "\u2026" : small(error);
    shown.law.textContent = poles === null ? "none" : small(unsettled(asked, poles));
  }

  function measure(length, done) {
    if (found.has(length)) return done();
    page.work.stop(task);
    const network = machine.stretch(machine.fed(x), length / ratio);
    task = page.work.run(new Simulation(network, { tolerance: 1e-10 }), (run) => {
      found.set(length, worst(machine, run, page.contents.digital, steps).error);
      task = null;
      done();
    });
    task.patient = true; // what the reader asks for elsewhere comes first
    return undefined;
  }

  function sweep() {
    const next = RATIOS.find((length) => !found.has(length));
    tell();
    if (next !== undefined) measure(next, sweep);
  }
  const line = poles === null ? "There is no law for this network, in which nothing is quite held;"
    : `The dashed line is the law for ${poles} equal stores in a row, for a change of one whole unit;`;
  return { content: [html("h3", {}, "Make the phase shorter"),
    html("p", { class: "lead" }, `What is not yet at rest when the clock falls is an error. Each time constant \u03c4 more leaves less than half of it. ${line} `
      + `dots are this network over its first ${steps === 1 ? "step" : `${steps} steps`}. Where dots end on a level, something else is left: the finite gain of op-amps, say.`),
    control.element, plot.element, legend(["dot", "this network"], ["law", "the law"]),
    html("dl", { class: "numbers two" }, card("largest error of c and h", shown.error), card("the law, for a change of 1", shown.law))],
  enter() { if (!begun) { begun = true; measure(asked, sweep); tell(); } } };
}
