"""Design rules of tubes: laminar flow, small end loss, a bore that is sold, no ringing, no water hammer."""

from collections.abc import Callable, Iterator

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.hardware import SHARE_LOST, end_loss
from lstm_analog.network.parts import Crossbars, Inertances, Switches
from lstm_analog.study.findings import Bound, Finding, Rule, Severity, judge, place_of
from lstm_analog.study.operation import Plant
from lstm_analog.study.settling import settling_error
from lstm_analog.study.tubes import TubeBank, Use

LAMINAR = 2300.0
"""Reynolds number up to which flow in a round tube stays laminar."""
ENTRANCE = 0.05
"""Largest entrance length, 0.06 Re d, over the length of the tube."""
SLUGGISH = 0.1
"""Largest time constant of a lag that is not modelled, over the slowest time constant."""
YIELD = 0.05
"""Largest capacitance of the tubes into a chamber, over that of the chamber."""
TOLERATED = 0.01
"""Largest shift of a signal by an effect that is not modelled, in units of signal."""
CHAIN = 4
"""Number of poles in a chain that settle in a phase: manifold, bridge, cell, output."""


def tube_findings(plant: Plant, bank: TubeBank) -> Iterator[Finding]:
    """Yield the findings on the tubes of one `bank` of `plant`."""
    place = place_of(plant.names, bank.a, bank.b)
    fluid, bores = bank.fluid, bank.bore
    reynolds = 4.0 * fluid.density * bank.flow / (np.pi * fluid.viscosity * bores)
    lost = end_loss(bank.flow, bank.length, fluid)
    hardware, assumed = plant.technology.hardware, bank.use is Use.PORT
    inertance = _lag(plant, bank) / plant.compiled.time_constant
    for rule, values, limit in (
        (Rule.REYNOLDS, reynolds, LAMINAR),
        (Rule.END_LOSS, lost, SHARE_LOST),
        (Rule.ENTRANCE, 0.06 * reynolds * bores / bank.length, ENTRANCE),
        (Rule.INERTANCE, inertance, SLUGGISH),
    ):
        yield judge(rule, values, limit, part=bank.label, place=place, assumed=assumed)
    sizes = (
        (Rule.BORE_SMALL, hardware.least_bore, Bound.AT_LEAST),
        (Rule.BORE_LARGE, hardware.largest_bore, Bound.AT_MOST),
    )
    for rule, limit, bound in sizes:
        yield judge(rule, bores * 1e3, limit * 1e3, part=bank.label, place=place, bound=bound, assumed=True)
    if bank.use is Use.TANK_LINE:
        yield from _tank_line(plant, bank, place)


def _lag(plant: Plant, bank: TubeBank) -> Floats:
    """Return I/R of the tubes of `bank` (s), by their inertance if they have one, else rho d^2/(24 mu)."""
    part = plant.compiled.network.part(bank.label)
    if isinstance(part, Inertances):
        own: Floats = (part.inertance * part.closed).reshape(-1, part.a.size).max(axis=0)
        return own
    return bank.fluid.density * bank.bore**2 / (24.0 * bank.fluid.viscosity)


def _tank_line(plant: Plant, bank: TubeBank, place: Callable[[int], str]) -> Iterator[Finding]:
    """Yield the findings on damping sqrt(tau R/I)/2 and water hammer rho a v (Joukowsky 1898), a = sqrt(beta/rho)."""
    fluid, hardware = bank.fluid, plant.technology.hardware
    own = plant.technology.tank / (bank.conductance * bank.count)
    damping = 0.5 * np.sqrt(own / _lag(plant, bank))
    yield judge(Rule.DAMPING, damping, 1.0, part=bank.label, place=place, bound=Bound.AT_LEAST)
    impedance = np.sqrt(fluid.density * fluid.bulk_modulus) / (0.25 * np.pi * bank.bore**2)
    full = impedance * bank.flow
    yield judge(
        Rule.HAMMER_FULL, full, hardware.rating, part=bank.label, place=place, worst=Severity.NOTE, assumed=True
    )
    settled = impedance * _settled_flow(plant, bank)
    limit = TOLERATED * plant.technology.pressure_unit
    yield judge(Rule.HAMMER_SETTLED, settled, limit, part=bank.label, place=place)


def _settled_flow(plant: Plant, bank: TubeBank) -> Floats:
    """Return the flow (m3/s) of each tube of `bank` when its solenoid shuts."""
    switch, snapshots = plant.compiled.network.part(bank.label), plant.snapshots
    if snapshots is None or not isinstance(switch, Switches | Inertances):
        return bank.flow * settling_error(plant.compiled.settling, CHAIN)
    efforts = snapshots.efforts[snapshots.ending & snapshots.on(switch.line)]
    drop = np.abs(efforts[:, switch.a] - efforts[:, switch.b]).max(axis=0, initial=0.0)
    flow: Floats = bank.conductance * drop
    return flow


def manifold_findings(plant: Plant, part: Crossbars) -> Iterator[Finding]:
    """Yield the findings on manifolds of `part` of `plant`: time constant, damping, capacitance of their tubes."""
    technology, fluid = plant.technology, plant.technology.fluid
    nodes = np.concatenate((part.plus, part.minus))
    weights = np.concatenate((part.positive, part.negative), axis=-2)
    loads = np.concatenate((part.plus_load, part.minus_load), axis=-1)
    total = (weights.sum(axis=-1) + loads).reshape(-1, nodes.size).min(axis=0)
    widest = np.maximum(weights.max(axis=-1, initial=0.0), loads).reshape(-1, nodes.size).max(axis=0)
    place = place_of(plant.names, nodes)
    # d^2 = sqrt(128 mu L G/pi), for one tube or summed over those of a manifold
    square = np.sqrt(128.0 * fluid.viscosity * technology.capillary_length / np.pi)
    lag = technology.pilot / total
    inertance = fluid.density * square * np.sqrt(widest) / (24.0 * fluid.viscosity)
    area = 0.25 * np.pi * square * (np.sqrt(weights).sum(axis=-1) + np.sqrt(loads)).reshape(-1, nodes.size).max(axis=0)
    share = area * technology.capillary_length / fluid.bulk_modulus / technology.pilot
    lags = lag / plant.compiled.time_constant
    # a pole as slow as the tank's is in the settling law; a slower one is not
    yield judge(Rule.MANIFOLD, lags, 1.0, part=part.label, place=place)
    yield judge(Rule.COMPLIANCE, share, YIELD, part=part.label, place=place)
    damping = 0.5 * np.sqrt(lag / inertance)
    yield judge(Rule.DAMPING, damping, 1.0, part=part.label, place=place, bound=Bound.AT_LEAST, worst=Severity.NOTE)
