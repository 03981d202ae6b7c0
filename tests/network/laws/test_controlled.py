from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidValueError
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.laws import blocks, flow, partials
from lstm_analog.network.parts import Factor, Pairs, Ports
from lstm_analog.network.shapes import Shape

EFFORT = np.array([0.0, 0.3, -0.7, 1.1, 0.4])


def pair(line=0):
    gate = Factor(shape=Shape.SIGMOID, p=[1], n=[0], scale=2.0, offset=0.1)
    data = Factor(shape=Shape.TANH, p=[2], n=[3], scale=0.5, offset=0.0)
    return Pairs(label="p", line=line, factors=(gate, data), out=[4], current=-3.0)


def port(line=0):
    values = {"conductance": 2.0, "scale": -1.0, "offset": 0.2}
    return Ports(label="p", line=line, shape=Shape.SOFTPLUS, a=[1], b=[2], p=[3], n=[0], **values)


def test_pairs_multiply_their_tiers_with_their_sign():
    expected = -3.0 / (1 + np.exp(-(2 * 0.3 + 0.1))) * np.tanh(0.5 * (-0.7 - 1.1))
    np.testing.assert_allclose(flow(pair(), EFFORT, (True,)), [[expected]], rtol=1e-14)


def test_ports_conduct_as_their_pilot_says():
    expected = 2.0 * np.log1p(np.exp(-1.1 + 0.2)) * (0.3 + 0.7)
    np.testing.assert_allclose(flow(port(), EFFORT, (True,)), [[-expected], [expected]], rtol=1e-14)


@pytest.mark.parametrize("part", [pair(), port()], ids=["pairs", "ports"])
def test_nothing_flows_while_the_line_is_low(part):
    assert not flow(part, np.tile(EFFORT, (3, 1)), (False,)).any()
    assert blocks(part, (False,)) == ()
    assert partials(part, EFFORT, (False,)) == ()
    assert flow(part, EFFORT, (True,)).any()
    assert len(blocks(part, (True,))) == len(partials(part, EFFORT, (True,))) > 0


def test_a_port_conserves_flow(sampler, size):
    effort = np.random.default_rng(0).uniform(-1, 1, (5, size))
    for shape in Shape:
        assert not flow(sampler(1).ports(shape), effort, ()).sum(axis=-2).any()


def amplifier(**changes):
    data = {"gain": 1e5, "gain_bandwidth": 1e6, "slew": 2e6, "rail": 4.0, "output_resistance": 50.0, "offset": 0.0}
    nodes = {name: np.array([k]) for k, name in enumerate(("plus", "minus", "out", "state"), start=1)}
    return opamps("u", OpAmpData(**(data | changes)), **nodes)


def test_opamp_has_its_data_sheet():
    part = amplifier()
    small = np.array([0.0, 1e-9, 0.0, 0.0, 0.0])
    charge, drive = flow(part, small, ())[:, 0]
    np.testing.assert_allclose(charge / part.capacitance, 2 * np.pi * 1e6 * 1e-9, rtol=1e-6)  # gain-bandwidth
    large = np.array([0.0, 10.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(flow(part, large, ())[0] / part.capacitance, 2e6, rtol=1e-9)  # slew
    at_rest = np.array([0.0, 1e-6, 0.0, 0.0, 0.1])  # A0 x 1 uV
    assert abs(flow(part, at_rest, ())[0, 0]) < 1e-6 * part.transconductance[0] * 1e-6
    np.testing.assert_allclose(flow(part, np.array([0, 0, 0, 0.0, 100.0]), ())[1], 4.0 / 50.0, rtol=1e-9)  # rail
    assert drive == 0.0


def test_an_output_limit_is_positive():
    with pytest.raises(InvalidValueError, match=r"^u.output_limit must be positive, got -1.0: give infinity for none$"):
        replace(amplifier(), output_limit=-1.0)
