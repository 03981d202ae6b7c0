"""The record of a law: the equations of one element of a bank, declared once beside the bank's own record.

Flows, their derivatives and the text of every export follow from it. A kind of part without such a law (dense banks,
transistor-level cells) has its own functions in `network.laws` and in the exports.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from itertools import chain
from typing import Any

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedPartError, explain
from lstm_analog.expressions import LINE, Expression, add, effort, lets, multiply, parameter, symbols
from lstm_analog.network.bank import Role, element_fields, entries, freeze
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.labels import check_label

ALWAYS = -1
"""The clock line of a part that no clock switches."""
DATUM = 0
"""The unknown that is zero by definition: electrical ground, the reference pressure."""

THERMAL_ENERGY, CARRIER = parameter("thermal_energy"), parameter("carrier")
"""In densities of noise: k T (J) of the surroundings, and the charge (C) of an electron."""
THERMAL = 4.0 * THERMAL_ENERGY
"""4 k T: a conductance G at rest fluctuates by 4 k T G, one-sided (Nyquist 1928); in both domains."""
SHOT = 2.0 * CARRIER
"""2 q: carriers that arrive one by one, of current I, fluctuate by 2 q I, one-sided (Schottky 1918)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CardNames:
    """The names on netlist cards that differ from those in the law of a part.

    SPICE knows resistances, some of its simulators refuse names such as `limit`, and names on a card are short.

    Attributes
    ----------
    device : str
        The name of its subcircuit; if empty, the name of the kind in lower case.
    pins, values, inner : mapping of str to str
        The card's name by that of the terminal, of the parameter, and of a `let` inside the law.
    inverse : frozenset of str
        Parameters that are conductances and stand on cards as resistances.
    extras : mapping of str to tuple of str
        Parameters that stand on cards only if one of them differs from its neutral value in the bank; the key is then
        added to the name of the subcircuit.
    """

    device: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    inner: Mapping[str, str] = field(default_factory=dict)
    inverse: frozenset[str] = frozenset()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Guard:
    """When a state of two values switches: to 1 as `control` rises above `upper`, to 0 as it falls below `lower`."""

    control: Expression
    upper: Expression
    lower: Expression

    def surplus(self, state: Expression) -> Expression:
        """Return how far the control is beyond the threshold that the `state`, 0 or 1, passes next; below zero: not."""
        return (1.0 - state) * (self.control - self.upper) + state * (self.lower - self.control)


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """The equations of one element. Its efforts and parameters have the names of the fields of its bank.

    Those of the k-th entry of a tuple, counted from 1, have k behind them: `scale1` is `factors[0].scale`. The clock
    line is `LINE`, 1 while it is high or if there is none.

    Attributes
    ----------
    terminals : tuple of str
        The unknowns it knows, in the order in which exports write them.
    through : mapping of (str, str) to Expression
        Flows that leave the first terminal and enter the second (flow unit).
    into : mapping of str to Expression
        Flows that enter a terminal and leave nowhere, or to the datum (flow unit).
    stored : mapping of str to Expression
        The capacities of terminals that are states of the part itself: capacity x rate = all that enters.
    sets : mapping of str to Expression
        The efforts that the part imposes, whatever flows in (effort unit).
    switched : mapping of str to Guard
        The terminals that are states of two values, 0 and 1 effort unit, and when each switches.
    units : mapping of str to str
        The unit of each parameter, a key of `Domain.units`.
    neutral : mapping of str to float
        For optional parameters, the value at which they have no effect.
    cards : CardNames
        Its names on the cards of a netlist, where they differ.
    noise : mapping of tuple of str to Expression
        One-sided spectral densities (flow unit squared per Hz) of flows that fluctuate, white and each independent of
        the others: into the only terminal of the key, or from its first to its second.
    """

    terminals: tuple[str, ...]
    through: Mapping[tuple[str, str], Expression] = field(default_factory=dict)
    into: Mapping[str, Expression] = field(default_factory=dict)
    stored: Mapping[str, Expression] = field(default_factory=dict)
    sets: Mapping[str, Expression] = field(default_factory=dict)
    switched: Mapping[str, Guard] = field(default_factory=dict)
    units: Mapping[str, str]
    neutral: Mapping[str, float] = field(default_factory=dict)
    cards: CardNames = CardNames()
    noise: Mapping[tuple[str, ...], Expression] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that it has no other terminals, parameters and units than there are, and that a name is one thing."""
        ends = {*chain(*self.through, self.into, self.stored, self.sets, self.switched, *self.noise)}
        if not self.terminals or not ends <= {*self.terminals}:
            got = ", ".join(sorted(ends.difference(self.terminals))) or "no terminals"
            raise InvalidValueError(explain("law", must="list its terminals", got=got, do="name them in `terminals`"))
        flows = [*self.through.values(), *self.into.values(), *self.sets.values()]
        guards = [each for one in self.switched.values() for each in (one.control, one.upper, one.lower)]
        own, efforts = {*map(parameter, self.units)}, {*map(effort, self.terminals)}
        known = (
            (flows, own | efforts | {LINE}),
            (guards, own | efforts),
            (self.stored.values(), own),
            (self.noise.values(), own | efforts | {LINE, THERMAL_ENERGY, CARRIER}),
        )
        strange = {one for values, there in known for value in values for one in symbols(value) if one not in there}
        if strange or not {*self.neutral} <= {*self.units}:
            got = ", ".join(sorted(one.name or "the clock line" for one in strange)) or "a neutral value of another"
            do = "name efforts in `terminals`, parameters in `units`; capacities depend on parameters alone"
            raise InvalidValueError(explain("law", must="list its efforts and parameters", got=got, do=do))
        for name, unit in self.units.items():
            if unit not in ELECTRICAL.units:
                must = f"be one of {', '.join(ELECTRICAL.units)}"
                raise InvalidValueError(explain(f"unit of {name}", must=must, got=repr(unit), do="see Domain.units"))
        named = {one for value in (*flows, *guards) for one in lets(value)}
        taken = Counter([*self.terminals, *self.units, *(one.name for one in named)])
        twice = sorted(name for name, times in taken.items() if times > 1)
        if twice:
            do = "rename a `let`"
            raise InvalidValueError(explain("names in a law", must="differ", got=", ".join(twice), do=do))

    def entering(self, terminal: str) -> Expression:
        """Return the flow from inside the part into a `terminal`, less what leaves it there."""
        arriving = [value for (_, end), value in self.through.items() if end == terminal]
        leaving = [multiply(-1.0, value) for (end, _), value in self.through.items() if end == terminal]
        own = [self.into[terminal]] if terminal in self.into else []
        return add(*own, *arriving, *leaving)


@singledispatch
def law(part: object) -> Law:
    """Return the law of the elements of the bank `part`; the same record for banks of the same form.

    The form is all of a bank that is no array: whatever a kind registers here reads nothing else of `part`.

    Raises `UnsupportedPartError` for a kind of part that has none.
    """
    must, do = "declare its law", "register it for `law` of network.parts"
    raise UnsupportedPartError(explain(f"part {type(part).__name__}", must=must, got="none", do=do))


def terminals_of(part: object) -> dict[str, Indices]:
    """Return the unknowns (m,) at the terminals of the elements of `part`, by the names in its law.

    Raises `UnsupportedPartError` for a part that declares none.
    """
    law(part)
    return _named(part, nodes=True)


def parameters_of(part: object) -> dict[str, Floats]:
    """Return the parameters (..., m) of the elements of `part`, by the names in its law.

    Raises `UnsupportedPartError` for a part that declares none.
    """
    law(part)
    return _named(part, nodes=False)


def _named(bank: Any, *, nodes: bool) -> dict[str, Any]:
    found = {name: getattr(bank, name) for name, role in element_fields(bank) if (role is Role.NODES) is nodes}
    for _, inner in entries(bank):
        for number, one in enumerate(inner, start=1):
            found |= {f"{name}{number}": value for name, value in _named(one, nodes=nodes).items()}
    return found


def line_of(part: object) -> int:
    """Return the clock line of `part`, `ALWAYS` if no clock switches it."""
    return int(getattr(part, "line", ALWAYS))


def check_bank(bank: Any) -> None:
    """Check the label and the arrays of a `bank`, as `bank.freeze` does."""
    check_label(bank.label)
    freeze(bank, bank.label)


def check_entries(entries: object, what: str, kind: type) -> None:
    """Raise `InvalidTypeError` unless the `entries` of a part, called `what`, are a tuple of records of `kind`."""
    if not isinstance(entries, tuple) or not all(isinstance(entry, kind) for entry in entries):
        got, do = ascii(entries)[:80], f"give ({kind.__name__}(...),)"
        raise InvalidTypeError(explain(what, must=f"be a tuple of {kind.__name__}", got=" ".join(got.split()), do=do))


def check_least(array: Floats, what: str, do: str) -> None:
    """Raise `InvalidValueError` with the advice `do` if a number of `array`, called `what`, is below zero."""
    if (array < 0).any():
        raise InvalidValueError(explain(what, must="be >= 0", got=float(array.min()), do=do))
