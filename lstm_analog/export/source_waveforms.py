"""Write the sources that follow a schedule as netlist text: imposed efforts and clocks.

An edge begins at the end of its interval, so that a value read at that end is not affected by it.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export.netlist import Netlist
from lstm_analog.export.numbers import number_text
from lstm_analog.network.parts import DATUM, Sources
from lstm_analog.network.schedule import Schedule

_WIDTH = 110


def sources(made: Netlist, part: Sources) -> Iterator[str]:
    """Yield a voltage source at each node of the bank `part` of `made`, with its waveform if one is imposed."""
    driven = {entry.label: entry.efforts for entry in made.schedule.imposed}
    for number, node in enumerate(part.nodes):
        head = f"v{part.label}_{number} {made.names[node]} {made.names[DATUM]} "
        if part.label in driven:
            values = driven[part.label].reshape(len(made.schedule.names), -1)[:, number]
            yield head + staircase(values, made.schedule, made.rise)
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


def clocks(made: Netlist) -> Iterator[str]:
    """Yield a voltage source of 1 V for each clock line of `made`, on while its schedule holds it high."""
    for number, line in enumerate(made.network.lines):
        waveform = staircase(made.schedule.high[:, number].astype(float), made.schedule, made.rise)
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
