"""Write the subcircuits of x cards: the declared law of a part in the language of a simulator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, singledispatch
from itertools import chain

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cards import CardFormat, Cards, cards, format_of_bank
from lstm_analog.export.cells import definitions, model_statements
from lstm_analog.export.dialects import DeckLanguage, Dialect
from lstm_analog.export.emit import element, fill, switch, trigger
from lstm_analog.export.modules import module_text
from lstm_analog.export.rules import Rules, rules_of
from lstm_analog.expressions import (
    Expression,
    Op,
    add,
    constant,
    derivative,
    divide,
    effort,
    maximum,
    multiply,
    number,
    parameter,
    substituted,
    symbols,
)
from lstm_analog.expressions.languages import SPICE, written
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import repeated
from lstm_analog.network.parts import ALWAYS, OpAmps, Part, Switches, law
from lstm_analog.network.parts.base import Law

_VALUE = replace(SPICE, parameter="{0}")
"""The language of values of resistors and capacitors, which a dialect encloses in braces as a whole."""
_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def device_texts(network: Network, dialect: Dialect, prefix: str = "", by_unit: bool = False) -> list[str]:
    """Return the texts in `dialect` of what parts of `network` use: files of models, then subcircuits of devices.

    The latter are sorted by name, between the brackets of `dialect`; their names begin with `prefix`. In a deck
    `by_unit` op-amps have supplies. Raises `UnsupportedPartError` if two of its parts define a name differently.
    """
    banks = [(part, prefixed(cards(part), prefix)) for part in network.parts]
    texts: dict[str, str] = {}
    for part, read in banks:
        if read.device and not read.library:
            write = supplied if by_unit and isinstance(part, OpAmps) else subcircuit
            _define(texts, read.device, write(part, read, dialect))
    known = dict(texts)
    for name, text in chain.from_iterable(definitions(read.library) for _, read in banks):
        _define(known, f"{prefix}{name}", text)
    opening, closing = dialect.brackets
    files = [f"{statement}\n" for statement in model_statements(network, dialect)]
    return [*files, opening, *(texts[device] for device in sorted(texts)), closing] if texts else files


def prefixed(read: Cards, prefix: str) -> Cards:
    """Return the cards `read` with `prefix` before the name of their device, unless it is in their own library."""
    return replace(read, device=f"{prefix}{read.device}") if read.device and not read.library else read


def _define(known: dict[str, str], name: str, text: str) -> None:
    """Add `text` to what is `known` by name, or raise if the `name` stands for another there."""
    if known.setdefault(name, text) != text:
        must, do = "be one in the whole deck", "name one of them otherwise: CardNames for parts, Library for cells"
        raise UnsupportedPartError(explain(f"what is called {name}", must=must, got="two that differ", do=do))


@dataclass(frozen=True, kw_only=True)
class Body:
    """The inside of a subcircuit: the names of its `pins`, separated by blanks, its `lines` and its `inner` nodes."""

    pins: str
    lines: tuple[str, ...]
    inner: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Flow:
    """An element from node `a` to node `b`: `value` is its current, or the resistance of a resistor."""

    a: Expression
    b: Expression
    value: Expression


def subcircuit(part: Part, read: Cards, dialect: Dialect) -> str:
    """Return the text in `dialect` of the subcircuit of `part`, whose cards are `read`; in VACASK's, of its module."""
    made = body(part, read, dialect)
    if dialect.language is DeckLanguage.VACASK:
        return module_text(read.device, made.pins, tuple(read.values), made.lines)
    return _spice(dialect, read.device, made, tuple(read.values))


def _spice(dialect: Dialect, device: str, made: Body, values: tuple[str, ...]) -> str:
    """Return the subcircuit `device` with the inside `made` and parameters `values`, its names checked."""
    nodes = (*made.pins.split(), *made.inner)
    heads = [line.split()[0].lower() for line in made.lines if not line.startswith(".")]
    _check_names(device, nodes, values, heads, rules_of(dialect.name))
    words = {"name": device, "pins": made.pins, "values": " ".join(f"{value}=1" for value in values)}
    return "\n".join((fill(dialect.head, words), *made.lines, fill(dialect.tail, words), ""))


def _check_names(device: str, nodes: Sequence[str], values: Sequence[str], heads: Sequence[str], rules: Rules) -> None:
    """Raise if a name in the subcircuit `device` stands for two things, small letters or not, or is taken by `rules`.

    `heads` are the names of its elements. What a simulator takes for something else does not stop it: ngspice reads a
    parameter `e` as 2.718, a pin `gnd` as the datum, and `G1` as `g1`.
    """
    twice = {*repeated(nodes), *repeated(values), *repeated(heads)}
    strange = {name for name in (device, *nodes, *values) if not _NAME.fullmatch(name)}
    taken = (
        (rules.reserved & set(nodes))
        | ((rules.constants | rules.functions) & set(values))
        | (rules.primitives & {device})
    )
    wrong = sorted(twice | strange | taken)
    if wrong:
        must = "have names of a-z, 0-9 and _ that differ, also in small letters, and are no words of the simulator"
        do = "name its pins and values otherwise by CardNames"
        got = ascii(", ".join(wrong))[:80]
        raise UnsupportedPartError(explain(f"device {ascii(device)[1:-1]}", must=must, got=got, do=do))


@singledispatch
def body(part: Part, read: Cards, dialect: Dialect) -> Body:
    """Return the pins and lines in `dialect` of the subcircuit of `part`, whose cards are `read`.

    Raises `UnsupportedPartError` for a part that switches by itself, in a dialect without hysteresis.

    Each `let` of its law becomes an inner voltage, each flow a current source, each effort that it sets a voltage
    source, each state that it stores a capacitor from its pin to the datum. Flows g (A - e) and -g e into the pin of e
    become resistors, with which simulators find an operating point more easily.
    """
    own = law(part)
    if own.switched and not dialect.trigger:
        must, do = f"not switch by itself in {dialect.name}", "write it for ngspice or LTspice"
        raise UnsupportedPartError(explain(f"device {read.device}", must=must, got="a threshold", do=do))
    return _declared(own, format_of_bank(part), dialect, read.line != ALWAYS)


@lru_cache(maxsize=256)
def _declared(own: Law, named: CardFormat, dialect: Dialect, gated: bool) -> Body:
    pins = {end: effort(pin) for end, pin in named.pins.items()}

    def spelt(value: Expression) -> Expression:
        return named.spelt(own, value, gated)

    flows = [_Flow(a=pins[a], b=pins[b], value=spelt(value)) for (a, b), value in own.through.items()]
    ties: list[_Flow] = []
    for end, value in own.into.items():
        rest, found = _split(spelt(value), pins[end])
        flows += rest
        ties += found
    sources = [(dialect.current, *_ends(flow, named), flow.value) for flow in flows]
    sources += [(dialect.voltage, named.pins[end], named.pins[end], "0", spelt(v)) for end, v in own.sets.items()]
    controls = [spelt(guard.control) for guard in own.switched.values()]
    values = [*(value for *_, value in sources), *controls, *(tie.a for tie in ties)]
    inner, texts = written(values, SPICE, named.node)
    lines = [element(dialect, dialect.voltage, name, name, "0", text) for name, text in inner.items()]
    lines += [element(dialect, *source[:-1], text) for source, text in zip(sources, texts, strict=False)]
    lines += [element(dialect, dialect.resistor, tie.b.name, *_ends(tie, named)[1:], _value(tie.value)) for tie in ties]
    stores = {named.pins[end]: spelt(value) for end, value in own.stored.items()}
    lines += [element(dialect, dialect.capacitor, pin, pin, "0", _value(value)) for pin, value in stores.items()]
    for (end, guard), control in zip(own.switched.items(), texts[len(sources) :], strict=False):
        thresholds = _value(spelt(guard.lower)), _value(spelt(guard.upper))
        lines += trigger(dialect, named.pins[end], control, thresholds)
    beside = (f"{named.pins[end]}_{part}" for end in own.switched for part in ("at", "one"))
    ends = " ".join((*named.pins.values(), *(["en"] if gated else [])))
    return Body(pins=ends, lines=tuple(lines), inner=(*inner, *beside))


_DATUM = number(0.0)


def _ends(flow: _Flow, named: CardFormat) -> tuple[str, str, str]:
    """Return the name of the element that passes the `flow`, and its nodes."""
    a, b = (
        "0" if end is _DATUM else named.node(end.name) if end.op is Op.LET else end.name for end in (flow.a, flow.b)
    )
    return b if a == "0" else f"{a}{b}", a, b


def _value(value: Expression) -> str:
    return written([value], _VALUE)[1][0]


def _split(flow: Expression, pin: Expression) -> tuple[list[_Flow], list[_Flow]]:
    """Return the addends of a `flow` into `pin` that are no resistors, as one current or none, and the resistors."""
    terms = flow.args if flow.op is Op.ADD else (flow,)
    ties = {term: tie for term in terms if (tie := _tie(term, pin)) is not None}
    rest = add(*(term for term in terms if term not in ties))
    return [_Flow(a=_DATUM, b=pin, value=rest)] if constant(rest) != 0.0 else [], list(ties.values())


def _tie(flow: Expression, pin: Expression) -> _Flow | None:
    """Return the resistor that passes the `flow` into `pin`; None unless it is of the form g (A - e) or -g e.

    A is an inner voltage: of a pin the resistor would draw what it passes on, which the flow does not.
    """
    conductance = multiply(-1.0, derivative(flow, pin))
    if constant(conductance) == 0.0 or any(one.op is not Op.PARAMETER for one in symbols(conductance)):
        return None
    ends = [_DATUM, *(one for sums in flow.args if sums.op is Op.ADD for one in sums.args if one.op is Op.LET)]
    for end in ends:
        if flow == multiply(conductance, end - pin):
            return _Flow(a=end, b=pin, value=divide(1.0, conductance))
    return None


@body.register
def _(part: Switches, read: Cards, dialect: Dialect) -> Body:
    return Body(pins="a b clk", lines=switch(dialect))


RAILS = ("vdd", "vss")
"""The pins of the supplies of op-amps in a deck by units, the positive one first."""
SWING = "swing"
"""The parameter that the supplies replace: their difference is twice the swing."""
AFTER_SWING = "clamp"
"""The parameter before which it stands on a card."""


def supplied(part: Part, read: Cards, dialect: Dialect) -> str:
    """Return the text in `dialect` of the subcircuit of op-amps `part` with supplies, `RAILS`, at its last pins.

    `read` are its cards: the output swings to both supplies, and what it gives is drawn from one.
    """
    own, named = law(part), format_of_bank(part)
    values = tuple(key for key in read.values if key != SWING)
    swing = 0.5 * (effort(RAILS[0]) - effort(RAILS[1]))
    into = {end: substituted(value, {parameter(SWING): swing}) for end, value in own.into.items()}
    given = into["out"]
    drawn = {RAILS[0]: multiply(-1.0, maximum(given, 0.0)), RAILS[1]: maximum(multiply(-1.0, given), 0.0)}
    whole = replace(own, terminals=(*own.terminals, *RAILS), into={**into, **drawn})
    wired = replace(
        named,
        pins={**named.pins, **{rail: rail for rail in RAILS}},
        values={key: name for key, name in named.values.items() if key != SWING},
    )
    made = _declared(whole, wired, dialect, read.line != ALWAYS)
    return _spice(dialect, read.device, made, values)
