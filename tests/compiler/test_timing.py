import numpy as np
import pytest

from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, READ_OUT, cycle
from lstm_analog.errors import InvalidValueError


def made(timing, stages=2, **changes):
    return cycle(timing, **({"stages": stages, "time_constant": 1e-6, "settling": 20.0, "gap": 0.1} | changes))


def test_a_clocked_step():
    clock = made(CLOCKED)
    names = ["setup", "compute0", "hold0", "compute1", "hold1", "copy", "readout"]
    assert [interval.name for interval in clock.step] == names
    assert clock.lines == ("reset", "copy", "compute0", "compute1")
    assert clock.step_time == pytest.approx(3 * 20e-6 + 4 * 0.1e-6)
    assert clock.reset.high == {"reset", "compute0", "compute1"}


def test_a_gated_step_leaks_when_the_gates_have_settled():
    names = [interval.name for interval in made(GATED_LEAK, stages=1).step]
    assert names == ["settle0", "leak0", "rest0", "compute0", "hold0", "copy", "readout"]


@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
def test_clock_pulses_do_not_overlap(timing):
    clock = made(timing)
    _, flags, _ = clock.clock(3)
    assert flags.shape == (1 + 3 * len(clock.step), len(clock.lines))
    assert (flags[1:].sum(axis=1) <= 1).all()
    high = flags[1:].any(axis=1)
    assert not (high[1:] & high[:-1]).any()
    assert flags[1:].any(axis=0).tolist() == [line != "reset" for line in clock.lines]


def test_intervals_are_found_by_name():
    clock = made(CLOCKED, stages=1)
    intervals = clock.intervals(4)
    ends = clock.ends(READ_OUT, 4)
    assert [intervals[number].name for number in ends] == [READ_OUT] * 4
    assert np.diff(ends).tolist() == [len(clock.step)] * 3


@pytest.mark.parametrize("field", ["settling", "time_constant", "gap"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_times_are_positive(field, value):
    with pytest.raises(InvalidValueError, match=rf"^{field} must be positive, got "):
        made(CLOCKED, **{field: value})
