"""Certificates of decks in every dialect, and of transistor cells, which only ngspice runs again."""

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.electrical import BEHAVIOURAL, BICMOS
from lstm_analog.engines import Integrate, Ngspice, Settle, Waveform
from lstm_analog.errors import UnsupportedPartError
from lstm_analog.export import WRITTEN
from lstm_analog.study.verification import Check

LSTM = la.random_lstm(np.random.default_rng(6), 2, 1)
X = np.random.default_rng(7).uniform(-1, 1, (2, 2))


@pytest.mark.parametrize("dialect", WRITTEN, ids=lambda dialect: dialect.name)
def test_a_deck_of_any_dialect_is_certified_and_verified(tmp_path, dialect):
    path = tmp_path / "lstm.cir"
    certificate = la.compile(LSTM, BEHAVIOURAL).certify(LSTM, X, path, dialect=dialect, engine=Waveform())
    assert [export.dialect for export in certificate.exports] == [dialect.name]
    assert all(outcome.holds for outcome in la.verify(path, certificate, lstm=LSTM, engine=Waveform()).outcomes)


def test_transistor_cells_are_run_again_by_ngspice(tmp_path):
    path = tmp_path / "chip.cir"
    machine = la.compile(LSTM, BICMOS, settling=12.0)
    certificate = machine.certify(LSTM, X, path, engine=Ngspice())
    assert all(outcome.holds for outcome in la.verify(path, certificate, lstm=LSTM).outcomes)
    text = path.read_text()
    path.write_text(text.replace(" bf=", " bf=1", 1))
    found = la.verify(path, certificate, lstm=LSTM)
    assert found[Check.VALUES].got == "changed: l0_cells"
    assert found[Check.MODEL].got.startswith("l0_cells.library.models[")


@pytest.mark.parametrize("engine", [None, Waveform(), Integrate(), Settle()], ids=repr)
def test_transistor_cells_are_refused_by_name_elsewhere(engine):
    text = r"^part l0_cells must have equations in this package, got transistor-level Cells: run it with engines.Ngspi"
    with pytest.raises(UnsupportedPartError, match=text):
        la.compile(LSTM, BICMOS, settling=12.0).run(X, engine=engine)
