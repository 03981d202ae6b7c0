"use strict";
// The digital LSTM or GRU by its equations (model/reference.py), in double precision: what the machine is held against.

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const dot = (row, vector) => row.reduce((sum, weight, k) => sum + weight * vector[k], 0);

/** Return [h, c] of an LSTM `cell` after an input `x`; its gates are in the order i, f, g, o. */
function lstmStep(cell, x, h, c) {
  const z = cell.input.map((gate, g) => gate.map((row, unit) =>
    dot(row, x) + dot(cell.recurrent[g][unit], h) + (cell.bias?.[g][unit] ?? 0)));
  const after = c.map((old, unit) => sigmoid(z[1][unit]) * old + sigmoid(z[0][unit]) * Math.tanh(z[2][unit]));
  return [after.map((now, unit) => sigmoid(z[3][unit]) * Math.tanh(now)), after];
}

/** Return [h, []] of a GRU `cell` after an input `x`; its gates are in the order r, z, n. */
function gruStep(cell, x, h) {
  const fed = (g, unit) => dot(cell.input[g][unit], x) + (cell.bias?.[g][unit] ?? 0);
  const gate = (g) => h.map((_, unit) => sigmoid(fed(g, unit) + dot(cell.recurrent[g][unit], h)));
  const reset = gate(0), update = gate(1);
  const kept = cell.reset_after ? h : h.map((one, unit) => reset[unit] * one);
  const fresh = h.map((_, unit) => {
    const recurrent = dot(cell.recurrent[2][unit], kept) + (cell.recurrent_bias?.[unit] ?? 0);
    return Math.tanh(fed(2, unit) + (cell.reset_after ? reset[unit] : 1) * recurrent);
  });
  return [h.map((old, unit) => update[unit] * old + (1 - update[unit]) * fresh[unit]), []];
}

/** Return h and c of each layer of `cells` after each of the inputs `x`, from zero or `start`. */
function digital(cells, x, start) {
  let inputs = x;
  return cells.map((cell, layer) => {
    const size = cell.input[0].length, trace = { h: [], c: [] };
    let h = start?.[layer].h ?? new Array(size).fill(0);
    let c = start?.[layer].c ?? new Array(cell.kind === "LSTM" ? size : 0).fill(0);
    for (const row of inputs) {
      [h, c] = cell.kind === "LSTM" ? lstmStep(cell, row, h, c) : gruStep(cell, row, h);
      trace.h.push(h);
      trace.c.push(c);
    }
    inputs = trace.h;
    return trace;
  });
}
