"""Write the sources that follow a schedule as netlist text: imposed efforts and clocks.

An edge begins at the end of its interval, so that a value read at that end is not affected by it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export.numbers import BOUND, number_text
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Cells, Sources
from lstm_analog.network.schedule import Schedule

_WIDTH = 110
_EDGE, _TRANSISTORS = 1e-4, 0.1
"""Rise time of clocks and inputs over the shortest interval; the longer one is for transistor cells, whose switches
inject a charge that depends on it and was calibrated with it.

Signals after an edge are late by half of it. Shorter: ngspice rounds the corners off (its breakpoints are at least 5e-7
of the longest interval apart). Longer: 1e-3 leaves an error of 1e-4 where signals have not settled (`tests/export`).
"""


_CLOSEST = 3e-5
"""The shortest interval over the longest step of a simulator; smaller: ngspice 39 takes edges closer than 5e-5 of that
step as one, stops there, or passes over the interval and says nothing (measured with 24, 100 and 400 steps)."""
_FINEST = 1e-13
"""Rise time over the end of a schedule; smaller: 15 digits do not tell where an edge begins and ends."""


def check_edges(network: Network, schedule: Schedule, steps: int) -> None:
    """Raise `UnsupportedError` if a simulator could not tell the edges of `schedule` apart in a deck of `network`.

    `steps` are its time steps in the longest interval.
    """
    shortest, longest, end = float(schedule.durations.min()), float(schedule.durations.max()), schedule.ends[-1]
    if shortest * steps < _CLOSEST * longest:
        must = f"be at least {_CLOSEST * longest / steps:.3g} s, a share of the longest, for edges to be told apart"
        do = "make it longer or the longest shorter, or ask for more steps"
        raise UnsupportedError(explain("the shortest interval of a deck", must=must, got=f"{shortest:.3g} s", do=do))
    if not rise_time(network, schedule) > _FINEST * end or end >= BOUND:
        must, do = f"end before {rise_time(network, schedule) / _FINEST:.3g} s", "write fewer steps"
        raise UnsupportedError(explain("a deck", must=must, got=f"{end:.3g} s", do=do))


def rise_time(network: Network, schedule: Schedule) -> float:
    """Return the rise time (s) of clocks and inputs in a deck of `network` under `schedule`."""
    slow = any(isinstance(part, Cells) for part in network.parts)
    return (_TRANSISTORS if slow else _EDGE) * float(schedule.durations.min())


def sources(part: Sources, names: Sequence[str], schedule: Schedule, rise: float) -> Iterator[str]:
    """Yield a voltage source at each node of `part`, with its waveform under `schedule` if that imposes one.

    `names` are the names of all unknowns, the datum first; edges take `rise` (s).
    """
    driven = {entry.label: entry.efforts for entry in schedule.imposed}
    for number, node in enumerate(part.nodes):
        head = f"v{part.label}_{number} {names[node]} {names[DATUM]} "
        if part.label in driven:
            values = driven[part.label].reshape(len(schedule.names), -1)[:, number]
            yield head + staircase(values, schedule, rise)
        else:
            yield f"{head}{number_text(part.effort[number])}\n"


def clock_node(line: str) -> str:
    """Return the name of the node of the clock `line`, at 1 V while it is high; names of unknowns end in a number."""
    return f"{line}_clk"


def staircase(values: Floats, schedule: Schedule, rise: float) -> str:
    """Return the waveform of a source with `values` (intervals,) of `schedule`, as text.

    Each value is held to the end of its interval; the edge to the next then takes `rise` (s).
    """
    changes: Indices = np.flatnonzero(np.diff(values) != 0.0)
    if not changes.size:
        return f"{number_text(values[0])}\n"
    points = [f"0 {number_text(values[0])}"]
    for change in changes:
        end = float(schedule.ends[change])
        points.append(f"{_time_text(end)} {number_text(values[change])}")
        points.append(f"{_time_text(end + rise)} {number_text(values[change + 1])}")
    return "pwl(\n" + "".join(wrapped("+", points)) + "+ )\n"


def _time_text(seconds: float) -> str:
    """Return `seconds` in 15 digits, so that a deck has 2.000001e-05, not 2.0000010000000002e-05."""
    return number_text(float(f"{seconds:.15g}"))


def clocks(network: Network, schedule: Schedule) -> Iterator[str]:
    """Yield a voltage source of 1 V for each clock line of `network`, on while `schedule` holds it high."""
    rise = rise_time(network, schedule)
    for number, line in enumerate(network.lines):
        waveform = staircase(schedule.high[:, number].astype(float), schedule, rise)
        yield f"v{clock_node(line)} {clock_node(line)} 0 {waveform}"


def wrapped(prefix: str, words: Iterable[str]) -> Iterator[str]:
    """Yield `words` in lines of readable length, each after `prefix`."""
    total = 0
    numbered = []
    for word in words:
        total += len(word) + 1
        numbered.append((total // _WIDTH, word))
    for _, group in groupby(numbered, key=lambda entry: entry[0]):
        yield f"{prefix} {' '.join(word for _, word in group)}\n"
