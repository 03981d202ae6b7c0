"""The op-amp circuit by whole waveforms, by scipy and by ngspice: `python benchmarks/bench_opamp.py [units ...]`.

One random LSTM of H units and 2 inputs in the technology OPAMP, 6 steps of one sequence. Processor times: of Waveform
the least of 5 (the first run also makes the segments, which the others find made), of Integrate and ngspice of one run.
Errors, in units of signal, against `Integrate(rtol=1e-9)` over two steps: of z, c and h where they are read, and of all
unknowns at 15 points of every interval, op-amps slewing. The last column is the time over that of the fastest Waveform
whose error is no larger: at all times, against ngspice where read.
"""

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from measure import asked, conditions, table

import lstm_analog as la
from lstm_analog.engines import Integrate, Ngspice, Waveform
from lstm_analog.export.accuracy import BOARD

SIZES, STEPS, CHECKED, POINTS, REPEATS = (8, 32), 6, 2, 15, 5
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
SCIPY = (1e-2, 1e-3, 1e-4, 1e-6)
SPICE = {
    "reltol 1e-3": replace(BOARD, reltol=1e-3, vntol=1e-6, chgtol=1e-15, steps=30),
    "reltol 1e-4": replace(BOARD, reltol=1e-4, chgtol=1e-17, steps=25),
    "as exported": None,
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an `engine` with a `setting` took (s) and how wrong it was: `read`, and `all` at all times."""

    engine: str
    setting: str
    seconds: float
    read: float
    all: float


def children() -> float:
    """Return the processor time of all processes that were waited for (s)."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    call()
    return clock() - start


def signals(run: la.Run, checked: int) -> np.ndarray:
    """Return all z, c and h of the steps that are `checked`."""
    found = [getattr(layer, name)[:checked] for layer in run.layers for name in ("z", "c", "h")]
    return np.concatenate([part.ravel() for part in found])


def results(machine: la.Machine, x: np.ndarray, brief: bool) -> Iterator[Found]:
    """Yield what every engine does with `machine` over `x`; if `brief`, with its first setting, over one step."""
    most, checked = (1, 1) if brief else (None, CHECKED)
    x = x[:1] if brief else x
    exact = machine.run(x[:checked], engine=Integrate(rtol=1e-9, atol=1e-11, points=POINTS))
    scale = machine.network.unknowns.scales()
    engines = [(Waveform(rtol=rtol, atol=rtol / 100), REPEATS) for rtol in TOLERANCES[:most]]
    engines += [(Integrate(rtol=rtol, atol=rtol / 100), 1) for rtol in SCIPY[:most]]
    for engine, repeats in engines:
        taken = [seconds(lambda: machine.run(x, engine=engine), time.process_time) for _ in range(repeats)]  # noqa: B023
        run = machine.run(x[:checked], engine=replace(engine, points=POINTS))
        everywhere = float((np.abs(run.trajectory.efforts - exact.trajectory.efforts) / scale).max())
        read = float(np.abs(signals(run, checked) - signals(exact, checked)).max())
        yield Found(
            engine=type(engine).__name__, setting=f"rtol {engine.rtol:g}", seconds=min(taken), read=read, all=everywhere
        )
    for setting, accuracy in [*SPICE.items()][:most] if shutil.which("ngspice") else ():
        start = children()
        run = machine.run(x, engine=Ngspice(accuracy=accuracy, time_limit=3600.0))
        read = float(np.abs(signals(run, checked) - signals(exact, checked)).max())
        yield Found(engine="ngspice", setting=setting, seconds=children() - start, read=read, all=nan)


def ratio(found: Found, among: list[Found]) -> float:
    """Return the time of `found` over that of the fastest Waveform `among` all that is not less exact."""
    fast = [other for other in among if other.engine == "Waveform"]
    if np.isnan(found.all):
        good = [other.seconds for other in fast if other.read <= found.read]
    else:
        good = [other.seconds for other in fast if other.all <= found.all]
    return found.seconds / min(good) if good and found.engine != "Waveform" else nan


HEADS = ("H", "engine", "setting", "s", "error where read", "error at all times", "time / Waveform's")


def main(sizes: list[int], brief: bool) -> None:
    """Print a row an engine and setting, for each size; if `brief`, one an engine."""
    rows: list[tuple[object, ...]] = []
    for units in sizes or SIZES:
        machine = la.compile(la.random_lstm(np.random.default_rng(units), 2, units), la.electrical.OPAMP)
        found = list(results(machine, np.random.default_rng(1).uniform(-1, 1, (STEPS, 2)), brief))
        rows += [(units, *vars(each).values(), ratio(each, found)) for each in found]
    print(conditions())
    print(table(HEADS, rows))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
