"""The workspace of a network: what its runs share, from analyses of its phases to segments with their buffers.

It also says into which pieces an interval is divided at first.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.base import Precision
from lstm_analog.engines.lending import Lender
from lstm_analog.engines.native import KernelProgram
from lstm_analog.engines.phase.couplings import Couplings, couplings, with_batch_axis
from lstm_analog.engines.phase.strength import at_rest, rates
from lstm_analog.engines.phase.structure import Structure, structure
from lstm_analog.engines.record import Within, within
from lstm_analog.engines.waveform.analysis import FieldLayout, Wanted, field_layout, needs_ends_alone, sampled
from lstm_analog.engines.waveform.build import segment
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.guesses import guessing
from lstm_analog.engines.waveform.pieces import (
    IntervalPrograms,
    OutOfReachError,
    Partition,
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
"""Effect of a coupling, as a share of the tolerance, below which it is left out; larger: fewer loops, less accurate.

Open switches and shut valves are left out so.
"""
_REST_TOLERANCE = Tolerance(rtol=1e-13, atol=1e-13)
"""Tolerance of the state of rest that a run starts from: close to the rounding of doubles."""
_REST_GRID = Grid(degree=0)
"""The grid of a segment at rest: one point, in no time."""
_ONE_PIECE = 160.0
"""Fastest rate x duration up to which an interval begins as one piece; larger: fewer pieces, each of more points."""
_FIRST_PIECE = 40.0
"""Fastest rate x duration of the first piece where an interval begins as several; larger: fewer pieces, more points."""
_PIECE_GROWTH = 16.0
"""Ratio of the end of a piece to the end of the one before; larger: fewer pieces, each of more points."""


@dataclass(frozen=True, kw_only=True)
class Regime:
    """Which network is solved: that with the clock lines `high`, without the parts between limits if these are `idle`.

    A stop of a tank carries no flow while the tank stays between its limits. If `idle` is true, it is left out.
    """

    high: High
    idle: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Workspace:
    """What runs of a network share, one run at a time: its state and buffers, and a cache of all that has been built.

    Attributes
    ----------
    network : Network
        The network, with an axis for the batch.
    free : Within
        The network without the parts that are idle between limits, and these limits.
    lead : tuple of int
        The axes of efforts before the last: chips, if there are several, and the batch.
    tolerance : Tolerance
        The allowed error of each piece.
    wanted : flags, (N,)
        The unknowns that are recorded or watched for their limits.
    inside : bool
        Whether they are at points inside intervals, too, or at their ends alone.
    state : NetworkState
        Where the run has got to.
    worst : float array, (1,)
        The largest estimated error of an accepted piece of the run, in tolerances.
    nonfinite : int array, (1,)
        0 if all that the run has recorded is known to be finite.
    phases, orders, layouts : dicts
        The couplings of a regime; the order in which a segment of a duration (s) is solved; the fields of an order, by
        its content.
    segments : dict
        Segments by all that they are made of.
    better : dict
        By clock lines, duration (s) and piece: the piece with better guesses.
    partitions : dict
        Partitions by clock lines, duration (s) and pieces; by no pieces the first one.
    programs : dict
        Programs that solve a segment up to an accepted error; None where the kernel cannot.
    interval_programs : dict
        The programs of intervals, by how the arrays lie that a run imposes and records; of one such layout at a time.
    """

    network: Network
    free: Within
    lead: tuple[int, ...]
    tolerance: Tolerance
    wanted: Flags
    inside: bool
    state: NetworkState
    worst: Floats = field(default_factory=lambda: np.zeros(1))
    nonfinite: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    phases: dict[Regime, Couplings] = field(default_factory=dict)
    orders: dict[tuple[Regime, float], Structure] = field(default_factory=dict)
    layouts: dict[tuple[Regime, tuple[object, ...]], FieldLayout] = field(default_factory=dict)
    segments: dict[tuple[Regime, float, Grid, Feedback, Wanted], Segment] = field(default_factory=dict)
    better: dict[tuple[High, float, Piece], Piece] = field(default_factory=dict)
    partitions: dict[tuple[High, float, tuple[Piece, ...]], Partition] = field(default_factory=dict)
    programs: dict[tuple[Segment, float], KernelProgram | None] = field(default_factory=dict)
    interval_programs: dict[tuple[object, ...], IntervalPrograms] = field(default_factory=dict)

    @cached_property
    def sources(self) -> tuple[SourcePlaces, ...]:
        """Which unknowns each bank of sources drives."""
        return source_places(self.network)

    def order(self, regime: Regime, duration: float) -> Structure:
        """Return the order in which a segment of `duration` (s) is solved in a `regime`.

        Raises `OutOfReachError` if there is none.
        """
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

        `feedback` says what is read of unknowns at torn edges. Guesses other than that these stand still come from a
        coarser segment, in which they do.
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
                coarse=None if still else self.segment(regime, duration, coarse, Feedback.STILL, Wanted.GUESSES),
            )
        return self.segments[key]

    def swept(self, high: High, duration: float, piece: Piece) -> Piece:
        """Return the `piece`, of an interval of `duration` (s) with the lines `high`, with the next better guesses.

        After those that nothing moves come those that are compared at the end, if nothing else asks for points, else
        those that are swept at all points.
        """
        key = (high, duration, piece)
        if key not in self.better:
            regime = Regime(high=high, idle=piece.idle)
            order = self.order(regime, piece.share * duration)
            grid, layout = swept_grid(order, piece.grid, self.tolerance), self.layout(regime, order)
            points = self.inside or self.free.ranges or piece.feedback is not Feedback.STILL
            if not points and needs_ends_alone(layout, guess_terms(order, grid, self.tolerance), self.wanted):
                self.better[key] = replace(piece, grid=grid.of(grid.degree + 1), feedback=Feedback.AT_END)
            else:
                self.better[key] = replace(piece, grid=grid, feedback=Feedback.SWEPT)
        return self.better[key]

    def rest(self, regime: Regime, duration: float) -> Segment:
        """Return the segment that finds the state of rest in a `regime`; what does not move in `duration` (s) stays.

        Raises `OutOfReachError` if there is no order to find it in.
        """
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
            coarse=None,
        )

    def first_pieces(self, high: High, duration: float) -> list[Piece]:
        """Return the pieces into which an interval of `duration` (s) with the lines `high` is divided at first.

        It is one piece while few points resolve its fastest transient; else pieces grow from its start on: at a rate x
        duration of 1e3, 48 points give an error of 2e-7 (measured).
        """
        regime = Regime(high=high, idle=True)
        rate = rates(self.couplings(regime))
        decay = float(rate.max(initial=0.0)) * duration
        ends = [1.0] if decay <= _ONE_PIECE else [_FIRST_PIECE / decay]
        while ends[-1] < 1.0:
            ends.append(min(1.0, _PIECE_GROWTH * ends[-1]))
        fastest = self._fastest_sampled(regime, duration, rate)
        first = first_grid(ends[0] * decay, None if fastest is None else fastest * duration, self.tolerance)
        later = [Grid(degree=first.degree, pole=later_pole(start, end)) for start, end in pairwise(ends)]
        shares = np.diff([0.0, *ends]).tolist()
        return [Piece(share=share, grid=grid) for share, grid in zip(shares, [first, *later], strict=True)]

    def _fastest_sampled(self, regime: Regime, duration: float, rate: Floats) -> float | None:
        """Return the largest `rate` (1/s), (N,), of storages that points of an interval of `duration` (s) must resolve.

        None if all waveforms in this `regime` must be resolved: something may ring, or points inside the interval are
        asked for.
        """
        if self.free.ranges or self.inside:
            return None
        order = self.order(regime, duration)
        return None if order.may_ring else float(rate[sampled(self.layout(regime, order))].max(initial=0.0))


_LENDER: Lender[Workspace] = Lender()


def workspace(
    network: Network,
    lead: tuple[int, ...],
    tolerance: Tolerance,
    wanted: Flags,
    precision: Precision = Precision.DOUBLE,
    inside: bool = False,
) -> AbstractContextManager[Workspace]:
    """Lend a workspace, idle or new, for runs of `network` with efforts (*`lead`, N) and pieces within `tolerance`.

    `wanted` (N,) are the unknowns that are recorded or watched, `inside` intervals, too, or at their ends alone.
    Efforts are numbers of this `precision`.
    """

    def fits(other: Workspace) -> bool:
        same = other.lead == lead and other.tolerance == tolerance
        same = same and other.state.effort.dtype == precision.value and other.inside == inside
        return same and np.array_equal(other.wanted, wanted)

    def make() -> Workspace:
        spread, stamps = with_batch_axis(network), np.zeros(1 + len(network.unknowns.groups), dtype=np.int64)
        effort = np.zeros((*lead, network.unknowns.size), precision.value)
        return Workspace(
            network=spread,
            free=within(spread),
            lead=lead,
            tolerance=tolerance,
            wanted=wanted,
            inside=inside,
            state=NetworkState(effort=effort, stamps=stamps, known={}),
        )

    return _LENDER.lent(network, fits, make)
