"""The names and values on netlist cards of the parts that declare a law."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.expressions import LINE, Expression, divide, effort, number, parameter, substituted
from lstm_analog.network.parts import Part, law, parameters_of
from lstm_analog.network.parts.base import Law


def inverse(values: Floats) -> Floats:
    """Return resistances for conductances, `values` of any shape, and back.

    An infinite result is refused later, by the bank, which knows its own label.
    """
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / values


@dataclass(frozen=True, kw_only=True, eq=False)
class CardFormat:
    """How the cards of one bank are written: all names, with those that its law overrides by `CardNames` applied.

    Attributes
    ----------
    device : str
        The name of the subcircuit.
    pins : mapping of str to str
        The pin by terminal of the law, in the order of the card.
    values : mapping of str to str
        The name on the card by parameter of the law; optional parameters without effect in the bank are left out.
    inverse : frozenset of str
        The parameters that are conductances and stand on the card as resistances.
    inner : mapping of str to str
        The inner node of the subcircuit by the name of a `let` in the law, where the two differ.
    """

    device: str
    pins: Mapping[str, str]
    values: Mapping[str, str]
    inverse: frozenset[str]
    inner: Mapping[str, str]

    def on_card(self, key: str, numbers: Floats) -> Floats:
        """Return the `numbers` of the parameter `key` as they stand on a card, or those of the card as they were."""
        return inverse(numbers) if key in self.inverse else numbers

    def spelt(self, given: Law, value: Expression, gated: bool) -> Expression:
        """Return a `value` of the law `given` in the names of the card, its clock line at 1 unless it is `gated`."""
        absent = {parameter(key): number(each) for key, each in given.neutral.items() if key not in self.values}
        known: dict[Expression, Expression] = {effort(key): effort(pin) for key, pin in self.pins.items()} | absent
        for key, name in self.values.items():
            known[parameter(key)] = divide(1.0, parameter(name)) if key in self.inverse else parameter(name)
        return substituted(value, known if gated else known | {LINE: number(1.0)})


def format_of_bank(part: Part) -> CardFormat:
    """Return how the cards of the bank `part` are written.

    Raises `UnsupportedPartError` for a part that declares none.
    """
    numbers = parameters_of(part) if law(part).neutral else {}
    used = {name for name, neutral in law(part).neutral.items() if not (numbers[name] == neutral).all()}
    return format_of_law(law(part), type(part).__name__, frozenset(used))


@lru_cache(maxsize=256)
def format_of_law(given: Law, kind: str, used: frozenset[str]) -> CardFormat:
    """Return how cards of a `kind` of part with the law `given` are written if its optional parameters `used` differ.

    They differ from their neutral value; all other optional parameters have it.
    """
    names = given.cards
    lacking = {word: extra for word, extra in names.extras.items() if used.isdisjoint(extra)}
    absent = {name for extra in lacking.values() for name in extra}
    words = (names.device or kind.lower(), *(word for word in names.extras if word not in lacking))
    return CardFormat(
        device="_".join(words),
        pins={end: names.pins.get(end, end) for end in given.terminals},
        values={name: names.values.get(name, name) for name in given.units if name not in absent},
        inverse=names.inverse,
        inner=names.inner,
    )
