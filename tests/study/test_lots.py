"""Lots: on any executor, with workers and the main process killed, each chip is counted once and has the same bits."""

import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import chip_metrics
import numpy as np
import pytest
from chip_metrics import Killing, X, asked, asked_until, failing, hanging, last_h, machine

import lstm_analog as la
from lstm_analog.errors import FileAccessError, FileFormatError, SimulationError, UnsupportedError
from lstm_analog.imperfections import DeviceSpread, ProgrammingError
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Spec, lot_workers
from lstm_analog.study.digest import digest_of

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = get_context("forkserver")
"""Makes processes as those are that Python starts anew, but with the package imported once for all."""
SERVER.set_forkserver_preload(["lstm_analog.study", "lstm_analog.machine", "lstm_analog.engines"])
ONE = partial(ProcessPoolExecutor, 1, mp_context=SERVER)
TWO = partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn"))


@pytest.fixture(scope="module")
def whole():
    return asked()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# Folders.


def test_a_study_goes_on_where_it_was(tmp_path, whole):
    """Only what is not there is computed: here nothing, one lot, and two more."""
    told = []

    def metric(outputs):
        return chip_metrics.last_h(outputs)

    folder = tmp_path / "new" / "study"
    np.testing.assert_array_equal(
        asked(metric=metric, folder=folder, progress=lambda *n: told.append(n)).values, whole.values
    )
    assert told == [(2 * n, 12) for n in range(1, 7)]
    assert files(folder) == sorted(f"chips-{2 * n}-{2 * n + 1}.npz" for n in range(6))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "chips-4-5.npz").unlink()
    found = asked(metric=metric, folder=folder, chips=15)
    np.testing.assert_array_equal(found.values[:12], whole.values)
    np.testing.assert_array_equal(found.values[12:], asked(chips=15, lot_size=15).values[12:])
    written = {path.name for path in folder.iterdir() if before.get(path) != path.stat().st_mtime_ns}
    assert written == {"chips-4-5.npz", "chips-12-13.npz", "chips-14-14.npz"}
    np.testing.assert_array_equal(asked(metric=metric, folder=folder, spec=Spec(at_most=0.0)).values, whole.values)


def test_reasons_are_kept(tmp_path):
    def metric(outputs):
        return np.where(last_h(outputs) > np.median(last_h(outputs)), np.inf, last_h(outputs))

    first, again = (asked(metric=metric, folder=tmp_path) for _ in range(2))
    assert first.failures == again.failures
    assert len(again.failures) == 6
    np.testing.assert_array_equal(first.values, again.values)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The unit `number` of h after the last step."""

    number: int

    def __call__(self, outputs: Outputs) -> np.ndarray:
        return outputs.h[..., -1, self.number]


def test_another_study_is_refused_by_name(tmp_path):
    asked(folder=tmp_path, metric=Unit(number=0), chips=4)
    other = la.compile(la.random_lstm(np.random.default_rng(7), 1, 1), la.electrical.BEHAVIOURAL, settling=24.0)

    def metric(outputs):
        return 2.0 * last_h(outputs)

    for changes in (
        {"seed": 6},
        {"x": X + 0.1},
        {"metric": Unit(number=-1)},
        {"metric": metric},
        {"imperfections": DeviceSpread(share=0.051)},
        {"imperfections": ProgrammingError(sigma=0.05)},
        {"lot_size": 4},
        {"machine": other},
        {"state": (np.full((1, 1), 0.1), np.zeros((1, 1)))},
        {"engine": la.engines.Settle(settled=4.0)},
    ):
        with pytest.raises(
            FileFormatError,
            match=r"^file '.*chips-0-1.npz' must be of this study, digest \w{12}, got another, \w{12}: give each study",
        ):
            asked(**{"folder": tmp_path, "metric": Unit(number=0), "chips": 4, **changes})


def test_the_digest_of_a_function_knows_what_it_holds(tmp_path):
    def metric_of(factor):
        return lambda outputs: factor * last_h(outputs)

    asked(folder=tmp_path, metric=metric_of(1.0), chips=2)
    asked(folder=tmp_path, metric=metric_of(1.0), chips=2)
    with pytest.raises(FileFormatError, match="must be of this study"):
        asked(folder=tmp_path, metric=metric_of(2.0), chips=2)
    space = {}
    exec("def metric(outputs): return outputs.h[..., -1, 0]", space)
    with pytest.raises(UnsupportedError, match=r"^the source of metric must be at hand, got .*: define it in a file"):
        asked(folder=tmp_path, metric=space["metric"], chips=2)
    with pytest.raises(
        UnsupportedError, match=r"^the metric must be a function or a record where .*, got partial: write"
    ):
        asked(folder=tmp_path, metric=partial(last_h), chips=2)


def test_what_differs_has_another_digest():
    """Keyword-only defaults did not count; long arrays in lists and partials were hashed by their abbreviated text."""

    def metric_of(gain):
        def metric(outputs, *, factor=gain):
            return factor * last_h(outputs)

        return metric

    zeros, other = np.zeros(5000), np.eye(1, 5000, 2500)[0]
    for one, two in (
        (metric_of(1.0), metric_of(2.0)),
        ([zeros], [other]),
        (partial(last_h, zeros), partial(last_h, other)),
        (metric_of(1.0).__get__(1), metric_of(1.0).__get__(2)),
        (np.array([1.0 + 2.0j]), np.array([1.0 + 3.0j])),
    ):
        assert digest_of(one) == digest_of(one) != digest_of(two)
    for strange in (object(), np.array(["a"]), iter(())):
        with pytest.raises(UnsupportedError, match=r"^a value to hash must be plain, an array .*: write it"):
            digest_of(strange)


@pytest.mark.parametrize("damage", ["cut", "renamed", "foreign"])
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    asked(folder=tmp_path, chips=4)
    path = tmp_path / "chips-2-3.npz"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif damage == "renamed":
        path.rename(tmp_path / "chips-20-21.npz")
    else:
        machine().save(path)
    with pytest.raises(
        FileFormatError, match=r"^file '.*chips-20?-[23]1?.npz' must (hold a StoredLot|be as it was wr)"
    ):
        asked(folder=tmp_path, chips=4)


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileAccessError, match=r"^folder '.*file' must be writable, got File exists: choose another"):
        asked(folder=tmp_path / "file")


# Executors.


def test_a_worker_that_dies_is_replaced(tmp_path, whole):
    """Two are killed by SIGKILL; each time the pool breaks whole."""
    found = asked(metric=Killing(folder=tmp_path, times=2), executor=ONE, timeout=60.0)
    assert len(files(tmp_path)) >= 2
    np.testing.assert_array_equal(found.values, whole.values)


def test_workers_that_die_each_time_end_the_study(tmp_path, monkeypatch):
    monkeypatch.setattr(lot_workers, "MOST_BREAKS", 2)
    killing = Killing(folder=tmp_path, times=1000)
    text = r"^the workers must live, got BrokenProcessPool: .*, 2 in a row, chips from 0 on not being done: take a"
    with pytest.raises(SimulationError, match=text):
        asked(metric=killing, executor=ONE)
    with (
        ONE() as own,
        pytest.raises(SimulationError, match=r", 1 in a row, .*: give what makes an executor, e.g. Proc"),
    ):
        asked(metric=killing, executor=own)


def test_a_worker_that_hangs_ends_the_study():
    with pytest.raises(SimulationError, match=r"^the executor must finish a lot within 2.0 s, got none, 6 lots not be"):
        asked(metric=hanging, executor=TWO, timeout=2.0)


def test_what_a_worker_raises_is_told(tmp_path):
    with pytest.raises(
        SimulationError,
        match=r"^chips \d+ to \d+ must be computed by the executor, got RuntimeError: out of paper: see",
    ):
        asked(metric=failing, executor=ONE)
    with pytest.raises(
        UnsupportedError, match=r"^what a worker is sent must be picklable, got .*(lambda|local).*: define the"
    ):
        asked(metric=lambda outputs: 1.0 * last_h(outputs), executor=ONE)


def test_an_executor_of_ones_own_is_left_open(whole):
    with ThreadPoolExecutor(2) as pool:
        found = asked(executor=pool, ahead=2)
        assert pool.submit(int, "3").result() == 3
    np.testing.assert_array_equal(found.values, whole.values)


# The main process killed.


@pytest.mark.parametrize("last", [[4], [2, 8]])
def test_a_study_that_is_killed_goes_on(tmp_path, whole, last):
    """By SIGKILL, once or twice: the same to the last bit, each chip once, nothing but whole files."""
    folder = tmp_path / "study"
    for end in last:
        process = SERVER.Process(target=asked_until, args=(folder, end))
        process.start()
        process.join(60.0)
        assert process.exitcode == -signal.SIGKILL
        assert files(folder) == sorted(f"chips-{first}-{first + 1}.npz" for first in range(0, end, 2))
    found = asked(folder=folder)
    np.testing.assert_array_equal(found.values, whole.values)
    assert found.chips == 12
    assert len(files(folder)) == 6


ORPHANS = """
import os, sys, time
sys.path.insert(0, {root!r})
from concurrent.futures import ProcessPoolExecutor
from lstm_analog.study import end_with_parent

pool = ProcessPoolExecutor(1, initializer=end_with_parent)
print(pool.submit(os.getpid).result(), flush=True)
time.sleep(3600.0)
"""


def test_workers_end_with_the_process_that_made_them():
    """Python's own wait for ever when it is killed by SIGKILL. What they could write to ends when they do."""
    script = ORPHANS.format(root=str(ROOT))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as made:
        assert int(made.stdout.readline()) != made.pid
        made.kill()
        assert made.communicate(timeout=30) == ("", None)
