"""What a machine and its runs need of memory: little more than its conductance arrays, and nothing for the past."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.network.trajectory import Save

SIGNALS = Save(groups=("l0_zi", "l0_zf", "l0_zg", "l0_zo", "l0_c", "l0_h"), intervals=("hold0", "readout"))
ENGINES = [la.engines.Waveform(save=SIGNALS), la.engines.Settle(save=SIGNALS)]


def most(call):
    """Return the answer of `call` and the most bytes that were held beyond those at its start."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL])
def test_a_machine_that_nobody_holds_is_gone(technology):
    """Its network and what a run has made of it, however often it ran: nothing in the package remembers it."""
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 2), technology)
    for _ in range(2):
        machine.run(np.zeros((2, 1)))
    network = weakref.ref(machine.network)
    del machine
    gc.collect()
    assert network() is None


@pytest.mark.parametrize("engine", ENGINES)
def test_compiling_and_running_need_less_than_three_times_the_conductance_arrays(engine):
    units = 512
    lstm = la.random_lstm(np.random.default_rng(0), units, units)
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (1, 2, units))

    def work():
        machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
        return engine.run(machine.network, machine.schedule(x)).network.part("l0_rows").transconductance

    conductances, held = most(work)
    assert conductances.nbytes < held < 3.0 * conductances.nbytes


def test_settling_makes_no_copy_of_a_large_matrix():
    lstm = la.random_lstm(np.random.default_rng(0), 16, 768)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    schedule = machine.schedule(np.random.default_rng(1).uniform(-1.0, 1.0, (1, 2, 16)))
    _, held = most(lambda: la.engines.Settle(save=SIGNALS).run(machine.network, schedule))
    assert held < 0.8 * machine.network.part("l0_rows").transconductance.nbytes


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sequence_of_any_length_runs_in_the_memory_of_a_piece(engine):
    """Each piece starts from the state that the one before has left; all together are the run over the whole."""
    lstm = la.random_lstm(np.random.default_rng(2), 2, 3)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=30.0)
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (480, 2))

    def work(pieces):
        state, found = None, []
        for piece in pieces:
            run = machine.run(piece, state=state, engine=engine)
            state = run.outputs.state
            found = [*found[-1:], run.h[-5:].copy()]
            gc.collect()  # or Python holds what small objects took
        return found[-1]

    pieces = np.split(x, 16)
    gc.collect()
    gc.freeze()  # searches for garbage do not go through what other tests have left behind
    work(pieces)  # segments of every degree that these sequences ask for are made once, and kept
    _, few = most(lambda: work(pieces[:3]))
    last, many = most(lambda: work(pieces))
    whole, all_at_once = most(lambda: work([x]))
    np.testing.assert_allclose(last, whole, atol=1e-9)
    np.testing.assert_allclose(last, lstm(x).h[-5:], atol=1e-9)
    assert many < 1.2 * few
    assert all_at_once > 4.0 * many
