"""Write expressions, sources, resistors, capacitors and switches of a subcircuit in a dialect.

A neutral expression uses + - * / tanh exp ln abs min max v(node), numbers and parameters as `{name}`; a dialect has its
own spelling of some of these. Throughout, `dialect` is the dialect to write.
"""

import re
from collections.abc import Mapping

from lstm_analog.export.dialects import Dialect

_PARAMETER = re.compile(r"\{(\w+)\}")
_STEEPNESS = 40
"""Steepness of a switch written as an expression: tanh(40 x 0.5) rounds to 1, so it is fully on at 1 V, off at 0 V."""


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


def element(dialect: Dialect, template: str, name: str, a: str, b: str, text: str) -> str:
    """Return the element `name` from `a` to `b` by a `template` of `dialect`: a source, a resistor or a capacitor.

    `text` is the neutral expression of a source; of the others a parameter, or an expression of some with * / ( ).
    """
    return fill(template, {"name": name, "a": a, "b": b, "text": expression(dialect, text), "value": text})


def switch(dialect: Dialect) -> tuple[str, ...]:
    """Return the lines of a switch from a to b with resistance ron while clk is at 1 V, roff while it is at 0 V.

    In a dialect without switches it is a current source whose ln(conductance) follows tanh(40 (v(clk) - 0.5)).
    """
    if dialect.switch:
        return dialect.switch
    conductance = f"exp(0.5*ln({{roff}}/{{ron}})*tanh({_STEEPNESS}*(v(clk)-0.5))-0.5*ln({{ron}}*{{roff}}))"
    return (element(dialect, dialect.current, "1", "a", "b", f"(v(a)-v(b))*{conductance}"),)


def trigger(dialect: Dialect, pin: str, control: str, thresholds: tuple[str, str]) -> tuple[str, ...]:
    """Return the lines that set the node `pin` to 1 V from where `control` rises above the upper of two `thresholds`.

    There it stays until it falls below the lower one, the first; then it is 0 V. `control` is a neutral expression, the
    thresholds are values as of a resistor. The dialect must have switches with hysteresis.
    """
    lower, upper = thresholds
    words = {"pin": pin, "middle": f"({upper}+{lower})/2", "half": f"({upper}-{lower})/2"}
    lines = tuple(fill(line, words) for line in dialect.trigger)
    return (element(dialect, dialect.voltage, f"{pin}_at", f"{pin}_at", "0", control), *lines)
