"""A segment: the calls that solve one piece of an interval, over which each waveform is one smooth function of time.

Waveforms are given by their values at the points of a grid. The calls solve the levels in order, estimate the error
from the last Chebyshev coefficients, and write the efforts at the end into the state. At torn edges levels read a
guess; they are solved again, a sweep each time, until the guess and what is found agree.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native import Unsolved
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field
from lstm_analog.expressions import Call, make

SWEEPS = 29
"""Largest number of sweeps over torn edges, after which a segment counts as unsolved and its piece is refined."""
NEWTON_SHARE = 0.01
"""Share of the tolerance that Newton's method may leave as its error; larger: fewer iterations."""
SWEEP_SHARE = 0.4
"""Share of the tolerance that the guesses at torn edges may leave as an error; larger: fewer sweeps."""


class Feedback(Enum):
    """What levels read of unknowns at torn edges before these are found; the value says it in words."""

    STILL = "their efforts at the start: that nothing moves, which is checked once"
    AT_END = "what a coarser segment finds, checked at the end alone if nothing else asks for points"
    SWEPT = "what a coarser segment finds, then what the sweep before found"


class NotLinearError(ArithmeticError):
    """The flows into a group of unknowns, whose number it is raised with, are not linear in their own efforts."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The allowed error of a waveform: `rtol` (|effort| + scale) + `atol` scale; the scale is one unit of signal.

    |effort| is the larger of that at the start and that at the end of a segment, 0 if it is a sum of known bases.
    """

    rtol: float
    atol: float

    @property
    def units(self) -> float:
        """The allowed error of a small effort, in units of signal."""
        return self.rtol + self.atol


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """The guessed waveforms of m unknowns at torn edges, which levels read before these unknowns are found.

    Attributes
    ----------
    field : Field
        The guess.
    weights : float array, (terms, *lead, m)
        The weights of the Chebyshev polynomials that it is a sum of; no terms where its values are guessed.
    still : bool
        Whether it says that nothing moves, and is never changed; else each sweep takes what the one before found.
    at_end : bool
        Whether it is compared with what is found at the end alone.
    beginning : calls
        They set the guess to the efforts at the start, at all points.
    gathering : calls
        They copy what was found for these unknowns to `waves`.
    waves : float array, (points, *lead, m)
        What was found, at the points or at the end alone.
    judging : calls
        They write the difference of guess and found to `moved` and, if it is above the `limit`, change the guess to
        what was found, unless it is `still`.
    missed : float array, (1,)
        The error of a guess `at_end` that its end does not show, in units of signal: of the coarse waveforms what its
        polynomials leave out, and a share of each correction.
    moved : float array, (1,)
        The largest difference of guess and found, or of its integral where only that counts, in units of signal; of a
        guess `at_end` plus what is `missed`.
    limit : float
        The largest `moved` at which the guess is close enough.
    """

    field: Field
    weights: Floats
    still: bool
    at_end: bool
    beginning: tuple[Call, ...]
    gathering: tuple[Call, ...]
    waves: Floats
    judging: tuple[Call, ...]
    missed: Floats
    moved: Floats
    limit: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelSweep:
    """The `steps` that solve some levels one after the other, and the `guess` that these levels read, if any."""

    steps: tuple[Call, ...]
    guess: Guess | None

    def run(self) -> int:
        """Solve the levels, again until the guess is close enough, and return how often; raise `Unsolved` if it is not.

        A guess that is `still` or compared `at_end` may be left wrong: `Segment.guesses_confirmed` tells.
        """
        for number in range(1, SWEEPS + 1):
            make(self.steps)
            if not self.guess or self.guess.still or self.guess_is_close():
                return number
        if self.guess and self.guess.at_end:
            return SWEEPS
        raise Unsolved

    def guess_is_close(self) -> bool:
        """Return whether the guess, if any, is close enough to what was found; if not, change it unless it is still."""
        if not self.guess:
            return True
        make(self.guess.judging)
        return bool(self.guess.moved[0] <= self.guess.limit)


@dataclass(frozen=True, kw_only=True, eq=False)
class GuardedWaveform:
    """Waveforms that must stay within limits: outside, parts that were left out would carry flow.

    The calls `judging` write to `beyond` (1,) by how much they exceed the limits, 0 if they do not.
    """

    judging: tuple[Call, ...]
    beyond: Floats

    def within_limits(self) -> bool:
        """Return whether all of them are within their limits."""
        make(self.judging)
        return bool(self.beyond[0] <= 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """The calls that advance the state by one piece of an interval, with their buffers; made by `build.segment`.

    Attributes
    ----------
    grid : Grid
        The points.
    steps : calls
        They read the state and solve all levels, unless there are `sweeps`, which do.
    drawn : tuple of Field
        The fields that have values at the points.
    judging : calls
        They write the estimated error to `verdict`; none where it is negligible whatever the state.
    verdict : float array, (1,)
        The estimated error, in tolerances.
    starting : calls
        They set the first guesses.
    sweeps : tuple of LevelSweep
        The levels, if some read guesses.
    after : calls
        They write the efforts at the end into the state.
    watches : tuple of GuardedWaveform
        The waveforms that must stay within limits.
    coarse : Segment, optional
        A segment with fewer points, whose waveforms are the first guesses; None where these are that nothing moves.
    """

    grid: Grid
    steps: tuple[Call, ...]
    drawn: tuple[Field, ...]
    judging: tuple[Call, ...]
    verdict: Floats
    starting: tuple[Call, ...]
    sweeps: tuple[LevelSweep, ...]
    after: tuple[Call, ...]
    watches: tuple[GuardedWaveform, ...]
    coarse: "Segment | None"

    @cached_property
    def needs_no_check(self) -> bool:
        """Whether it is accepted once it is solved: no error that may matter, no guesses, no limits."""
        return not (self.judging or self.watches or self.sweeps)

    def solve(self) -> int:
        """Find all waveforms from the state; return the number of sweeps, or raise `Unsolved`."""
        make(self.steps)
        if not self.sweeps:
            return 1
        if self.coarse:
            self.coarse.solve()
        make(self.starting)
        return max(sweep.run() for sweep in self.sweeps)

    def guesses_confirmed(self) -> bool:
        """Return whether guesses that `solve` may have left wrong, still or compared at the end, were close enough."""
        left = (sweep for sweep in self.sweeps if sweep.guess and (sweep.guess.still or sweep.guess.at_end))
        return all(sweep.guess_is_close() for sweep in left)

    def error(self) -> float:
        """Return the estimated error in tolerances."""
        make(self.judging)
        return self.verdict.item()

    def within_limits(self) -> bool:
        """Return whether all watched waveforms are within limits, so that the parts left out carry no flow."""
        return all(watch.within_limits() for watch in self.watches)

    def commit(self) -> None:
        """Write the efforts at the end into the state."""
        make(self.after)

    def sample(self, at: Floats, path: Floats) -> None:
        """Write the waveforms `at` (k,), from 0 at the start to 1 at the end, into `path` (*lead, k, N).

        Unknowns that do not move in the segment are left as they are.
        """
        matrix = chebyshev.evaluation(self.grid, at)
        for field in self.drawn:
            path[..., field.nodes] = np.moveaxis(np.tensordot(matrix, values_of(field), axes=1), 0, -2)


def values_of(field: Field) -> Floats:
    """Return the values of `field` at the points, or its start where it has none."""
    return field.start if field.values is None else field.values
