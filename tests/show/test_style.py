import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from lstm_analog.show.style import label_ends, line, roomy, si, spread


@pytest.mark.parametrize(
    ("size", "shown", "unit"),
    [
        (4e-5, 40.0, "µs"),
        (1.4e-4, 140.0, "µs"),
        (1.0, 1.0, "s"),
        (2e3, 2.0, "ks"),
        (1e-20, 1e-5, "fs"),
        (1e12, 1e3, "Gs"),
    ],
)
def test_prefixes(size, shown, unit):
    scale = si(size, "s")
    assert scale.unit == unit
    assert size / scale.factor == pytest.approx(shown)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_labels_keep_their_order_and_distance(values):
    places = spread(np.array(values), 0.1, -1.0, 1.0)
    assert (np.diff(np.sort(places)) >= 0.1 - 1e-9).all()
    assert (np.argsort(places, kind="stable") == np.argsort(values, kind="stable")).all()
    assert places.min() >= -1.0 - 1e-9
    assert places.max() <= 1.0 + 1e-9


def test_labels_far_apart_stay():
    values = np.array([0.5, -0.5, 0.0])
    np.testing.assert_allclose(spread(values, 0.1, -1.0, 1.0), values, atol=1e-12)


def test_labels_stand_beside_the_ends_of_their_lines():
    axes = Figure().add_subplot()
    drawn = [
        line(axes, np.arange(2.0), np.array([0.0, end]), n, text)
        for n, (end, text) in enumerate([(1.0, "a"), (0.0, "b")])
    ]
    roomy(axes, 0.0, 1.0)
    label_ends(axes, drawn, 2.0)
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("a", (1.0, 1.0)), ("b", (1.0, 0.0))]
    assert [text.get_color() for text in axes.texts] == [one.get_color() for one in drawn]


def test_a_constant_line_gets_room():
    axes = Figure().add_subplot()
    for value in (0.0, 2.0):
        roomy(axes, value, value)
        low, high = axes.get_ylim()
        assert low < value < high
