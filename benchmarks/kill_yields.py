"""Studies of yield with workers and main processes killed: `python benchmarks/kill_yields.py [trials] [seed]`.

Each trial is a study of 400 chips in lots of ten on two processes, with a folder. At a random moment SIGKILL comes to
its main process, which is then started again in the same folder, or to one of its workers, which is replaced; so three
times. In the end the numbers of all chips must be those of an undisturbed study to the last bit, the folder must hold
each chip once, in whole files, and no process must be left. A trial that takes longer than a minute counts as a hang.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from kill_runs import children
from measure import conditions, table

import lstm_analog as la
from lstm_analog.imperfections import DeviceSpread
from lstm_analog.study import LargestError, Spec, end_with_parent, yield_of

CHIPS, LOT, KILLS, LONGEST = 400, 10, 3, 60.0
MARK = "LSTM_ANALOG_KILL_RUNS"
"""A variable of the environment by which the processes of a trial are found."""


def study(folder: Path | None) -> np.ndarray:
    """Return the numbers of all chips; on two processes where there is a `folder`."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 4)
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (12, 2))
    pool = partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn"), initializer=end_with_parent)
    found = yield_of(
        la.compile(lstm, la.electrical.BEHAVIOURAL),
        DeviceSpread(share=0.02),
        x,
        metric=LargestError(expected=lstm(x).h),
        spec=Spec(at_most=0.02),
        chips=CHIPS,
        seed=3,
        lot_size=LOT,
        executor=None if folder is None else pool,
        timeout=None if folder is None else LONGEST,
        folder=folder,
    )
    return found.values


def start(folder: Path, mark: str) -> subprocess.Popen[bytes]:
    """Return the main process of a study, begun."""
    command = [sys.executable, __file__, "--one", str(folder)]
    return subprocess.Popen(command, env=os.environ | {MARK: mark}, stderr=subprocess.DEVNULL)


def workers(mark: str, main: int) -> list[int]:
    """Return the processes of a trial that compute, without its main process."""
    found = []
    for number in children(mark):
        try:
            line = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if number != main and b"spawn_main" in line:
            found.append(number)
    return found


def trial(lot: random.Random, whom: str, longest: float, expected: np.ndarray) -> dict[str, int]:
    """Return what went wrong in a study that has been killed `KILLS` times: its main process, or `whom`."""
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        folder, mark = Path(place) / "study", f"{os.getpid()}-{lot.random()}"
        begun, struck = time.monotonic(), 0
        run = start(folder, mark)
        for _ in range(KILLS):
            time.sleep(lot.uniform(0.0, longest))
            if run.poll() is not None:
                break
            if whom == "main":
                run.kill()
                run.wait()
                struck += 1
                run = start(folder, mark)
            elif there := workers(mark, run.pid):
                os.kill(lot.choice(there), signal.SIGKILL)
                struck += 1
        try:
            code = run.wait(LONGEST - (time.monotonic() - begun))
        except subprocess.TimeoutExpired:
            run.kill()
            return {"killed": struck, "hangs": 1}
        time.sleep(1.0)  # workers of a main process that was killed end by themselves
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        wanted = sorted(f"chips-{first}-{first + LOT - 1}.npz" for first in range(0, CHIPS, LOT))
        values = np.load(Path(place) / "values.npy") if code == 0 else np.zeros(0)
        return {
            "killed": struck,
            "failed": int(code != 0),
            "other bits": int(not np.array_equal(values, expected)),
            "other files": int(names != wanted),
            "processes left": len(children(mark)),
        }


def main() -> int:
    """Print the table."""
    count, seed = (int(sys.argv[n]) if len(sys.argv) > n else preset for n, preset in ((1, 20), (2, 0)))
    lot, expected, rows = random.Random(seed), study(None), []
    heads = ("killed", "hangs", "failed", "other bits", "other files", "processes left")
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        begun = time.monotonic()
        start(Path(place) / "study", "whole").wait()
        longest = time.monotonic() - begun
    for whom in ("main", "worker"):
        fates = [trial(lot, whom, longest, expected) for _ in range(count // 2)]
        rows.append([whom, len(fates), *(sum(fate.get(head, 0) for fate in fates) for head in heads)])
    print(conditions())
    print(table(("killed by SIGKILL", "trials", *heads), rows))
    return int(any(sum(row[3:]) for row in rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        np.save(Path(sys.argv[2]).parent / "values.npy", study(Path(sys.argv[2])))
    else:
        sys.exit(main())
