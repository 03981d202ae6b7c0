"""Find the origin of lengths and initial states of a recurrent ONNX node.

`opens` are the labels of each of the graph's inputs, by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.formats.chains import Objection
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Value
from lstm_analog.model.formats.onnx_nodes import Node


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
    must = "be an input of the graph or as long as the sequences"
    return Objection(what=f"sequence_lens of {node.label}", must=must, got=got)


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
        got = f"{shape[0]} and {shape[2]}" if len(shape) == 3 else f"{len(shape)} axes"
        raise UnsupportedError(explain(what, must=must, got=got, do=do))


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
    return Objection(what=what, must="be zero, or an input of the graph in the order of the layers", got=got)


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
