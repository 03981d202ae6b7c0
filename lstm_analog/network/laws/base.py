"""The laws as functions dispatched on the kind of part; the default answer is derived from the law that it declares.

They raise `UnsupportedPartError` for a part that neither declares a law nor registers an answer.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, span
from lstm_analog.expressions import BoundProgram, Call, Program, reading
from lstm_analog.network.bank import take_elements
from lstm_analog.network.laws.equations import BankLaw, bank_of, flows_of
from lstm_analog.network.laws.records import Block, High, Idle, Kind, diagonal, nothing
from lstm_analog.network.parts import Part, law


@singledispatch
def sets(part: Part) -> tuple[Kind, Indices] | None:
    """Return what kind of unknown `part` determines, and which; None for a part that only carries flow."""
    given = law(part)
    for kind, named in ((Kind.STORED, given.stored), (Kind.FOLLOWED, given.sets), (Kind.SWITCHED, given.switched)):
        if named:
            nodes = bank_of(part).nodes
            return kind, np.concatenate([nodes[name] for name in named])
    return None


@singledispatch
def capacity(part: Part) -> tuple[Indices, Floats]:
    """Return the unknowns whose rate `part` fixes, rate = flow / capacity, and their capacities (..., m)."""
    stored = law(part).stored
    if not stored:
        return nothing(0), np.empty(0)
    bank = bank_of(part)
    values = Program(list(stored.values())).bound(bank.parameters)(dict[str, Floats]().__getitem__)
    return np.concatenate([bank.nodes[name] for name in stored]), _side_by_side(values, bank.size)


@singledispatch
def rows(part: Part) -> Indices:
    """Return the unknowns into which `part` carries flow, shape (terminals, m)."""
    bank = bank_of(part)
    found = [bank.nodes[name] for name in flows_of(bank.law)]
    return np.stack(found) if found else nothing(0, bank.size)


@singledispatch
def flow(part: Part, effort: Floats, high: High) -> Floats:
    """Return the flow of `part` into each of its rows, shape (..., terminals, m), at `effort` with the lines `high`."""
    bank = bank_of(part)
    nodes = bank.nodes
    return bank.stacked(bank.evaluator(high).flow(lambda name: effort[..., nodes[name]]), effort)


@singledispatch
def flow_into(part: Part, effort: Floats, high: High, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write the `flow` of `part` with the lines `high` to `out`, from what is in `effort` then.

    `out` (..., terminals, m) has the leading axes to which those of `effort` and of the parameters broadcast.
    """
    bank = bank_of(part)
    return _writing(bank, bank.evaluator(high).flow, effort, [out[..., row, :] for row in range(out.shape[-2])])


@singledispatch
def blocks(part: Part, high: High) -> tuple[Block, ...]:
    """Return the couplings of `part` with the lines `high`; a dense bank is one block, never one entry a weight."""
    nodes, couplings = bank_of(part).nodes, bank_of(part).evaluator(high).equations.couplings
    return tuple(diagonal(nodes[each.row], nodes[each.column], each.order) for each in couplings)


@singledispatch
def partials(part: Part, effort: Floats, high: High) -> tuple[Floats, ...]:
    """Return d flow / d effort of `part` for each of its blocks at `effort` with the lines `high`.

    Shape (..., m) for a diagonal block, (..., m, n) for a dense one.
    """
    bank = bank_of(part)
    values = bank.evaluator(high).partials(lambda name: effort[..., bank.nodes[name]])
    return tuple(np.asarray(value) if np.ndim(value) else np.full(bank.size, value) for value in values)


@singledispatch
def partials_into(part: Part, effort: Floats, high: High, outs: Mapping[int, Floats]) -> tuple[Call, ...]:
    """Return the calls that write `partials` of `part` with the lines `high`, from what is in `effort` then.

    `outs` are arrays of equal shape (..., m), by the number of the block that is written there; the block is diagonal.
    """
    bank = bank_of(part)
    return _writing(bank, bank.evaluator(high).some_partials(tuple(outs)), effort, list(outs.values()))


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
    bank = bank_of(part)
    return _side_by_side(bank.surplus(lambda name: effort[..., bank.nodes[name]]), bank.size)


@singledispatch
def take(part: Part, elements: Indices) -> Part:
    """Return the bank of the given `elements` (k,) of `part` alone, in their order."""
    law(part)  # refuses a part that declares none
    return take_elements(part, elements)


def _side_by_side(values: Sequence[Floats | float], size: int) -> Floats:
    """Return the `values` of several terminals of a bank of `size` m, (..., m), as one array (..., terminals m)."""
    lead = np.broadcast_shapes(*(np.shape(value)[:-1] for value in values))
    return np.concatenate([np.broadcast_to(value, (*lead, size)) for value in values], axis=-1)


def _writing(bank: BankLaw, program: BoundProgram, effort: Floats, outs: list[Floats]) -> tuple[Call, ...]:
    """Return the calls that write what the `program` of a `bank` computes at `effort` to `outs`."""
    read = {name: gathered(effort, bank.nodes[name]) for name in program.efforts}
    efforts = {name: array for name, (array, _) in read.items()}
    fetching = [call for _, calls in read.values() for call in calls]
    return *fetching, *program.writing(efforts, outs)


def gathered(effort: Any, nodes: Indices) -> tuple[Floats, tuple[Call, ...]]:
    """Return the efforts of `nodes` (m,) of `effort` (..., N), and the calls that bring them up to date.

    An engine may give its own kind of `effort`, with a method `gathered`.
    """
    if isinstance(effort, np.ndarray):
        return reading(effort, span(nodes))
    found: tuple[Floats, tuple[Call, ...]] = effort.gathered(nodes)
    return found
