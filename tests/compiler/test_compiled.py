import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, lower, schedule, signal_network
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.compiler.legend import legend
from lstm_analog.model import Form, Gate, State, random_lstm


@pytest.fixture
def compiled():
    return lower(BEHAVIOURAL, signal_network(random_lstm(np.random.default_rng(0), 2, 3, layers=2)), CLOCKED, 20.0)


def test_the_layout_names_groups_of_the_network(compiled):
    unknowns = compiled.network.unknowns
    assert [(bank.label, bank.backward) for bank in compiled.layout.inputs] == [("x", False)]
    for number, place in enumerate(compiled.layout.layers):
        assert [spot.group for spot in place.z] == [f"l{number}_z{gate.letter}" for gate in Gate]
        assert {spot.interval for spot in place.z} == {f"hold{number}"}
        assert (place.c.group, place.h.group, place.c.interval) == (f"l{number}_c", f"l{number}_h", "readout")
        for label in (*(spot.group for spot in place.z), place.c.group, place.h.group, place.reset_c, place.reset_h):
            assert unknowns[label].size == 3


@pytest.mark.parametrize("technology", [BEHAVIOURAL, OIL], ids=["BEHAVIOURAL", "OIL"])
@pytest.mark.parametrize(("form", "word"), [(Form.RNN, "hidden"), (Form.PROJECTED, "projection")])
def test_the_legend_tells_the_row_of_a_plain_rnn_from_a_projection(technology, form, word):
    """Both are called zh; decks of plain RNNs called it a projection."""
    compiled = lower(technology, signal_network(random_lstm(np.random.default_rng(0), 2, 3, form=form)), CLOCKED, 20.0)
    words = dict(said.split(" ", 1) for _, said in legend(compiled))
    assert {words[label] for label in words if label.startswith("l0_zh")} == {word}


def test_a_schedule_holds_each_input_for_its_step(compiled):
    x = np.arange(6.0).reshape(3, 2)
    state = State(h=[np.full(3, 0.1), np.full(3, 0.2)], c=[np.full(3, 0.3), np.full(3, 0.4)])
    made = schedule(compiled, x, state).fit(compiled.network)
    efforts = {entry.label: entry.efforts for entry in made.imposed}
    length = len(compiled.cycle.step)
    assert made.names[0] == "reset"
    assert len(made.names) == 1 + 3 * length
    for step in range(3):
        assert (efforts["x"][1 + step * length : 1 + (step + 1) * length] == x[step]).all()
    assert (efforts["x"][0] == x[0]).all()
    assert [efforts[name][-1, 0] for name in ("l0_h_start", "l1_h_start", "l0_c_start", "l1_c_start")] == [
        0.1,
        0.2,
        0.3,
        0.4,
    ]


def test_a_schedule_keeps_the_batch(compiled):
    made = schedule(compiled, np.ones((5, 3, 2)), State.zeros(((3, 3), (3, 3)), (5,)))
    assert made.lead == (5,)
