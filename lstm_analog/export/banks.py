"""Make part banks from netlist cards, the inverse of `cards`, by the name of the kind of part."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from lstm_analog.export.cards import Cards, format_of_law, value_name
from lstm_analog.export.cells import cells_of
from lstm_analog.export.crossbars import crossbars_of
from lstm_analog.export.numbers import inverse
from lstm_analog.network import parts
from lstm_analog.network.parts import KINDS, Part, law
from lstm_analog.network.shapes import Shape


def _followers(label: str, read: Cards) -> Part:
    none, unbound = np.array(0.0), np.array(np.inf)
    if read.letter == "e":
        term = parts.Term(inputs=read.pins[2], gain=read.values["gain"])
        return parts.Followers(label=label, nodes=read.pins[0], terms=(term,), offset=none, low=-unbound, high=unbound)
    terms = tuple(parts.Term(inputs=pin, gain=read.values[f"gain{k}"]) for k, pin in enumerate(read.pins[1:], start=1))
    offset, low, high = (read.values[name] for name in ("offset", "low", "high"))
    return parts.Followers(label=label, nodes=read.pins[0], terms=terms, offset=offset, low=low, high=high)


def _pairs(label: str, read: Cards) -> Part:
    factors = tuple(
        parts.Factor(
            shape=Shape(shape),
            p=read.pins[2 * k - 1],
            n=read.pins[2 * k],
            scale=read.values[f"k{k}"],
            offset=read.values[f"o{k}"],
        )
        for k, shape in enumerate(read.options["shapes"].split(","), start=1)
    )
    return parts.Pairs(label=label, line=read.line, factors=factors, out=read.pins[0], current=read.values["i0"])


Maker = Callable[[str, Cards], Part]
"""Function from the label and the cards of a bank to the bank."""


def _declared(kind: Any) -> Maker:
    """Return the maker for a `kind` of part that declares a law and has one value on a card for each parameter."""

    def make(label: str, read: Cards) -> Part:
        known = {"label": label, "line": read.line, "shape": read.options.get("shape", "")}
        form: dict[str, Any] = {each.name: known[each.name] for each in fields(kind) if each.name in known}
        if "shape" in form:
            form["shape"] = Shape(form["shape"])
        given = law.dispatch(kind)(SimpleNamespace(**form))
        used = frozenset(key for key in given.neutral if value_name(given, key) in read.values)
        named = format_of_law(given, kind.__name__, used)
        pins = dict(zip(named.pins, read.pins, strict=True))
        values = {key: named.on_card(key, read.values[name]) for key, name in named.values.items()}
        made: Part = kind(**form, **pins, **values)
        return made

    return make


def makers(own: Mapping[str, Maker]) -> dict[str, Maker]:
    """Return the maker of each kind of part by its name: all kinds that declare a law, and your `own`.

    A kind of this package takes precedence over another that declares a law and has the same name.
    """
    kinds = [kind for kind in law.registry if is_dataclass(kind) and isinstance(kind, type)]
    return {kind.__name__: _declared(kind) for kind in (*kinds, *KINDS)} | {**BANKS, **own}


BANKS: Mapping[str, Maker] = MappingProxyType(
    {
        "Sources": lambda label, read: parts.Sources(label=label, nodes=read.pins[0], effort=read.values["rest"]),
        "Junctions": lambda label, read: parts.Junctions(label=label, nodes=read.pins[0]),
        "Storages": lambda label, read: parts.Storages(label=label, nodes=read.pins[0], capacitance=read.values["c"]),
        "Conductors": lambda label, read: parts.Conductors(
            label=label, a=read.pins[0], b=read.pins[1], conductance=inverse(read.values["r"])
        ),
        "Transconductors": lambda label, read: parts.Transconductors(
            label=label, rows=read.pins[0], inputs=read.pins[1], transconductance=read.values["g"]
        ),
        "Crossbars": lambda label, read: crossbars_of(label, read.pins, read.values["r"], read.options),
        "Followers": _followers,
        "Pairs": _pairs,
        "Cells": lambda label, read: cells_of(
            label, read.pins, read.library, read.options["device"], read.options["outputs"]
        ),
    }
)
"""The makers of the kinds of parts whose cards are not a subcircuit with one value for each parameter."""
