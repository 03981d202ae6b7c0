"""Draw the plumbing or the circuit of one unit."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.show.reading import chain_name, literal, pick
from lstm_analog.show.schematics.cells import node_cells, own_sources
from lstm_analog.show.schematics.circuit import circuit_symbols
from lstm_analog.show.schematics.hydraulic import hydraulic_symbols
from lstm_analog.show.schematics.pen import WORD, Pen
from lstm_analog.show.schematics.placing import strips
from lstm_analog.show.schematics.sheet import SchematicSheet
from lstm_analog.show.schematics.unit import unit_parts
from lstm_analog.show.schematics.words import Captions, NodeWords
from lstm_analog.show.style import panel, styled

_INCH = 0.55
"""Inches of a unit of the grid."""
_HEAD, _FOOT = 1.0, 0.9
"""Room for the title and for the key (units)."""


@checked
@styled
def schematic(compiled: Compiled, *, layer: int = 0, unit: int = 0, axes: Axes | None = None) -> Figure:
    """Return a drawing of all parts of `unit` of `layer` in the network of `compiled`, in the symbols of its domain.

    Plumbing has the symbols of ISO 1219, a circuit those of schemdraw. Signals run from left to right. A row of
    weights is one symbol with the number of its elements; each other element has its own, with its label in the
    network, its size and, in grey, the nodes at which it ends. What no wire can reach has a flag with the name of the
    signal. The drawing is as wide as the unit needs, or goes into `axes`; `layer` counts directions of layers.

    Raises `InvalidValueError` if there is no such layer or unit, `LibraryMissingError` if a circuit is to be drawn and
    schemdraw is not installed.
    """
    number = pick("layer", layer, len(compiled.layout.layers))
    place = compiled.layout.layers[number]
    which = pick("unit", unit, compiled.network.unknowns[place.z[0].group].size)
    parts = unit_parts(compiled, place, which)
    cells = node_cells(parts)
    figure, drawn_in = panel(axes, (1.0, 1.0))
    network = compiled.network
    plumbing = network.domain == HYDRAULIC
    symbols = hydraulic_symbols(network) if plumbing else circuit_symbols(network, drawn_in)
    prefix = f"{place.h.group.split('_')[0]}_"
    sheet = SchematicSheet(
        pen=Pen(axes=drawn_in),
        cells=cells,
        symbols=symbols,
        captions=Captions(words=NodeWords(parts, cells), domain=network.domain, prefix=prefix),
        sources=own_sources(parts),
    )
    width, height = sheet.draw(strips(cells, parts, place, which))
    symbols.finish()
    said = dict(network.provenance)
    title = (
        f"{'Plumbing' if plumbing else 'Circuit'} of unit {which}, {chain_name(place)}: {said.get('technology', '')}"
    )
    sheet.pen.text((0.0, 0.5), literal(title), size=WORD + 4, across="left", weight="bold")
    key = (f"{len(parts.elements)} elements; labels without {prefix}", *symbols.key)
    sheet.pen.text((0.0, -height - 0.15), "\n".join(key), size=WORD, across="left", up="top")
    _frame(drawn_in, width, height)
    if axes is None:
        figure.set_size_inches(_INCH * (width + 0.6), _INCH * (height + _HEAD + _FOOT))
        drawn_in.set_position((0.0, 0.0, 1.0, 1.0))
        figure.set_layout_engine("none")
    return figure


def _frame(axes: Axes, width: float, height: float) -> None:
    axes.set_xlim(-0.3, width + 0.3)
    axes.set_ylim(-height - _FOOT, _HEAD)
    axes.set_aspect("equal")
    axes.set_axis_off()
