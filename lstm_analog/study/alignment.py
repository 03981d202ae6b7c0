"""Align a measured trace with the clock of a machine: by the edges of a clock line, or by its signals.

An instrument starts when it likes and has a clock of its own: its time is an offset and a rate times the schedule's.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from lstm_analog.arrays import Flags, Floats
from lstm_analog.errors import InvalidValueError, explain

_STEP = 0.25
"""Step of the offset in the search, as a share of the shortest phase; a step of the rate moves the last time as much.
Larger: faster, and transitions may be missed between two steps."""
_LEAST_LIKENESS = 0.5
"""Least share of the variance of the expected signals that measured ones must explain. Larger: boards with larger
errors are refused. Smaller: a trace of another run may be taken."""
_CLEARLY, _MORE = 1.5, 0.01
"""At any other place, a step or more away, the unexplained share of the variance must be at least `_CLEARLY` times that
at the best place, plus `_MORE`. Larger: fewer traces are taken, and a wrong place is less easily taken for the right
one."""
_SLACK = 0.5
"""How much farther than the given rates allow the last time may be found, as a share of a phase, for rows so far apart
leave it as uncertain. Larger: a clock that is farther off than was said is more often taken."""
_FOUND = 1e-4
"""Accuracy of the offset, as a share of a phase; rows of the trace are farther apart. Larger: faster."""
_JITTER = 0.1
"""How far an edge of a clock line may be from where the others say, as a share of the shortest time between edges,
besides the time between the rows around it. Larger: edges of two runs are more easily taken for those of one."""
_TRIES = 20_000
"""Most pairs of offset and rate that are tried; more take longer than a few seconds."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """The time of an instrument (s) is `offset` (s) + `rate` x the time of the schedule."""

    offset: float
    rate: float

    def of_instrument(self, times: Floats) -> Floats:
        """Return the times of the instrument at the `times` of the schedule (s)."""
        return self.offset + self.rate * times


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What an instrument saved: `values` (rows, columns), in the effort unit, at increasing `time` (rows,), in s."""

    time: Floats
    values: Floats

    def at(self, times: Floats) -> Floats:
        """Return the values at `times` of the instrument (n,), linear between rows, (n, columns)."""
        right = np.searchsorted(self.time, times).clip(1, self.time.size - 1)
        before, after = self.time[right - 1], self.time[right]
        weight = np.clip((times - before) / (after - before), 0.0, 1.0)[:, None]
        result: Floats = (1.0 - weight) * self.values[right - 1] + weight * self.values[right]
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """What a machine does: `values` (n, columns), in the effort unit, at increasing `time` (n,) of the schedule (s).

    `phase` is its shortest interval in which signals settle and `step` that of the recurrence (s).
    """

    time: Floats
    values: Floats
    phase: float
    step: float

    def likeness(self, trace: Recording, where: Alignment) -> float:
        """Return the share of the variance of the expected values that `trace` at `where` explains, but for gains.

        It is 0 if all of them stand still.
        """
        measured = trace.at(where.of_instrument(self.time))
        measured, expected = (each - each.mean(axis=0) for each in (measured, self.values))
        common = np.maximum((measured * expected).sum(axis=0), 0.0) ** 2
        power = (measured**2).sum(axis=0)
        explained = np.divide(common, power, out=np.zeros_like(common), where=power > 0.0)
        variance = float((expected**2).sum())
        return float(explained.sum()) / variance if variance else 0.0


def align_by_signals(trace: Recording, ends: Expected, waveforms: Expected, most_rate_error: float) -> Alignment:
    """Return where `trace` looks most like what is expected: searched by the `ends` of phases, refined by `waveforms`.

    `most_rate_error` is how far the rate may be from 1. Raises `InvalidValueError` if the trace is too short, like the
    expected signals nowhere, or like them at several places.
    """
    places = _places(trace, ends, most_rate_error)
    likeness = np.array([ends.likeness(trace, each) for each in places])
    best = places[int(likeness.argmax())]
    far = np.array([abs(each.offset - best.offset) > 0.9 * ends.step for each in places])
    _check_clear(float(likeness.max()), float(likeness[far].max(initial=-np.inf)))
    return _refined(trace, waveforms, best, most_rate_error)


def _refined(trace: Recording, waveforms: Expected, start: Alignment, most_rate_error: float) -> Alignment:
    """Return the alignment near `start` at which `trace` looks most like the `waveforms`.

    It may move all times by a phase, and the last one by another for a change of rate. Raises `InvalidValueError` if it
    lies at the end of that range, or of the rates up to `most_rate_error` from 1 and half a phase beyond.
    """
    phase, last = waveforms.phase, float(waveforms.time[-1])
    within = last * most_rate_error + _SLACK * phase  # by how much a rate may move the last time
    moved = (start.rate - 1.0) * last
    by_rate = (max(-phase, -within - moved), min(phase, within - moved))
    bounds = np.array([(-phase, phase), by_rate] if most_rate_error else [(-phase, phase)])

    def changed(shifts: Floats) -> Alignment:
        return Alignment(offset=start.offset + float(shifts[0]), rate=start.rate + float(shifts[1:].sum()) / last)

    sizes = len(bounds)
    found = scipy.optimize.minimize(  # type: ignore[call-overload]  # its stubs do not know these options
        lambda shifts: -waveforms.likeness(trace, changed(shifts)),
        np.zeros(sizes),
        method="Nelder-Mead",
        bounds=bounds,
        options={
            "initial_simplex": np.vstack((np.zeros(sizes), _STEP * phase * np.eye(sizes))),
            "xatol": _FOUND * phase,
            "fatol": np.inf,
        },
    )
    where = changed(found.x)
    if not found.success or (np.abs(found.x[:, None] - bounds) <= 2.0 * _FOUND * phase).any():
        must = "fit the clock within a phase of where its settled signals do"
        got = f"an offset of {where.offset:.6g} s and a rate of 1 {where.rate - 1.0:+.3g}, at the end of the range"
        do = "raise clock_error, or record a clock line"
        raise InvalidValueError(explain("trace", must=must, got=got, do=do))
    return where


def align_by_clock(trace: Recording, level: Floats, durations: Floats, high: Flags) -> Alignment:
    """Return the alignment by which the edges of a clock line, whose `level` (rows,) `trace` has, fit best.

    `durations` (s) and `high` (intervals,) are those of the schedule. Raises `InvalidValueError` unless the trace has
    as many edges as the schedule, as far apart but for a factor.
    """
    known = np.cumsum(durations)[:-1][high[1:] != high[:-1]]
    low, top = float(level.min()), float(level.max())
    third = (top - low) / 3.0
    clear = np.flatnonzero((level < low + third) | (level > top - third))
    up = level[clear] > top - third
    turns = np.flatnonzero(up[1:] != up[:-1])
    before, after = trace.time[clear[turns]], trace.time[clear[turns + 1]]
    found = 0.5 * (before + after)
    what = "clock line of the trace"
    if found.size != known.size or known.size < 2:
        must, do = f"have the {known.size} edges of the schedule, at least 2", "record the whole run, and choose 'copy'"
        raise InvalidValueError(explain(what, must=must, got=found.size, do=do))
    rate, offset = np.polyfit(known, found, 1).tolist()
    off = np.abs(offset + rate * known - found)
    if (off > after - before + _JITTER * rate * np.diff(known).min()).any():
        worst = int(off.argmax())
        got = f"one at {found[worst]:.6g} s, {off[worst]:.3g} s from where it is by the others"
        do = "record one run from its start to its end, on the line that `columns` names"
        raise InvalidValueError(explain(what, must="have its edges as far apart as the schedule", got=got, do=do))
    return Alignment(offset=offset, rate=rate)


def _places(trace: Recording, ends: Expected, most_rate_error: float) -> list[Alignment]:
    """Return all places to try at which `trace` covers the expected times."""
    first, last, reach = float(ends.time[0]), float(ends.time[-1]), _STEP * ends.phase
    count = int(np.ceil(most_rate_error * last / reach))
    rates = 1.0 + np.linspace(-most_rate_error, most_rate_error, 2 * count + 1)
    ranges = [(trace.time[0] - rate * first, trace.time[-1] - rate * last) for rate in rates.tolist()]
    sizes = [max(0, 1 + int(np.floor((high - low) / reach))) for low, high in ranges]
    if not any(sizes):
        got = f"{trace.time[-1] - trace.time[0]:.6g} s"
        do = "record the whole run, and give times in seconds"
        raise InvalidValueError(explain("trace", must=f"cover {last - first:.6g} s", got=got, do=do))
    if sum(sizes) > _TRIES:
        do = "cut the trace around the run, lower clock_error, or record a clock line"
        raise InvalidValueError(explain("places to try", must=f"be at most {_TRIES}", got=sum(sizes), do=do))
    return [
        Alignment(offset=offset, rate=rate)
        for rate, (low, high), size in zip(rates.tolist(), ranges, sizes, strict=True)
        if size
        for offset in np.linspace(low, high, size + 1).tolist()
    ]


def _check_clear(best: float, other: float) -> None:
    do = "check its columns, gain and x, or record a clock line"
    if not best >= _LEAST_LIKENESS:
        must = f"explain {_LEAST_LIKENESS:.0%} of the variance of the machine's signals"
        raise InvalidValueError(explain("trace", must=must, got=f"{best:.0%} at best", do=do))
    if 1.0 - other < _CLEARLY * (1.0 - best) + _MORE:
        got = f"{1.0 - best:.2g} unexplained at one place, {1.0 - other:.2g} at another"
        raise InvalidValueError(explain("trace", must="fit the clock at one place alone", got=got, do=do))
