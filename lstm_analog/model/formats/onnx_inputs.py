"""Label the inputs of an ONNX graph, find the sizes of axes that it leaves open, and what its inputs are used for.

The lengths and initial states of a recurrent node are looked for in `opens`, the labels of each of the graph's inputs
by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.chains import Objection
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Value, labels, unknown
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.formats.streams import ModelStreams


@dataclass(frozen=True, kw_only=True)
class InputBlock:
    """Elements of the graph's input `name` in its own order, the first of them labelled `first`."""

    name: str
    first: int


def owner_of(array: Array, opens: Mapping[str, Array]) -> str:
    """Return the name of the graph's input, of `opens`, with the first label of `array`, "" if there is none."""
    if not array.size:
        return ""
    first = array.flat[0]
    return next((name for name, whole in opens.items() if whole.flat[0] <= first <= whole.flat[-1]), "")


def block_of(array: Array, opens: Mapping[str, Array], *, repeats: Sequence[int] = ()) -> InputBlock | None:
    """Return the block of one of the graph's inputs that `array` is; None if it is none, or in another order.

    Along the axes `repeats` its elements may be repeated.
    """
    name = owner_of(array, opens)
    if not name:
        return None
    steps = [int(np.diff(array, axis=n).flat[0]) if size > 1 else 1 for n, size in enumerate(array.shape)]
    if any(step < (0 if n in repeats else 1) for n, step in enumerate(steps)):
        return None
    places: list[Array] = list(np.indices(array.shape, sparse=True))
    expected = array.flat[0] + sum(step * each for step, each in zip(steps, places, strict=True))
    whole = bool((array == expected).all()) and array.flat[-1] <= opens[name].flat[-1]
    return InputBlock(name=name, first=int(array.flat[0])) if whole else None


def lengths_of(node: Node, inputs: Inputs, steps: int, opens: Mapping[str, Array]) -> InputBlock | Objection | None:
    """Return the origin of the lengths among the `inputs` of `node`; None if all sequences have `steps` steps."""
    value = inputs[4] if len(inputs) > 4 else None
    if value is None or (value.origin is Origin.NUMBERS and (value.array == steps).all()):
        return None
    block = block_of(value.array, opens) if value.origin is Origin.LABELS and value.array.ndim == 1 else None
    if block is not None:
        return block
    got = value.why or ("other numbers" if value.origin is Origin.NUMBERS else value.origin.value)
    return Objection(f"sequence_lens of {node.label}", "be an input of the graph or as long as the sequences", got)


def states_of(node: Node, inputs: Inputs) -> dict[str, Value]:
    """Return the initial states of `node` that are not zero, (directions, B, H), by the names of its `inputs`."""
    found: dict[str, Value] = {}
    for n, name in ((5, "initial_h"), (6, "initial_c"))[: 2 if node.operation == "LSTM" else 1]:
        value = inputs[n] if len(inputs) > n else None
        if value is not None and value.origin is not Origin.ZEROS:
            turned = node.attributes.get("layout", 0) and value.array.ndim == 3
            array = value.array.transpose(1, 0, 2) if turned else value.array
            found[f"{name} of {node.label}"] = Value(origin=value.origin, array=array, why=value.why)
    return found


def check_constant(what: str, value: Value, ways: int, units: int) -> None:
    """Raise `UnsupportedError` if the constant state `value`, called `what`, has not `ways` directions and `units`."""
    shape = value.array.shape
    if value.origin is Origin.NUMBERS and (len(shape) != 3 or (shape[0], shape[2]) != (ways, units)):
        do = "save its state dict instead: PyTorch's exporters lose a projection, which ONNX does not have"
        must = f"be of {ways} directions and {units} units"
        raise unsupported(what, must, f"{shape[0]} and {shape[2]}" if len(shape) == 3 else f"{len(shape)} axes", do)


def start_of(
    what: str, value: Value, sizes: tuple[int, int], opens: Mapping[str, Array]
) -> InputBlock | Objection | None:
    """Return the origin of the state `value`, called `what`; None if zero. `sizes` are its directions and units."""
    if value.zero:
        return None
    fits = value.origin is Origin.LABELS and value.array.ndim == 3 and value.array.shape[::2] == sizes
    block = block_of(value.array, opens, repeats=(1,)) if fits else None
    if block is not None:
        return block
    got = value.why or ("another arrangement of it" if value.origin is Origin.LABELS else value.origin.value)
    return Objection(what, "be zero, or an input of the graph in the order of the layers", got)


def are_whole(array: Array, states: Sequence[Array]) -> bool:
    """Return whether `array` is one of the `states` (batch, units), or several stacked on the first or second axis.

    An axis of one may be missing.
    """
    whole = array if array.ndim > 2 else array[None, None] if array.ndim == 1 else array[None]
    ways = [whole, whole.swapaxes(0, 1)] if whole.ndim == 3 else []
    return any(
        len(way) <= len(states) and all(any(np.array_equal(one, state) for state in states) for one in way)
        for way in ways
    )


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
