"""What circuits take to run: currents of their networks from the rails, quiescent currents, gates, and areas.

An output that gives or takes a current I draws it from a rail, V |I|, whatever its own voltage (class B). A pair, or a
transconductor, draws its tail from both rails all the time, 2 V I (class A); the tail of a transconductor is its
current for one unit of its input. A gate of a clocked switch takes C V^2 each time its line rises. Of a chip of
transistor cells a run has the power of each source (`power`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos_cell import is_unit
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections.ideal import idealised
from lstm_analog.network import parts
from lstm_analog.network.bank import count
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import flow
from lstm_analog.network.parts import ALWAYS, Part
from lstm_analog.network.roles import tanks
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.network.varying import CHANCE
from lstm_analog.study.consumption import Consumer, Consumption, PartCount, while_running
from lstm_analog.study.figures import CellFigures, CircuitFigures, SourcedValue
from lstm_analog.study.flows import Moments, mean_heat, moments_of, outflow, shares_on
from lstm_analog.study.run import PassRun, Run, check_run


@checked_record
@dataclass(frozen=True, kw_only=True)
class Power:
    """Mean power over the steps of a run.

    * `sources`: label and power (W) of each bank of sources: the supply of the cells, the rails of columns
      and dividers, inputs and bias. It is negative if current flows back into a rail. Clocks and reset levels drive
      gates only and are left out.
    * `units`, `step_time`: the number of cells; length of a step (s).
    """

    sources: tuple[tuple[str, float], ...]
    units: int
    step_time: float

    @property
    def supply(self) -> float:
        """The power of the supply of the cells (W)."""
        return dict(self.sources)["supply"]

    @property
    def total(self) -> float:
        """The power of all sources (W); power that flows back into a rail is lost and not subtracted."""
        return sum(max(power, 0.0) for _, power in self.sources)

    @property
    def step_rate(self) -> float:
        """Steps per second."""
        return 1.0 / self.step_time

    @property
    def energy(self) -> float:
        """Energy (J) of the supply for each unit and step."""
        return self.supply * self.step_time / self.units

    def __str__(self) -> str:
        return (
            f"{self.supply / self.units * 1e3:.3g} mW a unit from the supply, {self.total / self.units * 1e3:.3g} mW "
            f"with all rails and inputs; {self.step_rate / 1e6:.3g} million steps a second, "
            f"{self.energy * 1e9:.3g} nJ a unit and step"
        )


@checked
def power(run: Run) -> Power:
    """Return the mean power of the sources of `run`, from the end of the reset to the end of the last step.

    Raises `UnsupportedError` unless the machine is of transistor cells, because ideal sources have no supply, in one
    pass; `InvalidValueError` if the run has not kept all unknowns in all intervals.
    """
    check_run(run.compiled, run)
    return _power(run.passes[0])


def _power(one: PassRun) -> Power:
    """Return the mean power of the sources in the pass `one`, which must have kept everything."""
    network = one.trajectory.network
    cells = [part for part in network.parts if isinstance(part, parts.Cells)]
    if not cells:
        do = "compile in electrical.BICMOS"
        raise UnsupportedError(explain("the machine", must="be built of transistor Cells", got="none", do=do))
    sources = [part for part in network.parts if isinstance(part, parts.Sources)]
    energy, duration = np.zeros(network.unknowns.size), 0.0
    for some in moments_of(one.trajectory):
        energy += some.weights @ (some.efforts * outflow(network, some.efforts, some.high))
        duration += float(some.weights.sum())
    return Power(
        sources=tuple((part.label, float(energy[part.nodes].sum()) / duration) for part in sources),
        units=sum(part.pins.shape[1] for part in cells if is_unit(part)),
        step_time=one.compiled.cycle.step_time,
    )


_Bank = TypeVar("_Bank")
_OUTPUTS = {
    parts.OpAmps: "outputs of op-amps",
    parts.Followers: "outputs of buffers",
    parts.Sources: "inputs and biases",
}
"""Parts that drive nodes from the rails, and what they are called."""


def circuit_cost(trajectory: Trajectory, figures: CircuitFigures, running: float) -> Consumption:
    """Return what the circuit of `trajectory` takes, with the constants `figures`; it must have kept everything.

    Its clock is `running` for that share of the time.
    """
    network, rail = trajectory.network, figures.supply
    driven = (
        Consumer(what=what, power=rail.value * current, source=rail.source)
        for what, current in _currents(trajectory).items()
    )
    gates = while_running(_gates(trajectory.schedule, network, figures), running)
    return Consumption(
        consumers=(*driven, *_standing(trajectory, figures), gates),
        parts=tuple(kind for kind in _parts(network, figures) if kind.number),
        heat=mean_heat(trajectory),
    )


def cell_cost(one: PassRun, figures: CellFigures, running: float) -> Consumption:
    """Return what transistor cells take, by `figures`, in the pass `one`, whose clock is `running` for that share."""
    network, drawn = one.trajectory.network, _power(one)
    sources = tuple(
        Consumer(what=label, power=max(watts, 0.0), source="the run") for label, watts in drawn.sources if watts
    )
    clocked = figures.gates.value * drawn.units * figures.gate.value * figures.swing.value**2 * drawn.step_rate
    gates = Consumer(what="gates of switches", power=clocked, source=figures.gate.source)
    weights = sum(_nonzero(part.positive, part.negative) for part in _kind(network.parts, parts.Crossbars))
    return Consumption(
        consumers=(*sources, while_running(gates, running)),
        parts=(
            _counted("transistor cells", drawn.units, figures.cell_area),
            _counted("resistors of weights", weights, figures.device_area),
        ),
        heat=mean_heat(one.trajectory),
    )


def _currents(trajectory: Trajectory) -> dict[str, float]:
    """Return the mean current (A) that each kind of output gives or takes."""
    driving = [part for part in trajectory.network.parts if type(part) in _OUTPUTS]
    charge, duration = {_OUTPUTS[type(part)]: 0.0 for part in driving}, 0.0
    for some in moments_of(trajectory):
        out = outflow(trajectory.network, some.efforts, some.high)
        duration += float(some.weights.sum())
        for part in driving:
            charge[_OUTPUTS[type(part)]] += float(some.weights @ np.abs(_given(part, some, out)).sum(axis=1))
    return {what: each / duration for what, each in charge.items()}


def _given(part: Part, some: Moments, out: Floats) -> Floats:
    """Return the current (n, m) that each output of `part` gives at the moments, `out` being that out of each node."""
    if isinstance(part, parts.OpAmps):
        return flow(part, some.efforts, some.high)[..., 1, :]  # row 0 goes into their states
    return out[:, part.nodes] if isinstance(part, parts.Sources | parts.Followers) else np.zeros((len(out), 1))


def _standing(trajectory: Trajectory, figures: CircuitFigures) -> Iterator[Consumer]:
    """Yield what stands whatever the signals: tails and quiescent currents, from both rails."""
    network, both = trajectory.network, 2.0 * figures.supply.value
    built = _built(network, figures)
    amplifiers, pairs = _kind(built, parts.OpAmps), _kind(built, parts.Pairs)
    hold = max((float(bank.capacitance.max()) for bank in tanks(network)), default=0.0)
    bandwidth = sum(float((bank.transconductance / bank.capacitance).sum()) for bank in amplifiers)
    rate = figures.amplifier_rate.value * hold * bandwidth / (2.0 * np.pi)
    quiet = (
        ("op-amps at rest", _amplifiers(built, figures), figures.amplifier_current, rate),
        ("buffers at rest", _number(built, parts.Followers), figures.buffer_current, 0.0),
        ("multipliers at rest", _multipliers(built), figures.multiplier_current, 0.0),
    )
    for what, number, each, more in quiet:
        source = f"{each.source}; {figures.amplifier_rate.source}" if more else each.source
        if number:
            yield Consumer(what=what, power=both * (each.value * number + more), source=source)
    on = shares_on(trajectory.schedule)
    scales, banks = network.unknowns.scales(), _kind(built, parts.Transconductors)
    tail = sum(float(np.abs(bank.current).sum()) * on(bank.line) for bank in pairs)
    full = sum(float((np.abs(bank.transconductance) @ scales[bank.inputs]).sum()) for bank in banks)
    for what, current in (("tails of pairs and multipliers", tail), ("tails of transconductors", full)):
        if current:
            yield Consumer(what=what, power=both * current, source=figures.supply.source)


def _gates(schedule: Schedule, network: Network, figures: CircuitFigures) -> Consumer:
    """Return what the gates of clocked parts take, by the rising edges of their lines."""
    rises = (schedule.high[1:] & ~schedule.high[:-1]).sum(axis=0)
    clocked = [part for part in network.parts if isinstance(part, parts.Switches | parts.Pairs | parts.Ports)]
    edges = sum(count(part) * int(rises[part.line]) for part in clocked if part.line != ALWAYS)
    energy = edges * figures.gate.value * figures.swing.value**2
    return Consumer(
        what="gates of switches", power=energy / float(schedule.durations[1:].sum()), source=figures.gate.source
    )


def _parts(network: Network, figures: CircuitFigures) -> Iterator[PartCount]:
    built = _built(network, figures)
    crossbars, banks = _kind(built, parts.Crossbars), _kind(built, parts.Transconductors)
    devices = sum(_nonzero(part.positive, part.negative) for part in crossbars)
    loads = sum(_nonzero(part.plus_load, part.minus_load) for part in crossbars)
    total = sum(float(bank.capacitance.sum()) for bank in _kind(built, parts.Storages))
    yield _counted("conductances of weights", devices, figures.device_area)
    yield _counted("transconductors", sum(_nonzero(bank.transconductance) for bank in banks), figures.device_area)
    yield _counted("op-amps", _amplifiers(built, figures), figures.amplifier_area)
    yield _counted("buffers", _number(built, parts.Followers), figures.buffer_area)
    yield _counted("multipliers", _multipliers(built), figures.multiplier_area)
    yield _counted("pairs", _number(built, parts.Pairs) - _multipliers(built), figures.pair_area)
    yield _counted("resistors", _number(built, parts.Conductors) + loads, figures.resistor_area)
    yield _counted("switches", _number(built, parts.Switches), figures.switch_area)
    yield _counted("controlled conductances", _number(built, parts.Ports), figures.switch_area)
    own = _counted("capacitors", _number(built, parts.Storages), figures.capacitor_area)
    room, source = own.room + total * figures.capacitance_area.value, figures.capacitance_area.source
    yield PartCount(what=own.what, number=own.number, room=room, source=source)


def _counted(what: str, number: int, each: SourcedValue) -> PartCount:
    return PartCount(what=what, number=number, room=number * each.value, source=each.source)


def _multiplies(pairs: parts.Pairs) -> bool:
    return all(tier.shape is Shape.LINEAR for tier in pairs.factors)


def _multipliers(built: list[Part]) -> int:
    return sum(count(bank) for bank in _kind(built, parts.Pairs) if _multiplies(bank))


def _amplifiers(built: list[Part], figures: CircuitFigures) -> int:
    """Return the number of op-amps among the parts `built`, those around pairs and multipliers included."""
    return _number(built, parts.OpAmps) + int(figures.inner_amplifiers.value) * _number(built, parts.Pairs)


def _built(network: Network, figures: CircuitFigures) -> list[Part]:
    """Return the parts of `network` that are built as parts of their own; `figures` say what multipliers have inside.

    No part are leaks of what is held, capacitances of wires at the inputs of op-amps, the input currents of op-amps,
    which are pairs that follow no signal, and the flicker of channels, a pair that follows chance.
    """
    chance = [node for label in network.said(CHANCE) for node in network.unknowns[label][:1]]
    pairs = [bank for bank in _kind(network.parts, parts.Pairs) if not np.isin(bank.factors[0].p[:1], chance).any()]
    pairs = [bank for bank in pairs if any(tier.scale.any() for tier in bank.factors)]
    wires = [bank.minus for bank in _kind(network.parts, parts.OpAmps)]
    inner = [bank.out for bank in pairs if _multiplies(bank)] if figures.multiplier_inside.value else []
    summing, products = (np.concatenate([np.empty(0, np.int64), *nodes]) for nodes in (wires, inner))

    def is_built(part: Part) -> bool:
        if isinstance(part, parts.Pairs):
            return any(part is bank for bank in pairs)
        if isinstance(part, parts.Conductors):
            return not (idealised(part, network) or np.isin(part.a, products).all())
        if isinstance(part, parts.Storages):
            return not (np.isin(part.nodes, summing).all() or np.isin(part.nodes, products).all())
        return not (isinstance(part, parts.Followers) and np.isin(part.terms[0].inputs, products).all())

    return [part for part in network.parts if is_built(part)]


def _nonzero(*sides: Floats) -> int:
    return sum(int(np.count_nonzero(side)) for side in sides)


def _number(built: Iterable[Part], kind: type[Part]) -> int:
    return sum(map(count, _kind(built, kind)))


def _kind(parts: Iterable[Part], kind: type[_Bank]) -> list[_Bank]:
    return [part for part in parts if isinstance(part, kind)]
