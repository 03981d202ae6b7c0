"""A segment: a piece of one clock phase over which each waveform is one smooth function, given at common points.

It solves its levels in order, estimates the error from the last Chebyshev coefficients, and writes the efforts at its
end into the state. Torn edges read a guess of the waveform at their tail; the levels are solved again (swept) until the
guess and what is found agree.
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

SWEEPS = 30
"""Sweeps over torn edges after which a segment counts as unsolved, and is tried again shorter or finer."""
NEWTON_SHARE = 0.01
"""Share of the tolerance that Newton's method may leave as its error; larger: fewer iterations."""
SWEEP_SHARE = 0.4
"""Share of the tolerance that the guesses at torn edges may leave as an error; larger: fewer sweeps."""


class Feedback(Enum):
    """What levels read of unknowns at torn edges, which are not found yet; the value says it in words."""

    STILL = "that they stand still, compared once"
    AT_END = "what a coarser segment finds, compared at the end alone if nothing else asks for points"
    SWEPT = "what a coarser segment finds, then what the sweep before found"


class NotLinearError(ArithmeticError):
    """The flows into a group of unknowns, whose number it is raised with, are not linear in their own efforts."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The allowed error of an effort: `rtol` times the effort or its scale, whichever is larger, plus `atol` scales."""

    rtol: float
    atol: float

    @property
    def units(self) -> float:
        """The allowed error in units of signal of efforts up to one unit."""
        return self.rtol + self.atol


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """The guessed waveforms of the m unknowns at torn edges, which levels read before they are found.

    Attributes
    ----------
    field : Field
        The guess.
    weights : float array, (terms, *lead, m)
        The weights of the polynomials that it is a sum of; none where it is given by its values alone.
    still : bool
        Whether it is that all stands still, and stays so; else it is what the sweep before found.
    at_end : bool
        Whether it is compared with what is found at the end alone.
    beginning : calls
        They set the guess to the efforts at the start, at all points.
    gathering : calls
        They write what was found for these unknowns to `waves`.
    waves : float array, (points, *lead, m)
        What was found, at the points or at the end alone.
    judging : calls
        They write the largest difference of what was found and guessed, in units of signal, to `moved`, and unless that
        is small enough guess what was found; a guess that all stands still stays as it is.
    missed : float array, (1,)
        What is not seen at the end alone, in units of signal: how much of the waveforms that it was made of it leaves
        out, and how wrong a correction may be.
    moved : float array, (1,)
        That difference, or its effect.
    limit : float
        Up to which of it the guess rests, in units of signal.
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
    """Levels that are solved one after the other by `steps`, and again, if they read a `guess`, until it rests."""

    steps: tuple[Call, ...]
    guess: Guess | None

    def run(self) -> int:
        """Solve the levels and return the number of sweeps; raise `Unsolved` if the guess does not come to rest."""
        for number in range(1, SWEEPS):
            make(self.steps)
            if not self.guess or self.guess.still or self.rests():
                return number
        if self.guess and self.guess.at_end:
            return SWEEPS  # `Segment.stands` will say so
        raise Unsolved

    def rests(self) -> bool:
        """Return whether the guess was close enough to what was found; a guess that is not still is updated."""
        if not self.guess:
            return True
        make(self.guess.judging)
        return bool(self.guess.moved[0] <= self.guess.limit)


@dataclass(frozen=True, kw_only=True, eq=False)
class GuardedWaveform:
    """Waveforms that must stay within limits: outside, parts that were left out would carry flow.

    The calls `judging` write how far beyond they are, at most, to `beyond` (1,); zero or less is within.
    """

    judging: tuple[Call, ...]
    beyond: Floats

    def within_limits(self) -> bool:
        """Return whether all of them are within their limits."""
        make(self.judging)
        return bool(self.beyond[0] <= 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Steps that advance the efforts of a network by one segment, with their buffers bound; made by `build.segment`.

    The `steps` read the state and, if there are no guesses, solve all levels; with guesses, the `sweeps` do. The calls
    `starting` make the first guesses, from what a coarser segment `first` finds, if there is one. The steps `after`
    write the efforts at the end into the state. `watches` are the waveforms that must stay within limits.

    Fields that are `drawn` have values at the points of `grid`. The calls `judging` write the estimated error, in
    tolerances, to `verdict` (1,); there are none where it is negligible whatever the state.
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
    first: "Segment | None"

    @cached_property
    def needs_no_check(self) -> bool:
        """Whether it is right whatever the state: all waveforms are sums of resolved bases, no guesses, no limits."""
        return not (self.judging or self.watches or self.sweeps)

    def solve(self) -> int:
        """Find all waveforms from the state; return the number of sweeps, or raise `Unsolved`."""
        make(self.steps)
        if not self.sweeps:
            return 1
        if self.first:
            self.first.solve()
        make(self.starting)
        return max(sweep.run() for sweep in self.sweeps)

    def stands(self) -> bool:
        """Return whether guesses that all stands still, or that are seen at the end, were close to what was found."""
        seen = (sweep for sweep in self.sweeps if sweep.guess and (sweep.guess.still or sweep.guess.at_end))
        return all(sweep.rests() for sweep in seen)

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
