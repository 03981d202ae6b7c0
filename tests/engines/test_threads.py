"""One machine run by several threads at once: each run has buffers of its own."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.waveform.segment import Tolerance

ENGINES = [la.engines.Waveform(), la.engines.Settle()]


@pytest.fixture
def hasty():
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_threads_do_not_disturb_each_other(engine, monkeypatch):
    """Even if each of them dwells on the buffers that are free before it takes some."""

    def dwell(one, other):
        time.sleep(1e-3)
        return (one.rtol, one.atol) == (other.rtol, other.atol)

    monkeypatch.setattr(Tolerance, "__eq__", dwell)
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3), la.electrical.BEHAVIOURAL)
    inputs = np.random.default_rng(1).uniform(-1.0, 1.0, (48, 2, 2))
    alone = [machine.run(x, engine=engine).h for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(lambda x: machine.run(x, engine=engine).h, inputs))
    np.testing.assert_array_equal(beside, alone)
