"""Imperfections of op-amps, differential pairs, multipliers and sample-and-holds.

A pair is a bank of `Pairs` with a saturating tier, a multiplier is one of linear tiers only. A sample-and-hold is a
capacitor behind a switch. A network that has not the parts of which a record speaks is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeGuard

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, explain
from lstm_analog.imperfections.base import InRange, Streams, alter, change, circuit, holding, strength, unused_label
from lstm_analog.network.data_sheets import tails
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import ALWAYS, DATUM, Conductors, Factor, OpAmps, Pairs, Part, Storages, Switches
from lstm_analog.network.shapes import Shape
from lstm_analog.network.varying import CHANCE


@checked_record
@dataclass(frozen=True, kw_only=True)
class AmplifierOffset:
    """Op-amps have input offsets, normally distributed with standard deviation `volts`."""

    volts: Annotated[float, strength("amplifier offset", "give volts")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class PairOffset:
    """Differential pairs have input offsets, normal with standard deviation `volts` at the pair, comparable to V_T."""

    volts: Annotated[float, strength("pair offset", "give volts at the pair")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class PairGain:
    """Tail currents of pairs have a normal relative error of standard deviation `share`."""

    share: Annotated[float, strength("pair gain")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class MultiplierGain:
    """Gains of multipliers have a normal relative error of standard deviation `share`."""

    share: Annotated[float, strength("multiplier gain")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class MultiplierOffset:
    """Multipliers have normal output offsets; the standard deviation is `share` of the output for a product of 1."""

    share: Annotated[float, strength("multiplier offset", "give a share, 1e-3 for 1 mV of 1 V")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class PairTemperature:
    """Pairs are at `kelvin`, their attenuators are `made_for` another temperature (K): only V_T = kT/q changes."""

    kelvin: Annotated[float, InRange("temperature", 1.0, np.inf, "give kelvin")]
    made_for: Annotated[float, InRange("temperature", 1.0, np.inf, "give kelvin")]

    @property
    def ratio(self) -> float:
        """What 1/V_T is multiplied by."""
        return self.made_for / self.kelvin


@checked_record
@dataclass(frozen=True, kw_only=True)
class ClockFeedthrough:
    """A switch leaves charge on its hold capacitor C_h as it opens, modelled as an offset of the op-amp behind it.

    Half of the clock's `swing` (V) couples through the `overlap` capacitance C_ov (F) once the channel is off; before
    that the channel R_on carries C_ov dV/dt of an edge of `fall` (s): `swing/2 C_ov/C_h + R_on C_ov swing/fall`, down.
    That is 13.75 mV for 50 fF on 10 pF, 5 V in 20 ns, 100 ohm (ngspice 13.8; docs/opamps.md#feedthrough). The offset is
    there while the switch is closed, too, when the output is not read.
    """

    overlap: Annotated[float, strength("feedthrough overlap", "give farad")]
    swing: Annotated[float, strength("feedthrough swing", "give volts")]
    fall: Annotated[float, InRange("feedthrough fall", 5e-324, np.inf, "give seconds")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class HoldLeak:
    """Hold capacitors leak to ground through a `conductance` G (S): the droop rate is G/C_h."""

    conductance: Annotated[float, strength("hold leak", "give siemens, 1e-9 for 1 Gohm")]


@alter.register
def _(imperfection: AmplifierOffset, network: Network, streams: Streams) -> Network:
    def shifted(part: OpAmps) -> OpAmps:
        drawn = streams.normal(f"amplifier offset {part.label}", (part.state.size,))
        return replace(part, offset=part.offset + imperfection.volts * drawn)

    network = holding(network, OpAmps)
    return change(network, OpAmps, shifted) if imperfection.volts else network


@alter.register
def _(imperfection: PairOffset, network: Network, streams: Streams) -> Network:
    def shifted(factor: Factor, part: Pairs, number: int) -> Factor:
        drawn = streams.normal(f"pair offset {part.label} {number}", (part.out.size,))
        return replace(factor, offset=factor.offset + factor.scale * imperfection.volts * drawn)

    _banks(network, _is_pair)
    return _change_tiers(network, shifted) if imperfection.volts else network


def _banks(network: Network, is_one: Callable[[Part], TypeGuard[Pairs]]) -> list[Pairs]:
    """Return the pairs of `network`, or its multipliers, as `is_one` tells; raise `NetworkError` if there are none.

    What makes flows of the sources that stand for chance is left out.
    """
    chance = np.concatenate([np.empty(0, np.int64), *(network.unknowns[label] for label in network.said(CHANCE))])
    found = [part for part in filter(is_one, network.parts) if not np.isin(part.factors[0].p, chance).any()]
    if not found:
        must = "have differential pairs" if is_one is _is_pair else "have multipliers"
        do = "choose a technology that is built of them"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    return found


def _is_pair(part: Part) -> TypeGuard[Pairs]:
    """Return whether `part` is a bank of differential pairs: it is steered by its inputs, and saturates."""
    return _is_steered(part) and any(factor.shape is not Shape.LINEAR for factor in part.factors)


def _is_multiplier(part: Part) -> TypeGuard[Pairs]:
    """Return whether `part` is a bank of multipliers: it is steered by its inputs, and none of them saturates."""
    return _is_steered(part) and all(factor.shape is Shape.LINEAR for factor in part.factors)


def _is_steered(part: Part) -> TypeGuard[Pairs]:
    """Return whether `part` is a bank of currents that depend on an input."""
    return isinstance(part, Pairs) and any(factor.scale.any() for factor in part.factors)


def _change_tiers(network: Network, by: Callable[[Factor, Pairs, int], Factor]) -> Network:
    """Return `network` with each saturating tier replaced `by` a function of it, of its bank and of its number."""

    def changed(part: Pairs) -> Pairs:
        tiers = enumerate(part.factors)
        return replace(
            part, factors=tuple(tier if tier.shape is Shape.LINEAR else by(tier, part, n) for n, tier in tiers)
        )

    return change(network, Pairs, changed)


@alter.register
def _(imperfection: PairGain | MultiplierGain, network: Network, streams: Streams) -> Network:
    chosen = _is_multiplier if isinstance(imperfection, MultiplierGain) else _is_pair

    def scaled(part: Pairs) -> Pairs:
        drawn = streams.normal(f"gain {part.label}", (part.out.size,))
        return replace(part, current=part.current * (1.0 + imperfection.share * drawn))

    banks = _banks(network, chosen)
    if not imperfection.share:
        return network
    return change(network, Pairs, lambda part: scaled(part) if part in banks else part)


@alter.register
def _(imperfection: MultiplierOffset, network: Network, streams: Streams) -> Network:
    banks = _banks(network, _is_multiplier)
    if not imperfection.share:
        return network
    added = []
    for part in banks:
        drawn = streams.normal(f"multiplier offset {part.label}", (part.out.size,))
        label = unused_label(network, f"{part.label}_offset")
        added.append(tails(label, part.out, imperfection.share * drawn * np.abs(part.current)))
    return replace(network, parts=(*network.parts, *added))


@alter.register
def _(imperfection: PairTemperature, network: Network, streams: Streams) -> Network:
    _banks(network, _is_pair)
    return warmed_pairs(network, imperfection.ratio)


def warmed_pairs(network: Network, ratio: float) -> Network:
    """Return `network` with 1/V_T of its pairs multiplied by `ratio`."""

    def warmed(factor: Factor, part: Pairs, number: int) -> Factor:
        return replace(factor, scale=factor.scale * ratio, offset=factor.offset * ratio)

    return _change_tiers(network, warmed)


@alter.register
def _(imperfection: ClockFeedthrough, network: Network, streams: Streams) -> Network:
    capacitance, resistance = _held(network)
    followed = [part.plus for part in network.parts if isinstance(part, OpAmps)]
    if not any(np.isin(nodes, np.flatnonzero(capacitance)).any() for nodes in followed):
        must, do = "have op-amps that follow hold capacitors", "compile it with OPAMP"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    edge = imperfection.overlap * imperfection.swing

    def stepped(part: OpAmps) -> OpAmps:
        held = np.isin(part.plus, np.flatnonzero(capacitance))
        size = np.where(held, capacitance[part.plus], 1.0)
        pedestal = edge * (0.5 / size + resistance[part.plus] / imperfection.fall)
        return replace(part, offset=part.offset - np.where(held, pedestal, 0.0))

    return change(network, OpAmps, stepped)


@alter.register
def _(imperfection: HoldLeak, network: Network, streams: Streams) -> Network:
    nodes = np.flatnonzero(_held(circuit(network))[0])
    if not imperfection.conductance:
        return network
    leak = Conductors(
        label=unused_label(network, "hold_leak"),
        a=nodes,
        b=np.full_like(nodes, DATUM),
        conductance=np.array(imperfection.conductance),
    )
    return replace(network, parts=(*network.parts, leak))


def _held(network: Network) -> tuple[Floats, Floats]:
    """Return the hold capacitance at every unknown (F), 0 for none, and the switch resistance (ohm), (unknowns,) each.

    Hold capacitors of `network` are those behind switches.
    """
    capacitance, resistance = np.zeros((2, network.unknowns.size))
    for part in network.parts:
        if isinstance(part, Storages):
            capacitance[part.nodes] = part.capacitance
    for part in network.parts:
        if isinstance(part, Switches) and part.line != ALWAYS:
            resistance[part.b] = 1.0 / part.closed
    capacitance[resistance == 0.0] = 0.0
    if not capacitance.any():
        must, do = "have capacitors behind switches", "compile it with CLOCKED"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    return capacitance, resistance
