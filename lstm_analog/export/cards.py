"""Part banks as netlist cards: for each kind of part its pins, its device and its values.

`cards` turns a bank into columns of pins and values; `banks` has the inverse. The text between is the business of
`spice` and `spice_reader`, so nothing about a part is said twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.amplifiers import amplifier_columns
from lstm_analog.export.cells import library_lines
from lstm_analog.export.crossbars import crossbar_columns
from lstm_analog.network.parts import (
    ALWAYS,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)


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


def inverse(values: Floats) -> Floats:
    """Return resistances for conductances, `values` of any shape, and back.

    What becomes infinite is refused by the bank, by its name.
    """
    with np.errstate(divide="ignore", over="ignore"):
        return 1.0 / values


def _plain(letter: str, pins: tuple[Indices, ...], **values: Floats) -> Cards:
    return Cards(letter=letter, pins=pins, line=ALWAYS, device="", values=values, options={})


def _device(device: str, pins: tuple[Indices, ...], line: int, values: Mapping[str, Floats], **options: str) -> Cards:
    return Cards(letter="x", pins=pins, line=line, device=device, values=values, options=options)


@singledispatch
def cards(part: Part) -> Cards:
    """Return the cards of a bank `part`."""
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
    return _plain("r", (part.a, part.b), r=inverse(part.conductance))


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
    values = {"ron": inverse(part.closed), "roff": inverse(part.opened)}
    return _device("clocked_switch", (part.a, part.b), part.line, values)  # "switch" is a primitive of Spectre


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


@cards.register
def _(part: Crossbars) -> Cards:
    pins, values, options = crossbar_columns(part)
    return Cards(letter="r", pins=pins, line=ALWAYS, device="", values=values, options=options)


@cards.register
def _(part: Inertances) -> Cards:
    values = {"l": part.inertance, "ron": inverse(part.closed), "roff": inverse(part.opened), "tc": part.closing}
    device = "_".join(["inertance", *_gated(part.line)])
    return _device(device, (part.a, part.b, part.state), part.line, values)


@cards.register
def _(part: Spools) -> Cards:
    values = {"cx": part.capacitance, "w0": part.frequency, "zeta": part.damping}
    return _device("spool", (part.p, part.n, part.position, part.speed), ALWAYS, values)


@cards.register
def _(part: Stops) -> Cards:
    values = {"lo": part.low, "hi": part.high, "g": part.conductance, "band": part.band}
    return _device("stops", (part.nodes,), ALWAYS, values)


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
