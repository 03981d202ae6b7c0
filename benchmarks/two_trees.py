"""What users wait for, in this tree and in another: `python benchmarks/two_trees.py ../old [runs]`.

Both run in turn, `runs` times each (5 unless given), in processes of their own on one thread; a row is the median of
their medians, in milliseconds of processor time, and the ratio. A row that the other tree cannot run stays empty.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from math import nan
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

import lstm_analog as la

HERE = Path(__file__).resolve().parent.parent
SLOW = 0.2
"""Seconds of a call from which on three are enough for a median; else seven."""


def rows(folder: Path) -> dict[str, Callable[[], object]]:
    """Return the calls by name; machines are compiled when first asked for, files go to `folder`."""
    technologies = {
        "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
        "OPAMP": la.electrical.OPAMP,
        "OIL": la.hydraulic.OIL,
    }
    made: dict[tuple[str, int], la.Machine] = {}

    def lstm(units: int) -> la.LSTM:
        return la.random_lstm(np.random.default_rng(0), 4, units)

    def machine(name: str, units: int) -> la.Machine:
        if (name, units) not in made:
            made[name, units] = la.compile(lstm(units), technologies[name])
        return made[name, units]

    def compiling(name: str, units: int) -> Callable[[], object]:
        given = lstm(units)
        return lambda: la.compile(given, technologies[name])

    def running(engine: la.engines.Engine, name: str, units: int, *shape: int) -> Callable[[], object]:
        x = 0.5 * np.random.default_rng(1).normal(size=(*shape, 4))
        return lambda: machine(name, units).run(x, engine=engine)

    deck, saved, x = folder / "a.cir", folder / "a.npz", np.zeros((5, 4))

    def write() -> object:
        whole = machine("BEHAVIOURAL", 32)
        return whole.write.spice(deck, x) if hasattr(whole, "write") else whole.write_spice(deck, x)

    def save_and_load() -> object:
        machine("BEHAVIOURAL", 32).save(saved)
        return la.load_machine(saved)

    settle, waveform, integrate = la.engines.Settle(), la.engines.Waveform(), la.engines.Integrate()
    return {
        "compile BEHAVIOURAL H=32": compiling("BEHAVIOURAL", 32),
        "compile OIL H=8": compiling("OIL", 8),
        "compile OPAMP H=8": compiling("OPAMP", 8),
        "Settle BEHAVIOURAL H=8, 60 steps": running(settle, "BEHAVIOURAL", 8, 60),
        "Settle BEHAVIOURAL H=32, 60 steps": running(settle, "BEHAVIOURAL", 32, 60),
        "Settle BEHAVIOURAL H=128, 60 steps": running(settle, "BEHAVIOURAL", 128, 60),
        "Settle BEHAVIOURAL H=32, batch 32, 60 steps": running(settle, "BEHAVIOURAL", 32, 32, 60),
        "Settle OIL H=8, 30 steps": running(settle, "OIL", 8, 30),
        "Waveform BEHAVIOURAL H=32, 20 steps": running(waveform, "BEHAVIOURAL", 32, 20),
        "Waveform BEHAVIOURAL H=128, batch 8, 5 steps": running(waveform, "BEHAVIOURAL", 128, 8, 5),
        "Waveform OIL H=8, 5 steps": running(waveform, "OIL", 8, 5),
        "Waveform OPAMP H=3, 2 steps": running(waveform, "OPAMP", 3, 2),
        "Integrate BEHAVIOURAL H=8, 5 steps": running(integrate, "BEHAVIOURAL", 8, 5),
        "Integrate OPAMP H=3, 2 steps": running(integrate, "OPAMP", 3, 2),
        "write SPICE, BEHAVIOURAL H=32": write,
        "read SPICE, BEHAVIOURAL H=32": lambda: la.read_spice(deck),
        "save and load, BEHAVIOURAL H=32": save_and_load,
    }


def one() -> dict[str, float]:
    """Return the median time of each row in this process, in ms."""
    with tempfile.TemporaryDirectory() as name:
        return {row: _timed(call) for row, call in rows(Path(name)).items()}


def _timed(call: Callable[[], object]) -> float:
    def took() -> float:
        start = process_time()
        call()
        return 1e3 * (process_time() - start)

    try:
        call()
    except Exception as error:  # noqa: BLE001 - another tree may have no such engine, or refuse the machine
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return nan
    first = took()
    return median([first, *(took() for _ in range(2 if first > 1e3 * SLOW else 6))])


def main(words: list[str]) -> None:
    """Print the times of both trees, or those of this process as JSON."""
    if words == ["one"]:
        print(json.dumps(one()))
        return
    from measure import conditions, table  # of this tree alone: the other may lack what it needs

    other, runs = Path(words[0]).resolve(), int(words[1]) if len(words) > 1 else 5
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    found: dict[Path, list[dict[str, float]]] = {other: [], HERE: []}
    for _ in range(runs):
        for tree, times in found.items():
            told = os.environ | threads | {"PYTHONPATH": str(tree)}
            done = subprocess.run([sys.executable, __file__, "one"], env=told, stdout=subprocess.PIPE, check=True)
            times.append(json.loads(done.stdout))
    print(conditions())
    ours, theirs = ({row: median(t[row] for t in found[tree]) for row in found[HERE][0]} for tree in (HERE, other))
    lines = [(row, theirs[row], value, value / theirs[row]) for row, value in ours.items()]
    print(table(("row", "other, ms", "this, ms", "this / other"), lines))


if __name__ == "__main__":
    main(sys.argv[1:])
