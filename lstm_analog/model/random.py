"""Random LSTMs of every form, for tests and for studies of size."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.weights import Cell, GRUCell, MGUCell, RecurrentCell, RNNCell


class Form(Enum):
    """The forms of a cell; the value is the usual name. PROJECTED has (H + 1) // 2 outputs."""

    LSTM = "LSTM"
    PEEPHOLE = "LSTM with peepholes"
    PROJECTED = "projected LSTM"
    COUPLED = "LSTM with coupled input and forget gates"
    GRU = "GRU, reset after"
    GRU_RESET_BEFORE = "GRU, reset before"
    MGU = "minimal gated unit"
    RNN = "plain RNN"


_GATES = {
    Form.COUPLED: CoupledGate,
    Form.GRU: GRUGate,
    Form.GRU_RESET_BEFORE: GRUGate,
    Form.MGU: MGUGate,
    Form.RNN: RNNGate,
}

_MOST = 2**28
"""Largest number of weights: 2 GiB."""


@checked
def random_lstm(
    rng: np.random.Generator,
    inputs: int,
    hidden: int,
    *,
    layers: int = 1,
    scale: float = 1.0,
    bias: bool = True,
    name: str = "random",
    form: Form = Form.LSTM,
    bidirectional: bool = False,
    outputs: int = 0,
) -> LSTM:
    """Return an LSTM whose weights are uniform in `±scale/sqrt(hidden)`: PyTorch's initialisation times `scale`.

    `rng` draws them. `inputs` is the number of inputs, `hidden` that of units in each of the `layers` layers; `bias` is
    whether cells have one, `name` is the LSTM's, `form` is that of all cells, `bidirectional` adds a backward cell to
    each layer; there is a head of `outputs` outputs, none if 0. Raises `InvalidValueError` for a size below 1, or for
    more than 2 GiB of weights.

    >>> random_lstm(np.random.default_rng(1), inputs=2, hidden=3).hidden_size
    3
    """
    given: object = rng
    if not isinstance(given, np.random.Generator):
        do = "give e.g. numpy.random.default_rng(0)"
        raise InvalidTypeError(explain("rng", must="be a numpy.random.Generator", got=ascii(given)[:80], do=do))
    sizes = (("inputs", inputs, 1), ("hidden", hidden, 1), ("layers", layers, 1), ("outputs", outputs, 0))
    for what, value, least in sizes:
        if value < least:
            do = f"give a whole number from {least} on"
            raise InvalidValueError(explain(what, must=f"be at least {least}", got=value, do=do))
    ways, gates = 1 + bidirectional, len(_GATES.get(form, Gate))
    rows = ways * gates * hidden
    numbers = rows * (inputs + hidden + (layers - 1) * (ways + 1) * hidden) + outputs * ways * hidden
    if numbers > _MOST:
        got = f"{numbers}, of {inputs} inputs, {hidden} hidden, {layers} layers and {outputs} outputs"
        raise InvalidValueError(explain("weights", must=f"be at most {_MOST} numbers", got=got, do="ask for fewer"))
    if not (np.isfinite(scale) and scale >= 0):
        raise InvalidValueError(explain("scale", must="be >= 0 and finite", got=scale, do="give 1.0 for PyTorch's"))
    draw = _Draw(rng=rng, bound=float(scale / np.sqrt(hidden)), bias=bias)
    stack: list[Layer] = []
    for _ in range(layers):
        size = stack[-1].output_size if stack else inputs
        cells = [draw.cell(form, size, hidden) for _ in range(ways)]
        stack.append(Layer(forward=cells[0], backward=cells[1] if bidirectional else None))
    return LSTM(layers=tuple(stack), name=name, head=draw.head(outputs, stack[-1].output_size) if outputs else None)


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """Draws random weights, uniform in ±`bound`, with or without a `bias`."""

    rng: np.random.Generator
    bound: float
    bias: bool

    def weights(self, *shape: int) -> Floats:
        return self.rng.uniform(-self.bound, self.bound, shape)

    def cell(self, form: Form, inputs: int, hidden: int) -> RecurrentCell:
        gates = len(_GATES.get(form, Gate))
        outputs = (hidden + 1) // 2 if form is Form.PROJECTED else hidden
        arrays = self.weights(gates, hidden, inputs), self.weights(gates, hidden, outputs)
        bias = self.weights(gates, hidden) if self.bias else None
        if form in (Form.MGU, Form.RNN):
            make = MGUCell if form is Form.MGU else RNNCell
            return make(input=arrays[0], recurrent=arrays[1], bias=bias)
        if form in (Form.GRU, Form.GRU_RESET_BEFORE):
            after = form is Form.GRU
            inner = self.weights(hidden) if self.bias and after else None
            return GRUCell(input=arrays[0], recurrent=arrays[1], bias=bias, recurrent_bias=inner, reset_after=after)
        return Cell(
            input=arrays[0],
            recurrent=arrays[1],
            bias=bias,
            coupled=form is Form.COUPLED,
            projection=self.weights(outputs, hidden) if form is Form.PROJECTED else None,
            peephole=self.weights(gates - 1, hidden) if form is Form.PEEPHOLE else None,
        )

    def head(self, outputs: int, inputs: int) -> Head:
        return Head(weights=self.weights(outputs, inputs), bias=self.weights(outputs) if self.bias else None)
