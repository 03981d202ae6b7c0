"""An interval cut into pieces within which the linearised network counts as constant."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.noise.linearised import LinearNetwork, WhiteFlows
from lstm_analog.engines.noise.propagation import propagate

_CHANGE = 0.05
"""Change of the rates, or of the noise, of a storage that a piece averages over, as a share of what they are, or of one
over its length; larger: fewer pieces, less accurate, with the square of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalNoise:
    """An interval at its moments: at `time` (moments,), in seconds since it began, `linear` and `flows` of each.

    Their first axis is that of the moments times the batch, the moments first. `intensity` (moments, batch, n, n) is
    that of the noise in the rates of the storages, effort squared per second.
    """

    time: Floats
    linear: LinearNetwork
    flows: WhiteFlows
    intensity: Floats

    @property
    def rates(self) -> Floats:
        """d(rate of a storage) / d(storage), (moments, batch, n, n), per second."""
        return self.linear.rates.reshape(self.intensity.shape)

    def pieces(self) -> Iterator["NoisePiece"]:
        """Yield the pieces, in order; what is measured first in the interval stands from its beginning."""
        rates, intensity = self.rates, self.intensity
        before = 0.0
        for first, last in _cut(self.time, rates, np.abs(np.diagonal(intensity, axis1=-2, axis2=-1))):
            times = self.time[first : last + 1]
            weights = np.zeros(self.time.size)
            half = 0.5 * np.diff(times)
            weights[first:last] += half
            weights[first + 1 : last + 1] += half
            weights[first] += times[0] - before
            before = float(times[-1])
            yield NoisePiece(duration=float(weights.sum()), weights=weights / weights.sum(), moments=self)


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisePiece:
    """A piece of `duration` (s) of the interval of `moments`, whose mean with the `weights` (moments,) it takes."""

    duration: float
    weights: Floats
    moments: IntervalNoise

    @property
    def rates(self) -> Floats:
        """The mean rates, (batch, n, n)."""
        return _mean(self.weights, self.moments.rates)

    def forward(self) -> tuple[Floats, Floats]:
        """Return how deviations go on, and the covariance that the noise adds to them, (batch, n, n) each."""
        return propagate(self.rates, _mean(self.weights, self.moments.intensity), self.duration)

    def backward(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the weight at the beginning of a quadratic form `weight` (batch, n, n) of deviations at the end.

        And what each flow that fluctuates adds to it on the way, (batch, flows).
        """
        transition, passed = propagate(np.swapaxes(self.rates, -1, -2), weight, self.duration)
        linear, flows, count = self.moments.linear, self.moments.flows, self.weights.size
        entering = linear.entering.reshape(count, -1, *linear.entering.shape[1:])
        seen = np.swapaxes(entering, -1, -2) @ passed @ entering
        added = flows.weigh(seen.reshape(-1, *seen.shape[2:])).reshape(count, -1, flows.banks.size)
        before: Floats = transition @ weight @ np.swapaxes(transition, -1, -2)
        return before, _mean(self.weights, added)


def _mean(weights: Floats, values: Floats) -> Floats:
    kept = np.flatnonzero(weights)
    result: Floats = np.tensordot(weights[kept], values[kept], axes=1)
    return result


def _cut(time: Floats, rates: Floats, noise: Floats) -> Iterator[tuple[int, int]]:
    """Yield the first and last moment of each piece, at `time` (moments,), of `rates` and `noise` (moments, ...).

    The rates of a storage may change by `_CHANGE` of their sum, or by `_CHANGE` over the length of the piece.
    """
    own, loud = np.abs(rates).sum(axis=-1), noise.max(axis=0)
    first = 0
    for last in range(1, time.size):
        change = np.abs(rates[last] - rates[first]).sum(axis=-1)
        steady = (change <= _CHANGE * own[first]) | (change * (time[last] - time[first]) <= _CHANGE)
        even = np.abs(noise[last] - noise[first]) <= _CHANGE * loud
        if last > first + 1 and not (steady.all() and even.all()):
            yield first, last - 1
            first = last - 1
    yield first, time.size - 1
