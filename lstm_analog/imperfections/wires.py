"""Resistance of the wires of a crossbar; as devices are linear, a crossbar with its wires is one conductance matrix.

A driver feeds its line at one end; each line crosses all columns, and each column ends in a virtual ground. A segment
of wire precedes every crossing. The reduction is exact, by block elimination along the lines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.imperfections.base import Streams, alter, change, check_strength, circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars, Transconductors

_AXES = 2


@checked_record
@dataclass(frozen=True, kw_only=True)
class WireResistance:
    """Each cell of a crossbar adds `line` ohms to the wire of its driver and `column` ohms to that of its output.

    Published arrays have 0.35 to 1 ohm per cell. A weight is a pair of devices in neighbouring columns, the positive
    one first; a signed transconductance has one of them, by its sign, and is the difference of the two currents.
    Columns end in virtual grounds, which is exact where an op-amp or a current mirror holds them.
    """

    line: float
    column: float

    def __post_init__(self) -> None:
        """Check that no resistance is below zero."""
        _check_segments(self.line, self.column)


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
def seen_conductances(conductance: Floats, *, line: float, column: float) -> Floats:
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
    _check_segments(line, column)
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


def _check_segments(line: float, column: float) -> None:
    for what, ohms in (("line", line), ("column", column)):
        check_strength(f"wire resistance, {what}", ohms, "give ohms a cell")
