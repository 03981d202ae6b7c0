"""Count the tiles of which the crossbars of a machine can be built: arrays of a size that exists."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections import Tiles
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import Crossbars, Transconductors
from lstm_analog.study.lots import Design
from lstm_analog.summaries import Rows, Summarised


@checked_record
@dataclass(frozen=True, kw_only=True)
class BankTiles:
    """The tiles of one crossbar.

    Attributes
    ----------
    label : str
        Its bank.
    rows, drivers : int
        Numbers of weighted sums, and of their inputs.
    across, down : int
        Numbers of tiles side by side along the drivers, whose partial sums add up, and along the columns.
    devices, cells : int
        Numbers of devices that conduct, and of cells in all tiles.
    """

    label: str
    rows: int
    drivers: int
    across: int
    down: int
    devices: int
    cells: int

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.across * self.down

    @property
    def amplifiers(self) -> int:
        """Number of summing amplifiers, one for each row of each tile along its drivers."""
        return self.rows * self.across

    @property
    def used(self) -> float:
        """Share of the cells that have a device."""
        return self.devices / self.cells


@checked_record
@dataclass(frozen=True, kw_only=True, repr=False)
class Tiling(Summarised):
    """The tiles of all crossbars of a machine; `banks` has one record for each crossbar."""

    banks: tuple[BankTiles, ...]

    def summary(self) -> Rows:
        """Return the counts of all, and the tiles of each bank."""
        each = tuple(
            (bank.label, f"{bank.rows} sums of {bank.drivers}: {bank.across} x {bank.down} tiles, {bank.used:.1%} used")
            for bank in self.banks
        )
        return (("tiles", self.tiles), ("summing amplifiers", self.amplifiers), ("used", f"{self.used:.1%}"), *each)

    @property
    def tiles(self) -> int:
        """Number of all tiles."""
        return sum(bank.tiles for bank in self.banks)

    @property
    def amplifiers(self) -> int:
        """Number of summing amplifiers of all tiles."""
        return sum(bank.amplifiers for bank in self.banks)

    @property
    def used(self) -> float:
        """Share of all cells that have a device."""
        return sum(bank.devices for bank in self.banks) / sum(bank.cells for bank in self.banks)


@checked
def tiling(machine: Design, tiles: Tiles) -> Tiling:
    """Return how many `tiles` each crossbar of `machine` needs, in all passes.

    Raises `UnsupportedError` for a machine that has none, or is not electrical: tubes have any length.
    """
    networks = [compiled.network for compiled in machine.passes]
    banks = [part for network in networks for part in network.parts if isinstance(part, Crossbars | Transconductors)]
    if not banks or any(network.domain != ELECTRICAL for network in networks):
        do = "compile it in an electrical technology"
        raise UnsupportedError(explain("the machine", must="have crossbars of devices", got="none", do=do))
    return Tiling(banks=tuple(_bank(part, tiles) for part in banks))


def _bank(part: Crossbars | Transconductors, tiles: Tiles) -> BankTiles:
    if isinstance(part, Crossbars):
        there = np.stack((part.positive > 0.0, part.negative > 0.0))
    else:
        there = part.transconductance[None] != 0.0
    rows, drivers = there.shape[-2:]
    across, down = -(-drivers // tiles.drivers), -(-2 * rows // tiles.columns)
    chips = int(np.prod(there.shape[1:-2]))
    return BankTiles(
        label=part.label,
        rows=rows,
        drivers=drivers,
        across=across,
        down=down,
        devices=int(there.sum()) // chips,
        cells=across * down * tiles.drivers * tiles.columns,
    )
