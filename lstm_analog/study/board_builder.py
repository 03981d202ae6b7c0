"""A board under construction: its nets, its components and their decoupling."""

from collections.abc import Mapping

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export import UNCONNECTED, Board, BoughtPart, ComponentBank
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Followers, OpAmps, Pairs
from lstm_analog.network.shapes import Shape
from lstm_analog.study import board_parts

GROUND = DATUM
"""The net of the ground, node 0 of the network."""
FOLDS = {Shape.SIGMOID: 1.0, Shape.TANH: 2.0}
"""Feedback of the op-amp at a collector, over the load: I sigmoid(2 u) is half of I (1 + tanh u)."""
_MOST_PINS = 20
"""Most pins of a connector."""


class BoardBuilder:
    """A board for `network`, whose nets begin with the nodes of `network`, by number.

    `summing` are the inverting inputs of op-amps; `products` the nodes of the buffers that follow nodes, by the bytes
    of these; `sensed` the nets at the first collector of pairs, and how often their load is taken, by the bytes of the
    nodes of their outputs; `references` the nets of reference voltages, by their volts.

    Throughout, `label` names the bank of a network that components stand for, `nets` are numbers of nets by the name
    of the pin, one (1,) for all components or one each, (m,); pins that are not named stay open. `a` and `b` are the
    nets (m,) at the two ends of a component.
    """

    def __init__(self, network: Network, supply: float) -> None:
        """Start a board with rails of plus and minus `supply` (V)."""
        self.names = network.unknowns.names()
        self.names[GROUND] = "GND"
        self.components: list[ComponentBank] = []
        self.positive, self.negative = self.net(f"+{supply:g}V"), self.net(f"-{supply:g}V")
        self.references: dict[float, Indices] = {}
        self.lines = network.lines
        amplifiers = [part for part in network.parts if isinstance(part, OpAmps)]
        followers = [part for part in network.parts if isinstance(part, Followers)]
        self.summing = _joined([part.minus for part in amplifiers])
        self._read = np.arange(network.unknowns.size)
        for part in followers:
            if np.isin(part.terms[0].inputs, _joined([each.out for each in amplifiers])).all():
                self._read[part.terms[0].inputs] = part.nodes
        pairs = [part for part in network.parts if isinstance(part, Pairs)]
        self.sensed = {
            part.out.tobytes(): (self.inner(f"{part.label}_sum", part.out.size), FOLDS[part.factors[0].shape])
            for part in pairs
            if part.factors[0].shape in FOLDS
        }
        self.products = {part.terms[0].inputs.tobytes(): part.nodes for part in followers}

    def read(self, nodes: Indices) -> Indices:
        """Return the nets (m,) at which the signals of `nodes` are read: behind the buffer that follows an op-amp."""
        return self._read[nodes]

    def net(self, name: str) -> Indices:
        """Return the number (1,) of the net `name`, which is new unless there is one."""
        if name not in self.names:
            self.names.append(name)
        return np.array([self.names.index(name)])

    def reference(self, volts: float) -> Indices:
        """Return the net (1,) of a reference of `volts`, which a connector brings in."""
        return self.references.setdefault(volts, self.net(f"reference_{volts:g}V"))

    def inner(self, label: str, size: int) -> Indices:
        """Return `size` new nets `<label>_<number>`."""
        first = len(self.names)
        self.names += [f"{label}_{number}" for number in range(size)]
        return np.arange(first, len(self.names))

    def add(
        self,
        part: BoughtPart,
        label: str,
        nets: Mapping[str, Indices],
        values: tuple[str, ...] = (),
        numbers: tuple[str, ...] = (),
    ) -> None:
        """Add components of `part`, with their `values` and part `numbers`, those of the part unless given."""
        size = max(each.size for each in nets.values())
        left = np.full(1, UNCONNECTED)
        rows = [np.broadcast_to(nets.get(name, left), (size,)) for _, name in part.pins]
        bank = ComponentBank(
            part=part,
            elements=tuple(f"{label}_{number}" for number in range(size)),
            values=values or (part.symbol.partition(":")[2],) * size,
            numbers=numbers or (part.number,) * size,
            nets=np.stack(rows),
        )
        self.components.append(bank)

    def powered(
        self, part: BoughtPart, label: str, nets: Mapping[str, Indices], rails: tuple[str, str] = ("V+", "V-")
    ) -> None:
        """Add components of `part` between the supplies at its pins `rails`, with 100 nF from each rail to ground."""
        size = max(each.size for each in nets.values())
        self.add(part, label, {**nets, rails[0]: self.positive, rails[1]: self.negative})
        for name, rail in (("vp", self.positive), ("vn", self.negative)):
            pins = {"1": np.repeat(rail, size), "2": np.full(1, GROUND)}
            self.add(board_parts.CAPACITOR, f"{label}_{name}", pins, ("100n",) * size, (board_parts.DECOUPLING,) * size)

    def resistors(self, label: str, a: Indices, b: Indices, resistance: Floats) -> None:
        """Add resistors of `resistance` (m,), in ohm: fixed ones of 1 % if all are of the series E96, else trimmers."""
        if board_parts.is_of_series(resistance):
            codes = [board_parts.resistor_code(value) for value in resistance.tolist()]
            numbers = tuple(f"CRCW0603{code}FKEA" for code in codes)
            self.add(board_parts.RESISTOR, label, {"1": a, "2": b}, tuple(codes), numbers)
            return
        sizes = [board_parts.trimmer_size(value) for value in resistance.tolist()]
        values = tuple(
            f"{size:g} set to {value:.5g}" for (size, _), value in zip(sizes, resistance.tolist(), strict=True)
        )
        self.add(board_parts.TRIMMER, label, {"CCW": a, "W": b, "CW": b}, values, tuple(number for _, number in sizes))

    def capacitors(self, label: str, a: Indices, b: Indices, capacitance: Floats) -> None:
        """Add capacitors of `capacitance` (m,), in F; `b` (1,) may be one net."""
        values = tuple(f"{value * 1e12:.6g}p" for value in capacitance.tolist())
        numbers = tuple(map(board_parts.capacitor_number, capacitance.tolist()))
        self.add(board_parts.CAPACITOR, label, {"1": a, "2": b}, values, numbers)

    def connectors(self, label: str, nets: Indices) -> None:
        """Add pin headers for `nets` (m,), with ground at pin 1 of each."""
        for number, start in enumerate(range(0, nets.size, _MOST_PINS - 1)):
            some = np.append(GROUND, nets[start : start + _MOST_PINS - 1])
            pins = {f"Pin_{pin}": net for pin, net in enumerate(some[:, None], start=1)}
            name = f"{label}_connector{number or ''}"
            self.add(board_parts.connector(some.size), name, pins, (label,))

    def board(self, source: str) -> Board:
        """Return the board that is made from `source`."""
        return Board(source=source, nets=tuple(self.names), components=tuple(self.components))


def _joined(nodes: list[Indices]) -> Indices:
    return np.concatenate([np.empty(0, dtype=np.int64), *nodes])
