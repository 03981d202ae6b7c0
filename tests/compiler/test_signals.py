import numpy as np
import pytest

from lstm_analog.compiler import signal_network
from lstm_analog.compiler.signals import Memory, Sum
from lstm_analog.model import LSTM, Cell, Gate, Layer, random_lstm
from lstm_analog.network.shapes import Shape


def numbered(inputs, hidden, start=0, bias=True):
    """A cell whose every weight says where it stands."""
    sizes = {"input": (4, hidden, inputs), "recurrent": (4, hidden, hidden), "bias": (4, hidden)}
    made, number = {}, start
    for name, shape in sizes.items():
        made[name] = number + np.arange(np.prod(shape), dtype=float).reshape(shape)
        number += made[name].size
    return Cell(**(made if bias else made | {"bias": None}))


@pytest.fixture
def two_layers():
    return LSTM(layers=(Layer(forward=numbered(3, 2)), Layer(forward=numbered(2, 2, start=1000, bias=False))), name="a")


def rows(stage):
    (total,) = (operation for operation in stage.operations if isinstance(operation, Sum))
    return total


def test_two_layers_are_two_stages(two_layers):
    signals = signal_network(two_layers)
    (feed,) = signals.feeds
    assert (feed.signal.label, feed.signal.size, feed.backward) == ("x", 3, False)
    first, second = (rows(stage) for stage in signals.stages)
    assert [target.label for target in first.targets] == ["l0_zi", "l0_zf", "l0_zg", "l0_zo"]
    assert [target.label for target in second.targets] == ["l1_zi", "l1_zf", "l1_zg", "l1_zo"]
    readings = [(r.signal.label, r.held) for stage in signals.stages for r in rows(stage).drivers]
    assert readings == [("x", False), ("l0_h", True), ("l0_h", False), ("l1_h", True)]
    assert second.bias is None


def test_rows_are_gates_then_units_and_columns_inputs_then_h(two_layers):
    total = signal_network(two_layers).operations[0]
    cell = two_layers.layers[0].forward
    assert total.weights.shape == (8, 5)
    for gate in Gate:
        for unit in range(2):
            row = gate * 2 + unit
            assert total.weights[row].tolist() == [*cell.input[gate, unit], *cell.recurrent[gate, unit]]
            assert total.bias[row] == cell.bias[gate, unit]


def test_memories_are_the_lstm_equations():
    """`c <- sigmoid(z_f) c + sigmoid(z_i) tanh(z_g)`, `h <- sigmoid(z_o) tanh(c)`, with the c of this step."""
    (stage,) = signal_network(random_lstm(np.random.default_rng(0), 1, 2)).stages
    _, c, h = stage.operations
    assert isinstance(c, Memory)
    assert isinstance(h, Memory)
    taps = [(t.shape, t.reading.signal.label, t.reading.held) for t in (c.keep, *c.add, *h.add)]
    assert taps == [
        (Shape.SIGMOID, "l0_zf", False),
        (Shape.SIGMOID, "l0_zi", False),
        (Shape.TANH, "l0_zg", False),
        (Shape.SIGMOID, "l0_zo", False),
        (Shape.TANH, "l0_c", False),
    ]
    assert h.keep is None
    assert (c.target.label, h.target.label) == ("l0_c", "l0_h")
