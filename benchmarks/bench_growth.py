"""How time and memory grow: `python benchmarks/bench_growth.py [units ...]`.

BEHAVIOURAL at 20 time constants, 16 inputs, one thread, h kept where it is read. Units: a process a size, one sequence;
processor time a step, least of several runs; "memory" is how far the process grew over what it held before compiling,
at its peak in compiling and running, over the conductance arrays (8 bytes a weight and bias): each engine in a process
of its own. Then length, batch, and 100,000 steps: a run keeps what `Save` says, and a little of every interval; cut
into pieces, each from the state that the one before left, it needs the memory of one piece.
"""

import gc
import json
import sys
from dataclasses import replace

import numpy as np
from measure import ENDS_OF_STEPS, SIGNALS, apart, conditions, forget_peak, least, peak, processor, table

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform

SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
ENGINES = {"Waveform": Waveform(save=ENDS_OF_STEPS), "Settle": Settle(save=ENDS_OF_STEPS)}
INPUTS, STEPS, REPEATS = 16, 20, 7
FITTED = 64
"""Units from which the exponent is fitted."""
SHAPES = ((32, 1, 10), (32, 1, 100), (32, 1, 1000), (32, 8, 100), (32, 32, 100), (32, 128, 100), (128, 8, 20))
SHAPES += ((128, 32, 20), (128, 128, 20))
LONG, PIECE, LONG_UNITS = 100_000, 1000, 4


def made(units: int, batch: int, steps: int) -> tuple[la.Machine, np.ndarray]:
    """Return a circuit and its inputs."""
    machine = la.compile(la.random_lstm(np.random.default_rng(units), INPUTS, units), la.electrical.BEHAVIOURAL)
    return machine, np.random.default_rng(1).uniform(-1.5, 1.5, (batch, steps, INPUTS))


def one(units: int, name: str) -> dict[str, float]:
    """Return the figures of a size and an engine, measured in this process."""
    engine = ENGINES[name]
    small, x = made(2, 1, 2)
    engine.run(small.network, small.schedule(x))
    lstm = la.random_lstm(np.random.default_rng(units), INPUTS, units)
    x = np.random.default_rng(1).uniform(-1.5, 1.5, (1, STEPS, INPUTS))
    gc.collect()
    forget_peak()
    before, start = peak(), processor()
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    compiling = processor() - start
    compiled = peak() - before
    schedule = machine.schedule(x)
    (running,) = least([lambda: engine.run(machine.network, schedule)], REPEATS)
    return {"compiling": compiling, "compiled": compiled, "running": running / STEPS, "peak": peak() - before}


def long(name: str, pieces: int) -> dict[str, float]:
    """Return time and memory of a long run, in so many `pieces`, measured in this process."""
    engine, (machine, x) = replace(ENGINES[name], save=SIGNALS), made(LONG_UNITS, 1, LONG)
    machine.run(x[0, :PIECE], engine=engine)
    forget_peak()
    before, start, state = peak(), processor(), None
    for piece in np.array_split(x[0], pieces):
        state = machine.run(piece, state=state, engine=engine).outputs.state
    return {"seconds": processor() - start, "memory": peak() - before}


def by_size(sizes: list[int]) -> list[tuple[object, ...]]:
    """Return a row a size."""
    rows = []
    for units in sizes:
        weights = 4 * units * (units + INPUTS + 1)
        found = [apart(__file__, units, name) for name in ENGINES]
        times = [1e6 * entry["running"] for entry in found]
        memory = [entry["peak"] for entry in found]
        shares = [value / (8e-6 * weights) for value in (found[0]["compiled"], *memory)] if units >= FITTED else []
        shares = shares or ["-"] * 3
        rows.append((units, weights, found[0]["compiling"], *times, *memory, *shares))
    return rows


def exponents(rows: list[tuple[object, ...]]) -> str:
    """Return how compiling and running grow with the weights: the exponents, fitted."""
    fitted = np.array([entry[1:5] for entry in rows if entry[0] >= FITTED], dtype=float)
    if len(fitted) < 2:
        return ""
    weights, *times = np.log(fitted.T)
    found = [np.polyfit(weights, each, 1)[0] for each in times]
    return "; time ~ weights^" + ", ".join(
        f"{value:.2f} ({name})" for name, value in zip(("compile", *ENGINES), found, strict=True)
    )


def by_shape(units: int, batch: int, steps: int) -> tuple[object, ...]:
    """Return the row of a size, a batch and a number of steps."""
    machine, x = made(units, batch, steps)
    schedule = machine.schedule(x)
    calls = [lambda engine=engine: engine.run(machine.network, schedule) for engine in ENGINES.values()]
    return (units, batch, steps, *(1e6 * time / steps / batch for time in least(calls, 5)))


HEADS = (
    *("H", "weights and biases", "compile, s", *(f"{name}, us/step" for name in ENGINES)),
    *(f"memory with {name}, MB" for name in ENGINES),
    *("compiling, of the arrays", *(f"with {name}, of the arrays" for name in ENGINES)),
)


def main(sizes: list[int]) -> None:
    """Print how time and memory grow with units, batch and length."""
    found = by_size(sizes or list(SIZES))
    print(conditions() + exponents(found))
    print(table(HEADS, found))
    print("A step of one sequence:")
    shapes = [(units, 2, 3) for units in sizes] or SHAPES
    print(table(("H", "batch", "steps", *(f"{name}, us" for name in ENGINES)), [by_shape(*shape) for shape in shapes]))
    if sizes:
        return
    print(f"{LONG:,} steps:")
    rows = []
    for name in ENGINES:
        for pieces in (1, LONG // PIECE):
            told = apart(__file__, "long", name, pieces)
            rows.append((LONG_UNITS, name, pieces, told["seconds"], told["memory"], 1e6 * told["memory"] / LONG))
    print(table(("H", "engine", "pieces", "s", "memory added, MB", "bytes a step"), rows))


if __name__ == "__main__":
    if sys.argv[1:3] == ["--one", "long"]:
        print(json.dumps(long(sys.argv[3], int(sys.argv[4]))))
    elif sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]), sys.argv[3])))
    else:
        main([int(word) for word in sys.argv[1:]])
