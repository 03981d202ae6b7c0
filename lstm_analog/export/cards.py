"""Turn part banks into netlist cards: for each kind of part its pins, its device and its values.

`cards` turns a bank into columns of pins and values; `banks` has the inverse. `spice` and `spice_reader` turn columns
into text and back, without knowing the kinds of parts. How the cards of a part that declares a law are written, a
`CardFormat` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cells import library_lines
from lstm_analog.export.crossbars import crossbar_columns
from lstm_analog.export.numbers import inverse
from lstm_analog.expressions import LINE, Expression, divide, effort, number, parameter, substituted
from lstm_analog.network import parts
from lstm_analog.network.parts import ALWAYS, Part, law, line_of, parameters_of, terminals_of
from lstm_analog.network.parts.base import Law


@dataclass(frozen=True, kw_only=True, eq=False)
class CardFormat:
    """How the cards of one bank are written: all names, with those that its law overrides by `CardNames` applied.

    `device` is the name of the subcircuit; it and all other names are in small letters, for SPICE knows no others.
    `pins` has the pin by terminal of the law, in the order of the card, `values` the name on the card by parameter of
    the law; optional parameters without effect in the bank are left out. Parameters that are `inverse` are conductances
    and stand on the card as resistances. `inner` has the inner node of the subcircuit by the name of a `let` in the
    law, where the two differ.
    """

    device: str
    pins: Mapping[str, str]
    values: Mapping[str, str]
    inverse: frozenset[str]
    inner: Mapping[str, str]

    def node(self, name: str) -> str:
        """Return the inner node of the `let` called `name`."""
        return self.inner.get(name, name).lower()

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
    names, pins = given.cards, {end: given.cards.pins.get(end, end).lower() for end in given.terminals}
    for some in ([*pins.values()], [value_name(given, name) for name in given.units]):
        if len(set(some)) < len(some):
            got, do = ascii(", ".join(some))[:80], "name them otherwise by CardNames"
            raise UnsupportedPartError(
                explain(f"names on cards of {ascii(kind)[1:-1]}", must="differ in small letters, too", got=got, do=do)
            )
    lacking = {word: extra for word, extra in names.extras.items() if used.isdisjoint(extra)}
    absent = {name for extra in lacking.values() for name in extra}
    words = (names.device or kind.lower(), *(word for word in names.extras if word not in lacking))
    return CardFormat(
        device="_".join(words).lower(),
        pins=pins,
        values={name: value_name(given, name) for name in given.units if name not in absent},
        inverse=names.inverse,
        inner=names.inner,
    )


def value_name(given: Law, name: str) -> str:
    """Return the name on a card of the parameter `name` of the law `given`."""
    return given.cards.values.get(name, name).lower()


@dataclass(frozen=True, kw_only=True, eq=False)
class Cards:
    """The cards of one bank, all of the same form, as columns.

    `letter` is their kind: r, c, e, g, v or x. `pins` are the unknowns at each pin, (m,), `line` is the clock line at a
    further pin, the last, or `ALWAYS`. `device` is the subcircuit of x cards, else empty. `values` (m,) are those of x
    cards by name, or the single value of other cards. `options` are properties of the bank that its cards do not show,
    for the line at the head of its section, `library` are lines to write before the cards: models and subcircuits.
    """

    letter: str
    pins: tuple[Indices, ...]
    line: int
    device: str
    values: Mapping[str, Floats]
    options: Mapping[str, str]
    library: tuple[str, ...] = ()


def _plain(letter: str, pins: tuple[Indices, ...], **values: Floats) -> Cards:
    return Cards(letter=letter, pins=pins, line=ALWAYS, device="", values=values, options={})


@singledispatch
def cards(part: Part) -> Cards:
    """Return the cards of a bank `part`; if it only declares a law, x cards of a subcircuit named after its kind.

    Raises `UnsupportedPartError` for a part that neither declares a law nor is registered here.
    """
    return _declared(part)


@cards.register
def _(part: parts.Sources) -> Cards:
    return _plain("v", (part.nodes, np.zeros_like(part.nodes)), rest=part.effort)


@cards.register
def _(part: parts.Junctions) -> Cards:
    return _plain("", (part.nodes,))


@cards.register
def _(part: parts.Storages) -> Cards:
    return _plain("c", (part.nodes, np.zeros_like(part.nodes)), c=part.capacitance)


@cards.register
def _(part: parts.Conductors) -> Cards:
    return _plain("r", (part.a, part.b), r=inverse(part.conductance))


@cards.register
def _(part: parts.Transconductors) -> Cards:
    return _plain("g", (part.rows, part.inputs), g=part.transconductance)


@cards.register
def _(part: parts.Followers) -> Cards:
    zero = np.zeros_like(part.nodes)
    linear = not part.offset.any() and np.isinf(part.low).all() and np.isinf(part.high).all()
    if linear and len(part.terms) == 1:
        return _plain("e", (part.nodes, zero, part.terms[0].inputs, zero), gain=part.terms[0].gain)
    return _declared(part, terms=str(len(part.terms)))


@cards.register
def _(part: parts.Pairs) -> Cards:
    return _declared(part, shapes=",".join(factor.shape.value for factor in part.factors))


@cards.register
def _(part: parts.Ports) -> Cards:
    return _declared(part, shape=part.shape.value)


def _declared(part: Part, **options: str) -> Cards:
    """Return the x cards of a bank that declares a law, with these `options`."""
    named, nodes, parameters = format_of_bank(part), terminals_of(part), parameters_of(part)
    values = {name: named.on_card(key, parameters[key]) for key, name in named.values.items()}
    pins, line = tuple(nodes[end] for end in named.pins), line_of(part)
    gated = "_gated" if line != ALWAYS and not isinstance(part, parts.Switches) else ""
    return Cards(letter="x", pins=pins, line=line, device=f"{named.device}{gated}", values=values, options=options)


@cards.register
def _(part: parts.Crossbars) -> Cards:
    pins, values, options = crossbar_columns(part)
    return Cards(letter="r", pins=pins, line=ALWAYS, device="", values=values, options=options)


@cards.register
def _(part: parts.Cells) -> Cards:
    return Cards(
        letter="x",
        pins=tuple(part.pins),
        line=ALWAYS,
        device=part.device,
        values={},
        options={"device": part.device, "outputs": ",".join(part.circuit.outputs)},
        library=library_lines(part),
    )
