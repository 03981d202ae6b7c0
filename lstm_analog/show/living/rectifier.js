"use strict";
// A diode, or a check valve, before a load: what is above its knee passes. ReLU in one part, without time.

const RECTIFIERS = {
  diode: { button: "a diode", one: 1, unit: "V", parameter: "slope", label: "softness", min: Math.log10(0.0258) - 0.5, max: Math.log10(0.0258) + 0.5, step: 0.05, value: Math.log10(0.0258),
    format: (power) => `${decimals(1e3 * 10 ** power, 0)} mV`, set: (power) => 10 ** power,
    sentence: "A diode passes current one way. Below its knee next to nothing comes through, above it all of the rise does: a rectifier whose corner is soft, as a softplus has it, and which lies some tenths of a volt to the right.",
    hint: "the voltage for which the current grows e times; 26 mV of heat in the best diode" },
  valve: { button: "a check valve", one: 1e5, unit: "Pa", parameter: "leak", label: "leak", min: -7, max: -1, step: 0.1, value: -7,
    format: (power) => (power <= -7 ? "none" : `${decimals(100 * 10 ** power, 2)} %`), set: (power, load) => 10 ** power * load,
    sentence: "A ball on a spring lets liquid pass one way. Its corner is sharp, and lies to the right by the pressure that lifts the ball. A leak at the seat lets a little through backwards as well: a leaky ReLU.",
    hint: "what the shut seat lets through, as a share of what the load does" },
};
const MOST_IN = 2; // units into the rectifier, either way

class Rectifier {
  constructor(file, laws, words) {
    Object.assign(this, words);
    this.network = new Network(JSON.parse(file), laws);
    this.second = words.value;
    this.load = this.network.banks.find(({ label }) => label === "load").elements[0].conductance;
    [this.into, this.out] = ["drive_0", "out_0"].map((name) => this.network.at.get(name));
  }

  /** Return what comes out, in units, for `x` in. */
  at(x) {
    const network = this.network.fork();
    network.change(this.parameter, () => true, () => this.set(this.second, this.load));
    network.sources.find(([node]) => node === this.into)[1] = x * this.one;
    return new Simulation(network).x[this.out] / this.one;
  }
}

SCREENS.push({ id: "rectifier", title: "Rectifier", build(page) {
  const made = Object.fromEntries(Object.entries(page.contents.analogies.rectifier).map(([name, file]) => [name, new Rectifier(file, page.laws, RECTIFIERS[name])]));
  const pictures = { diode: diodePicture(), valve: checkValvePicture() };
  let kind = "diode", x = 1.5;
  const plot = new Plot({ x: [-MOST_IN, MOST_IN], y: [-0.5, MOST_IN], ticks: [-2, -1, 0, 1, 2], across: "", up: "", height: 330, label: "What comes out of the rectifier against what goes in, beside ReLU" });
  plot.line("relu", [[-MOST_IN, 0], [0, 0], [MOST_IN, MOST_IN]], "law-line");
  const shown = Object.fromEntries(["in", "out", "relu", "difference"].map((name) => [name, reading(`rectifier-${name}`)]));
  const said = html("p", { class: "lead" }), hint = html("p", { class: "hint" });
  const numbers = html("dl", { class: "numbers two" }, card("in, x", shown.in), card("out, of the network", shown.out), card("ReLU: max(x, 0)", shown.relu), card("difference", shown.difference));
  const choice = choiceOf("what rectifies", Object.entries(RECTIFIERS).map(([name, { button }]) => [name, button]), (name) => { kind = name; switched(); });
  const control = slider("in, x", { min: -MOST_IN, max: MOST_IN, step: 0.01, value: x }, (value) => { x = value; update(); });
  control.input.dataset.name = "rectifier-x";
  const seconds = Object.fromEntries(Object.entries(made).map(([name, one]) => {
    const each = slider(one.label, one, (value) => { one.second = value; switched(); }, one.format);
    each.input.dataset.name = `rectifier-${one.parameter}`;
    return [name, each];
  }));

  function update() {
    const out = made[kind].at(x), relu = Math.max(x, 0);
    shown.in.textContent = decimals(x, 2);
    shown.out.textContent = decimals(out);
    shown.relu.textContent = decimals(relu);
    shown.difference.textContent = decimals(out - relu);
    plot.dots("now", [[x, out]], "now-dot", 7);
    plot.cursor(x);
    pictures[kind].draw(x, out, made[kind]);
  }

  function switched() {
    const one = made[kind], unit = one.one === 1 ? one.unit : physical(one.one, one.unit).replace(".000", "");
    said.textContent = one.sentence;
    hint.textContent = one.hint;
    for (const name in made) { seconds[name].element.hidden = name !== kind; pictures[name].element.toggleAttribute("hidden", name !== kind); }
    plot.named(`in (units of ${unit.replace(/^V$/, "1 V")})`, "out (the same units)");
    const curve = Array.from({ length: 81 }, (_, k) => -MOST_IN + 2 * MOST_IN * k / 80).map((into) => [into, one.at(into)]);
    plot.line("curve", curve, "machine-line");
    plot.dots("dots", curve.filter((_, k) => k % 4 === 0), "machine-dot", 3.5);
    update();
  }

  dragged(plot.element, (event) => { x = Math.max(-MOST_IN, Math.min(MOST_IN, Math.round(100 * plot.valueAt(event)) / 100)); control.put(x); update(); });
  switched();
  return { content: [said, choice.element, html("div", { class: "columns" },
    html("div", {}, ...Object.values(pictures).map(({ element }) => element), control.element, ...Object.values(seconds).map(({ element }) => element), hint, numbers),
    html("div", {}, plot.element, legend(["dot", "measured in the network"], ["law", "ReLU"])))] };
} });

function diodePicture() {
  const flow = svg("path", { d: "M84 90 H330 V112 M330 176 V220 H60 V114", class: "current" }), [into, out] = [60, 348].map((x) => svg("text", { x, y: x < 100 ? 56 : 96, "text-anchor": x < 100 ? "middle" : "start", class: "strong" }));
  const element = svg("svg", { viewBox: "0 30 460 216", class: "picture", role: "img", "aria-label": "A source, a diode and a load" },
    svg("path", { d: "M60 114 V220 H330 V176 M84 90 H330 V112", class: "rail" }), flow,
    svg("circle", { cx: 60, cy: 90, r: 24, class: "source" }), svg("text", { x: 60, y: 96, "text-anchor": "middle", class: "strong" }, "x"),
    svg("path", { d: "M176 66 L176 114 L220 90 Z", class: "plug" }), svg("line", { x1: 220, x2: 220, y1: 64, y2: 116, class: "bar-ink" }), svg("text", { x: 198, y: 54, "text-anchor": "middle" }, "diode"),
    svg("rect", { x: 316, y: 112, width: 28, height: 64, class: "load" }), svg("text", { x: 354, y: 150 }, "load"), into, out,
    svg("circle", { cx: 330, cy: 90, r: 5, class: "dot-ink" }));
  return { element, draw(x, out_, { one, unit }) {
    into.textContent = physical(x * one, unit);
    out.textContent = physical(out_ * one, unit);
    set(flow, { "stroke-width": Math.max(0, 7 * out_) });
  } };
}

function checkValvePicture() {
  const flow = svg("path", { class: "flow" }), ball = svg("circle", { r: 22, cy: 128, class: "ball" }), spring = svg("path", { class: "thin" });
  const [into, out] = [66, 394].map((x) => svg("text", { x, y: 66, "text-anchor": "middle", class: "strong" }));
  const element = svg("svg", { viewBox: "0 30 460 216", class: "picture", hidden: true, role: "img", "aria-label": "A pipe with a ball on a spring that lets liquid pass to the right only" },
    svg("path", { d: "M20 106 H150 V80 H310 V106 H440 V150 H310 V176 H150 V150 H20 Z", class: "wet" }), flow,
    svg("path", { d: "M20 106 H150 V80 H310 V106 H440 M20 150 H150 V176 H310 V150 H440", class: "wall" }), svg("path", { d: "M150 80 V110 L162 110 L150 80 M150 176 V146 L162 146 L150 176", class: "plug" }),
    spring, ball, into, out, svg("text", { x: 66, y: 178, "text-anchor": "middle" }, "in"), svg("text", { x: 394, y: 178, "text-anchor": "middle" }, "to the load"), svg("text", { x: 230, y: 206, "text-anchor": "middle" }, "ball on a spring"));
  return { element, draw(x, out_, { one, unit }) {
    const lift = 30 * Math.min(1, Math.max(0, out_) / MOST_IN) + (out_ > 0.005 ? 6 : 0), at = 176 + lift;
    set(ball, { cx: at });
    const turns = Array.from({ length: 9 }, (_, k) => `${(at + 22 + (288 - at - 22 + 16) * k / 8).toFixed(1)},${k % 2 ? 114 : 142}`);
    set(spring, { d: `M${turns.join(" L")}` });
    into.textContent = physical(x * one, unit);
    out.textContent = physical(out_ * one, unit);
    const width = Math.min(18, Math.abs(out_) * 9);
    set(flow, { d: "M20 128 H138 L156 112 Q184 90 234 92 Q288 94 318 128 M138 128 L156 144 Q184 166 234 164 Q288 162 318 128 H440", "stroke-width": width < 0.05 ? 0 : Math.max(1, width / 2) });
  } };
}
