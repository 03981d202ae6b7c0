"""Record the numeric steps of a model that is run on labels, each as a new stream of `ModelStreams`.

Each function returns the labels of the result, or None if the operation is no step on rows of a signal. `streams` gets
the new stream, `array` are labels in any arrangement, `label` is the name of the step in messages, `made` the step.
"""

from collections.abc import Sequence

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.model.formats.streams import ModelStreams
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Affine, Dense, Embedding, ModelStep, Pool, Pooling, RowStep


def record_curve(streams: ModelStreams, label: str, array: Array, made: RowStep) -> Array | None:
    """Record an element-wise function of `array`."""
    found = streams.elements(array)
    if found is None:
        return None
    stream, places = found
    return streams.relabelled(label, made, (stream,), stream.rows).rows.reshape(-1)[places]


def record_scaling(streams: ModelStreams, label: str, array: Array, scale: Array, offset: Array) -> Array | None:
    """Record `scale x + offset`, where scale and offset must be finite and may depend on the feature only."""
    found = streams.elements(array)
    if found is None or not (np.isfinite(scale).all() and np.isfinite(offset).all()):
        return None
    stream, places = found
    places = np.broadcast_to(places, np.broadcast_shapes(array.shape, scale.shape, offset.shape))
    features = places % stream.width
    numbers = [_by_feature(np.broadcast_to(each, places.shape), features, stream.width) for each in (scale, offset)]
    if numbers[0] is None or numbers[1] is None:
        return None
    if all((each == each[features.flat[0]]).all() for each in numbers if each is not None):
        numbers = [each[0] for each in numbers if each is not None]
    made = Affine(scale=numbers[0], offset=numbers[1])  # type: ignore[arg-type]  # neither is None
    return streams.relabelled(label, made, (stream,), stream.rows).rows.reshape(-1)[places]


def record_with_constant(
    streams: ModelStreams, label: str, made: Operation, array: Array, constant: Floats, *, signal_first: bool
) -> Array | None:
    """Record an element-wise operation on `array` and a `constant`, in this order if `signal_first`."""
    one, zero = np.ones(()), np.zeros(())
    sign = one if signal_first else -one
    with np.errstate(divide="ignore"):
        match made:
            case Operation.ADD:
                scale, offset = one, constant
            case Operation.SUBTRACT:
                scale, offset = sign, -sign * constant
            case Operation.MULTIPLY:
                scale, offset = constant, zero
            case Operation.DIVIDE if signal_first:
                scale, offset = 1.0 / constant, zero
            case _:
                return None
    return record_scaling(streams, label, array, scale, offset)


def record_product(streams: ModelStreams, label: str, array: Array, made: Dense) -> Array | None:
    """Record the product of a matrix and the vectors along the last axis of `array`."""
    found = streams.vectors(label, array)
    if found is None or found[0].width != made.weights.shape[1]:
        return None
    stream, rows = found
    return streams.by_row(label, made, stream, len(made.weights)).rows[rows]


def record_row_function(streams: ModelStreams, label: str, array: Array, axis: int, made: RowStep) -> Array | None:
    """Record a function of the vectors along `axis` with as many features as these."""
    found = streams.vectors(label, np.moveaxis(array, axis, -1))
    if found is None:
        return None
    stream, rows = found
    return np.moveaxis(streams.by_row(label, made, stream, stream.width).rows[rows], -1, axis)


def record_curves(
    streams: ModelStreams, label: str, array: Array, steps: Sequence[ModelStep | Operation]
) -> Array | None:
    """Record element-wise functions, `steps`, each of the result before; return None if one is of another kind."""
    made: Array | None = array
    for step in steps:
        if made is not None and isinstance(step, RowStep):
            made = record_curve(streams, label, made, step)
    return made


def record_power(streams: ModelStreams, label: str, array: Array, exponent: float) -> Array | None:
    """Record `array` to the power of `exponent`, which must be 0.5, 2 or 3."""
    if exponent == 0.5:
        return record_curve(streams, label, array, Operation.SQRT)
    square = record_operation(streams, label, Operation.MULTIPLY, array, array) if exponent in (2.0, 3.0) else None
    if exponent == 2.0 or square is None:
        return square
    return record_operation(streams, label, Operation.MULTIPLY, square, array)


def record_reduction(
    streams: ModelStreams,
    label: str,
    array: Array,
    axis: int,
    *,
    over_features: Operation | None,
    over_time: Pool | None,
    keep: bool,
) -> Array | None:
    """Record the reduction of `axis`: of features by `over_features`, or else of steps of time by `over_time`.

    The result has one element in that axis, or lacks it unless `keep`.
    """
    moved, made = np.moveaxis(array, axis, -1), None
    found = None if over_features is None else streams.vectors(label, moved)
    if found is not None and over_features is not None:
        made = streams.by_row(label, over_features, found[0], 1).rows[found[1]]
    if made is None and over_time is not None:
        made = _record_pooling(streams, label, moved, over_time)
    return None if made is None else np.moveaxis(made, -1, axis) if keep else made[..., 0]


def record_batch_norm(
    streams: ModelStreams,
    label: str,
    array: Array,
    *,
    scale: Floats,
    offset: Floats,
    mean: Floats,
    variance: Floats,
    epsilon: float,
) -> Array | None:
    """Record `scale (x - mean) / sqrt(variance + epsilon) + offset`; the arrays are along the second axis of x."""
    shape = (-1, *(1,) * (array.ndim - 2))
    with np.errstate(all="ignore"):  # of a variance that is none
        factor = scale / np.sqrt(variance + epsilon)
        moved = offset - factor * mean
    return record_scaling(streams, label, array, factor.reshape(shape), moved.reshape(shape))


def record_operation(streams: ModelStreams, label: str, made: Operation, first: Array, second: Array) -> Array | None:
    """Record an element-wise operation on equal rows of `first` and `second`, one of which may have one feature."""
    left, right = streams.aligned(label, first), streams.aligned(label, second)
    if left is None or right is None or left[0].frame != right[0].frame:
        return None
    (a, p), (b, q) = left, right
    p, q = np.broadcast_arrays(p, q)
    same = np.array_equal(p % a.width, q % b.width) or 1 in (a.width, b.width)
    if not same or (a.width != b.width and 1 not in (a.width, b.width)):
        return None
    if not np.array_equal(p // a.width, q // b.width):
        return None
    stream = streams.relabelled(label, made, (a, b), a.rows + 1j * b.rows)
    return stream.rows.reshape(-1)[p if a.width == stream.width else q]


def record_embedding(streams: ModelStreams, label: str, numbers: Array, table: Floats) -> Array | None:
    """Record the rows of a `table` at the indices `numbers`, which are an input."""
    found = streams.elements(numbers)
    if found is None or found[0].width > 1 or found[0].made is not None:
        return None
    return streams.by_row(label, Embedding(table=table), found[0], table.shape[1]).rows[found[1]]


def _record_pooling(streams: ModelStreams, label: str, array: Array, pool: Pool) -> Array | None:
    """Record the pooling of steps of time, each of which is once in the last axis of `array`."""
    found = streams.elements(array)
    if found is None or not found[0].timed or len(found[0].lead) != 2:
        return None
    (stream, places), (time, batch) = found, found[0].lead
    rows, features = np.divmod(places, stream.width)
    steps, sequences = np.divmod(rows, batch)
    whole = np.array_equal(np.sort(steps, axis=-1), np.broadcast_to(np.arange(time), (*steps.shape[:-1], time)))
    if not whole or (sequences != sequences[..., :1]).any() or (features != features[..., :1]).any():
        return None
    new = streams.maker.made((batch, stream.width), f"output of {label}")
    streams.add(label, Pooling(pool=pool), (stream,), new, (0, batch), frame=len(streams.all), timed=True)
    return new[sequences[..., :1], features[..., :1]]


def _by_feature(values: Array, features: Array, width: int) -> Floats | None:
    """Return the number (width,) in `values` of each of `features`; None if one has several; 0 if it has none."""
    found = np.zeros(width)
    found[features] = values
    return found if np.array_equal(found[features], values) else None
