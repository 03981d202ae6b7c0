"""Netlist cards as part banks again: the inverse of `cards`, by the name of the kind of part."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from lstm_analog.export.amplifiers import amplifiers_of
from lstm_analog.export.cards import Cards, inverse
from lstm_analog.export.cells import cells_of
from lstm_analog.export.crossbars import crossbars_of
from lstm_analog.network.parts import (
    Conductors,
    Factor,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape


def _sources(label: str, read: Cards) -> Part:
    return Sources(label=label, nodes=read.pins[0], effort=read.values["rest"])


def _junctions(label: str, read: Cards) -> Part:
    return Junctions(label=label, nodes=read.pins[0])


def _storages(label: str, read: Cards) -> Part:
    return Storages(label=label, nodes=read.pins[0], capacitance=read.values["c"])


def _conductors(label: str, read: Cards) -> Part:
    return Conductors(label=label, a=read.pins[0], b=read.pins[1], conductance=inverse(read.values["r"]))


def _transconductors(label: str, read: Cards) -> Part:
    return Transconductors(label=label, rows=read.pins[0], inputs=read.pins[1], transconductance=read.values["g"])


def _followers(label: str, read: Cards) -> Part:
    none, unbound = np.array(0.0), np.array(np.inf)
    if read.letter == "e":
        term = Term(inputs=read.pins[2], gain=read.values["gain"])
        return Followers(label=label, nodes=read.pins[0], terms=(term,), offset=none, low=-unbound, high=unbound)
    terms = tuple(Term(inputs=pin, gain=read.values[f"gain{k}"]) for k, pin in enumerate(read.pins[1:]))
    offset, low, high = (read.values[name] for name in ("offset", "low", "high"))
    return Followers(label=label, nodes=read.pins[0], terms=terms, offset=offset, low=low, high=high)


def _switches(label: str, read: Cards) -> Part:
    closed, opened = inverse(read.values["ron"]), inverse(read.values["roff"])
    return Switches(label=label, line=read.line, a=read.pins[0], b=read.pins[1], closed=closed, opened=opened)


def _pairs(label: str, read: Cards) -> Part:
    factors = tuple(
        Factor(
            shape=Shape(shape),
            p=read.pins[1 + 2 * k],
            n=read.pins[2 + 2 * k],
            scale=read.values[f"k{k}"],
            offset=read.values[f"o{k}"],
        )
        for k, shape in enumerate(read.options["shapes"].split(","))
    )
    return Pairs(label=label, line=read.line, factors=factors, out=read.pins[0], current=read.values["i0"])


def _ports(label: str, read: Cards) -> Part:
    a, b, p, n = read.pins
    values, none, unbound = read.values, np.array(0.0), np.array(np.inf)
    return Ports(
        label=label,
        line=read.line,
        shape=Shape(read.options["shape"]),
        a=a,
        b=b,
        p=p,
        n=n,
        conductance=values["g0"],
        scale=values["k0"],
        offset=values["o0"],
        limit=values.get("lim", unbound),
        deadband=values.get("dead", none),
        transition=values.get("pcr", unbound),
    )


def _opamps(label: str, read: Cards) -> Part:
    return amplifiers_of(label, read.pins, read.values)


def _inertances(label: str, read: Cards) -> Part:
    a, b, state = read.pins
    return Inertances(
        label=label,
        line=read.line,
        a=a,
        b=b,
        state=state,
        inertance=read.values["l"],
        closed=inverse(read.values["ron"]),
        opened=inverse(read.values["roff"]),
        closing=read.values["tc"],
    )


def _spools(label: str, read: Cards) -> Part:
    p, n, position, speed = read.pins
    capacitance, frequency, damping = (read.values[name] for name in ("cx", "w0", "zeta"))
    return Spools(
        label=label,
        p=p,
        n=n,
        position=position,
        speed=speed,
        capacitance=capacitance,
        frequency=frequency,
        damping=damping,
    )


def _stops(label: str, read: Cards) -> Part:
    low, high, conductance, band = (read.values[name] for name in ("lo", "hi", "g", "band"))
    return Stops(label=label, nodes=read.pins[0], low=low, high=high, conductance=conductance, band=band)


def _crossbars(label: str, read: Cards) -> Part:
    return crossbars_of(label, read.pins, read.values["r"], read.options)


def _cells(label: str, read: Cards) -> Part:
    return cells_of(label, read.pins, read.library, read.options["device"], read.options["outputs"])


Maker = Callable[[str, Cards], Part]
"""Makes a bank of its label and its cards."""

BANKS: Mapping[str, Maker] = MappingProxyType(
    {
        "Sources": _sources,
        "Junctions": _junctions,
        "Storages": _storages,
        "Conductors": _conductors,
        "Transconductors": _transconductors,
        "Crossbars": _crossbars,
        "Followers": _followers,
        "Switches": _switches,
        "Pairs": _pairs,
        "Ports": _ports,
        "OpAmps": _opamps,
        "Inertances": _inertances,
        "Spools": _spools,
        "Stops": _stops,
        "Cells": _cells,
    }
)
"""From the name of a kind of part to the function that makes a bank (label, cards) of it."""
