import numpy as np
import pytest

from lstm_analog.network.laws import flow, partials
from lstm_analog.network.parts import ALWAYS, Conductors, Switches, Transconductors

EFFORT = np.array([0.0, 2.0, 0.5])


def test_ohms_law_with_its_sign():
    part = Conductors(label="r", a=[1], b=[2], conductance=0.1)
    np.testing.assert_allclose(flow(part, EFFORT, ()), [[-0.15], [0.15]], rtol=1e-15)


@pytest.mark.parametrize(("line", "high", "conductance"), [(0, (True,), 2.0), (0, (False,), 0.25), (ALWAYS, (), 2.0)])
def test_switches_follow_their_line(line, high, conductance):
    part = Switches(label="s", line=line, a=[1], b=[2], closed=2.0, opened=0.25)
    np.testing.assert_allclose(flow(part, EFFORT, high)[:, 0], [-1.5 * conductance, 1.5 * conductance])
    assert partials(part, EFFORT, high)[1] == conductance


def test_two_terminal_parts_conserve_flow(sampler, size):
    effort = np.random.default_rng(0).uniform(-1, 1, (5, size))
    for part in (sampler(1).conductors(), sampler(1).switches()):
        for high in ((True,), (False,)):
            flows = flow(part, effort, high)
            assert flows.any()
            assert not flows.sum(axis=-2).any()


def test_transconductors_weigh_inputs_into_rows():
    part = Transconductors(label="g", inputs=[1, 2], rows=[2], transconductance=[[3.0, -4.0]])
    np.testing.assert_allclose(flow(part, np.array([[0.0, 2.0, 0.5], [0.0, 0.0, 1.0]]), ()), [[[4.0]], [[-4.0]]])


def test_chips_and_batches_of_transconductors_broadcast():
    rng = np.random.default_rng(2)
    matrix, effort = rng.normal(size=(3, 1, 2, 2)), rng.normal(size=(4, 3))
    part = Transconductors(label="g", inputs=[1, 2], rows=[1, 2], transconductance=matrix)
    expected = np.einsum("cji,bi->cbj", matrix[:, 0], effort[:, 1:])
    np.testing.assert_allclose(flow(part, effort, ())[:, :, 0], expected, rtol=1e-13)
