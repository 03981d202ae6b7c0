"""A signal that stops cut off is never cut off in silence: a run that got there says so, with the place."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.limits import within
from lstm_analog.errors import StopsWarning, explain, warn_caller
from lstm_analog.network.laws import Idle
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.run import Run

_SHOWN = 4


def warn_of_stops(run: Run) -> None:
    """Warn, `StopsWarning`, of the tanks of `run` that reached their stops.

    What was not saved is not looked at; what happens between the points of a run leaves its tanks within the stops.
    """
    found = [text for each in run.passes for text in beyond_stops(each.trajectory)]
    if found:
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        do = "see machine.check(run); take a smaller pressure_unit (compile with inputs chooses it), or a longer stroke"
        must = "keep its tanks between their stops"
        text = explain("the run", must=must, got="; ".join(found[:_SHOWN]) + more, do=do)
        warn_caller(StopsWarning(text))


def beyond_stops(trajectory: Trajectory) -> Iterator[str]:
    """Yield, of each unknown that got beyond a stop in `trajectory`, its name, how far it went, where the stop is."""
    network = trajectory.network
    ranges = within(network).ranges
    if not ranges:
        return
    names, scales = network.unknowns.names(), network.unknowns.scales()
    column = np.full(network.unknowns.size, -1)
    kept = trajectory.saved.nodes(network)
    column[kept] = np.arange(kept.size)
    for limit in ranges:
        for node, extreme, end in _ends(limit, trajectory, column):
            far, stop = (float(value / scales[node]) for value in (extreme, end))
            yield f"{names[node]} at {far:.6g} units (stop at {stop:.6g})"


def _ends(limit: Idle, trajectory: Trajectory, column: Indices) -> Iterator[tuple[int, float, float]]:
    """Yield the nodes that got beyond a `limit`, how far, and where it is: of several chips, that of the farthest."""
    there = np.flatnonzero(column[limit.nodes] >= 0)
    nodes = limit.nodes[there]
    if not nodes.size:
        return
    efforts = trajectory.efforts[..., column[nodes]]
    for ends, side in ((limit.high, 1.0), (limit.low, -1.0)):
        chips = ends.shape[:-1]
        each = np.broadcast_to(ends, (*chips, limit.nodes.size))[..., there]
        stop = each.reshape(*chips, *(1,) * (efforts.ndim - 1 - len(chips)), nodes.size)  # chips come first
        past = (side * (efforts - stop)).reshape(-1, nodes.size)
        flat, stops = (np.broadcast_to(of, efforts.shape).reshape(past.shape) for of in (efforts, stop))
        farthest = past.argmax(axis=0)
        for number in np.flatnonzero(past.max(axis=0) > 0.0):
            place = farthest[number], number
            yield int(nodes[number]), float(flat[place]), float(stops[place])
