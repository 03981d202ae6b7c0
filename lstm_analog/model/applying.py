"""Apply numeric steps to signals, which are batches of sequences or of vectors."""

from collections.abc import Iterable
from dataclasses import replace
from functools import singledispatch

import numpy as np

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedPartError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.operations import Operation
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
    width_after,
)


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
    """Return the result of all `steps`, one after the other, on `signal`; raises as `apply` does."""
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
