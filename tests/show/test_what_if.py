import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.model import Form
from lstm_analog.show import what_if

X = np.random.default_rng(1).uniform(-1, 1, (2, 5, 2))


@pytest.fixture
def machine():
    return la.compile(la.random_lstm(np.random.default_rng(0), 2, 8, scale=2.0), la.electrical.BEHAVIOURAL)


def run(machine, x=X):
    return machine.run(x, engine="settle")


def test_states_before_and_after_are_drawn(machine, drawn):
    before, after = run(machine), run(machine.shut("forget", unit=1).force("input", 0.25, unit=2))
    figure = what_if(before, after, units=[1, 2], sequence=1)
    for axes, name in zip(figure.axes, "hc", strict=True):
        for unit in (1, 2):
            ((old,), (new,)) = (drawn(axes)[f"unit {unit}{when}"] for when in (" before", ""))
            np.testing.assert_allclose(old.get_ydata(), getattr(before, name)[1, :, unit])
            np.testing.assert_allclose(new.get_ydata(), getattr(after, name)[1, :, unit])
    assert "What if: forget of unit 1 shut; input of unit 2 held at 0.25\n" in figure.get_suptitle()


def test_the_units_that_move_most_are_drawn(machine, drawn):
    after = run(machine.hold(unit=7))
    lines = drawn(what_if(run(machine), after).axes[0])
    assert len(lines) == 12
    assert "unit 7" in lines


def test_other_changes_are_named(machine):
    noise = la.imperfections.DeviceSpread(share=0.05)
    after = run(machine.with_imperfection(noise, la.imperfections.Streams(seed=1)).shut("output"))
    title = what_if(run(machine), after).get_suptitle()
    assert "DeviceSpread(share=0.05)" in title
    assert "output of all units shut" in title


def test_a_gru_has_no_c():
    gru = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3, form=Form.GRU), la.hydraulic.OIL)
    assert len(what_if(run(gru), run(gru.hold())).axes) == 1


def test_runs_that_differ_in_size_are_refused_by_name(machine):
    with pytest.raises(InvalidShapeError, match="the states of both runs must be alike"):
        what_if(run(machine), run(machine, X[:, :3]))


def test_runs_over_other_inputs_are_refused(machine):
    with pytest.raises(InvalidValueError, match="both runs must be of the same inputs, lengths and states"):
        what_if(run(machine), run(machine.shut("forget"), -X))
