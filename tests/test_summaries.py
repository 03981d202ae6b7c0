"""What a notebook shows of a record: a few lines, or a table."""

import sys

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import LibraryMissingError
from lstm_analog.model import airline
from lstm_analog.summaries import Summarised, brief

RNG = np.random.default_rng(3)
LSTM = la.random_lstm(RNG, 3, 4, layers=2, outputs=2, name="ab")
MACHINE = la.compile(LSTM, "behavioural")
RUN = MACHINE.run(np.zeros((5, 3)))
RECORDS = (
    *(LSTM, LSTM.layers[0], LSTM.layers[0].forward, LSTM.head, LSTM(np.zeros((5, 3))), MACHINE),
    *(RUN, RUN.passes[0], RUN.layers[0], la.compare(RUN, LSTM)),
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_few_lines_say_what_it_is(record: Summarised) -> None:
    text, table = repr(record), record._repr_html_()
    assert text.splitlines()[0] == type(record).__name__
    assert len(text.splitlines()) <= 12
    assert max(map(len, text.splitlines())) <= 120
    for name, value in record.summary():
        assert f"  {name}" in text
        assert name in table
        assert brief(value) in text


def test_markup_is_escaped() -> None:
    class Told(Summarised):
        def summary(self) -> tuple[tuple[str, object], ...]:
            return (("<b>", "<script>"),)

    assert "<script>" not in Told()._repr_html_()


def test_a_forecaster_tells_its_unit() -> None:
    forecaster = airline.forecaster(4)
    assert f"unit         {forecaster.unit}" in repr(forecaster)


def test_a_run_without_xarray_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(LibraryMissingError, match="xarray must be installed, got none: pip install"):
        RUN.to_xarray()
