"""What each layer of a machine, or of the digital LSTM, made of some inputs: a row of numbers for each sequence."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.model import LSTM
from lstm_analog.model.sequences import given_lengths, sequences
from lstm_analog.study.run import Run


class LayerReading(Enum):
    """What is read of a layer.

    FINAL: h of each direction after its last step, what the layer has kept of a sequence.
    SEQUENCE: h after every step, side by side, all that the next layer is given.
    """

    FINAL = "final"
    SEQUENCE = "sequence"


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class DigitalRun:
    """The digital `lstm` over `x` (batch, time, inputs), each sequence up to its `lengths` (batch,), None for all."""

    lstm: LSTM
    x: Floats
    lengths: Indices | None = None

    def __post_init__(self) -> None:
        """Check that inputs and lengths fit the LSTM."""
        x = sequences(self.x, self.lstm.input_size)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "lengths", given_lengths(self.lengths, x.shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerOutputs:
    """The outputs of the inputs, of each layer and of the head, with a leading axis of chips, 1 without chips.

    `values` (chips, sequences, n) each are those of "inputs", "layer 0" and so on, the `names`; inputs are whole
    sequences, their steps side by side. `scores` (chips, sequences, classes) are the outputs of the head, None unless
    it has one for each sequence.
    """

    names: tuple[str, ...]
    values: tuple[Floats, ...]
    scores: Floats | None


def layer_outputs(subject: Run | DigitalRun, reading: LayerReading) -> LayerOutputs:
    """Return the outputs of the layers of `subject` by a `reading`.

    Raises `InvalidShapeError` for a run without a batch axis, `InvalidValueError` if the run has not kept h.
    """
    if subject.x.ndim < 3:
        must, do = "have a batch of sequences", "give x (batch, time, inputs)"
        raise InvalidShapeError(explain("the run", must=must, got=f"x of shape {subject.x.shape}", do=do))
    final = reading is LayerReading.FINAL
    if isinstance(subject, Run):
        layers = [(each.place.layer, each.last[0] if final else _flat(each.h)) for each in subject.layers]
        y, axes = subject.y, 3 if subject.passes[-1].chips else 2
    else:
        trace = subject.lstm.trace(subject.x, lengths=subject.lengths)
        chains = zip(subject.lstm.chains, trace.layers, trace.outputs.state.h, strict=True)
        layers = [(chain.layer, last if final else _flat(each.h)) for chain, each, last in chains]
        y, axes = trace.outputs.y, 2
    layered = {number: [h for at, h in layers if at == number] for number, _ in layers}
    values = [_flat(subject.x), *(np.concatenate(parts, axis=-1) for parts in layered.values())]
    scores = None if y is None or y.ndim != axes else y
    return LayerOutputs(
        names=("inputs", *(f"layer {number}" for number in layered)),
        values=tuple(each if each.ndim == 3 else each[None] for each in values),
        scores=scores if scores is None or scores.ndim == 3 else scores[None],
    )


def _flat(signal: Floats) -> Floats:
    """Return `signal` (..., sequences, time, n) with its steps side by side, (..., sequences, time n)."""
    return signal.reshape(*signal.shape[:-2], -1)
