"""Part banks as netlist cards: for each kind of part its pins, its device and its values, there and back.

`cards` turns a bank into columns of pins and values; `BANKS` holds the inverse, by the name of the kind. The text
between is the business of `spice` and `spice_reader`, so nothing about a part is said twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.amplifiers import amplifier_columns, amplifiers_of
from lstm_analog.export.cells import cells_of, library_lines
from lstm_analog.export.crossbars import crossbar_columns, crossbars_of
from lstm_analog.network.parts import (
    ALWAYS,
    Cells,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Cards:
    """A bank as like cards.

    Attributes
    ----------
    letter : str
        The kind of card: r, c, e, g, v or x.
    pins : tuple of index arrays
        One column of unknowns a pin, each (m,).
    line : int
        The clock line of a last pin, or `ALWAYS` for none.
    device : str
        The subcircuit of an x card, else empty.
    values : mapping of name to (m,) array
        Named values of an x card; the one value of another.
    options : mapping of str to str
        What the bank knows and no card shows, for the line that heads the section.
    library : tuple of str
        Lines of its own that stand before the cards.
    """

    letter: str
    pins: tuple[Indices, ...]
    line: int
    device: str
    values: Mapping[str, Floats]
    options: Mapping[str, str]
    library: tuple[str, ...] = ()


def _inverse(values: Floats) -> Floats:
    """Return resistances for conductances and back; what becomes infinite is refused by the bank, by its name."""
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / values


def _plain(letter: str, pins: tuple[Indices, ...], **values: Floats) -> Cards:
    return Cards(letter=letter, pins=pins, line=ALWAYS, device="", values=values, options={})


def _device(device: str, pins: tuple[Indices, ...], line: int, values: Mapping[str, Floats], **options: str) -> Cards:
    return Cards(letter="x", pins=pins, line=line, device=device, values=values, options=options)


@singledispatch
def cards(part: Part) -> Cards:
    """Return the cards of a bank `part`; one with chip axes is refused where it is written."""
    name = type(part).__name__
    do = "register it in export/cards.py, or choose another export"
    raise UnsupportedPartError(explain(f"part {name}", must="have netlist cards", got="none", do=do))


@cards.register
def _(part: Sources) -> Cards:
    return _plain("v", (part.nodes, np.zeros_like(part.nodes)), rest=part.effort)


@cards.register
def _(part: Junctions) -> Cards:
    return _plain("", (part.nodes,))


@cards.register
def _(part: Storages) -> Cards:
    return _plain("c", (part.nodes, np.zeros_like(part.nodes)), c=part.capacitance)


@cards.register
def _(part: Conductors) -> Cards:
    return _plain("r", (part.a, part.b), r=_inverse(part.conductance))


@cards.register
def _(part: Transconductors) -> Cards:
    return _plain("g", (part.rows, part.inputs), g=part.transconductance)


@cards.register
def _(part: Followers) -> Cards:
    zero = np.zeros_like(part.nodes)
    linear = not part.offset.any() and np.isinf(part.low).all() and np.isinf(part.high).all()
    if linear and len(part.terms) == 1:
        return _plain("e", (part.nodes, zero, part.terms[0].inputs, zero), gain=part.terms[0].gain)
    values = {"offset": part.offset, "low": part.low, "high": part.high}
    values |= {f"gain{k}": term.gain for k, term in enumerate(part.terms)}
    count = str(len(part.terms))
    pins = (part.nodes, *(term.inputs for term in part.terms))
    return _device(f"follower_{count}", pins, ALWAYS, values, terms=count)


@cards.register
def _(part: Switches) -> Cards:
    return _device("switch", (part.a, part.b), part.line, {"ron": _inverse(part.closed), "roff": _inverse(part.opened)})


@cards.register
def _(part: Pairs) -> Cards:
    values = {"i0": part.current}
    for k, factor in enumerate(part.factors):
        values |= {f"k{k}": factor.scale, f"o{k}": factor.offset}
    shapes = [factor.shape.value for factor in part.factors]
    pins = (part.out, *(pin for factor in part.factors for pin in (factor.p, factor.n)))
    return _device("_".join(["pair", *shapes, *_gated(part.line)]), pins, part.line, values, shapes=",".join(shapes))


@cards.register
def _(part: Ports) -> Cards:
    values = {"g0": part.conductance, "k0": part.scale, "o0": part.offset}
    options, extras = {"shape": part.shape.value}, []
    if not part.free:
        values |= {"lim": part.limit, "dead": part.deadband}
        extras.append("stops")
    if not part.laminar:
        values |= {"pcr": part.transition}
        extras.append("orifice")
    if extras:
        options["flow"] = ",".join(extras)
    device = "_".join(["port", part.shape.value, *extras, *_gated(part.line)])
    return _device(device, (part.a, part.b, part.p, part.n), part.line, values, **options)


@cards.register
def _(part: OpAmps) -> Cards:
    device, pins, values = amplifier_columns(part)
    return _device(device, pins, ALWAYS, values)


def _gated(line: int) -> tuple[str, ...]:
    return () if line == ALWAYS else ("gated",)


def _sources(label: str, read: Cards) -> Part:
    return Sources(label=label, nodes=read.pins[0], effort=read.values["rest"])


def _junctions(label: str, read: Cards) -> Part:
    return Junctions(label=label, nodes=read.pins[0])


def _storages(label: str, read: Cards) -> Part:
    return Storages(label=label, nodes=read.pins[0], capacitance=read.values["c"])


def _conductors(label: str, read: Cards) -> Part:
    return Conductors(label=label, a=read.pins[0], b=read.pins[1], conductance=_inverse(read.values["r"]))


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
    closed, opened = _inverse(read.values["ron"]), _inverse(read.values["roff"])
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


@cards.register
def _(part: Crossbars) -> Cards:
    pins, values, options = crossbar_columns(part)
    return Cards(letter="r", pins=pins, line=ALWAYS, device="", values=values, options=options)


def read_crossbars(label: str, read: Cards) -> Part:
    """Return the crossbar bank `label` of the resistor cards `read`."""
    return crossbars_of(label, read.pins, read.values["r"], read.options)


@cards.register
def _(part: Cells) -> Cards:
    return Cards(
        letter="x",
        pins=tuple(part.pins),
        line=ALWAYS,
        device=part.device,
        values={},
        options={"device": part.device, "outputs": ",".join(part.circuit.outputs)},
        library=library_lines(part),
    )


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
        "Crossbars": read_crossbars,
        "Followers": _followers,
        "Switches": _switches,
        "Pairs": _pairs,
        "Ports": _ports,
        "OpAmps": _opamps,
        "Cells": _cells,
    }
)
"""From the name of a kind of part to the function that makes a bank (label, cards) of it."""
