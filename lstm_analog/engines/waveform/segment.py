"""A segment: a stretch of one clock phase in which each waveform is one smooth function through the same points."""

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
SHAPE_SHARE = 0.05
"""Share of the tolerance that low-rank products may leave as an error; larger: fewer shapes (`lowrank`)."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What is allowed to be wrong: `rtol` of the effort or of its scale, if that is larger, and `atol` scales."""

    rtol: float
    atol: float

    @property
    def units(self) -> float:
        """The tolerance in units of signal, for efforts of the order of one unit."""
        return self.rtol + self.atol


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """Waveforms that are read before they are found, in a `field`: that all stands still, or what was found before.

    `found` says which places of them are what in another field; `weights` (m,) are one over their units, `effect`
    (points - 1, points - 1), if any, is what counts of a difference at all points but the first, `change` room for it.
    """

    field: Field
    found: tuple[tuple[Span, Field, Span], ...]
    weights: Floats
    effect: Floats | None
    change: Floats

    def begin(self) -> None:
        """Guess that nothing moves."""
        target = self.field.start if self.field.terms else self.field.values
        for own, field, places in self.found:
            target[..., own] = field.start[..., places]  # type: ignore[index]

    def take(self, other: "Guess", evaluation: Floats) -> None:
        """Guess what the field of `other` was found to be, at other points by `evaluation` (points, its points)."""
        waves, values = other.waves(), values_of(self.field)
        np.matmul(evaluation, waves.reshape(len(waves), -1), out=values.reshape(len(values), -1))

    def waves(self) -> Floats:
        """Return what was found, (points, *lead, m)."""
        found = [values_of(field)[..., places] for _, field, places in self.found]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=-1)

    def moved(self) -> float:
        """Return how far what was found is from what was guessed, in units; guess that now, unless all stands still."""
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
    """The `steps` of levels that are solved one after the other; again, if they read a `guess`, until it rests.

    `weakness` is the strength with which guesses act, `tolerance` what may come of them, in units.
    """

    steps: list[Call]
    guess: Guess | None
    weakness: float
    tolerance: float

    def run(self) -> int:
        """Solve the levels and return how many sweeps it took; `Unsolved` if they do not come to rest."""
        for number in range(1, _SWEEPS):
            for step in self.steps:
                step()
            if not self.guess or self.guess.field.terms or self.rests():
                return number
        raise Unsolved

    def rests(self) -> bool:
        """Return whether the guess was good enough."""
        return not self.guess or self.weakness * self.guess.moved() <= self.tolerance


@dataclass(frozen=True, kw_only=True, eq=False)
class Combined:
    """Waveforms that are sums of known bases: the last coefficients of each basis, `tails` (k, 1 or m), in tolerances.

    `weights` (*lead, m) go with them. Bases may each be far off where their sum is not: a pole that has died down.
    """

    tails: tuple[Floats, ...]
    weights: tuple[Floats, ...]

    @cached_property
    def _each(self) -> list[float]:
        return [next_coefficients(np.abs(tail).max(axis=1).tolist()) for tail in self.tails]

    def error(self) -> float:
        """Return the estimated error of the sums, in tolerances: that of all bases together where it is small."""
        worst = sum(one * float(np.abs(weight).max()) for one, weight in zip(self._each, self.weights, strict=True))
        if worst <= 1.0:
            return worst
        total = np.zeros((len(self.tails[0]), *self.weights[0].shape))
        for tail, weight in zip(self.tails, self.weights, strict=True):
            total += tail.reshape(len(tail), *(1,) * (weight.ndim - 1), -1) * weight
        return next_coefficients(np.abs(total).reshape(len(total), -1).max(axis=1).tolist())


@dataclass(frozen=True, kw_only=True, eq=False)
class GuardedWaveform:
    """Waveforms `efforts` (..., m) that must stay between `low` and `high` (..., m), or parts left out would act."""

    efforts: Callable[[], Floats]
    low: Floats
    high: Floats

    def holds(self) -> bool:
        """Return whether they do."""
        found = self.efforts()
        return bool((found >= self.low).all() and (found <= self.high).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """The steps that take the efforts of a network over a segment, buffers bound; made by `build.segment`.

    The `steps` read the state and solve all levels, or if any guess must be made, the `sweeps` do that then; what is
    done `after` writes the state. `drawn` fields have values at the points of the `grid`.
    Those of them that are no sums of known bases are `solved` (points, total), side by side; `units` (total,) are their
    scales, `least` (total,) one over what is tolerated of these; `tail` (k, points) gives the last coefficients.
    `fixed` are those that are such sums; `watches` look whether all stay within limits. A coarser segment may come
    `first`, for better guesses.
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
    def certain(self) -> bool:
        """Whether there is nothing to judge: all is known by its factors, no guess is made and no limit watched."""
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
        if self.first is None:
            for sweep in self.sweeps:
                if sweep.guess:
                    sweep.guess.begin()
            return
        self.first.solve()
        evaluation = chebyshev.refinement(self.first.grid, self.grid)
        for sweep, before in zip(self.sweeps, self.first.sweeps, strict=True):
            if sweep.guess and before.guess:
                sweep.guess.take(before.guess, evaluation)

    def stands(self) -> bool:
        """Return whether what was guessed to stand still does, as far as it counts."""
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

    def holds(self) -> bool:
        """Return whether all waveforms stay where the parts that were left out carry nothing."""
        return all(watch.holds() for watch in self.watches)

    def needed(self, share: float) -> int:
        """Return the degree that would do for the waveforms found, with an error of a `share` of the tolerance."""
        if not self.solved.size:
            return self.grid.degree
        size = (np.abs(chebyshev.coefficients(self.grid.degree) @ self.solved) / self._allowed()).max(axis=1)
        large = np.flatnonzero(size > share)
        return int(large[-1]) + 1 if large.size else 0

    def _allowed(self) -> Floats:
        size = np.maximum(np.abs(self.solved[0]), np.abs(self.solved[-1]))
        allowed: Floats = self.tolerance.rtol * size + self.tolerance.units * self.units
        return allowed

    def commit(self) -> None:
        """Let the state be where the waveforms end."""
        for step in self.after:
            step()

    def sample(self, at: Floats, path: Floats) -> None:
        """Write the waveforms `at` (k,), from 0 at the start to 1 at the end, into `path` (*lead, k, N).

        What is held is left out.
        """
        matrix = chebyshev.evaluation(self.grid, at)
        for field in self.drawn:
            path[..., field.nodes] = np.moveaxis(np.tensordot(matrix, values_of(field), axes=1), 0, -2)


def values_of(field: Field) -> Floats:
    """Return the values of `field` at the points, or its start where it has none."""
    return field.start if field.values is None else field.values


def next_coefficients(last: list[float]) -> float:
    """Return sixteen times what follows on the `last` Chebyshev coefficients if they fall as before, two by two.

    Of two falls the slower counts, and the last two are no less than the fall before them lets expect: a pair may be
    small by chance, where the coefficients change sign. Sixteen times, so that it bounds what collocation adds to what
    the coefficients leave out (`tests/engines`).
    """
    *earlier, after = [max(last[k : k + 2]) for k in range(len(last) % 2, len(last), 2)]
    if len(earlier) > 1 and after and earlier[-2]:
        after = max(after, earlier[-1] * min(1.0, earlier[-1] / earlier[-2]))
    falls = [(after / before) ** (1.0 / (len(earlier) - k)) if before else inf for k, before in enumerate(earlier)]
    ratio = max(falls) if after else 0.0
    return 16.0 * after * min(10.0, ratio / (1.0 - ratio) if ratio < 1.0 else 10.0)
