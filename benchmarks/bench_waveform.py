"""The transient by whole waveforms, against torch and numpy: `python benchmarks/bench_waveform.py [units ...]`.

One random LSTM of H units and 16 inputs in the technology BEHAVIOURAL, clocked at 20 time constants; float64, errors
against `Integrate(rtol=1e-9)` at 15 points of every interval of two steps, all nodes, in units of signal or of the
effort where that is larger. "All ends" keeps every node at the end of every interval; "signals" z, c and h where they
are read, the waveforms in between being found all the same. torch.nn.LSTM (float32; in a process beside this one, in
turns with it: `measure.Torch`) and the numpy reference (float64) compute the same sequence. Times are the least of
several, of the processor, one thread. "By numpy" is a network of its own that never meets the kernel. ngspice is in
`bench_transient.py`, growth with size in `bench_growth.py`, what bounds a step in `bench_roofline.py`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import nan

import numpy as np
from measure import SIGNALS, Torch, asked, by_numpy, conditions, least, once, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Precision, Waveform
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Conductors, Junctions, Switches
from lstm_analog.network.trajectory import Save

CASES = ((32, 1, 100), (32, 32, 100), (128, 1, 100), (128, 32, 100), (512, 1, 100), (512, 32, 20))
INPUTS = 16
REPEATS = 9
CHECKED, LARGEST_CHECKED, LARGEST_SCIPY = 2, 128, 16
PLUMBED = (16, 128)
LEAK, OUTPUT = 1e-4, 1e-3
"""Of an open switch against a closed one; a buffer's output resistance against the switch that it drives."""

BEHAVIOURAL = la.electrical.BEHAVIOURAL


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


def wrong(made: Case, engine: Waveform) -> float:
    """Return the largest error of any node at any of 15 points an interval."""
    short = made.short()
    exact = short.run(Integrate(rtol=1e-9, atol=1e-11, points=15))
    ours = short.run(replace(engine, points=15, save=Save()))
    scale = np.maximum(made.network.unknowns.scales(), np.abs(exact.efforts))
    return float((np.abs(ours.efforts - exact.efforts) / scale).max())


def others(made: Case, lstm: la.LSTM) -> tuple[float, float]:
    """Return the times of the signals of `made`, in single precision, and by numpy without the kernel."""
    engine, alone = Waveform(save=SIGNALS), replace(made, network=la.compile(lstm, BEHAVIOURAL).network)
    with by_numpy():
        (slow,) = least([partial(alone.run, engine)], 3)
    return least([partial(made.run, replace(engine, precision=Precision.SINGLE))], REPEATS)[0], slow


def row(
    torch: Torch | None, name: str, made: Case, lstm: la.LSTM | None, repeats: int, limit: int
) -> tuple[object, ...]:
    """Return the figures of one case, checked up to `limit` units; Integrate's time a step is that of a shorter run."""
    units, (batch, steps) = made.machine.sizes[0], made.x.shape[:2]
    engine = Waveform()
    calls = [partial(made.run, replace(engine, save=SIGNALS)), partial(made.run, engine)]
    ratios, numpy_time, single, by_calls = [nan, nan], nan, nan, nan
    if torch and lstm:
        turns = np.array([[*least(calls, 1), torch.times(units, batch, steps, INPUTS, 3)[1]] for _ in range(repeats)])
        *times, torch_time = turns.min(axis=0).tolist()
        ratios = [time / torch_time for time in times]
        (numpy_time,) = least([partial(lstm, made.x)], 3)
        single, by_calls = others(made, lstm)
    else:
        times, torch_time = least(calls, repeats), nan
    checked = units <= limit and batch == 1
    error = wrong(made, engine) if checked else nan
    reference = least([partial(made.short().run, Integrate())], 1)[0] / CHECKED * steps if checked else nan
    us = [1e6 * time / steps for time in (*times, single, by_calls, torch_time, numpy_time)]
    return (units, name, batch, steps, *us[:4], error, *us[4:], *ratios, times[0] / numpy_time, reference / times[0])


HEADS = (
    *("H", "circuit", "batch", "steps", "signals, us/step", "all ends, us/step"),
    *("float32, us/step", "by numpy, us/step"),
    *("error", "torch, us/step", "LSTM in numpy, us/step", "signals / torch", "all ends / torch"),
    *("signals / LSTM in numpy", "Integrate / signals"),
)


def ratios(found: list[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Yield of each of the rows `found` the ratios of its times, and those to the plain circuit of its size."""
    for units, name, batch, steps, signals, ends, single, by_calls, *_ in found:
        plain = next(row for row in found if row[:3] == (units, "plain", batch))
        of_plain = [nan, nan] if name == "plain" else [signals / plain[4], ends / plain[5]]
        yield units, name, batch, steps, ends / signals, *of_plain, by_calls / signals, single / signals


RATIOS = (
    *("H", "circuit", "batch", "steps", "all ends / signals", "signals / plain", "all ends / plain"),
    *("by numpy / kernel", "float32 / float64"),
)


def rows(torch: Torch, units: int, batch: int, steps: int, brief: bool) -> list[tuple[object, ...]]:
    """Return the rows of one size: as it is; where it is affordable and not `brief`, leaks and output resistances."""
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    plain = case(units, batch, steps)
    found = [row(torch, "plain", plain, lstm, REPEATS, LARGEST_CHECKED)]
    if batch == 1 and units <= LARGEST_CHECKED and not brief:
        leaky = replace(BEHAVIOURAL, off_conductance=LEAK / BEHAVIOURAL.copy_resistance)
        found.append(row(torch, "leak 1e-4", case(units, batch, steps, leaky), None, REPEATS, LARGEST_CHECKED))
        loaded = replace(plain, network=with_output_resistance(plain.network))
        found.append(row(torch, "output 1e-3", loaded, None, REPEATS, LARGEST_CHECKED))
    return found


def plumbing(units: int, brief: bool) -> tuple[object, ...]:
    """Return the row of hydraulic OIL in full detail, ten steps, all ends kept, against `Integrate`.

    If `brief`, in ideal detail, one step, `Integrate` not warmed up.
    """
    steps, detail = (1, Detail.IDEAL) if brief else (10, Detail.FULL)
    made = case(units, 1, steps, replace(la.hydraulic.OIL, detail=detail))
    (ends,), checked = least([partial(made.run, Waveform())], 3), units <= LARGEST_SCIPY
    error = wrong(made, Waveform()) if checked else nan
    reference, run = nan, partial(made.run, Integrate())
    if checked:
        reference = once(run) if brief else least([run], 1)[0]
    return units, made.network.unknowns.size, steps, ends, error, reference / ends


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a case; if `brief`, fewer of each size."""
    cases = [(units, 1, 10) for units in sizes] or CASES
    with Torch() as torch:
        print(f"{conditions()}, torch {torch.version}")
        found = [entry for units, batch, steps in cases for entry in rows(torch, units, batch, steps, brief)]
    print(table(HEADS, found))
    print("Ratios:")
    print(table(RATIOS, ratios(found)))
    print("Plumbing: OIL in full detail, all ends kept.")
    heads = ("H", "unknowns", "steps", "s", "error", "Integrate / Waveform")
    print(table(heads, [plumbing(units, brief) for units in (sizes or PLUMBED)]))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
