"""The inputs of an ONNX graph: their labels, and the sizes of axes that the graph leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_analog.arrays import Array
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.onnx_graph import Origin, Value, labels, unknown
from lstm_analog.model.formats.onnx_values import owner_of
from lstm_analog.model.formats.streams import ModelStreams

PROBES = ((3, 2, 1), (5, 4, 3))
"""Sizes taken for the first axes of an input that the graph leaves open; they differ, so that they are told apart.

A graph that does the same with both depends on neither.
"""


@dataclass(frozen=True, kw_only=True)
class OpenInput:
    """An input of the graph: of each axis its size or, where that is open, its name or ""; None if the rank is open.

    `whole` says that it takes whole numbers.
    """

    name: str
    axes: tuple[int | str, ...] | None
    whole: bool


class OpenInputs:
    """Labels the inputs of a graph, and notes what the weights tell of their open axes.

    `maker` hands out labels, `streams` takes them in. `sizes` are those of open axes, by input and axis, that are known
    from an earlier turn; `wanted` those that the weights have told in this one; others are of the `probe`. An input
    (batch, time) of one feature, and no (time, features), is one of floats with two axes if it is `single`.
    """

    def __init__(
        self,
        maker: Labels,
        streams: ModelStreams,
        sizes: Mapping[tuple[str, int], int],
        probe: tuple[int, ...],
        single: bool,
    ) -> None:
        self.maker = maker
        self.streams = streams
        self.sizes = sizes
        self.probe = probe
        self.single = single
        self.wanted: dict[tuple[str, int], int] = {}
        self.labels: dict[str, Array] = {}
        self._entries: dict[str, OpenInput] = {}

    def opened(self, entry: OpenInput) -> Value:
        """Return the labels of the input `entry`; axes that are open under one name have one size."""
        if entry.axes is None:
            return unknown(f"input {entry.name[:80]!a} of unknown rank")
        named = self._sizes_by_name()
        probe, shape = iter(self.probe), list[int]()
        for n, axis in enumerate(entry.axes):
            size = axis if isinstance(axis, int) else named.get(axis) or next(probe, 1)
            shape.append(self.sizes.get((entry.name, n), size))
        self._entries[entry.name] = entry
        kind = int if entry.whole else float
        label = f"input {entry.name[:80]!a}"
        made = self.maker.made(shape, label, kind)
        self.labels[entry.name] = made
        vectors = made.ndim > 2 or (made.ndim == 2 and not entry.whole and not self.single)
        lead = made.shape[:-1] if vectors else made.shape
        self.streams.opened(label, made.reshape(-1, made.shape[-1] if vectors else 1), lead)
        return labels(made)

    def _sizes_by_name(self) -> dict[str, int]:
        return {
            axis: size
            for name, entry in self._entries.items()
            for axis, size in zip(entry.axes or (), self.labels[name].shape, strict=True)
            if isinstance(axis, str) and axis
        }

    def resize(self, value: Value, size: int) -> None:
        """Note that the last axis of `value`, if it is an open axis of an input, has that `size`.

        The value may be computed of the input number by number.
        """
        stream = self.streams.of(value.array) if value.origin is Origin.LABELS else None
        while stream is not None and stream.reads and stream.reads[0].width == stream.width:
            stream = stream.reads[0]
        name = "" if stream is None else self.source(labels(stream.rows))
        if not name or value.array.ndim == 0 or value.array.shape[-1] == size:
            return
        axes = zip(self._entries[name].axes or (), self.labels[name].shape, strict=True)
        likely = [n for n, (axis, now) in enumerate(axes) if isinstance(axis, str) and now == value.array.shape[-1]]
        if len(likely) == 1 and (name, likely[0]) not in self.sizes:
            self.wanted[name, likely[0]] = size

    def source(self, value: Value) -> str:
        """Return the name of the input that `value` begins with, "" if it is made of none."""
        return owner_of(value.array, self.labels) if value.origin is Origin.LABELS else ""

    def is_closed(self, value: Value) -> bool:
        """Whether no axis of the input that `value` begins with, if it does with one, is open."""
        entry = self._entries.get(self.source(value))
        return entry is None or all(isinstance(axis, int) for axis in entry.axes or ())
