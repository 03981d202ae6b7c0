"""The settled machine against digital LSTMs and digital simulators: `python benchmarks/bench_settle.py [hidden ...]`.

One random LSTM of H units and 16 inputs, 100 steps, a batch of 1 and of 32; one thread. Settle (double and single
precision) keeps h after each step; its time includes the schedule. Against: torch.nn.LSTMCell in a loop and
torch.nn.LSTM, float32, in a process beside this one, in turns with it (`measure.Torch`); the package's own numpy
reference. Times are medians, of the processor, each of a call right after another of the same; ratios are to the
LSTMCell loop of the same turn. What reading the weights of float64 takes in any case stands beside them.

Real devices: programming error 3 % of Gmax, 16 levels and, up to 128 units, 1 ohm a cell of both wires, solved once.
And 100 chips of 32 units. What aihwkit 1.2.0 and CrossSim 3.2.0 took, quoted from another time, as ratios too.
"""

import sys
from collections.abc import Callable
from math import nan
from statistics import median

import numpy as np
from measure import ENDS_OF_STEPS, Torch, asked, conditions, once, processor, table
from scipy.linalg.blas import dasum

import lstm_analog as la

SIZES = (32, 128, 512)
BATCHES = (1, 32)
INPUTS, STEPS, TURNS = 16, 100, 7
CHIPS, CHIP_UNITS = 100, 32
DEVICES = (la.imperfections.ProgrammingError(sigma=0.03), la.imperfections.Quantisation(levels=16))
WIRES, WIRED = la.imperfections.WireResistance(line=1.0, column=1.0), 128
"""Wires, and the units up to which they are solved here: the time grows with the fourth power of the units."""
PEERS = {
    "aihwkit 1.2.0, as preset": (16, 32, 17, 187, 256, 905),
    "aihwkit, PCM noise, 8 bit": (15, 66, 22, 441, 423, 5054),
    "aihwkit-lightning": (7.5, 8.4, 7.4, 20, 20, 118),
    "CrossSim 3.2.0, ideal": (9.8, 12, 11, 32, 20, 202),
    "CrossSim, 5 %, 8 bit, 2 % read noise": (46, 1511, 334, 23089, 9658, nan),
    "the same, 1 ohm wires": (493, nan, 40184, nan, nan, nan),
}
PEERS_LOOP = (2.5, 4.1, 3.4, 19, 22, 179)
"""Milliseconds of other simulators and of the LSTMCell loop beside them, in the order of SIZES and BATCHES: measured
earlier for this project on another virtual machine with 2 cores, one thread, T = 100, 16 inputs, float32. Their ratios
to that loop are what can be held against ours."""
PEERS_CHIP = "earlier, one chip of 32 units: aihwkit 52 ms, CrossSim 40 ms, each a loop over the chips"


def made(units: int, batch: int) -> tuple[la.LSTM, la.Machine, np.ndarray]:
    """Return an LSTM, its circuit and inputs."""
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    x = np.random.default_rng(1).uniform(-1, 1, (batch, STEPS, INPUTS))
    return lstm, la.compile(lstm, la.electrical.BEHAVIOURAL), x


def runner(machine: la.Machine, x: np.ndarray, precision: la.engines.Precision) -> Callable[[], np.ndarray]:
    """Return a call that runs `machine` over `x`, its schedule included, and returns h (..., time, units)."""
    engine = la.engines.Settle(precision=precision, save=ENDS_OF_STEPS)
    return lambda: engine.run(machine.network, machine.schedule(x)).efforts[..., 1:, :]  # but for the start


def warm(call: Callable[[], object]) -> float:
    """Return the seconds of processor time that `call` takes right after a first, as torch's are taken."""
    call()
    return once(call)


def reading(units: int) -> float:
    """Return the seconds in which BLAS adds up as many doubles as the weights have, as often as a run reads them."""
    weights = np.ones(4 * units * (units + INPUTS + 1))
    return min(warm(lambda: [dasum(weights) for _ in range(STEPS)]) for _ in range(TURNS))


def real(machine: la.Machine, units: int) -> la.Machine:
    """Return `machine` of so many `units` made of real devices."""
    for imperfection in (*DEVICES, WIRES) if units <= WIRED else DEVICES:
        machine = machine.with_imperfection(imperfection, la.imperfections.Streams(seed=1))
    return machine


def row(torch: Torch, units: int, batch: int) -> tuple[object, ...]:
    """Return the figures of one size."""
    double, single = la.engines.Precision.DOUBLE, la.engines.Precision.SINGLE
    lstm, machine, x = made(units, batch)
    start = processor()
    worn = real(machine, units)
    reduction = processor() - start
    calls = [runner(machine, x, double), runner(machine, x, single), runner(worn, x, double), lambda: lstm(x).h]
    first = once(calls[0])
    truth = lstm(x).h
    errors = [float(np.abs(call() - truth).max()) for call in calls[:3]]
    turns = np.array([[*torch.times(units, batch, STEPS, INPUTS), *map(warm, calls)] for _ in range(TURNS)])
    loop, layer, ideal, narrow, _, reference = (1e3 * median(turns[:, k]) for k in range(turns.shape[1]))
    to_loop = [median(turns[:, k] / turns[:, 0]) for k in (2, 3)]
    to_ideal = median(turns[:, 4] / turns[:, 2])
    return (
        *(units, batch, loop, layer, reference, 1e3 * reading(units), ideal, narrow, *to_loop, to_ideal),
        *(1e3 * first, reduction),
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


def peers(units: int, batch: int) -> list[float]:
    """Return the times of other simulators, of the LSTMCell loop beside them."""
    cases = [(size, many) for size in SIZES for many in BATCHES]
    if (units, batch) not in cases:
        return [nan] * len(PEERS)
    place = cases.index((units, batch))
    return [times[place] / PEERS_LOOP[place] for times in PEERS.values()]


HEADS = (
    *("H", "batch", "LSTMCell loop, ms", "nn.LSTM, ms", "numpy, ms", "reading f64's weights, ms", "Settle f64, ms"),
    *("Settle f32, ms", "f64 / loop", "f32 / loop", "real / ideal", "first run, ms", "devices and wires, once, s"),
    *("error f64", "error f32", "change by devices"),
)


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a size and batch, and the chips; if `brief`, of one batch."""
    sizes, batches = sizes or list(SIZES), BATCHES[: 1 if brief else None]
    with Torch() as torch:
        print(f"{conditions()}, torch {torch.version}; medians of {TURNS} turns")
        found = [row(torch, units, batch) for units in sizes for batch in batches]
    print(table(HEADS, found))
    print("Times of the LSTMCell loop of the same machine:")
    heads = ("H", "batch", "here: f64", "f32", *PEERS)
    print(table(heads, [(*entry[:2], *entry[8:10], *peers(*entry[:2])) for entry in found]))
    heads = ("H", "chips", "f64 first run, s", "f64, s", "f32 first run, s", "f32, s")
    print(f"Chips side by side; {PEERS_CHIP}:")
    print(table(heads, [chips_row(min(CHIP_UNITS, *sizes))]))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
