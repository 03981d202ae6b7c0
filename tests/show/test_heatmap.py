import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.model import Cell, Gate, Layer
from lstm_analog.show import weights


@pytest.mark.parametrize(("layers", "units"), [(1, 1), (2, 3)])
def test_images_are_the_weights(layers, units):
    lstm = la.random_lstm(np.random.default_rng(3), 2, units, layers=layers, scale=2.0)
    figure = weights(lstm)
    *panels, bar = figure.axes
    assert len(panels) == 4 * layers
    assert bar.get_ylabel() == "weight (dimensionless)"
    for number, layer in enumerate(lstm.layers):
        cell = layer.forward
        for gate in Gate:
            axes = panels[4 * number + gate]
            (image,) = axes.images
            expected = np.column_stack((cell.input[gate], cell.recurrent[gate], cell.bias[gate]))
            np.testing.assert_array_equal(image.get_array(), expected)
            assert image.norm.vmin == -image.norm.vmax
            assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "h", "bias"]
    assert [axes.get_title() for axes in panels[:4]] == [
        "input gate i",
        "forget gate f",
        "candidate g",
        "output gate o",
    ]
    assert panels[0].get_ylabel() == "unit of layer 0"
    figure.draw_without_rendering()


def test_no_bias_and_no_weight_can_be_drawn():
    cell = Cell(input=np.zeros((4, 2, 1)), recurrent=np.zeros((4, 2, 2)))
    figure = weights(la.LSTM(layers=(Layer(forward=cell),), name="still"))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["x", "h"]
    figure.draw_without_rendering()
