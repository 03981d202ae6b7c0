"use strict";
// What each layer of a classifier of digits tells of an image. Nothing runs here: Python computed all of it.

const CELL = 10; // width of a unit in the picture
const TALL = 15; // height of a row of units

SCREENS.push({ id: "layers", title: "Layers", build(page) {
  const told = page.contents.analogies.layers, count = told.names.length, percent = (share) => `${decimals(100 * share, 1)} %`;
  let image = Math.max(0, told.digits.findIndex((digit, k) => told.answers[0][k].indexOf(Math.max(...told.answers[0][k])) !== digit));
  const maps = told.outputs.map((layer, k) => layerMap(told.names[k], layer[0].length, layer[0][0].length, k ? TALL : CELL, k > 0)), votes = told.answers.map((_, k) => answerBars(told.names[k]));
  const says = told.names.map((_, k) => reading(`layers-${k}`)), truth = reading("layers-truth");
  const choice = html("div", { role: "group", "aria-label": "image", class: "choice images" }, ...told.digits.map((digit, k) => {
    const small = layerMap(`a written ${digit}`, 8, 8, CELL, false);
    small.draw(told.outputs[0][k]);
    return html("button", { type: "button", "data-image": k, "aria-label": `a written ${digit}`, onclick: () => { image = k; draw(); } }, small.element);
  }));

  function draw() {
    for (const button of choice.children) button.setAttribute("aria-pressed", Number(button.dataset.image) === image);
    truth.textContent = told.digits[image];
    for (let k = 0; k < count; k++) {
      const answers = told.answers[k][image];
      maps[k].draw(told.outputs[k][image]);
      votes[k].draw(answers, told.digits[image]);
      says[k].textContent = answers.indexOf(Math.max(...answers));
    }
  }

  draw();
  const heads = ["", "numbers read", `right of ${told.images}`, "dimension, in effect"];
  const rows = told.names.map((name, k) => [name, told.units[k], percent(told.separability[k]), decimals(told.dimension[k], 1)]);
  return { content: [html("p", { class: "lead" }, "In the visual pathway each area reads the one before. Here a classifier reads a digit row by row, downwards and upwards, in two layers. A simple read-out is asked of each what digit it is: pixels mislead it more often than the second layer."),
    html("div", { class: "bar" }, choice, html("span", { class: "aside" }, "it is a ", truth)), html("div", { class: "columns layers" }, ...told.names.map((name, k) => html("div", {}, html("h3", {}, name), maps[k].element,
      html("p", { class: "hint below" }, k ? "after each row; left half reading downwards, right half upwards. Framed: what it keeps, which is read out" : "8 \u00d7 8 of them, rows read one after the other by the layers"), votes[k].element, html("p", {}, "reads a ", says[k], " in it")))),
    html("p", { class: "legend" }, html("span", {}, html("i", { class: "key swatch plus" }), "above zero"), html("span", {}, html("i", { class: "key swatch minus" }), "below zero")),
    html("div", { class: "panel scroll figures" }, table(`What a linear read-out finds in each, asked about images that it was not fitted to; the classifier itself: ${percent(told.accuracy)}`, heads, rows)),
    html("p", { class: "hint below" }, "Computed by Python, not by this page; of each digit an image was chosen that the pixels are misread of and layer 2 is not, if there is one. Where the comparison with the cortex fails: a step is a whole row and every unit reads all of it, so there are no receptive fields; and layer 1 has forgotten some of the pixels by its last row.")] };
} });

/** Return a picture of `rows` of `units`, `high` each: blue above zero, red below, the stronger the farther. What a layer of
 *  two directions has `kept` at its end is framed: the last row of those that read downwards, the first of the others. */
function layerMap(name, rows, units, high, kept) {
  const frame = (x, y) => svg("rect", { x, y, width: units * CELL / 2 - 0.7, height: high - 0.7, class: "kept" });
  const squares = Array.from({ length: rows }, (_, row) => Array.from({ length: units }, (__, unit) => svg("rect", { x: unit * CELL, y: row * high, width: CELL - 0.7, height: high - 0.7 })));
  const element = svg("svg", { viewBox: `-1 -1 ${units * CELL + 2} ${rows * high + 2}`, class: "picture layer", role: "img", "aria-label": name }, ...squares.flat(),
    ...(kept ? [frame(0, (rows - 1) * high), frame(units * CELL / 2, 0)] : []));
  return { element, draw(values) {
    values.forEach((row, r) => row.forEach((value, k) => set(squares[r][k], { class: value < 0 ? "minus" : "plus", "fill-opacity": (Math.abs(value) / 100).toFixed(2) })));
  } };
}

/** Return ten bars, what a read-out answers for each digit; the right one is marked. */
function answerBars(name) {
  const bars = Array.from({ length: 10 }, (_, k) => svg("rect", { x: 6 + 32 * k, width: 22 })), words = bars.map((_, k) => svg("text", { x: 17 + 32 * k, y: 112, "text-anchor": "middle" }, String(k)));
  const element = svg("svg", { viewBox: "0 0 326 118", class: "picture answers", role: "img", "aria-label": `What is read from ${name}` }, svg("line", { x1: 0, x2: 326, y1: 84, y2: 84, class: "thin" }), ...bars, ...words);
  return { element, draw(answers, digit) {
    const most = Math.max(...answers);
    bars.forEach((bar, k) => {
      const height = 68 * Math.max(-0.15, Math.min(1.15, answers[k] / 100));
      set(bar, { y: Math.min(84, 84 - height), height: Math.abs(height), class: answers[k] < most ? "vote" : k === digit ? "vote best" : "vote wrong" });
      words[k].setAttribute("class", k === digit ? "strong" : "soft");
    });
  } };
}
