"""Mask steps of time: the recurrent part skips masked steps, wherever they are, and keeps its state.

It is given the valid steps, one after the other, and their number; its outputs are then put back to their places.
Keras masks so: keras/src/backend/common/backend_utils and `keras.layers.RNN`, "Masking".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Flags, Floats, Indices, floats
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.model.sequences import given_lengths
from lstm_analog.model.steps import StepValue


@dataclass(frozen=True, kw_only=True, eq=False)
class Fed:
    """The inputs of the recurrent part of a model.

    `x (batch, time, inputs)` or `(time, inputs)` has the valid steps first; `lengths (batch,)` are their numbers, None
    for all. `mask (batch, time)` or `(time,)` are their original places, None if all steps are valid.
    """

    x: Floats
    lengths: Indices | None
    mask: Flags | None


def compact(signal: StepValue, ends: ArrayLike | None = None) -> Fed:
    """Return the valid steps of `signal`, one after the other; those at or beyond `ends (batch,)` are not valid.

    Raises `InvalidShapeError` if `signal` has no sequences of vectors, `InvalidValueError` if a sequence has no valid
    step.
    """
    x, mask = floats(signal.values, "x"), signal.mask
    if x.ndim not in (2, 3):
        must, do = "have shape (batch, time, features) or (time, features)", "add or remove an axis"
        raise InvalidShapeError(explain("x", must=must, got=f"shape {x.shape}", do=do))
    lengths = given_lengths(ends, x.shape)
    if lengths is not None:
        inside = np.arange(x.shape[-2]) < lengths[:, None]
        mask = inside if mask is None else mask & inside
    if mask is None:
        return Fed(x=x, lengths=None, mask=None)
    lengths = mask.sum(axis=-1)
    if not lengths.all():
        got, do = f"none in sequence {int(np.argmin(lengths))}", "leave out sequences that are all padding"
        raise InvalidValueError(explain("valid steps of a sequence", must="be at least one", got=got, do=do))
    if x.ndim == 2:
        return Fed(x=x[mask], lengths=None, mask=mask)
    order = np.argsort(~mask, axis=-1, kind="stable")
    inside = np.arange(mask.shape[-1]) < lengths[:, None]
    gathered = np.take_along_axis(x, order[..., None], axis=-2)
    return Fed(x=np.where(inside[..., None], gathered, 0.0), lengths=lengths, mask=mask)


def expand(h: Floats, mask: Flags, held: bool) -> Floats:
    """Return `h (..., time, units)` of the valid steps at their places in `mask (batch, time)`.

    If `held`, masked steps have the h of the last valid step, zero before the first; otherwise zero. The first axis may
    be that of chips.
    """
    place = np.cumsum(mask, axis=-1) - 1
    inside = place >= 0 if held else mask
    places = np.broadcast_to(np.maximum(place, 0)[..., None], (*h.shape[: -mask.ndim - 1], *mask.shape, 1))
    return np.where(inside[..., None], np.take_along_axis(h, places, axis=-2), 0.0)
