"""Losses whose descent can be built of parts: quadratic, logistic, and the squared error of one sample after another.

Weights w and gradients are (n,), the curvature (n,) is the diagonal of the Hessian, or a bound of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lstm_analog.arrays import Floats, floats, floats_of_shape
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.quantities import check_number, check_positive


class DescentLoss(Protocol):
    """A loss with its gradient; it may see another sample at each step of an optimiser."""

    @property
    def curvature(self) -> Floats:
        """The second derivative by each weight (n,), or a bound of it."""
        ...

    def gradient(self, weights: Floats, step: int) -> Floats:
        """Return the gradient (n,) at the `weights` (n,), as an optimiser sees it at `step`."""
        ...


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Quadratic:
    """f(w) = w H w/2 - b w: `hessian` H (n, n), symmetric and positive definite, and `pull` b (n,)."""

    hessian: Floats
    pull: Floats

    def __post_init__(self) -> None:
        """Check the shapes, and that the loss has one minimum."""
        put(self, "pull", _vector(self.pull, "pull"))
        put(self, "hessian", floats_of_shape(self.hessian, "hessian", (self.pull.size, self.pull.size)))
        if self.hessian.ndim != 2:
            do = "give one matrix"
            raise InvalidShapeError(explain("hessian", must="have two axes", got=self.hessian.shape, do=do))
        least = np.linalg.eigvalsh(self.hessian)[0] if np.allclose(self.hessian, self.hessian.T) else np.nan
        if not least > 0:
            must, do = "be symmetric and positive definite", "add a weight decay"
            raise InvalidValueError(explain("hessian", must=must, got=f"least eigenvalue {least:.3g}", do=do))

    @property
    def curvature(self) -> Floats:
        """The second derivative by each weight (n,)."""
        found: Floats = np.diag(self.hessian).copy()
        return found

    @property
    def minimum(self) -> Floats:
        """The weights (n,) of least loss."""
        return floats(np.linalg.solve(self.hessian, self.pull), "minimum")

    def gradient(self, weights: Floats, step: int = 0) -> Floats:
        """Return the gradient (n,) at the `weights` (n,), the same at every `step`."""
        found: Floats = self.hessian @ weights - self.pull
        return found


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Logistic:
    """The mean over samples of log(1 + exp(z)) - y z, z = X w, with a weight decay of `decay` |w|^2/2.

    `features` X (m, n), `labels` y (m,), 0 or 1, `decay` > 0: without one, separable samples have no minimum.
    """

    features: Floats
    labels: Floats
    decay: float

    def __post_init__(self) -> None:
        """Check the shapes, the labels and the decay."""
        _put_samples(self, "labels")
        if not np.isin(self.labels, (0.0, 1.0)).all():
            raise InvalidValueError(explain("labels", must="be 0 or 1", got="others", do="give one class a sample"))
        check_positive("decay", self.decay, "give e.g. 0.01")

    @property
    def curvature(self) -> Floats:
        """A bound of the second derivative by each weight (n,): a sigmoid is nowhere steeper than 1/4."""
        found: Floats = np.mean(self.features**2, axis=0) / 4.0 + self.decay
        return found

    def gradient(self, weights: Floats, step: int = 0) -> Floats:
        """Return the gradient (n,) at the `weights` (n,), the same at every `step`."""
        chance = 0.5 * (1.0 + np.tanh(0.5 * self.features @ weights))
        found: Floats = self.features.T @ (chance - self.labels) / len(self.labels) + self.decay * weights
        return found


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class OnlineSquares:
    """(y - x w)^2/2 of one sample after another, again and again: `features` x (m, n), `targets` y (m,).

    The least mean square rule (Widrow and Hoff 1960), of a linear unit that learns as it sees.
    """

    features: Floats
    targets: Floats

    def __post_init__(self) -> None:
        """Check the shapes."""
        _put_samples(self, "targets")

    @property
    def curvature(self) -> Floats:
        """The second derivative of the mean over samples, by each weight (n,)."""
        found: Floats = np.mean(self.features**2, axis=0)
        return found

    def gradient(self, weights: Floats, step: int) -> Floats:
        """Return the gradient (n,) at the `weights` (n,) for the sample whose turn it is at `step`."""
        sample = self.features[step % len(self.targets)]
        found: Floats = (sample @ weights - self.targets[step % len(self.targets)]) * sample
        return found

    def mean(self, weights: Floats) -> float:
        """Return the mean of (y - x w)^2 over all samples at the `weights` (n,)."""
        return float(np.mean((self.targets - self.features @ weights) ** 2))


def checked_start(loss: DescentLoss, start: Floats, numbers: Mapping[str, float]) -> Floats:
    """Return `start` (n,), frozen, if it fits the `loss` and all `numbers`, by name, are above zero.

    Else raises `InvalidValueError`, `InvalidShapeError` or `InvalidTypeError`.
    """
    for what, value in numbers.items():
        check_number(what, value)
    begin, shape = floats(start, "start"), loss.curvature.shape
    if begin.shape != shape:
        raise InvalidShapeError(
            explain("start", must=f"have shape {shape}", got=begin.shape, do="give each weight one")
        )
    return begin


def _put_samples(record: Logistic | OnlineSquares, answers: str) -> None:
    """Check and freeze the features (m, n) of `record` and its `answers` (m,), the name of a field."""
    features, found = floats(record.features, "features"), _vector(getattr(record, answers), answers)
    if features.ndim != 2 or len(features) != found.size:
        must, got = f"have shape ({found.size}, n)", features.shape
        raise InvalidShapeError(explain("features", must=must, got=got, do="give a row a sample"))
    if not (features.any(axis=0)).all():
        must, do = "differ from zero somewhere in every column", "leave the column out"
        raise InvalidValueError(explain("features", must=must, got="a column of zeros", do=do))
    put(record, "features", features)
    put(record, answers, found)


def _vector(value: Floats, what: str) -> Floats:
    array = floats(value, what)
    if array.ndim != 1 or not array.size:
        raise InvalidShapeError(explain(what, must="be a vector", got=f"shape {array.shape}", do="give one axis"))
    return array
