import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidValueError
from lstm_analog.model import random_lstm
from lstm_analog.show import dataflow
from lstm_analog.study import Run


@pytest.fixture(scope="module")
def run() -> Run:
    lstm = random_lstm(np.random.default_rng(2), 1, 3, layers=3, scale=3.0)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    x = np.array([[[0.0], [1.0], [0.0]], [[1.0], [0.0], [1.0]]])
    return machine.run(x, engine=Waveform(points=30))


@pytest.mark.parametrize("sequence", [0, 1])
def test_lines_are_the_trajectory(run: Run, sequence: int) -> None:
    figure = dataflow(run, sequence=sequence)
    assert len(figure.axes) == 1 + 3
    time = run.trajectory.time
    for number, axes in enumerate(figure.axes[1:]):
        curves = {str(curve.get_label()): curve for curve in axes.get_lines()}
        unit = int(np.ptp(run.layers[number].h[sequence], axis=0).argmax())
        for role, label in (("master", f"l{number}_h_new"), ("slave", f"l{number}_h")):
            values = np.asarray(curves[role].get_ydata())
            expected = run.trajectory.efforts[sequence][:, run.trajectory.network.unknowns[label][unit]]
            np.testing.assert_array_equal(values, expected[-values.size :])
            assert values.size == pytest.approx(time.size * 2 / 3, rel=0.1)
    title = figure.get_suptitle()
    assert "a step takes 80.5 µs, 12.4 kHz; the last stage holds its output 60.3 µs after the input" in title


def test_there_must_be_such_a_pass(run: Run) -> None:
    with pytest.raises(InvalidValueError, match="pass must be from -1 to 0, got 1: there are 1"):
        dataflow(run, number=1)
