"""Read the header of a deck: its marks, its parameters, and its schedule without what is imposed."""

import numpy as np

from lstm_analog.export.cells import MARK
from lstm_analog.export.dialects import WRITTEN, Dialect
from lstm_analog.export.hierarchy_reader import Section
from lstm_analog.export.lines import words_of
from lstm_analog.export.numbers import parse_expression
from lstm_analog.export.spice_checks import refusal
from lstm_analog.network.domain import DOMAINS, Domain
from lstm_analog.network.schedule import Schedule

_RESERVED = ("time", "temper", "hertz")
"""Names with a meaning of their own in the expression of a resistor in ngspice."""


def dialect_called(name: str) -> Dialect:
    """Return the dialect of this `name`, or raise `FileFormatError`."""
    for dialect in WRITTEN:
        if dialect.name == name:
            return dialect
    known = ", ".join(dialect.name for dialect in WRITTEN)
    raise refusal(
        "dialect", f"be one of {known}", name, "restore the dialect line; of your own dialect, name the nearest there"
    )


def domain_called(name: str) -> Domain:
    """Return the domain of this `name`, or raise `FileFormatError`."""
    if name not in DOMAINS:
        do = "restore the domain line; decks of a domain of your own are not read"
        raise refusal("domain", f"be one of {', '.join(DOMAINS)}", name, do)
    return DOMAINS[name]


def provenance_of(line: str) -> tuple[str, str]:
    """Return the key and the value in the `line` of a provenance mark."""
    _, _, key, *value = line.split(" ", 3)
    return key, "".join(value)


def marks_of(header: Section) -> dict[str, list[list[str]]]:
    """Return the words of the marks of the `header`, by the first word, in the order of the lines."""
    found: dict[str, list[list[str]]] = {}
    for words in (line.split()[1:] for line in header.lines if line.startswith(MARK)):
        found.setdefault(words[0] if words else "", []).append(words[1:])
    return found


def divided(header: Section) -> tuple[list[str], list[str]]:
    """Return the `.param` lines of the `header`, and its other statements; a `.param` in a subcircuit is of these."""
    given, rest, inside = list[str](), list[str](), False
    for line in header.lines:
        head = line.split()[0].removeprefix(".")
        inside = (inside or head == "subckt") and head != "ends"
        if not line.startswith(MARK):
            (given if head == "param" and not inside else rest).append(line)
    return given, rest


def parameters_of(lines: list[str]) -> dict[str, float]:
    """Return the values by name that the `.param` statements in `lines` give; later ones may use earlier ones."""
    found: dict[str, float] = {}
    for line in lines:
        _, *words = words_of(line)
        for word in words:
            name, equals, text = word.partition("=")
            if name in found:
                raise refusal(f".param {name}", "be given once", "two", "remove one")
            if not equals or name in _RESERVED:
                do = "put an expression in braces; take no name of a simulator's own"
                raise refusal(".param", "be name=value", word, do)
            found[name] = parse_expression(text, found)
    return found


def bare_schedule(marks: dict[str, list[list[str]]], lines: tuple[str, ...]) -> Schedule:
    """Return the schedule of the clock `lines` that `marks` tell of, nothing imposed."""
    kinds = [(name, float(duration), set(high.split(","))) for name, duration, high in marks["interval"]]
    numbers = [int(number) for words in marks["order"] for number in words]
    if not set(numbers) <= set(range(len(kinds))) or not {"-", *lines} >= {
        line for _, _, high in kinds for line in high
    }:
        raise refusal("order and interval lines", "name intervals and clock lines above", "others", "correct them")
    order = [kinds[number] for number in numbers]
    return Schedule(
        names=tuple(name for name, _, _ in order),
        high=np.array([[line in high for line in lines] for _, _, high in order]).reshape(len(order), len(lines)),
        durations=np.array([duration for _, duration, _ in order]),
        imposed=(),
    )
