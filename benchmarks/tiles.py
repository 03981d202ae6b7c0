"""What tiling costs and breaks: `python benchmarks/tiles.py [units]`, 128 unless given.

One LSTM of 16 inputs over 20 steps, weights three times PyTorch's initial ones, `BEHAVIOURAL` by `Settle`, at wires of
0.5 and 2 ohm a cell: the largest error of h as one crossbar and in tiles, without and with errors of the gains of the
tiles' summing amplifiers, the worst and the median of 20 chips. Then what the tiles take.
"""

import sys
from collections.abc import Iterator

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.imperfections import Streams, Tiles
from lstm_analog.study import tiling

SIZES = (1 << 20, 256, 128, 64, 32)
"""Lines and columns of a tile; the first holds everything."""
GAINS = (0.0, 1e-3, 1e-2)
CHIPS = 20
STEPS, INPUTS, SCALE = 20, 16, 3.0


def errors(machine: la.Machine, lstm: la.LSTM, x: np.ndarray, tiles: Tiles) -> np.ndarray:
    """Return the largest error of h of each chip, (chips,)."""
    made = machine.with_imperfection(tiles, Streams(seed=1, chips=CHIPS if tiles.gain else None))
    run = made.run(x, engine="settle", keep=la.Keep.OUTPUTS)
    return np.abs(run.h - lstm(x).h).reshape(max(made.chips, 1), -1).max(axis=-1)


def broken(machine: la.Machine, lstm: la.LSTM, x: np.ndarray) -> Iterator[tuple[object, ...]]:
    """Yield the size of tiles, the wires, and the errors by gain."""
    for ohm in (0.5, 2.0):
        for size in SIZES:
            row = []
            for gain in GAINS:
                found = errors(machine, lstm, x, Tiles(drivers=size, columns=size, line=ohm, column=ohm, gain=gain))
                row += [float(np.median(found))] if not gain else [float(np.median(found)), float(found.max())]
            yield ("one crossbar" if size == SIZES[0] else f"{size} x {size}", ohm, *row)


def taken(machine: la.Machine) -> Iterator[tuple[object, ...]]:
    """Yield the size of tiles, how many, the summing amplifiers and the share of cells that have a device."""
    for size in SIZES[1:]:
        found = tiling(machine, Tiles(drivers=size, columns=size, line=0.5, column=0.5, gain=0.0))
        yield f"{size} x {size}", found.tiles, found.amplifiers, f"{found.used:.1%}"


def main(units: int) -> None:
    lstm = la.random_lstm(np.random.default_rng(0), INPUTS, units, scale=SCALE)
    x = np.random.default_rng(1).uniform(-1, 1, (STEPS, INPUTS))
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    print(conditions())
    heads = ("tiles", "ohm a cell", "gain exact", "1e-3, median", "1e-3, worst", "1e-2, median", "1e-2, worst")
    print(f"\n{table(heads, broken(machine, lstm, x))}", flush=True)
    print(f"\n{table(('tiles', 'how many', 'summing amplifiers', 'cells used'), taken(machine))}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 128)
