"""Derive flows, capacities, couplings and partial derivatives from the law of a part, as programs of numpy.

Nothing here depends on the kind of part: these are the default answers of `laws.base`. Derivatives are taken once for
each form of law, programs are bound once to each bank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Floats, Indices, span
from lstm_analog.expressions import (
    LINE,
    BoundProgram,
    Call,
    Expression,
    Op,
    Program,
    constant,
    derivative,
    effort,
    number,
    parameter,
    reading,
    substituted,
    symbols,
)
from lstm_analog.network.bank import take_elements
from lstm_analog.network.laws.records import Block, High, Kind, Order, diagonal, is_on, nothing
from lstm_analog.network.parts import ALWAYS, DATUM, Part, law, parameters_of, terminals_of
from lstm_analog.network.parts.base import Law


def flows_of(given: Law) -> dict[str, Expression]:
    """Return the flow into each terminal of the law `given`; of an effort that it sets, the value less the effort."""
    total = dict(given.into)
    for (tail, head), value in given.through.items():
        for name, entering in ((tail, -value), (head, value)):
            total[name] = total[name] + entering if name in total else entering
    return total | {name: value - effort(name) for name, value in given.sets.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Coupling:
    """How the flow into the terminal `row` depends on the effort at `column`: its `partial` derivative and `order`."""

    row: str
    column: str
    partial: Expression
    order: Order


@dataclass(frozen=True, kw_only=True, eq=False)
class Equations:
    """A law with its neutral parameters left out and its clock line set: `flows` by terminal, and their `couplings`."""

    flows: Mapping[str, Expression]
    couplings: tuple[Coupling, ...]


@lru_cache(maxsize=512)
def equations(given: Law, absent: frozenset[str], on: bool) -> Equations:
    """Return the law `given` without the parameters `absent`, its clock line high if it is `on`."""
    known = {parameter(name): number(given.neutral[name]) for name in absent} | {LINE: number(float(on))}
    flows = {name: substituted(value, known) for name, value in flows_of(given).items()}
    couplings = (coupling for name, value in flows.items() for coupling in _couplings(name, value, given.terminals))
    return Equations(flows=flows, couplings=tuple(couplings))


def _couplings(row: str, flow: Expression, terminals: tuple[str, ...]) -> list[Coupling]:
    partials = {name: derivative(flow, effort(name)) for name in terminals}
    orders = _orders({name: _efforts(slope) for name, slope in partials.items()})
    return [
        Coupling(row=row, column=name, partial=slope, order=orders[name])
        for name, slope in partials.items()
        if constant(slope) != 0.0
    ]


def _efforts(value: Expression) -> frozenset[str]:
    return frozenset(one.name for one in symbols(value) if one.op is Op.EFFORT)


def _orders(reads: Mapping[str, frozenset[str]]) -> dict[str, Order]:
    """Return the order of each column, given which efforts its partial derivative `reads`.

    One that reads its own is nonlinear. The others are affine, if those they read are nonlinear: of two that read each
    other, the last terminal, a pilot, is taken for it.
    """
    nonlinear = {name for name, read in reads.items() if name in read}
    while loose := [name for name, read in reads.items() if name not in nonlinear and read - nonlinear]:
        nonlinear.add(loose[-1])
    still = {True: Order.AFFINE, False: Order.CONSTANT}
    return {name: Order.NONLINEAR if name in nonlinear else still[bool(read)] for name, read in reads.items()}


Known = frozenset[tuple[Expression, float]]
"""Symbols that are one number for all elements of a bank."""


@lru_cache(maxsize=512)
def _program(values: tuple[Expression, ...], known: Known) -> Program:
    numbers = {symbol: number(value) for symbol, value in known}
    return Program([substituted(value, numbers) for value in values])


class BankLaw:
    """The law of a bank simplified by its numbers: terms that are zero throughout the bank are left out.

    Known numbers are a parameter that is neutral, 0 or 1 in all elements, and the effort of a terminal at the datum.
    """

    def __init__(self, part: Part) -> None:
        """Take the law, parameters and nodes of `part`; nothing is computed yet."""
        self.law, self.parameters, self.nodes = law(part), parameters_of(part), terminals_of(part)
        self.size = self.nodes[self.law.terminals[0]].size
        self.line = vars(part).get("line", ALWAYS)
        self._evaluators: dict[bool, Evaluator] = {}

    @cached_property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of the parameters, the elements left out."""
        return np.broadcast_shapes(*(np.shape(value) for value in self.parameters.values()))[:-1]

    @cached_property
    def absent(self) -> frozenset[str]:
        """The parameters that have their neutral value in all elements."""
        neutral = self.law.neutral.items()
        return frozenset(name for name, value in neutral if (self.parameters[name] == value).all())

    @cached_property
    def known(self) -> Known:
        """The parameters that are 0 or 1, and the efforts that are 0, in all elements, with that number."""
        if not self.size:
            return frozenset()
        grounded = ((effort(name), 0.0) for name, at in self.nodes.items() if (at == DATUM).all())
        values = ((name, array, each) for name, array in self.parameters.items() for each in (0.0, 1.0))
        plain = ((parameter(name), each) for name, array, each in values if (array == each).all())
        return frozenset((*grounded, *plain))

    def reduced(self, value: Expression) -> Program:
        """Return the program that computes a `value` of the law with its clock line high."""
        neutral = {(parameter(name), self.law.neutral[name]) for name in self.absent}
        return _program((value,), self.known | neutral | {(LINE, 1.0)})

    @cached_property
    def surplus(self) -> BoundProgram:
        """The program that computes how far each state that switches by itself is beyond its threshold."""
        values = tuple(guard.surplus(effort(name)) for name, guard in self.law.switched.items())
        return _program(values, self.known).bound(self.parameters)

    def evaluator(self, high: High) -> "Evaluator":
        """Return the programs of the bank with the lines `high`; made at the first call."""
        on = is_on(self.line, high)
        if on not in self._evaluators:
            self._evaluators[on] = Evaluator(self, on)
        return self._evaluators[on]


class Evaluator:
    """The programs of a bank with its clock line high or low."""

    def __init__(self, bank: BankLaw, on: bool) -> None:
        """Take the equations of `bank` with its clock line high if it is `on`; nothing is computed yet."""
        self.equations = equations(bank.law, bank.absent, on)
        self._bank = bank

    @cached_property
    def flow(self) -> BoundProgram:
        """The program that computes the flows."""
        return self._bound(tuple(self.equations.flows.values()))

    @cached_property
    def partials(self) -> BoundProgram:
        """The program that computes the partial derivatives of the couplings."""
        return self.some_partials(tuple(range(len(self.equations.couplings))))

    def some_partials(self, numbers: tuple[int, ...]) -> BoundProgram:
        """Return the program that computes the partial derivatives of the couplings of these `numbers`."""
        return self._bound(tuple(self.equations.couplings[number].partial for number in numbers))

    def _bound(self, values: tuple[Expression, ...]) -> BoundProgram:
        return _program(values, self._bank.known).bound(self._bank.parameters)


_BANKS: WeakKeyDictionary[Part, BankLaw] = WeakKeyDictionary()
"""A cache: the simplified law of each bank in use."""


def bank_of(part: Part) -> BankLaw:
    """Return the simplified law of the bank `part`; made at the first call."""
    found = _BANKS.get(part)
    if found is None:
        found = _BANKS[part] = BankLaw(part)
    return found


def sets_of(part: Part) -> tuple[Kind, Indices] | None:
    """Return what kind of unknown `part` determines, and which; None for one that only carries flow."""
    given = law(part)
    for kind, named in ((Kind.STORED, given.stored), (Kind.FOLLOWED, given.sets), (Kind.SWITCHED, given.switched)):
        if named:
            nodes = bank_of(part).nodes
            return kind, np.concatenate([nodes[name] for name in named])
    return None


def capacity_of(part: Part) -> tuple[Indices, Floats]:
    """Return the states (m,) of `part`, and their capacities (..., m)."""
    stored = law(part).stored
    if not stored:
        return nothing(0), np.empty(0)
    nodes = bank_of(part).nodes
    values = Program(list(stored.values())).bound(parameters_of(part))(dict[str, Floats]().__getitem__)
    return np.concatenate([nodes[name] for name in stored]), np.concatenate(np.broadcast_arrays(*values), axis=-1)


def rows_of(part: Part) -> Indices:
    """Return the unknowns that `part` feeds, (terminals, m)."""
    nodes = bank_of(part).nodes
    return np.stack([nodes[name] for name in flows_of(law(part))])


def flow_of(part: Part, effort: Floats, high: High) -> Floats:
    """Return the flow (..., terminals, m) of `part` at `effort` with the lines `high`."""
    bank = bank_of(part)
    made = bank.evaluator(high)
    lead = np.broadcast_shapes(effort.shape[:-1], bank.lead) if bank.lead else effort.shape[:-1]
    result, nodes = np.empty((*lead, len(made.equations.flows), bank.size)), bank.nodes
    for row, value in enumerate(made.flow(lambda name: effort[..., nodes[name]])):
        result[..., row, :] = value
    return result


def writing_of(part: Part, effort: Floats, high: High, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write the flow of `part` at `effort`, lines `high`, to `out` (..., terminals, m)."""
    bank = bank_of(part)
    return _writing(bank, bank.evaluator(high).flow, effort, [out[..., row, :] for row in range(out.shape[-2])])


def writing_partials_of(part: Part, effort: Floats, high: High, outs: Mapping[int, Floats]) -> tuple[Call, ...]:
    """Return the calls that write the partials of `part` at `effort`, lines `high`, of some couplings to `outs`."""
    bank = bank_of(part)
    return _writing(bank, bank.evaluator(high).some_partials(tuple(outs)), effort, list(outs.values()))


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


def surplus_of(part: Part, effort: Floats) -> Floats:
    """Return how far the states (m,) of `part` that switch by themselves are beyond, at `effort`, (..., m)."""
    bank = bank_of(part)
    return np.concatenate(bank.surplus(lambda name: effort[..., bank.nodes[name]]), axis=-1)


def blocks_of(part: Part, high: High) -> tuple[Block, ...]:
    """Return the couplings of `part` with the lines `high`, one for each pair of a terminal and an effort."""
    nodes, couplings = bank_of(part).nodes, bank_of(part).evaluator(high).equations.couplings
    return tuple(diagonal(nodes[each.row], nodes[each.column], each.order) for each in couplings)


def partials_of(part: Part, effort: Floats, high: High) -> tuple[Floats, ...]:
    """Return the partials (..., m) of the couplings of `part` at `effort` with the lines `high`."""
    bank = bank_of(part)
    values = bank.evaluator(high).partials(lambda name: effort[..., bank.nodes[name]])
    return tuple(np.asarray(value) if np.ndim(value) else np.full(bank.size, value) for value in values)


def taken(part: Part, elements: Indices) -> Part:
    """Return the bank of the given `elements` (k,) of `part` alone."""
    law(part)  # refuses a part that declares none
    return take_elements(part, elements)
