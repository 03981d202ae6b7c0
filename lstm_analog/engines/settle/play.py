"""Plays a script: the stages are bound to arrays once, then only calls are made."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.limits import BeyondError
from lstm_analog.engines.settle.bench import Bench, Call, Matrices
from lstm_analog.engines.settle.kernels import calls
from lstm_analog.engines.settle.script import Scene, Script
from lstm_analog.engines.settle.stages import Key, Stage
from lstm_analog.errors import NetworkError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle
from lstm_analog.network.parts import Sources


def play(
    script: Script,
    nodes: Indices,
    chips: tuple[int, ...],
    ranges: tuple[Idle, ...],
    dtype: DTypeLike,
    progress: Progress | None,
) -> Floats:
    """Return the efforts of `nodes` at the points that `script` keeps, (*chips, ..., points, nodes), found in `dtype`.

    `chips` is the axis of chips, () for one machine. `progress` is told the intervals done. Nothing grows with the
    number of intervals but what is kept. Raises `BeyondError` if an effort left one of the `ranges`.
    """
    network, schedule = script.network, script.schedule
    efforts = np.zeros((*chips, network.unknowns.size, int(np.prod(schedule.batch))), dtype=dtype)
    for part in network.parts:
        if isinstance(part, Sources):
            efforts[..., part.nodes, :] = part.effort[..., None]
    kept = np.flatnonzero([scene.keep for scene in script.scenes])
    result = np.empty((int(np.isin(script.order, kept).sum()), *chips, nodes.size, efforts.shape[-1]), dtype=dtype)
    gauges = tuple(_gauge(limits, efforts) for limits in ranges)
    _run(script, efforts, nodes, gauges, result, progress)
    if not all(gauge.inside for gauge in gauges):
        raise BeyondError
    batch_first = np.moveaxis(result, (0, -1), (-2, len(chips)))
    found = np.ascontiguousarray(batch_first, dtype=np.float64)
    found.flags.writeable = False  # or the trajectory would take a copy
    return found.reshape(*chips, *schedule.batch, len(result), nodes.size)


def _run(
    script: Script,
    efforts: Array,
    nodes: Indices,
    gauges: tuple["_Gauge", ...],
    result: Array,
    progress: Progress | None,
) -> None:
    inputs = {label: _input(script, label, efforts) for label in script.changed}
    bound: dict[Key, tuple[Call, ...]] = {}
    matrices: Matrices = {}
    loads = [tuple(inputs[label] for label in scene.load) for scene in script.scenes]
    programs = [_program(scene, efforts, gauges, bound, matrices) for scene in script.scenes]
    keeps = [_pieces(nodes, efforts) if scene.keep else () for scene in script.scenes]
    count, last = 0, script.order.size - 1
    for point, number in enumerate(script.order.tolist()):
        for entry in loads[number]:
            entry.load(point)
        for call in programs[number]:
            call()
        if keeps[number]:
            held = result[count]
            for place, source in keeps[number]:
                held[..., place, :] = source
            count += 1
        if progress is not None and point:
            progress(point, last)


def _program(
    scene: Scene,
    efforts: Array,
    gauges: tuple["_Gauge", ...],
    bound: dict[Key, tuple[Call, ...]],
    matrices: Matrices,
) -> tuple[Call, ...]:
    """Return the calls of a scene; a stage that several scenes run is bound once, with the `gauges` of its nodes.

    `bound` and `matrices` are what stages have been bound to so far.
    """
    for stage in scene.stages:
        if stage.key not in bound:
            watching = (call for gauge in gauges for call in gauge.calls(stage, efforts))
            bound[stage.key] = (*calls(stage, efforts, matrices), *watching)
    return tuple(call for stage in scene.stages for call in bound[stage.key])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Gauge:
    """The `lowest` and `highest` efforts (..., m, batch) that the nodes of some `limits` have had."""

    limits: Idle
    lowest: Array
    highest: Array

    def calls(self, stage: Stage, efforts: Array) -> tuple[Call, ...]:
        """Return the calls that note what `stage` has set in `efforts` (..., unknowns, batch)."""
        chosen = np.flatnonzero(np.isin(self.limits.nodes, stage.nodes))
        bench = Bench(efforts=efforts)
        for part in np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1) if chosen.size else ():
            seen, places = bench.side_by_side(self.limits.nodes[part]), slice(part[0], part[-1] + 1)
            lowest, highest = self.lowest[..., places, :], self.highest[..., places, :]
            bench.calls.append(partial(np.minimum, lowest, seen, out=lowest))
            bench.calls.append(partial(np.maximum, highest, seen, out=highest))
        return tuple(bench.calls)

    @property
    def inside(self) -> bool:
        """Whether no effort has left the range."""
        low, high = self.limits.low[..., None], self.limits.high[..., None]
        return bool((self.lowest >= low).all() and (self.highest <= high).all())


def _gauge(limits: Idle, efforts: Array) -> _Gauge:
    shape = (*efforts.shape[:-2], limits.nodes.size, efforts.shape[-1])
    return _Gauge(limits=limits, lowest=np.full(shape, np.inf), highest=np.full(shape, -np.inf))


def _pieces(nodes: Indices, efforts: Array) -> tuple[tuple[slice, Array], ...]:
    """Return runs of neighbours among the `nodes`: where they go, and a view of them in `efforts`."""
    breaks = np.flatnonzero(np.diff(nodes) != 1) + 1
    starts = np.concatenate(([0], breaks, [nodes.size])).tolist()
    firsts = nodes[starts[:-1]].tolist()
    runs = zip(pairwise(starts), firsts, strict=True)
    return tuple((slice(a, b), efforts[..., first : first + b - a, :]) for (a, b), first in runs)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Input:
    """A source bank: its different `values` in time (changes, ..., sources, batch), which point has which, their place.

    Chips lead the sources where they differ in them.
    """

    values: Array
    turn: Indices
    target: Array

    def load(self, point: int) -> None:
        """Impose what the bank holds at `point`."""
        self.target[...] = self.values[self.turn[point]]


def _input(script: Script, label: str, efforts: Array) -> _Input:
    entry = next(entry for entry in script.schedule.imposed if entry.label == label)
    nodes, flags = _sources(script.network, label).nodes, script.changed[label]
    intervals = np.maximum(np.flatnonzero(flags) - 1, 0)
    values = script.schedule.side_by_side(entry)[..., intervals, :]
    target = efforts[..., int(nodes[0]) : int(nodes[-1]) + 1, :]
    return _Input(
        values=np.ascontiguousarray(np.moveaxis(values, (-2, -3), (0, -1)), dtype=efforts.dtype),
        turn=np.cumsum(flags) - 1,
        target=target,
    )


def _sources(network: Network, label: str) -> Sources:
    part = network.part(label)
    if isinstance(part, Sources):
        return part
    raise NetworkError(explain(f"imposed {label}", must="name sources", got=type(part).__name__, do="fit the schedule"))
