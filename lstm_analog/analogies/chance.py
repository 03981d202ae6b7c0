"""One curve, sigmoid(u), by four machines of chance or of opposed conductances, as networks, and chance itself, drawn.

* `channels`: ion channels that open at the rate r e^{u/2} and shut at r e^{-u/2}; the mean obeys the master equation
  dp/dt = r e^{u/2} (1 - p) - r e^{-u/2} p, which is that of two conductances and a capacitor (`opening`).
* `comparator`: the sign of u plus noise of a logistic law; the share of ones is its distribution function.
* `differential_pair`: two transistors that share a current by the Boltzmann factors of their controls.
* `valve_pair`: two opposed valves of equal-percentage trim, which divide a pressure.

Each network has sources `control` and nodes `out`, one each for each control; an `out` over its scale is the share.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices, floats, floats_of_shape
from lstm_analog.compiler.network_builder import DomainBuilder, half_bridge
from lstm_analog.doors import checked
from lstm_analog.engines import Engine
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.model.activations import sigmoid
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC, Domain
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import ALWAYS, DATUM, Factor, Followers, Pairs, Term
from lstm_analog.network.quantities import check_count, check_number
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape

THERMAL_VOLTAGE = 0.025852
"""k T/q at 300 K (V), CODATA 2018."""
_STEEPNESS = 1e9
"""Gain of a comparator. Larger: decisions of smaller controls are exact; beyond 1e12 simulators lose digits."""

_STRONGEST = 1000.0
"""The largest control of channels that are drawn: their rates go with exp(u/2)."""


@checked
def opening(u: ArrayLike, time: ArrayLike, *, rate: float, start: ArrayLike) -> Floats:
    """Return the probability that a channel is open, the solution of its master equation.

    It was `start` at time 0; `time` is in s, `rate` r in 1/s, the control `u` is dimensionless and constant; they
    broadcast. It relaxes with the time constant 1/(2 r cosh(u/2)).
    """
    control = np.asarray(u, dtype=float)
    final = sigmoid(control)
    left = np.exp(-2.0 * rate * np.cosh(0.5 * control) * np.asarray(time))
    p: Floats = final + (np.asarray(start) - final) * left
    return p


@checked
def channels(count: int, *, number: float, rate: float, capacitance: float) -> Network:
    """Return half-bridges for `count` controls: each the mean of `number` channels, at 1 V if all are open.

    `rate` is that of a channel at control 0 (1/s), `capacitance` that of its membrane (F). Controls are 1 V a unit.
    """
    total = number * capacitance
    return _half_bridges(ELECTRICAL, count, supply=1.0, unit=1.0, conductance=rate * total, capacity=total)


@checked
def valve_pair(count: int, *, conductance: float, capacity: float) -> Network:
    """Return pairs of opposed valves for `count` controls of 1 kPa a unit, between 100 kPa and the return.

    `conductance` is that of a valve in the middle of its stroke (m3/(s Pa)), `capacity` that of the chamber between
    them (m3/Pa).
    """
    return _half_bridges(HYDRAULIC, count, supply=1e5, unit=1e3, conductance=conductance, capacity=capacity)


def _half_bridges(
    domain: Domain, count: int, *, supply: float, unit: float, conductance: float, capacity: float
) -> Network:
    """Return half-bridges under `supply`, controls of `unit` (effort units), with a storage of `capacity` each."""
    circuit, control = _controlled(domain, count, unit)
    rail, middle = circuit.sources("supply", np.array([supply]), supply), circuit.nodes("out", count, supply)
    top, datum = np.full_like(middle, rail[0]), np.full_like(middle, DATUM)
    curve = Factor(shape=Shape.SIGMOID, p=control, n=datum, scale=np.array(1.0 / unit), offset=np.array(0.0))
    circuit.parts += half_bridge(("opening", "shutting"), (top, middle, datum), curve, conductance)
    circuit.storages("membrane", middle, capacity)
    return circuit.network(())


def _controlled(domain: Domain, count: int, unit: float) -> tuple[DomainBuilder, Indices]:
    """Return a network under construction with sources of `count` controls of `unit` (effort unit), and their nodes."""
    circuit = DomainBuilder(domain, 1.0)
    control = circuit.nodes("control", count, unit)
    return circuit, circuit.sources("control", np.zeros(control.size))


@checked
def differential_pair(count: int, *, tail: float, load: float) -> Network:
    """Return pairs for `count` controls of one thermal voltage a unit, each with its `tail` (A) on a `load` (ohm)."""
    circuit, control = _controlled(ELECTRICAL, count, THERMAL_VOLTAGE)
    out, scale = circuit.nodes("out", count, tail * load), np.array(1.0 / THERMAL_VOLTAGE)
    factor = Factor(shape=Shape.SIGMOID, p=control, n=np.full_like(out, DATUM), scale=scale, offset=np.array(0.0))
    circuit.parts.append(Pairs(label="pair", line=ALWAYS, out=out, current=np.array(tail), factors=(factor,)))
    circuit.to_datum("load", out, 1.0 / load)
    circuit.junctions("node", out)
    return circuit.network(())


@checked
def comparator(count: int) -> Network:
    """Return comparators for `count` controls of 1 V a unit: 1 V where control and `noise` add up above 0."""
    circuit, control = _controlled(ELECTRICAL, count, 1.0)
    noise = circuit.sources("noise", np.zeros(control.size))
    decided = Followers(
        label="decision",
        nodes=circuit.nodes("out", count),
        terms=tuple(Term(inputs=each, gain=np.array(_STEEPNESS)) for each in (control, noise)),
        offset=np.array(0.5),
        low=np.array(0.0),
        high=np.array(1.0),
    )
    circuit.parts.append(decided)
    return circuit.network(())


@checked
def shares(network: Network, u: ArrayLike, engine: Engine, *, interval: float, noise: ArrayLike = 0.0) -> Floats:
    """Return the shares (intervals, count) that the machine `network` gives by `engine` after each `interval` (s).

    `u` (intervals, count) or (count,) are the controls, `noise` of that shape is that of a `comparator`,
    for a share that is the sigmoid of a logistic law, as `Generator.logistic` of numpy draws it.
    """
    controls = np.atleast_2d(floats(u, "controls"))
    scales, unknowns = network.unknowns.scales(), network.unknowns
    imposed = [Imposed(label="control", efforts=controls * scales[unknowns["control"]])]
    if any(group.label == "noise" for group in unknowns.groups):
        imposed.append(Imposed(label="noise", efforts=floats_of_shape(noise, "noise", controls.shape)))
    count = controls.shape[0]
    schedule = Schedule(
        names=("hold",) * count,
        high=np.zeros((count, 0), dtype=bool),
        durations=np.full(count, interval),
        imposed=tuple(imposed),
    )
    trajectory = engine.run(network, schedule)
    return trajectory.at_ends("out", np.arange(count)) / scales[unknowns["out"]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Jumps:
    """Shares of channels that are open, (runs,): at the `end`, the `mean` over time, and as `read` through an R-C."""

    end: Floats
    mean: Floats
    read: Floats


@checked
def jump(
    u: float,
    duration: float,
    *,
    number: int,
    rate: float,
    start: float,
    reading: float,
    runs: int,
    generator: np.random.Generator,
) -> Jumps:
    """Return the open shares of `number` channels over `duration` (s), simulated jump by jump, which is exact.

    Each wait is exponential, each jump one channel (Gillespie 1977). The control `u` is constant, `rate` is that of a
    channel at control 0 (1/s), `reading` the time constant of the R-C that follows the share (s). At first each channel
    is open with probability `start`. There are so many independent `runs`, drawn from `generator`.

    Raises `InvalidValueError` unless all sizes are positive, `start` is a share and `u` no control at which rates
    overflow.
    """
    for name, count in (("number", number), ("runs", runs)):
        check_count(f"{name} of a population", count)
    for name, size in (("rate", rate), ("duration", duration), ("reading", reading)):
        check_number(f"{name} of a population", size)
    for name, value, least, most in (("start", start, 0.0, 1.0), ("u", u, -_STRONGEST, _STRONGEST)):
        if not least <= value <= most:
            must = f"be {least:g} to {most:g}"
            raise InvalidValueError(explain(name, must=must, got=value, do="give a probability, and a control"))
    opened = generator.binomial(number, start, runs).astype(float)
    left, spent, read = np.full(runs, duration), np.zeros(runs), opened.copy()
    while (left > 0.0).any():
        opens, shuts = rate * np.exp(0.5 * u) * (number - opened), rate * np.exp(-0.5 * u) * opened
        wait = generator.exponential(size=runs) / (opens + shuts)
        stay = np.minimum(wait, left)
        spent += opened * stay
        read += (opened - read) * -np.expm1(-stay / reading)
        rises = generator.uniform(size=runs) * (opens + shuts) < opens
        opened += np.where(wait < left, np.where(rises, 1.0, -1.0), 0.0)
        left = left - stay
    return Jumps(end=opened / number, mean=spent / (number * duration), read=read / number)
