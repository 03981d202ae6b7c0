"""The transient by whole waveforms, against all else: `python benchmarks/bench_waveform.py [units ...]`.

One random LSTM of H units and 16 inputs in the technology BEHAVIOURAL, clocked at 20 time constants; float64, errors
against `Integrate(rtol=1e-9)` at 15 points of every interval of two steps, all nodes, in units of signal or of the
effort where that is larger. "All ends" keeps every node at the end of every interval; "signals" z, c and h where they
are read, the waveforms in between being found all the same. torch.nn.LSTM and the numpy reference compute the same
sequence (float32 and float64), where torch is installed. ngspice, of the same netlist at its loosest usual accuracy,
runs up to 32 units, 10 steps, and its time a step is counted. Times are the least of several,
interleaved: processor time of one thread, which other work on the machine disturbs less; ngspice's is that of the wall.
"""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import nan

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Ngspice, Waveform
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Conductors, Junctions, Switches
from lstm_analog.network.trajectory import Save

CASES = ((32, 1, 100), (128, 1, 100), (128, 32, 20), (256, 1, 100), (512, 1, 100), (1024, 1, 20))
INPUTS = 16
REPEATS = 9
CHECKED, LARGEST_CHECKED, LARGEST_NGSPICE = 2, 128, 32
LEAK, OUTPUT = 1e-4, 1e-3
"""Of an open switch against a closed one; a buffer's output resistance against the switch that it drives."""

BEHAVIOURAL = la.electrical.BEHAVIOURAL
SIGNALS = Save(groups=("l0_zi", "l0_zf", "l0_zg", "l0_zo", "l0_c", "l0_h"), intervals=("hold0", "readout"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is run: `machine` over `x`, with `network` in the place of its own."""

    machine: la.Machine
    network: Network
    x: np.ndarray

    def run(self, engine: object) -> object:
        return engine.run(self.network, self.machine.schedule(self.x))

    def short(self) -> "Case":
        return replace(self, x=self.x[:1, :CHECKED])


def case(units: int, batch: int, steps: int, technology: object = BEHAVIOURAL) -> Case:
    machine = la.compile(la.random_lstm(np.random.default_rng(units), INPUTS, units), technology)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (batch, steps, INPUTS))
    return Case(machine=machine, network=machine.network, x=x)


def with_output_resistance(network: Network) -> Network:
    """Return the network with a resistor behind each buffer, and a junction between it and the copy switch."""
    groups, parts, size = list(network.unknowns.groups), list(network.parts), network.unknowns.size
    for place, part in enumerate(network.parts):
        if isinstance(part, Switches) and part.label.endswith("_copy"):
            nodes = np.arange(size, size + part.a.size)
            size += part.a.size
            groups.append(Group(label=f"{part.label}_out", size=part.a.size, scale=groups[-1].scale))
            parts[place] = replace(part, a=nodes)
            resistors = Conductors(label=f"{part.label}_r", a=part.a, b=nodes, conductance=part.closed / OUTPUT)
            parts += [resistors, Junctions(label=f"{part.label}_j", nodes=nodes)]
    return replace(network, unknowns=Unknowns(groups=tuple(groups)), parts=tuple(parts)).verify()


def least(
    calls: list[Callable[[], object] | None], repeats: int, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Return the least time of each call by `clock`; in turns, so that other work on the machine hits them alike."""
    for call in calls:
        if call:
            call()
    best = [np.inf if call else nan for call in calls]
    for _ in range(repeats):
        for place, call in enumerate(calls):
            if call:
                start = clock()
                call()
                best[place] = min(best[place], clock() - start)
    return best


def torch_call(made: Case) -> Callable[[], object] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    units = made.machine.sizes[0]
    other = torch.nn.LSTM(INPUTS, units, batch_first=True)
    inputs = torch.tensor(made.x, dtype=torch.float32)

    def call() -> object:
        with torch.inference_mode():
            return other(inputs)

    return call


def wrong(made: Case, engine: Waveform) -> float:
    """Return the largest error of any node at any of 15 points an interval."""
    short = made.short()
    exact = short.run(Integrate(rtol=1e-9, atol=1e-11, points=15))
    ours = short.run(replace(engine, points=15, save=Save()))
    scale = np.maximum(made.network.unknowns.scales(), np.abs(exact.efforts))
    return float((np.abs(ours.efforts - exact.efforts) / scale).max())


def row(name: str, made: Case, lstm: la.LSTM | None, repeats: int) -> tuple[object, ...]:
    """Return the figures of one case; ngspice's and Integrate's time a step are those of shorter runs."""
    units, (batch, steps) = made.machine.sizes[0], made.x.shape[:2]
    engine, schedule = Waveform(), made.machine.schedule(made.x)
    kept = replace(engine, save=SIGNALS)
    calls = [partial(e.run, made.network, schedule) for e in (kept, engine)]
    digital = [torch_call(made), partial(lstm, made.x)] if lstm else [None, None]
    ours, ends, torch_time, numpy_time = (1e6 * t / steps for t in least([*calls, *digital], repeats))
    checked = units <= LARGEST_CHECKED and batch == 1
    error = wrong(made, engine) if checked else nan
    reference = 1e6 * least([partial(made.short().run, Integrate())], 1)[0] / CHECKED if checked else nan
    spice = nan
    if units <= LARGEST_NGSPICE and lstm and shutil.which("ngspice"):
        ten = replace(made, x=made.x[:1, :10])
        spice = 1e6 * least([partial(ten.run, Ngspice())], 1, time.perf_counter)[0] / ten.x.shape[1]
    return (
        *(units, name, batch, steps, ours, ends, error, torch_time, numpy_time),
        *(ours / torch_time, ends / torch_time, ours / numpy_time, reference / ours, spice / ours),
    )


HEADS = (
    *("H", "circuit", "batch", "steps", "signals, us/step", "all ends, us/step", "error", "torch, us/step"),
    *("numpy, us/step", "signals / torch", "all ends / torch", "signals / numpy"),
    *("Integrate / signals", "ngspice / signals"),
)


def rows(units: int, batch: int, steps: int) -> list[tuple[object, ...]]:
    """Return the rows of one size: as it is; where it is affordable, with leaks, output resistances and as plumbing."""
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    plain = case(units, batch, steps)
    found = [row("plain", plain, lstm, REPEATS)]
    if batch == 1 and units <= LARGEST_CHECKED:
        leaky = replace(BEHAVIOURAL, off_conductance=LEAK / BEHAVIOURAL.copy_resistance)
        found.append(row("leak 1e-4", case(units, batch, steps, leaky), None, 3))
        loaded = replace(plain, network=with_output_resistance(plain.network))
        found.append(row("output 1e-3", loaded, None, 3))
    return found


def plumbing(units: int) -> tuple[object, ...]:
    """Return the row of hydraulic OIL in full detail, ten steps, all ends kept, against `Integrate`."""
    made = case(units, 1, 10, replace(la.hydraulic.OIL, detail=Detail.FULL))
    (ends,) = least([partial(made.run, Waveform())], 3)
    checked = units <= LARGEST_NGSPICE
    error = wrong(made, Waveform()) if checked else nan
    reference = least([partial(made.run, Integrate())], 1)[0] if checked else nan
    us = 1e6 * ends / 10
    return (units, "OIL, full", 1, 10, nan, us, error, nan, nan, nan, nan, nan, reference / ends, nan)


def growth(found: list[tuple[object, ...]]) -> str:
    """Return the exponent of the time a step in the number of weights, fitted from 64 units on."""
    alike = [(entry[0], entry[4]) for entry in found if entry[1] == "plain" and entry[2] == 1 and entry[0] >= 64]
    if len(alike) < 2:
        return ""
    units, times = np.array(alike, dtype=float).T
    return f"; time ~ weights^{np.polyfit(np.log(4 * units * (units + INPUTS)), np.log(times), 1)[0]:.2f}"


def main(sizes: list[int]) -> None:
    """Print a row a case."""
    cases = [(units, 1, 10) for units in sizes] or CASES
    found = [entry for units, batch, steps in cases for entry in rows(units, batch, steps)]
    found += [plumbing(units) for units in (sizes or (16, 128))]
    try:
        import torch

        version = torch.__version__
    except ImportError:
        version = "not installed"
    print(f"{conditions()}, torch {version}{growth(found)}")
    print(table(HEADS, found))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
