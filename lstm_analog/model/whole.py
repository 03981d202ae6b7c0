"""`Model`: an LSTM with the numeric steps of a classifier or forecaster before and after it.

Steps are applied to signals that are batches of sequences or of vectors.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats, plain
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedPartError, explain
from lstm_analog.frames import steps_of
from lstm_analog.model.activations import Activation
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.masks import Fed, compact, expand
from lstm_analog.model.operations import Operation
from lstm_analog.model.sequences import Outputs, StateLike
from lstm_analog.model.steps import (
    Affine,
    Dense,
    Embedding,
    Formula,
    Masking,
    ModelStep,
    Pool,
    Pooling,
    Reshape,
    Softmax,
    StepValue,
    named,
    width_after,
)
from lstm_analog.summaries import Rows, Summarised


@singledispatch
def apply(step: ModelStep, signal: StepValue) -> StepValue:
    """Return the result of `step` on `signal`.

    Raises `InvalidShapeError`, `InvalidValueError` or `InvalidTypeError` if the step does not take this signal,
    `UnsupportedPartError` if there is no such step.
    """
    raise UnsupportedPartError(
        explain("step", must="be a numeric step", got=type(step).__name__, do="use one of ModelStep")
    )


def apply_all(steps: Iterable[ModelStep], signal: StepValue) -> StepValue:
    """Return the result of all `steps`, one after the other, on `signal`; raises as `apply` does.

    Without a warning of numpy it is infinite or NaN where a framework's is: the logarithm of -1, or what overflows.
    """
    with np.errstate(all="ignore"):
        for step in steps:
            signal = apply(step, signal)
    return signal


@apply.register
def _embed(step: Embedding, signal: StepValue) -> StepValue:
    numbers, rows = signal.values, len(step.table)
    if numbers.dtype.kind not in "iuf":
        do = "give the numbers of words"
        raise InvalidTypeError(explain("x", must="hold whole numbers", got=numbers.dtype, do=do))
    if numbers.ndim not in (1, 2) or not numbers.size:
        must, got = "have shape (batch, time) or (time,), not empty", f"shape {numbers.shape}"
        raise InvalidShapeError(explain("x", must=must, got=got, do="give one whole number a step"))
    wrong = (numbers < 0) | (numbers >= rows) | (numbers != np.floor(numbers))
    if wrong.any():
        must, do = f"hold whole numbers from 0 to {rows - 1}, the rows of the embedding", "encode the text as trained"
        raise InvalidValueError(explain("x", must=must, got=numbers[wrong][0], do=do))
    values = step.table[numbers.astype(np.int64)]
    return StepValue(values=values, mask=numbers != 0 if step.masked else signal.mask)


@apply.register
def _mask(step: Masking, signal: StepValue) -> StepValue:
    with np.errstate(over="ignore"):
        mask = (signal.values.astype(np.float32) != np.float32(step.value)).any(axis=-1)
    return StepValue(values=np.where(mask[..., None], signal.values, 0.0), mask=mask)


@apply.register
def _scale(step: Affine, signal: StepValue) -> StepValue:
    _check_width(step, signal)
    return replace(signal, values=step.scale * signal.values + step.offset)


@apply.register
def _multiply(step: Dense, signal: StepValue) -> StepValue:
    _check_width(step, signal)
    values = signal.values @ step.weights.T
    return replace(signal, values=values if step.bias is None else values + step.bias)


@apply.register
def _curve(step: Activation, signal: StepValue) -> StepValue:
    return replace(signal, values=step(signal.values))


@apply.register
def _softmax(step: Softmax, signal: StepValue) -> StepValue:
    powers = np.exp(signal.values - signal.values.max(axis=-1, keepdims=True))
    return replace(signal, values=powers / powers.sum(axis=-1, keepdims=True))


@apply.register
def _pool(step: Pooling, signal: StepValue) -> StepValue:
    if step.pool is Pool.LAST:
        return StepValue(values=signal.values[..., -1, :])
    if step.pool is Pool.MAX:
        return StepValue(values=signal.values.max(axis=-2))
    if signal.mask is None:
        return StepValue(values=signal.values.mean(axis=-2))
    inside = signal.mask[..., None]
    return StepValue(values=(signal.values * inside).sum(axis=-2) / inside.sum(axis=-2))


@apply.register
def _reshape(step: Reshape, signal: StepValue) -> StepValue:
    shape = signal.values.shape
    if shape[-len(step.taken) :] != step.taken:
        must, do = f"have {step.taken} as its last axes, as the model was built for", "give sequences of that length"
        raise InvalidShapeError(explain("x", must=must, got=f"shape {shape}", do=do))
    return StepValue(values=signal.values.reshape(*shape[: -len(step.taken)], *step.made))


@apply.register
def _compute(step: Formula, signal: StepValue) -> StepValue:
    found = [signal.values]
    for line, places in zip(step.steps, step.reads, strict=True):
        read = [found[place] for place in places]
        made = line(*read) if isinstance(line, Operation) else apply(line, StepValue(values=read[0])).values
        found.append(made)
    return replace(signal, values=found[-1])


def _check_width(step: ModelStep, signal: StepValue) -> None:
    """Raise if `signal` has another number of features than `step` takes; numpy would broadcast a single one."""
    if signal.values.ndim < 1:
        do = "give (batch, time, features)"
        raise InvalidShapeError(explain("x", must="have an axis of features", got="one number", do=do))
    width_after(step, signal.values.shape[-1])


_AXES: Mapping[type[ModelStep], tuple[int, int]] = MappingProxyType({Embedding: (1, 2), Pooling: (2, 1)})
"""Number of axes, without the batch, before and after a step that changes them."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Model(Summarised):
    """A whole model: numeric steps, a recurrent part, numeric steps. Calling it computes the outputs of its framework.

    The recurrent part can be compiled to a machine, the steps stay numeric:
    `fed = model.encode(x)`, `run = machine.run(fed.x, lengths=fed.lengths)`, `model.decode(run.outputs, fed)`.

    Parameters
    ----------
    lstm : LSTM
        The recurrent part, without a head.
    before, after : tuple of steps
        The steps, in order; see `lstm_analog.model.steps`.
    final : bool
        Whether the steps after it read the final h of each direction of the top layer; else h at each step of time.
    held : bool
        Whether h at a masked step is that of the last valid one, as in Keras' layers of one direction; else it is zero.
    """

    lstm: LSTM
    before: tuple[ModelStep, ...] = ()
    after: tuple[ModelStep, ...] = ()
    final: bool = False
    held: bool = False

    def __post_init__(self) -> None:
        """Check that the sizes of steps and recurrent part fit each other."""
        for name in ("before", "after"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            wrong = [type(step).__name__ for step in getattr(self, name) if not isinstance(step, ModelStep)]
            if wrong:
                do = "give records of lstm_analog.model.steps"
                raise InvalidTypeError(explain(f"steps {name}", must="be numeric steps", got=wrong[0], do=do))
        if self.lstm.head is not None:
            do = "give the head as the first step after it: Dense(weights=..., bias=...)"
            raise InvalidValueError(explain("lstm", must="have no head", got="one", do=do))
        if _axes(self.before, None) not in (None, 2):
            do = "pool after the recurrent part"
            raise InvalidValueError(
                explain("steps before", must="keep the axis of time", got="one that takes it", do=do)
            )
        _axes(self.after, 1 if self.final else 2)
        _check_widths(self.before, None, self.lstm.input_size)
        _check_widths(self.after, self.lstm.output_size, None)

    def summary(self) -> Rows:
        """Return rows with the steps before, the recurrent part and the steps after."""
        before, after = (", ".join(map(named, steps)) for steps in (self.before, self.after))
        read = ("steps after", ", ".join(filter(None, ("final h" if self.final else "", after))))
        return tuple(row for row in (("steps before", before), *self.lstm.summary(), read) if row[1])

    @checked
    def __call__(self, x: ArrayLike, state: StateLike | None = None, lengths: ArrayLike | None = None) -> Floats:
        """Return the output for `x` in float64, with the numeric LSTM as recurrent part.

        `x` is (batch, time) of whole numbers if the first step is an embedding, else (batch, time, features); the batch
        axis may be left out. The recurrent part starts at `state`, or at zeros; `lengths (batch,)` are the numbers of
        valid steps of each sequence, all unless given. The output has a row for each sequence, or for each step.
        """
        fed = self.encode(x, lengths)
        return self.decode(self.lstm(fed.x, state, fed.lengths), fed)

    @checked
    def encode(self, x: ArrayLike, lengths: ArrayLike | None = None) -> Fed:
        """Return the inputs of the recurrent part for `x` with `lengths` valid steps: the result of steps before it."""
        words = bool(self.before) and isinstance(self.before[0], Embedding)
        told = plain(x, "x") if words else floats(steps_of(x), "x")
        return compact(apply_all(self.before, StepValue(values=told)), lengths)

    @checked
    def decode(self, outputs: Outputs, fed: Fed) -> Floats:
        """Return the output of the model for `outputs` of the recurrent part, numeric or a machine's, for `fed`."""
        if self.final:
            top = len(self.lstm.layers[-1].cells)
            signal = StepValue(values=np.concatenate(outputs.state.h[-top:], axis=-1))
        elif fed.mask is None:
            signal = StepValue(values=outputs.h)
        else:
            signal = StepValue(values=expand(outputs.h, fed.mask, self.held), mask=fed.mask)
        result: Floats = apply_all(self.after, signal).values
        return result


def model_of(lstm: LSTM) -> Model:
    """Return `lstm` as a model, whose head, if there is one, is a numeric step after it."""
    if lstm.head is None:
        return Model(lstm=lstm)
    head = Dense(weights=lstm.head.weights, bias=lstm.head.bias)
    return Model(lstm=replace(lstm, head=None), after=(head,), final=lstm.head.final)


def _axes(steps: Iterable[ModelStep], axes: int | None) -> int | None:
    """Return the number of axes after `steps`, 1 for a vector, 2 for a sequence, None for any; raise if one misfits."""
    for step in steps:
        taken, made = _AXES.get(type(step), (axes, axes))
        if isinstance(step, Reshape):
            taken, made = len(step.taken), len(step.made)
        if axes not in (None, taken):
            what, do = f"axes that a {type(step).__name__} step takes", "let it read the final h, or pool once"
            raise InvalidShapeError(explain(what, must=f"be {taken}", got=axes, do=do))
        axes = made
    return axes


def _check_widths(steps: Iterable[ModelStep], width: int | None, end: int | None) -> None:
    for step in steps:
        width = width_after(step, width)
    if end is not None and width not in (None, end):
        do = "give the steps of this recurrent part"
        raise InvalidShapeError(explain("inputs of the recurrent part", must=f"be {width}", got=end, do=do))
