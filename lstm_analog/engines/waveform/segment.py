"""A segment: a piece of one clock phase over which each waveform is one smooth function, given at common points.

It solves its levels in order, estimates the error from the last Chebyshev coefficients, and writes the efforts at its
end into the state. Torn edges read a guess of the waveform at their tail; the levels are solved again (swept) until the
guess and what is found agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from lstm_analog.arrays import Floats, Span
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field
from lstm_analog.engines.waveform.newton import Unsolved
from lstm_analog.expressions import Call

_SWEEPS = 30
"""Sweeps over torn edges after which a segment counts as unsolved, and is tried again shorter or finer."""
NEWTON_SHARE = 0.1
"""Share of the tolerance that Newton's method may leave as its error; larger: fewer iterations."""
SWEEP_SHARE = 0.3
"""Share of the tolerance that the guesses at torn edges may leave as an error; larger: fewer sweeps."""


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

    `field` is the guess: with terms, that all stands still; without, what the sweep before found. `found` says which
    places of it are which places of the fields where these unknowns are found. `weights` (m,) are one over their units
    of signal. `effect` (points - 1, points - 1) makes of an error at all points but the first what it does: its
    integral, if torn edges act on slow storages only; None if the error itself counts. `change` (points, *lead, m) is a
    buffer for the difference of what is found and what was guessed.
    """

    field: Field
    found: tuple[tuple[Span, Field, Span], ...]
    weights: Floats
    effect: Floats | None
    change: Floats

    def begin(self) -> None:
        """Set the guess to the efforts at the start, at all points."""
        target = self.field.start if self.field.terms else self.field.values
        for own, field, places in self.found:
            target[..., own] = field.start[..., places]  # type: ignore[index]

    def interpolate(self, other: "Guess", evaluation: Floats) -> None:
        """Set the guess to what a coarser segment found, whose guess is `other`; `evaluation` (points, its points)."""
        waves, values = other.waves(), values_of(self.field)
        np.matmul(evaluation, waves.reshape(len(waves), -1), out=values.reshape(len(values), -1))

    def waves(self) -> Floats:
        """Return the waveforms that were found for these unknowns, (points, *lead, m)."""
        found = [values_of(field)[..., places] for _, field, places in self.found]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=-1)

    def moved(self) -> float:
        """Return the largest difference of what was found and guessed, in units of signal, and guess what was found.

        A guess that all stands still stays as it is.
        """
        waves, guessed = self.waves(), values_of(self.field)
        change = np.subtract(waves, guessed, out=self.change)
        np.multiply(change, self.weights, out=change)
        if self.effect is not None:
            change = self.effect @ change[1:].reshape(len(self.effect), -1)
        size = float(np.abs(change, out=change).max(initial=0.0))
        if not self.field.terms:
            np.copyto(guessed, waves)
        return size


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelSweep:
    """Levels that are solved one after the other by `steps`, and again, if they read a `guess`, until it rests.

    `weakness` is the strength of the strongest torn edge, `tolerance` the error that the guess may cause, in units of
    signal: an error d of the guess causes at most `weakness` d.
    """

    steps: list[Call]
    guess: Guess | None
    weakness: float
    tolerance: float

    def run(self) -> int:
        """Solve the levels and return the number of sweeps; raise `Unsolved` if the guess does not come to rest."""
        for number in range(1, _SWEEPS):
            for step in self.steps:
                step()
            if not self.guess or self.guess.field.terms or self.rests():
                return number
        raise Unsolved

    def rests(self) -> bool:
        """Return whether the guess was close enough to what was found; a guess that is not still is updated."""
        return not self.guess or self.weakness * self.guess.moved() <= self.tolerance


@dataclass(frozen=True, kw_only=True, eq=False)
class Combined:
    """The truncation error of waveforms that are sums of terms: known bases times weights.

    `tails` are the last k Chebyshev coefficients of each basis, (k, 1 or m), in tolerances; `weights` (*lead, m) are
    read in each run. Bases may each be badly resolved where their sum is not.
    """

    tails: tuple[Floats, ...]
    weights: tuple[Floats, ...]

    @cached_property
    def _each(self) -> list[float]:
        """The estimated error of each basis, for a weight of 1, in tolerances."""
        return [next_coefficients(np.abs(tail).max(axis=1).tolist()) for tail in self.tails]

    def error(self) -> float:
        """Return the estimated error of the sums, in tolerances.

        The sum of the errors of the bases bounds it, and is returned up to 1; beyond, coefficients are summed first.
        """
        worst = sum(one * float(np.abs(weight).max()) for one, weight in zip(self._each, self.weights, strict=True))
        if worst <= 1.0:
            return worst
        total = np.zeros((len(self.tails[0]), *self.weights[0].shape))
        for tail, weight in zip(self.tails, self.weights, strict=True):
            total += tail.reshape(len(tail), *(1,) * (weight.ndim - 1), -1) * weight
        return next_coefficients(np.abs(total).reshape(len(total), -1).max(axis=1).tolist())


@dataclass(frozen=True, kw_only=True, eq=False)
class GuardedWaveform:
    """Waveforms that must stay between `low` and `high` (..., m): outside, parts that were left out would carry flow.

    `efforts` is a function that returns them, (..., m).
    """

    efforts: Callable[[], Floats]
    low: Floats
    high: Floats

    def within_limits(self) -> bool:
        """Return whether all of them are within their limits."""
        found = self.efforts()
        return bool((found >= self.low).all() and (found <= self.high).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Steps that advance the efforts of a network by one segment, with their buffers bound; made by `build.segment`.

    The `steps` read the state and, if there are no guesses, solve all levels; with guesses, the `sweeps` do. The steps
    `after` write the efforts at the end into the state. A coarser segment `first` may find the first guesses.
    `watches` are the waveforms that must stay within limits.

    Fields that are `drawn` have values at the points of `grid`. For the estimate of the error, `solved` (points, total)
    are the waveforms that are no sums of known bases, side by side; `units` (total,) their units of signal, `least`
    (total,) one over the error allowed at one unit, `tail` (k, points) the matrix from values to the last k Chebyshev
    coefficients. `fixed` are the sums of known bases whose error may matter.
    """

    grid: Grid
    steps: list[Call]
    drawn: tuple[Field, ...]
    solved: Floats
    units: Floats
    least: Floats
    tail: Floats
    sweeps: tuple[LevelSweep, ...]
    after: list[Call]
    fixed: tuple[Combined, ...]
    watches: tuple[GuardedWaveform, ...]
    tolerance: Tolerance
    first: "Segment | None"

    @cached_property
    def needs_no_check(self) -> bool:
        """Whether it is right whatever the state: all waveforms are sums of resolved bases, no guesses, no limits."""
        return not (self.solved.size or self.fixed or self.watches or self.sweeps)

    def solve(self) -> int:
        """Find all waveforms from the state; return the number of sweeps, or raise `Unsolved`."""
        for step in self.steps:
            step()
        if not self.sweeps:
            return 1
        self._guess()
        return max(sweep.run() for sweep in self.sweeps)

    def _guess(self) -> None:
        """Make the first guesses: that nothing moves, or what the coarser segment `first` finds."""
        if self.first is None:
            for sweep in self.sweeps:
                if sweep.guess:
                    sweep.guess.begin()
            return
        self.first.solve()
        evaluation = chebyshev.refinement(self.first.grid, self.grid)
        for sweep, before in zip(self.sweeps, self.first.sweeps, strict=True):
            if sweep.guess and before.guess:
                sweep.guess.interpolate(before.guess, evaluation)

    def stands(self) -> bool:
        """Return whether the guesses that all stands still were close enough to what was found."""
        return all(not sweep.guess or not sweep.guess.field.terms or sweep.rests() for sweep in self.sweeps)

    def error(self) -> float:
        """Return the estimated error in tolerances, from the last Chebyshev coefficients of the waveforms."""
        worst = 0.0
        if self.solved.size:
            tail = self.tail @ self.solved
            worst = next_coefficients(np.abs(tail * self.least).max(axis=1).tolist())
            if worst > 1.0:  # too much for one unit: perhaps not for the efforts there are
                worst = next_coefficients((np.abs(tail) / self._allowed()).max(axis=1).tolist())
        return max([worst, *(combined.error() for combined in self.fixed)])

    def within_limits(self) -> bool:
        """Return whether all watched waveforms are within limits, so that the parts left out carry no flow."""
        return all(watch.within_limits() for watch in self.watches)

    def _allowed(self) -> Floats:
        """Return the allowed error of each waveform, by its effort at the start and the end, (total,)."""
        size = np.maximum(np.abs(self.solved[0]), np.abs(self.solved[-1]))
        allowed: Floats = self.tolerance.rtol * size + self.tolerance.units * self.units
        return allowed

    def commit(self) -> None:
        """Write the efforts at the end into the state."""
        for step in self.after:
            step()

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


def next_coefficients(last: list[float]) -> float:
    """Return 16 times the sum of the coefficients that follow the `last` ones, if they go on falling as these do.

    `last` are sizes of Chebyshev coefficients, lowest degree first. They are taken in pairs, the larger of each, since
    every second one may vanish. Of the falls from pair to pair the slowest counts, and the last pair is taken to be no
    smaller than the fall before it predicts, for it may be small by chance, at a change of sign. With the factor 16 it
    bounds what collocation adds to what the coefficients leave out (`tests/engines`).
    """
    *earlier, after = [max(last[k : k + 2]) for k in range(len(last) % 2, len(last), 2)]
    if len(earlier) > 1 and after and earlier[-2]:
        after = max(after, earlier[-1] * min(1.0, earlier[-1] / earlier[-2]))
    falls = [(after / before) ** (1.0 / (len(earlier) - k)) if before else inf for k, before in enumerate(earlier)]
    ratio = max(falls) if after else 0.0
    return 16.0 * after * min(10.0, ratio / (1.0 - ratio) if ratio < 1.0 else 10.0)
