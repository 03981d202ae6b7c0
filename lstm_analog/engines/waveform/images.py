"""Products of dense banks with their drivers, kept as long as the drivers stand still."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.wiring import Sheet


class Image:
    """The product of a matrix (m, n) and a drive (*lead, n), kept until the drive changes: held drivers cost nothing."""

    def __init__(self, matrix: Floats, lead: tuple[int, ...]) -> None:
        self.transposed = transposed(matrix)
        self.drive = np.full((*lead, matrix.shape[-1]), np.nan)
        self.value = np.empty((*lead, matrix.shape[-2]))

    def of(self, drive: Floats) -> Floats:
        """Return the image of `drive` (*lead, n); not to be written to."""
        if not np.array_equal(drive, self.drive):
            np.matmul(drive, self.transposed, out=self.value)
            self.drive[...] = drive
        return self.value


def transposed(matrix: Floats) -> Floats:
    """Return `matrix` (m, n) or (chips, 1, m, n) as what a drive (..., n) is multiplied by from the right."""
    plain = matrix if matrix.ndim == 2 else matrix[..., 0, :, :]
    return np.swapaxes(plain, -1, -2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """The images of all held drivers, `known` by the name of their matrix, whatever the phase."""

    lead: tuple[int, ...]
    known: dict[tuple[int, ...], Image]

    def of(self, sheet: Sheet) -> Image:
        """Return the image that belongs to `sheet`."""
        key = (*sheet.name, *sheet.matrix.shape)
        if key not in self.known:
            self.known[key] = Image(sheet.matrix, self.lead)
        return self.known[key]

    def forget(self) -> None:
        """Start anew, so that a run does not depend on the one before."""
        for image in self.known.values():
            image.drive[...] = np.nan
