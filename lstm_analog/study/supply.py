"""Compute the flow that relays and rails deliver, and the flow and power of the pump."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import DATUM, Conductors, Crossbars, Followers, Inertances, Pairs, Ports, Switches
from lstm_analog.network.shapes import curve
from lstm_analog.study.operation import Plant, Snapshots
from lstm_analog.study.tubes import port_flow

_BLOCK = 512
"""Number of snapshots computed at a time. Larger: more memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Supply:
    """The flow and power that the pump has to deliver.

    Attributes
    ----------
    deliveries : float array, (unknowns,)
        The largest flow out of each source, relay and the datum (m3/s).
    bleed : float
        Consumption of the relays at rest (m3/s).
    mean, peak : float
        Flow of the pump, bleed included (m3/s). Without a run all tubes are at the design pressure, and the mean
        leaves out the tank lines, which carry flow only at the start of a phase.
    pressure : float
        Pressure of the supply above the atmosphere (Pa).
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


def supply(plant: Plant) -> Supply:
    """Return the flows of relays and pump of `plant`."""
    kinds = plant.compiled.network.kinds()
    sources = np.unique(np.concatenate(([DATUM], kinds[Kind.IMPOSED], kinds[Kind.FOLLOWED]))).astype(np.int64)
    deliveries, mean, peak = _designed(plant, sources) if plant.snapshots is None else _measured(plant, sources)
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


def _measured(plant: Plant, sources: Indices) -> tuple[Floats, float, float]:
    """Return deliveries, mean and peak flow over the snapshots."""
    snapshots = plant.snapshots
    if snapshots is None:
        return _designed(plant, sources)
    deliveries, volume, peak = np.zeros(plant.compiled.network.unknowns.size), 0.0, 0.0
    for start in range(0, len(snapshots.efforts), _BLOCK):
        block = slice(start, start + _BLOCK)
        some = Snapshots(
            efforts=snapshots.efforts[block],
            high=snapshots.high[block],
            ending=snapshots.ending[block],
            duration=snapshots.duration[block],
        )
        out, fill = _out_of(plant, some)
        deliveries[sources] = np.maximum(deliveries[sources], out[:, sources].max(axis=0))
        total = np.maximum(out[:, sources], 0.0).sum(axis=1) + fill
        volume += float(total @ some.duration)
        peak = max(peak, float(total.max()))
    return deliveries, volume / float(snapshots.duration.sum()), peak


def _out_of(plant: Plant, some: Snapshots) -> tuple[Floats, Floats]:
    """Return the flow out of each node into its tubes (snapshots, unknowns), into flow-control valves (snapshots,)."""
    out, fill, e = np.zeros_like(some.efforts), np.zeros(len(some.efforts)), some.efforts
    for part in plant.compiled.network.parts:
        if isinstance(part, Crossbars):
            _crossbar(part, e, out)
        elif isinstance(part, Conductors):
            _between(out, part.a, part.b, part.conductance * (e[:, part.a] - e[:, part.b]))
        elif isinstance(part, Switches):
            conductance = np.where(some.on(part.line)[:, None], part.closed, part.opened)
            _between(out, part.a, part.b, conductance * (e[:, part.a] - e[:, part.b]))
        elif isinstance(part, Inertances):
            _between(out, part.a, part.b, part.closed * e[:, part.state])
        elif isinstance(part, Ports):
            control = np.clip(part.scale * (e[:, part.p] - e[:, part.n]) + part.offset, -part.limit, part.limit)
            opening = part.conductance * curve(part.shape, control) * some.on(part.line)[:, None]
            _between(out, part.a, part.b, opening * (e[:, part.a] - e[:, part.b]))
        elif isinstance(part, Pairs):
            flow = part.current * some.on(part.line)[:, None]
            for tier in part.factors:
                flow = flow * curve(tier.shape, tier.scale * (e[:, tier.p] - e[:, tier.n]) + tier.offset)
            fill += np.maximum(flow, 0.0).sum(axis=1)
    return out, fill


def _crossbar(part: Crossbars, efforts: Floats, out: Floats) -> None:
    for nodes, tubes, load in (
        (part.plus, part.positive, part.plus_load),
        (part.minus, part.negative, part.minus_load),
    ):
        own = tubes.sum(axis=-2) * efforts[:, part.inputs]
        np.add.at(out.T, part.inputs, (own - efforts[:, nodes] @ tubes).T)
        out[:, DATUM] -= (load * efforts[:, nodes]).sum(axis=1)


def _between(out: Floats, a: Indices, b: Indices, flow: Floats) -> None:
    np.add.at(out.T, a, flow.T)
    np.add.at(out.T, b, -flow.T)
