"""What every segment starts from: efforts, and products of dense banks with drivers that stand still."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.lowrank import LowRank
from lstm_analog.engines.waveform.wiring import Sheet


class HeldProduct:
    """The product of a `matrix` (m, n) and a drive (*`lead`, n), and the `stamp` of that drive: while it holds, none.

    Held drivers so cost nothing, and drivers that relax by one exponential are multiplied once a step.
    """

    def __init__(self, matrix: Floats, lead: tuple[int, ...]) -> None:
        self.transposed = transposed(matrix)
        self.value = np.empty((*lead, matrix.shape[-2]))
        self.stamp = -1


def transposed(matrix: Floats) -> Floats:
    """Return `matrix` (m, n) or (chips, 1, m, n) as what a drive (..., n) is multiplied by from the right."""
    plain = matrix if matrix.ndim == 2 else matrix[..., 0, :, :]
    return np.swapaxes(plain, -1, -2)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkState:
    """The `effort` (*lead, N) of a network as it stands, and the images of its held drivers.

    `stamps` has a number for each group of unknowns, which changes when any of their efforts do; `known` are the images
    by the name of their matrix, whatever the phase. What has `learnt` in a run forgets it before the next.
    """

    effort: Floats
    stamps: list[int]
    known: dict[tuple[int, ...], HeldProduct]
    learnt: list[LowRank]

    def image(self, sheet: Sheet) -> HeldProduct:
        """Return the image that belongs to `sheet`."""
        key = (*sheet.name, *sheet.matrix.shape)
        if key not in self.known:
            self.known[key] = HeldProduct(sheet.matrix, self.effort.shape[:-1])
        return self.known[key]

    def product(self, sheet: Sheet, drive: Callable[[], Floats]) -> Callable[[], Floats]:
        """Return what gives the image of `drive`, the efforts of the drivers of `sheet`; not to be written to."""
        image, stamps, group = self.image(sheet), self.stamps, sheet.group

        def value() -> Floats:
            if image.stamp != stamps[group]:
                np.matmul(drive(), image.transposed, out=image.value)
                image.stamp = stamps[group]
            return image.value

        return value

    def waveform_product(self, matrix: Floats, points: int, wrong: float) -> LowRank:
        """Return the product of waveforms at `points` and a `matrix` (n, m), of drivers that may be `wrong`."""
        self.learnt.append(LowRank(matrix, points, wrong))
        return self.learnt[-1]

    def moved(self, groups: tuple[int, ...]) -> None:
        """Say that efforts of these `groups` have changed."""
        for group in groups:
            self.stamps[group] += 1

    def forget(self) -> None:
        """Start anew, so that a run does not depend on the one before."""
        self.effort[...] = 0.0
        for image in self.known.values():
            image.stamp = -1
        for product in self.learnt:
            product.forget()
