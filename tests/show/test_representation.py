import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.show import preferred_inputs, representation
from lstm_analog.study import DigitalRun

LSTM = la.random_lstm(np.random.default_rng(0), 3, 4, layers=2, scale=2.0, outputs=2)
X = np.random.default_rng(1).uniform(0, 1, (12, 5, 3))
LABELS = np.arange(12) % 2


@pytest.fixture(scope="module")
def found():
    machine, digital = la.compile(LSTM, la.electrical.BEHAVIOURAL), DigitalRun(lstm=LSTM, x=X)
    chips = machine.with_imperfection(DeviceSpread(share=0.1), Streams(seed=1, chips=3)).run(
        X, engine="settle", keep=la.Keep.SIGNALS
    )
    return {
        "digital": la.study.representation(digital, LABELS),
        "chips": la.study.representation(chips, LABELS, reference=digital),
    }


def test_layers_are_drawn_with_their_spread(found):
    figure = representation(found)
    told, sizes, near = figure.axes
    for axes, name, count in ((told, "separability", 2), (sizes, "dimension", 2), (near, "likeness", 1)):
        bars = [each for each in axes.containers if len(each.lines[0].get_xdata()) == 3]
        assert len(bars) == count
        scale = 100.0 if name == "separability" else 1.0
        values = scale * getattr(found["chips"], name)
        np.testing.assert_allclose(bars[-1].lines[0].get_ydata(), values.mean(axis=0))
        low, high = np.array([segment[:, 1] for segment in bars[-1].lines[2][0].get_segments()]).T
        np.testing.assert_allclose(high - low, 2.0 * values.std(axis=0, ddof=1), atol=1e-12)


def test_layers_that_differ_are_refused_by_name(found):
    one = la.random_lstm(np.random.default_rng(0), 3, 4)
    other = la.study.representation(DigitalRun(lstm=one, x=X), LABELS)
    with pytest.raises(InvalidShapeError, match="layers must be alike"):
        representation(found | {"other": other})
    with pytest.raises(InvalidValueError, match="found must be at least one"):
        representation({})


def test_inputs_are_drawn_above_those_that_are_met():
    found = la.study.preferred_inputs(LSTM, layer=1, steps=5, iterations=5)
    figure = preferred_inputs(found, run=DigitalRun(lstm=LSTM, x=X))
    assert len(figure.axes) == 8
    pictures = [axes.get_images()[0].get_array() for axes in figure.axes]
    np.testing.assert_allclose(pictures[:4], found.x)
    h = LSTM(X).state.h[-1][:, 2]
    np.testing.assert_allclose(pictures[6], X[np.argsort(-h)[:9]].mean(axis=0))
    assert len(preferred_inputs(found).axes) == 4


def test_too_many_units_are_refused_by_name():
    wide = la.random_lstm(np.random.default_rng(0), 3, 9)
    with pytest.raises(InvalidValueError, match="units must be at most 8, got 9"):
        preferred_inputs(la.study.preferred_inputs(wide, layer=0, steps=2, iterations=1))
