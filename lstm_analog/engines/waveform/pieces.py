"""The pieces of an interval, and what is built for them: segments, programs. Runs of a network share it.

And how many points a piece needs, at first and where its error was too large.
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
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High

_FAST_POLE = 8.0
"""Distance of a grid's pole before its piece: in fastest time constants, or in times since the clock edge."""
_SLOW_POLE = 0.025
"""Distance that is added to that of the pole for slower transients, as a share of the first piece."""
_LEAST_RATE = 1e-9
"""Rate x duration that an interval without storages is given, so that its pole lies at a finite distance."""
_SPLIT = 0.25
"""Share of a piece that becomes a piece of its own, at its start, when the largest degree does not resolve it."""
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
_GUESS_DEGREE = 0.6
"""Degree of the coarse segment that makes first guesses, as a share; larger: better guesses, dearer to find."""
_HARMONIC = 3.0
"""Power of a transient that is resolved in what follows from it through a curve, as tanh has a cubic term.

Larger: fewer refinements, more points where signals are small.
"""
_FALL = 1.0
"""Fall of ln(error) that is assumed for each degree added; larger: smaller refinements, so more attempts."""
_LARGEST_ERROR = 1e9
"""Error, in tolerances, to which larger ones and NaN are reduced before the degree that would do is worked out."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of an interval: its `share` of the interval's duration, and the `grid` of its points.

    `idle` tells whether parts that are idle between limits are left out, `feedback` what is read of unknowns at torn
    edges.
    """

    share: float
    grid: Grid
    idle: bool = True
    feedback: Feedback = Feedback.STILL


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """How an interval is divided into pieces, and what has been built for them.

    Attributes
    ----------
    high : tuple of bool
        Which clock lines are high.
    duration : float
        Length of the interval (s).
    pieces : tuple of Piece
        The pieces in order.
    within : float
        Error up to which a piece is accepted, in tolerances.
    made : dict
        The segment of each piece, None where it is not built; by what the interval must yield.
    unchecked : dict
        All steps of an interval of which no error, guess or limit need be checked; by what it must yield.
    """

    high: High
    duration: float
    pieces: tuple[Piece, ...]
    within: float
    made: dict[Wanted, list[Segment | None]]
    unchecked: dict[Wanted, tuple[Call, ...]]

    def segments(self, output: Wanted) -> list[Segment]:
        """Return the segments where the interval must yield `output`; empty if not all are built."""
        made = [segment for segment in self.made[output] if segment]
        return made if len(made) == len(self.pieces) else []


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalPrograms:
    """The `programs` of intervals by all that makes them, None where the kernel cannot do one.

    What they impose and keep lies where `cursors` (k,) point to; `done` (1,) counts the pieces of the present interval
    that are done. How far nodes with limits went is in `watches`. `waited` (1,) counts the intervals that were run
    without a program.
    """

    cursors: Indices
    watches: tuple[Watch, ...]
    done: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    programs: dict[tuple[object, ...], KernelProgram | None] = field(default_factory=dict)
    waited: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))


class OutOfReachError(ArithmeticError):
    """The network cannot be solved level by level; the message says why."""


def later_pole(start: float, end: float) -> float:
    """Return the pole of the grid of a piece from `start` to `end`, times since the clock edge."""
    return _FAST_POLE * start / (end - start)


def first_grid(decay: float, sampled: float, order: Structure | None, tolerance: Tolerance) -> Grid:
    """Return the grid of the first piece of an interval, whose fastest storage discharges `decay` time constants in it.

    The fastest of those that are no sums of known bases discharges `sampled` time constants. Where nothing rings in the
    `order` of the phase, points need to resolve only these and their harmonics, to `tolerance`. None stands for an
    order in which all waveforms have to be resolved.
    """
    if order is None or order.may_ring:
        return _resolving(decay, decay, tolerance.units, _LEAST_DEGREE)
    return _resolving(decay, _HARMONIC * min(decay, sampled), tolerance.units, _LEAST_CALM_DEGREE)


def swept_grid(order: Structure, grid: Grid, tolerance: Tolerance) -> Grid:
    """Return `grid`, or one of a higher degree, whose points resolve guesses at edges torn as in `order`.

    `tolerance` is that of the segment.
    """
    whole = _whole(grid, tolerance)
    enough = min(whole.degree, _guess_degree(guess_terms(order, whole, tolerance), whole))
    return grid.of(max(grid.degree, enough))


def coarse_grid(order: Structure, grid: Grid, terms: int) -> Grid:
    """Return the grid of the coarse segment that makes the first guesses for one with this `grid`, solved in `order`.

    They are sums of so many `terms`, or if these are 0 waveforms at all points.
    """
    if not terms:
        return grid.of(max(_LEAST_DEGREE, int(np.ceil(_GUESS_DEGREE * grid.degree))))
    return grid.of(max(_LEAST_CALM_DEGREE, _guess_degree(terms, grid)))


def _guess_degree(terms: int, grid: Grid) -> int:
    """Return the degree that resolves guesses of so many `terms`: one more than theirs, and one to see the error."""
    return terms + 1 if terms else grid.degree


def sweep_limit(order: Structure, tolerance: Tolerance) -> float:
    """Return how far guesses may be from what is found, in units of signal, where torn edges are as in `order`.

    `tolerance` is that of the segment.
    """
    return SWEEP_SHARE * tolerance.units / order.weakness if order.weakness else np.inf


def guess_terms(order: Structure, grid: Grid, tolerance: Tolerance) -> int:
    """Return how many Chebyshev polynomials describe the guesses of a piece of this `grid` to within their limit.

    They act through weak edges, torn as in `order`, so that they take fewer than the points. Coefficients fall
    geometrically, down to the `tolerance` at the degree of the grid, or at that which its pole is made for; where an
    integral counts, that of a polynomial is divided by twice its number. Returns 0 where all points are needed: where
    something may ring, too.
    """
    if order.may_ring:
        return 0
    degree = _whole(grid, tolerance).degree
    number = np.arange(1, degree)
    left = (SWEEP_SHARE * tolerance.units) ** (number / degree) / (2.0 * number if order.slow else 1.0)
    enough = np.flatnonzero(left <= sweep_limit(order, tolerance))
    return int(number[enough[0]]) if enough.size and number[enough[0]] < grid.degree else 0


def _whole(grid: Grid, tolerance: Tolerance) -> Grid:
    """Return `grid`, or one of the degree that resolves all that its pole is made for, to `tolerance`."""
    decay = _FAST_POLE / max(grid.pole - _SLOW_POLE, _LEAST_RATE)
    return grid.of(max(grid.degree, _resolving(decay, decay, tolerance.units, _LEAST_DEGREE).degree))


@lru_cache(maxsize=128)
def _resolving(decay: float, slower: float, tolerance: float, least: int) -> Grid:
    """Return the grid that resolves exp(-`slower` t), t from 0 to 1, to `tolerance`, two degrees added, or the `least`.

    The least is enough for what is straight to `tolerance`. Its pole is that for exp(-`decay` t).
    """
    finest = Grid(degree=_PROBE_DEGREE, pole=_FAST_POLE / max(decay, _LEAST_RATE) + _SLOW_POLE)
    size = np.abs(chebyshev.coefficients(_PROBE_DEGREE) @ np.exp(-slower * chebyshev.points(finest)))
    enough = int(np.flatnonzero(size > 0.3 * tolerance)[-1])
    return finest.of(int(np.clip(enough + 2 if enough > 1 else 0, least, _LARGEST_DEGREE)))


def refined(piece: Piece, error: float) -> list[Piece]:
    """Return `piece` with a higher degree, or split in two, after its error was so many tolerances.

    `error` is that number, infinite or NaN if it was not solved. Raises `OutOfReachError` if the piece is very short.
    """
    degree, pole = piece.grid.degree, piece.grid.pole
    if degree < _LARGEST_DEGREE:
        more = int(np.ceil(np.log(min(_LARGEST_ERROR, error)) / _FALL))  # NaN is hopeless, too
        return [replace(piece, grid=piece.grid.of(min(_LARGEST_DEGREE, degree + max(more, 1))))]
    if piece.share < 1e-9:
        raise OutOfReachError("its waveforms do not get smooth, however short the segments")
    poles = (pole / _SPLIT, (pole + _SPLIT) / (1.0 - _SPLIT))  # where the pole of the whole is
    return [
        replace(piece, share=share * piece.share, grid=Grid(degree=_SPLIT_DEGREE, pole=place))
        for share, place in zip((_SPLIT, 1.0 - _SPLIT), poles, strict=True)
    ]
