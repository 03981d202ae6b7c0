"""An LSTM with a linear head that forecasts the next value of one series."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from sys import float_info

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.model.formats.content import read_model
from lstm_analog.model.formats.loading import errors_of_file, name_in
from lstm_analog.model.formats.own import WORD, own_stack, stored
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.safetensor import read_safetensors, write_safetensors
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.layers import Head
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.steps import Affine, Dense
from lstm_analog.model.weights import check_shape
from lstm_analog.model.whole import Model
from lstm_analog.summaries import Summarised

PREFIX = "lstm."
"""The beginning of PyTorch's names in a forecaster's file: those of a module with an `lstm` and a `head`."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Forecaster(Summarised):
    """A one-step-ahead forecaster of one series: `x = (value - offset)/scale`, `forecast = offset + scale (A h + b)`.

    Parameters
    ----------
    lstm : LSTM
        The LSTM, with one input and without a head.
    head_weight : (outputs, H)
        The weights A for `h` of the top layer.
    head_bias : (outputs,)
        The bias b.
    offset, scale : float
        Offset and scale of the series, in `unit`; `scale` is above zero.
    unit : str
        The unit of the series.
    """

    lstm: LSTM
    head_weight: Floats
    head_bias: Floats
    offset: float
    scale: float
    unit: str

    def __post_init__(self) -> None:
        """Freeze the head and check that it fits the LSTM."""
        for name in ("head_weight", "head_bias"):
            object.__setattr__(self, name, floats(getattr(self, name), name))
        if self.lstm.input_size != 1:
            got, do = self.lstm.input_size, "train it on one series"
            raise InvalidShapeError(explain("inputs of the LSTM", must="be 1", got=got, do=do))
        if self.lstm.head is not None:
            do = "give its weights and bias as head_weight and head_bias"
            raise InvalidValueError(explain("lstm", must="have no head", got="one", do=do))
        check_shape(self.head_bias, "head_bias", ("outputs",))
        check_shape(self.head_weight, "head_weight", (self.head_bias.size, self.lstm.output_size))
        _check_number("offset", self.offset, "be finite", abs(self.offset) <= float_info.max)
        _check_number("scale", self.scale, "be positive and finite", 0 < self.scale <= float_info.max)

    @property
    def whole(self) -> LSTM:
        """The LSTM with the head, to be compiled as one machine; `offset + scale y` is then the forecast."""
        return replace(self.lstm, head=Head(weights=self.head_weight, bias=self.head_bias))

    @property
    def model(self) -> Model:
        """A model for batches `(batch, time, 1)`: scaling, LSTM, linear head, and scaling back."""
        scaling = Affine(scale=np.array(1.0 / self.scale), offset=np.array(-self.offset / self.scale))
        head = Dense(weights=self.head_weight, bias=self.head_bias)
        back = Affine(scale=np.array(self.scale), offset=np.array(self.offset))
        return Model(lstm=self.lstm, before=(scaling,), after=(head, back))

    def encode(self, values: ArrayLike) -> Floats:
        """Return the inputs `x (time, 1)` of the LSTM for `values (time,)` of the series, in `unit`."""
        series = floats(values, "values")
        check_shape(series, "values", ("time",))
        return ((series - self.offset) / self.scale)[:, np.newaxis]

    def decode(self, h: ArrayLike) -> Floats:
        """Return the forecasts `(..., outputs)`, in `unit`, for `h (..., H)`; row t forecasts the value at t + 1."""
        states = floats(h, "h")
        if states.shape[-1:] != (self.lstm.output_size,):
            must, got = f"have {self.lstm.output_size} units on its last axis", f"shape {states.shape}"
            raise InvalidShapeError(explain("h", must=must, got=got, do="give h of the LSTM's top layer"))
        return self.offset + self.scale * (states @ self.head_weight.T + self.head_bias)


@checked
def load_forecaster(path: str | Path) -> Forecaster:
    """Return the forecaster in the file at `path`: tensors `lstm.*`, `head.weight`, `head.bias`, and metadata.

    Raises
    ------
    FileAccessError, FileFormatError, UnsupportedError
        As `load` does, or if the head, its bias or the metadata `offset`, `scale`, `unit` are missing.
    """
    content = read_model(path)
    with errors_of_file(path):
        tensors, words = read_safetensors(content)
        stack = own_stack(tensors, words[WORD]) if WORD in words else stack_of(tensors)
        if stack.head is None or stack.head.bias is None:
            must, got = "be a linear read-out with a bias", "none" if stack.head is None else "one without"
            raise format_error("head", must, got, "use load for a bare LSTM")
        return Forecaster(
            lstm=LSTM(layers=stack.layers, name=name_in(words, path)),
            head_weight=stack.head.weights,
            head_bias=stack.head.bias,
            offset=_number(words, "offset"),
            scale=_number(words, "scale"),
            unit=_word(words, "unit"),
        )


@checked
def save_forecaster(forecaster: Forecaster, path: str | Path) -> None:
    """Write `forecaster` to `path` as `load_forecaster` reads it, in float64; `load` reads it as `whole`."""
    arrays, words = stored(forecaster.whole, PREFIX)
    words |= {"offset": repr(float(forecaster.offset)), "scale": repr(float(forecaster.scale)), "unit": forecaster.unit}
    write_safetensors(path, arrays, words)


def _check_number(what: str, value: float, rule: str, holds: bool) -> None:
    if not holds:
        raise InvalidValueError(explain(what, must=rule, got=value, do="give it in the unit of the series"))


def _word(words: Mapping[str, str], key: str) -> str:
    if key not in words:
        raise format_error("metadata", f"have {key!r}", sorted(words), "save it with save_forecaster")
    return words[key]


def _number(words: Mapping[str, str], key: str) -> float:
    word = _word(words, key)
    try:
        return float(word)
    except ValueError:
        got, do = ascii(word[:80]), "save it with save_forecaster"
        raise format_error(f"metadata {key!r}", "be a number", got, do) from None
