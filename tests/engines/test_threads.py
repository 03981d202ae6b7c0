"""One machine run by several threads at once: each run has buffers of its own."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lstm_analog as la

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
def test_threads_do_not_disturb_each_other(engine):
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3), la.electrical.BEHAVIOURAL)
    inputs = np.random.default_rng(1).uniform(-1.0, 1.0, (48, 2, 2))
    alone = [machine.run(x, engine=engine).h for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(lambda x: machine.run(x, engine=engine).h, inputs))
    np.testing.assert_array_equal(beside, alone)
