"use strict";
// The third material of screen 1: ion channels, drawn one by one. Their rates are the conductances of the network over its capacitance.

const DRAWS = 200; // crowds at the present z, for their mean and scatter
const BARS = 40; // crowds at each z of the plot; more: smoother bars, slower
const SLOW = 1e-5; // s of the network in a second of watching

class Crowd extends Pair {
  constructor(file, laws) {
    super(file, laws, "control_0");
    const out = this.network.at.get("out_0");
    this.capacitance = this.network.mass[this.network.row[out]];
    this.seed = 1;
    this.number = 100;
    this.rates = null;
    this.known = new Map(); // of z, what `mean` returns
  }

  resize(number) { this.number = Math.round(number); this.open = null; }

  reseed() { this.seed++; this.open = null; }

  /** Return the share that is open at rest with the control `z`, by the network, and how often a channel opens and shuts (1/s). */
  mean(z) {
    if (!this.known.has(z)) this.known.set(z, this.found(z));
    return this.known.get(z);
  }

  found(z) {
    const { network, x } = this.at(z), [out, supply] = ["out_0", "supply_0"].map((name) => x[network.at.get(name)]);
    const [opens, shuts] = ["opening", "shutting"].map((label) => network.passes(label, x)[0]);
    return { effort: out, between: this.value(x, "out"), opens: opens / (supply - out) / this.capacitance, shuts: shuts / out / this.capacitance };
  }

  share(z) { return this.mean(z).between; }

  /** Return the shares of `count` crowds, each channel of which is open with the chance that its two rates leave it. */
  drawn(count, { opens, shuts }, draw) {
    const chance = opens / (opens + shuts);
    return Array.from({ length: count }, () => {
      let open = 0;
      for (let k = 0; k < this.number; k++) if (draw() < chance) open++;
      return open / this.number;
    });
  }

  measured(z) {
    const at = this.mean(z), shares = this.drawn(DRAWS, at, uniforms(1000 + this.seed)), [first, second] = moments(shares);
    this.rates = at;
    if (still.matches || !this.open) this.fill(at);
    return { ...this.present(), between: at.between, effort: at.effort, first, second, control: z * this.effortOfOne,
      expected: Math.sqrt(at.between * (1 - at.between) / this.number) };
  }

  /** Return mean and scatter at `z` of crowds that `draw` draws, as a bar [z, low, high]. */
  bar(z, draw) {
    const [mean, deviation] = moments(this.drawn(BARS, this.mean(z), draw));
    return [z, Math.max(0, mean - deviation), Math.min(1, mean + deviation)];
  }

  /** Draw each channel anew, open or shut. */
  fill({ opens, shuts }) {
    this.draw = uniforms(77 + this.seed);
    this.open = Uint8Array.from({ length: this.number }, () => (this.draw() < opens / (opens + shuts) ? 1 : 0));
    this.count = this.open.reduce((sum, one) => sum + one, 0);
    this.seen = null;
  }

  /** Let channels open and shut up to the moment `now` (ms), jump by jump: each wait is exponential (Gillespie 1977). */
  live(now) {
    let left = this.seen === null ? 0 : SLOW * 1e-3 * Math.min(100, now - this.seen);
    this.seen = now;
    const { opens, shuts } = this.rates, { number } = this;
    for (;;) {
      const rise = opens * (number - this.count), all = rise + shuts * this.count;
      left += Math.log(1 - this.draw()) / all;
      if (left < 0) return;
      const now = this.draw() * all < rise ? 1 : 0;
      let which = Math.floor(this.draw() * number);
      while (this.open[which] === now) which = Math.floor(this.draw() * number);
      this.open[which] = now;
      this.count += now ? 1 : -1;
    }
  }

  /** Return which channels are open now, their share, and that of the network. */
  present() { return { number: this.number, open: this.open, share: this.count / this.number, mean: this.rates.between }; }
}

/** Return mean and standard deviation of `values`. */
function moments(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))];
}

/** Return how many places stay empty where `number` channels lie in so many `columns`. */
const empty = (number, columns) => Math.ceil(number / columns) * columns - number;

function crowdPicture() {
  const wide = 300, high = 236, left = 40, top = 76;
  const shut = svg("path", { class: "channel" }), open = svg("path", { class: "channel open" }), water = svg("rect", { x: 400, width: 28, class: "volts" });
  const mean = svg("line", { x1: 392, x2: 436, class: "mean" }), count = svg("text", { x: left + wide / 2, y: 344, "text-anchor": "middle", class: "strong" });
  const meanWords = svg("text", { x: 390, "text-anchor": "end", class: "halo little" });
  const element = svg("svg", { viewBox: "30 44 420 322", class: "picture", hidden: true, role: "img", "aria-label": "A membrane with channels that are open or shut, and the share of open ones" },
    svg("text", { x: left + wide / 2, y: 58, "text-anchor": "middle" }, "a membrane from above, and its channels"),
    svg("rect", { x: left, y: top, width: wide, height: high, rx: 10, class: "membrane" }), shut, open,
    svg("rect", { x: 400, y: top, width: 28, height: high, class: "inside" }), water, svg("rect", { x: 400, y: top, width: 28, height: high, class: "glass" }), mean, meanWords,
    svg("text", { x: 414, y: top - 8, "text-anchor": "middle", class: "little" }, "all"), svg("text", { x: 414, y: top + high + 18, "text-anchor": "middle", class: "little" }, "none"),
    count);
  const circle = (x, y, r) => `M${(x - r).toFixed(1)},${y.toFixed(1)}a${r.toFixed(1)},${r.toFixed(1)} 0 1 0 ${(2 * r).toFixed(1)},0a${r.toFixed(1)},${r.toFixed(1)} 0 1 0 ${(-2 * r).toFixed(1)},0`;
  return { element, draw(_z, at) {
    const even = Math.sqrt(at.number * wide / high), tried = [-2, -1, 0, 1, 2, 3].map((more) => Math.max(1, Math.floor(even) + more));
    const columns = tried.reduce((best, one) => (empty(at.number, one) < empty(at.number, best) ? one : best), tried[3]), rows = Math.ceil(at.number / columns);
    const step = Math.min((wide - 12) / columns, (high - 12) / rows, 60), radius = 0.4 * step, d = [[], []];
    const begun = [left + (wide - (columns - 1) * step) / 2, top + (high - (rows - 1) * step) / 2];
    at.open.forEach((one, k) => d[one].push(circle(begun[0] + (k % columns) * step, begun[1] + Math.floor(k / columns) * step, one ? radius : 0.6 * radius)));
    set(shut, { d: d[0].join("") });
    set(open, { d: d[1].join("") });
    set(water, { y: top + high * (1 - at.share), height: high * at.share });
    set(mean, { y1: top + high * (1 - at.mean), y2: top + high * (1 - at.mean) });
    set(meanWords, { y: top + 5 + high * (1 - at.mean) });
    meanWords.textContent = "mean";
    count.textContent = `${Math.round(at.share * at.number)} of ${at.number} open now`;
  } };
}
