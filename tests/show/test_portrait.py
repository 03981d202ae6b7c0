import numpy as np
import pytest
from matplotlib.figure import Figure

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, UnsupportedError
from lstm_analog.model.random import Form
from lstm_analog.show import phase_portrait, return_map


def test_the_path_is_that_of_the_states(machine_run, drawn):
    run, lstm = machine_run()
    lines = drawn(phase_portrait(run, lstm, unit=1, sequence=1).axes[0])
    trace = lstm.trace(run.x).layers[0]
    for name, of in (("analog", run.layers[0]), ("digital", trace)):
        x, y = lines[name][0].get_data()
        np.testing.assert_array_equal(x, of.c[1, :, 1])
        np.testing.assert_array_equal(y, of.h[1, :, 1])


def test_the_return_map_is_c_against_the_next_c(machine_run, drawn):
    run, lstm = machine_run()
    x, y = drawn(return_map(run, lstm).axes[0])["analog"][0].get_data()
    np.testing.assert_array_equal(x, run.layers[0].c[0, :-1, 0])
    np.testing.assert_array_equal(y, run.layers[0].c[0, 1:, 0])


def test_a_gru_has_a_return_map_of_h_and_no_portrait(drawn):
    lstm = la.random_lstm(np.random.default_rng(0), 1, 2, form=Form.GRU)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(np.zeros((3, 1)), engine="settle")
    x, _ = drawn(return_map(run, lstm).axes[0])["analog"][0].get_data()
    np.testing.assert_array_equal(x, run.h[:-1, 0])
    with pytest.raises(UnsupportedError, match="the layer must have cells c, got none: draw its h with return_map"):
        phase_portrait(run, lstm)


def test_pictures_go_into_given_axes(machine_run):
    run, lstm = machine_run()
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert phase_portrait(run, lstm, axes=left) is figure
    assert return_map(run, lstm, axes=right) is figure
    assert len(figure.axes) == 2


def test_there_must_be_such_a_unit(machine_run):
    with pytest.raises(InvalidValueError, match="unit must be from -2 to 1, got 5"):
        return_map(*machine_run(), unit=5)
