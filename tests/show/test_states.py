import warnings
from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError
from lstm_analog.model.random import Form
from lstm_analog.show import sequence


@pytest.mark.parametrize(("layer", "batch"), [(0, 2), (-1, 2), (1, None)])
def test_lines_are_the_run_and_circles_the_lstm(machine_run, drawn, layer, batch):
    run, lstm = machine_run(layers=2, batch=batch)
    which = 0 if batch is None else 1
    figure = sequence(run, lstm, layer=layer, sequence=which)
    *states, both = figure.axes
    for axes, name, delta in zip(states, "hc", ("|Δh|", "|Δc|"), strict=True):
        analog, digital = (getattr(t.layers[layer], name) for t in (run, lstm.trace(run.x)))
        analog, digital = (a if batch is None else a[which] for a in (analog, digital))
        lines = axes.get_lines()
        for unit in range(2):
            (line,) = drawn(axes)[f"unit {unit}"]
            np.testing.assert_array_equal(line.get_xdata(), np.arange(3))
            np.testing.assert_array_equal(line.get_ydata(), analog[:, unit])
            circles = lines[lines.index(line) + 1]
            assert (circles.get_marker(), circles.get_linestyle()) == ("o", "None")
            np.testing.assert_array_equal(circles.get_ydata(), digital[:, unit])
        np.testing.assert_array_equal(drawn(both)[delta][0].get_ydata(), abs(analog - digital).max(axis=-1))


def test_labels_name_units(machine_run):
    run, lstm = machine_run()
    figure = sequence(run, lstm)
    expected = ["h (dimensionless)", "c (dimensionless)", "largest |analog - digital|\n(dimensionless)"]
    assert [axes.get_ylabel() for axes in figure.axes] == expected
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "step"]
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "linear", "log"]
    assert figure.get_suptitle() == (
        "Layer 0, 2 of its 2 units: random, BEHAVIOURAL, clocked, T/τ = 14\nlines: analog; circles: digital"
    )


def test_units_are_drawn_as_asked(machine_run, drawn):
    run, lstm = machine_run(la.GATED_LEAK)
    figure = sequence(run, lstm, units=[-1])
    np.testing.assert_array_equal(drawn(figure.axes[0])["unit 1"][0].get_ydata(), run.h[0, :, 1])
    assert "unit 0" not in drawn(figure.axes[0])


def test_many_units_are_drawn_in_part_and_the_title_says_so(machine_run, drawn):
    run, lstm = machine_run(units=7, batch=None, steps=1, points=1)
    figure = sequence(run, lstm)
    assert [label for label in drawn(figure.axes[0]) if label.startswith("unit")] == [f"unit {n}" for n in range(6)]
    assert figure.get_suptitle().startswith("Layer 0, 6 of its 7 units")
    with pytest.raises(InvalidValueError, match=r"^units must be 1 to 6, got 7: draw the others in a second picture$"):
        sequence(run, lstm, units=range(7))


def test_equal_states_can_be_drawn(machine_run):
    """A difference of zero has no logarithm; it must neither fail nor warn."""
    run, lstm = machine_run()
    trace = lstm.trace(run.x)
    same = replace(run)
    same.__dict__["layers"] = trace.layers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = sequence(same, lstm)
        figure.draw_without_rendering()
    assert figure.axes[2].get_ylim() == pytest.approx((1e-17, 1e-14), rel=1e-9, abs=0.0)


def test_one_step_of_one_unit(machine_run):
    run, lstm = machine_run(units=1, batch=None, steps=1)
    sequence(run, lstm).draw_without_rendering()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"layer": 1}, r"layer must be from -1 to 0, got 1: there are 1, counted from zero"),
        ({"units": [0, 2]}, r"unit must be from -2 to 1, got 2: there are 2, counted from zero"),
        ({"units": []}, r"units must be 1 to 6, got 0: draw the others in a second picture"),
        ({"sequence": 2}, r"sequence must be from -2 to 1, got 2: there are 2, counted from zero"),
    ],
)
def test_what_is_not_there_is_refused(machine_run, choice, message):
    run, lstm = machine_run()
    with pytest.raises(InvalidValueError, match=f"^{message}$"):
        sequence(run, lstm, **choice)


def test_another_lstm_is_refused(machine_run):
    run, _ = machine_run()
    other = la.random_lstm(np.random.default_rng(8), 2, 2, scale=2.0)
    with pytest.raises(InvalidValueError, match=r": give the LSTM it was compiled from$"):
        sequence(run, other)


def test_a_gru_has_h_only():
    lstm = la.random_lstm(np.random.default_rng(0), 1, 2, form=Form.GRU)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(np.zeros((3, 1)), engine="settle")
    states, difference = sequence(run, lstm).axes
    assert states.get_ylabel() == "h (dimensionless)"
    assert [line.get_label() for line in difference.get_lines()] == ["|Δh|"]
