"""Draw the resistors, capacitors and wells of a network of transistor cells as a process has them.

Values stay literal: a resistor has what its strips have at the temperature of the chip, and what they and the wells
load nodes with is capacitors to ground. Those at columns, rows and dividers stand in the cells.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos_devices import text
from lstm_analog.compiler.bicmos_passives import Passives
from lstm_analog.compiler.bicmos_services import WIRE
from lstm_analog.network.cells import NODES, SHUNT, Cells, Subcircuit
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors, Crossbars, Part

STEADY = ("vss", "vcc", "0")
"""Nodes whose voltage stands still, so that a capacitance at them does nothing."""


def drawn(network: Network, passives: Passives, *, celsius: float, sheet: float) -> Network:
    """Return `network` with its resistors, capacitors and wells as `passives` draws them, at `celsius`.

    `sheet` is the sheet resistance of the wafer over the typical one; the shunt is not on the chip and stays as it is.
    Capacitances at columns, rows and dividers stand in the cells, at the terminals there, the largest of all cells.
    """
    strays = np.zeros(network.unknowns.size)
    parts = tuple(
        part if part.label == SHUNT else _drawn(part, passives, celsius, sheet, strays) for part in network.parts
    )
    cells = (
        _with_library(part, passives, celsius, sheet, strays) if isinstance(part, Cells) else part for part in parts
    )
    return replace(network, parts=tuple(cells))


def _drawn(part: Part, passives: Passives, celsius: float, sheet: float, strays: Floats) -> Part:
    """Return the bank `part` with its resistors drawn; their capacitance is added to the `strays` (unknowns,)."""
    material = passives.resistor
    if isinstance(part, Conductors):
        strips = material.strips(1.0 / part.conductance)
        for ends in (part.a, part.b):
            np.add.at(strays, ends, 0.5 * material.capacitance(strips))
        return replace(part, conductance=1.0 / (sheet * material.resistance(strips, celsius)))
    if not isinstance(part, Crossbars):
        return part
    changed = []
    for columns, conductance in ((part.plus, part.positive), (part.minus, part.negative)):
        row, column = np.nonzero(conductance)
        strips, made = material.strips(1.0 / conductance[row, column]), np.zeros(conductance.shape)
        for ends in (columns[row], part.inputs[column]):
            np.add.at(strays, ends, 0.5 * material.capacitance(strips))
        made[row, column] = 1.0 / (sheet * material.resistance(strips, celsius))
        changed.append(made)
    return replace(part, positive=changed[0], negative=changed[1])


def _with_library(part: Cells, passives: Passives, celsius: float, sheet: float, strays: Floats) -> Cells:
    """Return the cells `part` with everything in them drawn, and the largest of the `strays` at each terminal."""
    worst = strays[part.pins].max(axis=1)
    ends = tuple(
        f"cstray{number} {name} 0 {text(farads)}"
        for number, (name, farads) in enumerate(zip(part.circuit.terminals, worst.tolist(), strict=True))
        if farads and name not in STEADY
    )
    circuits = (drawn_circuit(each, passives, celsius, sheet) for each in part.library.subcircuits)
    with_ends = (replace(each, cards=(*each.cards, *ends)) if each.name == part.device else each for each in circuits)
    return replace(part, library=replace(part.library, subcircuits=tuple(with_ends)))


def drawn_circuit(circuit: Subcircuit, passives: Passives, celsius: float, sheet: float) -> Subcircuit:
    """Return `circuit` with its parts as `passives` draws them, at `celsius`, `sheet` being as in `drawn`."""
    cards: list[str] = []
    for card in circuit.cards:
        words = card.split()
        if words[0][0] == "r":
            strips = passives.resistor.strips(np.array([float(words[3])]))
            half = 0.5 * float(passives.resistor.capacitance(strips)[0])
            cards.append(" ".join((*words[:3], text(sheet * float(passives.resistor.resistance(strips, celsius)[0])))))
            cards += [f"c{words[0]}{end} {node} 0 {text(half)}" for end, node in _moving_ends(words[1:3])]
        elif words[0][0] == "c" and not words[0].startswith(WIRE):
            count, side = passives.capacitor.squares(float(words[3]))
            cards.append(" ".join((*words[:3], text(passives.capacitor.capacitance(count, side)))))
        else:
            cards.append(card)
    for bulk, inside in own_wells(circuit.cards).items():
        cards.append(f"cwell_{bulk} {bulk} 0 {text(passives.well.capacitance(inside))}")
    return replace(circuit, cards=tuple(cards))


def _moving_ends(nodes: list[str]) -> list[tuple[str, str]]:
    """Return the ends a and b of a resistor with their `nodes`, without nodes whose voltage stands still."""
    return [(end, node) for end, node in zip("ab", nodes, strict=True) if node not in STEADY]


def own_wells(cards: tuple[str, ...]) -> dict[str, tuple[tuple[float, float, float], ...]]:
    """Return the transistors of `cards` in wells of their own: width, length (um), number, by the node of the well."""
    found: dict[str, tuple[tuple[float, float, float], ...]] = {}
    for words in map(str.split, cards):
        if words[0][0] == "m" and words[NODES["m"]] not in STEADY:
            sizes = dict(word.split("=") for word in words if "=" in word)
            size = (float(sizes["w"].rstrip("u")), float(sizes["l"].rstrip("u")), float(sizes.get("m", "1")))
            found[words[NODES["m"]]] = (*found.get(words[NODES["m"]], ()), size)
    return found
