from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import lstm_analog as la
from lstm_analog.show import blocks, error_map, sequence
from lstm_analog.show.style import COLOURS, amount, darker, label_ends, line, roomy, si, spread


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
    roomy(axes, np.array([0.0, 1.0]))
    label_ends(axes, drawn, 2.0)
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("a", (1.0, 1.0)), ("b", (1.0, 0.0))]
    assert [text.get_color() for text in axes.texts] == [darker(one.get_color()) for one in drawn]


def test_a_constant_line_gets_room():
    axes = Figure().add_subplot()
    for value in (0.0, 2.0):
        roomy(axes, np.array([value]))
        low, high = axes.get_ylim()
        assert low < value < high


def test_a_dollar_sign_in_the_name_of_a_technology_begins_no_formula():
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
    machine = la.compile(lstm, replace(la.electrical.BEHAVIOURAL, name=r"a $\frac$"))
    run = machine.run(np.zeros((2, 1)), engine="settle")
    for figure in (sequence(run, lstm), blocks(machine.compiled), error_map(la.compare(run, lstm))):
        figure.draw_without_rendering()


def test_one_step_and_equal_values_can_be_read(drawn):
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(np.ones((1, 1)), engine="settle")
    h, *_, both = sequence(run, lstm).axes
    (line,) = drawn(h)["unit 0"]
    assert line.get_marker() == "."
    low, high = h.get_ylim()
    assert high - low > 0.01 * abs(run.h[0, 0])
    assert all(tick.is_integer() for tick in both.get_xticks())


def test_an_eighth_line_differs_from_the_first():
    axes = Figure().subplots()
    x = np.arange(2.0)
    drawn = [line(axes, x, x, number, "") for number in range(21)]
    assert len({(each.get_color(), str(each._dash_pattern)) for each in drawn}) >= 18


def test_amounts_have_three_digits_and_never_a_thousand():
    assert [amount(value, "F") for value in (999.4, 999.6, 9.996e-7, -4.5e-9, 0.0, 1e13)] == [
        "999 F",
        "1 kF",
        "1 µF",
        "-4.5 nF",
        "0 F",
        "1e+13 F",
    ]


def test_words_in_each_colour_can_be_read_on_white():
    """By the contrast of the Web Content Accessibility Guidelines, 2.1: 4.5 for small text."""
    for colour in COLOURS:
        parts = np.array(to_rgb(darker(colour)))
        light = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
        assert 1.05 / (light + 0.05) > 4.5
