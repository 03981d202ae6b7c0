"""Flows, couplings and partial derivatives of the law of a bank, as programs of numpy, simplified by its numbers.

Derivatives are taken once for each form of law, programs are bound once to each bank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.expressions import (
    LINE,
    BoundProgram,
    Expression,
    Op,
    Program,
    constant,
    derivative,
    effort,
    number,
    parameter,
    substituted,
    symbols,
)
from lstm_analog.network.laws.records import High, Order, is_on
from lstm_analog.network.parts import DATUM, Part, law, line_of, parameters_of, terminals_of
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
        missing = ({*self.law.terminals} - self.nodes.keys()) | ({*self.law.units} - self.parameters.keys())
        if missing:
            got, do = f"{', '.join(sorted(missing))} besides", "name its fields as its law does"
            what = f"law of {type(part).__name__}"
            raise UnsupportedPartError(explain(what, must="list fields of its bank", got=got, do=do))
        self.size = self.nodes[self.law.terminals[0]].size
        self.line = line_of(part)
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

    def evaluated(self, program: Program, effort: Floats) -> list[Floats | float]:
        """Return what a `program` of its law computes at `effort` (..., unknowns)."""
        return program.bound(self.parameters)(lambda name: effort[..., self.nodes[name]])

    def stacked(self, values: Sequence[Floats | float], effort: Floats) -> Floats:
        """Return `values` computed at `effort` (..., unknowns), one a terminal, stacked to (..., terminals, m)."""
        lead = np.broadcast_shapes(effort.shape[:-1], self.lead) if self.lead else effort.shape[:-1]
        result = np.empty((*lead, len(values), self.size))
        for row, value in enumerate(values):
            result[..., row, :] = value
        return result

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
