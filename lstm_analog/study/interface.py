"""The pins of a machine that is written as a subcircuit.

A chip of transistors is supplied between `vdd` and `vss`; other circuits have ideal supplies and refer to node 0.
"""

from collections.abc import Iterator

from lstm_analog.compiler import Compiled, Layout, fed_by
from lstm_analog.compiler.bicmos_lower import SUPPLY
from lstm_analog.export import GROUND, Hierarchy, Interface
from lstm_analog.network.parts import Sources


def interface(compiled: Compiled) -> Interface:
    """Return the pins of a `compiled` machine: inputs, outputs, clocks, supply and ground.

    Outputs are the top layer's h, called `hr` for a backward chain, and y of a head; p and n are the two sides of a
    difference.
    """
    layout, network = compiled.layout, compiled.network
    fed = [(bank.label, label) for bank in layout.inputs for label in fed_by(compiled, bank.label)]
    clocks = [drive.label for drive in compiled.drives if drive.signal in compiled.cycle.lines]
    supplied = any(isinstance(part, Sources) and part.label == SUPPLY for part in network.parts)
    model = dict(network.provenance).get("model", "cell").lower()
    return Interface(
        name="lstm_" + "".join(letter if letter.isalnum() else "_" for letter in model)[:56],
        inputs=tuple((label.replace(f"{signal}_", signal, 1), label) for signal, label in fed),
        outputs=tuple(_outputs(compiled.layout)),
        supplies=(*((label, label) for label in clocks), *((("vdd", SUPPLY),) if supplied else ())),
        datum="vss" if supplied else GROUND,
    )


def hierarchy(compiled: Compiled) -> Hierarchy:
    """Return how a deck of subcircuits divides a `compiled` machine: by the units of each layer.

    The signals that it reads are seen from outside.
    """
    layout, unknowns = compiled.layout, compiled.network.unknowns
    spots = [spot for place in layout.layers for spot in (*place.z, place.c, place.h) if spot is not None]
    spots += [] if layout.head is None else [layout.head.y]
    groups = (group for spot in spots for group in (spot.group, spot.against) if group is not None)
    return Hierarchy(
        units={place.z[0].group.partition("_")[0]: unknowns[place.z[0].group].size for place in layout.layers},
        kept=tuple(dict.fromkeys(groups)),
        clocks=tuple(drive.label for drive in compiled.drives if drive.signal in compiled.cycle.lines),
    )


def _outputs(layout: Layout) -> Iterator[tuple[str, str]]:
    top = [place for place in layout.layers if place.layer == layout.layers[-1].layer]
    spots = [("hr" if place.backward else "h", place.h) for place in top]
    spots += [] if layout.head is None else [("y", layout.head.y)]
    for name, spot in spots:
        if spot.against is None:
            yield name, spot.group
        else:
            yield from ((f"{name}p", spot.group), (f"{name}n", spot.against))
