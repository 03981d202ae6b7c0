"""The deck in netlists/opamp is what the package writes today, and does what the results beside it say."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "netlists" / "opamp"


@pytest.fixture(scope="module")
def deck():
    return la.read_spice(FOLDER / "unit_1.cir")


@pytest.fixture(scope="module")
def said():
    return json.loads((FOLDER / "unit_1.json").read_text(encoding="ascii"))


@pytest.fixture(scope="module")
def machine():
    return runpy.run_path(str(ROOT / "netlists" / "make_netlists.py"))["opamp_machine"]()


def test_the_package_still_writes_this_network(deck, said, machine, tmp_path):
    machine.write.spice(tmp_path / "again.cir", said["x"])
    again = la.read_spice(tmp_path / "again.cir")
    assert again.network.equals(deck.network, rtol=0.0)
    assert np.array_equal(again.schedule.durations, deck.schedule.durations)


@pytest.mark.parametrize("name", ["ngspice", "scipy"])
def test_the_deck_does_what_the_results_say(deck, said, machine, name):
    engine = la.engines.Ngspice() if name == "ngspice" else la.engines.Integrate(rtol=1e-6, atol=1e-8)
    trajectory = engine.run(deck.network, deck.schedule)
    ends = machine.compiled.cycle.ends("readout", len(said["x"]))
    got = trajectory.at_ends("l0_h", ends)
    np.testing.assert_allclose(got, np.array(said["h"][name]).reshape(got.shape), atol=said["tolerance"]["engines"])
    np.testing.assert_allclose(
        got, np.array(said["h"]["digital"]).reshape(got.shape), atol=said["tolerance"]["digital"]
    )
