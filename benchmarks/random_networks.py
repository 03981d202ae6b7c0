"""Random small networks, `Settle` against `Integrate`: `python benchmarks/random_networks.py [count] [first seed]`.

300 from seed 0 unless told; a second each. A seed makes a network by hand, of two to eight unknowns and every kind of
part, one chip or three, a batch, and a schedule of two clock lines with intervals long and short. `Settle` runs it with
fixed points from 16 time constants on, once whole, once keeping one group at the end only, once in single precision;
its efforts must be those of `Integrate` at the ends of all intervals, but for

* `inflow moves`: what moves a storage did not stand still in the interval, so that its exponential is not exact, or it
  follows at a distance;
* `slower than at zero`: a part that is not linear left a storage slower than it is at efforts of zero, and it had not
  come to rest;
* `several rests`: there is more than one fixed point, or none that `Integrate` finds.

These are limits that `Settle` states. With `Settle()` as it is, from 3 time constants on, those off by more are counted
once more. What is refused must be refused by an error of ours. Prints a table, and the seeds to look at.
"""

import sys
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np

from lstm_analog.engines import Integrate, Precision, Settle
from lstm_analog.engines.settle.phase import phase
from lstm_analog.engines.settle.stages import Mode
from lstm_analog.errors import LstmAnalogError
from lstm_analog.network.chips import of_chips
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Spools,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Save

BOUND = 1e-6
"""Largest difference, in units of signal."""
COARSE = 3e-5
"""The same of single precision, beside double."""
LEAKS = 1e-16
"""Conductance of open switches, where those closed have about 1: none that would count."""
EXACT = Integrate(rtol=1e-10, atol=1e-12, points=5)


class Drawn:
    """A network and its schedule, drawn with the generator of a `seed`."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.parts, self.used = [], 0
        self.chips = int(self.rng.choice([0, 0, 3]))
        self.sources = self.nodes(int(self.rng.integers(1, 4)))
        self.storages = self.nodes(int(self.rng.integers(1, 5)))
        self.junctions = self.nodes(int(self.rng.integers(0, 3)))
        self.known = np.concatenate((self.sources, self.storages, self.junctions))
        self.fed = np.concatenate((self.storages, self.junctions))
        self.linear = bool(self.rng.random() < 0.5)
        self.add(Sources, nodes=self.rng.permutation(self.sources), effort=0.0)
        self.add(Storages, nodes=self.storages, capacitance=self.value(self.storages.size, 0.3, 3.0))
        self.add(Junctions, nodes=self.junctions)
        self.some(self.follower, 0.3)
        self.hold()
        for _ in range(int(self.rng.integers(0, 4))):
            linear = (self.conductor, self.switch, self.transconductor, self.crossbar, self.inertance, self.follower)
            others = (self.pair, self.port, self.port, self.opamp, self.spool)
            kinds = linear if self.linear else (*linear, *others)
            kinds[int(self.rng.integers(len(kinds)))]()
        self.network = Network(
            domain=ELECTRICAL,
            unknowns=Unknowns(groups=self.groups()),
            parts=tuple(self.parts),
            lines=("first", "second"),
            provenance=(("model", "drawn"),),
        )
        self.schedule = self.drawn_schedule()

    def groups(self):
        cut = int(self.rng.integers(1, self.used + 1))
        sizes = [size for size in (cut, self.used - cut) if size]
        return tuple(Group(label=f"g{k}", size=size, scale=self.scale()) for k, size in enumerate(sizes))

    def scale(self):
        return float(self.rng.choice([1.0, 1.0, 0.2]))

    def nodes(self, count):
        first = self.used + 1
        self.used += count
        return np.arange(first, first + count)

    def add(self, kind, **values):
        if all(np.size(value) for value in values.values() if isinstance(value, np.ndarray)):
            self.parts.append(kind(label=f"{kind.__name__.lower()}{len(self.parts)}", **values))

    def some(self, make, chance):
        if self.rng.random() < chance:
            make()

    def value(self, count, low, high):
        lead = (self.chips,) if self.chips and self.rng.random() < 0.5 else ()
        return np.exp(self.rng.uniform(np.log(low), np.log(high), (*lead, count)))

    def pick(self, among, count=1):
        return self.rng.choice(among, count)

    def line(self):
        return int(self.rng.choice([ALWAYS, 0, 1]))

    def hold(self):
        """Tie each unknown that flows move to another or to the datum, in every phase."""
        ends = np.array([self.rng.choice(np.append(self.known[self.known != node], 0)) for node in self.fed])
        self.add(Conductors, a=ends, b=self.fed, conductance=self.value(self.fed.size, 0.1, 3.0))
        if self.rng.random() < 0.7:
            self.add(Conductors, a=self.fed, b=0 * self.fed, conductance=self.value(self.fed.size, 0.05, 2.0))

    def ends(self, count):
        a = self.pick(np.append(self.known, 0), count)
        b = self.pick(self.fed, count)
        return (a[a != b], b[a != b])

    def conductor(self):
        a, b = self.ends(2)
        self.add(Conductors, a=a, b=b, conductance=self.value(a.size, 1e-3, 10.0))

    def switch(self):
        a, b = self.ends(2)
        line, opened = int(self.rng.integers(2)), float(self.rng.choice([LEAKS, 1e-6, 1e-3]))
        self.add(Switches, line=line, a=a, b=b, closed=self.value(a.size, 0.1, 100.0), opened=opened)

    def transconductor(self):
        among = self.sources if self.rng.random() < 0.7 else self.known  # a dense bank in a loop is refused
        inputs, rows = self.pick(among, 2), self.pick(self.fed, 2)
        gain = self.rng.normal(0.0, 0.3, (*((self.chips,) if self.chips else ()), 2, 2))
        self.add(Transconductors, inputs=inputs, rows=rows, transconductance=gain)

    def crossbar(self):
        inputs, (plus, minus) = self.pick(self.sources, 2), self.pick(self.fed, (2, 1))
        tubes = [self.value(2, 0.1, 1.0)[..., None, :] for _ in range(2)]
        positive, negative = np.broadcast_arrays(*tubes) if tubes[0].ndim == tubes[1].ndim else (tubes[0], tubes[0])
        loads = {"plus_load": self.value(1, 0.1, 1.0), "minus_load": 0.0}
        kind = np.inf if self.linear else float(self.rng.choice([np.inf, 1.0]))
        found = {"inputs": inputs, "plus": plus, "minus": minus, "positive": positive, "negative": negative}
        self.add(Crossbars, **found, **loads, transition=kind)

    def follower(self):
        inputs, nodes = self.pick(self.known), self.nodes(1)
        high = np.inf if self.linear else float(self.rng.choice([np.inf, 0.4]))
        terms = [Term(inputs=inputs, gain=self.rng.choice([1.0, -0.7]))]
        if self.rng.random() < 0.5:
            terms.append(Term(inputs=self.pick(self.known), gain=0.5))
        offset = float(self.rng.choice([0.0, 0.1]))
        self.add(Followers, terms=tuple(terms), nodes=nodes, offset=offset, low=-high, high=high)
        self.known = np.append(self.known, nodes)

    def inertance(self):
        a, b = self.ends(1)
        if a.size:
            values = {"inertance": self.value(1, 0.1, 3.0), "closed": self.value(1, 0.3, 3.0)}
            self.add(Inertances, line=self.line(), a=a, b=b, state=self.nodes(1), **values, opened=LEAKS, closing=0.1)

    def pair(self):
        shape = Shape(self.rng.choice(["tanh", "sigmoid", "linear", "softplus"]))
        tiers = [
            Factor(shape=shape, p=self.pick(self.known), n=self.pick(np.append(self.known, 0)), scale=1.0, offset=0.2)
            for _ in range(int(self.rng.integers(1, 3)))
        ]
        current = self.rng.choice([-1.0, 1.0]) * self.value(1, 0.1, 0.5)
        self.add(Pairs, line=self.line(), factors=tuple(tiers), out=self.pick(self.fed), current=current)

    def port(self):
        a, b = self.ends(2)
        shape = Shape(self.rng.choice(["exp", "sigmoid", "softplus", "relu"]))
        ends = {"a": a, "b": b, "p": self.pick(self.known, a.size), "n": self.pick(np.append(self.known, 0), a.size)}
        bounds = {"limit": float(self.rng.choice([np.inf, 1.0])), "transition": float(self.rng.choice([np.inf, 0.5]))}
        control = {"scale": float(self.rng.choice([-1.0, 1.0, 2.0])), "offset": 0.3}
        conductance = self.value(a.size, 0.1, 2.0)
        self.add(Ports, line=self.line(), shape=shape, **ends, conductance=conductance, **control, **bounds)

    def opamp(self):
        """An inverter, its output on a junction of its own."""
        rate = {"gain_bandwidth": float(self.rng.choice([0.3, 10.0])), "slew": float(self.rng.choice([0.5, 100.0]))}
        data = OpAmpData(gain=1e3, rail=3.0, output_resistance=0.05, offset=1e-3, **rate)
        summing, out, state = (self.nodes(1) for _ in range(3))
        self.add(Junctions, nodes=np.concatenate((summing, out)))
        self.add(Conductors, a=[*self.pick(self.known), *summing], b=[*summing, *out], conductance=[1.0, 0.5])
        self.parts.append(
            opamps(f"opamp{len(self.parts)}", data, plus=np.array([0]), minus=summing, out=out, state=state)
        )
        self.known = np.append(self.known, out)

    def spool(self):
        p, n, states = self.pick(self.known), self.pick(np.append(self.known, 0)), self.nodes(2)
        motion = {"capacitance": 1.0, "frequency": self.value(1, 0.3, 5.0), "damping": self.value(1, 0.3, 2.0)}
        self.add(Spools, p=p, n=n, position=states[:1], speed=states[1:], **motion)
        self.known = np.append(self.known, states[:1])

    def drawn_schedule(self):
        """Intervals that are long, of some time constants, or short, some repeated; the first is long."""
        count = int(self.rng.integers(3, 7))
        durations = self.rng.choice([3000.0, 500.0, 40.0, 3.0, 0.7, 0.7, 0.05], count)
        durations[0] = 3000.0
        lead = tuple(self.rng.integers(2, 4, int(self.rng.integers(0, 2))))
        levels = self.rng.uniform(-1.0, 1.0, (*lead, count, self.sources.size))
        kept = np.flatnonzero(self.rng.random(count) < 0.4)
        for interval in kept[kept > 0]:
            levels[..., interval, :] = levels[..., interval - 1, :]
        return Schedule(
            names=tuple(f"part{k}" for k in range(count)),
            high=self.rng.random((count, 2)) < 0.5,
            durations=durations,
            imposed=(Imposed(label=self.parts[0].label, efforts=levels),),
        )


def reference(drawn):
    """Return the efforts of `Integrate`, (..., 1 + intervals, 5, unknowns): five points of each interval."""
    chips = [of_chips(drawn.network, k) for k in range(drawn.network.chips)] or [drawn.network]
    found = np.stack([EXACT.run(chip, drawn.schedule).efforts for chip in chips])
    start, rest = found[..., :1, :], found[..., 1:, :]
    inside = rest.reshape(*rest.shape[:-2], len(drawn.schedule.names), EXACT.points, rest.shape[-1])
    first = np.broadcast_to(start[..., None, :], (*start.shape[:-1], EXACT.points, start.shape[-1]))
    joined = np.concatenate((first, inside), axis=-3)
    return joined if drawn.network.chips else joined[0]


def flattened(efforts, axes):
    """Return the largest of `efforts` over the leading axes, all but the last `axes`."""
    return efforts.reshape(-1, *efforts.shape[-axes:]).max(axis=0)


def reasons(drawn, found, exact, settled):
    """Return why efforts `found` differ from those `exact`, where they first do: a limit that is stated, or "WRONG"."""
    ends = flattened(np.abs(found - exact[..., -1, :]), 2)
    interval = int(np.flatnonzero((ends > BOUND).any(axis=1))[0])
    off = ends[interval] > BOUND
    if interval == 0:
        return "several rests" if not drawn.linear else "WRONG"
    moves = flattened(np.ptp(exact[..., interval, :, :], axis=-2), 1) > 1e-9
    late = flattened(np.abs(exact[..., interval, -1, :] - exact[..., interval, -2, :]), 1) > 1e-9
    stages = [stage for stage in stages_of(drawn, interval - 1, settled) if off[stage.nodes].any()]
    if any(moves[np.setdiff1d(stage.inputs, stage.level.members)].any() for stage in stages if slow(stage, late)):
        return "inflow moves"
    if not drawn.linear and any(late[stage.nodes].any() for stage in stages):
        return "slower than at zero"
    return "several rests" if not drawn.linear and off[newton_nodes(drawn, settled)].any() else "WRONG"


def slow(stage, late):
    """Return whether a `stage` is an exponential, or has unknowns that are `late`: they still move at the end."""
    return stage.mode is Mode.EXPONENTIAL or bool(late[stage.nodes].any())


def stages_of(drawn, interval, settled):
    """Return the stages of an interval; where chips do not settle alike, those of all chips alone."""
    high, duration = drawn.schedule.phase(interval), float(drawn.schedule.durations[interval])
    try:
        return phase(drawn.network, high, duration, settled).stages
    except LstmAnalogError:
        chips = (of_chips(drawn.network, chip) for chip in range(drawn.network.chips))
        return [stage for chip in chips for stage in phase(chip, high, duration, settled).stages]


def newton_nodes(drawn, settled):
    """Return the unknowns that Newton's method sets in any interval."""
    found = [np.empty(0, np.int64)]
    for number in range(len(drawn.schedule.names)):
        found += [stage.nodes for stage in stages_of(drawn, number, settled) if stage.mode is Mode.NEWTON]
    return np.concatenate(found)


def compared(drawn, exact, engine):
    """Return what became of a run by `engine`, in a word, and the largest difference from `exact`."""
    try:
        found = engine.run(drawn.network, drawn.schedule)
        word = unlike(drawn, found.efforts, engine)
    except LstmAnalogError as error:
        return f"refused: {sentence(error)}", 0.0
    except Exception as error:  # noqa: BLE001 - what this benchmark looks for
        return f"BARE {type(error).__name__}: {error}", 0.0
    worst = float(np.abs(found.efforts - exact[..., -1, :]).max())
    if word or worst <= BOUND:
        return word or ("right, some over time" if "over time" in found.engine else "right"), worst
    return reasons(drawn, found.efforts, exact, engine.settled), worst


def unlike(drawn, whole, engine):
    """Return what is "WRONG" about a run that keeps one group at the end, or is of single precision, beside `whole`."""
    group, last = drawn.network.unknowns.groups[-1].label, drawn.schedule.names[-1]
    part = replace(engine, save=Save(groups=(group,), intervals=(last,))).run(drawn.network, drawn.schedule).efforts
    if np.abs(part[..., -1, :] - whole[..., -1, drawn.network.unknowns[group]]).max() > BOUND:
        return "WRONG where one group is kept"
    single = replace(engine, precision=Precision.SINGLE).run(drawn.network, drawn.schedule).efforts
    return "WRONG in single precision" if np.abs(single - whole).max() > COARSE else ""


def sentence(error):
    """Return what `error` says must be so, without names and numbers."""
    subject, _, rule = str(error).partition(" must ")
    rule = rule.rpartition(" must ")[2] or rule  # of one chip: the reason in brackets
    return f"{subject.partition(' ')[0]} must {rule.partition(',')[0]}"[:90]


def main(words):
    """Print how many networks agree, are refused or differ, and why."""
    number, first = (int(word) for word in (*words, *("300", "0")[len(words) :]))
    warnings.simplefilter("error")
    strict, usual, look = Counter(), Counter(), []
    for seed in range(first, first + number):
        try:
            drawn = Drawn(seed)
            exact = reference(drawn)
        except LstmAnalogError as error:
            strict[f"no reference: {sentence(error)}"] += 1
            continue
        except Warning as error:
            strict[f"no reference: {type(error).__name__}"] += 1
            continue
        word, worst = compared(drawn, exact, Settle(settled=16.0))
        strict[word] += 1
        again, _ = compared(drawn, exact, Settle())
        usual["3 to 16 time constants" if again == "WRONG" and not word.startswith("WRONG") else again] += 1
        if word.startswith(("WRONG", "BARE")):
            look.append((seed, word, worst))
    for title, found in (("settled=16", strict), ("settled=3", usual)):
        print(f"{title}: {number} networks from seed {first}")
        for word, count in found.most_common():
            print(f"{count:6d}  {word}")
    for entry in look:
        print("LOOK AT", *entry)


if __name__ == "__main__":
    main(sys.argv[1:])
