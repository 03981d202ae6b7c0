"""Random LSTMs, for tests and for studies of size."""

import numpy as np

from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.gates import Gate
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.weights import Cell, Layer


def random_lstm(
    rng: np.random.Generator,
    inputs: int,
    hidden: int,
    *,
    layers: int = 1,
    scale: float = 1.0,
    bias: bool = True,
    name: str = "random",
) -> LSTM:
    """Return an LSTM whose weights are uniform in `±scale/sqrt(hidden)`: PyTorch's initialisation times `scale`.

    `rng` draws them; `inputs` and `hidden` are the sizes of the lowest and of every layer, `layers` is their number,
    `bias` says whether they have one, `name` is the LSTM's.

    >>> random_lstm(np.random.default_rng(1), inputs=2, hidden=3).hidden_size
    3
    """
    _check_generator(rng)
    for what, value in (("inputs", inputs), ("hidden", hidden), ("layers", layers)):
        if value < 1:
            raise InvalidValueError(explain(what, must="be at least 1", got=value, do="give a whole number above 0"))
    if not (np.isfinite(scale) and scale >= 0):
        raise InvalidValueError(explain("scale", must="be >= 0 and finite", got=scale, do="give 1.0 for PyTorch's"))
    bound = scale / np.sqrt(hidden)
    sizes = (inputs,) + (hidden,) * (layers - 1)
    cells = tuple(_random_cell(rng, size, hidden, bound, bias) for size in sizes)
    return LSTM(layers=tuple(Layer(forward=cell) for cell in cells), name=name)


def _check_generator(rng: object) -> None:
    if not isinstance(rng, np.random.Generator):
        do = "give e.g. numpy.random.default_rng(0)"
        raise InvalidTypeError(explain("rng", must="be a numpy.random.Generator", got=ascii(rng)[:80], do=do))


def _random_cell(rng: np.random.Generator, inputs: int, hidden: int, bound: float, bias: bool) -> Cell:
    return Cell(
        input=rng.uniform(-bound, bound, (len(Gate), hidden, inputs)),
        recurrent=rng.uniform(-bound, bound, (len(Gate), hidden, hidden)),
        bias=rng.uniform(-bound, bound, (len(Gate), hidden)) if bias else None,
    )
