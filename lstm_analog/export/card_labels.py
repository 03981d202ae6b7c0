"""What netlist cards call the terminals and the parameters of the parts that declare a law."""

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

    What becomes infinite is refused by the bank, by its name.
    """
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / values


@dataclass(frozen=True, kw_only=True, eq=False)
class CardLabels:
    """The names on the cards of a bank.

    Attributes
    ----------
    device : str
        The subcircuit.
    pins : mapping of str to str
        The pin of each terminal, in the order of the card.
    values : mapping of str to str
        The value of each parameter that the cards bear.
    inverse : frozenset of str
        The parameters, conductances, whose value is a resistance.
    inner : mapping of str to str
        What a device calls the inner node of something that is named in the law, where it is not that name.
    """

    device: str
    pins: Mapping[str, str]
    values: Mapping[str, str]
    inverse: frozenset[str]
    inner: Mapping[str, str]

    def turned(self, key: str, numbers: Floats) -> Floats:
        """Return the `numbers` of the parameter `key` as they are on a card, or back from it, any shape."""
        return inverse(numbers) if key in self.inverse else numbers

    def renamed(self, given: Law, value: Expression, gated: bool) -> Expression:
        """Return a `value` of the law `given` in these names, its line high for good unless it is `gated`."""
        absent = {parameter(key): number(each) for key, each in given.neutral.items() if key not in self.values}
        known: dict[Expression, Expression] = {effort(key): effort(pin) for key, pin in self.pins.items()} | absent
        for key, name in self.values.items():
            known[parameter(key)] = divide(1.0, parameter(name)) if key in self.inverse else parameter(name)
        return substituted(value, known if gated else known | {LINE: number(1.0)})


def labels(part: Part) -> CardLabels:
    """Return what the cards of `part` call it and what is in its law.

    Raises `UnsupportedPartError` for a part that declares none.
    """
    numbers = parameters_of(part) if law(part).neutral else {}
    used = {name for name, neutral in law(part).neutral.items() if not (numbers[name] == neutral).all()}
    return card_labels(law(part), type(part).__name__, frozenset(used))


@lru_cache(maxsize=256)
def card_labels(given: Law, kind: str, used: frozenset[str]) -> CardLabels:
    """Return the names on the cards of a bank of the `kind` with the law `given`, of whose extras some are `used`."""
    names = given.cards
    lacking = {word: extra for word, extra in names.extras.items() if used.isdisjoint(extra)}
    absent = {name for extra in lacking.values() for name in extra}
    words = (names.device or kind.lower(), *(word for word in names.extras if word not in lacking))
    return CardLabels(
        device="_".join(words),
        pins={end: names.pins.get(end, end) for end in given.terminals},
        values={name: names.values.get(name, name) for name in given.units if name not in absent},
        inverse=names.inverse,
        inner=names.inner,
    )
