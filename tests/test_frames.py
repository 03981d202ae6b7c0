"""Data frames as x: with pandas where it is there, else with a stand-in that has the little of it that is used."""

from importlib.util import find_spec

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidTypeError, InvalidValueError

RNG = np.random.default_rng(4)
LSTM, ONE = la.random_lstm(RNG, 2, 3), la.random_lstm(RNG, 1, 3)
NUMBERS = RNG.uniform(-1.0, 1.0, (4, 2))


class Index:
    """The index of a stand-in: labels of one kind."""

    nlevels = 1

    def __init__(self, labels):
        self.labels = np.array(labels)
        self.dtype = self.labels.dtype

    @property
    def is_monotonic_increasing(self):
        return bool((self.labels[1:] >= self.labels[:-1]).all())


class Frame:
    """What is used of a DataFrame."""

    ndim, iloc, name = 2, (), None

    def __init__(self, columns, index=None):
        arrays = {name: np.asarray(column) for name, column in columns.items()}
        size = len(next(iter(arrays.values())))
        self.arrays, self.columns = arrays, list(arrays)
        self.dtypes = [array.dtype for array in arrays.values()]
        self.index = Index(np.arange(size) if index is None else index)

    def to_numpy(self):
        return np.stack(list(self.arrays.values()), axis=-1)

    def sort_index(self):
        order = np.argsort(self.index.labels)
        return Frame({name: array[order] for name, array in self.arrays.items()}, self.index.labels[order])

    def drop(self, *, columns):
        return Frame({name: array for name, array in self.arrays.items() if name != columns}, self.index.labels)


class Series:
    """What is used of a Series."""

    ndim, iloc = 1, ()

    def __init__(self, values, name=None):
        self.values, self.name = values, name

    def to_frame(self, name):
        return Frame({name: self.values})


def kinds():
    """Yield what makes a frame and a series: the stand-ins, and pandas where it is installed."""
    yield pytest.param((Frame, Series), id="stand-in")
    if find_spec("pandas"):
        import pandas as pd

        yield pytest.param((pd.DataFrame, pd.Series), id="pandas")


@pytest.fixture(params=kinds())
def made(request):
    return request.param


def columns(**more):
    return {"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], **more}


DAYS = np.datetime64("2020-01-01") + np.arange(4)


def test_columns_are_inputs_and_an_index_of_times_is_none(made):
    frame, series = made
    machine = la.compile(LSTM, "behavioural")
    for index in (None, DAYS.astype("datetime64[ns]")):
        x = frame(columns(), index=index)
        np.testing.assert_array_equal(LSTM(x).h, LSTM(NUMBERS).h)
        np.testing.assert_array_equal(machine.run(x, engine="settle").h, machine.run(NUMBERS, engine="settle").h)
    one = ONE(NUMBERS[:, :1]).h
    np.testing.assert_array_equal(ONE(series(NUMBERS[:, 0])).h, one)
    np.testing.assert_array_equal(ONE(series(NUMBERS[:, 0], name="passengers")).h, one)


def test_what_says_when_is_named_and_what_to_do_works(made):
    frame, series = made
    x = frame(columns(time=np.arange(4.0)))
    with pytest.raises(InvalidValueError, match=r"^columns of x must be inputs, no times, got 'time': give x\.drop"):
        LSTM(x)
    np.testing.assert_array_equal(LSTM(x.drop(columns="time")).h, LSTM(NUMBERS).h)
    x = frame(columns(when=DAYS.astype("datetime64[ns]")))
    with pytest.raises(InvalidTypeError, match=r"^column 'when' of x must hold numbers, got datetime64.*: convert it"):
        LSTM(x)
    np.testing.assert_array_equal(LSTM(x.drop(columns="when")).h, LSTM(NUMBERS).h)
    with pytest.raises(InvalidValueError, match=r"^columns of x must be inputs, no times, got 'date'"):
        ONE(series(NUMBERS[:, 0], name="date"))


def test_rows_out_of_order_are_refused_and_what_to_do_works(made):
    frame, _ = made
    x = frame({name: column[::-1] for name, column in columns().items()}, index=DAYS.astype("datetime64[ns]")[::-1])
    with pytest.raises(InvalidValueError, match=r"^index of x must increase, as time does, got others: give x\.sort"):
        LSTM(x)
    np.testing.assert_array_equal(LSTM(x.sort_index()).h, LSTM(NUMBERS).h)
    np.testing.assert_array_equal(LSTM(x.to_numpy()).h, LSTM(NUMBERS[::-1]).h)


def test_several_sequences_and_texts_are_refused(made):
    frame, _ = made
    with pytest.raises(InvalidTypeError, match=r"^column 'city' of x must hold numbers, got "):
        LSTM(frame(columns(city=np.array(["x"] * 4))))
    x = frame(columns(ok=np.array([True] * 4)))
    with pytest.raises(InvalidTypeError, match=r"^column 'ok' of x must hold numbers, got bool"):
        LSTM(x)


def test_levels_of_an_index_are_several_sequences():
    x = Frame(columns())
    x.index.nlevels = 2
    with pytest.raises(InvalidTypeError, match=r"^x must be one sequence, got an index of 2 levels: stack an array"):
        LSTM(x)


def test_a_whole_model_takes_frames(made):
    frame, _ = made
    model = la.Model(lstm=LSTM)
    np.testing.assert_array_equal(model(frame(columns())), model(NUMBERS))
