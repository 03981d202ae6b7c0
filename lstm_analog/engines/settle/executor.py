"""Executes a program: binds its stages to arrays once, then makes calls only."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.arrays import Array, Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.record import Record, Recorder
from lstm_analog.engines.settle.buffers import Buffers, Matrices
from lstm_analog.engines.settle.kernels import calls
from lstm_analog.engines.settle.program import AT_REST, Instruction, RunProgram
from lstm_analog.engines.settle.stages import Key, Mode, Stage
from lstm_analog.engines.settle.transient import Transients
from lstm_analog.errors import NetworkError, SimulationError, explain
from lstm_analog.expressions import Call
from lstm_analog.network.chips import chip_axis
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle
from lstm_analog.network.parts import Sources


def execute(program: RunProgram, recorder: Recorder, dtype: DTypeLike, progress: Progress | None) -> list[int]:
    """Run a `program` in numbers of `dtype` and write its results into `recorder`, with leading axes (chips, batch).

    Returns the numbers of the intervals that were run over time, for want of rest. `progress` is called after each
    interval. Memory grows with the number of intervals only by what is recorded. Nodes with limits are monitored
    wherever the program sets them.
    """
    network, schedule = program.network, program.schedule
    efforts = np.zeros((*chip_axis(recorder.network), network.unknowns.size, int(np.prod(schedule.batch))), dtype=dtype)
    for part in network.parts:
        if isinstance(part, Sources):
            efforts[..., part.nodes, :] = part.effort[..., None]
    monitors = tuple(_monitor(watch.limits, efforts) for watch in recorder.watches)
    with ExitStack() as stack:
        transients = Transients(network, efforts, stack)
        carried = _run(program, efforts, transients, recorder.records, monitors, progress)
    for watch, monitor in zip(recorder.watches, monitors, strict=True):
        watch.note(monitor.lowest.swapaxes(-1, -2), monitor.highest.swapaxes(-1, -2))
    return carried


def _run(
    program: RunProgram,
    efforts: Array,
    transients: Transients,
    records: tuple[Record, ...],
    monitors: tuple["_Monitor", ...],
    progress: Progress | None,
) -> list[int]:
    inputs = {label: _input(program, label, efforts) for label in program.changed}
    bound: dict[Key, tuple[Call, ...]] = {}
    matrices: Matrices = {}
    loads = [tuple(inputs[label] for label in instruction.load) for instruction in program.instructions]
    calls_of = [_bound_calls(each, efforts, transients, monitors, bound, matrices) for each in program.instructions]
    copies = [_copies(record, efforts) for record in records]
    places = [record.places.tolist() for record in records]
    keeps = [
        [(places[k], *copy) for k in instruction.keep for copy in copies[k]] for instruction in program.instructions
    ]
    checks = [_Check(each, efforts) if each.checked.size else None for each in program.instructions]
    carried: list[int] = []
    last = program.order.size - 1
    for point, number in enumerate(program.order.tolist()):
        for entry in loads[number]:
            entry.load(point)
        check, phase = checks[number], program.instructions[number].phase
        if check is None:
            for call in calls_of[number]:
                call()
        elif not check.come_to_rest(calls_of[number]):
            transients(phase.high, phase.duration)
            for monitor in monitors:
                monitor.note(efforts)
            carried.append(point - 1)
        if phase.over_time:
            carried.append(point - 1)
        for turns, target, source in keeps[number]:
            target[turns[point]] = source
        if progress is not None and point:
            progress(point, last)
    return carried


class _Check:
    """Tells whether storages that an `instruction` takes to be at rest, though they do not settle, were nearly so."""

    def __init__(self, instruction: Instruction, efforts: Array) -> None:
        phase, checked = instruction.phase, instruction.checked
        self.efforts, self.nodes = efforts, phase.unsettled[checked]
        self.left = (phase.left / phase.scales)[checked, None]
        self.before = np.empty_like(efforts)

    def come_to_rest(self, calls: tuple[Call, ...]) -> bool:
        """Make the `calls`; return whether little is left, at the end, of how far the storages stood from rest.

        If not, or if no fixed point is found, the efforts are those at the start again.
        """
        np.copyto(self.before, self.efforts)
        try:
            for call in calls:
                call()
        except SimulationError:
            moved = np.inf
        else:
            away = np.abs(self.efforts[..., self.nodes, :] - self.before[..., self.nodes, :])
            moved = float((away * self.left).max())
        if not moved <= AT_REST:
            np.copyto(self.efforts, self.before)
            return False
        return True


def _bound_calls(
    instruction: Instruction,
    efforts: Array,
    transients: Transients,
    monitors: tuple["_Monitor", ...],
    bound: dict[Key, tuple[Call, ...]],
    matrices: Matrices,
) -> tuple[Call, ...]:
    """Return the calls of an `instruction`: its stages bound to `efforts`, with the `monitors` of their nodes.

    A stage of several instructions is bound once: `bound` holds the calls so far, `matrices` the matrices they share.
    """
    for stage in instruction.stages:
        if stage.key not in bound:
            watching = (call for monitor in monitors for call in monitor.calls(stage, efforts))
            over_time = stage.mode is Mode.TRANSIENT
            made = (partial(transients, stage.high, stage.duration),) if over_time else calls(stage, efforts, matrices)
            bound[stage.key] = (*made, *watching)
    return tuple(call for stage in instruction.stages for call in bound[stage.key])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Monitor:
    """The `lowest` and `highest` efforts (..., m, batch) so far of the m nodes that have `limits`."""

    limits: Idle
    lowest: Array
    highest: Array

    def note(self, efforts: Array) -> None:
        """Update the extremes from all of `efforts` (..., unknowns, batch)."""
        seen = efforts[..., self.limits.nodes, :]
        np.minimum(self.lowest, seen, out=self.lowest)
        np.maximum(self.highest, seen, out=self.highest)

    def calls(self, stage: Stage, efforts: Array) -> tuple[Call, ...]:
        """Return the calls that update the extremes from what `stage` has set in `efforts` (..., unknowns, batch)."""
        chosen = np.flatnonzero(np.isin(self.limits.nodes, stage.nodes))
        buffers = Buffers(efforts=efforts)
        for part in np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1) if chosen.size else ():
            seen, places = buffers.side_by_side(self.limits.nodes[part]), slice(part[0], part[-1] + 1)
            lowest, highest = self.lowest[..., places, :], self.highest[..., places, :]
            buffers.calls.append(partial(np.minimum, lowest, seen, out=lowest))
            buffers.calls.append(partial(np.maximum, highest, seen, out=highest))
        return tuple(buffers.calls)


def _monitor(limits: Idle, efforts: Array) -> _Monitor:
    shape = (*efforts.shape[:-2], limits.nodes.size, efforts.shape[-1])
    return _Monitor(limits=limits, lowest=np.full(shape, np.inf), highest=np.full(shape, -np.inf))


def _copies(record: Record, efforts: Array) -> list[tuple[Array, Array]]:
    """Return pairs of arrays (points of a `record`, efforts to copy there), one for each run of neighbouring nodes."""
    nodes = np.arange(efforts.shape[-2])[record.nodes]
    breaks = np.flatnonzero(np.diff(nodes) != 1) + 1
    points, result = np.moveaxis(record.efforts, -2, 0), []
    for places in np.split(np.arange(nodes.size), breaks):
        first = int(nodes[places[0]])
        source = efforts[..., first : first + places.size, :].swapaxes(-1, -2)
        result.append((points[..., places[0] : places[-1] + 1], source))
    return result


@dataclass(frozen=True, kw_only=True, eq=False)
class _Input:
    """The efforts that a source bank imposes in time, and where they go.

    `values` (changes, ..., sources, batch) has an entry for each change, `turn` (1 + intervals,) is the number of the
    entry in force at each point, `target` the view of the efforts. Chips lead the sources where they differ.
    """

    values: Array
    turn: Indices
    target: Array

    def load(self, point: int) -> None:
        """Copy the efforts of `point` into place."""
        self.target[...] = self.values[self.turn[point]]


def _input(program: RunProgram, label: str, efforts: Array) -> _Input:
    entry = next(entry for entry in program.schedule.imposed if entry.label == label)
    nodes, flags = _sources(program.network, label).nodes, program.changed[label]
    intervals = np.maximum(np.flatnonzero(flags) - 1, 0)
    values = program.schedule.side_by_side(entry)[..., intervals, :]
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
