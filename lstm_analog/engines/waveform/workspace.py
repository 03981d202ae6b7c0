"""What runs of a network share: its phases in order, segments with their buffers, and how an interval is first cut."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from threading import Lock

import numpy as np

from lstm_analog.arrays import Flags
from lstm_analog.engines.limits import Within, within
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.build import segment
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.couplings import Couplings, couplings
from lstm_analog.engines.waveform.segment import Segment, Tolerance
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.engines.waveform.structure import Structure, at_rest, rates, structure
from lstm_analog.network.chips import beside_batches
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High

DROPPED = 1e-3
"""Share of the tolerance below which an effect is left out: an open switch, a shut valve."""
_REST = Tolerance(rtol=1e-13, atol=1e-13)
_SMOOTH, _FIRST, _GROWTH = 160.0, 40.0, 16.0
"""Rate x time up to which one segment is tried, of the first if there are more; to how much of that each goes on."""
_BEFORE, _DRAWN = 8.0, 0.025
"""Where poles lie before a segment: so many of its fastest time constants or, later on, times since the edge; and what
share of the segment more, for what is slower (measured on exponentials, their products and cells)."""
_STILL = 1e-9
"""Rate x time of what may as well not move."""
_CUT = 0.25
"""Share of a piece that is cut off at its start when it cannot be followed as a whole."""
_LEAST, _LARGEST, _USUAL, _SURE = 8, 30, 14, 40
"""Degrees: from, to, of a piece that comes from another's split, and where points cost nothing.

From 8: with fewer points a mode that rings is wrong before its last coefficients say so (`tests/engines`).
"""
_FINEST, _POINT = 96, Grid(degree=0)
"""Degree by which it is found how many points there must be; what is at rest has one."""
_COARSE = 0.6
"""Share of the degree of a segment that its guess is found with; what is wrong with it counts by its weakness only."""
_FALL, _HOPELESS = 1.0, 1e9
"""Logarithm by which a degree more lets the error fall; the largest error that says anything."""
_ENOUGH = 0.1
"""Share of the tolerance that the degree of a piece is lowered to."""


class OutOfReachError(ArithmeticError):
    """The network cannot be run this way; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Which clock lines are `high`, and whether parts that are `idle` between limits are left out."""

    high: High
    idle: bool


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of an interval: its `share` of it, the `grid` that keeps the tolerance.

    `idle` tells whether parts between limits carry nothing, `still` whether what weak edges feed back may be taken to
    stand still.
    """

    share: float
    grid: Grid
    idle: bool = True
    still: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Workspace:
    """The phases, segments and buffers of runs of `network` over efforts (*lead, N) within `tolerance`.

    `free` is the network without the parts that are idle between limits.
    Of the unknowns, those `wanted` (N,) are kept.
    Segments serve any run, one at a time.
    """

    network: Network
    free: Within
    lead: tuple[int, ...]
    tolerance: Tolerance
    wanted: Flags
    state: NetworkState
    phases: dict[Regime, Couplings] = field(default_factory=dict)
    orders: dict[tuple[Regime, float], Structure] = field(default_factory=dict)
    segments: dict[tuple[Regime, float, Grid, bool, Wanted], Segment] = field(default_factory=dict)
    fastest: dict[High, float] = field(default_factory=dict)

    def order(self, regime: Regime, duration: float) -> Structure:
        """Return in which order a segment of `duration` (s) is solved in a `regime`."""
        key = (regime, duration)
        if key not in self.orders:
            found = structure(self.couplings(regime), duration, DROPPED * self.tolerance.units)
            if found.obstacle:
                raise OutOfReachError(found.obstacle)
            self.orders[key] = found
        return self.orders[key]

    def couplings(self, regime: Regime) -> Couplings:
        """Return who acts on whom in a `regime`."""
        if regime not in self.phases:
            self.phases[regime] = couplings(self.free.network if regime.idle else self.network, regime.high)
        return self.phases[regime]

    def segment(self, regime: Regime, duration: float, grid: Grid, still: bool, keep: Wanted) -> Segment:
        """Return a segment of `duration` (s) with the points of `grid` in a `regime` that keeps what `keep` says.

        What weak edges feed back is taken to stand `still`, or swept from what a coarser segment finds that way.
        """
        key = (regime, duration, grid, still, keep)
        if key not in self.segments:
            coarse = max(_LEAST, int(np.ceil(_COARSE * grid.degree)))
            self.segments[key] = segment(
                self.couplings(regime),
                self.order(regime, duration),
                self.state,
                duration=duration,
                grid=grid,
                still=still,
                keep=keep,
                wanted=self.wanted,
                ranges=self.free.ranges if regime.idle else (),
                tolerance=self.tolerance,
                first=None if still else self.segment(regime, duration, grid.of(coarse), True, Wanted.STATES),
            )
        return self.segments[key]

    def rest(self, regime: Regime, duration: float) -> Segment:
        """Return the segment to the state of rest in a `regime`; what `duration` does not move stays."""
        key = (regime, duration, _POINT, False, Wanted.END)
        if key not in self.segments:
            self.segments[key] = self._rest(regime, duration)
        return self.segments[key]

    def _rest(self, regime: Regime, duration: float) -> Segment:
        still = at_rest(self.couplings(regime), duration)
        order = structure(still, np.inf, _REST.units)
        if order.obstacle:
            raise OutOfReachError(order.obstacle)
        return segment(
            still,
            order,
            self.state,
            duration=1.0,
            grid=_POINT,
            still=False,
            keep=Wanted.END,
            wanted=np.ones_like(self.wanted),
            ranges=self.free.ranges if regime.idle else (),
            tolerance=_REST,
            first=None,
        )

    def pieces(self, high: High, duration: float) -> list[Piece]:
        """Return how an interval of `duration` (s) with the lines `high` is cut at first.

        One piece while its fastest pole is resolved by few points; else graded toward its start: at a rate x time of
        1e3, 48 points give 2e-7 (measured).
        """
        if high not in self.fastest:
            self.fastest[high] = float(rates(self.couplings(Regime(high=high, idle=True))).max(initial=0.0))
        reach = self.fastest[high] * duration
        cuts = [1.0] if reach <= _SMOOTH else [_FIRST / reach]
        while cuts[-1] < 1.0:
            cuts.append(min(1.0, _GROWTH * cuts[-1]))
        first = _grid(cuts[0] * reach, self.tolerance.units)
        later = [Grid(degree=first.degree, pole=_BEFORE * start / (end - start)) for start, end in pairwise(cuts)]
        shares = np.diff([0.0, *cuts]).tolist()
        return [Piece(share=share, grid=grid) for share, grid in zip(shares, [first, *later], strict=True)]


@lru_cache(maxsize=128)
def _grid(reach: float, tolerance: float) -> Grid:
    """Return the grid that follows exp(-`reach` t), t from 0 to 1, to `tolerance`, by two degrees more."""
    finest = Grid(degree=_FINEST, pole=_BEFORE / max(reach, _STILL) + _DRAWN)
    size = np.abs(chebyshev.coefficients(_FINEST) @ np.exp(-reach * chebyshev.points(finest)))
    return finest.of(int(np.clip(np.flatnonzero(size > 0.3 * tolerance)[-1] + 2, _LEAST, _LARGEST)))


def refined(piece: Piece, error: float) -> list[Piece]:
    """Return `piece` with a higher degree, or cut in two, after it was wrong by `error` tolerances.

    Raises `OutOfReachError` if it is very short already.
    """
    degree, pole = piece.grid.degree, piece.grid.pole
    if degree < _LARGEST:
        more = int(np.ceil(np.log(min(_HOPELESS, error)) / _FALL))  # NaN is hopeless, too
        return [replace(piece, grid=piece.grid.of(min(_LARGEST, degree + max(more, 1))))]
    if piece.share < 1e-9:
        raise OutOfReachError("its waveforms do not get smooth, however short the segments")
    poles = (pole / _CUT, (pole + _CUT) / (1.0 - _CUT))  # where the pole of the whole is
    return [
        replace(piece, share=share * piece.share, grid=Grid(degree=_USUAL, pole=place))
        for share, place in zip((_CUT, 1.0 - _CUT), poles, strict=True)
    ]


def settled(piece: Piece, segment: Segment) -> Piece:
    """Return `piece` with the degree that would have done, as its `segment` shows.

    Where no waveform is drawn, a high degree costs nothing.
    """
    enough = max(segment.needed(_ENOUGH), _LEAST)
    return replace(piece, grid=piece.grid.of(min(piece.grid.degree, enough) if segment.drawn else _SURE))


_SPARE = 2
"""Workspaces of a network that are kept beside the last."""
_IDLE: weakref.WeakKeyDictionary[Network, list[Workspace]] = weakref.WeakKeyDictionary()
"""The workspaces of a network that no run has: the next one finds their segments made."""
_LOCK = Lock()
"""Held while a workspace is taken or given back: two threads may run one network, each in a workspace of its own."""


@contextmanager
def workspace(network: Network, lead: tuple[int, ...], tolerance: Tolerance, wanted: Flags) -> Iterator[Workspace]:
    """Lend a workspace for runs of `network` over efforts (*`lead`, N) that keep the `wanted` unknowns.

    It is an idle or a new one; `tolerance` is that of its segments.
    """
    with _LOCK:
        idle = _IDLE.setdefault(network, [])
        fits = [
            other
            for other in idle
            if other.lead == lead and other.tolerance == tolerance and np.array_equal(other.wanted, wanted)
        ]
        idle[:] = [other for other in idle if other not in fits[:1]][-_SPARE:]
    found = fits[0] if fits else _new(network, lead, tolerance, wanted)
    try:
        yield found
    finally:
        with _LOCK:
            idle.append(found)


def _new(network: Network, lead: tuple[int, ...], tolerance: Tolerance, wanted: Flags) -> Workspace:
    spread = _beside_batches(network)
    return Workspace(
        network=spread,
        free=within(spread),
        lead=lead,
        tolerance=tolerance,
        wanted=wanted,
        state=NetworkState(
            effort=np.zeros((*lead, network.unknowns.size)),
            stamps=[0] * (1 + len(network.unknowns.groups)),
            known={},
            learnt=[],
        ),
    )


def _beside_batches(network: Network) -> Network:
    return Network(
        domain=network.domain,
        unknowns=network.unknowns,
        parts=tuple(beside_batches(part) for part in network.parts),
        lines=network.lines,
        provenance=network.provenance,
    )
