"""Imperfections of the liquid: another viscosity, entrained air, and the laws of another temperature."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, explain
from lstm_analog.imperfections.base import (
    TUBES,
    AboveZero,
    InRange,
    Streams,
    alter,
    change,
    change_fields,
    filling,
    plumbing,
)
from lstm_analog.network.fluids import ATMOSPHERE, Filling
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    Conductors,
    Crossbars,
    Inertances,
    Junctions,
    Part,
    Ports,
    Spools,
    Stops,
    Storages,
    Switches,
)
from lstm_analog.network.properties import Multiple
from lstm_analog.network.roles import tanks

_Chamber = Storages | Junctions
_CONDUCTANCES: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {Crossbars: TUBES, Ports: ("conductance",), Conductors: ("conductance",)}
    | dict.fromkeys((Switches, Inertances), ("closed", "opened"))
)
"""The fields that are inversely proportional to the viscosity, by kind of part."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class ViscosityChange:
    """Multiply the liquid's viscosity, and so the friction of spools, by `factor` everywhere; 1 changes nothing."""

    factor: Annotated[float, AboveZero("viscosity factor", "give new over old viscosity")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class EntrainedAir:
    """Bubbles take a `share` of the liquid's volume at atmospheric pressure and make the chambers more compliant.

    Each chamber of the `banks` encloses `volume` (m3), bubbles included; without labels all manifolds and bridges are
    meant, but no tanks, which are far softer. At the pressure p of the datum the bubbles are compressed (Boyle 1662) to
    a share x, and the effective bulk modulus is 1/beta_e = (1 - x)/beta + x/p (H. E. Merritt, Hydraulic Control
    Systems, 1967, 2-3; p isothermal, for the slow changes here). V (1/beta_e - 1/beta) is added to the capacitance C of
    a chamber; in ideal detail, where it has none, that is its C.
    """

    share: Annotated[float, InRange("entrained air", 0.0, 0.5, "give a share of the volume, 0.01 for 1 %")]
    volume: Annotated[float, AboveZero("volume of entrained air", "give what one chamber encloses (m3)")]
    banks: tuple[str, ...] = ()


def heated_liquid(network: Network, celsius: float) -> Network:
    """Return `network` with its liquid at `celsius`; raises `NetworkError` unless it says what flows in it."""
    old = filling(network)
    fluid = old.fluid.at(celsius)
    heavier = fluid.density / old.fluid.density
    moved = _thickened(network, fluid.viscosity / old.fluid.viscosity, heavier)
    return replace(_weighed(moved, old, heavier), filling=replace(old, fluid=fluid))


@alter.register
def _(imperfection: ViscosityChange, network: Network, streams: Streams) -> Network:
    factor, old = imperfection.factor, network.filling
    thickened = _thickened(plumbing(network), factor, 1.0)
    if old is None or factor == 1.0:
        return thickened
    law = Multiple(law=old.fluid.viscosity_law, factor=factor)
    return replace(thickened, filling=replace(old, fluid=replace(old.fluid, viscosity_law=law)))


def _thickened(network: Network, thicker: float, heavier: float) -> Network:
    """Return `network` with its viscosity multiplied by `thicker` and its density by `heavier`, except in its tanks.

    Orifices have G0 = Cd A sqrt(2/(rho pcr)) with pcr ~ mu^2/rho: far above pcr the flow is proportional to rho^-1/2
    and independent of mu.
    """
    transition = thicker**2 / heavier
    network = change_fields(network, _CONDUCTANCES, lambda value: value / thicker)
    drops = dict.fromkeys((Crossbars, Ports), ("transition",))
    network = change_fields(network, drops, lambda value: value * transition)
    network = change_fields(network, {Crossbars: ("end_flow",)}, lambda value: value * (thicker / heavier))
    network = change_fields(network, {Inertances: ("inertance",)}, lambda value: value * heavier)
    return change_fields(network, {Spools: ("damping",)}, lambda value: value * thicker)


def _weighed(network: Network, old: Filling, heavier: float) -> Network:
    """Return `network` with its open tanks, which `old` names, filled by a liquid `heavier` times as dense.

    The capacitance A/(rho g) of a tank falls with the density rho, the pressure rho g h at which it is full rises.
    """
    open_nodes = [part.nodes for part in network.parts if part.label in old.open_tanks and isinstance(part, Storages)]
    nodes = np.concatenate([np.empty(0, np.int64), *open_nodes])

    def tank(part: Storages) -> Storages:
        return replace(part, capacitance=part.capacitance / heavier) if _within(part.nodes, nodes) else part

    def brim(part: Stops) -> Stops:
        full = (part.high + old.datum) * heavier - old.datum
        return replace(part, high=full) if _within(part.nodes, nodes) else part

    return change(change(network, Storages, tank), Stops, brim)


def _within(some: Indices, nodes: Indices) -> bool:
    return bool(np.isin(some, nodes).all())


@alter.register
def _(imperfection: EntrainedAir, network: Network, streams: Streams) -> Network:
    liquid = filling(network)
    pressure, free = ATMOSPHERE + liquid.datum, imperfection.share * ATMOSPHERE
    share = free / (free + (1.0 - imperfection.share) * pressure)
    added = imperfection.volume * share * (1.0 / pressure - 1.0 / liquid.fluid.bulk_modulus)
    chosen = imperfection.banks or _chambers(network)

    def softer(part: Part) -> Part:
        if part.label not in chosen or not added:
            return part
        if isinstance(part, Storages):
            return replace(part, capacitance=part.capacitance + added)
        return Storages(label=part.label, nodes=_chamber(part).nodes, capacitance=np.array(added))

    for label in chosen:
        _chamber(network.part(label))
    return replace(network, parts=tuple(map(softer, network.parts)))


def _chambers(network: Network) -> tuple[str, ...]:
    """Return the labels of the chambers of `network` other than tanks; raise `NetworkError` if there are none."""
    vessels = {part.label for part in tanks(network)}
    found = tuple(p.label for p in network.parts if isinstance(p, Storages | Junctions) and p.label not in vessels)
    if not found:
        do = "name the banks that enclose liquid"
        raise NetworkError(explain("the network", must="have chambers besides its tanks", got="none", do=do))
    return found


def _chamber(part: Part) -> _Chamber:
    if isinstance(part, Storages | Junctions):
        return part
    got, do = type(part).__name__, "choose manifolds, bridges or tanks"
    raise NetworkError(explain(f"part {part.label}", must="be a chamber or a tank", got=got, do=do))
