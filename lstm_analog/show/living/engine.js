"use strict";
// Integrates any network from its graph file: M x' = f(x), where M is zero for a node that stores nothing.
// It knows what the attribute `grammar` of every such file says, and no law: the laws are given, printed by
// export/javascript.py from the equations of the parts. A state of two values switches at the moment its surplus passes zero.
// Method: RODAS, a linearly implicit Runge-Kutta method of order 4, stiffly accurate (Hairer and Wanner, Solving
// Ordinary Differential Equations II, 2nd edition, section VI.4), with the sparse Jacobian of the printed partials.

const GAMMA = 0.25;
const STAGE = [[], [1.544], [0.9466785280815826, 0.2557011698983284],
  [3.314825187068521, 2.896124015972201, 0.9986419139977817],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895]];
const COUPLING = [[], [-5.6688], [-2.430093356833875, -0.2063599157091915],
  [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
  [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616],
  [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054]];
const BETWEEN = [[10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662],
  [-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872]];
const HELD = 1e200; // 1/step that keeps what is stored where it is, while the rest is set to its balance
const FINEST = 1e-14; // the shortest step, in lengths of its interval
const CLOSE = 1e-10; // how near a located surplus comes to zero, as a share of what it moves in the step; larger: less exact
const ROUNDS = 64; // how often switches may set each other off at one moment

/** LU factors of a sparse matrix with pivots on its diagonal; `entries` are [row, column] pairs, with repetitions. */
class SparseLU {
  constructor(size, entries) {
    const rows = Array.from({ length: size }, (_, k) => new Set([k]));
    const columns = Array.from({ length: size }, (_, k) => new Set([k]));
    for (const [row, column] of entries) { rows[row].add(column); columns[column].add(row); }
    this.size = size;
    this.order = new Int32Array(size);
    this.rank = new Int32Array(size);
    this.fill(rows, columns);
    this.lay(rows);
    this.work = new Float64Array(size);
  }

  /** Eliminate symbolically, next always the pivot with the smallest (row - 1)(column - 1) (Markowitz 1957). */
  fill(rows, columns) {
    const left = new Set(rows.keys());
    const open = rows.map((row) => new Set(row));
    for (let place = 0; place < this.size; place++) {
      let pivot = -1, least = Infinity;
      for (const one of left) {
        const cost = (open[one].size - 1) * (columns[one].size - 1);
        if (cost < least) { least = cost; pivot = one; }
      }
      left.delete(pivot);
      this.order[place] = pivot;
      this.rank[pivot] = place;
      for (const column of open[pivot]) columns[column].delete(pivot);
      for (const row of columns[pivot]) {
        open[row].delete(pivot);
        for (const column of open[pivot]) {
          if (column === pivot) continue;
          open[row].add(column);
          rows[row].add(column);
          columns[column].add(row);
        }
      }
    }
  }

  lay(rows) {
    this.from = new Int32Array(this.size + 1);
    this.pivot = new Int32Array(this.size);
    const columns = [];
    for (let place = 0; place < this.size; place++) {
      const sorted = Int32Array.from(rows[this.order[place]], (column) => this.rank[column]).sort();
      this.pivot[place] = columns.length + sorted.indexOf(place);
      columns.push(...sorted);
      this.from[place + 1] = columns.length;
    }
    this.columns = Int32Array.from(columns);
    this.values = new Float64Array(columns.length);
  }

  /** Return where in `values` the entry of a `row` and `column` goes. */
  place(row, column) {
    const from = this.from[this.rank[row]], end = this.from[this.rank[row] + 1];
    return from + this.columns.subarray(from, end).indexOf(this.rank[column]);
  }

  /** Factorise `values` in place; the reciprocals of the pivots stay on the diagonal. */
  factorise() {
    const { size, from, pivot, columns, values, work } = this;
    for (let row = 0; row < size; row++) {
      const first = from[row], last = from[row + 1], own = pivot[row];
      for (let k = first; k < last; k++) work[columns[k]] = values[k];
      for (let k = first; k < own; k++) {
        const above = columns[k], factor = work[above] * values[pivot[above]];
        work[above] = factor;
        if (factor !== 0) for (let j = pivot[above] + 1; j < from[above + 1]; j++) work[columns[j]] -= factor * values[j];
      }
      for (let k = first; k < last; k++) values[k] = work[columns[k]];
      values[own] = 1 / values[own];
      if (!Number.isFinite(values[own])) return false;
    }
    return true;
  }

  /** Return the solution for `right`, by node, in `out`. */
  solve(right, out) {
    const { size, from, pivot, columns, values, work, order } = this;
    for (let row = 0; row < size; row++) {
      let sum = right[order[row]];
      for (let k = from[row]; k < pivot[row]; k++) sum -= values[k] * work[columns[k]];
      work[row] = sum;
    }
    for (let row = size - 1; row >= 0; row--) {
      let sum = work[row];
      for (let k = pivot[row] + 1; k < from[row + 1]; k++) sum -= values[k] * work[columns[k]];
      work[row] = sum * values[pivot[row]];
      out[order[row]] = work[row];
    }
    return out;
  }
}

/** The equations in a graph `file`, parsed JSON, whose laws are in `laws`; `fork` gives a copy with other numbers. */
class Network {
  constructor(file, laws) {
    const { nodes, edges } = file;
    this.names = nodes.map((node) => node.id);
    this.at = new Map(this.names.map((name, k) => [name, k]));
    this.scale = Float64Array.from(nodes, (node) => node.scale);
    this.start = Float64Array.from(nodes, (node) => node.start ?? 0);
    this.unit = file.graph.effort_unit;
    this.sources = nodes.flatMap((node, k) => (node.kind === "a source" ? [[k, node.effort]] : []));
    const switching = (node) => laws[node.law]?.gives === "surplus";
    const set = new Set([this.at.get("0"), ...this.sources.map(([k]) => k), ...nodes.flatMap((node, k) => (switching(node) ? [k] : []))]);
    this.free = Int32Array.from(nodes.keys()).filter((k) => !set.has(k));
    this.row = new Int32Array(nodes.length).fill(-1);
    this.free.forEach((node, row) => { this.row[node] = row; });
    const masses = { "a storage": (node) => node.capacitance, "an internal state": () => 1 };
    this.mass = Float64Array.from(this.free, (k) => masses[nodes[k].kind]?.(nodes[k]) ?? 0);
    this.takes = nodes.map((node) => node.kind === "a storage" || node.kind === "a junction");
    const banks = this.gather(nodes, edges, laws);
    this.banks = banks.filter(({ law }) => law.gives !== "surplus");
    this.guards = banks.filter(({ law }) => law.gives === "surplus");
    this.read(file.graph.schedule);
    this.link();
  }

  gather(nodes, edges, laws) {
    const banks = new Map();
    const all = [...nodes.map((node) => ({ ...node, label: node.part, e: node.id })),
      ...edges.map((edge) => ({ ...edge, a: edge.source, b: edge.target }))];
    for (const element of all) {
      if (!("law" in element)) continue;
      const key = JSON.stringify([element.label, element.law, element.clock ?? null]);
      if (!banks.has(key)) banks.set(key, []);
      banks.get(key).push(element);
    }
    return [...banks.values()].map((elements) => this.bank(elements, laws[elements[0].law]));
  }

  /** Return the arrays of the `elements` of one law, clock line and label. */
  bank(elements, law) {
    const { label, clock } = elements[0], wide = law.efforts.length;
    const known = (name) => elements.map((element) => this.at.get(element[name]));
    return {
      label, clock, law, elements,
      heads: elements.map((element) => element.b ?? element.e),
      place: Int32Array.from(elements.flatMap((element) => law.efforts.map((name) => this.at.get(element[name])))),
      number: Float64Array.from(elements.flatMap((element) => law.parameters.map((name) => element[name]))),
      tail: law.gives === "through" ? known("a") : null,
      head: law.gives === "through" || law.gives === "into" ? known("b") : known("e"),
      values: new Float64Array(elements.length),
      partials: new Float64Array(elements.length * (1 + wide)),
    };
  }

  read(schedule) {
    this.intervals = schedule.intervals.map(({ name, duration, high }) => ({ name, duration, high: new Set(high) }));
    this.imposed = Object.entries(schedule.imposed).map(([label, { nodes, efforts }]) => (
      { label, nodes: nodes.map((name) => this.at.get(name)), efforts }));
    this.once = schedule.once;
  }

  /** Find the equation that each value enters, and where each partial derivative goes in the Jacobian. */
  link() {
    const flows = new Set(["through", "into"]);
    const entries = [];
    for (const bank of this.banks) {
      const wide = bank.law.efforts.length, receives = (node) => (flows.has(bank.law.gives) && !this.takes[node] ? -1 : this.row[node]);
      bank.into = Int32Array.from(bank.head, receives);
      bank.outOf = bank.tail && Int32Array.from(bank.tail, receives);
      bank.slots = [];
      for (const [rows, sign] of [[bank.into, 1], ...(bank.outOf ? [[bank.outOf, -1]] : [])]) {
        for (let k = 0; k < bank.elements.length; k++) for (let j = 0; j < wide; j++) {
          const column = this.row[bank.place[k * wide + j]];
          if (rows[k] >= 0 && column >= 0) {
            bank.slots.push([rows[k], column, k * (1 + wide) + 1 + j, sign]);
            entries.push([rows[k], column]);
          }
        }
      }
    }
    this.lu = new SparseLU(this.free.length, entries);
    for (const bank of this.banks) {
      bank.to = Int32Array.from(bank.slots, ([row, column]) => this.lu.place(row, column));
      bank.of = Int32Array.from(bank.slots, ([, , from]) => from);
      bank.sign = Float64Array.from(bank.slots, ([, , , sign]) => sign);
      delete bank.slots;
    }
    this.diagonal = Int32Array.from(this.mass, (_, row) => this.lu.place(row, row));
  }

  /** Return a copy whose numbers, durations and imposed efforts can be changed without changing these. */
  fork() {
    const copy = Object.assign(Object.create(Network.prototype), this);
    for (const kind of ["banks", "guards"]) copy[kind] = this[kind].map((bank) => ({ ...bank, number: bank.number.slice() }));
    copy.intervals = this.intervals.map((interval) => ({ ...interval }));
    copy.imposed = this.imposed.map((bank) => ({ ...bank, efforts: bank.efforts.map((row) => [...row]) }));
    copy.sources = this.sources.map((pair) => [...pair]);
    return copy;
  }

  /** Apply `change`, from the number and its element to a new number, to a parameter of the banks that `chosen` takes. */
  change(name, chosen, change) {
    let changed = 0;
    for (const bank of this.banks) {
      const place = bank.law.parameters.indexOf(name), wide = bank.law.parameters.length;
      if (place < 0) continue;
      bank.elements.forEach((element, k) => {
        if (!chosen(element, bank)) return;
        bank.number[k * wide + place] = change(bank.number[k * wide + place], element);
        changed++;
      });
    }
    return changed;
  }

  /** Write to `x` the efforts of all sources in interval `number`. */
  impose(x, number) {
    for (const [node, effort] of this.sources) x[node] = effort;
    for (const { nodes, efforts } of this.imposed) {
      const row = efforts[efforts.length === 1 ? 0 : number];
      nodes.forEach((node, k) => { x[node] = row[k]; });
    }
  }

  /** Return what each element of the banks called `label` passes at `x`, with the clock lines `high`. */
  passes(label, x, high = new Set()) {
    return this.banks.filter((bank) => bank.label === label).flatMap((bank) => {
      bank.law.values(x, bank.place, bank.number, bank.clock === undefined || high.has(bank.clock) ? 1 : 0, bank.values);
      return [...bank.values];
    });
  }

  /** Return how far beyond its threshold the state is that is farthest, at `x`, in effort units; below zero none switches. */
  surplus(x) {
    let most = -Infinity;
    for (const { law, place, number, values } of this.guards) {
      law.values(x, place, number, 1, values);
      for (const value of values) most = Math.max(most, value);
    }
    return most;
  }

  /** Switch in `x` all states whose surplus is above zero; return their nodes. */
  flip(x) {
    const found = [];
    for (const { law, place, number, values, head } of this.guards) {
      law.values(x, place, number, 1, values);
      head.forEach((node, k) => { if (values[k] > 0) found.push(node); });
    }
    for (const node of found) x[node] = 1 - x[node];
    return found;
  }

  /** Write f(x) to `out`, with the clock lines `high`. */
  rates(x, high, out) {
    out.fill(0);
    for (const bank of this.banks) {
      const { law, place, number, values, into, outOf, head } = bank;
      law.values(x, place, number, bank.clock === undefined || high.has(bank.clock) ? 1 : 0, values);
      const follows = law.gives === "effort";
      for (let k = 0; k < values.length; k++) {
        if (into[k] >= 0) out[into[k]] += follows ? values[k] - x[head[k]] : values[k];
        if (outOf !== null && outOf[k] >= 0) out[outOf[k]] -= values[k];
      }
    }
    return out;
  }

  /** Factorise `lead` M - df/dx at `x`. */
  factorise(x, high, lead) {
    const { lu, mass, diagonal } = this, matrix = lu.values;
    matrix.fill(0);
    for (let row = 0; row < mass.length; row++) matrix[diagonal[row]] = lead * mass[row];
    for (const bank of this.banks) {
      const { law, partials, to, of, sign, into } = bank;
      law.partials(x, bank.place, bank.number, bank.clock === undefined || high.has(bank.clock) ? 1 : 0, partials);
      for (let k = 0; k < to.length; k++) matrix[to[k]] -= sign[k] * partials[of[k]];
      if (law.gives === "effort") for (let k = 0; k < into.length; k++) matrix[diagonal[into[k]]] += 1;
    }
    return lu.factorise();
  }
}

/** A run of a `network` over its schedule; `next` takes one step. `points` samples of each interval go to `trace`.
 *  It goes from interval `first` up to number `intervals`, from the efforts `start`; the first step of each interval is tried
 *  with `opening` of its length. */
class Simulation {
  constructor(network, { tolerance = 1e-8, points = 1, first = 0, intervals = network.intervals.length, start = network.start, opening = 1e-3 } = {}) {
    Object.assign(this, { network, tolerance, points, intervals, opening });
    this.x = Float64Array.from(start);
    this.time = 0;      // s since the start
    this.interval = first; // the present one
    this.spent = 0;     // s of it
    this.length = 0;    // s of the next step
    this.steps = 0;
    this.trace = [];    // { time, interval, x }, after `begin` and at the samples
    this.ends = [];     // x at the end of each interval
    this.switchings = []; // { time, node, on } of each state that switched by itself
    const size = network.free.length;
    const vectors = (count) => Array.from({ length: count }, () => new Float64Array(size));
    this.u = vectors(6);
    [this.right, this.f, this.c3, this.c4] = vectors(4);
    this.trial = new Float64Array(this.x.length);
    this.before = new Float64Array(this.x.length);
    this.begin();
  }

  get done() { return this.interval >= this.intervals; }

  begin() {
    const { network } = this, { duration, high } = network.intervals[this.interval];
    network.impose(this.x, this.interval);
    this.settle(high);
    this.pass(high);
    this.spent = 0;
    this.sample = 0;
    this.length = this.opening * duration;
    this.keep(this.x);
  }

  keep(x) { this.trace.push({ time: this.time, interval: this.interval, x: Float64Array.from(x) }); }

  /** Switch the states that have passed their thresholds, then those that are set off by it, until none is. */
  pass(high) {
    const { network, x, time } = this;
    for (let round = 0; round < ROUNDS; round++) {
      if (!(network.surplus(x) > 0)) return;
      for (const node of network.flip(x)) this.switchings.push({ time, node, on: x[node] > 0.5 });
      this.settle(high);
    }
    throw new Error(`switches set each other off without end in ${network.intervals[this.interval].name}`);
  }

  /** Set what stores nothing to its balance, by Newton's method. */
  settle(high) {
    const { network, x, f } = this, { free, scale } = network, move = this.u[0];
    for (let trial = 0; trial < 60; trial++) {
      if (!network.factorise(x, high, HELD)) throw new Error("a node has nothing that sets it");
      network.lu.solve(network.rates(x, high, f), move);
      let most = 0;
      for (let row = 0; row < free.length; row++) {
        x[free[row]] += move[row];
        most = Math.max(most, Math.abs(move[row]) / (scale[free[row]] + Math.abs(x[free[row]])));
      }
      if (most < 1e-12) return;
    }
    throw new Error(`no balance found in ${network.intervals[this.interval].name}`);
  }

  /** Take one step that is accurate enough, or pass a clock edge; return whether the run goes on. */
  next() {
    if (this.done) return false;
    const { duration } = this.network.intervals[this.interval];
    const left = duration - this.spent;
    if (left > FINEST * duration) this.stride(left, duration);
    else this.edge();
    return !this.done;
  }

  edge() {
    this.interval++;
    if (!this.done) this.begin();
  }

  stride(left, duration) {
    let step = Math.min(this.length, left);
    for (;;) {
      const error = this.attempt(step);
      const factor = Math.min(6, Math.max(0.1, 0.9 * Math.pow(error, -0.25)));
      if (error <= 1) {
        const taken = this.locate(step), passed = this.network.surplus(this.trial);
        this.accept(taken, taken >= left * (1 - 1e-12), duration);
        this.length = passed < 0 ? step * factor : Math.min(step, this.opening * duration);
        if (passed >= 0) this.pass(this.network.intervals[this.interval].high);
        return;
      }
      step *= Number.isFinite(error) ? factor : 0.1;
      if (step < FINEST * duration) throw new Error(`no step is short enough in ${this.network.intervals[this.interval].name}`);
    }
  }

  /** Return how long the `step` just tried may be: up to where the first state passes its threshold, if one does. Such a
   *  shorter step is tried in its place, by regula falsi with halved ends (Dowell and Jarratt 1971). */
  locate(step) {
    const { network, x, trial } = this;
    let over = network.surplus(trial);
    if (!(over >= 0)) return step;
    let low = 0, high = step, at = step, under = network.surplus(x), side = 0;
    const close = CLOSE * (over - under), beyond = () => network.surplus(trial) - 0.5 * close; // aims between 0 and close
    over -= 0.5 * close;
    under -= 0.5 * close;
    for (let now = over; Math.abs(now) > 0.5 * close;) {
      at = high - over * (high - low) / (over - under);
      if (!(at > low && at < high)) { at = high; this.attempt(at); break; } // as near as numbers of this size come
      this.attempt(at);
      now = beyond();
      if (now > 0) { high = at; over = now; if (side > 0) under *= 0.5; side = 1; }
      else { low = at; under = now; if (side < 0) over *= 0.5; side = -1; }
    }
    return at;
  }

  /** Try one `step`; return its error over the tolerance. The result is in `trial`, the stages in `u`. */
  attempt(step) {
    const { network, x, trial, u, right, f } = this, { free, mass, scale, lu } = network;
    const { high } = network.intervals[this.interval];
    this.trial.set(x);
    if (!network.factorise(x, high, 1 / (GAMMA * step))) return Infinity;
    for (let stage = 0; stage < 6; stage++) {
      const shift = STAGE[stage];
      if (stage === 5) for (let row = 0; row < free.length; row++) trial[free[row]] += u[4][row];
      else if (stage) for (let row = 0; row < free.length; row++) {
        let sum = x[free[row]];
        for (let j = 0; j < stage; j++) sum += shift[j] * u[j][row];
        trial[free[row]] = sum;
      }
      network.rates(trial, high, f);
      const coupling = COUPLING[stage];
      for (let row = 0; row < free.length; row++) {
        let sum = 0;
        for (let j = 0; j < stage; j++) sum += coupling[j] * u[j][row];
        right[row] = f[row] + mass[row] * sum / step;
      }
      lu.solve(right, u[stage]);
    }
    let error = 0;
    for (let row = 0; row < free.length; row++) {
      const node = free[row];
      trial[node] += u[5][row];
      const one = Math.abs(u[5][row]) / (this.tolerance * (scale[node] + Math.abs(x[node])));
      if (!(one <= error)) error = one;
    }
    return Number.isNaN(error) ? Infinity : error + 1e-12;
  }

  accept(step, last, duration) {
    const old = this.x, begun = this.time - this.spent;
    this.steps++;
    this.before.set(old);
    old.set(this.trial);
    const spent = last ? duration : this.spent + step;
    this.sampleUpTo(step, spent, duration, begun);
    this.spent = spent;
    this.time = begun + spent;
    if (last) {
      this.keep(old);
      this.ends.push(this.trace.at(-1).x);
    }
  }

  /** Keep the samples that lie in the step that ends `spent` seconds after the interval began, by its interpolant. */
  sampleUpTo(step, spent, duration, begun) {
    const { network: { free }, u, before, x } = this;
    const moment = (k) => duration * (k / this.points) ** 2; // denser where it moves faster
    let ready = false;
    for (; this.sample + 1 < this.points && moment(this.sample + 1) < spent; this.sample++) {
      if (!ready) {
        for (let row = 0; row < free.length; row++) {
          let c3 = 0, c4 = 0;
          for (let j = 0; j < 5; j++) { c3 += BETWEEN[0][j] * u[j][row]; c4 += BETWEEN[1][j] * u[j][row]; }
          this.c3[row] = c3;
          this.c4[row] = c4;
        }
        ready = true;
      }
      const when = moment(this.sample + 1), s = 1 - (spent - when) / step, sampled = Float64Array.from(x);
      for (let row = 0; row < free.length; row++) {
        const node = free[row];
        sampled[node] = before[node] * (1 - s) + s * (x[node] + (1 - s) * (this.c3[row] + s * this.c4[row]));
      }
      this.trace.push({ time: begun + when, interval: this.interval, x: sampled });
    }
  }

  /** Take all steps that are left. */
  finish() {
    while (this.next());
    return this;
  }
}
