"""What the comparisons share: medians of times, peak memory, versions, tables."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import numpy as np
import scipy

import lstm_analog

STATUS = Path("/proc/self/status")


def seconds(call: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of `call` by the `clock`; it is run once before, to warm up."""
    call()
    times = []
    for _ in range(repeats):
        start = clock()
        call()
        times.append(clock() - start)
    return median(times)


def peak() -> float:
    """Return the most memory that this process has held, in MB, on Linux since `forget_peak`."""
    if STATUS.exists():
        found = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(found.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def forget_peak() -> None:
    """Let `peak` start from what is held now; Linux only, elsewhere without effect."""
    if STATUS.exists():
        STATUS.with_name("clear_refs").write_text("5", encoding="ascii")


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table; numbers have three digits."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def conditions() -> str:
    """Return versions, processor kind and threads, on one line."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return (
        f"lstm_analog {lstm_analog.__version__}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}; {platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"threads of the linear algebra: {threads}"
    )
