"""The circuit by our engines and by ngspice, against the LSTM: `python benchmarks/bench_transient.py [units ...]`.

One random LSTM of H units and 2 inputs in the technology BEHAVIOURAL, ten steps of one sequence, at 8 and at 20 time
constants a phase. All engines run the same network. ngspice gets its loosest setting that keeps h within 1e-5 of a very
tight solution at the sampling instants, and once more what the engine `Ngspice` has as preset; Integrate its loosest
tolerance that keeps h within 1e-5; Waveform the loosest at which neither h nor the waveforms (z, c, h at 15
points of every interval) are further off than ngspice's. At 8 time constants the errors of h show what the solver does;
at 20 the settling wipes out what went wrong on the way. The waveforms of ngspice are off by what its clock edges take
and by what is drawn straight between its points. Times are of the processor: a run from a schedule to z, c and h where
they are read; that of ngspice includes writing the deck and reading its answer. The numpy reference and torch.nn.LSTM
(float32, `measure.Torch`) compute the same steps.
"""

import sys
from dataclasses import replace
from functools import partial
from math import inf, nan

import numpy as np
from measure import SIGNALS, Torch, asked, conditions, least, ngspice_version, once, table

import lstm_analog as la
from lstm_analog.engines import Integrate, Ngspice, Waveform
from lstm_analog.export import USUAL

CASES = tuple((units, settling) for units in (8, 16, 32, 128) for settling in (8.0, 20.0))
STEPS, INPUTS, POINTS = 10, 2, 15
SAME_ERROR = 1e-5
REPEATED = 32
"""Units up to which ngspice is run more than once; beyond, it takes minutes and starts with what did for them."""
WAVES = ("l0_zi", "l0_zf", "l0_zg", "l0_zo", "l0_c", "l0_h")

INTEGRATE = tuple(Integrate(rtol=rtol, atol=rtol / 100) for rtol in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9))
WAVEFORM = tuple(Waveform(rtol=rtol, atol=rtol / 100) for rtol in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8))
NGSPICE = tuple(
    Ngspice(accuracy=replace(USUAL, reltol=reltol, steps=steps), time_limit=3600.0)
    for reltol, steps in ((1e-3, 10), (1e-4, 30), (1e-5, 100), (1e-6, 300))
)
PRESET = Ngspice(time_limit=3600.0)
TIGHT = Integrate(rtol=1e-11, atol=1e-13, points=POINTS)
Found = tuple[object, float, float, float]
"""An engine, how far h and the waveforms are off, and the seconds of the run that told."""


def off(run: la.Run, truth: la.Run) -> tuple[float, float]:
    """Return how far h is off at the sampling instants and the waveforms at the points of `truth`, in units."""
    network, times = truth.trajectory.network, truth.trajectory.time
    nodes = np.concatenate([network.unknowns[label] for label in WAVES])
    apart = run.trajectory.sample(times, nodes) - truth.trajectory.sample(times, nodes)
    return float(np.abs(run.h - truth.h).max()), float(np.abs(apart / network.unknowns.scales()[nodes]).max())


def loosest(machine: la.Machine, x: np.ndarray, engines: tuple, truth: la.Run, allowed: tuple[float, float]) -> Found:
    """Return the first of `engines` that is not further off than `allowed`."""
    for engine in engines:
        fine = engine if isinstance(engine, Ngspice) else replace(engine, points=POINTS)
        runs = []
        seconds = once(lambda engine=fine, runs=runs: runs.append(machine.run(x, engine=engine)))
        found = off(runs[0], truth)
        if all(error <= limit for error, limit in zip(found, allowed, strict=True)):
            return engine, *found, seconds
    return None, nan, nan, nan


def timed(machine: la.Machine, x: np.ndarray, engine: object) -> partial:
    """Return a call that runs `machine` over `x` by `engine`, the schedule being there."""
    return partial(engine.run, machine.network, machine.schedule(x))


def setting(engine: object) -> str:
    """Return how loose `engine` is."""
    if isinstance(engine, Ngspice):
        return f"reltol {engine.accuracy.reltol:g}, {engine.accuracy.steps} steps"
    return f"rtol {engine.rtol:g}" if engine else "none"


def row(torch: Torch, units: int, settling: float, steps: int) -> tuple[object, ...]:
    """Return the figures of one size and phase length, over so many `steps`."""
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=settling)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (steps, INPUTS))
    truth, spices = machine.run(x, engine=TIGHT), NGSPICE if ngspice_version() != "not installed" else ()
    if units > REPEATED:
        spices = spices[0 if settling > 10.0 else 2 :]
    spice = loosest(machine, x, spices, truth, (SAME_ERROR, inf))
    same = spice[1:3] if spice[0] else (SAME_ERROR, inf)
    ours, scipy = loosest(machine, x, WAVEFORM, truth, same), loosest(machine, x, INTEGRATE, truth, (SAME_ERROR, inf))
    run = partial(timed, machine, x)
    times = least([run(replace(ours[0], save=SIGNALS)), partial(lstm, x)], 15) + least([run(scipy[0])], 1)
    times += least([run(spice[0])], 2) if spice[0] and units <= REPEATED else [spice[3]]
    preset = once(run(PRESET)) if spices else nan
    digital = torch.times(units, 1, steps, INPUTS, 50)[1]
    cells = [(setting(engine), f"{h:.1g}, {waves:.1g}") for engine, h, waves, _ in (ours, scipy, spice)]
    return (
        *(units, settling, times[0], *cells[0], times[2], *cells[1], times[3], *cells[2], preset),
        *(
            times[3] / times[0],
            preset / times[0],
            times[2] / times[0],
            times[3] / times[2],
            times[0] / times[1],
            times[0] / digital,
        ),
    )


HEADS = (
    *("H", "T/tau", "Waveform, s", "at", "h, waves off", "Integrate, s", "at", "h, waves off", "ngspice, s", "at"),
    *(
        "h, waves off",
        "as preset, s",
        "ngspice / Waveform",
        "as preset / Waveform",
        "Integrate / Waveform",
        "ngspice / Integrate",
        "Waveform / numpy",
    ),
    "Waveform / torch",
)


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a size and phase length; if `brief`, over one step."""
    cases = [case for case in CASES if case[0] in sizes] or [(units, 20.0) for units in sizes] or CASES
    with Torch() as torch:
        print(f"{conditions()}, ngspice {ngspice_version()}, torch {torch.version}")
        print(table(HEADS, [row(torch, *case, 1 if brief else STEPS) for case in cases]))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
