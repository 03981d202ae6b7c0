"""Products of a dense block with whole waveforms of which few differ in shape.

What drives a crossbar often moves little or all alike: held levels that droop, copies behind an output resistance. Its
waveforms then are a few shapes over the points times a weight for each driver, and the block is multiplied by the
weights, not by every point. The shapes are learnt: where those so far do not do, the product is taken in full, and what
was left over gives new ones (proper orthogonal decomposition, Sirovich 1987).
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
    """The product of waveforms at so many `points`, (points, *lead, n), and a `matrix` (n, m) or (chips, n, m).

    Drivers may be `wrong` by so much. The `shapes` (points, k) that were learnt are orthonormal; None once there are so
    many that they do not pay.
    """

    def __init__(self, matrix: Floats, points: int, wrong: float) -> None:
        self.matrix, self.points, self.wrong = matrix, points, wrong
        self.forget()

    def forget(self) -> None:
        """Have no shapes yet."""
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
        """Return `shapes` with the fewest more without which what is `left` (points, ...) would be wrong."""
        found, sizes, across = np.linalg.svd(left, full_matrices=False)
        for count in range(1, found.shape[1] + 1):
            rest = found[:, count:] @ (sizes[count:, None] * across[count:])
            if np.abs(rest).max(initial=0.0) <= _LEARNT_SHARE * self.wrong:
                break
        more = np.linalg.qr(np.concatenate([shapes, found[:, :count]], axis=1))[0]
        return more if more.shape[1] <= _MOST_SHAPES * len(left) else None
