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


def test_a_backward_chain_is_drawn_in_its_own_order(drawn):
    """Its path went from the first step to the last, so that the map showed what no unit does, under "layer 1"."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 2, bidirectional=True)
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 5, 1))
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(x, lengths=[5, 4], engine="settle")
    cell, c, h = lstm.layers[0].backward, 0.0, np.zeros(2)
    after = []
    for step in reversed(range(4)):  # the second sequence, in plain numpy
        z = cell.input @ x[1, step] + cell.recurrent @ h + cell.bias
        i, f, o = 1.0 / (1.0 + np.exp(-z[[0, 1, 3]]))
        c = f * c + i * np.tanh(z[2])
        h = o * np.tanh(c)
        after.append((c[1], h[1]))
    figure = return_map(run, lstm, unit=-1, sequence=1)
    before, then = drawn(figure.axes[0])["analog"][0].get_data()
    np.testing.assert_allclose(before, [each for each, _ in after[:-1]], atol=1e-12)
    np.testing.assert_allclose(then, [each for each, _ in after[1:]], atol=1e-12)
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "2", "1"]
    assert figure.axes[0].get_title().startswith("What unit 1 of layer 0, backward makes of its memory\n")
    figure = phase_portrait(run, lstm, unit=1, sequence=1)
    np.testing.assert_allclose(np.transpose(drawn(figure.axes[0])["analog"][0].get_data()), after, atol=1e-12)
    assert figure.axes[0].get_title().startswith("h against c of unit 1, layer 0, backward\n")


def test_titles_name_the_layer_of_the_whole_model_and_what_a_projection_makes():
    """The number of the chain stood there as that of the layer, and three of six cells as all units."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 3, bidirectional=True, form=Form.PROJECTED)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    run = machine.run(np.zeros((3, 1)), engine="settle")
    assert phase_portrait(run, lstm).axes[0].get_title().startswith("h of output 0 against c of unit 0, layer 0, backw")
    told = "Layer 0, backward, 2 of its 2 outputs h and of its 3 cells c: "
    assert la.show.sequence(run, lstm).get_suptitle().startswith(told)
    texts = [text.get_text() for text in la.show.schematic(machine.compiled, layer=1).axes[0].texts]
    assert "Circuit of unit 0, layer 0, backward: BEHAVIOURAL" in texts
