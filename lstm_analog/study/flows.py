"""Flows out of the nodes of a network into its conductances; what relays and rails deliver, the pump's flow and power.

They are computed at the moments of a run (`moments_of`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, flow, rows
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Pairs,
    Part,
    Ports,
    Switches,
)
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.operation import Plant, Snapshots, intervals_of, point_weights
from lstm_analog.study.tubes import port_flow

_PASSIVE = Conductors | Crossbars | Inertances | Ports | Switches
"""Parts through which flow passes from node to node; all others are sources of flow or store it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Moments of a run at which the same clock lines are `high`, with `efforts` (n, unknowns), in the effort unit.

    Sequences come one after the other. `weights` (n,) are the times (s) that the moments stand for, by `point_weights`.
    """

    high: High
    efforts: Floats
    weights: Floats


def moments_of(trajectory: Trajectory) -> Iterator[Moments]:
    """Yield the moments of all steps of `trajectory`, interval by interval, without the reset before the first step.

    The trajectory must have kept everything. With one point an interval its end stands for all of it. An interval at
    whose end nothing happens may have no point of its own; the next one then stands for both.
    """
    weights = point_weights(trajectory)
    firsts = np.searchsorted(intervals_of(trajectory), np.arange(1, trajectory.schedule.ends.size + 1))
    for interval, (first, last) in enumerate(pairwise(firsts), start=1):
        if first == last:
            continue
        efforts = trajectory.efforts[..., first:last, :]
        copies = efforts.size // ((last - first) * efforts.shape[-1])
        yield Moments(
            high=trajectory.schedule.phase(interval),
            efforts=efforts.reshape(-1, efforts.shape[-1]),
            weights=np.tile(weights[first:last], copies),
        )


def shares_on(schedule: Schedule) -> Callable[[int], float]:
    """Return the share of time for which a clock line is high in `schedule`, by its number, the reset left out."""
    share = schedule.durations[1:] @ schedule.high[1:] / schedule.durations[1:].sum()
    return lambda line: 1.0 if line == ALWAYS else float(share[line])


def mean_heat(trajectory: Trajectory) -> float:
    """Return the mean power (W) that the conductances of the network of `trajectory` turn to heat, reset left out."""
    energy = duration = 0.0
    for some in moments_of(trajectory):
        out = outflow(trajectory.network, some.efforts, some.high)
        energy += float(some.weights @ (some.efforts * out).sum(axis=1))
        duration += float(some.weights.sum())
    return energy / duration


def outflow(network: Network, efforts: Floats, high: High) -> Floats:
    """Return the flow out of each node of `network` into its conductances, of the shape of `efforts` (n, unknowns).

    `high` says which clock lines are high. Tubes of crossbars count as laminar at their inputs.
    """
    out = np.zeros_like(efforts)
    for part in network.parts:
        if isinstance(part, _PASSIVE):
            add_outflow(part, efforts, high, out)
    return out


@singledispatch
def add_outflow(part: Part, efforts: Floats, high: High, out: Floats) -> None:
    """Add to `out` (n, unknowns) the flow out of each node into `part` at `efforts`, with the lines `high`."""
    entering = flow(part, efforts, high)
    for terminal, nodes in enumerate(rows(part)):
        _add(out, nodes, -entering[..., terminal, :])


@add_outflow.register
def _(part: Crossbars, efforts: Floats, high: High, out: Floats) -> None:
    entering = flow(part, efforts, high)
    for side, (nodes, conductance, _) in enumerate(part.sides):
        leaving = conductance.sum(axis=-2) * efforts[..., part.inputs] - efforts[..., nodes] @ conductance
        _add(out, part.inputs, leaving)
        _add(out, nodes, -entering[..., side, :])
    for nodes, _, load in part.sides:
        out[:, DATUM] -= (load * efforts[:, nodes]).sum(axis=1)


@add_outflow.register
def _(part: Inertances, efforts: Floats, high: High, out: Floats) -> None:
    leaving = part.closed * efforts[:, part.state]
    _add(out, part.a, leaving)
    _add(out, part.b, -leaving)


def _add(out: Floats, nodes: Indices, leaving: Floats) -> None:
    np.add.at(out.T, nodes, leaving.T)


_BLOCK = 512
"""Number of snapshots computed at a time. Larger: more memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Supply:
    """The flow and power that the pump has to deliver at `pressure` above the atmosphere (Pa).

    `deliveries` (unknowns,) are the largest flows out of each source, relay and the datum, `bleed` is what relays take
    at rest, `mean` and `peak` are flows of the pump, bleed included; all in m3/s. The mean leaves out the reset before
    the first step. Without a run all tubes are at the design pressure, and the mean leaves out the tank lines, which
    carry flow only at the start of a phase.
    """

    deliveries: Floats
    bleed: float
    mean: float
    peak: float
    pressure: float

    @property
    def mean_power(self) -> float:
        """Hydraulic power on average (W)."""
        return self.mean * self.pressure

    @property
    def peak_power(self) -> float:
        """The largest hydraulic power (W)."""
        return self.peak * self.pressure


def added(supplies: Sequence[Supply]) -> Supply:
    """Return the sum of `supplies` at one pressure, their deliveries one after the other."""
    return Supply(
        deliveries=np.concatenate([each.deliveries for each in supplies]),
        bleed=sum(each.bleed for each in supplies),
        mean=sum(each.mean for each in supplies),
        peak=sum(each.peak for each in supplies),
        pressure=supplies[0].pressure,
    )


def supply(plant: Plant) -> Supply:
    """Return the flows of relays and pump of `plant`."""
    kinds = plant.compiled.network.kinds()
    sources = np.unique(np.concatenate(([DATUM], kinds[Kind.IMPOSED], kinds[Kind.FOLLOWED]))).astype(np.int64)
    seen = plant.snapshots
    deliveries, mean, peak = _designed(plant, sources) if seen is None else _measured(plant, seen, sources)
    relays = sum(part.nodes.size for part in plant.compiled.network.parts if isinstance(part, Followers))
    bleed = relays * plant.technology.hardware.relay_bleed
    return Supply(
        deliveries=deliveries,
        bleed=bleed,
        mean=mean + bleed,
        peak=peak + bleed,
        pressure=plant.technology.hardware.supply,
    )


def _designed(plant: Plant, sources: Indices) -> tuple[Floats, float, float]:
    """Return deliveries, mean and peak flow with the design pressure across all tubes, and one clock line high."""
    network, size = plant.compiled.network, plant.compiled.network.unknowns.size
    steady, charging = np.zeros(size), np.zeros((len(network.lines), size))
    for part in network.parts:
        if isinstance(part, Crossbars):
            tubes = (part.positive + part.negative).sum(axis=-2).reshape(-1, part.inputs.size).max(axis=0)
            np.add.at(steady, part.inputs, tubes * plant.design)
            loads = (part.plus_load + part.minus_load).reshape(-1, part.plus.size).max(axis=0)
            steady[DATUM] += loads.sum() * plant.design
        elif isinstance(part, Ports):
            np.add.at(steady, part.a, port_flow(part, plant))
        elif isinstance(part, Conductors):
            np.add.at(steady, part.a, plant.design * part.conductance.reshape(-1, part.a.size).max(axis=0))
        elif isinstance(part, Switches | Inertances):
            flow = plant.design * part.closed.reshape(-1, part.a.size).max(axis=0)
            np.add.at(charging[part.line], part.a, flow)
    deliveries = np.zeros(size)
    deliveries[sources] = (steady + charging.max(axis=0, initial=0.0))[sources]
    mean = float(steady[sources].sum())
    return deliveries, mean, mean + float(charging[:, sources].sum(axis=1).max(initial=0.0))


def _measured(plant: Plant, snapshots: Snapshots, sources: Indices) -> tuple[Floats, float, float]:
    """Return deliveries, mean and peak flow over the `snapshots`."""
    network = plant.compiled.network
    deliveries, volume, peak = np.zeros(network.unknowns.size), 0.0, 0.0
    for high, some in _blocks(snapshots):
        efforts = snapshots.efforts[some]
        out, fill = outflow(network, efforts, high), _filling(network, efforts, high)
        deliveries[sources] = np.maximum(deliveries[sources], out[:, sources].max(axis=0))
        total = np.maximum(out[:, sources], 0.0).sum(axis=1) + fill
        volume += float(total @ snapshots.weights[some])
        peak = max(peak, float(total.max()))
    return deliveries, volume / float(snapshots.weights.sum()), peak


def _blocks(snapshots: Snapshots) -> Iterator[tuple[High, Indices]]:
    """Yield the clock lines that are high, and the numbers of at most `_BLOCK` snapshots at which they are."""
    for lines in np.unique(snapshots.high, axis=0):
        same = np.flatnonzero((snapshots.high == lines).all(axis=1))
        for start in range(0, same.size, _BLOCK):
            yield tuple(map(bool, lines)), same[start : start + _BLOCK]


def _filling(network: Network, efforts: Floats, high: High) -> Floats:
    """Return the flow (snapshots,) into the flow-control valves of `network` at `efforts` with the lines `high`."""
    pairs = (part for part in network.parts if isinstance(part, Pairs))
    flows = (np.maximum(flow(part, efforts, high), 0.0).sum(axis=(1, 2)) for part in pairs)
    return sum(flows, np.zeros(len(efforts)))
