"""Read flax msgpack (`flax.serialization.to_bytes`): a tree of dictionaries with arrays at its leaves.

Cells get PyTorch's names: kernels `(D, H)`, one for each gate, become rows of one matrix. `OptimizedLSTMCell` and
`LSTMCell` have `ii, if, ig, io` from the inputs and `hi, hf, hg, ho` from h, `GRUCell` has `ir, iz, in` and
`hr, hz, hn`. `MGUCell`, with `if, in` and `hf, hn`, is a GRU whose r and z are one gate, and is read as that.
`SimpleCell`, a plain RNN, has one matrix each, `i` and `h`. Of flax' newer interface, nnx, `LSTMCell` has the gates
with `if_` for `if`; its other cells have all gates side by side in `dense_i` and `dense_h`, in PyTorch's order
(flax/nnx/nn/recurrent.py). The cells of an `nnx.Bidirectional` stand below `forward_rnn` and `backward_rnn`. A flax
file has no information on directions, activations and residual connections; flax's defaults are assumed: forward in
time, sigmoid and tanh, none.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import LibraryMissingError, explain
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.stacks import Only, Stack
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.formats.tensor import DTYPES, LONGEST_NAME, Tensor, TensorMap, from_bytes

DEEPEST = 16
"""Largest depth of nested dictionaries."""

MOST_TENSORS = 20_000
"""Largest number of arrays in a tree."""

_ALONE = "save the parameters of the recurrent module alone"
_ARRAY = 1
"""flax's extension type of an array: shape, name of the numbers, bytes."""


def read_flax(content: bytes) -> TensorMap:
    """Return the arrays of the flax file `content` by their path in the tree, joined by dots.

    Raises `FileFormatError` if it is damaged or holds anything other than arrays, `LibraryMissingError` if the
    `msgpack` package is missing.
    """
    tree = _unpacked("content", content)
    tensors = {}
    for name, leaf in _leaves(tree, "", DEEPEST):
        if name in tensors:
            raise format_error(f"entry {name[:80]!a}", "be there once", "two", _ALONE)
        tensors[name] = _tensor(name, leaf)
        if len(tensors) > MOST_TENSORS:
            raise format_error("tree", f"have at most {MOST_TENSORS} arrays", "more", _ALONE)
    return tensors


def _leaves(tree: Any, path: str, deepest: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(tree, dict):
        yield path, tree
    elif not deepest:
        raise format_error("tree", f"be at most {DEEPEST} deep", "more", _ALONE)
    else:
        for key, inner in tree.items():
            if not isinstance(key, str | int):  # the numbers are those of modules in a list
                raise format_error("tree", "have names or numbers as keys", type(key).__name__, _ALONE)
            name = f"{path}.{key}" if path else str(key)
            if len(name) > LONGEST_NAME:
                raise format_error("tree", f"have names of at most {LONGEST_NAME} letters", "longer ones", _ALONE)
            yield from _leaves(inner, name, deepest - 1)


def _tensor(name: str, leaf: Any) -> Tensor:
    from msgpack import ExtType

    what, do = f"entry {name[:80]!a}", _ALONE
    if not isinstance(leaf, ExtType) or leaf.code != _ARRAY:
        raise format_error(what, "be an array", type(leaf).__name__, do)
    match _unpacked(what, leaf.data):
        case [list(shape), str(kind), bytes(data)] if kind in DTYPES:
            return from_bytes(name, kind, tuple(shape), data)
        case [list(), str(kind), bytes()]:
            raise format_error(what, "be an array of numbers", ascii(kind)[:60], "convert it")
        case _:
            raise format_error(what, "be an array of numbers", "another", do)


def _unpacked(what: str, content: bytes) -> Any:
    try:
        from msgpack import exceptions, unpackb
    except ImportError:
        do = "pip install 'lstm_analog[flax]'"
        raise LibraryMissingError(explain("flax file", must="be read by msgpack", got="no msgpack", do=do)) from None
    try:
        return unpackb(content, raw=False, strict_map_key=False)
    except (ValueError, TypeError, LookupError, exceptions.UnpackException) as error:
        got, do = ascii(str(error))[:120] or type(error).__name__, "save it with flax.serialization.to_bytes"
        raise format_error(what, "be msgpack", got, do) from error


MINIMAL = ("f", "f", "n")
"""Letters of the gates of a minimal gated unit in the order of a GRU's r, z, n."""

GATES = (("i", "f", "g", "o"), ("r", "z", "n"), MINIMAL, ("",))
"""Letters of the gates in PyTorch's order: of an LSTM, of a GRU, of an MGU, of a plain RNN, which has none."""

_MATRIX = re.compile(r"[ih](?:[ifgorzn]|f_)?|dense_[ih]")
"""Names of matrices of a cell: `i` from inputs or `h` from h, then the gate; `dense_` is that of all gates."""

_PACKED = MappingProxyType(
    {"dense_i.kernel": "weight_ih", "dense_h.kernel": "weight_hh", "dense_i.bias": "bias_ih", "dense_h.bias": "bias_hh"}
)
"""Arrays with all gates side by side, and PyTorch's names for them, whose matrices are transposed."""

_WAYS = MappingProxyType({"forward_rnn.cell": "_l0", "backward_rnn.cell": "_l0_reverse"})
"""Paths of the cells in an `nnx.Bidirectional`, and the suffix of PyTorch's names of each."""


def stack_of_arrays(tensors: TensorMap, only: Only) -> Stack:
    """Return the layers and head in `tensors`, by flax's paths or PyTorch's names; `only` is as in `load`.

    Raises as `flax_stack` and `stack_of` do. Paths are joined by dots or, as by
    `flax.traverse_util.flatten_dict(sep="/")`, by slashes.
    """
    dotted = {name.replace("/", "."): tensor for name, tensor in tensors.items()}
    cells, _ = _cells(dotted) if len(dotted) == len(tensors) else ({}, {})
    return flax_stack(dotted, only) if cells else stack_of(tensors, only)


def flax_stack(tensors: TensorMap, only: Only) -> Stack:
    """Return the layers and head in the `tensors` of a flax tree; `only` is as in `load`.

    Raises `FileFormatError` or `UnsupportedError` for missing, extra or unsupported arrays, with their names.
    """
    cells, rest = _cells(tensors)
    made = dict(_linears(rest))
    for cell, parts in cells.items():
        way = next((way for way in _WAYS if cell == way or cell.endswith(f".{way}")), "")
        module = cell.removesuffix(way).rstrip(".") if way else cell
        for name, array in _torch_parts(cell, parts).items():
            label = f"{module}.{name}{_WAYS.get(way, '')}".removeprefix(".")
            made[label] = Tensor(name=label, kind="float64", stored=array)
    return stack_of(made, only)


def _cells(tensors: TensorMap) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Return the matrices and biases of each cell by its path, and all other `tensors`."""
    cells: dict[str, dict[str, Tensor]] = {}
    rest: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        bare = name.removeprefix("params.").removesuffix(".value")  # orbax has a variable of nnx as a tree of its value
        path, _, part = bare.rpartition(".")
        cell, _, gate = path.rpartition(".")
        if _MATRIX.fullmatch(gate) and part in ("kernel", "bias"):
            parts = cells.setdefault(cell or "cell", {})
            if (label := f"{gate.removesuffix('_')}.{part}") in parts:
                raise format_error(tensor.label, "be there once", f"{label!r} and {name[:80]!a}", "save one tree")
            parts[label] = tensor
        else:
            rest[bare] = tensor
    return cells, rest


def _linears(tensors: TensorMap) -> TensorMap:
    """Return the kernels of Dense layers as PyTorch's weights; other tensors keep their names."""
    made = {}
    for name, tensor in tensors.items():
        if name.endswith(".kernel") and len(tensor.shape) == 2:
            torch_name = f"{name.removesuffix('kernel')}weight"
            made[torch_name] = Tensor(name=torch_name, kind=tensor.kind, stored=tensor.stored.T)
        else:
            made[name] = tensor
    return made


def _torch_parts(cell: str, parts: Mapping[str, Tensor]) -> dict[str, Floats]:
    if parts.keys() <= _PACKED.keys():
        return _packed(cell, parts)
    letters = next((each for each in GATES if all(f"i{gate}.kernel" in parts for gate in each)), None)
    if letters is None:
        must, do = "have the gates of an LSTMCell, GRUCell, MGUCell or SimpleCell", "train one of these"
        raise unsupported(f"cell {cell[:80]!a}", must, listed(parts), do)
    known = {f"{way}{gate}.{part}" for way in "ih" for gate in letters for part in ("kernel", "bias")}
    if set(parts) - known or any(f"h{gate}.kernel" not in parts for gate in letters):
        must, got = "have one kernel a gate from inputs and from h", listed(parts)
        raise format_error(f"cell {cell[:80]!a}", must, got, "save the whole tree")
    if letters == MINIMAL and "hn.bias" not in parts:
        must, got = "have a reset gate, and so hn.bias", listed(parts)
        raise unsupported(f"cell {cell[:80]!a}", must, got, "train it with reset_gate=True")
    kernels = {way: [parts[f"{way}{gate}.kernel"].numbers() for gate in letters] for way in "ih"}
    units = kernels["h"][0].shape[-1]
    shapes = {way: {kernel.shape for kernel in kernels[way]} for way in "ih"}
    if shapes["h"] != {(units, units)} or len(shapes["i"]) != 1 or min(shapes["i"])[1:] != (units,):
        must, got = "have kernels of one shape", f"{sorted(shapes['i'])} and {sorted(shapes['h'])}"
        raise format_error(f"cell {cell[:80]!a}", must, got, "save the whole tree")
    made = {f"weight_{way}h": np.concatenate(kernels[way], axis=1).T for way in "ih"}
    if any(name.endswith("bias") for name in parts):
        for way in "ih":
            rows = [_row(parts, f"{way}{gate}.bias", units) for gate in letters]
            made[f"bias_{way}h"] = np.concatenate(rows)
    return made


def _packed(cell: str, parts: Mapping[str, Tensor]) -> dict[str, Floats]:
    missing = {"dense_i.kernel", "dense_h.kernel"} - set(parts)
    if missing:
        must, got = "have one kernel from inputs and one from h", f"no {listed(missing)}"
        raise format_error(f"cell {cell[:80]!a}", must, got, "save the whole tree")
    made = {_PACKED[name]: tensor.numbers().T for name, tensor in parts.items()}
    if "bias_ih" in made or "bias_hh" in made:
        made = {name: np.zeros(len(made["weight_hh"])) for name in ("bias_ih", "bias_hh")} | made
    return made


def _row(parts: Mapping[str, Tensor], name: str, units: int) -> Floats:
    if name not in parts:
        return np.zeros(units)
    row = parts[name].numbers()
    if row.shape != (units,):
        raise format_error(parts[name].label, f"have shape ({units},)", row.shape, "save the whole tree")
    return row
