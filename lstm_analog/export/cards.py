"""Turn part banks into netlist cards: for each kind of part its pins, its device and its values.

`cards` turns a bank into columns of pins and values; `banks` has the inverse. `spice` and `spice_reader` turn columns
into text and back, without knowing the kinds of parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export.card_format import format_of_bank, inverse
from lstm_analog.export.cells import library_lines
from lstm_analog.export.crossbars import crossbar_columns
from lstm_analog.network.parts import (
    ALWAYS,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Transconductors,
    parameters_of,
    terminals_of,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cards:
    """The cards of one bank, all of the same form, as columns.

    Attributes
    ----------
    letter : str
        The kind of card: r, c, e, g, v or x.
    pins : tuple of index arrays
        The unknowns at each pin, one array (m,) for each pin.
    line : int
        The clock line at a further pin, the last; `ALWAYS` if there is none.
    device : str
        The subcircuit of x cards, else empty.
    values : mapping of name to (m,) array
        The values of x cards by name; the single value of other cards.
    options : mapping of str to str
        Properties of the bank that its cards do not show, for the line at the head of its section.
    library : tuple of str
        Lines to write before the cards: models and subcircuits.
    """

    letter: str
    pins: tuple[Indices, ...]
    line: int
    device: str
    values: Mapping[str, Floats]
    options: Mapping[str, str]
    library: tuple[str, ...] = ()


def _plain(letter: str, pins: tuple[Indices, ...], **values: Floats) -> Cards:
    return Cards(letter=letter, pins=pins, line=ALWAYS, device="", values=values, options={})


@singledispatch
def cards(part: Part) -> Cards:
    """Return the cards of a bank `part`; if it only declares a law, x cards of a subcircuit named after its kind.

    Raises `UnsupportedPartError` for a part that neither declares a law nor is registered here.
    """
    return _declared(part)


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
    return _declared(part, terms=str(len(part.terms)))


@cards.register
def _(part: Pairs) -> Cards:
    return _declared(part, shapes=",".join(factor.shape.value for factor in part.factors))


@cards.register
def _(part: Ports) -> Cards:
    return _declared(part, shape=part.shape.value)


def _declared(part: Part, **options: str) -> Cards:
    """Return the x cards of a bank that declares a law, with these `options`."""
    named, nodes, parameters = format_of_bank(part), terminals_of(part), parameters_of(part)
    values = {name: named.on_card(key, parameters[key]) for key, name in named.values.items()}
    pins, line = tuple(nodes[end] for end in named.pins), vars(part).get("line", ALWAYS)
    gated = "_gated" if line != ALWAYS and not isinstance(part, Switches) else ""
    return Cards(letter="x", pins=pins, line=line, device=f"{named.device}{gated}", values=values, options=options)


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
