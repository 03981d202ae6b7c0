"""The pieces of an interval: how many points each needs, how one is refined, and what has been built for them.

The points of a piece are those of a `Grid`: its degree says how many, its pole how close they lie at the start. Degrees
are chosen so that the transients of the piece are resolved to the tolerance, since exp(-r t) needs about so many
Chebyshev polynomials; the estimated error of the solved segment then asks for more.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.native import KernelProgram
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.record import Watch
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.segment import SWEEP_SHARE, Feedback, Segment, Tolerance
from lstm_analog.network.laws import High

_FAST_POLE = 8.0
"""Distance of the pole before a piece: in fastest time constants, of later pieces in times since the clock edge.

Larger: points lie more evenly.
"""
_SLOW_POLE = 0.025
"""Distance, as a share of the first piece, that is added to that of its pole; larger: points lie more evenly."""
_LEAST_RATE = 1e-9
"""Rate x duration that an interval without storages is given, so that its pole lies at a finite distance."""
_SPLIT = 0.25
"""Share of a piece that becomes a piece of its own, at its start, when the largest degree does not resolve it."""
_SHORTEST = 1e-9
"""Share of its interval below which a piece is not split any more, and the network counts as out of reach."""
_LEAST_DEGREE = 8
"""Least degree of a piece; with fewer points a ringing mode is wrong before its last coefficients say so."""
_LEAST_CALM_DEGREE = 2
"""Least degree of a piece in which nothing can ring; larger: more points where hardly anything moves."""
_LARGEST_DEGREE = 30
"""Degree above which a piece is split instead of refined; larger: fewer pieces, larger matrices to invert."""
_SPLIT_DEGREE = 14
"""Degree that both parts of a split piece begin with; too low costs refinements, too high costs points."""
_PROBE_DEGREE = 96
"""Degree with which exp(-rate t) is expanded once, to see how many coefficients it needs."""
_RESOLVED = 0.3
"""Coefficient of exp(-rate t), as a share of the tolerance, up to which it is left out; larger: fewer points."""
_GUESS_DEGREE = 0.6
"""Degree of the coarse segment that makes first guesses, as a share of the degree of the segment that reads them.

Larger: better guesses, dearer to find. It counts where guesses are waveforms at all points.
"""
_HARMONIC = 3.0
"""Power of a transient that is resolved in what follows from it through a curve, as tanh has a cubic term.

Larger: fewer refinements, more points where signals are small.
"""
_FALL = 1.0
"""Fall of ln(error) that is assumed for each degree added; larger: smaller refinements, so more attempts."""
_LARGEST_ERROR = 1e9
"""Error that larger ones and NaN are replaced by when the degree is worked out, as a multiple of the accepted one."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of an interval: its `share` of the interval's duration, and the `grid` of its points.

    `idle` tells whether parts that carry no flow between limits, such as stops of tanks, are left out, `feedback` what
    is read of unknowns at torn edges.
    """

    share: float
    grid: Grid
    idle: bool = True
    feedback: Feedback = Feedback.STILL


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition:
    """The `pieces` of an interval of `duration` (s) with the clock lines `high`, and the `segments` built for them.

    A piece is accepted if its estimated error is at most `accepted` tolerances. Segments are by what the interval must
    yield, one a piece, None where it is not built yet; all runs of a network share them.
    """

    high: High
    duration: float
    pieces: tuple[Piece, ...]
    accepted: float
    segments: dict[Wanted, list[Segment | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalPrograms:
    """The programs of intervals that the kernel runs, and the numbers that they share.

    Attributes
    ----------
    programs : dict
        The program of each kind of interval in each partition; None where the kernel cannot do one of its operations.
    cursors : int array, (k,)
        Addresses of what the present interval imposes and records.
    watches : tuple of Watch
        The extremes, in this run, of the nodes that have limits.
    done : int array, (1,)
        How many pieces of the present interval are solved.
    handed_back : int array, (1,)
        How many intervals of all runs Python had to solve, as they had no program or it stopped.
    """

    cursors: Indices
    watches: tuple[Watch, ...]
    done: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    programs: dict[tuple[object, ...], KernelProgram | None] = field(default_factory=dict)
    handed_back: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))


class OutOfReachError(ArithmeticError):
    """The network cannot be solved level by level; the message says why."""


def later_pole(start: float, end: float) -> float:
    """Return the pole of the grid of a later piece, from `start` to `end`, both counted from the clock edge."""
    return _FAST_POLE * start / (end - start)


def first_grid(decay: float, sampled: float | None, tolerance: Tolerance) -> Grid:
    """Return the grid of the first piece of an interval, whose fastest storage discharges `decay` time constants in it.

    Sums of known bases are exact at however many points. Of the other storages the fastest discharges `sampled` time
    constants in the whole interval: points need to resolve only these and their harmonics, to `tolerance`. None stands
    for an interval in which all waveforms have to be resolved.
    """
    if sampled is None:
        return _exponential_grid(decay, decay, tolerance.units, _LEAST_DEGREE)
    return _exponential_grid(decay, _HARMONIC * min(decay, sampled), tolerance.units, _LEAST_CALM_DEGREE)


def swept_grid(order: Structure, grid: Grid, tolerance: Tolerance) -> Grid:
    """Return `grid`, of a higher degree if guesses that are swept, at edges torn as in `order`, need more points.

    A piece begins with few points where most waveforms are sums of known bases, which need none; guesses of these do.
    `tolerance` is that of the segment.
    """
    full = _full_grid(grid, tolerance)
    enough = min(full.degree, _guess_degree(guess_terms(order, full, tolerance), full))
    return grid.of(max(grid.degree, enough))


def coarse_grid(order: Structure, grid: Grid, terms: int) -> Grid:
    """Return the grid of the coarse segment that makes the first guesses for a segment with this `grid` and `order`.

    Guesses are sums of so many `terms`, or waveforms at all points if `terms` is 0.
    """
    if not terms:
        return grid.of(max(_LEAST_DEGREE, int(np.ceil(_GUESS_DEGREE * grid.degree))))
    return grid.of(max(_LEAST_CALM_DEGREE, _guess_degree(terms, grid)))


def _guess_degree(terms: int, grid: Grid) -> int:
    """Return the degree that resolves guesses of so many `terms`: theirs, `terms` - 1, and two to see the error."""
    return terms + 1 if terms else grid.degree


def sweep_limit(order: Structure, tolerance: Tolerance) -> float:
    """Return by how much guesses may differ from what is found, in units of signal, at edges torn as in `order`.

    The weaker the edges act, the more. `tolerance` is that of the segment.
    """
    return SWEEP_SHARE * tolerance.units / order.weakness if order.weakness else np.inf


def guess_terms(order: Structure, grid: Grid, tolerance: Tolerance) -> int:
    """Return how many Chebyshev polynomials describe guesses at edges torn as in `order` to within `sweep_limit`.

    Weak edges need fewer of them than the piece has points. Coefficients are assumed to fall geometrically, from 1 down
    to the `tolerance` at the degree of `grid`, or at that which its pole is made for; if only the integral of a guess
    counts, that of polynomial n is its coefficient over 2 n. Returns 0 where a guess needs all points, as where
    something may ring.
    """
    if order.may_ring:
        return 0
    degree = _full_grid(grid, tolerance).degree
    number = np.arange(1, degree)
    left = (SWEEP_SHARE * tolerance.units) ** (number / degree) / (2.0 * number if order.slow else 1.0)
    enough = np.flatnonzero(left <= sweep_limit(order, tolerance))
    return int(number[enough[0]]) if enough.size and number[enough[0]] < grid.degree else 0


def _full_grid(grid: Grid, tolerance: Tolerance) -> Grid:
    """Return `grid`, of a higher degree if it takes that to resolve the transient its pole is for, to `tolerance`."""
    decay = _FAST_POLE / max(grid.pole - _SLOW_POLE, _LEAST_RATE)
    return grid.of(max(grid.degree, _exponential_grid(decay, decay, tolerance.units, _LEAST_DEGREE).degree))


@lru_cache(maxsize=128)
def _exponential_grid(decay: float, slower: float, tolerance: float, least: int) -> Grid:
    """Return the grid with the pole for exp(-`decay` t) that resolves exp(-`slower` t), t from 0 to 1, to `tolerance`.

    Its degree is two more than needed, so that the last coefficients tell the error, but at least `least`, which is
    enough for what is straight to `tolerance`.
    """
    finest = Grid(degree=_PROBE_DEGREE, pole=_FAST_POLE / max(decay, _LEAST_RATE) + _SLOW_POLE)
    size = np.abs(chebyshev.coefficients(_PROBE_DEGREE) @ np.exp(-slower * chebyshev.points(finest)))
    enough = int(np.flatnonzero(size > _RESOLVED * tolerance)[-1])
    return finest.of(int(np.clip(enough + 2 if enough > 1 else 0, least, _LARGEST_DEGREE)))


def refine_piece(piece: Piece, error: float) -> list[Piece]:
    """Return `piece` with a higher degree, or in two parts if it has the largest one.

    `error` is its estimated error as a multiple of the accepted one, infinite or NaN if it was not solved. Raises
    `OutOfReachError` if the piece is too short to be split.
    """
    degree, pole = piece.grid.degree, piece.grid.pole
    if degree < _LARGEST_DEGREE:
        more = int(np.ceil(np.log(min(_LARGEST_ERROR, error)) / _FALL))  # min(1e9, NaN) is 1e9
        return [replace(piece, grid=piece.grid.of(min(_LARGEST_DEGREE, degree + max(more, 1))))]
    if piece.share < _SHORTEST:
        raise OutOfReachError("its waveforms do not get smooth, however short the segments")
    poles = (pole / _SPLIT, (pole + _SPLIT) / (1.0 - _SPLIT))  # the same place in time, in shares of each part
    return [
        replace(piece, share=share * piece.share, grid=Grid(degree=_SPLIT_DEGREE, pole=place))
        for share, place in zip((_SPLIT, 1.0 - _SPLIT), poles, strict=True)
    ]
