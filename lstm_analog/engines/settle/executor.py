"""Executes a program: binds its stages to arrays once, then makes calls only."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.arrays import Array, Indices, Span, span
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import compiled
from lstm_analog.engines.phase.couplings import Couplings, couplings, recoupled, with_batch_axis
from lstm_analog.engines.record import Record, Recorder
from lstm_analog.engines.settle.buffers import Buffers, Matrices
from lstm_analog.engines.settle.kernels import calls
from lstm_analog.engines.settle.modes import Modes
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.program import AT_REST, Instruction, RunProgram
from lstm_analog.engines.settle.stages import ComponentStage, Key, Mode, refitted
from lstm_analog.engines.settle.transient import Transients
from lstm_analog.errors import NetworkError, SimulationError, explain
from lstm_analog.expressions import Call
from lstm_analog.network.chips import chip_axis
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Idle, rows
from lstm_analog.network.parts import Part, Sources


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
    carried = _run(program, efforts, recorder.records, monitors, progress)
    for watch, monitor in zip(recorder.watches, monitors, strict=True):
        watch.note(monitor.lowest.swapaxes(-1, -2), monitor.highest.swapaxes(-1, -2))
    return carried


def _run(
    program: RunProgram,
    efforts: Array,
    records: tuple[Record, ...],
    monitors: tuple["_Monitor", ...],
    progress: Progress | None,
) -> list[int]:
    inputs = {label: _input(program, label, efforts) for label in program.changed}
    loads = [tuple(inputs[label] for label in instruction.load) for instruction in program.instructions]
    copies = [_copies(record, efforts) for record in records]
    places = [record.places.tolist() for record in records]
    keeps = [
        [(places[k], *copy) for k in instruction.keep for copy in copies[k]] for instruction in program.instructions
    ]
    special = [bool(each.checked.size or each.controlled) or each.phase.over_time for each in program.instructions]
    checks = [_Check(each, efforts) if some else None for each, some in zip(program.instructions, special, strict=True)]
    carried: list[int] = []
    order, last = program.order.tolist(), program.order.size - 1
    for points, calls_of, transients in _stretches(program, efforts, monitors):
        for point in points:
            number = order[point]
            for entry in loads[number]:
                entry.load(point)
            if (check := checks[number]) is None:
                for call in calls_of[number]:
                    call()
            elif _advance(program.instructions[number].phase, calls_of[number], check, transients, monitors):
                carried.append(point - 1)
            for turns, target, source in keeps[number]:
                target[turns[point]] = source
            if progress is not None and point:
                progress(point, last)
    return carried


def _advance(
    phase: Phase, some: tuple[Call, ...], check: "_Check", transients: Transients, monitors: tuple["_Monitor", ...]
) -> bool:
    """Advance the efforts by an interval of a `phase` by the calls `some`, or over time if a `check` finds no rest.

    Returns whether it was over time.
    """
    if not phase.over_time and check.come_to_rest(some):
        return False
    transients(phase.high, phase.duration)
    for monitor in monitors:
        monitor.note(check.efforts)
    return True


def _stretches(
    program: RunProgram, efforts: Array, monitors: tuple["_Monitor", ...]
) -> Iterator[tuple[range, list[tuple[Call, ...]], Transients]]:
    """Yield the points of each stretch of the schedule, the start in the first, and the calls of all instructions.

    The third is what runs a phase over time there. Stages that are fed by banks whose parameters differ from those of
    the stretch before are bound again.
    """
    stages = {stage.key: stage for instruction in program.instructions for stage in instruction.stages}
    bound: dict[Key, tuple[Call, ...]] = {}
    labels, present = {part.label for part in program.network.parts}, program.network.parts
    known: dict[High, Couplings] = {}
    for network, intervals in program.schedule.stretches(program.network):
        parts = tuple(part for part in network.parts if part.label in labels)
        changed = [part for part, before in zip(parts, present, strict=True) if part is not before]
        present, matrices = parts, Matrices()
        now = replace(program.network, parts=parts) if changed else program.network
        with ExitStack() as stack:
            transients = Transients(now, efforts, stack)
            if changed and not known:
                highs = {stage.couplings.high for stage in stages.values()}
                known = {high: couplings(with_batch_axis(program.network), high) for high in highs}
            for key, stage in _refitted(stages, now, changed, known).items() if changed else ():
                stages[key] = stage
                bound.pop(key, None)
            for key, stage in stages.items():
                if key not in bound:
                    bound[key] = _bound_calls(stage, efforts, monitors, matrices)
            each = [[call for stage in one.stages for call in bound[stage.key]] for one in program.instructions]
            calls_of = [compiled(some) for some in each]
            yield range(intervals.start + bool(intervals.start), intervals.stop + 1), calls_of, transients


def _refitted(
    stages: dict[Key, ComponentStage], network: Network, changed: list[Part], known: dict[High, Couplings]
) -> dict[Key, ComponentStage]:
    """Return those of `stages` which banks that have `changed` feed, with the parameters that `network` has now.

    `known` are the couplings by clock lines as they were, and as they are.
    """
    fed = np.zeros(network.unknowns.size, dtype=bool)
    for part in changed:
        fed[rows(part)] = True
    spread, labels = with_batch_axis(network), {part.label for part in changed}
    wide = [part for part in spread.parts if part.label in labels]
    known.update({high: recoupled(before, spread, wide) for high, before in known.items()})
    affected = {key: stage for key, stage in stages.items() if fed[stage.level.members].any()}
    return {key: refitted(stage, known[stage.couplings.high]) for key, stage in affected.items()}


def _bound_calls(
    stage: ComponentStage, efforts: Array, monitors: tuple["_Monitor", ...], matrices: Matrices
) -> tuple[Call, ...]:
    """Return the calls of a `stage` bound to `efforts`, with the `monitors` of its nodes.

    `matrices` are those that stages bound before have multiplied their weights into.
    """
    if stage.mode is Mode.TRANSIENT:
        return ()  # `_advance` runs it
    watching = (call for monitor in monitors for call in monitor.calls(stage, efforts))
    return compiled((*calls(stage, efforts, matrices), *watching))


class _Check:
    """Tells whether storages that an `instruction` takes to be at rest, though they may not settle, were nearly so."""

    def __init__(self, instruction: Instruction, efforts: Array) -> None:
        phase, checked = instruction.phase, instruction.checked
        self.efforts, self.nodes, self.phase = efforts, phase.unsettled[checked], phase
        self.left = (phase.left[checked] / phase.scales[self.nodes])[:, None]
        self.controlled = instruction.controlled
        self.before = np.empty_like(efforts)

    def come_to_rest(self, calls: tuple[Call, ...]) -> bool:
        """Make the `calls`; return whether little is left, at the end, of how far the storages stood from rest.

        If not, or if no fixed point is found, the efforts are those at the start again.
        """
        np.copyto(self.before, self.efforts)
        try:
            for call in calls:
                call()
            near = self._is_near()
        except (SimulationError, np.linalg.LinAlgError):
            near = False
        if not near:
            np.copyto(self.efforts, self.before)
        return near

    def _is_near(self) -> bool:
        away = np.abs(self.efforts[..., self.nodes, :] - self.before[..., self.nodes, :])
        if not (away * self.left).max(initial=0.0) <= AT_REST:
            return False
        return all(self._is_nearly_at_rest(modes) for modes in self.controlled)

    def _is_nearly_at_rest(self, modes: Modes) -> bool:
        """Return whether little is left of how far the storages of `modes` stood, by their rates at the end."""
        now, before = (np.swapaxes(each, -1, -2) for each in (self.efforts, self.before))
        constants = modes.slowest(now)[..., None] * self.phase.duration
        left = np.where(constants < self.phase.settled, np.exp(-np.clip(constants, 0.0, self.phase.settled)), 0.0)
        nodes = modes.storages
        away = np.abs(now[..., nodes] - before[..., nodes]) / self.phase.scales[nodes]
        return bool((away * left).max() <= AT_REST)


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

    def calls(self, stage: ComponentStage, efforts: Array) -> tuple[Call, ...]:
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
    entry in force at each point, `places` are the sources among the `efforts`. Chips lead the sources where they
    differ.
    """

    values: Array
    turn: Indices
    efforts: Array
    places: Span

    def load(self, point: int) -> None:
        """Copy the efforts of `point` into place."""
        self.efforts[..., self.places, :] = self.values[self.turn[point]]


def _input(program: RunProgram, label: str, efforts: Array) -> _Input:
    entry = next(entry for entry in program.schedule.imposed if entry.label == label)
    nodes, flags = _sources(program.network, label).nodes, program.changed[label]
    intervals = np.maximum(np.flatnonzero(flags) - 1, 0)
    values = program.schedule.side_by_side(entry)[..., intervals, :]
    return _Input(
        values=np.ascontiguousarray(np.moveaxis(values, (-2, -3), (0, -1)), dtype=efforts.dtype),
        turn=np.cumsum(flags) - 1,
        efforts=efforts,
        places=span(nodes),
    )


def _sources(network: Network, label: str) -> Sources:
    part = network.part(label)
    if isinstance(part, Sources):
        return part
    raise NetworkError(explain(f"imposed {label}", must="name sources", got=type(part).__name__, do="fit the schedule"))
