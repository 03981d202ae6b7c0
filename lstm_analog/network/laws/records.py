"""The records that the functions of laws take and return."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.parts import ALWAYS

High = tuple[bool, ...]
"""Which clock lines are high, in the network's order."""


class BlockForm(Enum):
    """How a block couples its columns to its rows: DENSE each to each, DIAGONAL the k-th to the k-th."""

    DENSE = "dense"
    DIAGONAL = "diagonal"


class Order(Enum):
    """How the flows of a block depend on its columns.

    CONSTANT: linearly, with partials that never change. AFFINE: linearly, with partials that depend on the columns of
    the part's nonlinear blocks only. NONLINEAR: in any way.
    """

    CONSTANT = "constant"
    AFFINE = "affine"
    NONLINEAR = "nonlinear"


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Flows into `rows` (m,) depend on the efforts at `columns`, (n,) if dense, else (m,), in the given `order`."""

    rows: Indices
    columns: Indices
    form: BlockForm
    order: Order


@dataclass(frozen=True, kw_only=True, eq=False)
class Idle:
    """The range of effort, `low` to `high` (..., m), of `nodes` (m,) in which a part carries no flow; kinks at both."""

    nodes: Indices
    low: Floats
    high: Floats


class Kind(Enum):
    """What sets an unknown: exactly one of these."""

    IMPOSED = "a source"
    FOLLOWED = "a follower"
    BALANCED = "a junction"
    STORED = "a storage or an internal state"
    INSIDE = "a transistor-level cell"
    SWITCHED = "a threshold"


def is_on(line: int, high: High) -> bool:
    """Return whether a part on clock `line`, or on `ALWAYS`, is switched on with the lines `high`."""
    return line == ALWAYS or high[line]


def diagonal(row: Indices, column: Indices, order: Order = Order.NONLINEAR) -> Block:
    """Return the block that couples the k-th `column` to the k-th `row` in `order`."""
    return Block(rows=row, columns=column, form=BlockForm.DIAGONAL, order=order)


def nothing(*shape: int) -> Indices:
    """Return an empty index array of `shape`."""
    return np.empty(shape, dtype=np.int64)


def into_rows(*flows: Floats) -> Floats:
    """Return the `flows` (..., m), one for each terminal, stacked to (..., terminals, m).

    Each may have an axis of chips or none.
    """
    shape = np.broadcast_shapes(*(each.shape for each in flows))
    result = np.empty((*shape[:-1], len(flows), shape[-1]))
    for row, each in enumerate(flows):
        result[..., row, :] = each
    return result
