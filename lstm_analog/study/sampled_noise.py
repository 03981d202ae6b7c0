"""Noise of the states c and h that capacitors hold: what each clock interval adds, carried from step to step.

With deviations y of c and h in signal units, an interval makes A y + q of them: A is one where nothing is computed, the
slope of the step where the masters are filled, and zero in the reset. So P = A P A' + Q from interval to interval.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.model.gates import Gate
from lstm_analog.study.noise import NoisySignal
from lstm_analog.study.noise_origins import NoiseOrigins
from lstm_analog.summaries import Rows, Summarised


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SampledNoise(Summarised):
    """The noise of an LSTM's states through the intervals of a run.

    Attributes
    ----------
    parts, kinds : tuple of str, (parts,)
        The part that makes each contribution, and its mechanism: "shot", "thermal" or "1/f".
    intervals : tuple of str, (intervals,)
        The name of each interval.
    reads : index array, (steps,)
        The intervals at whose ends h and c are read.
    slopes : float array, (intervals, 2 units, 2 units)
        A of each interval, c before h.
    added : float array, (intervals, parts, 2 units, 2 units)
        Q of each interval by part, signal units squared.
    """

    parts: tuple[str, ...]
    kinds: tuple[str, ...]
    intervals: tuple[str, ...]
    reads: Indices
    slopes: Floats
    added: Floats

    def summary(self) -> Rows:
        """Return the largest sigma of h and of c, and the origins of the noise of h after the last step."""
        largest = ((f"largest sigma of {name}", f"{of.max():.3g}") for name, of in (("h", self.h), ("c", self.c)))
        return (*largest, *self.origins(NoisySignal.H).summary())

    @property
    def h(self) -> Floats:
        """Standard deviation of the h that is held after each step, (steps, units), in signal units."""
        return self._sigmas[:, self._sigmas.shape[1] // 2 :]

    @property
    def c(self) -> Floats:
        """Standard deviation of the c that is held after each step, (steps, units), in signal units."""
        return self._sigmas[:, : self._sigmas.shape[1] // 2]

    def origins(self, signal: NoisySignal = NoisySignal.H, *, step: int = -1) -> NoiseOrigins:
        """Return the variance of a `signal`, h or c, after a `step` by part and interval, the mean over units.

        Raises `InvalidValueError` if there is no such step, or the signal is y.
        """
        if signal is NoisySignal.Y or not -self.reads.size <= step < self.reads.size:
            must, do = f"be h or c after one of {self.reads.size} steps", "ask for h"
            raise InvalidValueError(explain("signal", must=must, got=f"{signal.value}, step {step}", do=do))
        last, size = int(self.reads[step]), self.slopes.shape[-1]
        asked = np.arange(size) // (size // 2) == (signal is NoisySignal.H)
        weight = np.diag(asked / (size // 2))
        variance = np.zeros((last + 1, len(self.parts)))
        for number in range(last, -1, -1):
            variance[number] = np.tensordot(self.added[number], weight, axes=2)
            weight = self.slopes[number].T @ weight @ self.slopes[number]
        return NoiseOrigins(parts=self.parts, kinds=self.kinds, intervals=self.intervals[: last + 1], variance=variance)

    @cached_property
    def _sigmas(self) -> Floats:
        """Standard deviations of c, then of h, at the `reads`, (steps, 2 units)."""
        covariance, variances = np.zeros(self.slopes.shape[1:]), []
        for slope, added in zip(self.slopes, self.added, strict=True):
            covariance = slope @ covariance @ slope.T + added.sum(axis=0)
            variances.append(np.diagonal(covariance))
        result: Floats = np.sqrt(np.array(variances)[self.reads])
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class StepSignals:
    """The signals of an LSTM layer step by step, and the derivatives of each step by them.

    Attributes
    ----------
    gates : float array, (steps, 4, units)
        i, f, g, o.
    before, c : float array, (steps, units)
        c before each step and after it.
    weights : float array, (4, units, units)
        Of h, by gate.
    """

    gates: Floats
    before: Floats
    c: Floats
    weights: Floats

    @property
    def by_z(self) -> Floats:
        """d(new c) / dz of i, f and g and d(new h) / dz of o, each of its own unit, (steps, 4, units)."""
        i, f, g, o = np.moveaxis(self.gates, 1, 0)
        found = {
            Gate.INPUT: g * i * (1.0 - i),
            Gate.FORGET: self.before * f * (1.0 - f),
            Gate.CELL: i * (1.0 - g**2),
            Gate.OUTPUT: np.tanh(self.c) * o * (1.0 - o),
        }
        return np.stack([found[gate] for gate in Gate], axis=1)

    @property
    def by_c(self) -> Floats:
        """d(new h) / d(new c), (steps, units)."""
        return self.gates[:, Gate.OUTPUT] * (1.0 - np.tanh(self.c) ** 2)

    @property
    def slopes(self) -> Floats:
        """d(new c, new h) / d(c, h), (steps, 2 units, 2 units)."""
        through, units = self.by_z[..., None] * self.weights, self.c.shape[-1]
        c_by_c = self.gates[:, Gate.FORGET, :, None] * np.eye(units)
        c_by_h = through[:, : Gate.OUTPUT].sum(axis=1)
        onward = self.by_c[..., None]
        return np.concatenate(
            (
                np.concatenate((c_by_c, c_by_h), axis=-1),
                np.concatenate((onward * c_by_c, onward * c_by_h + through[:, Gate.OUTPUT]), axis=-1),
            ),
            axis=-2,
        )
