import numpy as np

from lstm_analog.engines.pattern import block_columns, block_rows, pattern, positions, scatter
from lstm_analog.network.laws import Block, BlockForm, Order


def test_positions():
    assert positions(5, np.array([3, 1])).tolist() == [-1, 1, -1, 0, -1]


def test_scatter_adds_and_drops():
    sums = scatter(np.array([1, 0, 1, -1]), 3)(np.array([[1.0, 2.0, 4.0, 8.0], [0.0, 1.0, 0.0, 9.0]]))
    assert sums.tolist() == [[2.0, 5.0, 0.0], [1.0, 0.0, 0.0]]


def test_a_large_scatter_is_the_small_one(monkeypatch):
    rng = np.random.default_rng(1)
    targets, values = rng.integers(-1, 20, 60), rng.normal(size=(3, 60))
    small = scatter(targets, 20)
    monkeypatch.setattr("lstm_analog.engines.pattern._SMALL", 0)
    large = scatter(targets, 20)
    assert (isinstance(small.matrix, np.ndarray), isinstance(large.matrix, np.ndarray)) == (True, False)
    np.testing.assert_allclose(large(values), small(values), rtol=0, atol=1e-14)


def test_pattern_is_the_sum_of_its_entries():
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(-1, 4, 40), rng.integers(-1, 3, 40)
    values = rng.normal(size=(2, 40))
    expected = np.zeros((2, 4, 3))
    for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
        if row >= 0 and column >= 0:
            expected[:, row, column] += values[:, k]
    got = pattern(rows, columns, (4, 3)).fill(values).toarray()
    np.testing.assert_allclose(got[:4, :3], expected[0])
    np.testing.assert_allclose(got[4:, 3:], expected[1])
    assert not got[:4, 3:].any()
    assert not got[4:, :3].any()


def test_an_empty_pattern():
    none = np.empty(0, dtype=int)
    assert pattern(none, none, (0, 3)).fill(np.empty((2, 0))).shape == (0, 6)


def test_entries_of_blocks():
    block = Block(rows=np.array([5, 6]), columns=np.array([1, 2, 3]), form=BlockForm.DENSE, order=Order.CONSTANT)
    assert block_rows(block).tolist() == [5, 5, 5, 6, 6, 6]
    assert block_columns(block).tolist() == [1, 2, 3, 1, 2, 3]
