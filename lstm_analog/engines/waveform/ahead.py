"""Runs interval after interval as machine code, while none needs a decision: what is imposed, solved, judged, recorded.

Each kind of interval becomes a program. It stops before it has changed the state, where an error, a guess or a limit is
not within bounds; then the interval is run as any other. Only `native` programs can do that; without a kernel there is
none, and nothing runs ahead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, span
from lstm_analog.engines.native import ROWS, WORTH, Judged, KernelProgram, addresses, executed, joined
from lstm_analog.engines.record import Recorder, Watch
from lstm_analog.engines.waveform.imposed import ImposedWaveform
from lstm_analog.engines.waveform.segment import SWEEPS, Segment
from lstm_analog.engines.waveform.workspace import Workspace
from lstm_analog.expressions import Call, putting, reading


def judged_segment(segment: Segment, within: float, worst: Floats) -> KernelProgram | None:
    """Return the program that solves `segment`, stops unless it is right, and writes its end into the state.

    An error up to `within` is accepted; the largest is noted in `worst` (1,). Returns None if there is no such program.
    """
    judged = Judged()
    _add_solving(judged, segment)
    judged.add(segment.judging)
    judged.stop_above(segment.verdict, within)
    for sweep in segment.sweeps:
        if sweep.guess and sweep.guess.still:
            judged.add(sweep.guess.judging)
            judged.stop_above(sweep.guess.moved, sweep.limit)
    for watch in segment.watches:
        judged.add(watch.judging)
        judged.stop_above(watch.beyond, 0.0)
    judged.add([partial(np.maximum, worst, segment.verdict, out=worst), *segment.after])
    return judged.program()


def _add_solving(judged: Judged, segment: Segment) -> None:
    judged.add(segment.steps)
    if segment.sweeps and segment.first:
        _add_solving(judged, segment.first)
    judged.add(segment.starting)
    for sweep in segment.sweeps:
        if sweep.guess and not sweep.guess.still:
            judged.repeat_above(sweep.guess.moved, sweep.limit, SWEEPS - 1, [*sweep.steps, *sweep.guess.judging])
        else:
            judged.add(sweep.steps)


Segments = tuple[Segment | None, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalKind:
    """A kind of interval: which `sources` change at its start, and which of the `records` take down its end.

    `segments` returns its segments, None where one is not there yet; errors up to `within` are accepted.
    """

    segments: Callable[[], Segments]
    within: float
    sources: Flags
    records: Flags


class RunAhead:
    """Runs intervals of a `schedule` ahead, each by the program of its kind.

    What `sources` impose and where a record takes an end down differs from interval to interval: programs find that
    where cursors point to.
    """

    def __init__(
        self,
        space: Workspace,
        sources: list[ImposedWaveform],
        record: Recorder,
        kinds: list[IntervalKind],
        kind_of: Indices,
    ) -> None:
        """Take the buffers `space`, the `record` to write, and the `kinds`; `kind_of` (intervals,) numbers those."""
        self._space, self._sources, self._record = space, sources, record
        self._kinds, self._kind_of = kinds, kind_of
        self._made: dict[int, tuple[Segments, KernelProgram | None]] = {}
        self._cursors = np.zeros(len(sources) + len(record.records), dtype=np.int64)

    def run(self, number: int, stop: int, progress: Callable[[int], None]) -> int:
        """Run intervals from `number` on, before `stop`; return the first that has to be run otherwise.

        `progress` is called with the number of each interval that was run.
        """
        if stop - number < WORTH:
            return number
        programs = [self._program(kind) for kind in range(len(self._kinds))]
        while number < stop:
            rows = range(number, min(stop, number + ROWS))
            number += self._executed(programs, rows, progress)
            if number < rows.stop:
                break
        return number

    def _executed(self, programs: list[KernelProgram | None], rows: range, progress: Callable[[int], None]) -> int:
        """Execute the `programs` of the intervals `rows`; return how many came to their end."""
        part = np.s_[rows.start : rows.stop]
        places = [
            *(addresses(source.efforts, np.arange(rows.start, rows.stop)) for source in self._sources),
            *(addresses(each.efforts, each.places[1:][part]) for each in self._record.records),
        ]
        return executed(
            programs,
            self._kind_of[part],
            np.stack(places, axis=1),
            self._cursors,
            lambda row: progress(rows.start + row),
        )

    def _program(self, number: int) -> KernelProgram | None:
        """Return the program of kind `number`, if it has one."""
        kind = self._kinds[number]
        segments = kind.segments()
        if number not in self._made or self._made[number][0] != segments:
            self._made[number] = (segments, self._built(kind, segments))
        return self._made[number][1]

    def _built(self, kind: IntervalKind, segments: Segments) -> KernelProgram | None:
        solving = [self._of_segment(segment, kind.within) for segment in segments if segment]
        parts = [self._imposing(kind), *solving, self._recording(kind)]
        complete = [part for part in parts if part]
        return joined(complete) if None not in segments and len(complete) == len(parts) else None

    def _of_segment(self, segment: Segment, within: float) -> KernelProgram | None:
        known = self._space.programs
        if (segment, within) not in known:
            known[segment, within] = judged_segment(segment, within, self._space.worst)
        return known[segment, within]

    def _imposing(self, kind: IntervalKind) -> KernelProgram | None:
        judged, state = Judged(), self._space.state
        for place in np.flatnonzero(kind.sources).tolist():
            source = self._sources[place]
            given = source.efforts[..., 0, :]
            room = np.empty(given.shape, given.dtype)
            judged.copy(room, given, self._cursors[place : place + 1], 1)
            judged.add([putting(state.effort, source.places, room), state.moved(source.groups)])
        return judged.program()

    def _recording(self, kind: IntervalKind) -> KernelProgram | None:
        judged, effort = Judged(), self._space.state.effort
        judged.add(call for watch in self._record.watches for call in _watching(watch, effort))
        for place in np.flatnonzero(kind.records).tolist():
            record, cursor = self._record.records[place], place + len(self._sources)
            value, fetching = reading(effort, record.nodes)
            judged.add(fetching)
            judged.copy(record.efforts[..., 0, :], value, self._cursors[cursor : cursor + 1], 0)
        return judged.program()


def _watching(watch: Watch, effort: Floats) -> list[Call]:
    """Return the calls that take the `effort` (*chips, batch, N) of every sequence into account."""
    calls: list[Call] = []
    for one in range(effort.shape[-2]):
        value, fetching = reading(effort[..., one, :], span(watch.limits.nodes))
        lowest = partial(np.minimum, watch.lowest, value, out=watch.lowest)
        calls += [*fetching, lowest, partial(np.maximum, watch.highest, value, out=watch.highest)]
    return calls
