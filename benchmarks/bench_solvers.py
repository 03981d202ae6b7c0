"""Solver against solver on the same equations: `python benchmarks/bench_solvers.py [units ...]`.

Ten steps of one sequence of a random LSTM of H units and 2 inputs; every scipy method with the analytic Jacobian of the
network (sparse for BDF and Radau, dense for LSODA), restarted at every clock edge as `Integrate` does. Each gets its
loosest tolerance that keeps all nodes within 1e-5 of `Integrate(rtol=1e-10)` at 5 points of every interval, in units of
signal or of the effort where that is larger. Times are of the processor, one thread. A method that takes more than 30
seconds is given up; - stands for one that was, or that fails at every tolerance tried.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np
from measure import asked, conditions, once, processor, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Method, Waveform

MACHINES = {
    "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
    "OIL, ideal": la.hydraulic.OIL,
    "OIL, full": replace(la.hydraulic.OIL, detail=Detail.FULL),
    "OPAMP": la.electrical.OPAMP,
}
CASES = (("BEHAVIOURAL", 16), ("BEHAVIOURAL", 64), ("OIL, ideal", 16), ("OIL, full", 16), ("OPAMP", 4))
STEPS, INPUTS, POINTS = 10, 2, 5
WRONG, PATIENCE, BRIEF = 1e-5, 30.0, 5.0
TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7)


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` in what takes more than so many seconds of processor time, wherever it is."""

    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def time_to(
    make: Callable[[float], object], machine: la.Machine, x: np.ndarray, exact: np.ndarray
) -> tuple[float, float]:
    """Return seconds and error of the engine that `make` makes of the loosest tolerance that does; NaN if none."""
    network, schedule = machine.network, machine.schedule(x)
    scale = np.maximum(network.unknowns.scales(), np.abs(exact))
    for rtol in TOLERANCES:
        try:
            start = processor()
            with limit(PATIENCE):
                found = make(rtol).run(network, schedule)
            seconds = processor() - start
        except TimeoutError:
            return nan, nan
        except la.errors.SimulationError:
            continue
        error = float((np.abs(found.efforts - exact) / scale).max())
        if error <= WRONG:
            again = once(partial(make(rtol).run, network, schedule)) if seconds < BRIEF else seconds
            return min(seconds, again), error
    return nan, nan


def row(name: str, units: int, steps: int) -> tuple[object, ...]:
    """Return the figures of one machine over so many `steps`."""
    machine = la.compile(la.random_lstm(np.random.default_rng(units), INPUTS, units), MACHINES[name])
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (steps, INPUTS))
    tight = Integrate(rtol=1e-10, atol=1e-12, points=POINTS)
    exact = tight.run(machine.network, machine.schedule(x)).efforts
    ours, error = time_to(lambda rtol: Waveform(rtol=rtol, atol=rtol / 100, points=POINTS), machine, x, exact)
    times = []
    for method in Method:
        other = replace(tight, method=method)
        times += time_to(lambda rtol, other=other: replace(other, rtol=rtol, atol=rtol / 100), machine, x, exact)[:1]
    best = min((seconds for seconds in times if seconds == seconds), default=nan)
    states = machine.network.unknowns.size
    return (units, name, states, ours, error, *times, best / ours)


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a machine and size; `sizes` are of BEHAVIOURAL; if `brief`, over one step."""
    print(conditions())
    cases = [("BEHAVIOURAL", units) for units in sizes] or CASES
    rows = [row(name, units, 1 if brief else STEPS) for name, units in cases]
    heads = ("H", "machine", "unknowns", "Waveform, s", "error", *(f"{method.value}, s" for method in Method))
    print(table((*heads, "best of scipy / Waveform"), rows))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
