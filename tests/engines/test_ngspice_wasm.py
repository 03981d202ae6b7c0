"""A second simulator, another version of ngspice, runs the same decks: collected where npm's package is installed.

`make test` installs it if it can: see `conftest.py`, which leaves this file out otherwise.
"""

import os
import subprocess
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


SOLVERS = pytest.mark.parametrize(("options", "solver"), [("", "SPARSE 1.3"), ("klu", "KLU")])


@SOLVERS
def test_it_runs_the_portable_dialect_by_both_solvers(second, monkeypatch, tmp_path, options, solver):
    monkeypatch.setenv("NGSPICE_OPTIONS", options)
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.BEHAVIOURAL)
    path = tmp_path / "a.cir"
    machine.write.spice(path, np.array([[0.5]]), dialect=la.PORTABLE)
    deck = la.read_spice(path)
    command = [second.program, "-b", "-n", "-r", "out.raw", path.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == f"Using {solver} as Direct Linear Solver"
    time, volts = ngspice.read_raw(tmp_path / "out.raw", ["l0_h_0"])
    end = deck.schedule.ends[-1]
    exact = (
        la.engines.Integrate().run(deck.network, deck.schedule).sample(np.array([end]), deck.network.unknowns["l0_h"])
    )
    assert abs(np.interp(end, time, volts[:, 0]) - exact[0, 0]) < 1e-5


@SOLVERS
def test_two_simulators_agree_on_a_chip(second, monkeypatch, options, solver):
    """Their transistor models are of versions years apart; 2e-4 of h is what the tolerances leave."""
    monkeypatch.setenv("NGSPICE_OPTIONS", options)
    lstm, x = la.random_lstm(np.random.default_rng(0), 1, 1), np.array([[0.5]])
    chip = la.compile(lstm, la.electrical.BICMOS, settling=12.0)
    first, other = (chip.run(x, engine=engine).h for engine in (Ngspice(), second))
    np.testing.assert_allclose(other, first, rtol=0, atol=2e-4)
    np.testing.assert_allclose(other, lstm(x).h, rtol=0, atol=2e-3)
