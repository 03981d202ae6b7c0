"""The signals of a model that is run on labels, and the numeric steps that compute one from another.

A `Stream` has rows of features: one for each sequence and step of time, then those at the end of the sequences. A step
finds elements by their labels, wherever they were moved; its result has new labels in the same places. So the order of
axes at each step does not matter, and a step that mixes different rows is detected.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import prod

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.model.formats.labels import Labels, places_of, rows_of
from lstm_analog.model.layers import Layer
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Affine, Dense, Embedding, ModelStep, Pool, Pooling, RowStep


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """A signal: the labels of its `rows (N, F)`, and the step that has `made` it from the streams `reads`.

    The first rows are those of each step: `lead` are their axes, (time, batch) if it is `timed`, after a recurrent
    layer, else those of the model's input. The rest are (batch,) rows at the end: a layer's final h, or the result of a
    pooling. Rows of the same number correspond in streams of the same `frame`. `number` counts streams, `label` is the
    name of the step in messages; for an input `made` is None.
    """

    label: str
    number: int
    made: ModelStep | Operation | Layer | None
    reads: tuple["Stream", ...]
    rows: Array
    lead: tuple[int, ...]
    timed: bool
    frame: int

    @property
    def width(self) -> int:
        """The number of features, F."""
        return int(self.rows.shape[1])

    @property
    def steps(self) -> Array:
        """The numbers of its rows for steps of time, of shape `lead`."""
        return np.arange(prod(self.lead)).reshape(self.lead)


class ModelStreams:
    """The streams of a model so far, with labels made by `maker`; it changes as steps are recorded.

    Each method that records a step returns the labels of its result, or None if it is no step on rows of a signal.
    `array` are labels in any arrangement, `label` is the name of the step in messages, `made` the step itself.
    """

    def __init__(self, maker: Labels) -> None:
        self.maker = maker
        self.all: list[Stream] = []
        self._firsts: list[float] = []

    def of(self, array: Array) -> Stream | None:
        """Return the stream of the first element of `array`, None if there is none."""
        place = bisect_right(self._firsts, array.flat[0]) if array.size else 0
        return self.all[place - 1] if place else None

    def opened(self, label: str, rows: Array, lead: tuple[int, ...]) -> None:
        """Add an input of the model: the stream of its `rows`, with the axes `lead`, called `label`."""
        self._add(label, None, (), rows, lead, frame=len(self.all), timed=False)

    def unrolled(self, label: str, layer: Layer, reads: Stream | None, h: Array, final: Array) -> Stream:
        """Add the output of a recurrent `layer` on the stream `reads`: `h (time, batch, F)` and `final (batch, F)`."""
        rows = np.concatenate([h.reshape(-1, h.shape[-1]), final])
        below = () if reads is None else (reads,)
        return self._add(label, layer, below, rows, h.shape[:2], frame=len(self.all), timed=True)

    def curve(self, label: str, array: Array, made: RowStep) -> Array | None:
        """Record an element-wise function of `array`."""
        found = self._elements(array)
        if found is None:
            return None
        stream, places = found
        return self._relabelled(label, made, (stream,), stream.rows).rows.reshape(-1)[places]

    def scaled(self, label: str, array: Array, scale: Array, offset: Array) -> Array | None:
        """Record `scale x + offset`, where scale and offset may depend on the feature only."""
        found = self._elements(array)
        if found is None:
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
        return self._relabelled(label, made, (stream,), stream.rows).rows.reshape(-1)[places]

    def product(self, label: str, array: Array, made: Dense) -> Array | None:
        """Record the product of a matrix and the vectors along the last axis of `array`."""
        found = self.vectors(label, array)
        if found is None or found[0].width != made.weights.shape[1]:
            return None
        stream, rows = found
        return self._by_row(label, made, stream, len(made.weights)).rows[rows]

    def over_features(self, label: str, array: Array, axis: int, made: RowStep) -> Array | None:
        """Record a function of the vectors along `axis` with as many features as these."""
        found = self.vectors(label, np.moveaxis(array, axis, -1))
        if found is None:
            return None
        stream, rows = found
        return np.moveaxis(self._by_row(label, made, stream, stream.width).rows[rows], -1, axis)

    def reduced(self, label: str, array: Array, axis: int, made: Operation | Pool) -> Array | None:
        """Record the reduction of `axis` to one element: of features by an operation, of steps of time by a pool."""
        moved = np.moveaxis(array, axis, -1)
        made_of = self._pooled(label, moved, made) if isinstance(made, Pool) else self._statistic(label, moved, made)
        return None if made_of is None else np.moveaxis(made_of, -1, axis)

    def combined(self, label: str, made: Operation, first: Array, second: Array) -> Array | None:
        """Record an element-wise operation on equal rows of `first` and `second`, one of which may have one feature."""
        left, right = self._aligned(label, first), self._aligned(label, second)
        if left is None or right is None or left[0].frame != right[0].frame:
            return None
        (a, p), (b, q) = left, right
        p, q = np.broadcast_arrays(p, q)
        same = np.array_equal(p % a.width, q % b.width) or 1 in (a.width, b.width)
        if not same or (a.width != b.width and 1 not in (a.width, b.width)):
            return None
        if not np.array_equal(p // a.width, q // b.width):
            return None
        stream = self._relabelled(label, made, (a, b), a.rows + 1j * b.rows)
        return stream.rows.reshape(-1)[p if a.width == stream.width else q]

    def embedded(self, label: str, numbers: Array, table: Floats) -> Array | None:
        """Record the rows of a `table` at the indices `numbers`, which are an input."""
        found = self._elements(numbers)
        if found is None or found[0].width > 1 or found[0].made is not None:
            return None
        return self._by_row(label, Embedding(table=table), found[0], table.shape[1]).rows[found[1]]

    def vectors(self, label: str, array: Array) -> tuple[Stream, Array] | None:
        """Return the stream with the vectors along the last axis of `array`, and the row number of each vector.

        If they have only some of the features, or in another order, a step called `label` is recorded for that.
        """
        stream = self.of(array)
        if stream is None or not array.ndim:
            return None
        rows = rows_of(array, stream.rows) if array.shape[-1] == stream.width else None
        if rows is not None:
            return stream, rows
        places = places_of(array.reshape(-1, array.shape[-1])[0], stream.rows)
        if places is None:
            return None
        features = places % stream.width
        parts, count = stream.rows[:, features], prod(stream.lead)
        ends = rows_of(array, parts[count:])  # one direction of the final h stands in the first step too
        rows = rows_of(array, parts) if ends is None else rows_of(stream.rows[ends + count], stream.rows)
        if rows is None:
            return None
        chosen = Dense(weights=np.eye(stream.width)[features])
        return self._by_row(label, chosen, stream, len(features)), rows

    def sequence(self, label: str, array: Array) -> tuple[Stream, bool] | None:
        """Return the stream with the steps `array (time, batch, F)`, and whether an input has its axes swapped."""
        found = self.vectors(label, array)
        if found is None or len(found[0].lead) not in (1, 2):
            return None
        stream, rows = found
        steps = stream.steps if len(stream.lead) == 2 else stream.steps[:, None]
        if np.array_equal(rows, steps):
            return stream, False
        turned = not stream.timed and len(stream.lead) == 2 and np.array_equal(rows, steps.T)
        return (stream, True) if turned else None

    def _elements(self, array: Array) -> tuple[Stream, Array] | None:
        """Return the stream of the elements of `array`, and the place of each in its rows."""
        stream = self.of(array)
        places = None if stream is None else places_of(array, stream.rows)
        return None if stream is None or places is None else (stream, places)

    def _aligned(self, label: str, array: Array) -> tuple[Stream, Array] | None:
        """Return the same, with vectors along the last axis, or some of their features, as a stream of their own."""
        found = self.vectors(label, array)
        if found is None:
            return self._elements(array)
        stream, rows = found
        return stream, rows[..., None] * stream.width + np.arange(stream.width)

    def _statistic(self, label: str, array: Array, made: Operation) -> Array | None:
        found = self.vectors(label, array)
        return None if found is None else self._by_row(label, made, found[0], 1).rows[found[1]]

    def _pooled(self, label: str, array: Array, pool: Pool) -> Array | None:
        """Record the pooling of steps of time, each of which is once in the last axis of `array`."""
        found = self._elements(array)
        if found is None or not found[0].timed or len(found[0].lead) != 2:
            return None
        (stream, places), (time, batch) = found, found[0].lead
        rows, features = np.divmod(places, stream.width)
        steps, sequences = np.divmod(rows, batch)
        whole = np.array_equal(np.sort(steps, axis=-1), np.broadcast_to(np.arange(time), (*steps.shape[:-1], time)))
        if not whole or (sequences != sequences[..., :1]).any() or (features != features[..., :1]).any():
            return None
        new = self.maker.made((batch, stream.width), f"output of {label}")
        self._add(label, Pooling(pool=pool), (stream,), new, (0, batch), frame=len(self.all), timed=True)
        return new[sequences[..., :1], features[..., :1]]

    def _relabelled(self, label: str, made: RowStep, reads: tuple[Stream, ...], keys: Array) -> Stream:
        """Add a stream with a new label for each distinct one of `keys`, in the same places."""
        kinds, inverse = np.unique(keys, return_inverse=True)
        rows = self.maker.made(kinds.shape, f"output of {label}")[inverse.reshape(-1)].reshape(keys.shape)
        return self._derived(label, made, reads, rows)

    def _by_row(self, label: str, made: ModelStep | Operation, stream: Stream, width: int) -> Stream:
        """Add a stream with a vector of `width` new labels for each distinct row of `stream`."""
        kinds, inverse = np.unique(stream.rows, axis=0, return_inverse=True)
        rows = self.maker.made((len(kinds), width), f"output of {label}")[inverse.reshape(-1)]
        return self._derived(label, made, (stream,), rows)

    def _derived(self, label: str, made: ModelStep | Operation, reads: tuple[Stream, ...], rows: Array) -> Stream:
        return self._add(label, made, reads, rows, reads[0].lead, frame=reads[0].frame, timed=reads[0].timed)

    def _add(
        self,
        label: str,
        made: ModelStep | Operation | Layer | None,
        reads: tuple[Stream, ...],
        rows: Array,
        lead: tuple[int, ...],
        *,
        frame: int,
        timed: bool,
    ) -> Stream:
        stream = Stream(
            label=label,
            number=len(self.all),
            made=made,
            reads=reads,
            rows=rows,
            lead=lead,
            timed=timed,
            frame=frame,
        )
        self.all.append(stream)
        self._firsts.append(float(rows.min()))
        return stream


def _by_feature(values: Array, features: Array, width: int) -> Floats | None:
    """Return the number (width,) in `values` of each of `features`; None if one has several; 0 if it has none."""
    found = np.zeros(width)
    found[features] = values
    return found if np.array_equal(found[features], values) else None


def ends_of(layer: Layer, h: Array) -> Array:
    """Return the labels (batch, F) of the last h of each direction of `layer`, from those `h (time, batch, F)`."""
    cuts = np.cumsum([cell.output_size for cell in layer.cells])[:-1]
    ways = zip(layer.cells, np.split(h, cuts, axis=-1), strict=True)
    return np.concatenate([part[0] if cell is layer.backward else part[-1] for cell, part in ways], axis=-1)
