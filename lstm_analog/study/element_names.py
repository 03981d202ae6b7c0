"""Where the elements of the parts of a machine stand: which signal each feeds, of which gate and which unit."""

import re
from dataclasses import dataclass

from lstm_analog.arrays import Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout
from lstm_analog.network.laws import rows, sets
from lstm_analog.network.parts import Crossbars, Part, Transconductors

ELSEWHERE = "elsewhere"
"""What belongs to no gate or to no unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ElementNames:
    """Names of the m elements of a part: of each, the `gate` and the `unit` that it works for, and its own `name`."""

    gates: tuple[str, ...]
    units: tuple[str, ...]
    names: tuple[str, ...]


def element_names(compiled: Compiled, part: Part) -> ElementNames:
    """Return the names of the elements of `part` of `compiled`; of a matrix, of its rows.

    An element works for the unit whose signal it feeds; for a gate if that is its pre-activation, or a summing node
    on the way there.
    """
    nodes, names = _fed(part), compiled.network.unknowns.names()
    found = [_place(compiled, names[node]) for node in nodes]
    return ElementNames(
        gates=tuple(gate for gate, _ in found),
        units=tuple(unit for _, unit in found),
        names=tuple(f"{part.label} at {names[node]}" for node in nodes),
    )


def column_names(compiled: Compiled, part: Part) -> tuple[str, ...]:
    """Return the names (n,) of unknowns of `compiled` that drive the columns of a dense `part`; none for another."""
    names = compiled.network.unknowns.names()
    return tuple(names[node] for node in part.inputs) if isinstance(part, Transconductors | Crossbars) else ()


def _fed(part: Part) -> Indices:
    """Return the unknown that each element of `part` sets or feeds, (m,)."""
    if isinstance(part, Crossbars):
        return part.plus
    setting = sets(part)
    return rows(part)[-1] if setting is None else setting[1]


def _place(compiled: Compiled, name: str) -> tuple[str, str]:
    """Return the gate and the unit of the unknown of that `name`."""
    group, _, number = name.rpartition("_")
    for place in compiled.layout.layers:
        found = _in_chain(compiled, place, group, int(number)) if number.isdecimal() else None
        if found is not None:
            return found[0], f"{_chain(place)} unit {found[1]}"
    return ELSEWHERE, ELSEWHERE


def _in_chain(compiled: Compiled, place: LayerLayout, group: str, number: int) -> tuple[str, int] | None:
    """Return gate and unit of entry `number` of a `group` of unknowns; None if it is not of the chain at `place`."""
    label = re.match(r"l\d+r?", place.h.group)
    if label is None or not group.startswith(f"{label.group()}_"):
        return None
    units, size = compiled.network.unknowns[place.z[0].group].size, compiled.network.unknowns[group].size
    for gate, spot in enumerate(place.z):
        if re.fullmatch(rf"{re.sub('_(pos|neg)$', '', spot.group)}(_pos|_neg)?", group):
            return f"{_chain(place)} {place.gates[gate].name.lower()} gate", number
    if group.startswith(f"{label.group()}_rows") and size == units * len(place.gates):
        return f"{_chain(place)} {place.gates[number // units].name.lower()} gate", number % units
    return (ELSEWHERE, number) if size == units else None


def _chain(place: LayerLayout) -> str:
    return f"layer {place.layer}{' backward' if place.backward else ''}"
