"""The settled machine against digital LSTMs and digital simulators: `python benchmarks/bench_settle.py [hidden ...]`.

One random LSTM of H units and 16 inputs, 100 steps, a batch of 1 and of 32; one thread. Settle (double and single
precision) keeps h after each step; its time includes the schedule. Against: torch.nn.LSTMCell in a loop and
torch.nn.LSTM, float32, if torch is installed here or in the Python that the environment variable TORCH_PYTHON names
(a process beside this one, in turns with it); the package's own numpy reference. Times are medians, of the processor,
which other work disturbs less than the clock on the wall; ratios are to the LSTMCell loop of the same turn.

Real devices: programming error 3 % of Gmax, 16 levels and, up to 128 units, 1 ohm a cell of both wires, solved once.
And 100 chips of 32 units. What aihwkit 1.2.0 and CrossSim 3.2.0 took is quoted below each table, from another time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.network.trajectory import Save

SIZES = (32, 128, 512)
BATCHES = (1, 32)
INPUTS, STEPS, TURNS = 16, 100, 7
CHIPS, CHIP_UNITS = 100, 32
DEVICES = (la.imperfections.ProgrammingError(sigma=0.03), la.imperfections.Quantisation(levels=16))
WIRES, WIRED = la.imperfections.WireResistance(line=1.0, column=1.0), 128
"""Wires, and the units up to which they are solved here: the time grows with the fourth power of the units."""
PUBLISHED = """Published here before, ms (H32 B1, H32 B32, H128 B1, H128 B32, H512 B1, H512 B32):
  LSTMCell loop                        2.5   4.1    3.4     19    22   179
  aihwkit 1.2.0, default                16    32     17    187   256   905
  CrossSim 3.2.0, ideal                9.8    12     11     32    20   202
  5 % error, 8 bit, 2 % read noise      46  1511    334  23089  9658     -
  the same with 1 ohm wires            493     -  40184      -     -     -"""
PUBLISHED_CHIPS = (
    "Published here before, one chip of 32 units: aihwkit 52 ms, CrossSim 40 ms, each a loop over the chips."
)
PEER = """
import sys, time
import torch
torch.set_num_threads(1)
print(torch.__version__, flush=True)
for line in sys.stdin:
    units, batch, steps, inputs = map(int, line.split())
    cell, layer, x = torch.nn.LSTMCell(inputs, units), torch.nn.LSTM(inputs, units), torch.randn(steps, batch, inputs)
    def loop():
        h = c = torch.zeros(batch, units)
        out = []
        for row in x:
            h, c = cell(row, (h, c))
            out.append(h)
        return torch.stack(out)
    with torch.inference_mode():
        found = []
        for call in (loop, lambda: layer(x)):
            call()
            start = time.process_time()
            call()
            found.append(time.process_time() - start)
    print(*found, flush=True)
"""


class Torch:
    """A process beside this one that times torch when asked; without torch all its times are NaN."""

    def __init__(self) -> None:
        python = os.environ.get("TORCH_PYTHON", sys.executable)
        self.process = subprocess.Popen(
            [python, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.version = self.process.stdout.readline().strip() or "not installed"

    def times(self, units: int, batch: int) -> tuple[float, float]:
        """Return seconds of the LSTMCell loop and of nn.LSTM."""
        if self.version == "not installed":
            return np.nan, np.nan
        self.process.stdin.write(f"{units} {batch} {STEPS} {INPUTS}\n")
        self.process.stdin.flush()
        loop, layer = map(float, self.process.stdout.readline().split())
        return loop, layer

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def once(call: Callable[[], object]) -> float:
    """Return the seconds that `call` takes."""
    start = time.process_time()
    call()
    return time.process_time() - start


def made(units: int, batch: int) -> tuple[la.LSTM, la.Machine, np.ndarray]:
    """Return an LSTM, its circuit and inputs."""
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    x = np.random.default_rng(1).uniform(-1, 1, (batch, STEPS, INPUTS))
    return lstm, la.compile(lstm, la.electrical.BEHAVIOURAL), x


def settle(machine: la.Machine, precision: la.engines.Precision) -> la.engines.Settle:
    """Return the engine that keeps h at the end of each step of `machine`."""
    spot = machine.compiled.layout.layers[-1].h
    return la.engines.Settle(precision=precision, save=Save(groups=(spot.group,), intervals=(spot.interval,)))


def runner(machine: la.Machine, x: np.ndarray, precision: la.engines.Precision) -> Callable[[], np.ndarray]:
    """Return a call that runs `machine` over `x`, its schedule included, and returns h (..., time, units)."""
    engine = settle(machine, precision)
    return lambda: engine.run(machine.network, machine.schedule(x)).efforts[..., 1:, :]  # but for the start


def real(machine: la.Machine, units: int) -> la.Machine:
    """Return `machine` of so many `units` made of real devices."""
    for imperfection in (*DEVICES, WIRES) if units <= WIRED else DEVICES:
        machine = machine.with_imperfection(imperfection, la.imperfections.Streams(seed=1))
    return machine


def row(torch: Torch, units: int, batch: int) -> tuple[object, ...]:
    """Return the figures of one size."""
    double, single = la.engines.Precision.DOUBLE, la.engines.Precision.SINGLE
    lstm, machine, x = made(units, batch)
    start = time.process_time()
    worn = real(machine, units)
    reduction = time.process_time() - start
    calls = [runner(machine, x, double), runner(machine, x, single), runner(worn, x, double), lambda: lstm(x).h]
    first = once(calls[0])
    truth = lstm(x).h
    errors = [float(np.abs(call() - truth).max()) for call in calls[:3]]
    turns = np.array([[*torch.times(units, batch), *map(once, calls)] for _ in range(TURNS)])
    loop, layer, ideal, narrow, _, reference = (1e3 * median(turns[:, k]) for k in range(turns.shape[1]))
    to_loop = [median(turns[:, k] / turns[:, 0]) for k in (2, 3)]
    to_ideal = median(turns[:, 4] / turns[:, 2])
    return (
        *(units, batch, loop, layer, reference, ideal, narrow, *to_loop, to_ideal, 1e3 * first, reduction),
        *(f"{error:.1g}" for error in errors),
    )


def chips_row(units: int) -> tuple[object, ...]:
    """Return the figures of many chips at once."""
    _, machine, x = made(units, 1)
    error = la.imperfections.ProgrammingError(sigma=0.03)
    many = machine.with_imperfection(error, la.imperfections.Streams(seed=1, chips=CHIPS))
    found = []
    for precision in (la.engines.Precision.DOUBLE, la.engines.Precision.SINGLE):
        call = runner(many, x, precision)
        found += [once(call), median(once(call) for _ in range(TURNS))]
    return units, CHIPS, *found


HEADS = (
    *("H", "batch", "LSTMCell loop, ms", "nn.LSTM, ms", "numpy, ms", "Settle f64, ms", "Settle f32, ms"),
    *("f64 / loop", "f32 / loop", "real / ideal", "first run, ms", "devices and wires, once, s"),
    *("error f64", "error f32", "change by devices"),
)


def main(sizes: list[int]) -> None:
    """Print a row a size and batch, and the chips."""
    torch = Torch()
    print(f"{conditions()}, torch {torch.version}; medians of {TURNS} turns")
    print(table(HEADS, [row(torch, units, batch) for units in sizes for batch in BATCHES]))
    print(PUBLISHED)
    torch.close()
    heads = ("H", "chips", "f64 first run, s", "f64, s", "f32 first run, s", "f32, s")
    print(table(heads, [chips_row(min(CHIP_UNITS, *sizes))]))
    print(PUBLISHED_CHIPS)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(SIZES))
