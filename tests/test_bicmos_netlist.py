"""The deck in netlists/bicmos is what the package writes today, and ngspice makes of it what is said beside it."""

import json
import runpy
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.engines.raw import read_raw

FOLDER = Path(__file__).resolve().parent.parent / "netlists" / "bicmos"
DECK = FOLDER / "chip_1.cir"


@cache
def made():
    return runpy.run_path(str(FOLDER / "make_bicmos.py"))


@cache
def said():
    return json.loads((FOLDER / "chip_1.json").read_text(encoding="ascii"))


def error(a, b):
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def test_the_package_still_writes_this_network_and_schedule(tmp_path):
    made()["machine"]().write.spice(tmp_path / "again.cir", made()["X"])
    stored, again = la.read_spice(DECK), la.read_spice(tmp_path / "again.cir")
    assert again.network.equals(stored.network, rtol=0.0)
    assert stored.network.equals(made()["machine"]().network, rtol=1e-14)
    assert [entry.label for entry in again.schedule.imposed] == [entry.label for entry in stored.schedule.imposed]
    for one, other in zip(again.schedule.imposed, stored.schedule.imposed, strict=True):
        np.testing.assert_array_equal(one.efforts, other.efforts)


def test_the_results_name_their_lstm():
    assert made()["model"]().digest == said()["lstm"]["digest"]
    assert error(made()["X"], said()["x"]) == 0.0
    digital = made()["model"]().trace(said()["x"]).layers[0]
    assert error(digital.h[:, 0], said()["h"]["digital"]) < 1e-12
    assert error(digital.c[:, 0], said()["c"]["digital"]) < 1e-12


def test_ngspice_runs_the_stored_file_as_its_readme_says(tmp_path):
    command = ["ngspice", "-b", "-n", "-r", str(tmp_path / "out.raw"), str(DECK)]
    done = subprocess.run(command, capture_output=True, timeout=120, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr.decode()
    where, tolerance = said()["sampling"], said()["tolerance"]
    for signal, slack in (("h", 1.0), ("c", 3.0)):
        ends = where[signal]
        time, volts = read_raw(tmp_path / "out.raw", [ends["plus"], ends["minus"]])
        units = np.interp(where["seconds"], time, volts[:, 0] - volts[:, 1]) / ends["volts_per_unit"]
        assert error(units, said()[signal]["ngspice"]) < slack * tolerance["ngspice"]
        assert error(units, said()[signal]["digital"]) < slack * tolerance["digital"]


def test_the_tolerance_is_the_promise_of_six_steps_at_scale_3():
    assert said()["lstm"]["scale"] == 3.0
    assert said()["tolerance"]["digital"] == 0.01
    assert len(said()["x"]) == 6
    assert DECK.stat().st_size < 50_000
