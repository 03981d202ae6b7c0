"""Noise that one run hands to another: samples of signals, which sources impose later.

`Samples` carries their covariance forward through a run, `SampleForm` a quadratic form of them backward, its adjoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class Imposing:
    """Samples that sources impose from the beginning of an interval on.

    Attributes
    ----------
    storages : index array, (k,)
        The places of the sources among the storages: they count as storages into which nothing flows.
    rows : index array, (batch, k)
        The numbers of the samples; -1 where none is imposed.
    gain : float array, (k,)
        The effort of a source per unit of its sample.
    """

    storages: Indices
    rows: Indices
    gain: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Taking:
    """Samples that are taken at the end of an interval.

    Attributes
    ----------
    rows : index array, (batch, k)
        The numbers of the samples; -1 in sequences of which none is taken.
    weights : float array, (k, unknowns)
        The samples as sums of efforts.
    """

    rows: Indices
    weights: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples of a run and of the one before it, with their covariance, which goes on while the run does.

    Attributes
    ----------
    covariance : float array, (batch, m, m)
        Of all samples; those that are not yet taken have none.
    shared : float array, (batch, n, m)
        Their covariance with the n storages of the run.
    imposing : mapping from int to tuple of Imposing
        What begins with an interval, by its number.
    taking : mapping from int to tuple of Taking
        What is taken at its end.
    """

    covariance: Floats
    shared: Floats
    imposing: Mapping[int, tuple[Imposing, ...]]
    taking: Mapping[int, tuple[Taking, ...]]

    def impose(self, number: int, storages: Floats) -> None:
        """Put what interval `number` begins with into the covariance of the `storages` (batch, n, n), in place."""
        for each in self.imposing.get(number, ()):
            rows, places = np.maximum(each.rows, 0), each.storages
            gain = np.where(each.rows >= 0, each.gain, 0.0)
            with_samples = np.take_along_axis(self.covariance, rows[..., None], axis=1) * gain[..., None]
            with_storages = np.take_along_axis(self.shared, rows[:, None], axis=2) * gain[:, None]
            storages[:, :, places] = with_storages
            storages[:, places] = with_storages.mT
            storages[:, places[:, None], places] = (
                np.take_along_axis(with_samples, rows[:, None], axis=2) * gain[:, None]
            )
            self.shared[:, places] = with_samples

    def advance(self, number: int, transition: Floats, storages: Floats, reading: Floats) -> None:
        """Go through interval `number`, and take what is taken at its end.

        `transition` (batch, n, n) is that of the storages, `storages` (batch, n, n) their covariance at the end, and
        `reading` (batch, unknowns, n) the slopes of all unknowns by them.
        """
        self.shared[...] = transition @ self.shared
        for each in self.taking.get(number, ()):
            there = each.rows[:, 0] >= 0
            chosen, rows = np.flatnonzero(there)[:, None], each.rows[there]
            read = each.weights @ reading[there]
            with_storages = read @ storages[there]
            with_samples = read @ self.shared[there]
            self.covariance[chosen, rows] = with_samples
            self.covariance[chosen, :, rows] = with_samples
            self.covariance[chosen[..., None], rows[..., None], rows[:, None]] = with_storages @ read.mT
            self.shared[chosen, :, rows] = with_storages


@dataclass(frozen=True, kw_only=True, eq=False)
class SampleForm:
    """A quadratic form of samples and of the storages of a run, which goes backward through it.

    Its part of the storages alone, `weight` (batch, n, n), is the caller's; all three are changed in place.

    Attributes
    ----------
    samples : Samples
        What is imposed and taken, and when.
    form : float array, (batch, m, m)
        The part of the samples alone.
    shared : float array, (batch, n, m)
        Half the part of products of a storage and a sample.
    """

    samples: Samples
    form: Floats
    shared: Floats

    def before_taking(self, number: int, weight: Floats, reading: Floats) -> None:
        """Write what is taken at the end of interval `number` as storages.

        `weight` (batch, n, n) is the part of the storages, `reading` (batch, unknowns, n) the slopes of all unknowns.
        """
        for each in reversed(self.samples.taking.get(number, ())):
            there = each.rows[:, 0] >= 0
            chosen, rows = np.flatnonzero(there)[:, None], each.rows[there]
            read = each.weights @ reading[there]
            among = read.mT @ self.shared[chosen, :, rows]
            own = self.form[chosen[..., None], rows[..., None], rows[:, None]]
            weight[there] += read.mT @ own @ read + among + among.mT
            self.form[chosen[..., None], rows[..., None], rows[:, None]] = 0.0
            self.shared[there] += read.mT @ self.form[chosen, rows]
            self.shared[chosen, :, rows] = 0.0
            self.form[chosen, rows] = 0.0
            self.form[chosen, :, rows] = 0.0

    def before_interval(self, number: int, transition: Floats, weight: Floats) -> None:
        """Go back through interval `number`, whose `transition` is (batch, n, n), and write what it imposes as samples.

        `weight` (batch, n, n) is the part of the storages at its beginning.
        """
        self.shared[...] = transition.mT @ self.shared
        for each in reversed(self.samples.imposing.get(number, ())):
            rows, places = np.maximum(each.rows, 0), each.storages
            batch, gain = np.arange(len(rows))[:, None], np.where(each.rows >= 0, each.gain, 0.0)
            own = gain[..., None] * weight[:, places[:, None], places] * gain[:, None]
            across = gain[..., None] * self.shared[:, places]
            weight[:, places[:, None], places] = 0.0
            self.shared[:, places] = 0.0
            self.form[batch[..., None], rows[..., None], rows[:, None]] += own
            self.form[batch, rows] += across
            self.form[batch, :, rows] += across
            self.shared[batch, :, rows] += gain[..., None] * weight[:, places]
            weight[:, places] = weight[:, :, places] = 0.0
