"""Products of a dense matrix with whole waveforms that are combinations of a few common shapes.

The efforts that drive a crossbar often move little, or all alike: storages that droop, copies behind an output
resistance. Their waveforms are then a few functions of time (shapes) times a weight for each driver, and the matrix is
multiplied by the weights, not by the efforts at every point. The shapes are learnt: where those known so far leave too
large an error, the product is taken in full, and the error gives new ones (proper orthogonal decomposition, Sirovich
1987).
"""

from math import isfinite

import numpy as np

from lstm_analog.arrays import Floats

WORTHWHILE = 2**15
"""Entries of a matrix from which on its product is taken through shapes; below it, looking for shapes costs more."""
_MOST_SHAPES = 0.5
"""Shapes, as a share of the points, above which the product is taken in full from then on."""
_LEARNT_SHARE = 0.1
"""Share of the allowed error that new shapes may leave; smaller: more shapes, which do for more of the later runs."""


class LowRank:
    """The product of waveforms (`points`, *lead, n) with a `matrix` (n, m) or (chips, n, m); it changes as it learns.

    Each waveform may have an error of `wrong`. The k learnt `shapes` (points, k) are orthonormal; None once there are
    so many that they do not pay.
    """

    def __init__(self, matrix: Floats, points: int, wrong: float) -> None:
        self.matrix, self.points, self.wrong = matrix, points, wrong
        self.forget()

    def forget(self) -> None:
        """Drop the shapes that were learnt."""
        self.shapes: Floats | None = np.zeros((self.points, 0))

    def __call__(self, drive: Floats) -> Floats:
        """Return the product with `drive` (points, *lead, n)."""
        if self.shapes is None:
            return self._product(drive)
        flat = drive.reshape(len(drive), -1)
        weights = self.shapes.T @ flat
        left = flat - self.shapes @ weights
        worst = float(np.abs(left).max())
        if not worst <= self.wrong:
            self.shapes = self._learnt(self.shapes, left) if isfinite(worst) else self.shapes
            return self._product(drive)
        product = self._product(weights.reshape(len(weights), *drive.shape[1:]))
        return np.tensordot(self.shapes, product, axes=1)

    def _product(self, drive: Floats) -> Floats:
        if self.matrix.ndim > 2:
            product: Floats = np.matmul(drive, self.matrix)
            return product
        flat: Floats = drive.reshape(-1, len(self.matrix)) @ self.matrix
        return flat.reshape(*drive.shape[:-1], self.matrix.shape[-1])

    def _learnt(self, shapes: Floats, left: Floats) -> Floats | None:
        """Return `shapes` and as few more as reduce the error `left` (points, ...) to its allowed share, or None."""
        found, sizes, across = np.linalg.svd(left, full_matrices=False)
        for count in range(1, found.shape[1] + 1):
            rest = found[:, count:] @ (sizes[count:, None] * across[count:])
            if np.abs(rest).max(initial=0.0) <= _LEARNT_SHARE * self.wrong:
                break
        more = np.linalg.qr(np.concatenate([shapes, found[:, :count]], axis=1))[0]
        return more if more.shape[1] <= _MOST_SHAPES * len(left) else None
