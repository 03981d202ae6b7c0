"""Record the numeric steps of a model that is run on labels, each as a new stream of `ModelStreams`."""

from collections.abc import Sequence

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.model.formats.streams import ModelStreams, Stream
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Affine, Dense, Embedding, ModelStep, Pool, Pooling, RowStep


class StepRecorder:
    """Records what one operation of a model does; `label` is its name in messages, `streams` gets the new streams.

    Each method takes labels, `array`, in any arrangement, and the step `made`. It returns the labels of the result, or
    None if the operation is no step on rows of a signal.
    """

    def __init__(self, streams: ModelStreams, label: str) -> None:
        self.streams = streams
        self.label = label

    def curve(self, array: Array, made: RowStep) -> Array | None:
        """Record an element-wise function of `array`."""
        found = self.streams.elements(array)
        return None if found is None else self._in_places(made, *found)

    def curves(self, array: Array, steps: Sequence[ModelStep | Operation]) -> Array | None:
        """Record element-wise functions, `steps`, each of the result before."""
        made: Array | None = array
        for step in steps:
            if made is not None and isinstance(step, RowStep):
                made = self.curve(made, step)
        return made

    def scaling(self, array: Array, scale: Array, offset: Array) -> Array | None:
        """Record `scale x + offset`, where scale and offset must be finite and may depend on the feature only."""
        found = self.streams.elements(array)
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
        return self._in_places(made, stream, places)

    def with_constant(self, made: Operation, array: Array, constant: Floats, *, signal_first: bool) -> Array | None:
        """Record an element-wise operation on `array` and a `constant`, in this order if `signal_first`."""
        one, zero = np.ones(()), np.zeros(())
        sign = one if signal_first else -one
        with np.errstate(divide="ignore"):
            match made:
                case Operation.ADD:
                    return self.scaling(array, one, constant)
                case Operation.SUBTRACT:
                    return self.scaling(array, sign, -sign * constant)
                case Operation.MULTIPLY:
                    return self.scaling(array, constant, zero)
                case Operation.DIVIDE if signal_first:
                    return self.scaling(array, 1.0 / constant, zero)
        return None

    def operation(self, made: Operation, first: Array, second: Array) -> Array | None:
        """Record an element-wise operation on equal rows of `first` and `second`, one of which may have one feature."""
        left, right = self.streams.aligned(self.label, first), self.streams.aligned(self.label, second)
        if left is None or right is None or left[0].frame != right[0].frame:
            return None
        (a, p), (b, q) = left, right
        p, q = np.broadcast_arrays(p, q)
        same = np.array_equal(p % a.width, q % b.width) or 1 in (a.width, b.width)
        if not same or (a.width != b.width and 1 not in (a.width, b.width)):
            return None
        if not np.array_equal(p // a.width, q // b.width):
            return None
        stream = self.streams.relabelled(self.label, made, (a, b), a.rows + 1j * b.rows)
        return stream.rows.reshape(-1)[p if a.width == stream.width else q]

    def power(self, array: Array, exponent: float) -> Array | None:
        """Record `array` to the power of `exponent`, which must be 0.5, 2 or 3."""
        if exponent == 0.5:
            return self.curve(array, Operation.SQRT)
        square = self.operation(Operation.MULTIPLY, array, array) if exponent in (2.0, 3.0) else None
        if exponent == 2.0 or square is None:
            return square
        return self.operation(Operation.MULTIPLY, square, array)

    def product(self, array: Array, made: Dense) -> Array | None:
        """Record the product of a matrix and the vectors along the last axis of `array`."""
        found = self.streams.vectors(self.label, array)
        if found is None or found[0].width != made.weights.shape[1]:
            return None
        stream, rows = found
        return self.streams.by_row(self.label, made, stream, len(made.weights)).rows[rows]

    def row_function(self, array: Array, axis: int, made: RowStep) -> Array | None:
        """Record a function of the vectors along `axis` with as many features as these."""
        found = self.streams.vectors(self.label, np.moveaxis(array, axis, -1))
        if found is None:
            return None
        stream, rows = found
        return np.moveaxis(self.streams.by_row(self.label, made, stream, stream.width).rows[rows], -1, axis)

    def embedding(self, numbers: Array, table: Floats) -> Array | None:
        """Record the rows of a `table` at the indices `numbers`, which are an input."""
        found = self.streams.elements(numbers)
        if found is None or found[0].width > 1 or found[0].made is not None:
            return None
        return self.streams.by_row(self.label, Embedding(table=table), found[0], table.shape[1]).rows[found[1]]

    def reduction(
        self, array: Array, axis: int, *, over_features: Operation | None, over_time: Pool | None, keep: bool
    ) -> Array | None:
        """Record the reduction of `axis`: of features by `over_features`, or else of steps of time by `over_time`.

        The result has one element in that axis, or lacks it unless `keep`.
        """
        moved, made = np.moveaxis(array, axis, -1), None
        found = None if over_features is None else self.streams.vectors(self.label, moved)
        if found is not None and over_features is not None:
            made = self.streams.by_row(self.label, over_features, found[0], 1).rows[found[1]]
        if made is None and over_time is not None:
            made = self._pooling(moved, over_time)
        return None if made is None else np.moveaxis(made, -1, axis) if keep else made[..., 0]

    def batch_norm(
        self, array: Array, *, scale: Floats, offset: Floats, mean: Floats, variance: Floats, epsilon: float
    ) -> Array | None:
        """Record `scale (x - mean) / sqrt(variance + epsilon) + offset`; the arrays are along the second axis of x."""
        shape = (-1, *(1,) * (array.ndim - 2))
        with np.errstate(all="ignore"):  # of a variance that is none
            factor = scale / np.sqrt(variance + epsilon)
            moved = offset - factor * mean
        return self.scaling(array, factor.reshape(shape), moved.reshape(shape))

    def _pooling(self, array: Array, pool: Pool) -> Array | None:
        """Record the pooling of steps of time, each of which is once in the last axis of `array`."""
        found = self.streams.elements(array)
        if found is None or not found[0].timed or len(found[0].lead) != 2:
            return None
        (stream, places), (time, batch) = found, found[0].lead
        rows, features = np.divmod(places, stream.width)
        steps, sequences = np.divmod(rows, batch)
        whole = np.array_equal(np.sort(steps, axis=-1), np.broadcast_to(np.arange(time), (*steps.shape[:-1], time)))
        if not whole or (sequences != sequences[..., :1]).any() or (features != features[..., :1]).any():
            return None
        new = self.streams.maker.made((batch, stream.width), f"output of {self.label}")
        frame = len(self.streams.all)
        self.streams.add(self.label, Pooling(pool=pool), (stream,), new, (0, batch), frame=frame, timed=True)
        return new[sequences[..., :1], features[..., :1]]

    def _in_places(self, made: RowStep, stream: Stream, places: Array) -> Array:
        """Record an element-wise step on `stream`; return the labels of its results in these `places`."""
        return self.streams.relabelled(self.label, made, (stream,), stream.rows).rows.reshape(-1)[places]


def _by_feature(values: Array, features: Array, width: int) -> Floats | None:
    """Return the number (width,) in `values` of each of `features`; None if one has several; 0 if it has none."""
    found = np.zeros(width)
    found[features] = values
    return found if np.array_equal(found[features], values) else None
