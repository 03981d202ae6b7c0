"""Runs interval after interval as machine code, while none needs a decision: what is imposed, solved, judged, recorded.

Each kind of interval becomes a program. Where an error, a guess or a limit is not within bounds it stops before the
piece that is at fault has changed the state, and counts the pieces before. Only `native` programs can do that; without
a kernel there is none, and nothing runs ahead.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, span
from lstm_analog.engines.native import ROWS, WORTH, KernelProgram, ProgramBuilder, addresses, executed, joined
from lstm_analog.engines.record import Recorder, Watch
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.pieces import IntervalPrograms
from lstm_analog.engines.waveform.segment import SWEEPS, Segment
from lstm_analog.engines.waveform.state import ImposedWaveform
from lstm_analog.engines.waveform.subdivision import IntervalKind
from lstm_analog.engines.waveform.workspace import Workspace
from lstm_analog.expressions import Call, advance, putting, reading


def judged_segment(segment: Segment, within: float, worst: Floats) -> KernelProgram | None:
    """Return the program that solves `segment`, stops unless it is right, and writes its end into the state.

    An error up to `within` is accepted; the largest is noted in `worst` (1,). The verdict of a segment that is not
    solved is infinite. Returns None if there is no such program.
    """
    judged = ProgramBuilder()
    judged.add([partial(np.copyto, segment.verdict, np.inf)] if segment.judging else [])
    _add_solving(judged, segment)
    judged.add(segment.judging)
    judged.stop_above(segment.verdict, within)
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
    judged.add(segment.steps)
    if segment.sweeps and segment.first:
        _add_solving(judged, segment.first)
    judged.add(segment.starting)
    for sweep in segment.sweeps:
        if sweep.guess and not sweep.guess.still:
            judged.repeat_above(sweep.guess.moved, sweep.guess.limit, SWEEPS - 1, [*sweep.steps, *sweep.guess.judging])
        else:
            judged.add(sweep.steps)


class RunAhead:
    """Runs intervals ahead, each by the program of its kind.

    What `sources` impose and where a record takes an end down differs from interval to interval: programs find that
    where cursors point to. So they serve all runs whose arrays lie alike, and stay in the workspace.
    """

    def __init__(
        self,
        space: Workspace,
        sources: list[ImposedWaveform],
        record: Recorder,
        kinds: list[IntervalKind],
    ) -> None:
        """Take the buffers `space`, the `record` to write, and the `kinds` of intervals."""
        self._space, self._sources, self._record, self._kinds = space, sources, record, kinds
        self._table = _table(space, sources, record)
        self._part, self._places = slice(0), np.empty((0, 0), dtype=np.int64)

    def run(self, kind_of: Indices, intervals: range, progress: Callable[[int], None] | None) -> tuple[int, int | None]:
        """Run `intervals`, whose kinds are `kind_of` (all intervals,), until one has to be run otherwise.

        Returns its number, or the end of `intervals`, and how many of its pieces are done already; None if nothing of
        it is done. `progress` is called with the number of each interval that was run.
        """
        number = intervals.start
        while number < intervals.stop:
            worth = len(intervals) + self._table.waited[0] >= WORTH
            programs = [self._program(kind, worth) for kind in self._kinds]
            part = slice(number, min(intervals.stop, (number // ROWS + 1) * ROWS))
            places = self._placed(number // ROWS, kind_of.size)[number % ROWS : number % ROWS + part.stop - part.start]
            tell = None if progress is None else partial(_telling, progress, number)
            number += executed(programs, kind_of[part], places, self._table.cursors, tell)
            if number < part.stop:
                self._table.waited[0] += 1
                return number, self._table.done.item() if programs[kind_of[number]] else None
        return number, None

    def note(self) -> None:
        """Add to the record how far the watched nodes went."""
        for own, watch in zip(self._table.watches, self._record.watches, strict=True):
            watch.note(own.lowest[..., None, :], own.highest[..., None, :])

    def _placed(self, number: int, count: int) -> Indices:
        """Return where intervals of stretch `number` of `count` find their arrays, (intervals, cursors)."""
        part = slice(number * ROWS, min(count, (number + 1) * ROWS))
        if self._part != part:
            rows = np.arange(part.start, part.stop)
            places = [addresses(source.efforts, rows) for source in self._sources]
            places += [addresses(each.efforts, each.places[1:][part]) for each in self._record.records]
            self._part, self._places = part, np.stack(places, axis=1)
        return self._places

    def _program(self, kind: IntervalKind, worth: bool) -> KernelProgram | None:
        """Return the program of a `kind`, if it has one; it is made only where that is `worth` it."""
        division, known = kind.subdivision.present, self._table.programs
        key = (division, kind.sources, kind.records)
        if key not in known and worth:
            segments = division.segments(Wanted.END if kind.recorded else Wanted.STATES)
            if segments:
                known[key] = self._built(kind, segments, division.within)
        return known.get(key)

    def _built(self, kind: IntervalKind, segments: list[Segment], within: float) -> KernelProgram | None:
        counted = ProgramBuilder()
        counted.add([partial(advance, self._table.done, np.zeros(1, dtype=np.int64))])
        parts = [self._imposing(kind)]
        for segment in segments:
            parts += [self._of_segment(segment, within), counted.program()]
        parts.append(self._recording(kind))
        complete = [part for part in parts if part]
        return joined(complete) if len(complete) == len(parts) else None

    def _of_segment(self, segment: Segment, within: float) -> KernelProgram | None:
        known = self._space.programs
        if (segment, within) not in known:
            known[segment, within] = judged_segment(segment, within, self._space.worst)
        return known[segment, within]

    def _imposing(self, kind: IntervalKind) -> KernelProgram | None:
        judged, state, cursors = ProgramBuilder(), self._space.state, self._table.cursors
        judged.add([partial(np.copyto, self._table.done, np.zeros(1, dtype=np.int64))])
        for place in np.flatnonzero(kind.sources).tolist():
            source = self._sources[place]
            given = source.efforts[..., 0, :]
            room = np.empty(given.shape, given.dtype)
            judged.copy(room, given, cursors[place : place + 1], 1)
            judged.add([putting(state.effort, source.places, room), state.moved(source.groups)])
        return judged.program()

    def _recording(self, kind: IntervalKind) -> KernelProgram | None:
        judged, effort, cursors = ProgramBuilder(), self._space.state.effort, self._table.cursors
        judged.add(call for watch in self._table.watches for call in _watching(watch, effort))
        for place in np.flatnonzero(kind.records).tolist():
            record, cursor = self._record.records[place], cursors[place + len(self._sources) :]
            judged.record(record.efforts[..., 0, :], effort, record.nodes, cursor, self._space.unsound, record.streamed)
        return judged.program()


def _table(space: Workspace, sources: list[ImposedWaveform], record: Recorder) -> IntervalPrograms:
    """Return the programs in `space` for arrays that lie as those of `sources` and `record`, its watches empty."""
    layout = (
        *(_lying(source.efforts) for source in sources),
        *((each.save.groups, each.streamed, _lying(each.efforts)) for each in record.records),
    )
    found = space.table(layout, len(layout), record.watches)
    for watch in found.watches:
        watch.lowest.fill(np.inf)
        watch.highest.fill(-np.inf)
    return found


def _lying(array: Array) -> tuple[tuple[int, int], ...]:
    """Return the axes of `array` but that of the intervals, the last but one: their sizes and how far they step."""
    axes = list(zip(array.shape, array.strides, strict=True))
    return tuple((size, step if size > 1 else 0) for size, step in (*axes[:-2], axes[-1]))


def _telling(progress: Callable[[int], None], first: int, row: int) -> None:
    progress(first + row)


def _watching(watch: Watch, effort: Floats) -> list[Call]:
    """Return the calls that take the `effort` (*chips, batch, N) of every sequence into account."""
    calls: list[Call] = []
    for one in range(effort.shape[-2]):
        value, fetching = reading(effort[..., one, :], span(watch.limits.nodes))
        lowest = partial(np.minimum, watch.lowest, value, out=watch.lowest)
        calls += [*fetching, lowest, partial(np.maximum, watch.highest, value, out=watch.highest)]
    return calls
