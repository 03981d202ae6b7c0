"""An interval cut into pieces within which the linearised network counts as constant.

`propagate` says how deviations go on through a piece, and how much white noise adds to them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.noise.linearised import LinearNetwork

_SHORT = 0.25
"""Largest rate x time of the Taylor series, which is doubled from there; larger: fewer doublings, less accurate."""
_TERMS = 12
"""Terms of the Taylor series: of the covariance they leave (2 `_SHORT`)^12/13! = 4e-14."""


_CHANGE = 0.05
"""Change of the rates, or of the noise, of a storage that a piece averages over, as a share of what they are, or of one
over its length; larger: fewer pieces, less accurate, with the square of it."""


def propagate(rates: Floats, intensity: Floats, duration: float) -> tuple[Floats, Floats]:
    """Return exp(A T) and the integral of exp(A s) B exp(A s)' over s from 0 to T, (..., n, n) each.

    `rates` A (..., n, n) per second; `intensity` B (..., n, n), effort squared per second, of the white noise in the
    rates: <w(t) w(t')'> = B delta(t - t'); `duration` T (s). That is the solution of the Lyapunov equation
    dP/dt = A P + P A' + B from P = 0: exact for stiff A and for one that has modes which do not decay.

    A Taylor series over a short time h, doubled: with D = exp(A h) - 1, D(2h) = 2 D + D D and
    Q(2h) = Q + (1 + D) Q (1 + D)'. D, not 1 + D, so that slow modes keep their digits.
    """
    size = float(np.abs(rates).sum(axis=-1).max(initial=0.0)) * duration
    doublings = max(int(np.ceil(np.log2(size / _SHORT))), 0) if size else 0
    step = rates * (duration / 2.0**doublings)
    moved, added = _taylor(step, intensity * (duration / 2.0**doublings))
    for _ in range(doublings):
        kept = added + moved @ added
        added = added + kept + kept @ _transposed(moved)
        moved = 2.0 * moved + moved @ moved
    return np.eye(rates.shape[-1]) + moved, 0.5 * (added + _transposed(added))


def _taylor(step: Floats, first: Floats) -> tuple[Floats, Floats]:
    """Return exp(A h) - 1 and the added covariance of a short time h, of `step` A h and `first` B h."""
    power, moved = step, step.copy()
    term, added = first, first.copy()
    for order in range(2, _TERMS + 1):
        power = power @ step / order
        moved += power
        half = step @ term
        term = (half + _transposed(half)) / order
        added += term
    return moved, added


def _transposed(matrix: Floats) -> Floats:
    return np.swapaxes(matrix, -1, -2)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseMoment:
    """A moment of an interval: the `linear` network of each sequence of the batch, `time` (s) after it began."""

    time: float
    linear: LinearNetwork

    @cached_property
    def intensity(self) -> Floats:
        """Covariance of the white noise in the rates, two-sided: (batch, n, n), effort squared per second."""
        return self.linear.intensity

    def is_near(self, other: "NoiseMoment") -> bool:
        """Return whether a piece may go from here to the `other` moment.

        The rates of a storage may change by `_CHANGE` of their sum, or by `_CHANGE` over the time between.
        """
        own, length = np.abs(self.linear.rates).sum(axis=-1), abs(other.time - self.time)
        change = np.abs(other.linear.rates - self.linear.rates).sum(axis=-1)
        if not ((change <= _CHANGE * own) | (change * length <= _CHANGE)).all():
            return False
        noise, theirs = (np.diagonal(each.intensity, axis1=-2, axis2=-1) for each in (self, other))
        return bool((np.abs(theirs - noise) <= _CHANGE * np.maximum(noise, theirs)).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisePiece:
    """A piece of `duration` (s), the mean of whose `moments` with the `weights` (moments,) stands for all of it."""

    duration: float
    moments: tuple[NoiseMoment, ...]
    weights: Floats

    @property
    def rates(self) -> Floats:
        """The mean rates, (batch, n, n)."""
        return self._mean([moment.linear.rates for moment in self.moments])

    def forward(self) -> tuple[Floats, Floats]:
        """Return how deviations go on, and the covariance that the noise adds to them, (batch, n, n) each."""
        return propagate(self.rates, self._mean([moment.intensity for moment in self.moments]), self.duration)

    def backward(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the weight at the beginning of a quadratic form `weight` (batch, n, n) of deviations at the end.

        And what each flow that fluctuates adds to it on the way, (batch, flows).
        """
        transition, passed = propagate(np.swapaxes(self.rates, -1, -2), weight, self.duration)
        before: Floats = transition @ weight @ np.swapaxes(transition, -1, -2)
        return before, self._mean([moment.linear.weigh(passed) for moment in self.moments])

    def _mean(self, values: list[Floats]) -> Floats:
        result: Floats = np.tensordot(self.weights, values, axes=1)
        return result


def pieces_of(time: Floats, linearise: Callable[[Indices], list[NoiseMoment]]) -> Iterator[NoisePiece]:
    """Yield the pieces of an interval, in order, with points at `time` (points,), in seconds since it began.

    `linearise` makes the moments at points of these numbers. Halves are halved again while a half is not steady, down
    to the points; what is found at the first point stands from the beginning of the interval.
    """
    last = time.size - 1
    known = dict(zip((0, last), linearise(np.array([0, last])), strict=True))
    open_, done = [(0, last)], list[tuple[int, int]]()
    while open_:
        middles = [(first + end) // 2 for first, end in open_ if end - first > 1]
        known |= zip(middles, linearise(np.array(middles)), strict=True) if middles else ()
        split = list[tuple[int, int]]()
        for first, end in open_:
            middle = (first + end) // 2
            if end - first == 1 or (known[first].is_near(known[end]) and known[first].is_near(known[middle])):
                done.append((first, end))
            else:
                split += [(first, middle), (middle, end)]
        open_ = split
    yield from (_piece(known, first, end) for first, end in sorted(done))


def _piece(known: dict[int, NoiseMoment], first: int, end: int) -> NoisePiece:
    moments = tuple(known[place] for place in sorted({first, (first + end) // 2, end}))
    times = np.array([moment.time for moment in moments])
    halves, weights = 0.5 * np.diff(times), np.zeros(times.size)
    weights[:-1] += halves
    weights[1:] += halves
    if not first:
        weights[0] += times[0]
    return NoisePiece(duration=float(weights.sum()), moments=moments, weights=weights / weights.sum())
