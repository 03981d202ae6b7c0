"""The signals of a model that is run on labels; `stream_steps` records the numeric steps between them.

A `Stream` has rows of features: one for each sequence and step of time, then those at the end of the sequences. A step
finds elements by their labels, wherever they were moved; its result has new labels in the same places. So the order of
axes at each step does not matter, and a step that mixes different rows is detected.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import prod

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.labels import Labels, places_of, rows_of
from lstm_analog.model.layers import Layer
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Dense, ModelStep, RowStep

_MOST_CHOSEN = 2**24
"""Largest total size of the matrices that choose features; a graph of a few bytes may have any number of features."""


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

    `array` are labels in any arrangement, `label` is the name of a step in messages, `made` the step itself.
    """

    def __init__(self, maker: Labels) -> None:
        self.maker = maker
        self.all: list[Stream] = []
        self._firsts: list[float] = []
        self._choices_left = _MOST_CHOSEN

    def of(self, array: Array) -> Stream | None:
        """Return the stream of the first element of `array`, None if there is none."""
        place = bisect_right(self._firsts, array.flat[0]) if array.size else 0
        return self.all[place - 1] if place else None

    def opened(self, label: str, rows: Array, lead: tuple[int, ...]) -> None:
        """Add an input of the model: the stream of its `rows`, with the axes `lead`, called `label`."""
        self.add(label, None, (), rows, lead, frame=len(self.all), timed=False)

    def unrolled(self, label: str, layer: Layer, reads: Stream | None, h: Array, final: Array) -> Stream:
        """Add the output of a recurrent `layer` on the stream `reads`: `h (time, batch, F)` and `final (batch, F)`."""
        rows = np.concatenate([h.reshape(-1, h.shape[-1]), final])
        below = () if reads is None else (reads,)
        return self.add(label, layer, below, rows, h.shape[:2], frame=len(self.all), timed=True)

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
        self._choices_left -= len(features) * stream.width
        if rows is None or self._choices_left < 0:
            return None
        weights = np.zeros((len(features), stream.width))
        weights[np.arange(len(features)), features] = 1.0
        return self.by_row(label, Dense(weights=weights), stream, len(features)), rows

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

    def elements(self, array: Array) -> tuple[Stream, Array] | None:
        """Return the stream of the elements of `array`, and the place of each in its rows."""
        stream = self.of(array)
        places = None if stream is None else places_of(array, stream.rows)
        return None if stream is None or places is None else (stream, places)

    def aligned(self, label: str, array: Array) -> tuple[Stream, Array] | None:
        """Return what `elements` does, where a choice of features along the last axis is recorded as a stream first."""
        found = self.vectors(label, array)
        if found is None:
            return self.elements(array)
        stream, rows = found
        return stream, rows[..., None] * stream.width + np.arange(stream.width)

    def relabelled(self, label: str, made: RowStep, reads: tuple[Stream, ...], keys: Array) -> Stream:
        """Add a stream `made` from `reads`, with a new label for each distinct one of `keys`, in the same places."""
        kinds, inverse = np.unique(keys, return_inverse=True)
        rows = self.maker.made(kinds.shape, f"output of {label}")[inverse.reshape(-1)].reshape(keys.shape)
        return self._derived(label, made, reads, rows)

    def by_row(self, label: str, made: ModelStep | Operation, stream: Stream, width: int) -> Stream:
        """Add a stream with a vector of `width` new labels for each distinct row of `stream`."""
        kinds, inverse = np.unique(stream.rows, axis=0, return_inverse=True)
        rows = self.maker.made((len(kinds), width), f"output of {label}")[inverse.reshape(-1)]
        return self._derived(label, made, (stream,), rows)

    def _derived(self, label: str, made: ModelStep | Operation, reads: tuple[Stream, ...], rows: Array) -> Stream:
        return self.add(label, made, reads, rows, reads[0].lead, frame=reads[0].frame, timed=reads[0].timed)

    def add(
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
        """Add and return the stream called `label` of `rows`, `made` from `reads`; `lead, frame, timed` as there."""
        stream = Stream(
            label=label, number=len(self.all), made=made, reads=reads, rows=rows, lead=lead, timed=timed, frame=frame
        )
        self.all.append(stream)
        self._firsts.append(float(rows.min()))
        return stream


def ends_of(layer: Layer, h: Array) -> Array:
    """Return the labels (batch, F) of the last h of each direction of `layer`, from those `h (time, batch, F)`."""
    cuts = np.cumsum([cell.output_size for cell in layer.cells])[:-1]
    ways = zip(layer.cells, np.split(h, cuts, axis=-1), strict=True)
    return np.concatenate([part[0] if cell is layer.backward else part[-1] for cell, part in ways], axis=-1)
