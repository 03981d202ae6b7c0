"""Sources that follow a schedule, as netlist text: what is imposed, and the clocks."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export.numbers import number_text
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Sources
from lstm_analog.network.schedule import Schedule

_WIDTH = 110
_EDGE = 0.1
"""Rise time of clocks and inputs as a fraction of the shortest interval."""


def sources(part: Sources, names: Sequence[str], schedule: Schedule) -> Iterator[str]:
    """Yield a voltage source at each node of `part` by `names`, with its course under `schedule` if that drives it.

    The first of the `names` is the datum's.
    """
    driven = {entry.label: entry.efforts for entry in schedule.imposed}
    for number, node in enumerate(part.nodes):
        head = f"v{part.label}_{number} {names[node]} {names[DATUM]} "
        if part.label in driven:
            values = driven[part.label].reshape(len(schedule.names), -1)[:, number]
            yield head + staircase(values, schedule)
        else:
            yield f"{head}{number_text(part.effort[number])}\n"


def clock_node(line: str) -> str:
    """Return the node of the clock `line`: high is 1 V. It cannot be an unknown's, for these end in a number."""
    return f"{line}_clk"


def staircase(values: Floats, schedule: Schedule) -> str:
    """Return a source that holds each of `values` for its interval of `schedule`, edges centred on the ends."""
    changes: Indices = np.flatnonzero(np.diff(values) != 0.0)
    if not changes.size:
        return f"{number_text(values[0])}\n"
    half = 0.5 * _EDGE * float(schedule.durations.min())
    points = [f"0 {number_text(values[0])}"]
    for change in changes:
        end = float(schedule.ends[change])
        points.append(f"{number_text(end - half)} {number_text(values[change])}")
        points.append(f"{number_text(end + half)} {number_text(values[change + 1])}")
    return "pwl(\n" + "".join(wrapped("+", points)) + "+ )\n"


def clocks(network: Network, schedule: Schedule) -> Iterator[str]:
    """Yield a voltage source of 1 V for each clock line of `network`, on while `schedule` holds it high."""
    for number, line in enumerate(network.lines):
        yield f"v{clock_node(line)} {clock_node(line)} 0 {staircase(schedule.high[:, number].astype(float), schedule)}"


def wrapped(prefix: str, words: Iterable[str]) -> Iterator[str]:
    """Yield `words` in lines of readable length, each after `prefix`."""
    total = 0
    numbered = []
    for word in words:
        total += len(word) + 1
        numbered.append((total // _WIDTH, word))
    for _, group in groupby(numbered, key=lambda entry: entry[0]):
        yield f"{prefix} {' '.join(word for _, word in group)}\n"
