"""The parts of plumbing, added to a network under construction; valves and relays under control among them.

Of the latter, spools, half-bridges of ports, and relays with unequal arms, `builder` is the plumbing under
construction, a `control` opens the parts, `label` names a bank, `top` and `bottom` are unknowns (m,).
"""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.hydraulic import Detail, Hydraulic, OpenTube
from lstm_analog.compiler.network_builder import NetworkBuilder, half_bridge
from lstm_analog.compiler.timing import Timing
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.fluids import Filling
from lstm_analog.network.parts import DATUM, Factor, Followers, Inertances, Spools, Stops, Term
from lstm_analog.network.shapes import Shape

HIGH, LOW = "rail_hi", "rail_lo"
"""The rails at plus and minus one pressure unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """The signal that opens a valve: `scale` (p - n) + `offset`, `p` and `n` unknowns (m,), `scale` (m,) per Pa."""

    p: Indices
    n: Indices
    scale: Floats
    offset: float = 0.0

    def factor(self, shape: Shape) -> Factor:
        """Return the curve of that `shape` of it."""
        return Factor(shape=shape, p=self.p, n=self.n, scale=self.scale, offset=np.array(self.offset))


class PlumbingBuilder(NetworkBuilder):
    """Plumbing of `technology` under construction, clocked by `timing` on the clock `lines`.

    `leak_time` (s) is the length of a gated leak, `single` names the memories with a single tank. Throughout, `label`
    names a group or a bank and `size` is its number of nodes; `nodes`, `a`, `b` and `inputs` are unknowns, `line` is a
    clock line, `capacitance` is in m3/Pa. `controls` are those of the weighted sums so far, by label.
    """

    domain = HYDRAULIC

    def __init__(
        self, technology: Hydraulic, timing: Timing, lines: tuple[str, ...], leak_time: float, single: frozenset[str]
    ) -> None:
        """Start plumbing of `technology` without parts."""
        NetworkBuilder.__init__(self, technology.pressure_unit, lines)
        self.technology, self.timing = technology, timing
        self.leak_time, self.single = leak_time, single
        self.controls: dict[str, Control] = {}
        self._open_tanks: list[str] = []

    def filling(self) -> Filling:
        """Return the liquid in the network, and which of its tanks are open to the air."""
        return Filling(
            fluid=self.technology.fluid, datum=self.technology.datum, open_tanks=tuple(sorted(self._open_tanks))
        )

    def chamber(self, label: str, size: int) -> Indices:
        """Return the nodes of a small volume: a junction in ideal detail, else a storage."""
        nodes = self.nodes(label, size)
        if self.technology.detail is Detail.IDEAL:
            self.junctions(f"{label}_node", nodes)
        else:
            self.storages(f"{label}_pilot", nodes, self.technology.pilot)
        return nodes

    def memory(self, label: str, nodes: Indices) -> None:
        """Add tanks that hold a memory, with their stops unless the detail is ideal."""
        technology, hardware = self.technology, self.technology.hardware
        self.storages(label, nodes, technology.tank)
        if isinstance(technology.vessel, OpenTube):
            self._open_tanks.append(label)
        if technology.detail is not Detail.IDEAL:
            low, high = (np.array(stop) for stop in technology.reach())
            relief, band = np.array(hardware.relief_conductance), np.array(hardware.relief_band)
            self.parts.append(
                Stops(label=f"{label}_stops", nodes=nodes, low=low, high=high, conductance=relief, band=band)
            )

    def relay(self, label: str, *inputs: Indices) -> Indices:
        """Add followers of the sum of `inputs` and return their nodes."""
        nodes = self.nodes(label, inputs[0].size)
        self.adders(f"{label}_relay", nodes, *inputs)
        return nodes

    def capillaries(self, label: str, weights: Floats, inputs: Indices, plus: Indices, minus: Indices) -> None:
        """Add one capillary a unit for `weights` (m,), from `inputs` into the `plus` or the `minus` manifolds, (m,)."""
        used = np.flatnonzero(weights)
        if used.size:
            ends = np.where(weights > 0.0, plus, minus)[used]
            conductance = self.technology.unit_conductance * np.abs(weights[used])
            self.conductors(label, inputs[used], ends, conductance)

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
        self.switches(label, line, a, b, closed=opened, opened=opened * self.technology.seat_leak)


def add_lever(builder: PlumbingBuilder, label: str, control: Control, low: float, high: float) -> Indices:
    """Add relays with unequal arms that follow `control` from `low` to `high` (pressure units); return their nodes."""
    nodes, unit = builder.nodes(label, control.p.size), builder.technology.pressure_unit
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
    builder.parts.append(relay)
    return nodes


def add_spool(builder: PlumbingBuilder, label: str, control: Control) -> Control:
    """Return the control of a valve: the given `control`, or in dynamic detail that of a spool which it moves."""
    technology, hardware = builder.technology, builder.technology.hardware
    if technology.detail is not Detail.DYNAMIC:
        return control
    position, speed = (builder.nodes(f"{label}_{state}", control.p.size) for state in ("spool", "speed"))
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
    builder.parts.append(spools)
    return replace(control, p=position, n=np.full_like(position, DATUM))


def add_bridge(
    builder: PlumbingBuilder, label: str, control: Control, shape: Shape, top: Indices, bottom: Indices
) -> Indices:
    """Add two opposed ports and return the nodes in between, at bottom + sigmoid(z) (top - bottom).

    z is the signal of the `control`, or twice that if the `shape` is a tanh.
    """
    middle, control = builder.chamber(label, control.p.size), add_spool(builder, label, control)
    labels, conductance = (f"{label}_top", f"{label}_bot"), builder.technology.port_conductance
    builder.parts += half_bridge(labels, (top, middle, bottom), control.factor(shape), conductance)
    return middle
