"""How fast a deck is written, and whether its memory is flat: `python benchmarks/bench_writer.py [units ...]`.

H units with as many inputs, four steps. The text goes nowhere, so that no disk is measured; one size goes to a file
as well. Wanted: 500,000 cards a second, and a peak that does not grow with the deck.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import apart, conditions, forget_peak, peak, table

import lstm_analog as la
from lstm_analog.export import NGSPICE, USUAL
from lstm_analog.export.spice import deck

SIZES = (64, 128, 256, 512, 1024)
TO_FILE = 256
"""Units up to which the deck is also written to a file (33 MB)."""


def one(units: int) -> dict[str, float]:
    """Write one deck to nowhere, counting lines and bytes, in this process."""
    machine = la.compile(la.random_lstm(np.random.default_rng(0), units, units), la.electrical.BEHAVIOURAL)
    x = np.random.default_rng(1).uniform(-1, 1, (4, units))
    schedule = machine.schedule(x)
    forget_peak()
    before, lines, size, start = peak(), 0, 0, time.perf_counter()
    for text in deck(machine.network, schedule, NGSPICE, USUAL, "bench.cir"):
        lines += text.count("\n")
        size += len(text.encode("ascii"))
    found = {"lines": lines, "bytes": size, "seconds": time.perf_counter() - start, "before": before, "peak": peak()}
    return found | {"file": _to_file(machine, x) if units <= TO_FILE else float("nan")}


def _to_file(machine: la.Machine, x: np.ndarray) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        machine.write_spice(Path(folder) / "bench.cir", x)
        return time.perf_counter() - start


def main(sizes: list[int]) -> None:
    """Print a row a size."""
    rows = []
    for units in sizes:
        found = apart(__file__, units)
        rate = found["lines"] / found["seconds"]
        growth = found["peak"] - found["before"]
        rows.append(
            (units, found["lines"], found["bytes"] / 1e6, found["seconds"], f"{rate:,.0f}", growth, found["file"])
        )
    print(conditions())
    print(table(("H = inputs", "lines", "MB", "s", "lines/s", "memory added, MB", "to a file, s"), rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]))))
    else:
        main([int(word) for word in sys.argv[1:]] or list(SIZES))
