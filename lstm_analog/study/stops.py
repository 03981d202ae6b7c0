"""Warn of tanks that reached their stops in a run, where signals are cut off."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.record import within
from lstm_analog.errors import InvalidValueError, KeptWarning, StopsWarning, explain, warn_caller
from lstm_analog.network.trajectory import Extremes, Trajectory
from lstm_analog.study.keeping import Keep, not_kept
from lstm_analog.study.run import Run

_SHOWN = 4


def warn_of_stops(run: Run) -> None:
    """Warn with a `StopsWarning` of the tanks of `run` that reached their stops.

    All tanks are checked, kept or not, except those that `Settle` did not need to compute. If an engine neither records
    extremes nor keeps the tanks, there is a `KeptWarning` instead. Excursions between the points of a run are not seen.
    """
    found = list[str]()
    for each in run.passes:
        try:
            found += beyond_stops(each.trajectory)
        except InvalidValueError as reason:
            warn_caller(KeptWarning(str(reason)))
    if found:
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        do = "see machine.check(run); take a smaller pressure_unit (compile with inputs chooses it), or a longer stroke"
        must = "keep its tanks between their stops"
        text = explain("the run", must=must, got="; ".join(found[:_SHOWN]) + more, do=do)
        warn_caller(StopsWarning(text))


def beyond_stops(trajectory: Trajectory) -> Iterator[str]:
    """Yield a text for each unknown beyond a stop in `trajectory`, with its name, extreme effort and the stop.

    Of several chips the one farthest beyond its own stop counts. Raises `InvalidValueError` if the engine neither
    recorded extremes nor kept the tanks.
    """
    network = trajectory.network
    names, scales = network.unknowns.names(), network.unknowns.scales()
    for number, limit in enumerate(within(network).ranges):
        found = trajectory.extremes[number] if trajectory.extremes else _extremes(trajectory, limit.nodes)
        for values, ends, side in ((found.highest, limit.high, 1.0), (found.lowest, limit.low, -1.0)):
            shape = (-1, limit.nodes.size)
            far, stop = (each.reshape(shape) for each in np.broadcast_arrays(values, ends))
            past = side * (far - stop)
            for place in np.flatnonzero(past.max(axis=0) > 0.0):
                chip, node = past[:, place].argmax(), int(limit.nodes[place])
                went, end = (float(each[chip, place] / scales[node]) for each in (far, stop))
                yield f"{names[node]} at {went:.6g} units (stop at {end:.6g})"


def _extremes(trajectory: Trajectory, nodes: Indices) -> Extremes:
    """Return the extremes of `nodes` in a `trajectory` of an engine that records none but keeps everything."""
    times = np.union1d(trajectory.time, trajectory.schedule.ends)
    if not trajectory.holds(nodes, times):
        raise not_kept(trajectory, "what has stops", Keep.EVERYTHING)
    efforts = trajectory.sample(times, nodes)
    axes = tuple(range(efforts.ndim - 2 - len(trajectory.schedule.lead), efforts.ndim - 1))
    return Extremes(nodes=nodes, lowest=efforts.min(axis=axes), highest=efforts.max(axis=axes))
