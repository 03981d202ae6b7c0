"""Runs stretches of intervals in the kernel, ahead of Python: each kind of interval is a program, a stretch one call.

The program of an interval imposes the efforts of sources, solves each piece and compares its error, its guesses and its
limits with what is allowed, then records the end. If a piece is not accepted, the program stops before that piece has
changed the state; the pieces before it have, and are counted. Python then changes the piece, or solves it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, span
from lstm_analog.engines.native import ROWS, WORTH, KernelProgram, ProgramBuilder, addresses, executed, joined
from lstm_analog.engines.record import Recorder, Watch
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.partition import IntervalKind
from lstm_analog.engines.waveform.pieces import IntervalPrograms
from lstm_analog.engines.waveform.segment import SWEEPS, Segment
from lstm_analog.engines.waveform.state import ImposedWaveform
from lstm_analog.engines.waveform.workspace import Workspace
from lstm_analog.expressions import Call, advance, putting, reading


class RunAhead:
    """Runs intervals by the programs of their kinds, until one has none or its program stops.

    Programs find what differs from interval to interval, the efforts that `sources` impose and the places in a record,
    where cursors point to. So they serve all runs whose arrays have the same strides, and stay in the workspace.
    """

    def __init__(
        self, space: Workspace, sources: list[ImposedWaveform], record: Recorder, kinds: list[IntervalKind]
    ) -> None:
        """Take the workspace `space`, the `record` to write, and the `kinds` of intervals."""
        self._space, self._sources, self._record, self._kinds = space, sources, record, kinds
        self._table = _programs_for(space, sources, record)
        self._stretch, self._places = slice(0), np.empty((0, 0), dtype=np.int64)

    def run(self, kind_of: Indices, intervals: range, progress: Callable[[int], None] | None) -> tuple[int, int | None]:
        """Run `intervals`, whose kinds are `kind_of` (all intervals,), until Python has to solve one.

        Returns the number of that one, or the end of `intervals`, and how many of its pieces are solved; None if it has
        no program, so that its sources are not imposed yet, either. `progress` is called with the number of each
        interval that was run.
        """
        number = intervals.start

        def tell(row: int) -> None:
            if progress:
                progress(number + row)

        while number < intervals.stop:
            worth = len(intervals) + self._table.handed_back[0] >= WORTH
            programs = [self._program(kind, worth) for kind in self._kinds]
            part = slice(number, min(intervals.stop, (number // ROWS + 1) * ROWS))
            places = self._places_of(number // ROWS, kind_of.size)[number % ROWS : number % ROWS + part.stop - number]
            number += executed(programs, kind_of[part], places, self._table.cursors, tell if progress else None)
            if number < part.stop:
                self._table.handed_back[0] += 1
                return number, self._table.done.item() if programs[kind_of[number]] else None
        return number, None

    def note_extremes(self) -> None:
        """Add to the record how far the nodes with limits went."""
        for own, watch in zip(self._table.watches, self._record.watches, strict=True):
            watch.note(own.lowest[..., None, :], own.highest[..., None, :])

    def _places_of(self, stretch: int, count: int) -> Indices:
        """Return the cursors of each interval of a `stretch`, (intervals, cursors), of `count` intervals in all."""
        part = slice(stretch * ROWS, min(count, (stretch + 1) * ROWS))
        if self._stretch != part:
            rows = np.arange(part.start, part.stop)
            places = [addresses(source.efforts, rows) for source in self._sources]
            places += [addresses(each.efforts, each.places[1:][part]) for each in self._record.records]
            self._stretch, self._places = part, np.stack(places, axis=1)
        return self._places

    def _program(self, kind: IntervalKind, worth: bool) -> KernelProgram | None:
        """Return the program of a `kind`, if it has one; it is made only where that is `worth` it."""
        partition, known = kind.partition.present, self._table.programs
        key = (partition, kind.sources, kind.records)
        if key not in known and worth:
            segments = [one for one in partition.segments[Wanted.END if kind.recorded else Wanted.STATES] if one]
            if len(segments) == len(partition.pieces):
                known[key] = self._join(kind, segments, partition.accepted)
        return known.get(key)

    def _join(self, kind: IntervalKind, segments: list[Segment], accepted: float) -> KernelProgram | None:
        """Return the program of a `kind` of intervals, with these `segments`, whose errors may be up to `accepted`."""
        counting = ProgramBuilder()
        counting.add([partial(advance, self._table.done, np.zeros(1, dtype=np.int64))])
        parts = [self._imposing_program(kind)]
        for segment in segments:
            known, key = self._space.programs, (segment, accepted)
            if key not in known:
                known[key] = segment_program(segment, accepted, self._space.worst)
            parts += [known[key], counting.program()]
        parts.append(self._recording_program(kind))
        complete = [part for part in parts if part]
        return joined(complete) if len(complete) == len(parts) else None

    def _imposing_program(self, kind: IntervalKind) -> KernelProgram | None:
        """Return the program that imposes what changes at the start of a `kind`, and sets the count of pieces to 0."""
        judged, state, cursors = ProgramBuilder(), self._space.state, self._table.cursors
        judged.add([partial(np.copyto, self._table.done, np.zeros(1, dtype=np.int64))])
        for place in np.flatnonzero(kind.sources).tolist():
            source = self._sources[place]
            given = source.efforts[..., 0, :]
            room = np.empty(given.shape, given.dtype)
            judged.copy(room, given, cursors[place : place + 1], 1)
            judged.add([putting(state.effort, source.places, room), state.mark_changed(source.groups)])
        return judged.program()

    def _recording_program(self, kind: IntervalKind) -> KernelProgram | None:
        """Return the program that watches nodes with limits and records what is kept at the end of a `kind`."""
        judged, state, flag = ProgramBuilder(), self._space.state.effort, self._space.nonfinite
        judged.add(call for watch in self._table.watches for call in _watching_calls(watch, state))
        for place in np.flatnonzero(kind.records).tolist():
            record, cursor = self._record.records[place], self._table.cursors[place + len(self._sources) :]
            judged.record(record.efforts[..., 0, :], state, record.nodes, cursor, flag, record.streamed)
        return judged.program()


def segment_program(segment: Segment, accepted: float, worst: Floats) -> KernelProgram | None:
    """Return the program that solves `segment`, stops unless it is accepted, and writes its end into the state.

    Errors up to `accepted` are, in tolerances; the largest is noted in `worst` (1,). The estimated error of a segment
    that is not solved is infinite. Returns None if the kernel cannot do it.
    """
    judged = ProgramBuilder()
    judged.add([partial(np.copyto, segment.verdict, np.inf)] if segment.judging else [])
    _add_solving(judged, segment)
    judged.add(segment.judging)
    judged.stop_above(segment.verdict, accepted)
    for sweep in segment.sweeps:
        if sweep.guess and sweep.guess.still:
            judged.add(sweep.guess.judging)
            judged.stop_above(sweep.guess.moved, sweep.guess.limit)
    for watch in segment.watches:
        judged.add(watch.judging)
        judged.stop_above(watch.beyond, 0.0)
    judged.add([partial(np.maximum, worst, segment.verdict, out=worst), *segment.after])
    return judged.program()


def _add_solving(judged: ProgramBuilder, segment: Segment) -> None:
    """Append to `judged` what `Segment.solve` does; it stops where guesses do not come to rest."""
    judged.add(segment.steps)
    if segment.sweeps and segment.coarse:
        _add_solving(judged, segment.coarse)
    judged.add(segment.starting)
    for sweep in segment.sweeps:
        if sweep.guess and not sweep.guess.still:
            judged.repeat_above(sweep.guess.moved, sweep.guess.limit, SWEEPS, [*sweep.steps, *sweep.guess.judging])
        else:
            judged.add(sweep.steps)


def _programs_for(space: Workspace, sources: list[ImposedWaveform], record: Recorder) -> IntervalPrograms:
    """Return the programs in `space` for arrays with the strides of those of `sources` and `record`.

    They replace those for other arrays. Their extremes are those of a run that has not begun.
    """
    layout = (
        *(_strides(source.efforts) for source in sources),
        *((each.save.groups, each.streamed, _strides(each.efforts)) for each in record.records),
    )
    if layout not in space.interval_programs:
        space.interval_programs.clear()
        own = tuple(replace(each, lowest=each.lowest.copy(), highest=each.highest.copy()) for each in record.watches)
        cursors = np.zeros(len(layout), dtype=np.int64)
        space.interval_programs[layout] = IntervalPrograms(cursors=cursors, watches=own)
    found = space.interval_programs[layout]
    for watch in found.watches:
        watch.lowest.fill(np.inf)
        watch.highest.fill(-np.inf)
    return found


def _strides(array: Array) -> tuple[tuple[int, int], ...]:
    """Return size and stride of each axis of `array` but that of the intervals, the last but one."""
    axes = list(zip(array.shape, array.strides, strict=True))
    return tuple((size, step if size > 1 else 0) for size, step in (*axes[:-2], axes[-1]))


def _watching_calls(watch: Watch, effort: Floats) -> list[Call]:
    """Return the calls that widen the extremes of `watch` by the `effort` (*chips, batch, N) of every sequence."""
    calls: list[Call] = []
    for one in range(effort.shape[-2]):
        value, fetching = reading(effort[..., one, :], span(watch.limits.nodes))
        lowest = partial(np.minimum, watch.lowest, value, out=watch.lowest)
        calls += [*fetching, lowest, partial(np.maximum, watch.highest, value, out=watch.highest)]
    return calls
