"""The laws as dispatched functions, and the records they speak in."""

from dataclasses import dataclass
from enum import Enum
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.parts import ALWAYS, Part

High = tuple[bool, ...]
"""Which clock lines are high, in the network's order."""


class Form(Enum):
    """How a block couples its columns to its rows: each to each, or the k-th to the k-th."""

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
    """Who acts on whom, in what `order`: flows into `rows` (m,) depend on `columns`, (n,) if dense else (m,)."""

    rows: Indices
    columns: Indices
    form: Form
    order: Order


@dataclass(frozen=True, kw_only=True, eq=False)
class Idle:
    """A range of efforts of `nodes` (m,), from `low` to `high` (..., m), its kinks."""

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


def _refuse(part: object, law: str) -> UnsupportedPartError:
    return UnsupportedPartError(
        explain(f"part {type(part).__name__}", must=f"have a law {law!r}", got="none", do="register it in laws.py")
    )


@singledispatch
def sets(part: Part) -> tuple[Kind, Indices] | None:
    """Return what kind of unknown `part` determines, and which; None for a part that only carries flow."""
    raise _refuse(part, "sets")


@singledispatch
def capacity(part: Part) -> tuple[Indices, Floats]:
    """Return the unknowns whose rate `part` fixes, rate = flow / capacity, and their capacities (..., m)."""
    raise _refuse(part, "capacity")


@singledispatch
def rows(part: Part) -> Indices:
    """Return the unknowns that `part` feeds, shape (terminals, m)."""
    raise _refuse(part, "rows")


@singledispatch
def flow(part: Part, effort: Floats, high: High) -> Floats:
    """Return the flow of `part` into each of its rows, shape (..., terminals, m), at `effort` with the lines `high`."""
    raise _refuse(part, "flow")


@singledispatch
def blocks(part: Part, high: High) -> tuple[Block, ...]:
    """Return the couplings of `part` with the lines `high`; a dense bank is one block, never one entry a weight."""
    raise _refuse(part, "blocks")


@singledispatch
def partials(part: Part, effort: Floats, high: High) -> tuple[Floats, ...]:
    """Return d flow / d effort of `part` for each of its blocks at `effort` with the lines `high`.

    Shape (..., m) for a diagonal block, (..., m, n) for a dense one.
    """
    raise _refuse(part, "partials")


@singledispatch
def idle(part: Part) -> Idle | None:
    """Return between which efforts `part` carries no flow at all, whatever the clock; None for a part that always may.

    An engine may leave such a part out, if it sees to it that no effort leaves its range.
    """
    return None


@singledispatch
def take(part: Part, elements: Indices) -> Part:
    """Return the bank with only the given `elements` of `part`: a stage's share."""
    raise _refuse(part, "take")


def is_on(line: int, high: High) -> bool:
    """Return whether a part on clock `line` works with the lines `high`."""
    return line == ALWAYS or high[line]


def diagonal(row: Indices, column: Indices, order: Order = Order.NONLINEAR) -> Block:
    """Return the block that couples the k-th `column` to the k-th `row` in `order`."""
    return Block(rows=row, columns=column, form=Form.DIAGONAL, order=order)


def nothing(*shape: int) -> Indices:
    """Return an empty index array of `shape`."""
    return np.empty(shape, dtype=np.int64)


def into_rows(*flows: Floats) -> Floats:
    """Return the `flows` (..., m) into each row of a part side by side, (..., terminals, m).

    Each may have an axis of chips or none.
    """
    shape = np.broadcast_shapes(*(each.shape for each in flows))
    result = np.empty((*shape[:-1], len(flows), shape[-1]))
    for row, each in enumerate(flows):
        result[..., row, :] = each
    return result
