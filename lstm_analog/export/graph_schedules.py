"""Write and read schedules in graph files: the clock, and imposed efforts by node."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats, floats_of_shape
from lstm_analog.doors import checked_record
from lstm_analog.errors import FileFormatError, InvalidValueError, explain
from lstm_analog.network.bank import put, put_plain
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Imposed, Schedule


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Driven:
    """The schedule of a network for one sequence, with its start.

    * `schedule`: the intervals, and the efforts imposed in them.
    * `once`: the number of intervals at the start that do not repeat; all later ones make up steps of equal form.
    * `start` (unknowns,): the efforts at time zero (effort unit); those of sources, followers and junctions follow
      from the others. None if they are not known.
    """

    schedule: Schedule
    once: int
    start: Floats | None = None

    def __post_init__(self) -> None:
        """Check that there is one sequence, and that `once` is a number of its intervals."""
        put_plain(self)
        put(self, "schedule", self.schedule.single("a graph file"))
        if self.start is not None:
            put(self, "start", floats(self.start, "start"))
        if isinstance(self.once, bool) or self.once not in range(len(self.schedule.names) + 1):
            must, do = f"be 0 to {len(self.schedule.names)}", "count the intervals before the first step"
            raise InvalidValueError(explain("once", must=must, got=self.once, do=do))

    def fit(self, network: Network) -> "Driven":
        """Return the record itself if it is for `network`; else raise `NetworkError` or `InvalidShapeError`."""
        self.schedule.fit(network)
        if self.start is not None:
            floats_of_shape(self.start, "start", (network.unknowns.size,))
        return self


def plain_schedule(network: Network, driven: Driven) -> dict[str, Any]:
    """Return the schedule of `driven`, for `network`, in the form of graph files.

    `intervals` are in order, each with its `name`, its `duration` in seconds and the clock lines that are `high`; the
    first `once` of them do not repeat. `imposed` has for each bank of sources, by its label, its `nodes` and their
    `efforts`: a row for each interval, or a single row for all. A source that is not listed keeps its own effort.
    """
    schedule, names = driven.schedule, np.array(network.unknowns.names())
    intervals = [
        {"name": name, "duration": duration, "high": [line for line, on in zip(network.lines, high, strict=True) if on]}
        for name, duration, high in zip(schedule.names, schedule.durations.tolist(), schedule.high, strict=True)
    ]
    imposed = {
        entry.label: {
            "nodes": names[_sources(network, entry.label)].tolist(),
            "efforts": entry.efforts[: 1 if entry.steady else None].tolist(),
        }
        for entry in schedule.imposed
    }
    return {"once": driven.once, "intervals": intervals, "imposed": imposed}


def driven_by(network: Network, tree: Mapping[str, Any], start: Floats | None) -> Driven:
    """Return the record of a `tree` that `plain_schedule` made for `network`, with the efforts `start` (unknowns,).

    Raises `FileFormatError` if it names other clock lines or sources, and the errors of `Schedule`.
    """
    intervals, names = tree["intervals"], np.array(network.unknowns.names())
    for entry in intervals:
        _check(entry["high"], [line for line in network.lines if line in entry["high"]], "clock lines")
    imposed = []
    for label, entry in tree["imposed"].items():
        _check(entry["nodes"], names[_sources(network, label)].tolist(), f"the nodes of {label}")
        efforts = np.array(entry["efforts"], dtype=float)
        whole = np.broadcast_to(efforts, (len(intervals), efforts.shape[-1])) if len(efforts) == 1 else efforts
        imposed.append(Imposed(label=label, efforts=whole))
    high = np.array([[line in entry["high"] for line in network.lines] for entry in intervals], dtype=bool)
    schedule = Schedule(
        names=tuple(entry["name"] for entry in intervals),
        high=high.reshape(len(intervals), len(network.lines)),
        durations=np.array([entry["duration"] for entry in intervals], dtype=float),
        imposed=tuple(imposed),
    )
    return Driven(schedule=schedule, once=tree["once"], start=start).fit(network)


def _sources(network: Network, label: str) -> Indices:
    part = network.part(label)
    return part.nodes if isinstance(part, Sources) else np.empty(0, dtype=np.int64)


def _check(told: list[str], known: list[str], what: str) -> None:
    if told != known:
        must, do = "be those of the network, in its order", "write the schedule anew"
        raise FileFormatError(explain(what, must=must, got=ascii(told)[:80], do=do))
