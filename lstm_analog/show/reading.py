"""Find the points of a step in the trajectory of a run, and the groups of a memory, for the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import LayerLayout, Spot
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model import LSTM, Chain, LayerTrace
from lstm_analog.network.laws import Kind
from lstm_analog.network.roles import internal_states
from lstm_analog.study import Run
from lstm_analog.study.keeping import check_whole
from lstm_analog.study.run import PassRun

FEWEST = 8
"""The least number of points in an interval that settles, so that its waveform is not drawn wrongly."""

_SLACK = np.array([-1e-9, 1e-9])
"""Tolerances for rounding of times, in time constants."""

MOST_UNITS = 6
"""The largest number of units in a picture; with more, lines can no longer be distinguished."""


_CANDIDATES = ("cell", "new", "hidden")
"""Names of gates that are no gates but what is written, of an LSTM, a GRU and a plain RNN."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """A group of unknowns through which a memory passes: its `label`, and its `role` in the memory.

    Roles are master, slave or store; what comes before has its own name, such as sum. Of a differential signal, whose
    effort is that between two groups, `against` is the label of the other one.
    """

    role: str
    label: str
    against: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """One unit of one chain in one sequence during one step; a chain is one direction of a layer.

    Attributes
    ----------
    run : PassRun
        The run of the pass that has the chain.
    layout : LayerLayout
        Where to read the signals of the chain.
    step, layer, unit, sequence : int
        Counted from zero; `layer` counts the chains of all passes.
    start : float
        The time at which the step begins (s).
    edges : float array, (intervals + 1,)
        The times at which its intervals begin and end, in seconds since `start`.
    names : tuple of str, (intervals,)
        The names of the intervals.
    points : slice
        The points of the trajectory within the step.
    """

    run: PassRun
    layout: LayerLayout
    step: int
    layer: int
    unit: int
    sequence: int
    start: float
    edges: Floats
    names: tuple[str, ...]
    points: slice

    @property
    def time(self) -> Floats:
        """The times of the points, in seconds since `start`, shape (points,)."""
        return self.run.trajectory.time[self.points] - self.start

    @property
    def layers(self) -> list[int]:
        """The numbers of the layers in the pass, in the order of their stages."""
        return list(dict.fromkeys(place.layer for place in self.run.compiled.layout.layers))

    def effort(self, label: str, against: str | None = None) -> Floats:
        """Return the effort of the unit in the group `label` at `time`, in the domain's unit, shape (points,).

        Of a differential signal it is that between the groups `label` and `against`.
        """
        return self.whole_effort(label, against)[self.points]

    def whole_effort(self, label: str, against: str | None) -> Floats:
        """Return the effort between `label` and `against`, as `effort` does, at all points of the trajectory."""
        unknowns = self.run.trajectory.network.unknowns
        efforts = one(self.run, self.run.trajectory.efforts, self.sequence)
        waveform: Floats = efforts[:, unknowns[label][self.unit]]
        return waveform if against is None else waveform - efforts[:, unknowns[against][self.unit]]

    def signal(self, spot: Spot) -> Floats:
        """Return the signal at `spot` of the unit at `time`, in the effort unit, shape (points,)."""
        return self.effort(spot.group, spot.against) * (spot.gain[self.unit] if spot.gain else 1.0)

    def scale(self, label: str) -> float:
        """Return the effort of one unit of signal in the group `label`."""
        unknowns = self.run.compiled.network.unknowns
        return float(unknowns.scales()[unknowns[label][self.unit]])

    def moment(self, spot: Spot) -> float:
        """Return the time at which the signal at `spot` is sampled, in seconds since `start`."""
        return float(self.edges[1 + self.run.compiled.cycle.position(spot.interval)])

    def trails(self, spot: Spot) -> tuple[Trail, ...]:
        """Return the groups through which the memory at `spot` passes, in the order of the signal.

        They are the junctions and storages whose labels begin with that of the memory; followers and sources would add
        no new waveform, and internal states of parts are no nodes.
        """
        network = self.run.compiled.network
        kinds, ends = network.kinds(), ("", None) if spot.against is None else ("_p", "_n")
        nodes = np.setdiff1d(np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED])), internal_states(network))
        start = f"{spot.group.removesuffix(ends[0])}_"
        there = [label for label in (g.label for g in network.unknowns.groups) if label.startswith(start)]
        found = {}
        for label in there:
            name = label.removeprefix(start).removesuffix(ends[0])
            against = None if ends[1] is None else f"{start}{name}{ends[1]}"
            paired = label.endswith(ends[0]) and (against is None or (name and against in there))
            if paired and label != spot.group and np.isin(network.unknowns[label], nodes).all():
                role = "master" if name == "new" else name.replace("_", " ")
                found[role] = Trail(role=role, label=label, against=against)
        masters = [found.pop("master")] if "master" in found else []
        last = Trail(role="slave" if masters else "store", label=spot.group, against=spot.against)
        return (*found.values(), *masters, last)


def window(run: Run, step: int, *, layer: int, unit: int, sequence: int) -> Window:
    """Return the window on `unit` of `layer` in `sequence` of `run` during `step`; -1 stands for the last of each.

    `layer` counts chains; a layer of two directions has two, the forward one first.

    Raises `InvalidValueError` if there is no such step, layer, unit or sequence, the run has not kept everything, or
    the trajectory has too few points for waveforms.
    """
    layer = pick("layer", layer, len(run.layers))
    part, layout = [(each, place) for each in run.passes for place in each.compiled.layout.layers][layer]
    check_whole(part.trajectory)
    compiled, schedule = part.compiled, part.trajectory.schedule
    sequence = pick_sequence(run, sequence)
    steps = steps_of(run, sequence)
    number, count = pick("step", step, steps), len(compiled.cycle.step)
    first = 1 + (steps - 1 - number if layout.backward else number) * count
    ends = schedule.ends[first - 1 : first + count]
    left, right = np.searchsorted(part.trajectory.time, ends[[0, -1]] + _SLACK * compiled.time_constant)
    result = Window(
        run=part,
        layout=layout,
        step=number,
        layer=layer,
        unit=pick("unit", unit, min(run.layers[layer].h.shape[-1], run.layers[layer].z.shape[-1])),
        sequence=sequence,
        start=float(ends[0]),
        edges=ends - ends[0],
        names=schedule.names[first : first + count],
        points=slice(int(left), int(right)),
    )
    _check_points(result)
    return result


def pick(what: str, number: int, count: int) -> int:
    """Return `number` as 0 to `count` - 1, negative numbers counted from the end; `what` is its name in errors."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise InvalidTypeError(explain(what, must="be a whole number", got=type(number).__name__, do="count from zero"))
    if not count:
        raise InvalidValueError(explain(what, must="be there", got="none", do="draw another pass: this one has none"))
    if not -count <= number < count:
        do = f"there are {count}, counted from zero"
        raise InvalidValueError(explain(what, must=f"be from {-count} to {count - 1}", got=number, do=do))
    return int(number) % count


def pick_sequence(run: Run, number: int) -> int:
    """Return the `number` of a sequence of `run` as `pick` does, 0 for a run without a batch axis.

    Raises `InvalidShapeError` if the run is of several chips: pictures show one machine.
    """
    if chips := max(each.chips for each in run.passes):
        do = "run the machine of one chip, which Streams(seed=..., first=k) draws"
        raise InvalidShapeError(explain("the run", must="be of one machine", got=f"{chips} chips", do=do))
    return pick("sequence", number, run.x.shape[0] if run.x.ndim == 3 else 1)


def steps_of(run: Run, sequence: int) -> int:
    """Return the number of steps of `sequence` in `run`; what stands behind them in a batch is padding."""
    return run.x.shape[-2] if run.lengths is None else int(run.lengths[sequence])


def pick_steps(run: Run, sequence: int, first: int, steps: int) -> range:
    """Return the numbers of `steps` steps of `sequence` of `run`, from step `first` on, which may count from the end.

    Raises `InvalidValueError` if there are not so many, or none.
    """
    count = steps_of(run, sequence)
    begin = pick("step", first, count)
    if steps < 1:
        raise InvalidValueError(explain("steps", must="be at least 1", got=steps, do="give how many steps to draw"))
    return range(begin, 1 + pick("step", begin + steps - 1, count))


def chosen_units(units: Sequence[int] | None, count: int) -> list[int]:
    """Return the numbers of the `units` to draw, the first of `count` unless given; raise for too many, or none."""
    if units is None:
        return list(range(min(count, MOST_UNITS)))
    if not 0 < len(units) <= MOST_UNITS:
        do = "draw the others in a second picture"
        raise InvalidValueError(explain("units", must=f"be 1 to {MOST_UNITS}", got=len(units), do=do))
    return [pick("unit", unit, count) for unit in units]


def one(run: Run | PassRun, array: Floats, sequence: int) -> Floats:
    """Return the entry of `sequence` in `array`, which has a batch axis if the inputs of `run` have one."""
    return array[sequence] if run.x.ndim == 3 else array


def states(run: Run, array: Floats, sequence: int) -> Floats:
    """Return the entry of `sequence` of `run` in `array` (..., time, n), without padding behind its end: (steps, n)."""
    return one(run, array, sequence)[: steps_of(run, sequence)]


def digital(run: Run, lstm: LSTM) -> tuple[LayerTrace, ...]:
    """Return the traces of `lstm` by layer for the inputs of `run`; raise if the run is of another LSTM."""
    words = dict(run.passes[0].compiled.network.provenance)
    if words.get("digest") != lstm.digest:
        must, do = f"be of the LSTM {lstm.name!r}", "give the LSTM it was compiled from"
        got = f"one of {words.get('model', 'an unnamed LSTM')!r} with other weights"
        raise InvalidValueError(explain("the run", must=must, got=got, do=do))
    return lstm.trace(run.x, run.initial_state, run.lengths).layers


def plain_gate(name: str) -> str:
    """Return the plain words for the gate `name`; what is written to a memory is called a gate in code alone."""
    return "candidate" if name in _CANDIDATES else f"{name} gate"


def literal(text: str) -> str:
    """Return `text` as matplotlib draws it letter by letter: its dollar signs begin no formula."""
    return text.replace("$", r"\$")


def chain_name(place: LayerLayout | Chain) -> str:
    """Return the layer of the chain at `place` and, if it is the second of two, its direction, in words for a title."""
    return f"layer {place.layer}{', backward' if place.backward else ''}"


def origin(run: Run) -> str:
    """Return a text with the LSTM, technology, timing and settling of `run`."""
    compiled = run.passes[0].compiled
    words = dict(compiled.network.provenance)
    names = [words[key] for key in ("model", "technology") if key in words]
    timing = compiled.timing.value.replace("_", " ")
    return ", ".join([*names, timing, f"T/τ = {compiled.settling:g}"])


def _check_points(view: Window) -> None:
    inside = np.histogram(view.time, bins=view.edges)[0]
    settling = [interval.settles for interval in view.run.compiled.cycle.step]
    fewest = int(inside[settling].min())
    if fewest < FEWEST:
        must, do = f"have at least {FEWEST} points in every interval that settles", "run with Integrate(points=60)"
        raise InvalidValueError(explain("the trajectory of a waveform", must=must, got=fewest, do=do))
