"""Runs a program: binds its stages to arrays once, then makes calls only, point after point.

Where it is not certain that the storages of an interval settle, it is first taken at rest; if they were too far from
there at its start, it is run over time instead, as by `Waveform`. Runs of points that need no such decision are one
call of the kernel each, if there is one. Its programs find efforts to impose, and room for records, by cursors:
addresses that differ from point to point.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.arrays import Array, Indices, Span, span
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import WORTH, KernelProgram, ProgramBuilder, addresses, executed, is_available
from lstm_analog.engines.phase.couplings import Couplings, couplings, recoupled, with_batch_axis
from lstm_analog.engines.record import Record, Recorder
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.program import AT_REST, Instruction, RunProgram
from lstm_analog.engines.settle.stages import ComponentStage, Key, refitted, slowest_rates
from lstm_analog.engines.settle.workspace import SettledSpace, workspace
from lstm_analog.engines.waveform.interval import IntervalSolver
from lstm_analog.engines.waveform.partition import AdaptivePartition
from lstm_analog.engines.waveform.pieces import OutOfReachError
from lstm_analog.engines.waveform.segment import Tolerance
from lstm_analog.engines.waveform.workspace import workspace as waveform_workspace
from lstm_analog.errors import SimulationError, UnsupportedError, explain
from lstm_analog.expressions import Call, make, putting, reading
from lstm_analog.network.chips import beside_batches
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Order, rows
from lstm_analog.network.parts import Part, Sources

_TOLERANCE = Tolerance(rtol=1e-7, atol=1e-9)
"""Tolerance of a phase that is run over time, a tenth of that of `Waveform`: phases at rest have almost no error."""


_GROWN = 1000.0
"""Largest growth of a coefficient from the first step on; larger: what is negligible in the first may count later."""


def execute(program: RunProgram, recorder: Recorder, dtype: DTypeLike, progress: Progress | None) -> list[int]:
    """Run a `program` in numbers of `dtype` and write its results into `recorder`, with leading axes (chips, batch).

    Returns the numbers of the intervals that were run over time. `progress` is called for each interval. Memory grows
    with the number of intervals only by what is recorded. The recorder also learns how far nodes with limits went,
    where the program sets them.
    """
    network, steady, over_time = program.network, program.schedule.varying is None, list[int]()
    watched = np.concatenate([np.empty(0, np.int64), *(watch.limits.nodes for watch in recorder.watches)])
    with workspace(network, (*recorder.lead, network.unknowns.size), dtype, watched, steady) as space:
        space.begin(network)
        run = ProgramPoints(program, space, recorder.records, progress)
        for points, now in _stretches(program, space):
            with ExitStack() as stack:
                transients = _Transients(now, space.efforts, stack)
                over_time += [point - 1 for point in run.by_kernel(points) if run.advance(point, transients)]
        first = 0
        for watch in recorder.watches:
            some = slice(first, first + watch.limits.nodes.size)
            watch.note(space.lowest[..., some], space.highest[..., some])
            first = some.stop
    return over_time


def _come_to_rest(instruction: Instruction, calls: tuple[Call, ...], efforts: Array) -> bool:
    """Take `efforts` (*lead, unknowns) to rest by the `calls` of an `instruction`; return whether they are near it.

    They are if each storage that may not settle would be left at most `AT_REST` from rest at the end of the phase. If
    not, or if no fixed point is found, the efforts are those at the start again.
    """
    phase, before = instruction.phase, efforts.copy(order="K")
    nodes = phase.unsettled[instruction.checked]
    left = phase.left[instruction.checked] / phase.couplings.scales[nodes]
    try:
        make(calls)
        near = bool((np.abs(efforts[..., nodes] - before[..., nodes]) * left).max(initial=0.0) <= AT_REST)
        near = near and all(_is_near(stage, phase, before, efforts) for stage in instruction.controlled)
    except (SimulationError, np.linalg.LinAlgError):
        near = False
    if not near:
        np.copyto(efforts, before)
    return near


def _is_near(stage: ComponentStage, phase: Phase, before: Array, now: Array) -> bool:
    """Return whether storages of `stage` get near rest in a `phase` that they begin with the efforts `before`.

    At rest efforts are those `now`, (*lead, unknowns). The rate is the less of that at rest and, where flows are not
    linear in the storages' own efforts, that with these as they were at the start.
    """
    nodes, rates = stage.storages, slowest_rates(stage, now)
    if stage.level.order is Order.NONLINEAR:
        start = now.copy()
        start[..., nodes] = before[..., nodes]
        rates = np.minimum(rates, slowest_rates(stage, start))
    constants = rates[..., None] * phase.duration
    left = np.where(constants < phase.settled, np.exp(-np.clip(constants, 0.0, phase.settled)), 0.0)
    away = np.abs(now[..., nodes] - before[..., nodes]) / phase.couplings.scales[nodes]
    return bool((away * left).max() <= AT_REST)


class _Transients:
    """Takes `efforts` (*lead, unknowns) of a `network` through phases over time; `stack` gives the workspace back."""

    def __init__(self, network: Network, efforts: Array, stack: ExitStack) -> None:
        self._network, self._stack, self._efforts = network, stack, efforts
        self._partitions: dict[Phase, AdaptivePartition] = {}

    @cached_property
    def _solver(self) -> IntervalSolver:
        wanted = np.ones(self._network.unknowns.size, dtype=bool)
        lent = waveform_workspace(self._network, self._efforts.shape[:-1], _TOLERANCE, wanted)
        return IntervalSolver(space=self._stack.enter_context(lent), points=1)

    def __call__(self, phase: Phase) -> None:
        """Advance the efforts by a `phase`; raises `SimulationError` if `Waveform` cannot solve it."""
        try:
            if phase not in self._partitions:
                space, high = self._solver.space, phase.couplings.high
                self._partitions[phase] = AdaptivePartition(space, high, phase.duration)
            self._efforts[...] = self._solver.advance(self._efforts, self._partitions[phase])
        except (OutOfReachError, np.linalg.LinAlgError) as reason:
            what, must = f"a phase of {phase.duration:g} s", "come to rest or be run over time"
            do = "run it with Waveform or Integrate"
            raise SimulationError(explain(what, must=must, got=f"({reason})", do=do)) from reason


class ProgramPoints:
    """Leads a run of `program` from point to point, in a `space` in which its stages are bound."""

    def __init__(
        self, program: RunProgram, space: SettledSpace, records: tuple[Record, ...], progress: Progress | None
    ) -> None:
        """Take what a run works on; it writes the `records`, and tells `progress` of each point."""
        self._program, self._space, self._records, self._progress = program, space, records, progress
        self._sources = {label: self._source(label) for label in program.changed}
        self._layout = (
            *((label, values.shape[:-2], values.strides) for label, (_, values, _) in self._sources.items()),
            *((np.arange(space.efforts.shape[-1])[each.nodes].tobytes(), each.efforts.shape) for each in records),
        )
        space.drop_others(program.instructions, self._layout)

    def _source(self, label: str) -> tuple[Span, Array, Indices]:
        """Return the nodes of the sources `label`, the efforts that they impose, and which of these at each point.

        The efforts, (..., changes, sources), have an entry for each point at which they change; which of them holds at
        each point is (1 + intervals,).
        """
        entry = next(entry for entry in self._program.schedule.imposed if entry.label == label)
        (nodes,) = (
            part.nodes for part in self._program.network.parts if isinstance(part, Sources) and part.label == label
        )
        flags = self._program.changed[label]
        values = self._program.schedule.side_by_side(entry)[..., np.maximum(np.flatnonzero(flags) - 1, 0), :]
        return span(nodes), values.astype(self._space.efforts.dtype, copy=False), np.cumsum(flags) - 1

    def advance(self, point: int, transients: _Transients) -> bool:
        """Go from the point before to a `point`: impose, solve, record; return whether it was run by `transients`."""
        instruction, space = self._program.instructions[self._program.order[point]], self._space
        for label in instruction.load:
            places, values, turn = self._sources[label]
            space.efforts[..., places] = values[..., turn[point], :]
        calls, over_time = space.calls_of(instruction), False
        if not instruction.uncertain:
            make(calls)
        else:
            found = [stage.nodes for stage in instruction.stages]
            over_time = instruction.phase.over_time or not _come_to_rest(instruction, calls, space.efforts)
            if over_time:
                transients(instruction.phase)
                found = [space.watched]
            make(space.watching(np.concatenate(found)))
        for number in instruction.keep:
            record = self._records[number]
            record.efforts[..., record.places[point], :] = space.efforts[..., record.nodes]
        if self._progress is not None and point:
            self._progress(point, self._program.order.size - 1)
        return over_time

    def by_kernel(self, points: range) -> Iterator[int]:
        """Run `points` in their order by the kernel; yield each that it cannot do, which the caller must `advance`."""
        if not is_available() or len(points) < WORTH:
            yield from points
            return
        start, order, cursors = points.start, self._program.order, self._space.cursors[self._layout]
        given = [addresses(values, turn) for _, values, turn in self._sources.values()]
        places = np.stack([*given, *(addresses(each.efforts, each.places) for each in self._records)], axis=1)
        programs = [self._program_of(each, cursors) for each in self._program.instructions]
        missing = np.array([program is None for program in programs])[order[points.start : points.stop]]

        def run(rows: slice) -> None:
            def tell(row: int) -> None:
                if self._progress is not None and rows.start + row:
                    self._progress(rows.start + row, order.size - 1)

            executed(programs, order[rows], places[rows], cursors, tell if self._progress else None)

        for point in (start + np.flatnonzero(missing)).tolist():
            run(slice(start, point))
            yield point
            start = point + 1
        run(slice(start, points.stop))

    def _program_of(self, instruction: Instruction, cursors: Indices) -> KernelProgram | None:
        """Return the program of an `instruction`, None if the kernel cannot do it."""
        programs = self._space.programs
        if instruction not in programs:
            programs[instruction] = None if instruction.uncertain else self._make_program(instruction, cursors)
        return programs[instruction]

    def _make_program(self, instruction: Instruction, cursors: Indices) -> KernelProgram | None:
        judged, efforts, labels = ProgramBuilder(), self._space.efforts, list(self._sources)
        for label in instruction.load:
            (places, values, _), number = self._sources[label], labels.index(label)
            room = np.empty_like(efforts, shape=(*efforts.shape[:-1], values.shape[-1]))
            judged.copy(room, np.broadcast_to(values[..., 0, :], room.shape), cursors[number : number + 1], 1)
            judged.add([putting(efforts, places, room)])
        judged.add(self._space.calls_of(instruction))
        for number in instruction.keep:
            record, cursor = self._records[number], number + len(labels)
            found, fetching = reading(efforts, record.nodes)
            judged.add(fetching)
            judged.copy(record.efforts[..., 0, :], found, cursors[cursor : cursor + 1], 0)
        return None if judged.may_be_unsolved else judged.program()


def _stretches(program: RunProgram, space: SettledSpace) -> Iterator[tuple[range, Network]]:
    """Yield the points and the network of each stretch of the schedule, the stages bound to the `space`.

    The start is a point of the first stretch. Stages that are fed by banks whose parameters have changed are bound
    again.
    """
    stages = {stage.key: stage for instruction in program.instructions for stage in instruction.stages}
    labels, present = {part.label for part in program.network.parts}, program.network.parts
    spread = with_batch_axis(program.network)
    first: dict[High, Couplings] = {}
    known: dict[High, Couplings] = {}
    for network, intervals in program.schedule.stretches(program.network):
        parts = tuple(part for part in network.parts if part.label in labels)
        changed = [number for number, part in enumerate(parts) if part is not present[number]]
        present, fresh = parts, dict[Key, ComponentStage]()
        now = replace(program.network, parts=parts) if changed else program.network
        if changed and not known:
            first = {high: couplings(spread, high) for high in {stage.couplings.high for stage in stages.values()}}
            known = dict(first)
        if changed:
            wide = list(spread.parts)
            for number in changed:
                wide[number] = beside_batches(parts[number])
            spread = replace(spread, parts=tuple(wide))
            fresh = _refitted(stages, spread, [wide[number] for number in changed], known)
            for high in known:
                _check_growth(first[high], known[high])
        stages |= fresh
        space.bind(stages, fresh)
        yield range(intervals.start + bool(intervals.start), intervals.stop + 1), now


def _check_growth(first: Couplings, now: Couplings) -> None:
    """Raise `UnsupportedError` if a link has become more than `_GROWN` times as large as in the `first` couplings."""
    pairs = zip(first.links, now.links, strict=True)
    for before, link in ((before, link) for before, link in pairs if link is not before):
        was, present = (np.abs(each.values).reshape(-1, each.rows.size).max(axis=0) for each in (before, link))
        if (present > _GROWN * was).any():
            must, do = f"grow by {_GROWN:g} times at most in a run by Settle", "run it with Waveform or Integrate"
            raise UnsupportedError(explain(f"part {link.label}", must=must, got="more from step to step", do=do))


def _refitted(
    stages: dict[Key, ComponentStage], network: Network, changed: list[Part], known: dict[High, Couplings]
) -> dict[Key, ComponentStage]:
    """Return those of `stages` which banks that have `changed` feed, with the parameters that `network` has now.

    Both have the axis of the batch. `known`, the couplings by clock lines, are brought up to date.
    """
    fed = np.zeros(network.unknowns.size, dtype=bool)
    for part in changed:
        fed[rows(part)] = True
    known.update({high: recoupled(before, network, changed) for high, before in known.items()})
    affected = {key: stage for key, stage in stages.items() if fed[stage.level.members].any()}
    return {key: refitted(stage, known[stage.couplings.high]) for key, stage in affected.items()}
