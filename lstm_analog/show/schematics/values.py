"""Say the size of an element in SI units, as short as a drawing needs it."""

from collections.abc import Iterable
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.network.domain import ELECTRICAL, Domain
from lstm_analog.network.parts import (
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.show.style import amount


def first(values: Floats) -> float:
    """Return the first of `values` (..., m): that of the first chip, if there are several."""
    return float(np.ravel(values)[0])


@singledispatch
def size_of(bank: object, number: int, domain: Domain) -> str:
    """Return the main size of element `number` of `bank` in a `domain`, or the name of a kind that is not known here.

    A bank of one element has that element only; of dense banks, `number` is the row.
    """
    return type(bank).__name__


def _size(value: float, domain: Domain, unit: str) -> str:
    """Return `value` with its `unit` in a circuit, a conductance in ohms; in plumbing bare: the drawing has units."""
    if domain != ELECTRICAL:
        return f"{value:.2g}"
    return amount(1.0 / value if unit == "Ω" else value, unit)


@size_of.register(Conductors)
@size_of.register(Ports)
def _(bank: Conductors | Ports, number: int, domain: Domain) -> str:
    return _size(first(bank.conductance), domain, "Ω")


@size_of.register(Switches)
@size_of.register(Inertances)
def _(bank: Switches | Inertances, number: int, domain: Domain) -> str:
    return _size(first(bank.closed), domain, "Ω")


@size_of.register
def _(bank: Storages, number: int, domain: Domain) -> str:
    return _size(first(bank.capacitance), domain, "F")


@size_of.register
def _(bank: Pairs, number: int, domain: Domain) -> str:
    return _size(first(bank.current), domain, "A")


@size_of.register
def _(bank: Sources, number: int, domain: Domain) -> str:
    return amount(first(bank.effort), domain.effort_unit)


@size_of.register
def _(bank: OpAmps, number: int, domain: Domain) -> str:
    return amount(first(bank.transconductance) / (2.0 * np.pi * first(bank.capacitance)), "Hz")


@size_of.register
def _(bank: Followers, number: int, domain: Domain) -> str:
    gains = [first(term.gain) for term in bank.terms]
    return "" if set(gains) == {1.0} else "gain " + ", ".join(f"{gain:.3g}" for gain in gains)


@size_of.register
def _(bank: Spools, number: int, domain: Domain) -> str:
    return f"{first(bank.frequency):.3g} rad/s"


@size_of.register
def _(bank: Stops, number: int, domain: Domain) -> str:
    return f"{amount(first(bank.low), domain.effort_unit)} to {amount(first(bank.high), domain.effort_unit)}"


@size_of.register
def _(bank: Cells, number: int, domain: Domain) -> str:
    return bank.device


@size_of.register
def _(bank: Transconductors, number: int, domain: Domain) -> str:
    row = bank.transconductance.reshape(-1, *bank.transconductance.shape[-2:])[0, number]
    return f"{np.count_nonzero(row)} transconductances\nto {amount(float(np.abs(row).max()), 'S')}"


def row_size(bank: Crossbars, number: int, sides: Iterable[str], domain: Domain) -> str:
    """Return the largest conductance of row `number` of `bank` on its `sides`, positive or negative, in a `domain`."""
    return f"to {_size(max(float(_row(bank, number, side).max()) for side in sides), domain, 'S')}"


def row_count(bank: Crossbars, number: int, side: str) -> int:
    """Return how many conductances row `number` of `bank` has on a `side`, positive or negative, dummies left out."""
    return int(np.count_nonzero(_row(bank, number, side)))


def _row(bank: Crossbars, number: int, side: str) -> Floats:
    """Return the conductances (inputs,) of row `number` of `bank` on a `side`, of the first chip."""
    matrix: Floats = bank.positive if side == "positive" else bank.negative
    row: Floats = matrix.reshape(-1, *matrix.shape[-2:])[0, number]
    return row
