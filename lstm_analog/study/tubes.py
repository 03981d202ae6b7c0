"""Find the tubes of a machine from the conductances of its network: bore, length and flow of each, as arrays."""

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
    for nodes, weights, loads in (
        (part.plus, part.positive, part.plus_load),
        (part.minus, part.negative, part.minus_load),
    ):
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
