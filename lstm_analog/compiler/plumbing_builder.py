"""The parts of plumbing, added to a network under construction."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.followers import adders
from lstm_analog.compiler.hydraulic import Detail, Hydraulic, OpenTube
from lstm_analog.compiler.network_builder import NetworkBuilder
from lstm_analog.compiler.timing import Timing
from lstm_analog.network.domain import HYDRAULIC, Domain
from lstm_analog.network.fluids import Filling
from lstm_analog.network.parts import Conductors, Inertances, Junctions, Stops, Storages, Switches

HIGH, LOW = "rail_hi", "rail_lo"
"""The rails at plus and minus one pressure unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """The signal that opens a valve: `scale` (p - n) + `offset`, `p` and `n` unknowns (m,), `scale` (m,) per Pa."""

    p: Indices
    n: Indices
    scale: Floats
    offset: float = 0.0


class PlumbingBuilder(NetworkBuilder):
    """Plumbing of `technology` under construction, clocked by `timing` on the clock `lines`.

    `leak_time` (s) is the length of a gated leak, `single` names the memories with a single tank. Throughout, `label`
    names a group or a bank and `size` is its number of nodes; `nodes`, `a`, `b` and `inputs` are unknowns, `line` is a
    clock line, `capacitance` is in m3/Pa. `controls` are those of the weighted sums so far, by label.
    """

    def __init__(
        self, technology: Hydraulic, timing: Timing, lines: tuple[str, ...], leak_time: float, single: frozenset[str]
    ) -> None:
        """Start plumbing of `technology` without parts."""
        NetworkBuilder.__init__(self, technology.pressure_unit)
        self.technology, self.timing, self.lines = technology, timing, lines
        self.leak_time, self.single = leak_time, single
        self.controls: dict[str, Control] = {}
        self._open_tanks: list[str] = []

    @property
    def domain(self) -> Domain:
        """Pressure and volume flow."""
        return HYDRAULIC

    def filling(self) -> Filling:
        """Return the liquid in the network, and which of its tanks are open to the air."""
        return Filling(
            fluid=self.technology.fluid, datum=self.technology.datum, open_tanks=tuple(sorted(self._open_tanks))
        )

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
        """Add tanks that hold a memory, with their stops unless the detail is ideal."""
        technology, hardware = self.technology, self.technology.hardware
        self.tank(label, nodes, technology.tank)
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
        self.parts.append(adders(f"{label}_relay", nodes, *inputs))
        return nodes

    def capillaries(self, label: str, weights: Floats, inputs: Indices, plus: Indices, minus: Indices) -> None:
        """Add one capillary a unit for `weights` (m,), from `inputs` into the `plus` or the `minus` manifolds, (m,)."""
        used = np.flatnonzero(weights)
        if used.size:
            ends = np.where(weights > 0.0, plus, minus)[used]
            conductance = self.technology.unit_conductance * np.abs(weights[used])
            self.parts.append(Conductors(label=label, a=inputs[used], b=ends, conductance=conductance))

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
