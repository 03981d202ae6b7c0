"""The elements of a device in a dialect: one emitter for expressions, one for switches.

A neutral expression uses + - * / tanh exp ln abs min max v(node), numbers and parameters as `{name}`; the dialect gives
them their spelling. Throughout, `dialect` is the dialect to write.
"""

import re
from collections.abc import Mapping

from lstm_analog.export.dialects import Dialect

_PARAMETER = re.compile(r"\{(\w+)\}")
_STEEPNESS = 40
"""tanh(40 x 0.5) is 1 to the last bit: a switch by expression is fully on or off at 1 V and 0 V."""


def fill(template: str, names: Mapping[str, str]) -> str:
    """Return `template` with each `<name>` replaced by its text in `names`.

    >>> fill("r<name> <a>", {"name": "1", "a": "x"})
    'r1 x'
    """
    for name, text in names.items():
        template = template.replace(f"<{name}>", text)
    return template


def expression(dialect: Dialect, text: str) -> str:
    """Return the neutral expression `text` as `dialect` spells it."""
    spelt = re.sub(r"\bln\(", f"{dialect.logarithm}(", text)
    return _PARAMETER.sub(lambda found: fill(dialect.inner, {"name": found[1]}), spelt)


def voltage_source(dialect: Dialect, name: str, a: str, b: str, text: str) -> str:
    """Return the source `name` that makes v(`a`) - v(`b`) what the neutral expression `text` says."""
    return fill(dialect.voltage, {"name": name, "a": a, "b": b, "text": expression(dialect, text)})


def current_source(dialect: Dialect, name: str, a: str, b: str, text: str) -> str:
    """Return the source `name` whose current from `a` through it to `b` is the neutral expression `text`."""
    return fill(dialect.current, {"name": name, "a": a, "b": b, "text": expression(dialect, text)})


def resistor(dialect: Dialect, name: str, a: str, b: str, value: str) -> str:
    """Return the resistor `name` from `a` to `b`, its `value` a parameter, or some with * / ( ) between them."""
    return fill(dialect.resistor, {"name": name, "a": a, "b": b, "value": value})


def capacitor(dialect: Dialect, name: str, a: str, b: str, value: str) -> str:
    """Return the capacitor `name` from `a` to `b`, its `value` a parameter, or some with * / ( ) between them."""
    return fill(dialect.capacitor, {"name": name, "a": a, "b": b, "value": value})


def switch(dialect: Dialect) -> tuple[str, ...]:
    """Return a switch from a to b of ron while clk is at 1 V, of roff while it is at 0 V.

    Where the dialect has none, the logarithm of its conductance follows tanh(40 (v(clk) - 0.5)).
    """
    if dialect.switch:
        return dialect.switch
    conductance = f"exp(0.5*ln({{roff}}/{{ron}})*tanh({_STEEPNESS}*(v(clk)-0.5))-0.5*ln({{ron}}*{{roff}}))"
    return (current_source(dialect, "1", "a", "b", f"(v(a)-v(b))*{conductance}"),)


def subcircuit_text(dialect: Dialect, name: str, pins: str, values: tuple[str, ...], body: tuple[str, ...]) -> str:
    """Return the subcircuit `name` with `pins`, parameters `values` (1 unless given) and the lines `body`."""
    named = " ".join(f"{value}=1" for value in values)
    words = {"name": name, "pins": pins, "values": named}
    head, tail = (fill(text, words) for text in (dialect.head, dialect.tail))
    return "\n".join((head, *body, tail, ""))
