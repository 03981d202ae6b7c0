"use strict";
// Gradient descent with momentum as a heavy ball, of coils or of U-tubes, beside the optimiser's own steps on the loss.

const BALLS = {
  coils: { button: "coils and capacitors", held: (start) => ({ start }), thinner: ["rest_load", "hessian", "coils"],
    sentence: "A coil is a mass, a resistance is friction, a capacitor is a spring: let go, the voltages roll down the loss. The optimiser takes steps along the same way." },
  utubes: { button: "liquid in U-tubes", held: (start, least) => ({ w_start: start, other_leg_start: start.map((one, k) => 2 * least[k] - one) }), thinner: ["columns"],
    sentence: "Two columns of liquid swing in U-tubes: mass, the friction of a narrow tube, gravity as the spring. Let go, their levels roll down the loss. The optimiser takes steps along the same way." },
};
const REACH = [[-1.6, 1.6], [-1.2, 1.2]]; // of the two weights in the picture of the loss
const ROLL = 7000; // ms for the whole way while it plays
const DOTS = 60; // steps over time that are drawn; more would run together
const AWAY = 10; // a weight beyond which the optimiser has run away

/** Return the optimiser's own `steps` from `start`: v <- momentum v - rate gradient, w <- w + v (Polyak 1964). */
function heavyBall({ curvature, minimum }, start, rate, momentum, steps) {
  let w = [...start], v = w.map(() => 0);
  const path = [w];
  for (let step = 0; step < steps; step++) {
    v = v.map((speed, k) => momentum * speed - rate * curvature[k] * (w[k] - minimum[k]));
    w = w.map((one, k) => one + v[k]);
    path.push(w);
  }
  return path;
}

class Ball {
  constructor(told, laws, words, loss) {
    Object.assign(this, told, words, { loss });
    this.network = new Network(JSON.parse(told.file), laws);
    this.nodes = [0, 1].map((k) => this.network.at.get(`w_${k}`));
    this.other = this.network.at.has("other_leg_0") ? [0, 1].map((k) => this.network.at.get(`other_leg_${k}`)) : null;
  }

  /** Return the run from `start` with the `friction`, with an end every `step` units of time over the whole way. */
  run(start, friction, step) {
    const network = this.network.fork(), thinner = this.loss.friction / friction, count = Math.floor(this.loss.duration / step + 1e-9);
    for (const name of ["conductance", "value"]) network.change(name, (_, { label }) => this.thinner.includes(label), (number) => number * thinner);
    for (const [label, efforts] of Object.entries(this.held(start, this.loss.minimum))) efforts.forEach((effort, k) => {
      network.sources.find(([node]) => node === network.at.get(`${label}_${k}`))[1] = effort * this.one;
    });
    const [set_, run] = network.intervals;
    network.intervals = [set_, ...Array.from({ length: count }, () => ({ ...run, duration: step * this.unit }))];
    network.imposed = [];
    const begin = Float64Array.from(network.start);
    this.nodes.forEach((node, k) => { begin[node] = start[k] * this.one; });
    this.other?.forEach((node, k) => { begin[node] = (2 * this.loss.minimum[k] - start[k]) * this.one; });
    return new Simulation(network, { tolerance: 1e-9, start: begin });
  }

  weights(x) { return this.nodes.map((node) => x[node] / this.one); }
}

SCREENS.push({ id: "descent", title: "Descent", build(page) {
  const loss = page.contents.analogies.descent;
  const balls = Object.fromEntries(Object.entries(loss.machines).map(([name, told]) => [name, new Ball(told, page.laws, BALLS[name], loss)]));
  const pictures = { coils: coilPicture(loss), utubes: tubePicture(loss) }, critical = loss.curvature.map((k) => 2 * Math.sqrt(k));
  let kind = "coils", friction = 0.6, rate = 0.01, start = [...loss.start], task = null, way = [], ends = [], steps = [], share = 1, last = null;
  const map = new Plot({ x: REACH[0], y: REACH[1], across: "weight 1", up: "weight 2", height: 296, label: "The loss from above, with the way of the machine and the steps of the optimiser; drag to start elsewhere" });
  const time = new Plot({ x: [0, loss.duration], y: [-1.6, 1.6], across: "time (units)", up: "weights", height: 180, wide: true, label: "Both weights over time, of the machine and of the optimiser" });
  const decay = new Plot({ x: [0, 4], y: [0, 1.1], ticks: [0, 1, 2, 3, 4], across: "friction", up: "decay rate", height: 160, wide: true, label: "How fast what is left of the way dies, against friction; critical damping is the top" });
  const shown = Object.fromEntries(["momentum", "difference", "steps", "w1", "w1-steps"].map((name) => [name, reading(`descent-${name}`)]));
  const damping = html("output", { "data-name": "descent-damping", class: "number" }), said = html("p", { class: "lead" }), length = html("span", { class: "aside" }), from = html("output", { class: "aside", "data-name": "descent-from" }), progress = html("p", { class: "hint below", "aria-live": "polite" });
  const choice = choiceOf("of what the ball is", Object.entries(BALLS).map(([name, { button }]) => [name, button]), (name) => { kind = name; begin(); });
  const control = slider("friction", { min: 0.1, max: 4, step: 0.05, value: friction }, (value) => { friction = value; begin(); });
  const rates = slider("learning rate", { min: -3, max: -0.5, step: 0.05, value: Math.log10(rate) }, (value) => { rate = 10 ** value; begin(); }, (power) => String(Number((10 ** power).toPrecision(3))));
  control.input.dataset.name = "descent-friction";
  rates.input.dataset.name = "descent-rate";
  const best = html("button", { type: "button", "data-name": "descent-critical", onclick: () => { friction = critical[0]; control.put(friction); begin(); } }, "critical friction");
  const playing = toggle("play", (on) => { last = null; if (on) page.work.paint(paint); else { share = 1; moment(); } }, { "data-name": "descent-play" });
  const again = html("button", { type: "button", "data-name": "descent-start", onclick: () => { start = [...loss.start]; begin(); } }, "first start");
  const numbers = html("dl", { class: "numbers" }, card("momentum", shown.momentum), card("steps", shown.steps, length), card("damping of weight 1", damping),
    card("machine, weight 1", shown.w1), card("optimiser, weight 1", shown["w1-steps"]), card("farthest apart", shown.difference));
  for (const f of [0.03, 0.12, 0.3, 0.6, 1.1, 1.8, 2.8, 4.2]) {
    const [a, b] = loss.curvature.map((k) => Math.sqrt(2 * f / k));
    map.inside(`contour ${f}`, Array.from({ length: 181 }, (_, k) => [loss.minimum[0] + a * Math.cos(Math.PI * k / 90), loss.minimum[1] + b * Math.sin(Math.PI * k / 90)]), "contour");
  }
  map.dots("least", [loss.minimum], "law-line", 4);
  decay.line("closed", loss.decay, "digital-line");
  decay.mark("critical", "line", { x1: decay.px(critical[0]), x2: decay.px(critical[0]), y1: decay.top, y2: decay.height - decay.bottom, class: "law-line" });
  decay.mark("word", "text", { x: decay.px(critical[0]) + 6, y: decay.height - decay.bottom - 8, class: "little" }).textContent = `critical: 2\u221ak = ${tidy(critical[0])}`;

  const step = () => Math.sqrt(rate);
  const momentum = () => Math.max(0, 1 - friction * step());

  function begin() {
    const ball = balls[kind], run = ball.run(start, friction, step()), fresh = [];
    page.work.stop(task);
    steps = heavyBall(loss, start, rate, momentum(), Math.floor(loss.duration / step() + 1e-9));
    task = page.work.run(run, () => { keep(); way = fresh; ends = run.ends; task = null; tell(); }, keep);
    function keep() { if (run.interval >= ball.network.once) fresh.push([Math.max(0, run.time - run.network.intervals[0].duration) / ball.unit, Float64Array.from(run.x)]); }
    for (const name in pictures) pictures[name].element.toggleAttribute("hidden", name !== kind);
    said.textContent = ball.sentence;
    from.textContent = `from ${start.map((one) => decimals(one, 2)).join(", ")}`;
    share = 1;
    tell();
  }

  function tell() {
    const ball = balls[kind], lost = steps.some((w) => w.some((one) => !(Math.abs(one) < AWAY)));
    shown.momentum.textContent = decimals(momentum(), 4);
    shown.steps.textContent = steps.length - 1;
    length.textContent = `of \u221arate = ${tidy(step())} each`;
    damping.textContent = Math.abs(friction - critical[0]) < 1e-9 ? "critical" : friction < critical[0] ? "it swings" : "it creeps";
    progress.textContent = lost ? "The steps are too long for the steep side of the valley: the optimiser runs away, the ball does not."
      : friction * step() > 1 ? "The optimiser has no momentum left to lose, and cannot be damped as much as the ball."
        : "A quarter of the learning rate halves the step, and how far optimiser and ball are apart.";
    const seen = steps.map((w, k) => [k * step(), ...w]).filter(([, ...w]) => w.every((one) => Math.abs(one) < AWAY));
    map.inside("between", seen.map(([, ...w]) => w), "between");
    map.dots("steps", seen.map(([, ...w]) => w).filter(([a, b]) => Math.abs(a) < REACH[0][1] && Math.abs(b) < REACH[1][1]), "digital-dot", steps.length > 150 ? 2 : 4);
    const every = Math.ceil(steps.length / DOTS);
    [0, 1].forEach((k) => time.dots(`steps${k}`, seen.filter((w, n) => n % every === 0 && Math.abs(w[1 + k]) < time.y[1]).map((w) => [w[0], w[1 + k]]), "digital-dot", 3));
    decay.dots("now", [[friction, heightAt(friction)]], "now-dot", 7);
    if (!way.length || task) return moment();
    map.inside("way", way.map(([, x]) => ball.weights(x)), "machine-line");
    [0, 1].forEach((k) => time.line(`way${k}`, way.map(([t, x]) => [t, ball.weights(x)[k]]), `machine-line of-${"ch"[k]}`));
    const apart = steps.slice(1).map((w, k) => Math.max(...ball.weights(ends[ball.network.once + k]).map((one, j) => Math.abs(one - w[j]))));
    const most = Math.max(...apart), final = ball.weights(ends.at(-1));
    shown.difference.textContent = most < AWAY ? small(most) : "run away";
    shown.w1.textContent = decimals(final[0]);
    shown["w1-steps"].textContent = Math.abs(steps.at(-1)[0]) < AWAY ? decimals(steps.at(-1)[0]) : "run away";
    return moment();
  }

  /** Return the closed form of the decay at `friction`, between the frictions at which it is known. */
  function heightAt(at) {
    const k = Math.min(loss.decay.length - 1, Math.max(1, loss.decay.findIndex(([a]) => a >= at - 1e-9))), [a1, y1] = loss.decay[k], [a0, y0] = loss.decay[k - 1];
    return y0 + (y1 - y0) * (at - a0) / (a1 - a0);
  }

  function moment() {
    if (!way.length) return;
    const ball = balls[kind], when = share * loss.duration, at = way.findLast(([t]) => t <= when + 1e-9) ?? way[0], w = ball.weights(at[1]);
    map.dots("ball", [w], "now-dot", 9);
    time.cursor(at[0]);
    pictures[kind].draw(w, ball.other?.map((node) => at[1][node] / ball.one), ball);
  }

  function paint(now) {
    if (playing.getAttribute("aria-pressed") !== "true") return false;
    share = last === null ? 0 : (share + (now - last) / ROLL) % 1;
    last = now;
    moment();
    return true;
  }

  dragged(map.element, (event) => {
    start = [map.valueAt(event), map.heightAt(event)].map((one, k) => Math.round(100 * Math.max(0.95 * REACH[k][0], Math.min(0.95 * REACH[k][1], one))) / 100);
    begin();
  }, "none");
  dragged(time.element, (event) => { if (playing.getAttribute("aria-pressed") === "true") playing.click(); share = Math.max(0, Math.min(1, time.valueAt(event) / loss.duration)); moment(); });
  dragged(decay.element, (event) => { friction = Math.max(0.1, Math.min(4, Math.round(20 * decay.valueAt(event)) / 20)); control.put(friction); begin(); });
  begin();
  return { content: [said, choice.element, html("div", { class: "columns" },
    html("div", {}, map.element, legend(["machine", "the machine's way"], ["circle", "the optimiser's steps"]), control.element, rates.element, html("div", { class: "bar" }, best, again, playing, from), progress),
    html("div", {}, ...Object.values(pictures).map(({ element }) => element), time.element, legend(["of-c", "weight 1"], ["of-h", "weight 2"], ["circle", "optimiser"], ["digital", "decay rate in closed form"]), decay.element, numbers))],
  enter() { last = null; if (playing.getAttribute("aria-pressed") === "true") page.work.paint(paint); } };
} });

/** Return the height of a level of `w` in a vessel of the pictures below. */
const heightOf = (w) => 84 - 34 * Math.max(-1.9, Math.min(1.9, w));

function tubePicture(loss) {
  const tubes = [0, 1].map((k) => {
    const x = 60 + 220 * k, left = svg("rect", { x, width: 40, class: `of-${"ch"[k]}` }), right = svg("rect", { x: x + 100, width: 40, class: `of-${"ch"[k]} pale` });
    const rest = heightOf(loss.minimum[k]), text = svg("text", { x: x - 6, y: 14, class: "strong" });
    return { left, right, text, group: svg("g", {}, left, right, svg("rect", { x: x + 40, y: 150, width: 60, height: 6, class: `of-${"ch"[k]}` }),
      svg("path", { d: `M${x} 20 V162 H${x + 40} V156 H${x + 100} V162 H${x + 140} V20 M${x + 40} 20 V150 H${x + 100} V20`, class: "glass" }),
      svg("line", { x1: x - 8, x2: x + 148, y1: rest, y2: rest, class: "datum" }), text, svg("text", { x: x + 70, y: 178, "text-anchor": "middle", class: "little" }, k ? "narrow legs: steep" : "wide legs: flat")) };
  });
  const element = svg("svg", { viewBox: "30 0 420 184", class: "picture balls", hidden: true, role: "img", "aria-label": "Two U-tubes; the levels in their left legs are the weights" }, ...tubes.map(({ group }) => group));
  return { element, draw(w, other) {
    tubes.forEach(({ left, right, text }, k) => {
      set(left, { y: heightOf(w[k]), height: 162 - heightOf(w[k]) });
      set(right, { y: heightOf(other[k]), height: 162 - heightOf(other[k]) });
      text.textContent = `weight ${k + 1}: ${decimals(w[k], 2)}`;
    });
  } };
}

function coilPicture(loss) {
  const circuits = [0, 1].map((k) => {
    const x = 60 + 220 * k, bar = svg("rect", { x: x + 100, width: 36, class: `of-${"ch"[k]}` }), text = svg("text", { x: x - 6, y: 14, class: "strong" }), rest = heightOf(loss.minimum[k]);
    const coil = Array.from({ length: 4 }, (_, turn) => `a8 8 0 0 1 16 0`).join("");
    return { bar, text, group: svg("g", {}, svg("path", { d: `M${x - 8} 30 h8 ${coil} h36 V20 M${x + 118} 150 V162 M${x + 102} 162 H${x + 134} M${x + 108} 168 H${x + 128}`, class: "thin" }),
      svg("path", { d: `M${x - 8} 30 V64`, class: "thin" }), svg("rect", { x: x - 18, y: 64, width: 20, height: 40, class: "load" }), svg("path", { d: `M${x - 8} 104 V162 M${x - 24} 162 H${x + 8}`, class: "thin" }), svg("circle", { cx: x - 8, cy: 138, r: 13, class: "source" }), svg("text", { x: x + 9, y: 143, class: "little" }, "rest point"),
      svg("text", { x: x + 34, y: 52, "text-anchor": "middle", class: "little" }, "coil"), svg("text", { x: x + 8, y: 92, class: "little" }, "friction"),
      svg("rect", { x: x + 100, y: 20, width: 36, height: 130, class: "inside" }), bar, svg("rect", { x: x + 100, y: 20, width: 36, height: 130, class: "glass" }),
      svg("line", { x1: x + 94, x2: x + 142, y1: rest, y2: rest, class: "datum" }), text, svg("text", { x: x + 118, y: 183, "text-anchor": "middle", class: "little" }, k ? "small: steep" : "large: flat")) };
  });
  const element = svg("svg", { viewBox: "30 0 420 188", class: "picture balls", role: "img", "aria-label": "Two coils with capacitors, whose voltages are the weights" }, ...circuits.map(({ group }) => group));
  return { element, draw(w) {
    circuits.forEach(({ bar, text }, k) => {
      set(bar, { y: Math.min(heightOf(w[k]), heightOf(0)), height: Math.abs(heightOf(w[k]) - heightOf(0)) });
      text.textContent = `weight ${k + 1}: ${decimals(w[k], 2)}`;
    });
  } };
}
