"""Part banks as netlist cards: for each kind of part its pins, its device and its values.

`cards` turns a bank into columns of pins and values; `banks` has the inverse. The text between is the business of
`spice` and `spice_reader`, so nothing about a part is said twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export.card_labels import labels
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
    parameters_of,
    terminals_of,
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


@singledispatch
def cards(part: Part) -> Cards:
    """Return the cards of a bank `part`; of one that declares a law, those of a device that is named after its kind.

    Raises `UnsupportedPartError` for a part that neither declares a law nor is registered here.
    """
    return _declared(part, type(part).__name__.lower(), vars(part).get("line", ALWAYS))


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
    count = str(len(part.terms))
    return _declared(part, f"follower_{count}", terms=count)


def _declared(part: Part, device: str, line: int = ALWAYS, **options: str) -> Cards:
    """Return the cards of a bank that declares a law, by the names that `labels` has for it."""
    named, nodes, parameters = labels(part), terminals_of(part), parameters_of(part)
    values = {name: parameters[key] for key, name in named.values.items()}
    values |= {named.values[key]: inverse(parameters[key]) for key in named.inverse}
    pins = tuple(nodes[end] for end in named.pins)
    gated = "_gated" if line != ALWAYS and not isinstance(part, Switches) else ""
    return Cards(letter="x", pins=pins, line=line, device=f"{device}{gated}", values=values, options=options)


@cards.register
def _(part: Switches) -> Cards:
    return _declared(part, "clocked_switch", part.line)  # "switch" is a primitive of Spectre


@cards.register
def _(part: Pairs) -> Cards:
    shapes = [factor.shape.value for factor in part.factors]
    return _declared(part, "_".join(["pair", *shapes]), part.line, shapes=",".join(shapes))


@cards.register
def _(part: Ports) -> Cards:
    extras = [name for name, lacking in (("stops", part.free), ("orifice", part.laminar)) if not lacking]
    options = {"shape": part.shape.value} | ({"flow": ",".join(extras)} if extras else {})
    return _declared(part, "_".join(["port", part.shape.value, *extras]), part.line, **options)


@cards.register
def _(part: OpAmps) -> Cards:
    extras = [name for name, has in (("cmrr", part.common_mode.any()), ("limited", not part.unlimited)) if has]
    return _declared(part, "_".join(["opamp", *extras]))


@cards.register
def _(part: Inertances) -> Cards:
    return _declared(part, "inertance", part.line)


@cards.register
def _(part: Spools) -> Cards:
    return _declared(part, "spool")


@cards.register
def _(part: Stops) -> Cards:
    return _declared(part, "stops")


@cards.register
def _(part: Crossbars) -> Cards:
    pins, values, options = crossbar_columns(part)
    return Cards(letter="r", pins=pins, line=ALWAYS, device="", values=values, options=options)


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
