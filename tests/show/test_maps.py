"""Maps of conductances and of errors have the numbers of the network and of the report."""

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, NetworkError, UnsupportedPartError
from lstm_analog.model.gates import GRUGate
from lstm_analog.model.random import Form
from lstm_analog.show import crossbar, error_map


def network(technology=la.hydraulic.OIL):
    return la.compile(la.random_lstm(np.random.default_rng(3), 2, 3, scale=2.0), technology).network


def test_each_sum_has_a_plus_and_a_minus_column():
    made = network()
    bank = made.part("l0_rows")
    axes = crossbar(made, "l0_rows").axes[0]
    shown = axes.images[0].get_array()
    np.testing.assert_array_equal(shown[:, 0::2].filled(0.0), bank.positive.T)
    np.testing.assert_array_equal(shown[:, 1::2].filled(0.0), bank.negative.T)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["input", "forget", "cell", "output"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["x 0", "x 1", "h 0", "h 1", "h 2", "bias 0"]


def test_a_circuit_has_a_prefix():
    figure = crossbar(network(la.electrical.OPAMP_IDEAL), "l0_rows")
    assert figure.axes[1].get_ylabel() == "conductance (µS)"


def test_what_is_no_crossbar_or_is_not_there_is_refused():
    with pytest.raises(UnsupportedPartError, match="l0_rows must be a crossbar, got Transconductors"):
        crossbar(network(la.electrical.BEHAVIOURAL), "l0_rows")
    with pytest.raises(NetworkError, match="part must be one of"):
        crossbar(network(), "l9_rows")
    with pytest.raises(InvalidValueError, match="chip must be from -1 to 0, got 1"):
        crossbar(network(), "l0_rows", chip=1)


def test_errors_by_step_are_those_of_the_report(machine_run):
    run, lstm = machine_run(layers=2)
    report = la.compare(run, lstm)
    axes = error_map(report, layer=0).axes[0]
    shown = axes.images[0].get_array()
    for row, errors in zip(shown, report.layers[0].signals.values(), strict=True):
        np.testing.assert_array_equal(row, np.maximum(errors.by_step.max, 1e-17))
    words = [text.get_text() for text in axes.get_yticklabels()]
    assert words == ["pre-activations z", "input gate i", "forget gate f", "candidate g", "output gate o", "c", "h"]
    with pytest.raises(InvalidValueError, match="layer must be from -2 to 1, got 2"):
        error_map(report, layer=2)


def test_the_update_gate_of_a_gru_does_not_hide_its_pre_activations():
    lstm = la.random_lstm(np.random.default_rng(3), 2, 3, scale=2.0, form=Form.GRU)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(np.ones((4, 2)), engine="settle")
    report, (trace,) = la.compare(run, lstm), lstm.trace(run.x).layers
    errors, (layer,) = report.layers[0], run.layers
    assert list(errors.signals) == ["z", "r", "update", "n", "h"]
    assert errors["z"].max == np.abs(layer.z - trace.z).max()
    assert errors["update"].max == np.abs(layer.gates - trace.gates)[..., GRUGate.UPDATE, :].max()
    words = [text.get_text() for text in error_map(report).axes[0].get_yticklabels()]
    assert words == ["pre-activations z", "reset gate r", "update gate z", "candidate n", "h"]
