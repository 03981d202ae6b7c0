"""Which part made the noise of a signal, and in which interval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.summaries import Rows, Summarised

_SHOWN = 6
"""Causes that a summary lists."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class NoiseOrigins(Summarised):
    """The variance of a signal by the parts that made it, and by the intervals in which they did.

    Sources of noise are independent, so the variances of all parts and intervals add up to that of the signal.

    Attributes
    ----------
    parts, kinds : tuple of str, (parts,)
        The label of each bank, and what kind it is.
    intervals : tuple of str, (intervals,)
        What each interval is called, from the start of the run to where the signal is read.
    variance : float array, (intervals, parts)
        Signal units squared, the mean over units and sequences.
    """

    parts: tuple[str, ...]
    kinds: tuple[str, ...]
    intervals: tuple[str, ...]
    variance: Floats

    def summary(self) -> Rows:
        """Return sigma, and the parts and intervals that made most of it."""
        told = (("parts", self.by_part), ("kinds", self.by_kind), ("intervals", self.by_interval))
        return (("sigma", f"{self.sigma:.3g}"), *((name, _told(shares)) for name, shares in told))

    @property
    def sigma(self) -> float:
        """The root of the mean variance, in signal units."""
        return float(np.sqrt(self.variance.sum()))

    @cached_property
    def by_part(self) -> Mapping[str, float]:
        """The share of each part in the variance, 0 to 1, the largest first."""
        return _shares(self.parts, self.variance.sum(axis=0))

    @cached_property
    def by_kind(self) -> Mapping[str, float]:
        """The share of each kind of part, the largest first."""
        return _shares(self.kinds, self.variance.sum(axis=0))

    @cached_property
    def by_interval(self) -> Mapping[str, float]:
        """The share of the intervals of a name, those of all steps together, the largest first."""
        return _shares(self.intervals, self.variance.sum(axis=1))


def _shares(names: Iterable[str], variance: Floats) -> Mapping[str, float]:
    total, sums = float(variance.sum()), dict[str, float]()
    for name, value in zip(names, variance.tolist(), strict=True):
        sums[name] = sums.get(name, 0.0) + value
    order = sorted(sums, key=lambda name: -sums[name])
    return MappingProxyType({name: sums[name] / total if total else 0.0 for name in order if sums[name]})


def _told(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in list(shares.items())[:_SHOWN])
