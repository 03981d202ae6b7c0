"""Compute the flow that relays and rails deliver, and the flow and power of the pump."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, flow
from lstm_analog.network.parts import DATUM, Conductors, Crossbars, Followers, Inertances, Pairs, Ports, Switches
from lstm_analog.study.flows import outflow
from lstm_analog.study.operation import Plant, Snapshots
from lstm_analog.study.tubes import port_flow

_BLOCK = 512
"""Number of snapshots computed at a time. Larger: more memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Supply:
    """The flow and power that the pump has to deliver at `pressure` above the atmosphere (Pa).

    `deliveries` (unknowns,) are the largest flows out of each source, relay and the datum, `bleed` is what relays take
    at rest, `mean` and `peak` are flows of the pump, bleed included; all in m3/s. Without a run all tubes are at the
    design pressure, and the mean leaves out the tank lines, which carry flow only at the start of a phase.
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
        volume += float(total @ snapshots.duration[some])
        peak = max(peak, float(total.max()))
    return deliveries, volume / float(snapshots.duration.sum()), peak


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
