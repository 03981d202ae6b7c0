"""What the comparisons share: times, torch in a process beside this one, peak memory, versions, tables."""

import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path
from statistics import median

import numpy as np
import scipy

import lstm_analog
from lstm_analog.engines.native import is_available
from lstm_analog.engines.native.library import SWITCH, TARGET
from lstm_analog.network.trajectory import Save

STATUS, CPUINFO = Path("/proc/self/status"), Path("/proc/cpuinfo")
ENDS_OF_STEPS = Save(groups=("l0_h",), intervals=("readout",))
SIGNALS = Save(groups=("l0_zi", "l0_zf", "l0_zg", "l0_zo", "l0_c", "l0_h"), intervals=("hold0", "readout"))
"""Of a clocked machine of one layer, where they are read: h; z, c and h."""
Call = Callable[[], object]


def processor() -> float:
    """Return the seconds of processor time of this process and of those it has waited for, as ngspice.

    Other work on the machine disturbs it less than the clock on the wall.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def once(call: Call) -> float:
    """Return the seconds of processor time that `call` takes."""
    start = processor()
    call()
    return processor() - start


def seconds(call: Call, repeats: int) -> float:
    """Return the median time of `call`; it is run once before, to warm up."""
    call()
    return median(once(call) for _ in range(repeats))


def least(calls: Iterable[Call], repeats: int) -> list[float]:
    """Return the least time of each of the `calls`; in turns after a first, so that other work hits them alike."""
    calls = list(calls)
    for call in calls:
        call()
    turns = [[once(call) for call in calls] for _ in range(repeats)]
    return np.min(turns, axis=0).tolist()


@contextmanager
def by_numpy() -> Iterator[None]:
    """In this context networks that are new are run by numpy, without the engines' kernel."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "0"
    try:
        yield
    finally:
        del os.environ[SWITCH]
        os.environ |= {} if before is None else {SWITCH: before}


PEER = """
import sys, time
import torch
torch.set_num_threads(1)
print(torch.__version__, flush=True)
for line in sys.stdin:
    units, batch, steps, inputs, repeats = map(int, line.split())
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
            times = []
            for _ in range(repeats):
                start = time.process_time()
                call()
                times.append(time.process_time() - start)
            found.append(min(times))
    print(*found, flush=True)
"""


class Torch:
    """A process beside this one that times torch in float32 when asked; without torch all its times are NaN.

    It is run by the Python that the environment variable TORCH_PYTHON names, else by this one.
    """

    def __init__(self) -> None:
        python = os.environ.get("TORCH_PYTHON", sys.executable)
        self.process = subprocess.Popen(
            [python, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.version = self.process.stdout.readline().strip() or "not installed"

    def __enter__(self) -> "Torch":
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:  # which closes both pipes
            self.process.stdin.close()

    def times(self, units: int, batch: int, steps: int, inputs: int, repeats: int = 1) -> tuple[float, float]:
        """Return the least seconds of an LSTMCell loop and of nn.LSTM over `steps`, each in `repeats` calls."""
        if self.version == "not installed":
            return nan, nan
        self.process.stdin.write(f"{units} {batch} {steps} {inputs} {repeats}\n")
        self.process.stdin.flush()
        loop, layer = map(float, self.process.stdout.readline().split())
        return loop, layer


def asked(words: list[str]) -> tuple[list[int], bool]:
    """Return the sizes among `words`, and whether "brief" is: then a few rows are made, to see that they come."""
    return [int(word) for word in words if word != "brief"], "brief" in words


def apart(script: str, *words: object) -> dict[str, float]:
    """Return what `script`, called with `--one` and `words` in a process of its own, prints as JSON."""
    command = [sys.executable, script, "--one", *map(str, words)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return found


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
    """Return a Markdown table; numbers have three digits, - where there is none."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if np.isnan(cell) else f"{cell:.3g}"
    return str(cell)


def ngspice_version() -> str:
    """Return the version of ngspice, or that it is not installed."""
    if not shutil.which("ngspice"):
        return "not installed"
    told = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"ngspice-(\S+)", told)
    return found[1] if found else "unknown"


def processor_name() -> str:
    """Return what the processor calls itself, as far as the system tells."""
    if CPUINFO.exists():
        names = [line.partition(":")[2] for line in CPUINFO.read_text().splitlines() if line.startswith("model name")]
        return " ".join(names[0].split()) if names else platform.machine()
    return platform.processor() or platform.machine()


def conditions() -> str:
    """Return versions, the processor, threads and the kernel, on one line."""
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    kernel = f"kernel for {os.environ.get(TARGET, 'native')}" if is_available() else "no kernel"
    return (
        f"lstm_analog {lstm_analog.__version__}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}; {platform.system()} {platform.machine()}, {os.cpu_count()} of {processor_name()}, "
        f"threads of the linear algebra: {threads}, {kernel}, load {os.getloadavg()[0]:.1f}"
    )
