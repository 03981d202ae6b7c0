"""Runs killed at random moments: `python benchmarks/kill_runs.py [50] [seed]`, ten minutes.

Each run is a process that writes files or has a simulator run, over and over, and is sent SIGINT, SIGTERM or SIGKILL
after a fraction, drawn by lot, of the time that it takes as a whole. After it: each file must be the old one or the new
one, every byte of it; no process that it started may be there; no temporary folder and no part of a file. SIGKILL lets
nobody clean up: what it leaves is counted, and so is how long simulators went on; files must be whole all the same.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import conditions, table

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MARK = "LSTM_ANALOG_KILL_RUNS"
"""A variable of the environment by which the children of a run are found."""
LONGEST = 120.0
"""Seconds that a run may take, and that a simulator may go on after SIGKILL."""
BEGIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what was started in the background
import numpy as np
import lstm_analog as la
from lstm_analog import cli
lstm = la.random_lstm(np.random.default_rng(0), 2, {hidden})
x = np.random.default_rng(1).uniform(-1.0, 1.0, ({steps}, 2))
machine = la.compile(lstm, "behavioural")
print("begun", flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is run: the units and steps, the statements, and the files that these write."""

    hidden: int
    steps: int
    does: str
    files: tuple[str, ...] = ()
    together: bool = False


TASKS: Mapping[str, Task] = {
    "save a machine": Task(hidden=64, steps=1, does="for _ in range(30): machine.save('a.npz')", files=("a.npz",)),
    "compile, write a netlist": Task(
        hidden=24,
        steps=4,
        does="for _ in range(3): la.compile(lstm, 'opamp').write.spice('a.cir', x)",
        files=("a.cir",),
    ),
    "certify": Task(
        hidden=4,
        steps=3,
        does="for _ in range(4): machine.certify(lstm, x, 'a.cir')",
        files=("a.cir", "a.certificate.json"),
        together=True,
    ),
    "run by ngspice": Task(hidden=4, steps=40, does="machine.run(x, engine='ngspice')"),
    "run by rumoca": Task(hidden=1, steps=2, does="machine.run(x, engine=la.engines.Rumoca())"),
    "lstm-analog compile --spice": Task(
        hidden=4,
        steps=3,
        does="la.save(lstm, 'm.safetensors'); cli.main(['compile', 'm.safetensors', 'a.npz', '--spice', 'a.cir'])",
        files=("a.npz", "a.cir", "a.certificate.json"),
        together=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What was left after a run: files neither old nor new, a mixture, processes, folders, parts."""

    damaged: int
    mixed: int
    children: int
    left: int
    lasted: float


def start(task: Task, folder: Path, mark: str) -> subprocess.Popen[bytes]:
    """Return the process of `task` in `folder`, begun."""
    environment = os.environ | {"TMPDIR": str(folder / "tmp"), MARK: mark}
    program = BEGIN.format(hidden=task.hidden, steps=task.steps) + task.does
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == b"begun\n"
    return run


def finish(run: subprocess.Popen[bytes]) -> int:
    """Wait for the end of `run` and return its code."""
    with run:
        return run.wait(LONGEST)


def children(mark: str) -> list[int]:
    """Return the processes that have the `mark` in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{MARK}={mark}\0".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended, or is another's
    return found


def whole(task: Task, folder: Path) -> tuple[float, dict[str, bytes]]:
    """Run `task` to its end in `folder`; return how long it took and what it wrote."""
    run, begun = start(task, folder, "whole"), time.monotonic()
    assert finish(run) == 0
    return time.monotonic() - begun, {name: (folder / name).read_bytes() for name in task.files}


def killed(task: Task, number: int, fraction: float, known: tuple[float, dict[str, bytes]], folder: Path) -> Fate:
    """Return what is left of `task` in `folder` when signal `number` comes after a `fraction` of the whole."""
    spent, new = known
    mark = f"{os.getpid()}-{folder.name}"
    old = {name: f"old {name}".encode() for name in task.files}
    for name, content in old.items():
        (folder / name).write_bytes(content)
    run = start(task, folder, mark)
    time.sleep(fraction * spent)
    run.send_signal(number)
    finish(run)
    ended, there = time.monotonic(), children(mark)
    while number == signal.SIGKILL and children(mark) and time.monotonic() < ended + LONGEST:
        time.sleep(0.05)
    lasted = time.monotonic() - ended if there else 0.0
    now = {name: (folder / name).read_bytes() for name in task.files}
    kept = [path for path in folder.iterdir() if path.name not in (*task.files, "tmp", "m.safetensors")]
    return Fate(
        damaged=sum(now[name] not in (old[name], new[name]) for name in now),
        mixed=int(task.together and now not in (old, new)),
        children=len(children(mark) if number == signal.SIGKILL else there),
        left=len(kept) + len(list((folder / "tmp").iterdir())),
        lasted=lasted,
    )


def kill(count: int, seed: int, tasks: Mapping[str, Task] = TASKS) -> dict[tuple[str, str], list[Fate]]:
    """Return what was left after `count` runs of `tasks`, `seed` deciding which, when and how, by task and signal."""
    lot, found, known = (
        random.Random(seed),
        dict[tuple[str, str], list[Fate]](),
        dict[str, tuple[float, dict[str, bytes]]](),
    )
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        for turn in range(count):
            name, number = [*tasks][turn % len(tasks)], lot.choice(SIGNALS)
            if name not in known:
                known[name] = whole(tasks[name], _folder(Path(place) / f"whole-{turn}"))
            fate = killed(tasks[name], number, lot.uniform(0.0, 1.0), known[name], _folder(Path(place) / str(turn)))
            found.setdefault((name, number.name), []).append(fate)
    return found


def _folder(path: Path) -> Path:
    (path / "tmp").mkdir(parents=True)
    return path


def faults(found: Mapping[tuple[str, str], list[Fate]]) -> Counter[str]:
    """Return how often something was left that must not be."""
    counts: Counter[str] = Counter()
    for (_, number), fates in found.items():
        for fate in fates:
            counts["damaged files"] += fate.damaged
            counts["processes left"] += fate.children
            if number != "SIGKILL":
                counts["old files beside new ones"] += fate.mixed
                counts["temporary folders or parts of files"] += fate.left
    return counts


def main() -> int:
    """Print the table."""
    count, seed = (int(sys.argv[n]) if len(sys.argv) > n else preset for n, preset in ((1, 50), (2, 0)))
    tasks = {name: task for name, task in TASKS.items() if "ngspice" not in name or shutil.which("ngspice")}
    found = kill(count, seed, tasks)
    rows = (
        [
            name,
            number,
            len(fates),
            *(sum(getattr(fate, what) for fate in fates) for what in ("damaged", "mixed", "children", "left")),
            f"{max(fate.lasted for fate in fates):.1f}",
        ]
        for (name, number), fates in sorted(found.items())
    )
    print(conditions())
    heads = ("files damaged", "old beside new", "processes left", "folders or parts left", "children lasted, s")
    print(table(["run", "signal", "killed", *heads], rows))
    print(f"{sum(map(len, found.values()))} runs killed, seed {seed}: {dict(faults(found))}")
    return int(any(faults(found).values()))


if __name__ == "__main__":
    sys.exit(main())
