"""The subcircuits behind x cards: the declared law of a part in a simulator's own words."""

from dataclasses import dataclass, replace
from functools import singledispatch

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.card_labels import labels
from lstm_analog.export.cards import Cards
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import capacitor, current_source, subcircuit_text, switch, voltage_source
from lstm_analog.expressions import Expression
from lstm_analog.expressions.languages import SPICE, written
from lstm_analog.network.parts import (
    ALWAYS,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Spools,
    Stops,
    Switches,
    law,
)

_VALUE = replace(SPICE, parameter="{0}")
"""The words of the value of a capacitor, where the dialect brackets the whole."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a device consists of: the names of its `pins`, apart by blanks, and its `lines`."""

    pins: str
    lines: tuple[str, ...]


def subcircuit(part: Part, read: Cards, dialect: Dialect) -> str:
    """Return the text in `dialect` of the device of `part`, whose cards are `read`."""
    made = body(part, read, dialect)
    return subcircuit_text(dialect, read.device, made.pins, tuple(read.values), made.lines)


@singledispatch
def body(part: Part, read: Cards, dialect: Dialect) -> Body:
    """Return the pins and lines in `dialect` of the device of `part`, whose cards are `read`."""
    do = "declare its law and register names for it in export/card_labels.py"
    raise UnsupportedPartError(explain(f"part {type(part).__name__}", must="have a device", got=read.device, do=do))


@body.register
def _(part: Switches, read: Cards, dialect: Dialect) -> Body:
    return Body(pins="a b clk", lines=switch(dialect))


@body.register
def _(part: Followers | Pairs | Ports | OpAmps | Inertances | Spools | Stops, read: Cards, dialect: Dialect) -> Body:
    """Return what is named in the law as inner voltages, flows as currents, efforts that are set as voltages.

    A state that the part itself stores is a capacitor from its pin to the datum.
    """
    named, own, gated = labels(part), law(part), read.line != ALWAYS

    def spelt(value: Expression) -> Expression:
        return named.renamed(part, value, gated)

    flows = [(named.pins[a], named.pins[b], spelt(value)) for (a, b), value in own.through.items()]
    flows += [("0", named.pins[end], spelt(value)) for end, value in own.into.items()]
    efforts = [(named.pins[end], spelt(value)) for end, value in own.sets.items()]
    values = [value for _, _, value in flows] + [value for _, value in efforts]
    inner, texts = written(values, SPICE, named.inner)
    lines = [voltage_source(dialect, name, name, "0", text) for name, text in inner.items()]
    for (a, b, _), text in zip(flows, texts, strict=False):
        lines.append(current_source(dialect, b if a == "0" else f"{a}{b}", a, b, text))
    for (end, _), text in zip(efforts, texts[len(flows) :], strict=True):
        lines.append(voltage_source(dialect, end, end, "0", text))
    for end, value in own.stored.items():
        pin = named.pins[end]
        lines.append(capacitor(dialect, pin, pin, "0", written([spelt(value)], _VALUE)[1][0]))
    return Body(pins=" ".join((*named.pins.values(), *(["en"] if gated else []))), lines=tuple(lines))
