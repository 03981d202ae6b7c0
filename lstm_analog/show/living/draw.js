"use strict";
// Elements, numbers and plots. Text becomes text nodes only, so that no name or title is read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const set = (element, attributes) => { for (const name in attributes) element.setAttribute(name, attributes[name]); };

const decimals = (value, places = 6) => (Math.abs(value) < 0.5 * 10 ** -places ? 0 : value).toFixed(places).replace("-", "\u2212");
/** Return a number that may be very small: with four decimals, or with two digits behind the first and a power of ten. */
function small(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 0.01) return decimals(value, 4);
  const [digits, power] = value.toExponential(2).split("e");
  return `${digits}\u00d710${superscript(Number(power))}`.replace(/^-/, "\u2212");
}
const superscript = (power) => [...String(power)].map((sign) => "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"["-0123456789".indexOf(sign)]).join("");
/** Return a physical value with a prefix and its unit, e.g. 3.21 kPa. */
function physical(value, unit) {
  const [factor, prefix] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "\u00b5"], [1e-9, "n"], [1e-12, "p"]]
    .find(([least]) => Math.abs(value) >= 0.99995 * least) ?? [1, ""];
  return `${decimals(value / factor, 3)} ${prefix}${unit}`;
}

/** An output whose text is a number; `data-name` is what tests look for. */
const reading = (name) => html("output", { "data-name": name, class: "number" });

/** A number with its label above it, for a list of numbers. */
const card = (label, ...content) => html("div", {}, html("dt", {}, label), html("dd", {}, ...content));
/** What lines and dots in a plot stand for: pairs of the kind of key and a label. */
const legend = (...keys) => html("p", { class: "legend" }, ...keys.map(([kind, label]) => html("span", {}, html("i", { class: `key ${kind}` }), label)));

/** A labelled slider: the element, and its input. */
function slider(label, { min, max, step, value }, moved, format = (number) => decimals(number, 2)) {
  const shown = html("output", { class: "value" });
  const input = html("input", { type: "range", min, max, step, value });
  const tell = (number = Number(input.value)) => { shown.textContent = format(number); input.setAttribute("aria-valuetext", shown.textContent); };
  input.addEventListener("input", () => { tell(); moved(Number(input.value)); });
  tell();
  const element = html("label", { class: "slider" }, html("span", {}, label), input, shown);
  return { element, input, put(number) { input.value = number; tell(number); } }; // a number between two places of the slider is told as it is
}

/** A button that is pressed or not. */
function toggle(label, changed, attributes = {}) {
  const button = html("button", { type: "button", "aria-pressed": "false", ...attributes }, label);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on);
    changed(on);
  });
  return button;
}

/** Buttons of which one is pressed; `names` are [key, words], `chosen` is called with a key. Returns the element and `put`. */
function choiceOf(label, names, chosen) {
  const element = html("div", { role: "group", "aria-label": label, class: "choice" }, ...names.map(([key, words]) =>
    html("button", { type: "button", "data-kind": key, onclick: () => { put(key); chosen(key); } }, words)));
  const put = (key) => { for (const button of element.children) button.setAttribute("aria-pressed", button.dataset.kind === key); };
  put(names[0][0]);
  return { element, put };
}

/** A table with a header row; `rows` of cells, the first of each row its header. */
function table(caption, heads, rows) {
  const cell = (tag, content, attributes = {}) => html(tag, attributes, content);
  return html("table", { class: "words" }, html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...heads.map((head) => cell("th", head, { scope: "col" })))),
    html("tbody", {}, ...rows.map(([first, ...rest]) =>
      html("tr", {}, cell("th", first, { scope: "row" }), ...rest.map((one) => cell("td", one))))));
}

/** Axes from `x` to `y`, both [least, most]; `log` has powers of ten upwards, `whole` whole numbers across. Lines and dots are
 *  kept by name. */
class Plot {
  constructor({ x, y, log = false, whole = false, across, up, label, height = 300, ticks = null, wide = false }) {
    const width = wide && document.documentElement.clientWidth > 640 ? 620 : 440; // so that text has the same size in all plots
    Object.assign(this, { x, y, log, whole, width, height, left: 58, right: 12, top: 14, bottom: 44, marks: new Map() });
    this.grid = svg("g", { class: "grid" });
    this.ink = svg("g", {});
    this.across = svg("text", { x: (this.left + width - this.right) / 2, y: height - 6, "text-anchor": "middle", class: "axis" });
    this.up = svg("text", { transform: `translate(14 ${(this.top + height - this.bottom) / 2}) rotate(-90)`, "text-anchor": "middle", class: "axis" });
    this.element = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "plot" }, this.grid, this.ink, this.across, this.up);
    this.named(across, up);
    this.ruled(ticks);
  }

  /** Name the axes. */
  named(across, up) {
    this.across.textContent = across;
    this.up.textContent = up;
  }

  ruled(ticks) {
    this.grid.replaceChildren();
    const across = ticks ?? ticksOf(...this.x, this.whole ? 1 : 0);
    const up = this.log ? powers(...this.y) : ticksOf(...this.y);
    for (const tick of across) this.grid.append(
      svg("line", { x1: this.px(tick), x2: this.px(tick), y1: this.top, y2: this.height - this.bottom }),
      svg("text", { x: this.px(tick), y: this.height - this.bottom + 16, "text-anchor": "middle" }, tidy(tick)));
    for (const tick of up) this.grid.append(
      svg("line", { x1: this.left, x2: this.width - this.right, y1: this.py(tick), y2: this.py(tick) }),
      svg("text", { x: this.left - 7, y: this.py(tick) + 4, "text-anchor": "end" }, this.log ? `10${superscript(Math.round(Math.log10(tick)))}` : tidy(tick)));
  }

  px(value) { return this.left + (value - this.x[0]) / (this.x[1] - this.x[0]) * (this.width - this.left - this.right); }

  py(value) {
    const [low, high] = this.log ? this.y.map(Math.log10) : this.y;
    const at = this.log ? Math.log10(Math.max(value, this.y[0])) : value;
    return this.height - this.bottom - (at - low) / (high - low) * (this.height - this.top - this.bottom);
  }

  /** Return the value on the axis across at a pointer `event`. */
  valueAt(event) {
    const box = this.element.getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width * this.width;
    return this.x[0] + (place - this.left) / (this.width - this.left - this.right) * (this.x[1] - this.x[0]);
  }

  /** Return the value on the axis upwards at a pointer `event`. */
  heightAt(event) {
    const box = this.element.getBoundingClientRect();
    const place = (event.clientY - box.top) / box.height * this.height;
    return this.y[0] + (this.height - this.bottom - place) / (this.height - this.top - this.bottom) * (this.y[1] - this.y[0]);
  }

  mark(name, tag, attributes) {
    if (!this.marks.has(name)) {
      this.marks.set(name, svg(tag));
      this.ink.append(this.marks.get(name));
    }
    set(this.marks.get(name), attributes);
    return this.marks.get(name);
  }

  line(name, points, kind) {
    const drawn = points.length === 1 ? [points[0], points[0]] : points; // a single point is a dot, by the round ends of lines
    return this.mark(name, "polyline", { points: drawn.map(([x, y]) => `${this.px(x).toFixed(2)},${this.py(y).toFixed(2)}`).join(" "), class: kind });
  }

  dots(name, points, kind, radius = 3) {
    const d = points.map(([x, y]) => `M${(this.px(x) - radius).toFixed(2)},${this.py(y).toFixed(2)}a${radius},${radius} 0 1 0 ${2 * radius},0a${radius},${radius} 0 1 0 ${-2 * radius},0`).join("");
    return this.mark(name, "path", { d, class: kind });
  }

  /** Bars from low to high at [x, low, high], with short ends. */
  bars(name, points, kind) {
    const d = points.map(([x, low, high]) => {
      const at = this.px(x), [from, to] = [low, high].map((y) => this.py(y).toFixed(2));
      return `M${(at - 3).toFixed(2)},${from}h6m-3,0V${to}m-3,0h6`;
    }).join("");
    return this.mark(name, "path", { d, class: kind });
  }

  /** A line through `points`, cut off at the axes. */
  inside(name, points, kind) {
    if (!this.frame) {
      this.frame = svg("clipPath", { id: `frame-${++Plot.frames}` }, svg("rect", { x: this.left, y: this.top, width: this.width - this.left - this.right, height: this.height - this.top - this.bottom }));
      this.element.prepend(this.frame);
    }
    set(this.line(name, points, kind), { "clip-path": `url(#${this.frame.id})` });
  }

  /** A level across the whole plot. */
  level(name, y, kind) {
    return this.mark(name, "line", { x1: this.left, x2: this.width - this.right, y1: this.py(y), y2: this.py(y), class: kind });
  }

  cursor(x) {
    return this.mark("cursor", "line", { x1: this.px(x), x2: this.px(x), y1: this.top, y2: this.height - this.bottom, class: "cursor" });
  }
}

Plot.frames = 0; // that were made, so that each has a name of its own

/** Tell `element` where to stop growing, so that its text keeps its size. */
const atMost = (element, width) => { element.style.maxWidth = `${width}px`; return element; };

const tidy = (number) => String(Number(number.toPrecision(4))).replace("-", "\u2212");

function ticksOf(low, high, least = 0) {
  const raw = Math.max((high - low) / 5, least), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= raw * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) found.push(k * step);
  return found;
}

function powers(low, high) {
  const found = [];
  const least = Math.ceil(Math.log10(low) - 1e-9), most = Math.floor(Math.log10(high) + 1e-9);
  for (let k = least; k <= most; k += most - least > 6 ? 2 : 1) found.push(10 ** k);
  return found;
}

/** Call `changed` with a pointer event wherever `element` is pressed or dragged; a finger may do `touch` besides. */
function dragged(element, changed, touch = "pan-y") {
  element.style.touchAction = touch;
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    changed(event, true);
  });
  element.addEventListener("pointermove", (event) => { if (event.buttons) changed(event, false); });
}
