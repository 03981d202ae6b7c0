import numpy as np

from lstm_analog.engines.phase.graph import generations
from lstm_analog.network.laws import Block, BlockForm, Order


def acts(columns, rows, form=BlockForm.DIAGONAL):
    return Block(rows=np.array(rows), columns=np.array(columns), form=form, order=Order.CONSTANT)


def order(blocks, members, size=10):
    return [sorted(group.tolist()) for group in generations(blocks, np.array(members), size)]


def test_a_chain_is_solved_link_by_link():
    assert order([acts([3, 1], [2, 3])], [1, 2, 3]) == [[1], [3], [2]]


def test_a_loop_is_solved_together():
    assert order([acts([1, 2, 2], [2, 1, 3])], [1, 2, 3]) == [[1, 2], [3]]


def test_a_loop_through_a_dense_block_is_seen():
    dense = acts([1, 2], [3, 4], BlockForm.DENSE)
    assert order([dense], [1, 2, 3, 4]) == [[1, 2], [3, 4]]
    assert order([dense, acts([4], [1])], [1, 2, 3, 4]) == [[2], [1, 4], [3]]


def test_what_is_no_member_does_not_count():
    assert order([acts([1, 5], [5, 2])], [1, 2]) == [[1, 2]]
    assert order([acts([1, 2], [-1, -1])], [1, 2, 9]) == [[1, 2, 9]]
    assert order([acts([1], [9]), acts([9], [-1])], [1, 9]) == [[1], [9]]


def test_none():
    assert order([acts([1], [2])], np.empty(0, dtype=int)) == []
