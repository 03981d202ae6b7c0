"""Crossbars of tiles: each tile with its wires against the network of all its segments, sums that add up, gains."""

import re

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError
from lstm_analog.imperfections import (
    Streams,
    Tiles,
    WireResistance,
    apply,
    imperfection_of,
    seen_conductances,
    tiled_conductances,
)

WIRES = {"line": 30.0, "column": 20.0}
WEIGHTS = np.random.default_rng(0).uniform(0.0, 1e-4, (10, 7))
LSTM = la.random_lstm(np.random.default_rng(0), 3, 4)


def tiles(drivers, columns, *, gain=0.0, wires=WIRES):
    return Tiles(drivers=drivers, columns=columns, gain=gain, **wires)


def matrix(network):
    return network.part("l0_rows").transconductance


def test_a_tile_as_large_as_the_crossbar_is_the_crossbar():
    whole = seen_conductances(WEIGHTS, **WIRES)
    for drivers, columns in ((7, 10), (128, 128)):
        np.testing.assert_array_equal(tiled_conductances(WEIGHTS, tiles(drivers, columns)), whole)


def test_each_tile_has_the_wires_of_a_crossbar_of_its_size():
    """3 x 4 tiles of 7 drivers and 10 columns: three across, three down, those at the edge smaller."""
    found = tiled_conductances(WEIGHTS, tiles(3, 4))
    for down in (slice(0, 4), slice(4, 8), slice(8, 10)):
        for across in (slice(0, 3), slice(3, 6), slice(6, 7)):
            np.testing.assert_array_equal(found[down, across], seen_conductances(WEIGHTS[down, across], **WIRES))


def test_a_tile_of_a_weight_has_a_segment_of_each_wire_before_each_device():
    """One driver, two columns: the line goes on to the second column, each column has one segment."""
    found = tiled_conductances(WEIGHTS[:2, :1], tiles(1, 2))
    one, two = (1.0 / WEIGHTS[k, 0] + WIRES["column"] for k in (0, 1))
    beyond = WIRES["line"] + two
    at_first = (one * beyond / (one + beyond)) / (one * beyond / (one + beyond) + WIRES["line"])
    expected = at_first / one, at_first * two / beyond / two
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-12)


def test_smaller_tiles_lose_less():
    lost = [np.abs(tiled_conductances(WEIGHTS, tiles(size, size)) - WEIGHTS).max() for size in (2, 4, 8, 16)]
    assert lost == sorted(lost)
    assert lost[0] < 0.3 * lost[-1]


def test_partial_sums_of_a_row_have_a_gain_for_each_tile():
    network = la.compile(LSTM, la.electrical.BEHAVIOURAL).network
    none = {"line": 0.0, "column": 0.0}
    made = apply(tiles(3, 4, gain=0.01, wires=none), network, Streams(seed=1, chips=2000))
    ratio = matrix(made) / matrix(network)
    np.testing.assert_allclose(ratio[..., :3], np.broadcast_to(ratio[..., :1], ratio[..., :3].shape))
    assert (ratio[..., 2] != ratio[..., 3]).all()
    assert ratio.std() == pytest.approx(0.01, rel=0.03)
    assert np.corrcoef(ratio[:, 0, 2], ratio[:, 0, 3])[0, 1] == pytest.approx(0.0, abs=0.08)
    assert np.corrcoef(ratio[:, 0, 0], ratio[:, 1, 0])[0, 1] == pytest.approx(0.0, abs=0.08)


def test_without_wires_and_errors_tiles_do_nothing_and_as_one_they_are_wires():
    network = la.compile(LSTM, la.electrical.BEHAVIOURAL).network
    assert apply(tiles(3, 4, wires={"line": 0.0, "column": 0.0}), network, Streams(seed=0)) is network
    wired = apply(WireResistance(**WIRES), network, Streams(seed=0))
    np.testing.assert_allclose(matrix(apply(tiles(64, 64), network, Streams(seed=0))), matrix(wired), atol=1e-20)


def test_a_crossbar_of_pairs_keeps_its_signs():
    network = la.compile(LSTM, la.electrical.OPAMP).network
    made = apply(tiles(3, 4, gain=0.01), network, Streams(seed=2))
    before, after = network.part("l0_rows"), made.part("l0_rows")
    for name in ("positive", "negative"):
        then, now = getattr(before, name), getattr(after, name)
        assert (now >= 0.0).all()
        np.testing.assert_allclose(now, then, rtol=0.3, atol=1e-3 * then.max())
        assert (now != then).any()


def test_it_is_read_from_what_a_user_types():
    text = "Tiles(drivers=128, columns=256, line=0.5, column=0.5, gain=0.001)"
    assert repr(imperfection_of(text)) == text


def test_tiles_that_make_no_sense_are_refused():
    with pytest.raises(InvalidValueError, match="drivers of a tile must be at least 1, got 0"):
        tiles(0, 4)
    for columns in (0, 1, 3):
        text = f"columns of a tile must be even and at least 2, two a weight, got {columns}: give e.g. 128"
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            tiles(3, columns)
    with pytest.raises(InvalidValueError, match="gain error of tiles must be at least 0"):
        tiles(3, 4, gain=-0.1)
    with pytest.raises(InvalidTypeError, match=r"drivers must be a whole number, got 2\.5"):
        tiles(2.5, 4)
    plumbing = la.compile(LSTM, la.hydraulic.OIL).network
    with pytest.raises(NetworkError, match="the network must be electrical, got hydraulic"):
        apply(tiles(3, 4), plumbing, Streams(seed=0))
