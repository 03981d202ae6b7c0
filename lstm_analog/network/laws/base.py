"""The laws as functions dispatched on the kind of part; the default answer is derived from the law that it declares.

They raise `UnsupportedPartError` for a part that neither declares a law nor registers an answer.
"""

from collections.abc import Mapping
from functools import singledispatch

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import Call
from lstm_analog.network.laws import equations as derived
from lstm_analog.network.laws.records import Block, High, Idle, Kind
from lstm_analog.network.parts import Part


@singledispatch
def sets(part: Part) -> tuple[Kind, Indices] | None:
    """Return what kind of unknown `part` determines, and which; None for a part that only carries flow."""
    return derived.sets_of(part)


@singledispatch
def capacity(part: Part) -> tuple[Indices, Floats]:
    """Return the unknowns whose rate `part` fixes, rate = flow / capacity, and their capacities (..., m)."""
    return derived.capacity_of(part)


@singledispatch
def rows(part: Part) -> Indices:
    """Return the unknowns into which `part` carries flow, shape (terminals, m)."""
    return derived.rows_of(part)


@singledispatch
def flow(part: Part, effort: Floats, high: High) -> Floats:
    """Return the flow of `part` into each of its rows, shape (..., terminals, m), at `effort` with the lines `high`."""
    return derived.flow_of(part, effort, high)


@singledispatch
def flow_into(part: Part, effort: Floats, high: High, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write the `flow` of `part` with the lines `high` to `out`, from what is in `effort` then.

    `out` (..., terminals, m) has the leading axes to which those of `effort` and of the parameters broadcast.
    """
    return derived.writing_of(part, effort, high, out)


@singledispatch
def blocks(part: Part, high: High) -> tuple[Block, ...]:
    """Return the couplings of `part` with the lines `high`; a dense bank is one block, never one entry a weight."""
    return derived.blocks_of(part, high)


@singledispatch
def partials(part: Part, effort: Floats, high: High) -> tuple[Floats, ...]:
    """Return d flow / d effort of `part` for each of its blocks at `effort` with the lines `high`.

    Shape (..., m) for a diagonal block, (..., m, n) for a dense one.
    """
    return derived.partials_of(part, effort, high)


@singledispatch
def partials_into(part: Part, effort: Floats, high: High, outs: Mapping[int, Floats]) -> tuple[Call, ...]:
    """Return the calls that write `partials` of `part` with the lines `high`, from what is in `effort` then.

    `outs` are arrays of equal shape (..., m), by the number of the block that is written there; the block is diagonal.
    """
    return derived.writing_partials_of(part, effort, high, outs)


@singledispatch
def idle(part: Part) -> Idle | None:
    """Return the range of effort in which `part` carries no flow, whatever the clock; None if there is no such range.

    An engine may leave such a part out as long as it checks that every effort stays within that range.
    """
    return None


def surplus(part: Part, effort: Floats) -> Floats:
    """Return how far the states (m,) of `part` that switch by themselves are beyond the threshold that comes next.

    In effort units, at `effort` (..., unknowns), shape (..., m): above `upper` while a state is 0, below `lower` while
    it is 1. Below zero it stays.
    """
    return derived.surplus_of(part, effort)


@singledispatch
def take(part: Part, elements: Indices) -> Part:
    """Return the bank of the given `elements` (k,) of `part` alone, in their order."""
    return derived.taken(part, elements)
