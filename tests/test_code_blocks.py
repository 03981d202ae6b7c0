"""Every block of code of README.md and of the pages of docs/ is run, and prints what stands below it.

Blocks of a page share their names; a page may take an LSTM and inputs for granted. Blocks that need torch are run by
`tests/torch/test_finetuning.py`, the two that need a cluster only by whoever has one: these are compiled here.
"""

import re
import runpy
import shlex
import shutil
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import LimitWarning

ROOT = Path(__file__).resolve().parent.parent
PAGES = {path.stem: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("[!R]*.md")))}
MODELS = ROOT / "tests" / "model"
RUN = runpy.run_path(str(ROOT / "docs" / "run_blocks.py"))
BLOCKS = {name: RUN["blocks"](path.read_text(encoding="utf-8")) for name, path in PAGES.items()}
ELSEWHERE = ("torch", "dask", "mpi4py")
"""Modules whose blocks are not run here."""
COMMANDS = {"make", "pip", "mkdir", "vacask", "cd", "dask", "mpiexec", "lstm-analog"}
"""What a block of commands may call; those of this package are run."""
SMALLER = {
    "each[-100:]": "each[-10:]",
    "forecaster(15)": "forecaster(4)",
    "chips=1_000_000": "chips=200",
    "chips=1000": "chips=50",
    "seed=1, chips=100)": "seed=1, chips=10)",
    "chips=100, seed=2": "chips=10, seed=2",
    "ProcessPoolExecutor, 8": "ProcessPoolExecutor, 1",
    '"settle", "integrate", "ngspice", "rumoca"': '"settle", "ngspice"',
    "unseen()\nmachine": "(each[:30] for each in unseen())\nmachine",  # of 397 images
    "chips=20)\nhurt": "chips=2)\nhurt",
    "steps=8, units=(0, 1), met=x": "steps=2, units=(0, 1), met=x[:, :2], iterations=10",
    "of=margin, seed=1": "of=margin, seed=1, chips=5, draws=50, strengths=(1.0,)",
    "of=forecasts, seed=1": "of=forecasts, seed=1, chips=5, draws=50, strengths=(1.0,)",
    "    x,\n    metric=LargestError(expected=lstm(x)": "    x[:4],\n    metric=LargestError(expected=lstm(x[:4])",
    "chips=60,\n    seed=1,": "chips=20,\n    seed=1,\n    knobs=la.study.usual_knobs(la.electrical.BEHAVIOURAL)[1:],",
    "hidden=3)\nx = np.random.default_rng(1).uniform(-1, 1, (6, 2))\nfound": (
        "hidden=1)\nx = np.random.default_rng(1).uniform(-1, 1, (2, 2))\nfound"
    ),
    "(8, 2))\nrun = plumbing.run": "(3, 2))\nrun = plumbing.run",
    "(6, 2))\nmachine = la.compile(lstm, la": "(2, 2))\nmachine = la.compile(lstm, la",
    "verify lstm.cir lstm.certificate.json": "verify lstm.cir lstm.certificate.json --engine waveform",
    "found.sample(1000,": "found.sample(20,",
    'lstm.certificate.json"))).splitlines()[:3]': 'lstm.certificate.json"), engine="waveform")).splitlines()[:3]',
}
"""What would take long, and what is run instead."""
NUMBER = r"(?<![\w.])-?\d+\.?\d*(?:e[+-]?\d+)?(?!\w)"
ROUNDING = 1e-5
"""Errors below this are rounding and tolerances of solvers, and differ between machines."""


def given(folder: Path) -> dict[str, object]:
    """Return what pages take for granted: an LSTM, inputs, others that it has not seen; and put files into `folder`."""
    x, unseen = np.random.default_rng(1).uniform(-1, 1, (2, 14, 2))
    lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3)
    shutil.copy(MODELS / "golden" / "frameworks" / "lstm_f64.pt", folder / "model.pt")
    shutil.copy(MODELS / "others" / "keras_sentiment.h5", folder / "sentiment.keras")
    np.savetxt(folder / "x.csv", x, delimiter=",")
    record(lstm, x, folder)
    tokens = np.load(MODELS / "others" / "keras.npz")["keras_sentiment.x"][:3]
    return {"__name__": "page", "lstm": lstm, "x": x, "unseen": unseen, "tokens": tokens}


def record(lstm: la.LSTM, x: np.ndarray, folder: Path) -> None:
    """Put two traces of a board of `lstm`, through probes of 1 : 10 and with its clock line, into `folder`."""
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    error, streams = la.imperfections.ProgrammingError(sigma=0.003), la.imperfections.Streams(seed=9)
    run = machine.with_imperfection(error, streams).run(x, engine=la.engines.Waveform(points=30)).trajectory
    interval = np.searchsorted(run.schedule.ends, run.time).clip(0, run.schedule.ends.size - 1)
    clock = run.schedule.high[interval, run.network.lines.index("copy")]
    table = np.column_stack((run.time, run["l0_h"] / 10.0, 3.3 * clock))
    for number in (1, 2):
        path = folder / f"round{number}.csv"
        np.savetxt(path, table, delimiter=",", header="TIME,CH1,CH2,CH3,CH4", comments="")


def elsewhere(code: str) -> bool:
    """Return whether `code` is a block that needs what need not be here, or follows one."""
    return any(re.search(rf"^(?:import|from) {name}\b|\btorch\b", code, flags=re.MULTILINE) for name in ELSEWHERE)


def smaller(block):
    """Return the `block` with smaller sizes."""
    code = block.code
    for large, small in SMALLER.items():
        code = code.replace(large, small)
    return type(block)(language=block.language, code=code, shown=block.shown)


def alike(printed: str, shown: str) -> bool:
    """Return whether two texts have the same words, and numbers that differ by no more than 2 % or by rounding."""
    if re.sub(NUMBER, "#", printed).split() != re.sub(NUMBER, "#", shown).split():
        return False
    pairs = zip(*(np.array(re.findall(NUMBER, text), float) for text in (printed, shown)), strict=True)
    return all(abs(one - other) <= max(0.02 * abs(other), ROUNDING) for one, other in pairs)


@pytest.mark.parametrize("name", [name for name, found in BLOCKS.items() if found])
def test_blocks_run_and_print_what_the_page_shows(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace, before = given(tmp_path), len(list(tmp_path.iterdir()))
    for block in BLOCKS[name]:
        if block.language == "python" and elsewhere(block.code):
            compile(block.code, name, "exec")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LimitWarning)
            printed = RUN["run_block"](smaller(block), namespace)
        assert block.shown is None or alike(printed, block.shown), printed
    assert name != "pictures" or len(list(tmp_path.iterdir())) == before + 9


def test_what_is_made_smaller_stands_on_a_page():
    code = [block.code for found in BLOCKS.values() for block in found]
    assert [large for large in SMALLER if not any(large in each for each in code)] == []


def test_commands_are_those_that_are_known():
    lines = [line for found in BLOCKS.values() for b in found if b.language == "sh" for line in b.code.splitlines()]
    words = [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]
    assert {word[0] for word in words if word} <= COMMANDS


def test_no_block_is_written_in_a_way_that_nobody_runs():
    for path in PAGES.values():
        found = re.findall(r"^```(\w*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        opened = [language for language in found if language]
        assert len(found) == 2 * len(opened)
        assert set(opened) <= {"python", "sh", "text", "math"}
        assert all(before in ("python", "sh") for before, after in pairwise(["", *opened]) if after == "text")


def test_texts_are_alike_or_not():
    assert alike("error 3.31e-08, of l0_h", "error  3.3e-08, of l0_h")
    assert not alike("error 0.02, of l0_h", "error 0.03, of l0_h")
    assert not alike("holds", "does not hold")
