"""The state of a run that all its segments share: the efforts, and products of dense matrices with efforts.

A crossbar whose inputs have not changed since the last segment need not be multiplied again. So each product is stored
with a stamp: the version number of the group of unknowns that it was computed from. Without that 512 units took twice
as long, 128 units 1.05 times.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.phase.wiring import Sheet


class HeldProduct:
    """The stored product of a `matrix` (m, n) with the efforts (*`lead`, n) of its columns: an image.

    `value` (*lead, m) is the product, `stamp` the version of the efforts it belongs to, -1 for none; while that is the
    present version the product is not computed again.
    """

    def __init__(self, matrix: Floats, lead: tuple[int, ...]) -> None:
        self.transposed = transposed(matrix)
        self.value = np.empty((*lead, matrix.shape[-2]))
        self.stamp = -1


def transposed(matrix: Floats) -> Floats:
    """Return `matrix` (m, n) or (chips, 1, m, n) transposed: efforts (..., n) times it are flows (..., m)."""
    plain = matrix if matrix.ndim == 2 else matrix[..., 0, :, :]
    return np.swapaxes(plain, -1, -2)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkState:
    """The efforts of a network where the run has got to, and what was computed from them; all of it changes in a run.

    Attributes
    ----------
    effort : float array, (*lead, N)
        The efforts at the end of the last accepted segment.
    stamps : list of int, one a group
        The version of each group of unknowns: one more whenever an effort of the group may have changed.
    known : dict
        Stored products by the name of their matrix; phases share them.
    """

    effort: Floats
    stamps: list[int]
    known: dict[tuple[int, bytes, bytes], HeldProduct]

    def image(self, sheet: Sheet) -> HeldProduct:
        """Return the stored product of `sheet`."""
        if sheet.name not in self.known:
            self.known[sheet.name] = HeldProduct(sheet.matrix, self.effort.shape[:-1])
        return self.known[sheet.name]

    def product(self, sheet: Sheet, drive: Callable[[], Floats]) -> Callable[[], Floats]:
        """Return a function that returns the product of `sheet` with the efforts that `drive` returns.

        It multiplies only if these have a new version. Its result must not be written to.
        """
        image, stamps, group = self.image(sheet), self.stamps, sheet.group

        def value() -> Floats:
            if image.stamp != stamps[group]:
                np.matmul(drive(), image.transposed, out=image.value)
                image.stamp = stamps[group]
            return image.value

        return value

    def moved(self, groups: tuple[int, ...]) -> None:
        """Give these `groups` of unknowns a new version, since their efforts have changed."""
        for group in groups:
            self.stamps[group] += 1

    def forget(self) -> None:
        """Zero the efforts and drop all that was computed, so that a run does not depend on the one before."""
        self.effort[...] = 0.0
        for image in self.known.values():
            image.stamp = -1
