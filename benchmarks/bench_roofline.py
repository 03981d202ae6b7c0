"""What bounds a transient, and how far a run is from it: `python benchmarks/bench_roofline.py [units ...]`.

BEHAVIOURAL at 20 time constants, 16 inputs, float64, z, c and h kept where they are read. What a step cannot do
without, for each sequence: one product with the 4 H x (H + 16) conductances, five curves (four gates, tanh of c) at 17
points, and two filters, c and h, that map 17 values to 17. Limits are measured in the same run, in turns, of one
thread: the product and the filters by the BLAS at that very size (numbers a second), tanh by the kernel, or numpy
without one, on arrays that stay in the cache. The limit is the sum, for one core does one after the other; "bound by"
is the largest. Times are of the processor, the least of several.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
from bench_waveform import INPUTS, case
from measure import SIGNALS, asked, conditions, least, table

from lstm_analog.engines import Waveform
from lstm_analog.engines.native import compiled
from lstm_analog.expressions import make

SIZES, BATCHES, REPEATS = (32, 64, 128, 256, 512, 1024), (1, 32), 7
STEPS = {1: 100, 32: 20}
"""Steps by batch."""
POINTS, CURVES, FILTERS = 17, 5, 2
STREAM = 32_000_000
"""Numbers of an array that no cache holds."""
CACHED = 4096
"""Numbers of an array that the nearest cache holds."""
MEGA = 1e6


def repeated(call: Callable[[], object], count: int) -> None:
    """Make `call` so often that the clock can tell how long it takes."""
    for _ in range(count):
        call()


def rates() -> list[float]:
    """Return seconds of a byte copied in memory, of an operation in a large product, of a tanh in the cache."""
    source, target = np.ones(STREAM), np.empty(STREAM)
    square, product = np.ones((768, 768)), np.empty((768, 768))
    values, curves = np.linspace(-3.0, 3.0, CACHED), np.empty(CACHED)
    curve = partial(make, compiled([partial(np.tanh, values, out=curves)]))
    calls = [partial(np.copyto, target, source), partial(np.matmul, square, square, out=product)]
    copying, multiplying, curving = least([*calls, partial(repeated, curve, 1000)], 5)
    return [copying / (16 * STREAM), multiplying / (2 * 768**3), curving / (1000 * CACHED)]


def products(units: int, batch: int) -> list[Callable[[], object]]:
    """Return the calls of the product and of the filters of a step, each a hundred times."""
    weights, signals = np.ones((4 * units, units + INPUTS)), np.ones((units + INPUTS, batch))
    sums, inverse = np.empty((4 * units, batch)), np.ones((POINTS, POINTS))
    waves, filtered = np.ones((POINTS, units * batch)), np.empty((POINTS, units * batch))
    product = partial(np.matmul, weights, signals, out=sums)
    if batch == 1:
        product = partial(np.dot, weights, signals[:, 0], out=sums[:, 0])
    return [partial(repeated, product, 100), partial(repeated, partial(np.matmul, inverse, waves, out=filtered), 100)]


def row(units: int, batch: int, tanh: float) -> tuple[object, ...]:
    """Return the figures of one size, `tanh` being the seconds of one."""
    made = case(units, batch, STEPS[batch])
    run = partial(made.run, Waveform(save=SIGNALS))
    taken, product, filters = least([run, *products(units, batch)], REPEATS)
    weights, lanes = 4 * units * (units + INPUTS), units * batch
    parts = {"product": product / 100, "curves": CURVES * POINTS * lanes * tanh, "filters": FILTERS * filters / 100}
    limit, step = sum(parts.values()), taken / STEPS[batch]
    work = [2 * weights * batch / MEGA, 8 * weights / MEGA, CURVES * POINTS * lanes / MEGA]
    work.append(FILTERS * 2 * POINTS**2 * lanes / MEGA)
    us = [MEGA * part for part in (*parts.values(), limit, step)]
    return units, batch, *work, *us, max(parts, key=lambda name: parts[name]), step / limit


HEADS = (
    *("H", "batch", "product, million operations", "weights, MB", "curves, million", "filters, million operations"),
    *("product, us", "curves, us", "filters, us", "limit, us/step", "run, us/step", "bound by", "run / limit"),
)


def main(sizes: list[int], brief: bool) -> None:
    """Print a row a size and batch; if `brief`, of batch 1 only."""
    byte, operation, tanh = rates()
    print(conditions())
    print(f"Copying {1e-9 / byte:.3g} GB/s, products {1e-9 / operation:.3g} GFLOP/s, tanh {1e9 * tanh:.3g} ns.")
    batches = BATCHES[:1] if brief else BATCHES
    print(table(HEADS, [row(units, batch, tanh) for units in sizes or SIZES for batch in batches]))


if __name__ == "__main__":
    main(*asked(sys.argv[1:]))
