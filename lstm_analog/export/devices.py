"""The subcircuits behind x cards: the declared law of a part in a simulator's own words."""

from dataclasses import dataclass, replace
from functools import lru_cache, singledispatch

from lstm_analog.export.card_labels import CardLabels, labels
from lstm_analog.export.cards import Cards
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import capacitor, current_source, resistor, subcircuit_text, switch, voltage_source
from lstm_analog.expressions import Expression, Op, add, constant, derivative, divide, effort, multiply, number, symbols
from lstm_analog.expressions.languages import SPICE, written
from lstm_analog.network.parts import ALWAYS, Part, Switches, law
from lstm_analog.network.parts.base import Law

_VALUE = replace(SPICE, parameter="{0}")
"""The words of the value of a resistor or capacitor, where the dialect brackets the whole."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a device consists of: the names of its `pins`, apart by blanks, and its `lines`."""

    pins: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Flow:
    """A `value` from the node `a` to the node `b`: a current, or the resistance that gives it."""

    a: Expression
    b: Expression
    value: Expression


def subcircuit(part: Part, read: Cards, dialect: Dialect) -> str:
    """Return the text in `dialect` of the device of `part`, whose cards are `read`."""
    made = body(part, read, dialect)
    return subcircuit_text(dialect, read.device, made.pins, tuple(read.values), made.lines)


@singledispatch
def body(part: Part, read: Cards, dialect: Dialect) -> Body:
    """Return the pins and lines in `dialect` of the device of `part`, whose cards are `read`.

    By its law: what is named there as inner voltages, flows as currents, efforts that are set as voltages. A state that
    the part itself stores is a capacitor from its pin to the datum. Flows g (A - e) and -g e into the pin of e are
    resistors: with them simulators find an operating point more easily.
    """
    return _declared(law(part), labels(part), dialect, read.line != ALWAYS)


@lru_cache(maxsize=256)
def _declared(own: Law, named: CardLabels, dialect: Dialect, gated: bool) -> Body:
    pins = {end: effort(pin) for end, pin in named.pins.items()}

    def spelt(value: Expression) -> Expression:
        return named.renamed(own, value, gated)

    flows = [_Flow(a=pins[a], b=pins[b], value=spelt(value)) for (a, b), value in own.through.items()]
    ties: list[_Flow] = []
    for end, value in own.into.items():
        rest, found = _split(spelt(value), pins[end])
        flows += rest
        ties += found
    efforts = {pins[end]: spelt(value) for end, value in own.sets.items()}
    values = [*(flow.value for flow in flows), *efforts.values(), *(tie.a for tie in ties)]
    inner, texts = written(values, SPICE, lambda name: named.inner.get(name, name))
    lines = [voltage_source(dialect, name, name, "0", text) for name, text in inner.items()]
    for flow, text in zip(flows, texts[: len(flows)], strict=True):
        a, b = _node(flow.a, named), _node(flow.b, named)
        lines.append(current_source(dialect, b if flow.a is _DATUM else f"{a}{b}", a, b, text))
    for pin, text in zip(efforts, texts[len(flows) :], strict=False):
        lines.append(voltage_source(dialect, pin.name, pin.name, "0", text))
    lines += [resistor(dialect, tie.b.name, _node(tie.a, named), tie.b.name, _value(tie.value)) for tie in ties]
    stores = {named.pins[end]: spelt(value) for end, value in own.stored.items()}
    lines += [capacitor(dialect, pin, pin, "0", _value(value)) for pin, value in stores.items()]
    return Body(pins=" ".join((*named.pins.values(), *(["en"] if gated else []))), lines=tuple(lines))


_DATUM = number(0.0)


def _node(end: Expression, named: CardLabels) -> str:
    return "0" if end is _DATUM else named.inner.get(end.name, end.name) if end.op is Op.LET else end.name


def _value(value: Expression) -> str:
    return written([value], _VALUE)[1][0]


def _split(flow: Expression, pin: Expression) -> tuple[list[_Flow], list[_Flow]]:
    """Return what of a `flow` into `pin` is a current, if anything is, and its resistors."""
    terms = flow.args if flow.op is Op.ADD else (flow,)
    ties = {term: tie for term in terms if (tie := _tie(term, pin)) is not None}
    rest = add(*(term for term in terms if term not in ties))
    return [_Flow(a=_DATUM, b=pin, value=rest)] if constant(rest) != 0.0 else [], list(ties.values())


def _tie(flow: Expression, pin: Expression) -> _Flow | None:
    """Return the resistor to `pin` that passes the `flow` g (A - e) or -g e into it; None if it is none."""
    conductance = multiply(-1.0, derivative(flow, pin))
    if constant(conductance) == 0.0 or any(one.op is not Op.PARAMETER for one in symbols(conductance)):
        return None
    ends = [_DATUM, *(one for sums in flow.args if sums.op is Op.ADD for one in sums.args if one.name)]
    for end in ends:
        if flow == multiply(conductance, end - pin):
            return _Flow(a=end, b=pin, value=divide(1.0, conductance))
    return None


@body.register
def _(part: Switches, read: Cards, dialect: Dialect) -> Body:
    return Body(pins="a b clk", lines=switch(dialect))
