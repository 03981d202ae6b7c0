import numpy as np
import pytest

from lstm_analog.analogies import Quadratic, descent, heavy_ball
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidShapeError
from lstm_analog.show import descent as draw


def test_the_picture_shows_the_machine_and_the_steps(drawn):
    loss, start = Quadratic(hessian=np.diag([1.0, 3.0]), pull=np.ones(2)), np.array([2.0, -1.0])
    machine = descent(loss, start, friction=1.0, duration=3.0, pieces=6)
    trajectory = Waveform().run(machine.network, machine.schedule)
    path = heavy_ball(loss, start, rate=0.25, momentum=0.5, steps=6)
    above, below = draw(machine, trajectory, path).axes
    weights = machine.weights(trajectory)
    assert drawn(above)["w1"][0].get_ydata() == pytest.approx(weights[:, 1])
    assert above.lines[2].get_ydata() == pytest.approx(path[:, 0])
    assert below.lines[0].get_ydata() == pytest.approx(abs(path - weights).max(axis=1))
    assert below.get_xlabel() == "time of the machine (ms)"
    with pytest.raises(InvalidShapeError, match=r"path must have shape \(7, 2\), got \(6, 2\): take every so many"):
        draw(machine, trajectory, path[1:])
