"""Find the tubes of a machine from the conductances of its network: bore, length and flow of each, as arrays.

Bores are those that are sold, and lengths give the exact conductance: the sizes to buy and saw, in the bill, its cut
list, the graph and EPANET files.
"""

from dataclasses import dataclass
from enum import Enum
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.hardware import DESIGN_UNITS, bore
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.fluids import Fluid
from lstm_analog.network.parts import (
    DATUM,
    Conductors,
    Crossbars,
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
)
from lstm_analog.network.roles import is_filling
from lstm_analog.network.shapes import Shape, curve
from lstm_analog.study.operation import Plant


class Use(Enum):
    """The use of a tube."""

    CAPILLARY = "capillary"
    PORT = "port channel"
    TANK_LINE = "tank line tube"


@dataclass(frozen=True, kw_only=True, eq=False)
class TubeBank:
    """The tubes of the bank `label`, of one `use`, filled with `fluid`, each from the unknown `a` (k,) to `b` (k,).

    `conductance` (k,) is that of one tube at rest (m3/(s Pa)), `flow` (k,) its largest flow (m3/s); of several chips,
    the widest. Tubes have this `length` (m), and `count` are parallel between the same two ends.
    """

    label: str
    use: Use
    fluid: Fluid
    a: Indices
    b: Indices
    conductance: Floats
    flow: Floats
    length: float
    count: int

    @property
    def bore(self) -> Floats:
        """The bores (m), (k,), by Hagen-Poiseuille."""
        return bore(self.conductance, self.length, self.fluid)


def tubes(plant: Plant) -> tuple[TubeBank, ...]:
    """Return the tubes of `plant`, bank by bank; weights of zero and filling cocks have none."""
    found = [_tubes(part, plant) for part in plant.compiled.network.parts]
    return tuple(bank for bank in found if bank is not None and bank.a.size)


@singledispatch
def _tubes(part: Part, plant: Plant) -> TubeBank | None:
    what, do = f"part {type(part).__name__}", "register its tubes in study/tubes.py"
    raise UnsupportedPartError(explain(what, must="be known to the design check", got="no tubes", do=do))


@_tubes.register
def _(part: Sources | Junctions | Storages | Followers | Pairs | Spools | Stops, plant: Plant) -> None:
    return None


@_tubes.register
def _(part: Crossbars, plant: Plant) -> TubeBank:
    ends: list[tuple[Indices, Indices, Floats, Floats]] = []
    for nodes, weights, loads in part.sides:
        widest, load = (array.reshape(-1, *array.shape[-k:]).max(axis=0) for array, k in ((weights, 2), (loads, 1)))
        row, column = np.nonzero(widest)
        ends.append(
            (part.inputs[column], nodes[row], widest[row, column], plant.drops(part.inputs, nodes)[row, column])
        )
        some = np.flatnonzero(load)
        datum = np.full(some.size, DATUM)
        ends.append((nodes[some], datum, load[some], plant.drop(nodes[some], datum)))
    a, b, conductance, drop = (np.concatenate(columns) for columns in zip(*ends, strict=True))
    return _capillaries(part.label, plant, (a, b), conductance, drop)


@_tubes.register
def _(part: Conductors, plant: Plant) -> TubeBank:
    conductance = _widest(part.conductance, part.a.size)
    return _capillaries(part.label, plant, (part.a, part.b), conductance, plant.drop(part.a, part.b))


@_tubes.register
def _(part: Switches | Inertances, plant: Plant) -> TubeBank | None:
    if is_filling(plant.compiled.network, part):
        return None
    line, closed = plant.technology.tank_line, _widest(part.closed, part.a.size)
    return TubeBank(
        label=part.label,
        use=Use.TANK_LINE,
        fluid=plant.technology.fluid,
        a=part.a,
        b=part.b,
        conductance=closed / line.count,
        flow=closed / line.count * plant.drop(part.a, part.b, part.line),
        length=line.length,
        count=line.count,
    )


@_tubes.register
def _(part: Ports, plant: Plant) -> TubeBank:
    hardware, rest = plant.technology.hardware, _widest(part.conductance, part.a.size)
    channels = hardware.port_channels if part.shape is Shape.EXP else hardware.drain_channels
    return TubeBank(
        label=part.label,
        use=Use.PORT,
        fluid=plant.technology.fluid,
        a=part.a,
        b=part.b,
        conductance=rest / channels,
        flow=port_flow(part, plant) / channels,
        length=hardware.port_length,
        count=channels,
    )


def port_flow(part: Ports, plant: Plant) -> Floats:
    """Return the largest flow (m3/s) through each port of `part` in `plant`, (m,).

    Two opposed exponential ports divide the pressure, and pass most when both are at rest: by design, G0 times half the
    design pressure. A drain is opened as by a pre-activation of the design units.
    """
    rest = _widest(part.conductance, part.a.size)
    if plant.snapshots is None:
        opening = 0.5 if part.shape is Shape.EXP else float(curve(part.shape, np.array(DESIGN_UNITS)))
        return rest * opening * plant.design
    efforts = plant.snapshots.efforts[plant.snapshots.on(part.line)]
    control = np.clip(part.scale * (efforts[:, part.p] - efforts[:, part.n]) + part.offset, -part.limit, part.limit)
    flows = rest * curve(part.shape, control) * np.abs(efforts[:, part.a] - efforts[:, part.b])
    largest: Floats = flows.max(axis=0, initial=0.0)
    return largest


def _widest(values: Floats, size: int) -> Floats:
    """Return the largest over the chips, (size,)."""
    result: Floats = values.reshape(-1, size).max(axis=0)
    return result


def _capillaries(
    label: str, plant: Plant, ends: tuple[Indices, Indices], conductance: Floats, drop: Floats
) -> TubeBank:
    return TubeBank(
        label=label,
        use=Use.CAPILLARY,
        fluid=plant.technology.fluid,
        a=ends[0],
        b=ends[1],
        conductance=conductance,
        flow=conductance * drop,
        length=plant.technology.capillary_length,
        count=1,
    )


_HUNDREDTHS = (
    *(100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265, 280, 300),
    *(315, 335, 355, 375, 400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750, 800, 850, 900, 950),
)
R40 = np.array(_HUNDREDTHS) / 100.0
"""Preferred numbers of ISO 3, 40 in a decade, for the bores of tubes."""


def nominal_bore(bore: Floats) -> Floats:
    """Return the bores (m) of the series R40 next above each `bore` (m), any shape; equal ones within 1e-9.

    >>> float(nominal_bore(np.array(1.61e-3)))
    0.0017
    """
    decade = 10.0 ** np.floor(np.log10(bore))
    number = np.searchsorted(R40, bore / decade * (1.0 - 1e-9))
    series: Floats = np.concatenate((R40, [10.0]))[number] * decade
    return np.round(series, 12)


def cut(conductance: Floats, length: float, fluid: Fluid) -> tuple[Floats, Floats]:
    """Return nominal bores and lengths (m), (k,), of tubes that have the `conductance` (k,) (m3/(s Pa)) for `fluid`.

    A tube of that conductance and `length` (m) would have a bore d by Hagen-Poiseuille. One of the next larger bore of
    the series R40 is used instead, with the length `length` (d_nominal/d)^4. Raises `InvalidValueError` if no tube has
    that conductance.
    """
    exact = bore(conductance, length, fluid)
    nominal = nominal_bore(exact)
    return nominal, length * (nominal / exact) ** 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cuts:
    """The tubes of the bank `label` with their sizes, each from one node to another; of several chips, the widest.

    `starts` and `ends` (k,) are the names of the nodes in the graph, `bores` and `lengths` (k,) in m. There are `count`
    equal tubes of this `use`, filled with `fluid`, between the same two ends.
    """

    label: str
    use: Use
    fluid: Fluid
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    bores: Floats
    lengths: Floats
    count: int

    @property
    def number(self) -> int:
        """The number of tubes."""
        return len(self.starts) * self.count

    @property
    def total(self) -> float:
        """The length of all tubes together (m)."""
        return float(self.lengths.sum()) * self.count


def cuts(plant: Plant) -> tuple[Cuts, ...]:
    """Return the tubes of `plant` with their sizes, bank by bank, without the channels of ports."""
    names = plant.compiled.network.unknowns.names()
    found = []
    for bank in tubes(plant):
        if bank.use is not Use.PORT:
            bores, lengths = cut(bank.conductance, bank.length, bank.fluid)
            starts, ends = (tuple(names[node] for node in nodes) for nodes in (bank.a, bank.b))
            found.append(
                Cuts(
                    label=bank.label,
                    use=bank.use,
                    fluid=bank.fluid,
                    starts=starts,
                    ends=ends,
                    bores=bores,
                    lengths=lengths,
                    count=bank.count,
                )
            )
    return tuple(found)
