"use strict";
// Screen 2: one memory. Three valves and a new value, set by hand; a step of the clock; the levels beside the digital c and h.

const GATES = [["forget", 1], ["input", 0], ["output", 3]]; // with the place of their z among the inputs i, f, g, o
const FULL_SCALE = 2; // the level at the upper edge of a tank, in units of signal
const WIDEST = 24; // px, the arrow of the largest flow
const LARGEST_FLOW = 2e-5; // m3/s
const STOPPED = 0.05; // difference from the digital c beyond which a tank is said to stand at its stop
const PLAY = 3200; // ms for a step

/** Return the pre-activation of a valve that is open by `share`; a valve that is quite shut is shut in the network. */
const opening = (share) => Math.max(-7, Math.min(7, Math.log(share / (1 - share))));

class Memory {
  constructor(machine) {
    this.machine = machine;
    this.set = { forget: 0.9, input: 0.5, output: 0.7, value: 0.8 };
    this.clear();
  }

  clear() {
    this.start = this.machine.network.start;
    this.digital = { c: 0, h: 0 };
    this.steps = 0;
  }

  /** Return the share of what comes to a valve that the valve lets pass: 0 if it is shut, else the sigmoid of its z. */
  share(name) { return this.set[name] <= 0 ? 0 : sigmoid(opening(this.set[name])); }

  /** Return the network with the valves as they are set. */
  network() {
    const { machine, set: put } = this, z = [0, 0, 0, 0];
    for (const [name, place] of GATES) z[place] = opening(Math.max(put[name], 1e-9));
    z[2] = Math.atanh(Math.max(-0.999, Math.min(0.999, put.value)));
    const network = machine.fed([z], machine.network.fork());
    for (const valve of machine.layers[0].valves) if (put[valve.name] <= 0) machine.shut(network, valve);
    return network;
  }

  /** Begin a step: return its simulation. */
  step() {
    const network = this.network();
    return new Simulation(network, { tolerance: 1e-8, points: 60, first: this.machine.once, start: this.start });
  }

  /** Take the end of the step `run`, and make the digital step. */
  taken(run) {
    this.start = run.x;
    this.steps++;
    const value = Math.max(-0.999, Math.min(0.999, this.set.value));
    this.digital.c = this.share("forget") * this.digital.c + this.share("input") * value;
    this.digital.h = this.share("output") * Math.tanh(this.digital.c);
  }
}

SCREENS.push({ id: "tank", title: "One memory", build(page) {
  const memory = new Memory(page.machine("memory")), picture = memoryPicture(memory);
  let run = null, way = [], begun = 0, playing = false, ready = false;
  const shown = Object.fromEntries(["c", "c-digital", "c-difference", "h", "h-digital", "h-difference", "steps"].map((name) => [name, reading(`tank-${name}`)]));
  const numbers = html("dl", { class: "numbers" }, card("memory c, the tank", shown.c), card("digital c", shown["c-digital"]), card("difference", shown["c-difference"]),
    card("output h, the tank", shown.h), card("digital h", shown["h-digital"]), card("difference", shown["h-difference"]));
  const sliders = Object.fromEntries([["forget", "forget"], ["input", "input"], ["value", "new value"], ["output", "output"]].map(([name, label]) => {
    const gate = name !== "value";
    const made = slider(label, gate ? { min: 0, max: 100, step: 1, value: 100 * memory.set[name] } : { min: -0.95, max: 0.95, step: 0.05, value: memory.set.value },
      (value) => put(name, gate ? value / 100 : value), gate ? (value) => `${value} %` : (value) => decimals(value, 2));
    made.input.dataset.name = `tank-${name}`;
    return [name, made];
  }));
  const next = html("button", { type: "button", class: "main", "data-name": "tank-next", onclick: () => begin() }, "next step");
  const play = toggle("play", (on) => { playing = on; if (on && !run) begin(); }, { "data-name": "tank-play" });
  const shutOutput = html("button", { type: "button", "data-name": "tank-shut-output", onclick: () => put("output", 0) }, "shut the output valve");
  const shutForget = html("button", { type: "button", "data-name": "tank-shut-forget", onclick: () => put("forget", 0) }, "shut the forget valve");
  const again = html("button", { type: "button", "data-name": "tank-empty", onclick: () => { if (!run) { memory.clear(); tell(); rest(); } } }, "empty the tanks");
  const said = html("p", { class: "lead", "aria-live": "polite" });

  /** Return whether the memory stands at a stop of its tank, so that the machine is no LSTM any more. */
  function full() {
    const { machine, start, digital: { c } } = memory;
    return Math.abs(c - machine.read(machine.layers[0].c, 0, start)) > STOPPED;
  }

  function put(name, value) {
    memory.set[name] = value;
    sliders[name].put(name === "value" ? value : Math.round(100 * value));
    if (!run) rest();
    say();
  }

  function say() {
    said.textContent = full() ? "The tank is full: its stop holds it there, and the digital c goes on without it. Empty the tanks to begin again."
      : memory.set.output <= 0 ? "The output valve is shut: at the next step h runs to zero, and the memory c is kept."
      : memory.set.forget <= 0 ? "The forget valve is shut: at the next step all that was in the memory is lost, only new comes in."
        : "forget \u00d7 memory + input \u00d7 new value fills the next memory; output \u00d7 tanh(memory) fills the output.";
  }

  /** Show the network at rest with the valves as they are. */
  function rest() {
    const network = memory.network(), still = new Simulation(network, { first: memory.machine.once, start: memory.start });
    picture.draw(still.x, network, network.intervals[memory.machine.once], memory);
  }

  function tell() {
    const { machine } = memory, x = memory.start, [layer] = machine.layers;
    const c = machine.read(layer.c, 0, x), h = machine.read(layer.h, 0, x);
    for (const [name, value] of [["c", c], ["h", h]]) {
      shown[name].textContent = decimals(value);
      shown[`${name}-digital`].textContent = decimals(memory.digital[name]);
      shown[`${name}-difference`].textContent = small(Math.abs(value - memory.digital[name]));
    }
    shown.steps.textContent = memory.steps;
    say();
  }

  function begin() {
    if (run) return;
    next.disabled = again.disabled = true;
    run = memory.step();
    ready = false;
    begun = performance.now();
    page.work.run(run, () => {
      way = memory.machine.way(run, memory.machine.once, Infinity);
      ready = true;
      begun = performance.now();
    });
    page.work.paint(paint);
  }

  function paint(now) {
    if (!run) return false;
    if (!ready) return true;
    const share = still.matches ? 1 : Math.max(0, Math.min(1, (now - begun) / PLAY)); // a frame may be older than its work
    const at = way[Math.floor(share * (way.length - 1))];
    picture.draw(at.x, run.network, run.network.intervals[at.interval], memory);
    if (share < 1) return true;
    memory.taken(run);
    run = null;
    next.disabled = again.disabled = false;
    tell();
    if (playing) begin();
    else rest();
    return playing;
  }

  put("forget", memory.set.forget);
  tell();
  return { content: [said, html("div", { class: "columns" }, html("div", {}, picture.element),
    html("div", {}, html("div", { class: "bar" }, next, play, again, html("span", { class: "aside" }, "steps made: ", shown.steps)), ...Object.values(sliders).map(({ element }) => element),
      html("div", { class: "bar" }, shutForget, shutOutput), numbers))],
  enter() { if (run) page.work.paint(paint); } };
} });

/** Return a level for the upper edge of a tank that holds all of `values`. */
const edgeFor = (values) => [0.1, 0.2, 0.5, 1, 2, 5].find((edge) => edge >= 1.1 * Math.max(...values.map(Math.abs))) ?? 10;

/** Return a tank around the middle `x`: its level against the datum, and its words. */
function tank(x, top, height, wide, name) {
  const water = svg("rect", { x: x - wide / 2, width: wide, class: "water" });
  const level = svg("text", { x, y: top + height - 12, "text-anchor": "middle", class: "strong halo" });
  const middle = top + height / 2;
  return { element: svg("g", {}, svg("rect", { x: x - wide / 2, y: top, width: wide, height, class: "inside" }), water,
    svg("path", { d: `M${x - wide / 2} ${top} V${top + height} H${x + wide / 2} V${top}`, class: "glass" }),
    svg("line", { x1: x - wide / 2 - 10, x2: x + wide / 2 + 10, y1: middle, y2: middle, class: "datum" }),
    svg("text", { x, y: top - 10, "text-anchor": "middle" }, name), level), put(value, edge = FULL_SCALE) {
    const y = Math.max(top, Math.min(top + height, middle - height / 2 * value / edge));
    set(water, { y, height: top + height - y });
    level.textContent = decimals(value, 3);
  } };
}

/** Return a valve on a line from left to right at (`x`, `y`): two triangles under a stem that is as high as it is open. */
function valveAcross(x, y, name, kind) {
  const words = svg("text", { x, y: y + 44, "text-anchor": "middle", class: "strong" }), stem = svg("rect", { x: x - 4, width: 8, class: `stem ${kind}` });
  return { element: svg("g", { class: `valve ${kind}` }, svg("path", { d: `M${x - 22} ${y - 20} L${x + 22} ${y + 20} V${y - 20} L${x - 22} ${y + 20} Z` }), stem,
    svg("text", { x: x + 12, y: y - 24 }, name), words), put(share) {
    set(stem, { y: y - 12 - 34 * share, height: 12 + 34 * share });
    words.textContent = share <= 0 ? "shut" : `${decimals(100 * share, 0)} %`;
  } };
}

/** Return a pipe along `d` whose water is as wide as its flow; an arrow head says where it goes. */
function pipe(d, head) {
  const water = svg("path", { d, class: "flow" }), tip = svg("path", { class: "tip" });
  const [x, y, turn] = head;
  return { element: svg("g", {}, svg("path", { d, class: "pipe" }), water, tip), put(flow) {
    const width = Math.min(WIDEST, Math.abs(flow) / LARGEST_FLOW * WIDEST);
    set(water, { "stroke-width": width < 0.15 ? 0 : Math.max(0.8, width) });
    const size = width < 0.15 ? 0 : 6 + 0.5 * width;
    set(tip, { d: `M${-size} ${-size} L${size} 0 L${-size} ${size} Z`, transform: `translate(${x} ${y}) rotate(${turn + (flow < 0 ? 180 : 0)})` });
  } };
}

function memoryPicture(memory) {
  const { machine } = memory, layer = machine.layers[0], label = (name) => layer.valves.find((valve) => valve.name === name).bank;
  const tanks = { c: tank(72, 112, 160, 84, "memory c"), next: tank(452, 112, 160, 84, "next memory"), h: tank(150, 346, 160, 84, "output h") };
  const valves = { forget: valveAcross(208, 192, "forget", "forget"), input: valveAcross(230, 46, "input", "input"), output: valveAcross(330, 426, "output", "output") };
  const pipes = { forget: pipe("M114 192 H310", [276, 192, 0]), input: pipe("M128 46 H326 V180", [326, 128, 90]), sum: pipe("M340 192 H410", [388, 192, 0]),
    output: pipe("M494 192 H588 V426 H192", [222, 426, 180]), copy: pipe("M452 272 V302 H72 V272", [250, 302, 180]) };
  const value = svg("text", { x: 74, y: 42, "text-anchor": "middle", class: "strong" });
  const lamps = ["fill", "copy"].map((name, k) => ({ light: svg("circle", { cx: 288 + 88 * k, cy: 338, r: 10, class: "lamp" }), name, x: 288 + 88 * k }));
  const element = svg("svg", { viewBox: "0 8 640 506", class: "picture memory", role: "img",
    "aria-label": "A memory tank whose level passes the forget valve, meets the new value behind the input valve, and fills the next memory; behind the output valve it fills the output tank" },
  ...Object.values(pipes).map((one) => one.element), ...Object.values(tanks).map((one) => one.element), ...Object.values(valves).map((one) => one.element),
  svg("circle", { cx: 326, cy: 192, r: 22, class: "joint" }), svg("text", { x: 326, y: 200, "text-anchor": "middle", class: "sign" }, "+"),
  svg("rect", { x: 16, y: 20, width: 116, height: 52, rx: 8, class: "vessel" }), svg("text", { x: 74, y: 63, "text-anchor": "middle" }, "new value"), value,
  svg("rect", { x: 456, y: 402, width: 72, height: 48, rx: 8, class: "vessel" }), svg("text", { x: 492, y: 431, "text-anchor": "middle" }, "tanh"),
  ...lamps.flatMap(({ light, name, x }) => [light, svg("text", { x: x + 16, y: 344 }, name)]), svg("text", { x: 222, y: 344, class: "soft" }, "clock"),
  svg("line", { x1: 352, x2: 412, y1: 492, y2: 492, class: "flow", "stroke-width": WIDEST * 1e-5 / LARGEST_FLOW }), svg("text", { x: 420, y: 497 }, "so wide: 10 mL/s"));
  return { element, draw(x, network, interval, { set: put }) {
    tanks.c.put(machine.level(layer.c.group, 0, x));
    tanks.next.put(machine.level(layer.masters.c, 0, x));
    tanks.h.put(machine.level(layer.h.group, 0, x));
    const sum = (name) => network.passes(name, x, interval.high).reduce((total, flow) => total + flow, 0);
    pipes.forget.put(sum(label("forget")));
    pipes.input.put(sum(label("input")));
    pipes.sum.put(sum("l0_c_take"));
    pipes.copy.put(sum("l0_c_copy"));
    pipes.output.put(sum(label("output")));
    for (const name in valves) valves[name].put(put[name]);
    value.textContent = decimals(put.value, 2);
    for (const { light, name } of lamps) light.classList.toggle("on", interval.high.has(name === "fill" ? "compute0" : "copy"));
  } };
}
