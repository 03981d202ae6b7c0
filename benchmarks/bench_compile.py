"""How long compiling takes and how much memory, by size: `python benchmarks/bench_compile.py [units ...]`.

H units with as many inputs, both timings. Each size has a process of its own, so that its peak is its own.
Wanted at H = 1024: less than 3 s and 600 MB.
"""

import json
import sys

import numpy as np
from measure import apart, conditions, peak, processor, table

import lstm_analog as la

SIZES = (64, 128, 256, 512, 1024)


def one(units: int, timing: str) -> dict[str, float]:
    """Compile once in this process; the LSTM is there before the clock starts."""
    lstm = la.random_lstm(np.random.default_rng(0), units, units)
    la.compile(la.random_lstm(np.random.default_rng(0), 2, 2), la.electrical.BEHAVIOURAL)
    before, start = peak(), processor()
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=la.compiler.Timing[timing])
    elapsed = processor() - start
    parts = sum(part.transconductance.size for part in machine.network.parts if part.label.endswith("_rows"))
    return {"seconds": elapsed, "before": before, "peak": peak(), "weights": parts}


def main(sizes: list[int]) -> None:
    """Print a row a size and timing."""
    rows = []
    for units in sizes:
        for timing in ("CLOCKED", "GATED_LEAK"):
            found = apart(__file__, units, timing)
            rows.append((units, timing, int(found["weights"]), found["seconds"], found["before"], found["peak"]))
    print(conditions())
    print(table(("H = inputs", "timing", "weights", "compile, s", "peak before, MB", "peak, MB"), rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]), sys.argv[3])))
    else:
        main([int(word) for word in sys.argv[1:]] or list(SIZES))
