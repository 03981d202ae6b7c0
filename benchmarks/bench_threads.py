"""Threads over portions of chips or sequences, by the clock on the wall: `python benchmarks/bench_threads.py`.

Sizes at which runs are divided (`engines/portions.py`): the airline forecaster on 1,000 chips over its 144 months, and
sequences through random LSTMs of 16 inputs; z, c and h kept. "Whole" is the same run undivided. Least times of
several, in turns; other work on the machine makes speed-ups small: run it alone. With units as arguments, 64 sequences
of 20 steps each.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from bench_chips import case as forecast
from bench_chips import drawn
from bench_waveform import case
from measure import SIGNALS, conditions, processor, table

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform, portions
from lstm_analog.imperfections import ProgrammingError

CASES = ((15, "chips", 1000, 144), (32, "sequences", 256, 100), (128, "sequences", 32, 100), (512, "sequences", 32, 20))
REPEATS = 5


def runs(units: int, what: str, count: int, steps: int) -> Callable[[object], object]:
    """Return what runs an engine over `count` chips or sequences."""
    if what == "sequences":
        return case(units, count, steps).run
    lstm, x = forecast("airline")
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    many = machine.with_imperfection(ProgrammingError(sigma=0.03), drawn(count))
    return lambda engine: engine.run(many.network, many.schedule(x))


def clocks(run: Callable[[object], object], engine: object) -> tuple[float, float]:
    """Return the seconds of a run on the wall, and of the processor."""
    wall, start = time.perf_counter(), processor()
    run(engine)
    return time.perf_counter() - wall, processor() - start


def row(units: int, what: str, count: int, steps: int, engine: object) -> tuple[object, ...]:
    """Return the figures of a case."""
    run, engines = runs(units, what, count, steps), [replace(engine, threads=n, save=SIGNALS) for n in (1, 2)]
    one, two = (run(each).efforts for each in engines)
    with patch.object(portions, "_WORK", np.inf):
        whole = min(clocks(run, engines[0]) for _ in range(REPEATS))[0]
    (wall, used), (walls, both) = np.min([[clocks(run, each) for each in engines] for _ in range(REPEATS)], axis=0)
    apart = float(np.abs(one - two).max())
    return units, what, count, steps, type(engine).__name__, whole, wall, walls, wall / walls, both / used, apart


HEADS = (
    *("H", "what", "many", "steps", "engine", "whole, s", "1 thread, s", "2 threads, s", "speed-up"),
    *("processor time, 2 / 1", "answers apart"),
)


def main(sizes: list[int]) -> None:
    """Print a row a case and engine."""
    print(conditions())
    cases = [(units, "sequences", 64, 20) for units in sizes] or CASES
    print(table(HEADS, [row(*each, engine) for each in cases for engine in (Waveform(), Settle())]))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
