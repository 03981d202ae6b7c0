from dataclasses import replace

import numpy as np
import pytest
from by_hand import network, schedule

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.parts import (
    Conductors,
    Followers,
    Junctions,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)

ENGINE = Integrate(rtol=1e-11, atol=1e-13)


def linear_network():
    """Two sources, weights, a junction, a buffer and three capacitors: all linear."""
    unbound = {"low": -np.inf, "high": np.inf}
    return network(
        {"drive": 2, "node": 3, "join": 1, "buffer": 1},
        Sources(label="drive", nodes=[1, 2], effort=0.0),
        Transconductors(label="g", inputs=[1, 2, 7], rows=[3, 4], transconductance=[[1, -2, 0.5], [0.3, 1, -0.7]]),
        Conductors(label="r", a=[3, 4, 3, 5, 6], b=[0, 0, 6, 6, 0], conductance=[1.0, 2.0, 0.5, 1.0, 0.1]),
        Junctions(label="j", nodes=[6]),
        Followers(label="f", nodes=[7], terms=(Term(inputs=[5], gain=0.8),), offset=0.0, **unbound),
        Storages(label="c", nodes=[3, 4, 5], capacitance=[1.0, 0.7, 2.0]),
    )


def response(network, drive):
    return ENGINE.run(network, schedule(np.full(drive.shape[-2], 0.6), drive=drive)).efforts


def test_superposition():
    """The answer to a sum is the sum of the answers, the start included; so it is with multiples."""
    one, other = np.random.default_rng(4).normal(size=(2, 5, 2))
    network = linear_network()
    together = response(network, one - 3.0 * other)
    np.testing.assert_allclose(together, response(network, one) - 3.0 * response(network, other), atol=1e-9)
    assert np.abs(np.diff(together[1:, 3:6], axis=0)).min() > 1e-3


@pytest.mark.parametrize("steps", [1, 4])
def test_charge_is_conserved_across_a_switch(steps):
    capacity = np.array([1.0, 3.0])
    made = network(
        {"drive": 2, "node": 2},
        Sources(label="drive", nodes=[1, 2], effort=[2.0, -1.0]),
        Switches(label="charge", line=0, a=[1, 2], b=[3, 4], closed=5.0, opened=1e-15),
        Switches(label="share", line=1, a=[3], b=[4], closed=1.0, opened=1e-15),
        Storages(label="c", nodes=[3, 4], capacitance=capacity),
        lines=("charge", "share"),
    )
    run = ENGINE.run(made, schedule([1.0] + [0.5] * steps, [[True, False]] + [[False, True]] * steps))
    charge = run["node"] @ capacity
    np.testing.assert_allclose(charge, charge[0], atol=1e-11)
    np.testing.assert_allclose(charge[0], 2.0 - 3.0, atol=1e-11)
    difference = run["node"][1:, 0] - run["node"][1:, 1]
    np.testing.assert_allclose(difference, 3.0 * np.exp(-(run.time[1:] - 1.0) * (1.0 + 1 / 3.0)), atol=1e-9)


@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
@pytest.mark.parametrize("change", [{"capacitance": 1e-9}, {"volts_per_unit": 2.0}, {"volts_per_unit": 0.1}])
def test_a_circuit_of_another_size_computes_the_same(timing, change):
    """Only ratios count: ten times the capacitance and ten times the time, or other volts a unit, change no signal."""
    rng = np.random.default_rng(3)
    lstm, x = random_lstm(rng, 2, 3, scale=2.0), rng.uniform(-1, 1, (3, 2))
    one, other = (
        compile(lstm, technology, timing=timing, settling=6.0)
        for technology in (BEHAVIOURAL, replace(BEHAVIOURAL, **change))
    )
    a, b = (machine.run(x, engine=Waveform(rtol=1e-10, atol=1e-12)) for machine in (one, other))
    for name in ("h", "c", "gates"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), atol=1e-8)
    ratio = change.get("capacitance", BEHAVIOURAL.capacitance) / BEHAVIOURAL.capacitance
    np.testing.assert_allclose(b.trajectory.time, a.trajectory.time * ratio, rtol=1e-12)
    volts = change.get("volts_per_unit", 1.0)
    np.testing.assert_allclose(b.trajectory["l0_c"], volts * a.trajectory["l0_c"], atol=1e-8 * volts)
    assert np.abs(a.h - lstm(x).h).max() > 1e-6  # at 6 tau nothing has settled: the waveforms count
