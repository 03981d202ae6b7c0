"use strict";
// A machine: a network with its layout, which says where the signals of an LSTM are read and what its valves are.

class Machine {
  constructor(told, laws) {
    Object.assign(this, told);
    this.graph = JSON.parse(told.file);
    this.network = new Network(this.graph, laws);
    this.once = this.network.once;
    const names = this.network.intervals.slice(this.once).map(({ name }) => name);
    const again = names.indexOf(names[0], 1);
    this.cycle = names.slice(0, again < 0 ? names.length : again);
    this.steps = names.length / this.cycle.length;
  }

  /** Return the effort of `unit` in the group `label`, over that of one unit of signal. */
  level(label, unit, x) {
    const node = this.network.at.get(`${label}_${unit}`);
    return x[node] / this.network.scale[node];
  }

  effort(label, unit, x) { return x[this.network.at.get(`${label}_${unit}`)]; }

  /** Return the signal at `spot` of `unit` in the efforts `x`. */
  read(spot, unit, x) {
    const near = this.level(spot.group, unit, x);
    const across = spot.against === null ? near : near - this.level(spot.against, unit, x);
    return spot.gain.length ? spot.gain[unit] * across : across;
  }

  /** Return the number of the interval called `name` in a `step`. */
  interval(step, name) { return this.once + step * this.cycle.length + this.cycle.indexOf(name); }

  /** Return the samples of `run` in its intervals `from` up to `to`, of the pauses between phases only the last. They lie
   *  denser where more moves, so that playing one after the other is slow there. */
  way(run, from, to) {
    const settles = (number) => this.settles.includes(this.network.intervals[this.once + (number - this.once) % this.cycle.length].name);
    return run.trace.filter(({ interval }, k) => interval >= from && interval < to
      && (settles(interval) || run.trace[k + 1]?.interval !== interval));
  }

  /** Return h or c, by its `name`, of `unit` in `layer` after each step that `run` has made. */
  states(run, layer, name, unit) {
    const spot = this.layers[layer][name], made = [];
    for (let step = 0; step < this.steps; step++) {
      const end = run.ends[this.interval(step, spot.interval)];
      if (end === undefined) break;
      made.push(this.read(spot, unit, end));
    }
    return made;
  }

  /** Return a copy of the network fed with the inputs `x`, a row a step, from the state at which the sequence begins. */
  fed(x, network = this.network.fork()) {
    network.intervals = [...network.intervals.slice(0, this.once), ...x.flatMap(() =>
      network.intervals.slice(this.once, this.once + this.cycle.length).map((one) => ({ ...one })))];
    const source = (k) => Math.max(0, Math.floor((k - this.once) / this.cycle.length));
    for (const bank of network.imposed) {
      const input = this.inputs.find(({ label }) => label === bank.label);
      const old = bank.efforts, cyclic = (k) => old[Math.min(old.length - 1, k < this.once ? k : this.once + (k - this.once) % this.cycle.length)];
      bank.efforts = network.intervals.map((_, k) =>
        (input ? x[source(k)].map((value) => input.offset + input.gain * value) : cyclic(k)));
    }
    return network;
  }

  /** Make the intervals in which the machine settles `factor` times as long in `network`. */
  stretch(network, factor) {
    for (const interval of network.intervals) if (this.settles.includes(interval.name)) interval.duration *= factor;
    return network;
  }

  /** Shut a `valve` of `unit` in `network`, or of all units. */
  shut(network, valve, unit = null) {
    const own = (element, k) => unit === null || k === unit;
    for (const bank of network.banks) {
      if (bank.label !== valve.bank) continue;
      const place = bank.law.parameters.indexOf(valve.parameter), wide = bank.law.parameters.length;
      bank.elements.forEach((element, k) => { if (own(element, k)) bank.number[k * wide + place] = 0; });
    }
    return network;
  }
}
