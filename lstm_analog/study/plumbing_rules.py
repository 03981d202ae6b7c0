"""Design rules of plumbing: tubes, ports, tanks, relays, solenoid valves, the liquid and the clock.

Tubes are to have laminar flow, small end loss and a bore that is sold, and neither ring nor hammer.
"""

from collections.abc import Callable, Iterator

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.hardware import GRAVITY, SHARE_LOST, OpenTube, SpringPiston, decay_time, end_loss
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.network.fluids import ATMOSPHERE
from lstm_analog.network.parts import DATUM, Crossbars, Followers, Inertances, Ports, Sources, Spools, Switches
from lstm_analog.network.roles import internal_states, tanks, valves
from lstm_analog.network.shapes import Shape, curve
from lstm_analog.study.comparison import SETTLED
from lstm_analog.study.findings import Bound, Finding, Rule, Severity, judge, place_of
from lstm_analog.study.flows import Supply
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


RINGING = 0.4
"""Least damping ratio of a spool, at which it overshoots by a quarter."""
HUNTING = 0.5
"""Least damping ratio of a relay: see `relay_damping`."""


def port_findings(plant: Plant, part: Ports) -> Iterator[Finding]:
    """Yield the findings on the ports of `part` of `plant`: the range of their trim, the lag of their chamber.

    An exponential port opens from R^-1/2 to R^1/2 times its conductance at rest, so |2 u| <= ln R, where 2 u is z for a
    sigmoid and 2 z for a tanh. Other ports have the range R from the least to the largest opening.
    """
    hardware = plant.technology.hardware
    low, high = plant.control(part.p, part.n, part.scale, part.offset)
    if part.shape is Shape.EXP:
        needed = 2.0 * np.maximum(np.abs(low), np.abs(high))
    else:
        tiny = np.finfo(float).tiny
        needed = np.abs(np.log(np.maximum(curve(part.shape, high), tiny) / np.maximum(curve(part.shape, low), tiny)))
    needed = needed.reshape(-1, part.a.size).max(axis=0)
    limit = min(float(np.log(hardware.rangeability)), 2.0 * float(part.limit.min()))
    place = place_of(plant.names, part.a, part.b)
    # without a run the need is what the weights allow, which trained signals seldom reach
    worst = Severity.NOTE if plant.snapshots is None else Severity.WARNING
    yield judge(Rule.TRIM, needed, limit, part=part.label, place=place, worst=worst, assumed=True)
    if part.shape is Shape.EXP:
        # two opposed ports conduct 2 G0 cosh(z/2), at rest the least
        lag = plant.technology.pilot / (2.0 * part.conductance.reshape(-1, part.a.size).min(axis=0))
        yield judge(Rule.MANIFOLD, lag / plant.compiled.time_constant, 1.0, part=part.label, place=place)


def tank_findings(plant: Plant) -> Iterator[Finding]:
    """Yield the findings on the tanks of `plant`: stops, springs, seals, capillary rise."""
    technology, network = plant.technology, plant.compiled.network
    low, high = (stop / technology.pressure_unit for stop in technology.reach())
    for part in tanks(network):
        nodes, place = part.nodes, place_of(plant.names, part.nodes)
        tops, bottoms = (value / technology.pressure_unit for value in (plant.highest(nodes), plant.lowest(nodes)))
        yield judge(Rule.STOPS_HIGH, tops, high, part=part.label, place=place, assumed=True)
        yield judge(Rule.STOPS_LOW, -bottoms, -low, part=part.label, place=place, assumed=True)
        if isinstance(technology.vessel, SpringPiston):
            pressed = (technology.datum + plant.highest(nodes)) * technology.tank / technology.vessel.area
            limit = technology.vessel.travel
            yield judge(Rule.PRELOAD, pressed, limit, part=part.label, place=place, assumed=True)
    yield from _vessel(plant)


def _vessel(plant: Plant) -> Iterator[Finding]:
    technology, vessel = plant.technology, plant.technology.vessel
    if isinstance(vessel, SpringPiston):
        yield _single(Rule.SEAL, vessel.seal_friction / (vessel.area * technology.pressure_unit), TOLERATED, True)
    if isinstance(vessel, OpenTube):
        # rise 4 sigma/(rho g d) of a wetting liquid (Jurin 1718), as a pressure; only what differs between tubes counts
        bore = np.sqrt(4.0 * technology.tank * technology.fluid.density * GRAVITY / np.pi)
        rise = 4.0 * technology.fluid.surface_tension / bore / technology.pressure_unit
        yield _single(Rule.CAPILLARY, vessel.wetting_spread * rise, TOLERATED, True)


def spool_findings(plant: Plant, part: Spools) -> Iterator[Finding]:
    """Yield the findings on the spools of `part` of `plant`: time constant and damping."""
    times = np.vectorize(decay_time)(part.frequency, part.damping).reshape(-1, part.p.size).max(axis=0)
    damping = part.damping.reshape(-1, part.p.size).min(axis=0)
    lag, place = times / plant.compiled.time_constant, place_of(plant.names, part.position)
    yield judge(Rule.SPOOL_TIME, lag, SLUGGISH, part=part.label, place=place, assumed=True)
    yield judge(Rule.SPOOL_DAMPING, damping, RINGING, part=part.label, place=place, bound=Bound.AT_LEAST, assumed=True)


def relay_damping(technology: Hydraulic) -> float:
    """Return the damping ratio of a relay of `technology` whose only load is its own bleed, behind a shut solenoid.

    A force balance has no spring, so it integrates, dq/dt = K (p_set - p), without droop. K = G/`relay_time`: loaded by
    a tank line of conductance G, its time constant is `relay_time`. Its outlet has C = `relay_volume`/beta; its
    bleed is laminar, g = `relay_bleed`/datum. So C p'' + g p' + K (p - p_set) = 0, zeta = g/(2 sqrt(K C)). A valve
    that takes a time T to move makes that T C s^3 + (C + T g) s^2 + g s + K, which by Routh is stable for every T if
    g^2 >= K C: zeta >= 1/2. What the relay feeds adds to g.
    """
    hardware, fluid = technology.hardware, technology.fluid
    gain = technology.tank_line.conductance(fluid) / hardware.relay_time
    yields = hardware.relay_volume / fluid.bulk_modulus
    return float(0.5 * hardware.relay_bleed / technology.datum / np.sqrt(gain * yields))


def relay_findings(plant: Plant, delivered: Supply) -> Iterator[Finding]:
    """Yield the findings on relays and sources of `plant`, which have `delivered`: range, flow, speed, damping."""
    technology, hardware = plant.technology, plant.technology.hardware
    for part in plant.compiled.network.parts:
        if isinstance(part, Followers | Sources):
            nodes, place = part.nodes, place_of(plant.names, part.nodes)
            below = hardware.supply - technology.datum - plant.highest(nodes)
            above = technology.datum + plant.lowest(nodes)
            for rule, room in ((Rule.RELAY_HIGH, below), (Rule.RELAY_LOW, above)):
                yield judge(rule, room, 0.0, part=part.label, place=place, bound=Bound.AT_LEAST, assumed=True)
            if isinstance(part, Followers):
                flow = delivered.deliveries[nodes]
                yield judge(Rule.RELAY_FLOW, flow, hardware.relay_flow, part=part.label, place=place, assumed=True)
    yield _single(Rule.RELAY_TIME, hardware.relay_time / plant.compiled.time_constant, SLUGGISH, True)
    yield _single(Rule.RELAY_DAMPING, relay_damping(technology), HUNTING, True, Bound.AT_LEAST)


def fluid_findings(plant: Plant) -> Iterator[Finding]:
    """Yield the findings on the liquid of `plant`: cavitation, levels, temperature, volume displaced by solenoids."""
    technology, hardware = plant.technology, plant.technology.hardware
    network = plant.compiled.network
    nodes = np.setdiff1d(np.arange(DATUM, network.unknowns.size), internal_states(network))
    absolute = ATMOSPHERE + technology.datum + plant.lowest(nodes)
    vapour = technology.fluid.vapour_pressure
    yield judge(Rule.CAVITATION, absolute, vapour, place=place_of(plant.names, nodes), bound=Bound.AT_LEAST)
    unit = technology.pressure_unit
    head = technology.fluid.density * GRAVITY * hardware.level_error
    yield _single(Rule.ELEVATION, head / unit, TOLERATED, True)
    yield _single(Rule.TEMPERATURE, technology.fluid.thinning * hardware.temperature_spread, TOLERATED, True)
    yield _single(Rule.SWEPT, hardware.swept_volume / (technology.tank * unit), TOLERATED, True)


def clock_findings(plant: Plant) -> Iterator[Finding]:
    """Yield the findings on the clock of `plant`: phases too short to settle, or too long for the leaks."""
    compiled = plant.compiled
    yield _single(Rule.SETTLING, settling_error(compiled.settling, CHAIN), SETTLED, False)
    for part in valves(compiled.network):
        leak = (part.opened / part.closed).reshape(-1, part.a.size).max(axis=0)
        place = place_of(plant.names, part.a, part.b)
        # the best phase is ln(1/leak) time constants: docs/hydraulics.md#seat-leaks
        phase, best = np.full(leak.size, compiled.settling), float(np.log(1.0 / leak.max()))
        yield judge(Rule.LEAK, phase, best, part=part.label, place=place, assumed=True)
        lost = leak * compiled.cycle.step_time / compiled.time_constant
        yield judge(Rule.DROOP, lost, SETTLED, part=part.label, place=place, assumed=True)


def _single(rule: Rule, value: float, limit: float, assumed: bool, bound: Bound = Bound.AT_MOST) -> Finding:
    return judge(rule, np.array([value]), limit, place=lambda _: "all alike", assumed=assumed, bound=bound)
