"""The components of a circuit of op-amps, added to a network under construction."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.network_builder import NetworkBuilder
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit, thermal_voltage
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.data_sheets import opamps, tails
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import ALWAYS, DATUM, Factor, Pairs
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Input:
    """The input of a multiplier or a pair: `slope` v + `offset`, v being the effort of `nodes` (m,) over `volts`."""

    nodes: Indices
    volts: float
    slope: float = 1.0
    offset: float = 0.0

    @property
    def ends(self) -> tuple[Indices, Indices]:
        """The nodes (m,) for the plus and the minus input of the part; they are swapped if `slope` is negative."""
        ground = _ground(self.nodes)
        return (self.nodes, ground) if self.slope >= 0.0 else (ground, self.nodes)


class OpAmpBuilder(NetworkBuilder):
    """A circuit of `technology` under construction, with the clock `lines`.

    Throughout, `label` names a group or a bank, `nodes`, `plus`, `minus`, `out`, `inputs`, `source` and `summing` are
    unknowns, `line` is a clock line, `cells` are the labels of the memories c, `volts` are those of one unit of the
    signal at a node.
    """

    domain = ELECTRICAL

    def __init__(self, technology: OpAmpCircuit, lines: tuple[str, ...], cells: frozenset[str]) -> None:
        """Start a circuit of `technology` without parts."""
        NetworkBuilder.__init__(self, technology.signal_volts, lines)
        self.technology, self.cells = technology, cells

    def amplifiers(self, label: str, plus: Indices, minus: Indices, out: Indices) -> None:
        """Add op-amps and the junctions `out` at their outputs."""
        state = self.nodes(f"{label}_x", out.size, self.technology.signal_volts)
        self.parts.append(opamps(label, self.technology.amplifier, plus=plus, minus=minus, out=out, state=state))
        self.junctions(f"{label}_out", out)
        if self.technology.amplifier.bias_current:
            inputs = np.concatenate((plus[plus != DATUM], minus))
            self.parts.append(tails(f"{label}_bias", inputs, np.array(self.technology.amplifier.bias_current)))

    def inverters(self, label: str, summing: Indices, out: Indices, resistance: float) -> None:
        """Add op-amps that hold the nodes `summing` at ground through `resistance` (ohm) from `out`: e = -R i."""
        self.amplifiers(label, np.full_like(out, DATUM), summing, out)
        self.resistors(f"{label}_back", out, summing, resistance)
        if self.technology.row_capacitance > 0:
            self.storages(f"{label}_wire", summing, self.technology.row_capacitance)
        else:
            self.junctions(f"{label}_in", summing)

    def buffers(self, label: str, inputs: Indices, volts: float) -> Indices:
        """Add ideal followers of `inputs`, which deliver any current, and return their nodes."""
        nodes = self.nodes(label, inputs.size, volts)
        self.adders(f"{label}_buffer", nodes, inputs)
        return nodes

    def resistors(self, label: str, a: Indices, b: Indices, resistance: float) -> None:
        """Add resistors of `resistance` (ohm) from `a` to `b`."""
        self.conductors(label, a, b, 1.0 / resistance)

    def pairs(self, label: str, shape: Shape, reading: Input) -> Input:
        """Add differential pairs of `shape` behind attenuators at `reading`, and return their outputs.

        A pair's tail current splits as I sigmoid(v/V_T), both sides as I tanh(v/2V_T): the attenuator is V_T, or 2 V_T,
        over the volts of a unit, at the temperature of the technology.

        Raises `UnsupportedError` for other shapes, and where the attenuator would have to amplify.
        """
        _check_pair(label, shape)
        data, size, volts = self.technology.pair, reading.nodes.size, self.technology.signal_volts
        thermal = thermal_voltage(data.temperature)
        stretch = thermal if shape is Shape.SIGMOID else 2.0 * thermal
        base = self.nodes(f"{label}_base", size, stretch)
        ratio = abs(reading.slope) * stretch / reading.volts
        _check_ratio(label, ratio)
        self.resistors(f"{label}_top", reading.nodes, base, data.divider_resistance * (1.0 / ratio - 1.0))
        self.to_datum(f"{label}_foot", base, 1.0 / data.divider_resistance)
        self.junctions(f"{label}_base", base)
        p, n = replace(reading, nodes=base).ends
        factor = Factor(shape=shape, p=p, n=n, scale=np.array(1.0 / stretch), offset=np.array(reading.offset))
        nodes = self.nodes(label, size, volts)
        current = np.array(volts / data.load_resistance)
        self.parts.append(Pairs(label=f"{label}_pair", line=ALWAYS, factors=(factor,), out=nodes, current=current))
        self._load(label, nodes, data.load_resistance, data.load_capacitance)
        return Input(nodes=nodes, volts=volts)

    def multipliers(self, label: str, inputs: tuple[Input, ...], out: Indices, volts: float) -> None:
        """Add multipliers whose buffered outputs `out` are `volts` times the product of the `inputs`."""
        data = self.technology.multiplier
        factors = tuple(
            Factor(
                shape=Shape.LINEAR,
                p=entry.ends[0],
                n=entry.ends[1],
                scale=np.array(abs(entry.slope) / entry.volts),
                offset=np.array(entry.offset),
            )
            for entry in inputs
        )
        nodes = self.nodes(f"{label}_core", out.size, abs(volts))
        current = np.array(volts / data.load_resistance)
        self.parts.append(Pairs(label=f"{label}_mult", line=ALWAYS, factors=factors, out=nodes, current=current))
        self._load(f"{label}_core", nodes, data.load_resistance, data.load_capacitance)
        self.adders(f"{label}_buffer", out, nodes)

    def sample_and_holds(self, label: str, line: str, source: Indices, out: Indices, volts: float) -> Indices:
        """Add sample-and-holds that follow `source` while `line` is high; return the nodes of their capacitors."""
        data = self.technology.hold
        nodes = self.nodes(f"{label}_cap", out.size, volts)
        self.samplers(f"{label}_take", line, source, nodes)
        self.storages(f"{label}_cap", nodes, data.capacitance)
        self.to_datum(f"{label}_leak", nodes, 1.0 / data.leak_resistance)
        self.amplifiers(label, nodes, out, out)
        return nodes

    def samplers(self, label: str, line: str, a: Indices, b: Indices) -> None:
        """Add the switches of a sample-and-hold from `a` to `b`, closed while `line` is high."""
        data = self.technology.hold
        self.switches(label, line, a, b, closed=1.0 / data.closed_resistance, opened=1.0 / data.opened_resistance)

    def _load(self, label: str, nodes: Indices, resistance: float, capacitance: float) -> None:
        self.to_datum(f"{label}_load", nodes, 1.0 / resistance)
        self.storages(f"{label}_pole", nodes, capacitance)


def _check_pair(label: str, shape: Shape) -> None:
    if shape not in (Shape.SIGMOID, Shape.TANH):
        must, do = "be a sigmoid, a tanh or linear in op-amps", "use BEHAVIOURAL for other curves"
        raise UnsupportedError(explain(f"curve {label}", must=must, got=shape.value, do=do))


def _check_ratio(label: str, ratio: float) -> None:
    if not 0.0 < ratio < 1.0:
        must, do = "have a ratio of 0 to 1", "choose more volts for a unit, or a slope that is less steep"
        raise UnsupportedError(explain(f"attenuator {label}", must=must, got=f"{ratio:.3g}", do=do))


def _ground(nodes: Indices) -> Indices:
    return np.full_like(nodes, DATUM)
