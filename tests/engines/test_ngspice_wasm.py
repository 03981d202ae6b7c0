"""A second simulator, another version of ngspice, runs the same decks: collected where npm's package is installed.

`make test` installs it if it can: see `conftest.py`, which leaves this file out otherwise.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import ngspice
from lstm_analog.engines.ngspice import Ngspice

WASM = Path(ngspice.__file__).with_name("ngspice_wasm.mjs")


@pytest.fixture
def second(monkeypatch, wasm_module):
    """Return an engine of the second simulator."""
    node, module = wasm_module
    monkeypatch.setenv("NGSPICE_WASM", str(module))
    monkeypatch.setenv("PATH", f"{node.parent}{os.pathsep}{os.environ['PATH']}")
    return Ngspice(program=str(WASM))


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
def test_two_simulators_and_scipy_agree(second, timing):
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
    machine, x = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=timing), np.array([[0.5]])
    first, other, ours = (machine.run(x, engine=engine).h for engine in (Ngspice(), second, la.engines.Integrate()))
    np.testing.assert_allclose(other, first, rtol=0, atol=1e-6)
    np.testing.assert_allclose(other, ours, rtol=0, atol=1e-5)


def test_it_runs_the_portable_dialect(second, tmp_path):
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.BEHAVIOURAL)
    path = tmp_path / "a.cir"
    machine.write_spice(path, np.array([[0.5]]), dialect=la.PORTABLE)
    deck = la.read_spice(path)
    words = second._call(path, tmp_path / "out.raw")
    assert (tmp_path / "out.raw").exists(), words
    time, volts = ngspice.read_raw(tmp_path / "out.raw", ["l0_h_0"])
    end = deck.schedule.ends[-1]
    exact = (
        la.engines.Integrate().run(deck.network, deck.schedule).sample(np.array([end]), deck.network.unknowns["l0_h"])
    )
    assert abs(np.interp(end, time, volts[:, 0]) - exact[0, 0]) < 1e-5
