"""Arrays of a size that exists: a crossbar cut into tiles, each with wires and summing amplifiers of its own."""

import itertools
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.base import Streams, alter, check_strength, circuit
from lstm_analog.imperfections.wires import change_columns, seen_conductances
from lstm_analog.network.graph import Network

_PAIR = 2
"""Columns of a weight: one for each sign."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Tiles:
    """Each crossbar is built of arrays of `drivers` lines and `columns` columns, a weight being a pair of columns.

    A tile has wires of `line` and `column` ohms a cell, as `WireResistance` has them for the whole crossbar, so that no
    wire is longer than a tile; lines are driven anew at each tile. Each pair of columns of a tile ends in a summing
    amplifier, a virtual ground, which hands the partial sum on to the row with a gain of 1 and a normal error of the
    standard deviation `gain`. Tiles at the edge are used in part.

    Li et al. (2019) had 128 by 64 cells; published arrays have 0.35 to 1 ohm a cell (docs/electrical.md#wires). A gain
    error of 0.001, of two matched resistors, is an assumption. Offsets and poles of the amplifiers of tiles are not in
    it, nor converters: partial sums that are rounded make steps, which no law of a part can have here.
    """

    drivers: int
    columns: int
    line: float
    column: float
    gain: float

    def __post_init__(self) -> None:
        """Check that a tile holds a weight, and that nothing is below zero."""
        check_tile(self.drivers, self.columns)
        for what, value in (("line", self.line), ("column", self.column)):
            check_strength(f"wire resistance, {what}", value, "give ohms a cell")
        check_strength("gain error of tiles", self.gain)


def check_tile(drivers: int, columns: int) -> None:
    """Raise `InvalidValueError` unless a tile of so many `drivers` and `columns` holds at least a weight."""
    if drivers < 1:
        raise InvalidValueError(explain("drivers of a tile", must="be at least 1", got=drivers, do="give e.g. 128"))
    if columns < _PAIR or columns % _PAIR:
        must, do = "be even and at least 2, two a weight", "give e.g. 128"
        raise InvalidValueError(explain("columns of a tile", must=must, got=columns, do=do))


@alter.register
def _(imperfection: Tiles, network: Network, streams: Streams) -> Network:
    network = circuit(network)
    if not (imperfection.line or imperfection.column or imperfection.gain):
        return network

    def tiled(columns: Floats, label: str) -> Floats:
        gains = 1.0 + imperfection.gain * _gain_errors(columns, imperfection.drivers, label, streams)
        return tiled_conductances(columns, imperfection) * gains.repeat(_PAIR, axis=-2)

    return change_columns(network, tiled)


@checked
def tiled_conductances(conductance: Floats, tiles: Tiles) -> Floats:
    """Return the current at the row's end of each column for one volt on each driver, (..., columns, drivers), in S.

    `conductance` (..., columns, drivers) of the devices (S) is cut into `tiles`, whose gains are 1 here. Each tile is
    reduced as `seen_conductances` says; the partial sums of a column add up.
    """
    seen = np.empty_like(conductance)
    down, across = (
        range(0, size, step) for size, step in zip(conductance.shape[-2:], (tiles.columns, tiles.drivers), strict=True)
    )
    for first, left in itertools.product(down, across):
        place = (..., slice(first, first + tiles.columns), slice(left, left + tiles.drivers))
        seen[place] = seen_conductances(conductance[place], line=tiles.line, column=tiles.column)
    return seen


def _gain_errors(columns: Floats, drivers: int, label: str, streams: Streams) -> Floats:
    """Return a normal number for each weight (..., rows, n) in `columns`, one a row and tile of so many `drivers`."""
    rows, count = columns.shape[-2] // _PAIR, columns.shape[-1]
    tile = np.arange(count) // drivers
    drawn = streams.normal(f"tiles {label}", (rows, int(tile.max(initial=0)) + 1))
    return drawn[..., tile]
