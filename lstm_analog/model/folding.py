"""Fold linear maps of the outputs of a layer into the weights of the next layer; the result is exact.

`V (W h + b) + c = (V W) h + (V b + c)`: a Dense layer without activation, a trained batch normalisation and the sum of
two directions need no parts of their own before a further layer or a linear head.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.model.activations import Activation, Curve
from lstm_analog.model.layers import Layer
from lstm_analog.model.steps import Affine, Dense, ModelStep, width_after
from lstm_analog.model.weights import RecurrentCell


def composed(first: Dense | None, step: ModelStep, width: int) -> Dense | None:
    """Return the map `first` followed by `step` as one map; `first` may be None. Return None if `step` is not linear.

    `width` is the number of features before `step`. Raises `InvalidShapeError` if `step` takes another number.
    """
    width_after(step, width)
    if isinstance(step, Dense) and first is None:
        return step
    weights, bias = (np.eye(width), None) if first is None else (first.weights, first.bias)
    match step:
        case Dense():
            moved = _sum(None if bias is None else step.weights @ bias, step.bias)
            return Dense(weights=step.weights @ weights, bias=moved)
        case Affine():
            moved = step.offset if bias is None else step.scale * bias + step.offset
            return Dense(weights=(step.scale * weights.T).T, bias=np.broadcast_to(moved, (len(weights),)))
        case Activation(curve=Curve.LINEAR):
            return composed(first, Affine(scale=np.array(step.slope), offset=np.array(step.offset)), width)
    return None


def fed_through(layer: Layer, read: Dense) -> Layer:
    """Return a layer whose outputs for x are those of `layer` for the map `read` of x.

    Raises `InvalidShapeError` if `layer` has another number of inputs than `read` has outputs.
    """
    if layer.input_size != len(read.weights):
        do = "give the layer that reads this map"
        raise InvalidShapeError(
            explain("inputs of a layer", must=f"be {len(read.weights)}", got=layer.input_size, do=do)
        )
    forward, backward = (cell and _folded(cell, read) for cell in (layer.forward, layer.backward))
    return Layer(forward=forward, backward=backward)


def _folded(cell: RecurrentCell, read: Dense) -> RecurrentCell:
    moved = None if read.bias is None else cell.input @ read.bias
    return replace(cell, input=cell.input @ read.weights, bias=_sum(cell.bias, moved))


def _sum(one: Floats | None, other: Floats | None) -> Floats | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
