"""The laws as dispatched functions; what a kind of part does not answer itself follows from the law that it declares.

They raise `UnsupportedPartError` for a part that does neither.
"""

from collections.abc import Callable
from functools import singledispatch

from lstm_analog.arrays import Floats, Indices
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
    """Return the unknowns that `part` feeds, shape (terminals, m)."""
    return derived.rows_of(part)


@singledispatch
def flow(part: Part, effort: Floats, high: High) -> Floats:
    """Return the flow of `part` into each of its rows, shape (..., terminals, m), at `effort` with the lines `high`."""
    return derived.flow_of(part, effort, high)


@singledispatch
def flow_into(part: Part, effort: Floats, high: High, out: Floats) -> Callable[[], None]:
    """Return what writes the `flow` of `part` with the lines `high` to `out`, at `effort` as that stands when called.

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
def idle(part: Part) -> Idle | None:
    """Return between which efforts `part` carries no flow at all, whatever the clock; None for a part that always may.

    An engine may leave such a part out, if it sees to it that no effort leaves its range.
    """
    return None


@singledispatch
def take(part: Part, elements: Indices) -> Part:
    """Return the bank with only the given `elements` of `part`: a stage's share."""
    return derived.taken(part, elements)
