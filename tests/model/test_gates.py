from lstm_analog.model import Gate


def test_order_is_that_of_pytorch():
    assert [gate.letter for gate in sorted(Gate)] == ["i", "f", "g", "o"]
    assert [Gate.INPUT, Gate.FORGET, Gate.CELL, Gate.OUTPUT] == [0, 1, 2, 3]
