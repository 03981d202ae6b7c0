"""What the values around a recurrent ONNX node may be: lengths, initial states, biases, arrangements of a signal."""

from collections.abc import Sequence

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.formats.onnx_graph import Inputs, Node, Origin, Value


def ends_given(node: Node, inputs: Inputs, steps: int) -> bool:
    """Return whether lengths of sequences come with the `inputs` of `node`; refuse lengths that are not all `steps`."""
    value = inputs[4] if len(inputs) > 4 else None
    if value is None or (value.origin is Origin.NUMBERS and (value.array == steps).all()):
        return False
    if value.origin is Origin.LABELS:
        return True
    must, do = "be an input of the graph or as long as the sequences", "export it without; give lengths with the call"
    got = value.why or ascii(value.array.tolist())[:60]
    raise UnsupportedError(explain(f"sequence_lens of {node.label}", must=must, got=got, do=do))


def check_states(
    node: Node, inputs: Inputs, opens: dict[str, Array], shape: tuple[int, ...], index: int, batch_first: bool
) -> None:
    """Refuse initial states among the `inputs` of `node` that are neither zero nor inputs of the graph (`opens`).

    They have `shape` (directions, batch, units), but `batch_first`; of an input for all layers a node takes the share
    of its `index` in the chain.
    """
    for n, name in ((5, "initial_h"), (6, "initial_c"))[: 2 if node.operation == "LSTM" else 1]:
        value = inputs[n] if len(inputs) > n else None
        if value is None:
            continue
        what = f"{name} of {node.label}"
        array = value.array.transpose(1, 0, 2) if batch_first and value.array.ndim == 3 else value.array
        if value.origin is not Origin.UNKNOWN and (array.ndim != 3 or array.shape[::2] != shape[::2]):
            do = "save its state dict instead: PyTorch's exporters lose a projection, which ONNX does not have"
            raise UnsupportedError(explain(what, must=f"have shape {shape}", got=f"shape {array.shape}", do=do))
        zero = value.origin is Origin.NUMBERS and not array.any()
        own = value.origin is Origin.LABELS and any(_is_share(array, each, index) for each in opens.values())
        if not zero and not own:
            must = "be zero, or an input of the graph in the order of the layers"
            got = value.why or value.origin.value
            raise UnsupportedError(
                explain(what, must=must, got=got, do="export it without; give the state with the call")
            )


def _is_share(array: Array, whole: Array, index: int) -> bool:
    """Whether `array` is a state input, or the share of layer `index` of one."""
    start = index * array.shape[0]
    return np.array_equal(array, whole) or np.array_equal(array, whole[start : start + array.shape[0]])


def bias_of(value: Value | None, rows: int) -> Floats | None:
    """Return the constants of `value` as a bias of that many `rows`, None if they are none."""
    if value is None or value.origin is not Origin.NUMBERS or value.array.dtype != np.float64:
        return None
    if value.array.size not in (1, rows) or value.array.shape[-1:] not in ((), (1,), (rows,)):
        return None
    return np.broadcast_to(value.array.reshape(-1), (rows,))


def arranged(array: Array, signal: Array) -> bool:
    """Whether `array` is the `signal`, (time, batch, features) or less, with its axes in either order or dropped."""
    flat = array[:, 0] if array.ndim == 4 and array.shape[1] == 1 else array
    ways = [signal, signal.transpose(1, 0, 2)] if signal.ndim == 3 else [signal]
    if flat.ndim == 4:  # (time, directions, batch, units)
        flat = flat.transpose(0, 2, 1, 3).reshape(flat.shape[0], flat.shape[2], -1)
    return any(
        np.array_equal(flat, way) or np.array_equal(flat, way.squeeze(axis)) for way in ways for axis in _ones(way)
    )


def are_whole(array: Array, states: Sequence[Array]) -> bool:
    """Whether `array` is one of the `states` (batch, units), or several of them, stacked as first or second axis.

    An axis of one may be missing.
    """
    whole = array if array.ndim > 2 else array[None, None] if array.ndim == 1 else array[None]
    ways = [whole, whole.swapaxes(0, 1)] if whole.ndim == 3 else []
    return any(
        len(way) <= len(states) and all(any(np.array_equal(one, state) for state in states) for one in way)
        for way in ways
    )


def _ones(array: Array) -> list[tuple[int, ...]]:
    """Return the sets of axes of size 1 that may have been dropped: none, or one."""
    return [(), *((axis,) for axis, size in enumerate(array.shape[:-1]) if size == 1)]
