"""Label the inputs of an ONNX graph, and find the sizes of axes that the graph leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass

from lstm_analog.arrays import Array
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.onnx_graph import Origin, Value, labels, unknown
from lstm_analog.model.formats.onnx_values import owner_of
from lstm_analog.model.formats.streams import ModelStreams

PROBES = ((3, 2, 1), (5, 4, 3))
"""Sizes assumed for the first axes of an input that are open; they differ, so that axes can be distinguished.

A graph with the same result for both depends on neither.
"""


@dataclass(frozen=True, kw_only=True)
class OpenInput:
    """An input of the graph, with the size of each axis or, if that is open, its name or ""; None if the rank is open.

    `whole` says that it takes whole numbers.
    """

    name: str
    axes: tuple[int | str, ...] | None
    whole: bool


class OpenInputs:
    """Labels the inputs of a graph, and records sizes of their open axes that follow from weights.

    `maker` makes labels, `streams` stores them. `sizes` are sizes of open axes, by input and axis, from an earlier run;
    `wanted` those found in this run; others are taken from the `probe`. If `single`, an input of floats with two axes
    is (batch, time) with one feature, otherwise (time, features).
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
        """Return the labels of the input `entry`; open axes of equal name have equal sizes."""
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
        """Record that the last axis of `value`, if it is an open axis of an input, has this `size`.

        The value may also be an element-wise function of the input.
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
        """Return the name of the input with the first element of `value`, "" if there is none."""
        return owner_of(value.array, self.labels) if value.origin is Origin.LABELS else ""

    def is_closed(self, value: Value) -> bool:
        """Return whether the input with the first element of `value`, if there is one, has no open axis."""
        entry = self._entries.get(self.source(value))
        return entry is None or all(isinstance(axis, int) for axis in entry.axes or ())
