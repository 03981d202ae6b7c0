"""The cache that runs of a network share: analyses of its phases and segments with their buffers.

It also says into which pieces an interval is divided at first.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.base import Precision
from lstm_analog.engines.lending import Lender
from lstm_analog.engines.native import KernelProgram
from lstm_analog.engines.phase.couplings import Couplings, couplings, with_batch_axis
from lstm_analog.engines.phase.strength import at_rest, rates
from lstm_analog.engines.phase.structure import Structure, structure
from lstm_analog.engines.record import Watch, Within, within
from lstm_analog.engines.waveform.analysis import FieldLayout, Wanted, field_layout, needs_ends_alone, sampled
from lstm_analog.engines.waveform.build import segment
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.guesses import guessing
from lstm_analog.engines.waveform.pieces import (
    Division,
    IntervalPrograms,
    OutOfReachError,
    Piece,
    coarse_grid,
    first_grid,
    guess_terms,
    later_pole,
    swept_grid,
)
from lstm_analog.engines.waveform.segment import Feedback, Segment, Tolerance
from lstm_analog.engines.waveform.state import NetworkState, SourcePlaces, source_places
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High

DROPPED = 1e-3
"""Effect of a coupling, as a share of the tolerance, below which it is left out: an open switch, a shut valve."""
_REST_TOLERANCE = Tolerance(rtol=1e-13, atol=1e-13)
"""Tolerance of the state of rest that a run starts from: close to the rounding of doubles."""
_REST_GRID = Grid(degree=0)
_ONE_PIECE = 160.0
"""Fastest rate x duration up to which an interval begins as one piece; larger: fewer pieces, each of more points."""
_FIRST_PIECE = 40.0
"""Fastest rate x duration of the first piece where an interval begins as several; larger: fewer pieces, more points."""
_PIECE_GROWTH = 16.0
"""Ratio of the end of a piece to the end of the one before; larger: fewer pieces, each of more points."""


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Which network is solved: its clock lines `high`, with or without the parts that are `idle` between limits.

    A stop of a tank carries no flow while the tank stays between its limits, and is left out if `idle` is true.
    """

    high: High
    idle: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Workspace:
    """Analyses, segments and buffers for runs of `network` within `tolerance`; they serve many runs, one at a time.

    `free` is the network without the parts that are idle between limits, with these limits. Efforts are (*`lead`, N):
    chips, if there are several, and batch lead; those of the unknowns `wanted` (N,) are recorded or watched, at points
    `inside` intervals, too, or at their ends alone. `state` is where the run has got to, `worst` (1,) the largest
    estimated error of an accepted piece, in tolerances; `unsound` (1,) is 0 if all that a run has recorded was found
    finite. The dictionaries are the cache: couplings by regime, orders by
    regime and duration (s), layouts by regime and the content of orders, segments by all that makes them, the fastest
    rate (1/s) by clock lines, pieces with better guesses by clock lines, duration (s) and piece, divisions of intervals
    by clock lines, duration (s) and pieces, none for the first, programs by segment and accepted error, and those of
    intervals by how the arrays lie that a run imposes and keeps.
    """

    network: Network
    free: Within
    lead: tuple[int, ...]
    tolerance: Tolerance
    wanted: Flags
    inside: bool
    state: NetworkState
    worst: Floats = field(default_factory=lambda: np.zeros(1))
    unsound: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    phases: dict[Regime, Couplings] = field(default_factory=dict)
    orders: dict[tuple[Regime, float], Structure] = field(default_factory=dict)
    layouts: dict[tuple[Regime, tuple[object, ...]], FieldLayout] = field(default_factory=dict)
    segments: dict[tuple[Regime, float, Grid, Feedback, Wanted], Segment] = field(default_factory=dict)
    fastest: dict[High, float] = field(default_factory=dict)
    finer: dict[tuple[High, float, Piece], Piece] = field(default_factory=dict)
    divisions: dict[tuple[High, float, tuple[Piece, ...]], Division] = field(default_factory=dict)
    programs: dict[tuple[Segment, float], KernelProgram | None] = field(default_factory=dict)
    tables: dict[tuple[object, ...], IntervalPrograms] = field(default_factory=dict)

    def table(self, layout: tuple[object, ...], cursors: int, watches: tuple[Watch, ...]) -> IntervalPrograms:
        """Return the programs for arrays of a `layout`, with so many `cursors`; those for other arrays are dropped.

        The `watches` of a run say which nodes have limits.
        """
        if layout not in self.tables:
            self.tables.clear()
            own = tuple(replace(each, lowest=each.lowest.copy(), highest=each.highest.copy()) for each in watches)
            self.tables[layout] = IntervalPrograms(cursors=np.zeros(cursors, dtype=np.int64), watches=own)
        return self.tables[layout]

    @cached_property
    def sources(self) -> tuple[SourcePlaces, ...]:
        """Which unknowns each bank of sources drives."""
        return source_places(self.network)

    def order(self, regime: Regime, duration: float) -> Structure:
        """Return the order in which a segment of `duration` (s) is solved in a `regime`."""
        key = (regime, duration)
        if key not in self.orders:
            found = structure(self.couplings(regime), duration, DROPPED * self.tolerance.units)
            if found.obstacle:
                raise OutOfReachError(found.obstacle)
            self.orders[key] = found
        return self.orders[key]

    def layout(self, regime: Regime, order: Structure) -> FieldLayout:
        """Return the fields of segments that are solved in `order` in a `regime`."""
        key = (regime, order.content)
        if key not in self.layouts:
            self.layouts[key] = field_layout(self.couplings(regime), order)
        return self.layouts[key]

    def couplings(self, regime: Regime) -> Couplings:
        """Return the couplings of the unknowns in a `regime`."""
        if regime not in self.phases:
            self.phases[regime] = couplings(self.free.network if regime.idle else self.network, regime.high)
        return self.phases[regime]

    def segment(self, regime: Regime, duration: float, grid: Grid, feedback: Feedback, output: Wanted) -> Segment:
        """Return a segment of `duration` (s) with the points of `grid` in a `regime`; `output` says what it must yield.

        `feedback` says what is read of unknowns at torn edges; a coarser segment takes them to stand still.
        """
        still, key = feedback is Feedback.STILL, (regime, duration, grid, feedback, output)
        if key not in self.segments:
            order = self.order(regime, duration)
            terms = 1 if still else guess_terms(order, grid, self.tolerance) + (feedback is Feedback.AT_END)
            coarse = coarse_grid(order, grid, terms)
            self.segments[key] = segment(
                self.couplings(regime),
                order,
                self.layout(regime, order),
                self.state,
                duration=duration,
                guessing=guessing(order, grid, terms, feedback, self.tolerance),
                output=output,
                wanted=self.wanted,
                ranges=self.free.ranges if regime.idle else (),
                tolerance=self.tolerance,
                first=None if still else self.segment(regime, duration, coarse, Feedback.STILL, Wanted.GUESSES),
            )
        return self.segments[key]

    def swept(self, high: High, duration: float, piece: Piece) -> Piece:
        """Return the `piece` of an interval of `duration` (s) with the lines `high` with better guesses from now on."""
        key = (high, duration, piece)
        if key not in self.finer:
            self.finer[key] = self._swept(high, duration, piece)
        return self.finer[key]

    def _swept(self, high: High, duration: float, piece: Piece) -> Piece:
        regime = Regime(high=high, idle=piece.idle)
        order = self.order(regime, piece.share * duration)
        grid, layout = swept_grid(order, piece.grid, self.tolerance), self.layout(regime, order)
        points = self.inside or self.free.ranges or piece.feedback is not Feedback.STILL
        if not points and needs_ends_alone(layout, guess_terms(order, grid, self.tolerance), self.wanted):
            return replace(piece, grid=grid.of(grid.degree + 1), feedback=Feedback.AT_END)
        return replace(piece, grid=grid, feedback=Feedback.SWEPT)

    def rest(self, regime: Regime, duration: float) -> Segment:
        """Return the segment that finds the rest in a `regime`; storages that `duration` (s) does not move stay."""
        key = (regime, duration, _REST_GRID, Feedback.SWEPT, Wanted.END)
        if key not in self.segments:
            self.segments[key] = self._rest(regime, duration)
        return self.segments[key]

    def _rest(self, regime: Regime, duration: float) -> Segment:
        still = at_rest(self.couplings(regime), duration)
        order = structure(still, np.inf, _REST_TOLERANCE.units)
        if order.obstacle:
            raise OutOfReachError(order.obstacle)
        return segment(
            still,
            order,
            field_layout(still, order),
            self.state,
            duration=1.0,
            guessing=guessing(order, _REST_GRID, 0, Feedback.SWEPT, _REST_TOLERANCE),
            output=Wanted.END,
            wanted=np.ones_like(self.wanted),
            ranges=self.free.ranges if regime.idle else (),
            tolerance=_REST_TOLERANCE,
            first=None,
        )

    def pieces(self, high: High, duration: float) -> list[Piece]:
        """Return the pieces into which an interval of `duration` (s) with the lines `high` is divided at first.

        It is one piece while few points resolve its fastest pole; else pieces grow from its start on: at a rate x
        duration of 1e3, 48 points give an error of 2e-7 (measured).
        """
        if high not in self.fastest:
            self.fastest[high] = float(rates(self.couplings(Regime(high=high, idle=True))).max(initial=0.0))
        decay = self.fastest[high] * duration
        ends = [1.0] if decay <= _ONE_PIECE else [_FIRST_PIECE / decay]
        while ends[-1] < 1.0:
            ends.append(min(1.0, _PIECE_GROWTH * ends[-1]))
        first = self._first_grid(high, duration, ends[0] * decay)
        later = [Grid(degree=first.degree, pole=later_pole(start, end)) for start, end in pairwise(ends)]
        shares = np.diff([0.0, *ends]).tolist()
        return [Piece(share=share, grid=grid) for share, grid in zip(shares, [first, *later], strict=True)]

    def _first_grid(self, high: High, duration: float, decay: float) -> Grid:
        """Return the grid that the first piece of an interval of `duration` (s) begins with, with the lines `high`.

        Its fastest storage discharges `decay` time constants within the piece.
        """
        if self.free.ranges or self.inside:
            return first_grid(decay, decay, None, self.tolerance)
        regime = Regime(high=high, idle=True)
        order = self.order(regime, duration)
        nodes = sampled(self.layout(regime, order))
        fastest = float(rates(self.couplings(regime))[nodes].max(initial=0.0))
        return first_grid(decay, fastest * duration, order, self.tolerance)


_LENDER: Lender[Workspace] = Lender()


def workspace(
    network: Network,
    lead: tuple[int, ...],
    tolerance: Tolerance,
    wanted: Flags,
    precision: Precision = Precision.DOUBLE,
    inside: bool = False,
) -> AbstractContextManager[Workspace]:
    """Lend a workspace, idle or new, for runs of `network` with efforts (*`lead`, N) and segments of `tolerance`.

    `wanted` (N,) are the unknowns that are recorded or watched, `inside` intervals, too, or at their ends alone.
    Efforts are numbers of this `precision`.
    """

    def fits(other: Workspace) -> bool:
        same = other.lead == lead and other.tolerance == tolerance
        same = same and other.state.effort.dtype == precision.value and other.inside == inside
        return same and np.array_equal(other.wanted, wanted)

    return _LENDER.lent(network, fits, partial(_new, network, lead, tolerance, wanted, precision, inside))


def _new(
    network: Network, lead: tuple[int, ...], tolerance: Tolerance, wanted: Flags, precision: Precision, inside: bool
) -> Workspace:
    spread = with_batch_axis(network)
    return Workspace(
        network=spread,
        free=within(spread),
        lead=lead,
        tolerance=tolerance,
        wanted=wanted,
        inside=inside,
        state=NetworkState(
            effort=np.zeros((*lead, network.unknowns.size), precision.value),
            stamps=np.zeros(1 + len(network.unknowns.groups), dtype=np.int64),
            known={},
        ),
    )
