import numpy as np

import lstm_analog as la
from lstm_analog.model import Head
from lstm_analog.show import blocks
from lstm_analog.show.blocks import count_parts


def texts(figure):
    return "\n".join(text.get_text() for text in figure.axes[0].texts)


def test_numbers_are_those_of_the_network():
    lstm = la.random_lstm(np.random.default_rng(3), 4, 20, layers=2)
    compiled = la.compile(lstm, la.electrical.BEHAVIOURAL).compiled
    drawn = texts(blocks(compiled))
    assert f"{compiled.network.unknowns.size - 1:,} unknowns in {len(compiled.network.parts)} banks" in drawn
    for layer, inputs in ((0, 4 + 20 + 1), (1, 20 + 20 + 1)):
        count = np.count_nonzero(compiled.network.part(f"l{layer}_rows").transconductance)
        assert f"l{layer}_rows: 80 sums of {inputs} inputs\n{count:,} devices" in drawn
    assert "4 x\n20 l0 h\n1 l0 bias" in drawn
    assert "20 l0 h\n20 l1 h\n1 l1 bias" in drawn
    assert "120 switches" in drawn


def test_parts_of_plumbing_have_their_own_names():
    lstm = la.random_lstm(np.random.default_rng(3), 2, 3)
    network = la.compile(lstm, la.hydraulic.OIL).network
    counts = count_parts(network.parts, network.domain)
    assert counts["relays"] == 8 * 3
    assert counts["tanks and chambers"] == 4 * 3
    bank = network.part("l0_rows")
    assert counts["capillaries of weights"] == np.count_nonzero(bank.positive) + np.count_nonzero(bank.negative)


def test_a_head_has_a_row():
    lstm = la.random_lstm(np.random.default_rng(3), 2, 3)
    headed = la.LSTM(layers=lstm.layers, name="headed", head=Head(weights=np.ones((2, 3)), bias=None))
    drawn = texts(blocks(la.compile(headed, la.electrical.BEHAVIOURAL).compiled))
    assert "read-out" in drawn
    assert "2 outputs of each step" in drawn
