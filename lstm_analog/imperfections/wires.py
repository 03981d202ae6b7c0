"""Crossbars as they are built: the resistance of their wires, and arrays of a size that exists (`Tiles`).

As devices are linear, a crossbar with its wires is one conductance matrix. A driver feeds its line at one end; each
line crosses all columns, and each column ends in a virtual ground. A segment of wire precedes every crossing. The
reduction is exact, by block elimination along the lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.imperfections.base import InRange, Streams, alter, change, circuit, strength
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars, Transconductors

_AXES = 2
_PAIR = 2
"""Columns of a weight: one for each sign."""
_LineOhms = Annotated[float, strength("wire resistance, line", "give ohms a cell")]
_ColumnOhms = Annotated[float, strength("wire resistance, column", "give ohms a cell")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class WireResistance:
    """Each cell of a crossbar adds `line` ohms to the wire of its driver and `column` ohms to that of its output.

    Published arrays have 0.35 to 1 ohm per cell. A weight is a pair of devices in neighbouring columns, the positive
    one first; a signed transconductance has one of them, by its sign, and is the difference of the two currents.
    Columns end in virtual grounds, which is exact where an op-amp or a current mirror holds them.
    """

    line: _LineOhms
    column: _ColumnOhms


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

    drivers: Annotated[int, InRange("drivers of a tile", 1, np.inf, "give e.g. 128")]
    columns: int
    line: _LineOhms
    column: _ColumnOhms
    gain: Annotated[float, strength("gain error of tiles")]

    def __post_init__(self) -> None:
        if self.columns < _PAIR or self.columns % _PAIR:
            must, do = "be even and at least 2, two a weight", "give e.g. 128"
            raise InvalidValueError(explain("columns of a tile", must=must, got=self.columns, do=do))


@alter.register
def _(imperfection: WireResistance, network: Network, streams: Streams) -> Network:
    line, column = imperfection.line, imperfection.column
    network = circuit(network)
    if not line and not column:
        return network
    return change_columns(network, lambda columns, label: seen_conductances(columns, line=line, column=column))


def change_columns(network: Network, by: Callable[[Floats, str], Floats]) -> Network:
    """Return `network` with the devices of its crossbars replaced `by` a function of them and the bank's label.

    The devices are (..., columns, drivers): two columns a weight, the positive one first, of which a signed
    transconductance has the one of its sign.
    """

    def pairs(positive: Floats, negative: Floats, label: str) -> tuple[Floats, Floats]:
        columns = np.stack((positive, negative), axis=-2).reshape(*positive.shape[:-2], -1, positive.shape[-1])
        made = by(columns, label)
        return made[..., 0::2, :], made[..., 1::2, :]

    def signed(part: Transconductors) -> Transconductors:
        weights = part.transconductance
        plus, minus = pairs(np.maximum(weights, 0.0), np.maximum(-weights, 0.0), part.label)
        return replace(part, transconductance=plus - minus)

    def paired(part: Crossbars) -> Crossbars:
        plus, minus = pairs(part.positive, part.negative, part.label)
        return replace(part, positive=np.maximum(plus, 0.0), negative=np.maximum(minus, 0.0))

    return change(change(network, Transconductors, signed), Crossbars, paired)


@checked
def seen_conductances(conductance: Floats, *, line: _LineOhms, column: _ColumnOhms) -> Floats:
    """Return the conductance from each driver to the end of each column (S), (..., columns, drivers), wires included.

    Parameters
    ----------
    conductance : float array, (..., columns, drivers)
        Conductances of the devices (S); column 0 is next to the drivers, the last line next to the column ends.
    line, column : float
        Resistance of one segment of each wire (ohm).

    Raises
    ------
    InvalidShapeError
        If `conductance` has fewer than two axes.
    InvalidValueError
        If a resistance is below zero, or a number is not finite.

    Notes
    -----
    Let u_j be the voltages of the lines at column j, D_j the diagonal of its conductances d_j, Z the resistance matrix
    of a column (the resistance that the paths of two nodes to its end share), r the resistance of a segment of a line.
    A column draws D_j (1 + Z D_j)^-1 u_j; so u_j = F_j u_(j-1) with F_j = (1 + Z D_j) Q_j, Q_j^-1 = M + (r + M Z) D_j,
    M = 2 - F_(j+1), and F = 1 beyond the last. The current of column j is d_j Q_j u_(j-1). This takes one elimination
    per column, of the size of the number of drivers, for all chips at once: the Schur complements of the sparse network
    in the order of its columns.
    """
    conductance = floats(conductance, "conductance")
    if conductance.ndim < _AXES:
        must, do = "have the axes (..., columns, drivers)", "give a row of devices to each column"
        raise InvalidShapeError(explain("conductance", must=must, got=conductance.shape, do=do))
    drivers = conductance.shape[-1]
    one, place = np.eye(drivers), np.arange(drivers)
    shared = column * (drivers - np.maximum(place[:, None], place))
    seen = np.empty_like(conductance)
    passing = one
    for j in range(conductance.shape[-2] - 1, -1, -1):
        device = conductance[..., j, :]
        onward = 2.0 * one - passing
        inverse = np.linalg.inv(onward + (line * one + onward @ shared) * device[..., None, :])
        passing = inverse + shared @ (device[..., :, None] * inverse)
        seen[..., j + 1 :, :] = seen[..., j + 1 :, :] @ passing
        seen[..., j : j + 1, :] = device[..., None, :] @ inverse
    return seen


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
    for first, left in product(down, across):
        place = (..., slice(first, first + tiles.columns), slice(left, left + tiles.drivers))
        seen[place] = seen_conductances(conductance[place], line=tiles.line, column=tiles.column)
    return seen


def _gain_errors(columns: Floats, drivers: int, label: str, streams: Streams) -> Floats:
    """Return a normal number for each weight (..., rows, n) in `columns`, one a row and tile of so many `drivers`."""
    rows, count = columns.shape[-2] // _PAIR, columns.shape[-1]
    tile = np.arange(count) // drivers
    drawn = streams.normal(f"tiles {label}", (rows, int(tile.max(initial=0)) + 1))
    return drawn[..., tile]
