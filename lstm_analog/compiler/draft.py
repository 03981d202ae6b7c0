"""Plumbing as it grows: groups get their unknowns in the order in which they are asked for, parts as they are added."""

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.followers import adders
from lstm_analog.compiler.hydraulic import Detail, Hydraulic, OpenTube
from lstm_analog.compiler.timing import Timing
from lstm_analog.network.fluids import Filling
from lstm_analog.network.graph import Group
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Followers,
    Inertances,
    Junctions,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.shapes import Shape

HIGH, LOW = "rail_hi", "rail_lo"
"""The rails at plus and minus one pressure unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """What a valve is opened by: the signal is `scale` (p - n) + `offset`, arrays (m,), scale per Pa."""

    p: Indices
    n: Indices
    scale: Floats
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The network as it grows: groups get their unknowns in the order in which they are asked for.

    Throughout, `label` names a group or a bank and `size` is its number of nodes; `nodes`, `a`, `b`, `inputs`, `top`
    and `bottom` are unknowns, `line` is a clock line, `effort` is in Pa and `capacitance` in m3/Pa. A `control` opens a
    bridge with its signal times `gain`. `single` are the memories with but one tank.
    """

    technology: Hydraulic
    timing: Timing
    lines: tuple[str, ...]
    leak_time: float
    single: frozenset[str] = frozenset()
    groups: dict[str, Group] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    controls: dict[str, Control] = field(default_factory=dict)
    open_tanks: list[str] = field(default_factory=list)

    def filling(self) -> Filling:
        """Return what flows in the network, and which of its tanks are open to the air."""
        return Filling(
            fluid=self.technology.fluid, datum=self.technology.datum, open_tanks=tuple(sorted(self.open_tanks))
        )

    def nodes(self, label: str, size: int) -> Indices:
        """Return the unknowns of the group `label`, which is made with `size` of them if new."""
        if label not in self.groups:
            self.starts[label] = 1 + sum(group.size for group in self.groups.values())
            self.groups[label] = Group(label=label, size=size, scale=self.technology.pressure_unit)
        return np.arange(self.starts[label], self.starts[label] + size)

    def chamber(self, label: str, size: int) -> Indices:
        """Return the nodes of a small volume: a junction in ideal detail, else a storage."""
        nodes = self.nodes(label, size)
        if self.technology.detail is Detail.IDEAL:
            self.parts.append(Junctions(label=f"{label}_node", nodes=nodes))
        else:
            self.tank(f"{label}_pilot", nodes, self.technology.pilot)
        return nodes

    def tank(self, label: str, nodes: Indices, capacitance: float) -> None:
        """Add storages."""
        self.parts.append(Storages(label=label, nodes=nodes, capacitance=np.array(capacitance)))

    def memory(self, label: str, nodes: Indices) -> None:
        """Add tanks that hold a memory; but for ideal detail with their stops."""
        technology, hardware = self.technology, self.technology.hardware
        self.tank(label, nodes, technology.tank)
        if isinstance(technology.vessel, OpenTube):
            self.open_tanks.append(label)
        if technology.detail is not Detail.IDEAL:
            low, high = (np.array(stop) for stop in technology.reach())
            relief, band = np.array(hardware.relief_conductance), np.array(hardware.relief_band)
            self.parts.append(
                Stops(label=f"{label}_stops", nodes=nodes, low=low, high=high, conductance=relief, band=band)
            )

    def relay(self, label: str, *inputs: Indices) -> Indices:
        """Add followers of the sum of `inputs` and return their nodes."""
        nodes = self.nodes(label, inputs[0].size)
        self.parts.append(adders(f"{label}_relay", nodes, *inputs))
        return nodes

    def lever(self, label: str, control: Control, low: float, high: float) -> Indices:
        """Add relays with unequal arms at the signal of `control`, between `low` and `high` pressure units."""
        nodes, unit = self.nodes(label, control.p.size), self.technology.pressure_unit
        ends = [(control.p, unit * control.scale)]
        ends += [(control.n, -unit * control.scale)] if (control.n != DATUM).any() else []
        relay = Followers(
            label=f"{label}_relay",
            nodes=nodes,
            terms=tuple(Term(inputs=end, gain=gain) for end, gain in ends),
            offset=np.array(unit * control.offset),
            low=np.array(unit * low),
            high=np.array(unit * high),
        )
        self.parts.append(relay)
        return nodes

    def capillaries(self, label: str, weights: Floats, inputs: Indices, plus: Indices, minus: Indices) -> None:
        """Add one capillary a unit for `weights` (m,), from `inputs` into the `plus` or the `minus` manifolds, (m,)."""
        used = np.flatnonzero(weights)
        if used.size:
            ends = np.where(weights > 0.0, plus, minus)[used]
            conductance = self.technology.unit_conductance * np.abs(weights[used])
            self.parts.append(Conductors(label=label, a=inputs[used], b=ends, conductance=conductance))

    def sources(self, label: str, effort: Floats) -> Indices:
        """Add sources at `effort` (m,) and return their nodes."""
        nodes = self.nodes(label, effort.size)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes

    def solenoid(self, label: str, line: str, a: Indices, b: Indices) -> None:
        """Add solenoid valves with their tank lines from `a` to `b`; in dynamic detail their fluid has mass."""
        if self.technology.detail is not Detail.DYNAMIC:
            self.cock(label, line, a, b)
            return
        tank_line, fluid = self.technology.tank_line, self.technology.fluid
        opened = tank_line.conductance(fluid)
        valve = Inertances(
            label=label,
            line=self.lines.index(line),
            a=a,
            b=b,
            state=self.nodes(f"{label}_flow", a.size),
            inertance=np.array(tank_line.inertance(fluid)),
            closed=np.array(opened),
            opened=np.array(opened * self.technology.seat_leak),
            closing=np.array(self.technology.hardware.closing_time),
        )
        self.parts.append(valve)

    def cock(self, label: str, line: str, a: Indices, b: Indices) -> None:
        """Add valves of a tank line's conductance from `a` to `b`."""
        opened = self.technology.tank_line.conductance(self.technology.fluid)
        leak = opened * self.technology.seat_leak
        valve = Switches(
            label=label, line=self.lines.index(line), a=a, b=b, closed=np.array(opened), opened=np.array(leak)
        )
        self.parts.append(valve)

    def spool(self, label: str, control: Control) -> Control:
        """Return what a valve follows: the `control` itself, in dynamic detail a spool that it moves."""
        technology, hardware = self.technology, self.technology.hardware
        if technology.detail is not Detail.DYNAMIC:
            return control
        position, speed = (self.nodes(f"{label}_{state}", control.p.size) for state in ("spool", "speed"))
        spools = Spools(
            label=f"{label}_piston",
            p=control.p,
            n=control.n,
            position=position,
            speed=speed,
            capacitance=np.array(technology.pilot),
            frequency=np.array(hardware.spool_frequency),
            damping=np.array(hardware.spool_damping),
        )
        self.parts.append(spools)
        return replace(control, p=position, n=np.full_like(position, DATUM))

    def bridge(self, label: str, control: Control, gain: float, top: Indices, bottom: Indices) -> Indices:
        """Add two opposed ports and return the nodes between them: bottom + sigmoid(gain z) (top - bottom)."""
        middle, control = self.chamber(label, control.p.size), self.spool(label, control)
        for name, sign, a, b in (("top", 1.0, top, middle), ("bot", -1.0, middle, bottom)):
            port = Ports(
                label=f"{label}_{name}",
                line=ALWAYS,
                shape=Shape.EXP,
                a=a,
                b=b,
                p=control.p,
                n=control.n,
                conductance=np.array(self.technology.port_conductance),
                scale=0.5 * sign * gain * control.scale,
                offset=np.array(0.5 * sign * gain * control.offset + 0.0),
            )
            self.parts.append(port)
        return middle
