"use strict";
// Screen 1: two valves, two transistors, or a crowd of channels; what comes between them, or of them, is the sigmoid.

const MOST_Z = 6;
const GRID = Array.from({ length: 25 }, (_, k) => -MOST_Z + 0.5 * k); // the z at which all is measured

class Pair {
  constructor(file, laws, control = "z_0") {
    this.network = new Network(JSON.parse(file), laws);
    this.control = this.network.at.get(control);
    this.effortOfOne = this.network.scale[this.control];
  }

  /** Return the simulation at rest with the control `z`. */
  at(z) {
    const network = this.network.fork();
    network.sources.find(([node]) => node === this.control)[1] = z * this.effortOfOne;
    return new Simulation(network, { tolerance: 1e-10 }).finish();
  }

  share(z) { return this.measured(z).between; }

  value(x, name) { return x[this.network.at.get(`${name}_0`)] / this.network.scale[this.network.at.get(`${name}_0`)]; }
}

class Valves extends Pair {
  constructor(file, laws) {
    super(file, laws);
    this.widest = this.conductances(this.at(MOST_Z)).top;
  }

  conductances({ network, x }) {
    const effort = (name) => x[network.at.get(name)];
    return { top: network.passes("top", x)[0] / (effort("rail_0") - effort("middle_0")),
      bottom: network.passes("bottom", x)[0] / effort("middle_0") };
  }

  measured(z) {
    const run = this.at(z), { top, bottom } = this.conductances(run);
    return { between: this.value(run.x, "middle"), first: top / this.widest, second: bottom / this.widest,
      effort: run.x[run.network.at.get("middle_0")], flow: run.network.passes("top", run.x)[0], control: z * this.effortOfOne };
  }
}

class Transistors extends Pair {
  constructor(file, laws) {
    super(file, laws);
    const bank = this.network.banks.find(({ label }) => label === "left_pair");
    this.effortOfOne = 1 / bank.number[bank.law.parameters.indexOf("scale1")]; // the pair's own scale is one over it
  }

  measured(z) {
    const run = this.at(z), left = run.network.passes("left_pair", run.x)[0], right = run.network.passes("right_pair", run.x)[0];
    return { between: this.value(run.x, "left"), first: left / (left + right), second: right / (left + right),
      effort: run.x[run.network.at.get("left_0")], flow: left, other: right, control: z * this.effortOfOne };
  }
}

const WORDS = {
  valves: { because: "why", first: "upper valve open", second: "lower valve open", between: "pressure between them", control: "pressure on the slide",
    sentence: "One slide moves both valves: as the upper opens, the lower shuts, each step of the slide by the same factor. "
      + "The pressure between them is exactly the sigmoid of z, whatever the liquid.",
    why: (at) => `${decimals(100 * at.first, 1)} / (${decimals(100 * at.first, 1)} + ${decimals(100 * at.second, 1)}) = ${decimals(at.first / (at.first + at.second), 3)}` },
  transistors: { because: "why", first: "current on the left", second: "current on the right", between: "voltage on the left", control: "voltage between the bases",
    sentence: "One current divides between two transistors: the base with the higher voltage takes more, e times as much for every "
      + "26 mV. The voltage on the left load is exactly the sigmoid of z.",
    why: (at) => `${decimals(100 * at.first, 1)} % of the current through a load of 1 V for all of it` },
  channels: { because: "scatter expected", first: "open, mean of the draws", second: "open, scatter of the draws", between: "the mean: a voltage", control: "voltage across the membrane",
    sentence: "Each channel opens and shuts by chance; with each step of z it opens more often and shuts less often, by the same factor. On average "
      + "exactly the sigmoid of z are open, as two conductances and a capacitor say. A crowd scatters around that, a large one less.",
    why: (at) => `\u221a(p (1 \u2212 p)/${at.number}) = ${decimals(100 * at.expected, 2)} %` },
};

SCREENS.push({ id: "pair", title: "One sigmoid", build(page) {
  const { valves, transistors, channels } = page.contents.pairs, crowd = new Crowd(channels, page.laws);
  const pairs = { valves: new Valves(valves, page.laws), transistors: new Transistors(transistors, page.laws), channels: crowd };
  const pictures = { valves: valvePicture(), transistors: transistorPicture(), channels: crowdPicture() };
  let kind = "valves", z = 1, task = null;
  const plot = new Plot({ x: [-MOST_Z, MOST_Z], y: [0, 1], ticks: [-6, -4, -2, 0, 2, 4, 6], across: "z", up: "share of the whole",
    label: "The sigmoid of z, with what was measured of two valves, two transistors or a crowd of channels", height: 310 });
  const curve = Array.from({ length: 121 }, (_, k) => [-MOST_Z + 0.1 * k, sigmoid(-MOST_Z + 0.1 * k)]);
  plot.line("digital", curve, "digital-line");
  const sentence = html("p", { class: "lead" }), numbers = html("dl", { class: "numbers" });
  const shown = Object.fromEntries(["first", "second", "between", "sigmoid", "difference"].map((name) => [name, reading(`pair-${name}`)]));
  const physicalValue = html("span", { class: "aside" }), why = html("span", { class: "aside" }), words = {};
  for (const name of ["first", "second", "between", "because"]) words[name] = html("span");
  numbers.append(card(words.first, shown.first, " %"), card(words.second, shown.second, " %"),
    card(words.between, shown.between, physicalValue), card("digital sigmoid(z)", shown.sigmoid, html("span", { class: "aside" }, "1 / (1 + exp(\u2212z))")),
    card("difference", shown.difference), card(words.because, why));
  const control = slider("z", { min: -MOST_Z, max: MOST_Z, step: 0.01, value: z }, (value) => { z = value; update(); });
  control.input.dataset.name = "pair-z";
  const choice = choiceOf("what makes the curve", [["valves", "two valves"], ["transistors", "two transistors"], ["channels", "a crowd of ion channels"]], (name) => { kind = name; switched(); });
  const number = slider("channels", { min: 0, max: 3, step: 0.05, value: 2 }, (power) => { crowd.resize(10 ** power); scatter(); update(); }, (power) => String(Math.round(10 ** power)));
  number.input.dataset.name = "pair-number";
  const again = html("button", { type: "button", "data-name": "pair-again", onclick: () => { crowd.reseed(); scatter(); update(); } }, "draw again");
  const chance = html("div", { hidden: true }, number.element, html("div", { class: "bar" }, again, html("span", { class: "aside" }, "slowed down: a channel of 10 \u00b5s takes a second")));
  const keys = html("div"), KEYS = [["dot", "measured in the network"], ["digital", "digital sigmoid"]];

  /** Show the scatter of draws at each z, or take it away. */
  function scatter() {
    const bars = [], draw = uniforms(crowd.seed);
    page.work.stop(task);
    if (kind !== "channels") return plot.bars("scatter", [], "scatter");
    task = page.work.add(() => {
      if (task.stopped) return false;
      bars.push(crowd.bar(GRID[bars.length], draw));
      plot.bars("scatter", bars, "scatter");
      return bars.length < GRID.length;
    });
    return task;
  }

  /** Let the channels open and shut, as long as they are shown. */
  function paint(now) {
    if (kind !== "channels" || still.matches) return false;
    crowd.live(now);
    pictures.channels.draw(z, crowd.present());
    return true;
  }

  function update() {
    const at = pairs[kind].measured(z);
    shown.first.textContent = decimals(100 * at.first, 2);
    shown.second.textContent = decimals(100 * at.second, 2);
    shown.between.textContent = decimals(at.between);
    physicalValue.textContent = `${physical(at.effort, pairs[kind].network.unit)}`;
    why.textContent = WORDS[kind].why(at);
    shown.sigmoid.textContent = decimals(sigmoid(z));
    shown.difference.textContent = small(Math.abs(at.between - sigmoid(z)));
    plot.dots("now", [[z, at.between]], "now-dot", 7);
    plot.cursor(z);
    pictures[kind].draw(z, at);
  }

  function switched() {
    sentence.textContent = WORDS[kind].sentence;
    for (const name in words) words[name].textContent = WORDS[kind][name];
    for (const name in pictures) pictures[name].element.toggleAttribute("hidden", name !== kind);
    chance.hidden = kind !== "channels";
    keys.replaceChildren(legend(...KEYS, ...(kind === "channels" ? [["scatter", `mean and scatter of ${BARS} draws`]] : [])));
    scatter();
    page.work.paint(paint);
    plot.dots("measured", GRID.map((at) => [at, pairs[kind].share(at)]), "machine-dot", 3.5);
    update();
  }

  const move = (value) => { z = Math.max(-MOST_Z, Math.min(MOST_Z, Math.round(100 * value) / 100)); control.put(z); update(); };
  dragged(plot.element, (event) => move(plot.valueAt(event)));
  dragged(pictures.valves.element, (event) => move(pictures.valves.valueAt(event)), "none");
  dragged(pictures.transistors.element, (event) => move(pictures.transistors.valueAt(event)));
  switched();
  return { content: [sentence, choice.element, html("div", { class: "columns" },
    html("div", {}, ...Object.values(pictures).map(({ element }) => element), control.element, chance), html("div", {}, plot.element, keys)), numbers],
  enter() { page.work.paint(paint); } };
} });

/** Return a valve in a vertical pipe around `y`: two plugs that leave a gap as wide as the opening, an area, lets through. */
function valveInPipe(y) {
  const left = svg("path", { class: "plug" }), right = svg("path", { class: "plug" });
  return { element: svg("g", {}, left, right), open(share) {
    const gap = 20 * Math.sqrt(share);
    set(left, { d: `M180 ${y - 22} L180 ${y + 22} L${200 - gap} ${y} Z` });
    set(right, { d: `M220 ${y - 22} L220 ${y + 22} L${200 + gap} ${y} Z` });
  } };
}

function valvePicture() {
  const upper = valveInPipe(140), lower = valveInPipe(262);
  const rod = svg("g", { class: "rod" }, svg("line", { x1: 120, x2: 120, y1: 128, y2: 274 }), svg("line", { x1: 120, x2: 176, y1: 140, y2: 140 }),
    svg("line", { x1: 120, x2: 176, y1: 262, y2: 262 }), svg("rect", { x: 98, y: 186, width: 44, height: 30, rx: 6, class: "handle" }), svg("text", { x: 120, y: 206, "text-anchor": "middle", class: "on-handle" }, "z"));
  const water = svg("rect", { x: 352, width: 36, class: "water" });
  const inflow = svg("line", { x1: 200, x2: 200, y1: 84, y2: 322, class: "flow" });
  const upperShare = svg("text", { x: 232, y: 136 }), lowerShare = svg("text", { x: 232, y: 284 }), level = svg("text", { x: 398, class: "strong" });
  const ticks = [0, 2.5, 5, 7.5, 10].map((value) => svg("g", { class: "tick" }, svg("line", { x1: 388, x2: 394, y1: 320 - 24 * value, y2: 320 - 24 * value })));
  const element = svg("svg", { viewBox: "70 16 420 358", class: "picture", role: "img", "aria-label": "Two valves one above the other between a full pipe and a drain, with a gauge between them" },
    svg("rect", { x: 100, y: 24, width: 200, height: 52, rx: 6, class: "vessel full" }), svg("text", { x: 200, y: 55, "text-anchor": "middle", class: "on-water" }, "supply, 10 kPa"),
    svg("path", { d: "M182 76 V326 M218 76 V182 M218 220 V326 M218 182 H352 M218 220 H352", class: "wall" }), svg("rect", { x: 182, y: 76, width: 36, height: 250, class: "wet" }), svg("rect", { x: 218, y: 182, width: 134, height: 38, class: "wet" }),
    inflow, upper.element, lower.element, rod,
    svg("rect", { x: 352, y: 72, width: 36, height: 252, class: "glass" }), water, ...ticks,
    svg("text", { x: 370, y: 62, "text-anchor": "middle" }, "gauge"), ...["10 kPa", "0 kPa"].map((words, k) => svg("text", { x: 346, y: 85 + 240 * k, "text-anchor": "end", class: "little" }, words)), upperShare, lowerShare, level,
    svg("rect", { x: 100, y: 326, width: 200, height: 40, rx: 6, class: "vessel" }), svg("text", { x: 200, y: 351, "text-anchor": "middle" }, "drain, 0 kPa"));
  return { element, valueAt(event) {
    const box = element.getBoundingClientRect();
    return (16 + (event.clientY - box.top) / box.height * 358 - 201) / -7;
  }, draw(z, at) {
    upper.open(at.first);
    lower.open(at.second);
    set(rod, { transform: `translate(0 ${-7 * z})` });
    const y = 320 - 240 * at.between;
    set(water, { y, height: 322 - y });
    set(level, { y: y + 5 });
    level.textContent = physical(at.effort, "Pa");
    upperShare.textContent = `${decimals(100 * at.first, 1)} % open`;
    lowerShare.textContent = `${decimals(100 * at.second, 1)} % open`;
    set(inflow, { "stroke-width": Math.max(1, 18 * at.flow / 2e-6) });
  } };
}

function transistorPicture() {
  const wire = (d, name) => svg("path", { d, class: "current", "data-side": name });
  const left = wire("M150 60 V92 M150 134 V182 L186 222 L220 240 H240 V290"), right = wire("M330 60 V92 M330 134 V182 L294 222 L260 240 H240 V290");
  const device = (x, side) => svg("g", { class: "device" }, svg("circle", { cx: x, cy: 205, r: 34 }),
    svg("line", { x1: x + (side < 0 ? -16 : 16), x2: x + (side < 0 ? -16 : 16), y1: 186, y2: 224, class: "base" }));
  const leftShare = svg("text", { x: 132, y: 158, "text-anchor": "end", class: "strong" }), rightShare = svg("text", { x: 348, y: 158, class: "strong" });
  const voltage = svg("text", { x: 36, y: 352 }), bases = svg("text", { x: 240, y: 378, "text-anchor": "middle" });
  const lamp = svg("rect", { x: 40, width: 20, class: "volts" });
  const element = svg("svg", { viewBox: "30 30 420 358", class: "picture", hidden: true, role: "img", "aria-label": "Two transistors that share one current, each with a load above" },
    svg("line", { x1: 110, x2: 370, y1: 60, y2: 60, class: "rail" }), svg("text", { x: 240, y: 48, "text-anchor": "middle" }, "supply"),
    left, right, svg("rect", { x: 138, y: 92, width: 24, height: 42, class: "load" }), svg("rect", { x: 318, y: 92, width: 24, height: 42, class: "load" }),
    device(168, -1), device(312, 1), svg("line", { x1: 96, x2: 152, y1: 205, y2: 205, class: "rail" }), svg("line", { x1: 328, x2: 384, y1: 205, y2: 205, class: "rail" }),
    svg("circle", { cx: 240, cy: 308, r: 18, class: "source" }), svg("path", { d: "M240 296 V318 M234 312 L240 319 L246 312", class: "thin" }), svg("text", { x: 268, y: 313 }, "one current, 1 mA"),
    svg("line", { x1: 240, x2: 240, y1: 326, y2: 344, class: "rail" }), svg("line", { x1: 224, x2: 256, y1: 344, y2: 344, class: "rail" }),
    svg("rect", { x: 40, y: 90, width: 20, height: 240, class: "glass" }), lamp, svg("text", { x: 50, y: 82, "text-anchor": "middle" }, "1 V"),
    leftShare, rightShare, voltage, bases);
  return { element, valueAt(event) {
    const box = element.getBoundingClientRect();
    return (30 + (event.clientX - box.left) / box.width * 420 - 240) / -30;
  }, draw(z, at) {
    set(left, { "stroke-width": 1 + 13 * at.first });
    set(right, { "stroke-width": 1 + 13 * at.second });
    leftShare.textContent = `${decimals(100 * at.first, 1)} %`;
    rightShare.textContent = `${decimals(100 * at.second, 1)} %`;
    voltage.textContent = physical(at.effort, "V");
    bases.textContent = `left base higher by ${physical(at.control, "V")}`;
    set(lamp, { y: 330 - 240 * at.between, height: 240 * at.between });
  } };
}
