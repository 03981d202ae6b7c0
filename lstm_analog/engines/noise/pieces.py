"""Divides an interval into pieces within which the linearised network counts as constant, and solves them.

`propagate` returns the transition matrix of a piece, and the covariance that white noise adds to deviations in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.noise.linearised import LinearNetwork

_SHORT = 0.25
"""Largest rate x time of the Taylor series, which is doubled from there; larger: fewer doublings, less accurate."""
_TERMS = 12
"""Terms of the Taylor series: those left out are (2 `_SHORT`)^12/13! = 4e-14 of the covariance."""
_CHANGE = 0.05
"""Change of rates (relative, or times the length) and of noise (relative) over which a piece averages.

Larger: fewer pieces; the error grows with its square.
"""
_TOWARDS_THE_END = (0.0, 1 / 2, 3 / 4, 7 / 8, 15 / 16, 1.0)
"""Where the last piece of an interval is cut, as shares of it; more: a mode that settles within the piece has the noise
of the network at the end, from which its mean differs by up to `_CHANGE`/2. Earlier pieces are forgotten by such modes.
"""


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
        added = added + kept + kept @ moved.mT
        moved = 2.0 * moved + moved @ moved
    return np.eye(rates.shape[-1]) + moved, 0.5 * (added + added.mT)


def _taylor(step: Floats, first: Floats) -> tuple[Floats, Floats]:
    """Return exp(A h) - 1 and the added covariance of a short time h, of `step` A h and `first` B h."""
    power, moved = step, step.copy()
    term, added = first, first.copy()
    for order in range(2, _TERMS + 1):
        power = power @ step / order
        moved += power
        half = step @ term
        term = (half + half.mT) / order
        added += term
    return moved, added


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisePiece:
    """A piece of `duration` (s), for which the mean of `linear` networks with `weights` (k,) stands.

    `linear` are at k points of the piece, each of all sequences of the batch.
    """

    duration: float
    linear: tuple[LinearNetwork, ...]
    weights: Floats

    @property
    def rates(self) -> Floats:
        """The mean rates, (batch, n, n)."""
        return self._mean([each.rates for each in self.linear])

    def forward(self) -> tuple[Floats, Floats]:
        """Return the transition matrix of deviations, and the covariance that noise adds, (batch, n, n) each."""
        return propagate(self.rates, self._mean([each.intensity for each in self.linear]), self.duration)

    def backward(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the quadratic form at the beginning that equals `weight` (batch, n, n), one of deviations at the end.

        And what each flow that fluctuates adds to the form within the piece, (batch, flows).
        """
        transition, passed = propagate(self.rates.mT, weight, self.duration)
        before: Floats = transition @ weight @ transition.mT
        return before, self._mean([each.weigh(passed) for each in self.linear])

    def _mean(self, values: list[Floats]) -> Floats:
        result: Floats = np.tensordot(self.weights, values, axes=1)
        return result


def pieces_of(time: Floats, linearise: Callable[[Indices], list[LinearNetwork]]) -> Iterator[NoisePiece]:
    """Yield the pieces of an interval, in order, with points at `time` (points,), in seconds since it began.

    `linearise` returns the linear networks at points of these numbers. A piece is halved while its network changes too
    much, at most down to the points. The network at the first point stands from the beginning of the interval.
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
            others = ((each, float(time[each] - time[first])) for each in (end, middle))
            if end - first == 1 or all(_is_near(known[first], known[each], length) for each, length in others):
                done.append((first, end))
            else:
                split += [(first, middle), (middle, end)]
        open_ = split
    for first, end in sorted(done):
        linear = {float(time[k]): known[k] for k in sorted({first, (first + end) // 2, end})}
        start, stop = float(time[first]) if first else 0.0, float(time[end])
        cuts = start + (stop - start) * np.array(_TOWARDS_THE_END if end == last else (0.0, 1.0))
        yield from (_piece(linear, *ends) for ends in pairwise(cuts.tolist()))


def _is_near(first: LinearNetwork, second: LinearNetwork, length: float) -> bool:
    """Return whether a piece may go from the `first` network to the `second`, `length` (s) later.

    The rates of a storage may change by `_CHANGE` of their sum, or by `_CHANGE` over the length.
    """
    own, change = (np.abs(rates).sum(axis=-1) for rates in (first.rates, second.rates - first.rates))
    if not ((change <= _CHANGE * own) | (change * length <= _CHANGE)).all():
        return False
    noise, theirs = (np.diagonal(each.intensity, axis1=-2, axis2=-1) for each in (first, second))
    return bool((np.abs(theirs - noise) <= _CHANGE * np.maximum(noise, theirs)).all())


def _piece(linear: dict[float, LinearNetwork], start: float, stop: float) -> NoisePiece:
    """Return the piece from `start` to `stop` (s), with the mean of networks between those `linear` at some times (s).

    Between these times the network changes evenly, before the first of them it stands still.
    """
    times = np.array(list(linear))
    knots = np.concatenate(([start], times[(times > start) & (times < stop)], [stop]))
    shares = [np.interp(knots, times, at_one) for at_one in np.eye(times.size)]
    weights = np.asarray(np.trapezoid(shares, knots)) / (stop - start)
    return NoisePiece(duration=stop - start, linear=tuple(linear.values()), weights=weights)
