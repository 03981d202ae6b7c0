"""The decks in netlists/ are what the package writes today, and do what the results beside them say."""

import json
import runpy
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.raw import read_raw

FOLDER = Path(__file__).resolve().parent.parent / "netlists"
NAMES = sorted(path.stem for path in FOLDER.glob("*.cir"))


@cache
def made() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "make_netlists.py"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """A deck read back and what the file beside it says about it."""

    deck: la.export.Deck
    said: dict[str, Any]

    def tolerance(self, engine: str) -> float:
        return self.said["tolerance"][engine]

    def sampled(self, trajectory: la.network.trajectory.Trajectory, signal: str) -> np.ndarray:
        where, unknowns = self.said["sampling"][signal], self.deck.network.unknowns
        nodes = unknowns[where["group"]]
        return trajectory.sample(np.array(where["seconds"]), nodes) / unknowns.scales()[nodes]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def stored(name: str) -> Stored:
    said = json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))
    return Stored(deck=la.read_spice(FOLDER / f"{name}.cir"), said=said)


def error(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def same_schedule(a: la.network.schedule.Schedule, b: la.network.schedule.Schedule) -> bool:
    one, two = ({entry.label: entry.efforts for entry in schedule.imposed} for schedule in (a, b))
    same_inputs = set(one) == set(two) and all(np.array_equal(one[label], two[label]) for label in one)
    same_clock = np.array_equal(a.high, b.high) and np.array_equal(a.durations, b.durations)
    return a.names == b.names and same_clock and same_inputs


def test_every_case_is_stored_and_every_deck_is_a_case():
    assert NAMES == sorted(made()["CASES"]) == sorted(path.stem for path in FOLDER.glob("*.json"))
    assert max(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 100_000


def test_the_package_still_writes_this_network_and_schedule(name, stored, tmp_path):
    made()["write"](made()["CASES"][name], tmp_path / "again.cir")
    again = la.read_spice(tmp_path / "again.cir")
    assert again.network.equals(stored.deck.network, rtol=0.0)
    assert same_schedule(again.schedule, stored.deck.schedule)


def test_the_deck_is_the_machine_and_not_only_like_it(name, stored):
    case = made()["CASES"][name]
    machine = made()["machine"](case)
    assert stored.deck.network.equals(machine.network, rtol=0.0)
    assert same_schedule(stored.deck.schedule, machine.schedule(case.x, case.state))


def test_the_results_name_their_lstm_and_its_inputs(name, stored):
    case, said = made()["CASES"][name], stored.said
    lstm = made()["model"](said["lstm"])
    assert lstm.digest == said["lstm"]["digest"] == dict(stored.deck.network.provenance)["digest"]
    assert error(case.x, said["x"]) == 0.0
    assert (case.timing.name, case.settling) == (said["timing"], said["settling"])


def test_the_numeric_lstm_still_answers_the_same(stored):
    said = stored.said
    start = la.State(h=(said["start"]["h"],), c=(said["start"]["c"],))
    answer = made()["model"](said["lstm"]).trace(said["x"], start).layers[-1]
    assert error(answer.h, said["h"]["digital"]) < 1e-12
    assert error(answer.c, said["c"]["digital"]) < 1e-12


def test_scipy_gets_the_stored_results_from_the_stored_deck(stored):
    trajectory = la.engines.Integrate().run(stored.deck.network, stored.deck.schedule)
    for signal in ("h", "c"):
        result, said = stored.sampled(trajectory, signal), stored.said[signal]
        assert error(result, said["scipy"]) < stored.tolerance("scipy")
        assert error(result, said["digital"]) < stored.tolerance("scipy") + stored.tolerance("clock")


def test_ngspice_gets_the_stored_results_from_the_network_read_back(stored):
    engine = la.engines.Ngspice(accuracy=la.export.Accuracy(**stored.said["accuracy"]))
    trajectory = engine.run(stored.deck.network, stored.deck.schedule)
    for signal in ("h", "c"):
        result, said = stored.sampled(trajectory, signal), stored.said[signal]
        assert error(result, said["ngspice"]) < stored.tolerance("ngspice")
        assert error(result, said["digital"]) < stored.tolerance("ngspice") + stored.tolerance("clock")


def test_ngspice_runs_the_stored_file_as_its_readme_says(name, stored, tmp_path):
    command = ["ngspice", "-b", "-n", "-r", str(tmp_path / "out.raw"), str(FOLDER / f"{name}.cir")]
    done = subprocess.run(command, capture_output=True, timeout=60, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for signal in ("h", "c"):
        where, digital = stored.said["sampling"][signal], stored.said[signal]["digital"]
        names = [f"{where['group']}_{unit}" for unit in range(np.shape(digital)[1])]
        time, volts = read_raw(tmp_path / "out.raw", names)
        sampled = np.stack([np.interp(where["seconds"], time, column) for column in volts.T], axis=-1)
        assert error(sampled, stored.said[signal]["ngspice"]) < stored.tolerance("ngspice")
        assert error(sampled, digital) < stored.tolerance("ngspice") + stored.tolerance("clock")


def test_the_tolerances_come_from_the_clock_and_are_small(stored):
    """Twenty time constants and at most three poles in a chain leave 5e-7 of what moves, hence less than 1e-5."""
    assert stored.tolerance("clock") < 1e-5
    assert stored.said["settling"] >= 20


def test_one_changed_weight_is_noticed(stored, tmp_path, name):
    """The checks above can fail: a weight off by 0.01 moves h by far more than the tolerance."""
    lines = (FOLDER / f"{name}.cir").read_text(encoding="ascii").splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith("gl0_rows_0_0 "))
    *words, weight = lines[number].split()
    lines[number] = " ".join([*words, repr(float(weight) + 1e-6)])
    (tmp_path / "edited.cir").write_text("\n".join(lines) + "\n", encoding="ascii")
    edited = la.read_spice(tmp_path / "edited.cir")
    assert not edited.network.equals(stored.deck.network, rtol=1e-9)
    result = stored.sampled(la.engines.Waveform().run(edited.network, edited.schedule), "h")
    assert error(result, stored.said["h"]["scipy"]) > 100 * stored.tolerance("scipy")
