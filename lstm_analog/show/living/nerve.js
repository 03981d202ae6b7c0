"use strict";
// A nerve cell, or a tank that siphons: driven, it fires and begins again; how often, against its drive, beside closed forms.

const CELL_WORDS = {
  membrane: { button: "a membrane", unit: "V", factor: 1e3, shown: "mV", second: [1e3, "ms"], often: [1, "a second"], flow: [1e12, "pA", "the membrane"], what: "voltage" },
  siphon: { button: "a siphon tank", unit: "Pa", factor: 1e-3, shown: "kPa", second: [1 / 60, "min"], often: [60, "a minute"], flow: [1e6, "mL/s", "the tank"], what: "pressure" },
};
const LONGEST = 9; // windows that a cell is given to fire twice
const LOTS = 12; // windows over which spikes are counted where there is noise; more: smaller scatter, slower
const SEEN = 5; // pieces of noise for a point that is drawn
const ROUND = 9000; // ms for a window while it plays
const GLOW = 0.015; // how long a spike is seen to last while it plays, in windows; it is too short for a frame
const SOUND_TOLERANCE = 1e-10; // of the engine, in volts or pascals: thresholds are far below one of them

class Cell {
  constructor(told, laws) {
    Object.assign(this, told);
    this.network = new Network(JSON.parse(told.file), laws);
    this.node = this.network.at.get("v_0");
    this.state = this.network.at.get("firing_0");
  }

  /** Return a copy of the network, with its leak or without, whose drive is `drives`, one for each of the `durations`. */
  fed(drives, durations, leaking) {
    const network = this.network.fork();
    if (!leaking) network.change("conductance", (_, { label }) => label === "leak", (leak) => leak * this.sealed);
    network.intervals = durations.map((duration) => ({ name: "driven", duration, high: new Set() }));
    network.imposed = [{ label: "drive", nodes: ["drive_0", "drive_1"].map((name) => network.at.get(name)), efforts: drives.map((drive) => [drive, 1]) }];
    return network;
  }

  /** Return the run from rest with a constant `drive`: a window, then on until it has fired twice, or will not. */
  steady(drive, leaking) {
    const network = this.fed([drive, drive], [this.window, LONGEST * this.window], leaking);
    return new Simulation(network, { tolerance: SOUND_TOLERANCE });
  }

  /** Return the run of one window from `start`, with noise of the number `noise` that `draw` draws. */
  noisy(drive, noise, draw, start) {
    const count = Math.round(this.window / this.walk), spread = this.noises[noise].drive;
    const network = this.fed(Array.from({ length: count }, () => drive + spread * draw()), new Array(count).fill(this.walk), true);
    return new Simulation(network, { tolerance: 1e-8, start, opening: 0.5 });
  }

  spikes(run) { return run.switchings.filter(({ on }) => on).map(({ time }) => time); }

  at(run) { return [run.time, run.x[this.node], run.x[this.state] > 0.5]; }
}

SCREENS.push({ id: "nerve", title: "Nerve cell", build(page) {
  const cells = Object.fromEntries(Object.entries(page.contents.analogies.nerve).map(([name, told]) => [name, new Cell(told, page.laws)]));
  const pictures = { membrane: membranePicture(), siphon: siphonPicture() }, found = new Map();
  let kind = "membrane", drive = 2, leaking = true, noise = -1, seed = 1, task = null, path = [[0, 0, false]], share = 1, last = null;
  const [least, most] = [cells.membrane.drives[0], cells.membrane.drives.at(-1)];
  const scope = new Plot({ x: [0, 1], y: [-0.5, 1.25], across: "", up: "", height: 210, wide: true, label: "The membrane or the tank over time: it fills, fires and begins again" });
  const rates = new Plot({ x: [least, most], y: [0, 1], ticks: [-1, 0, 1, 2, 3], across: "drive (1 just reaches the threshold)", up: "", height: 300, label: "How often the cell fires against its drive, with closed forms" });
  const shown = Object.fromEntries(["rate", "exact", "difference", "like", "counted", "block"].map((name) => [name, reading(`nerve-${name}`)]));
  const words = Object.fromEntries(["rate", "like", "counted"].map((name) => [name, html("span")]));
  const said = html("p", { class: "lead" }), keys = html("div"), sizes = html("span", { class: "aside" });
  const numbers = html("dl", { class: "numbers" }, card(words.rate, shown.rate), card("in closed form", shown.exact), card("difference", shown.difference),
    card(words.like, shown.like), card(words.counted, shown.counted), card("falls silent at a drive of", shown.block));
  const choice = choiceOf("what fires", Object.entries(CELL_WORDS).map(([name, { button }]) => [name, button]), (name) => { kind = name; begin(); });
  const control = slider("drive", { min: least, max: most, step: 0.05, value: drive }, (value) => { drive = value; begin(); });
  control.input.dataset.name = "nerve-drive";
  const noisiness = slider("noise", { min: -1, max: cells.membrane.noises.length - 1, step: 1, value: noise }, (value) => { noise = value; if (noise >= 0) leaking = true; begin(); },
    (value) => (value < 0 ? "none" : `${decimals(100 * cells.membrane.noises[value].sigma, 0)} %`));
  noisiness.input.dataset.name = "nerve-noise";
  const leak = toggle("no leak", (on) => { leaking = !on; if (on) { noise = -1; noisiness.put(-1); } begin(); }, { "data-name": "nerve-leak" });
  const again = html("button", { type: "button", "data-name": "nerve-again", onclick: () => { seed++; begin(); } }, "draw again");
  const playing = toggle("play", (on) => { last = null; if (on) page.work.paint(paint); else { share = 1; moment(); } }, { "data-name": "nerve-play" });

  const key = (at) => `${kind} ${leaking} ${noise} ${noise < 0 ? "" : seed} ${at.toFixed(2)}`;
  const place = () => cells[kind].drives.findIndex((one) => Math.abs(one - drive) < 1e-6);
  /** Return the rates in closed form for all drives, and those that they are like: ReLU or softplus. */
  function closed() {
    const { curves } = cells[kind];
    if (!leaking) return [curves.sealed_rate, curves.sealed_relu];
    return noise < 0 ? [curves.rate, curves.relu] : [curves.noisy[noise], curves.softplus[noise]];
  }

  /** Show the cell as it is set now, and count how often it fires. */
  function begin() {
    const { second, often, shown: unit, what, flow, factor } = CELL_WORDS[kind], cell = cells[kind], names = closed();
    page.work.stop(task);
    leak.setAttribute("aria-pressed", !leaking);
    again.hidden = noise < 0;
    for (const name in pictures) pictures[name].element.toggleAttribute("hidden", name !== kind);
    scope.x = [0, cell.window * second[0]];
    scope.y = [(drive < 0 ? -1.3 : -0.15) * cell.upper * factor, 1.3 * cell.upper * factor];
    scope.named(`time (${second[1]})`, `${what} (${unit})`);
    scope.ruled(null);
    for (const name of ["upper", "lower"]) scope.level(name, cell[name] * factor, "law-line");
    rates.y = [0, 1.1 * often[0] * cell.curves.sealed_rate.at(-1)];
    rates.named("drive (1 just reaches the threshold)", `times ${often[1]}`);
    rates.ruled(null);
    const line = (values) => cell.drives.map((one, k) => [one, values[k] * often[0]]);
    rates.line("like", line(names[1]), "law-line");
    rates.line("closed", line(names[0]), "digital-line");
    rates.cursor(drive);
    keys.replaceChildren(legend(["dot", "counted in the network"], ["digital", noise < 0 ? "closed form" : "closed form, mean"], ["law", noise < 0 ? "ReLU" : "softplus"]));
    sizes.textContent = `${tidy(drive * cell.one * flow[0])} ${flow[1]} into ${flow[2]}`;
    said.textContent = !leaking ? "Without a leak all that flows in counts: the rate is the drive, rectified. It is ReLU, but for the moment that each emptying takes."
      : noise < 0 ? "What flows in fills it, a leak lets some out; full, it empties itself and begins again. Below 1 the leak wins and it is silent, above it fires the faster the more it is driven: ReLU, with a steep foot."
        : "With noise it fires now and then below the threshold, too. The corner is rounded off: the mean rate is a softplus.";
    share = 1;
    task = noise < 0 ? steady(cell) : walked(cell);
    tell();
  }

  function steady(cell) {
    const run = cell.steady(drive, leaking), fresh = [cell.at(run)], asked = key(drive);
    const one = page.work.add(() => {
      if (one.stopped) return false;
      const more = run.next();
      fresh.push(cell.at(run));
      if (more && (run.time < cell.window || (cell.spikes(run).length < 2 && drive > 0))) return true;
      found.set(asked, rateOf(cell.spikes(run)));
      trace(fresh);
      tell();
      if (task === one) task = sweep(cell);
      return false;
    });
    return one;
  }

  const rateOf = (times) => ({ rate: times.length < 2 ? 0 : 1 / (times.at(-1) - times.at(-2)) });

  /** Find the rate at more drives, one after the other, as long as nothing else is asked for. */
  function sweep(cell) {
    const wanted = () => Array.from({ length: 17 }, (_, k) => least + (most - least) * k / 16).find((at) => !found.has(key(at)));
    let at = wanted(), run = null;
    if (at === undefined) return null;
    const one = page.work.add(() => {
      if (one.stopped) return false;
      run ??= cell.steady(at, leaking);
      if (run.next() && (run.time < cell.window || (cell.spikes(run).length < 2 && at > 0))) return true;
      found.set(key(at), rateOf(cell.spikes(run)));
      run = null;
      at = wanted();
      dots();
      return at !== undefined;
    });
    one.patient = true;
    return one;
  }

  /** Count spikes with noise over several windows, of which the first is shown. */
  function walked(cell) {
    const draw = normals(seed), fresh = [], asked = key(drive);
    let lot = 0, count = 0, seen = "", run = cell.noisy(drive, noise, draw, cell.network.start);
    const one = page.work.add(() => {
      if (one.stopped) return false;
      const now = `${Math.floor(run.interval / SEEN)} ${run.switchings.length}`;
      if (lot === 0 && now !== seen) fresh.push(cell.at(run));
      seen = now;
      if (run.next()) return true;
      count += cell.spikes(run).length;
      lot++;
      const seconds = lot * cell.window;
      found.set(asked, { rate: count / seconds, scatter: Math.sqrt(Math.max(1, count)) / seconds, count, seconds });
      if (lot === 1) { fresh.push(cell.at(run)); trace(fresh); }
      tell();
      if (lot === LOTS) return false;
      run = cell.noisy(drive, noise, draw, run.x);
      return true;
    });
    return one;
  }

  function dots() {
    const [factor] = CELL_WORDS[kind].often, prefix = key(0).split(" ").slice(0, -1).join(" ");
    const known = [...found].filter(([name]) => name.startsWith(`${prefix} `)).map(([name, one]) => [Number(name.split(" ").at(-1)), one]);
    rates.dots("found", known.map(([at, { rate }]) => [at, rate * factor]), "machine-dot", 3.5);
    rates.bars("scatter", known.filter(([, { scatter }]) => scatter).map(([at, { rate, scatter }]) => [at, Math.max(0, (rate - scatter) * factor), (rate + scatter) * factor]), "scatter");
  }

  function tell() {
    const { second, often } = CELL_WORDS[kind], cell = cells[kind], now = found.get(key(drive)), [exact, like] = closed().map((values) => values[place()]);
    const steadily = noise < 0;
    words.rate.textContent = `fires ${often[1]}`;
    words.like.textContent = steadily ? "ReLU says" : "softplus says";
    words.counted.textContent = steadily ? `from one to the next (${second[1]})` : "counted";
    shown.exact.textContent = decimals(exact * often[0], 3);
    shown.like.textContent = decimals(like * often[0], 3);
    shown.block.textContent = decimals(cell.block, 0);
    if (now) {
      shown.rate.textContent = decimals(now.rate * often[0], 3);
      shown.difference.textContent = !steadily ? `${decimals((now.rate - exact) * often[0], 2)} \u00b1 ${decimals(now.scatter * often[0], 2)}`
        : exact === 0 ? small(now.rate) : small(Math.abs(now.rate / exact - 1));
      shown.counted.textContent = !steadily ? `${now.count} in ${physical(now.seconds, "s")}` : now.rate ? decimals(second[0] / now.rate, 6) : "\u2013";
      rates.dots("now", [[drive, now.rate * often[0]]], "now-dot", 7);
    }
    dots();
  }

  /** Show the effort along `fresh`, points [time, effort, whether it fires]. */
  function trace(fresh) {
    const { second: [each], factor } = CELL_WORDS[kind], within = fresh.findLastIndex(([time]) => time <= cells[kind].window) + 2;
    path = fresh.slice(0, within);
    scope.inside("path", path.map(([time, value]) => [time * each, value * factor]), "machine-line");
    moment();
  }

  /** Show the cell at the moment that is `share` of the window. */
  function moment() {
    const cell = cells[kind], { second } = CELL_WORDS[kind], when = Math.min(share * cell.window, path.at(-1)[0]);
    const after = Math.max(1, path.findIndex(([time]) => time >= when)), [t1, v1, on1] = path[Math.min(after, path.length - 1)], [t0, v0] = path[Math.min(after, path.length - 1) - 1] ?? [0, 0];
    const value = t1 > t0 ? v0 + (v1 - v0) * (when - t0) / (t1 - t0) : v1;
    const glows = playing.getAttribute("aria-pressed") === "true" && path.slice(0, after).some(([time, , on]) => on && time > when - GLOW * cell.window);
    pictures[kind].draw({ level: value / cell.upper, firing: on1 || glows, drive, leaking, text: physical(value, CELL_WORDS[kind].unit) });
    scope.cursor(when * second[0]);
  }

  function paint(now) {
    if (playing.getAttribute("aria-pressed") !== "true") return false;
    share = last === null ? 0 : (share + (now - last) / ROUND) % 1;
    last = now;
    moment();
    return true;
  }

  dragged(scope.element, (event) => { if (playing.getAttribute("aria-pressed") === "true") playing.click(); share = Math.max(0, Math.min(1, scope.valueAt(event) / scope.x[1])); moment(); });
  dragged(rates.element, (event) => { drive = Math.max(least, Math.min(most, Math.round(20 * rates.valueAt(event)) / 20)); control.put(drive); begin(); });
  begin();
  return { content: [said, choice.element, html("div", { class: "columns" },
    html("div", {}, ...Object.values(pictures).map(({ element }) => element), scope.element, control.element, noisiness.element,
      html("div", { class: "bar" }, leak, again, playing, sizes)),
    html("div", {}, rates.element, keys, numbers,
      html("p", { class: "hint below" }, "Where it ends: a count is a number only after some time, a rate has no sign, and driven too hard the switch never opens again.")))],
  enter() { last = null; if (playing.getAttribute("aria-pressed") === "true") page.work.paint(paint); } };
} });

function membranePicture() {
  const top = 60, high = 190, y = (level) => 214 - 134 * Math.max(-0.26, Math.min(1.14, level));
  const zero = y(0), water = svg("rect", { x: 196, width: 44, class: "volts" }), text = svg("text", { x: 218, y: 292, "text-anchor": "middle", class: "strong" });
  const blade = svg("line", { x1: 372, y1: 196, x2: 372, class: "blade" }), flash = svg("circle", { cx: 372, cy: 170, r: 40, class: "flash" });
  const inflow = svg("line", { x1: 84, x2: 219, y1: 40, y2: 40, class: "flow" }), arrow = svg("path", { class: "tip" });
  const lost = svg("g", {}, svg("path", { d: "M300 40 V104 M300 150 V264", class: "rail" }), svg("rect", { x: 288, y: 104, width: 24, height: 46, class: "load" }), svg("text", { x: 300, y: 92, "text-anchor": "middle", class: "halo" }, "leak"));
  const element = svg("svg", { viewBox: "0 10 460 296", class: "picture cell", role: "img", "aria-label": "A membrane as a capacitor that a current fills, with a leak, and a switch that empties it at a threshold" },
    svg("path", { d: "M84 40 H372 V144 M372 196 V264 M218 40 V60 M218 250 V264", class: "rail" }), svg("path", { d: "M60 264 H372 M110 264 V276 M94 276 H126 M100 282 H120 M106 288 H114", class: "rail" }), svg("path", { d: "M60 58 V264", class: "rail" }),
    svg("circle", { cx: 60, cy: 40, r: 24, class: "source" }), svg("path", { d: "M60 54 V28 M54 34 L60 27 L66 34", class: "thin" }), inflow, arrow,
    lost, flash, svg("circle", { cx: 372, cy: 144, r: 4, class: "dot-ink" }), svg("circle", { cx: 372, cy: 196, r: 4, class: "dot-ink" }), blade, svg("text", { x: 420, y: 175 }, "fires"),
    svg("rect", { x: 196, y: top, width: 44, height: high, class: "inside" }), water, svg("rect", { x: 196, y: top, width: 44, height: high, rx: 4, class: "glass" }),
    svg("line", { x1: 192, x2: 244, y1: y(1), y2: y(1), class: "datum" }), svg("text", { x: 188, y: y(1) + 5, "text-anchor": "end", class: "little" }, "threshold"),
    svg("line", { x1: 192, x2: 244, y1: zero, y2: zero, class: "tick-ink" }), svg("text", { x: 188, y: zero + 5, "text-anchor": "end", class: "little" }, "rest"), text);
  return { element, draw({ level, firing, drive, leaking, text: words }) {
    set(water, { y: Math.min(zero, y(level)), height: Math.abs(zero - y(level)) });
    text.textContent = words;
    set(blade, firing ? { x2: 372, y2: 144 } : { x2: 346, y2: 152 });
    flash.toggleAttribute("hidden", !firing);
    lost.toggleAttribute("hidden", !leaking);
    set(inflow, { "stroke-width": Math.max(1, 4 * Math.abs(drive)) });
    const size = drive === 0 ? 0 : 8 + 2 * Math.abs(drive);
    set(arrow, { d: `M${-size} ${-size} L${size} 0 L${-size} ${size} Z`, transform: `translate(140 40) rotate(${drive < 0 ? 180 : 0})` });
  } };
}

function siphonPicture() {
  const top = 70, high = 190, y = (level) => top + high - high * 0.8 * Math.max(0, Math.min(1.25, level));
  const water = svg("rect", { x: 120, width: 130, class: "water" }), text = svg("text", { x: 185, y: 294, "text-anchor": "middle", class: "strong" });
  const inflow = svg("line", { x1: 185, x2: 185, y1: 40, class: "flow" }), drip = svg("line", { x1: 120, x2: 92, y1: 252, y2: 252, class: "flow", "stroke-width": 3 });
  const crest = y(1), tube = `M222 254 V${crest} Q222 ${crest - 12} 240 ${crest - 12} H282 Q300 ${crest - 12} 300 ${crest} V286`;
  const wet = svg("path", { d: tube, class: "flow", "stroke-width": 12 }), mouth = svg("g", {}, drip, svg("text", { x: 86, y: 248, "text-anchor": "end", class: "little" }, "leak"));
  const element = svg("svg", { viewBox: "0 10 460 296", class: "picture cell", hidden: true, role: "img", "aria-label": "A tank that a tap fills, with a leak, and a siphon that empties it when the level reaches its crest" },
    svg("path", { d: "M110 34 H185 V44", class: "pipe thin-pipe" }), svg("text", { x: 104, y: 39, "text-anchor": "end" }, "tap"),
    svg("rect", { x: 120, y: top, width: 130, height: high, class: "inside" }), inflow, water, svg("path", { d: `M120 ${top} V${top + high} H250 V${top}`, class: "glass" }), mouth,
    svg("path", { d: tube, class: "pipe siphon" }), wet,
    svg("line", { x1: 112, x2: 256, y1: crest, y2: crest, class: "datum" }), svg("text", { x: 112, y: crest - 6, "text-anchor": "end", class: "little" }, "crest"),
    svg("text", { x: 316, y: 180 }, "siphon"), text);
  return { element, draw({ level, firing, drive, leaking, text: words }) {
    set(water, { y: y(level), height: top + high - y(level) });
    text.textContent = words;
    wet.toggleAttribute("hidden", !firing);
    set(inflow, { y2: y(level), "stroke-width": Math.max(0, 4 * drive) });
    mouth.toggleAttribute("hidden", !leaking || level <= 0);
  } };
}
