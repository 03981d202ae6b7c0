"""Write and read LSTMs in files of this package: safetensors with PyTorch's names, or with names of the records.

The latter are for forms that PyTorch does not have. The metadata `lstm_analog` in the header is then a list of layers,
with the kind of cell and options of each direction. The arrays are called `l0.input`, `l0r.recurrent`, `head.weights`,
after the fields of the records.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import LstmAnalogError
from lstm_analog.model.activations import Activation, Curve
from lstm_analog.model.formats.refusals import format_error, listed
from lstm_analog.model.formats.safetensor import write_safetensors
from lstm_analog.model.formats.stacks import Stack
from lstm_analog.model.formats.tensor import TensorMap
from lstm_analog.model.gates import GRUGate
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.steps import ModelStep, Pool
from lstm_analog.model.weights import Cell, GRUCell, MGUCell, RecurrentCell, RNNCell

WORD = "lstm_analog"
"""The key of that metadata."""

VERSION = 1
CELLS: Mapping[str, type[RecurrentCell]] = MappingProxyType(
    {"LSTM": Cell, "GRU": GRUCell, "MGU": MGUCell, "RNN": RNNCell}
)
_ENUMS: Mapping[str, Callable[[Any], Enum]] = MappingProxyType({"pool": Pool, "curve": Curve})
"""The options of which the value of an enumeration is written, by name."""


@checked
def save(lstm: LSTM, path: str | Path) -> None:
    """Write `lstm` to `path` as `load` reads it: a safetensors file, in float64, whole or not at all.

    A form that PyTorch has is written with PyTorch's names, the bias in `bias_ih`.
    """
    write_safetensors(path, *stored(lstm, ""))


def stored(lstm: LSTM, prefix: str) -> tuple[dict[str, Floats], dict[str, str]]:
    """Return the arrays and the metadata of a file of `lstm`, with `prefix` before PyTorch's names of its layers."""
    words = {"name": lstm.name}
    if _torch_has(lstm):
        return _torch_arrays(lstm, prefix), words
    arrays: dict[str, Floats] = {}
    word = described(lstm, arrays)
    return arrays, words | {WORD: word}


def described(lstm: LSTM, arrays: dict[str, Floats]) -> str:
    """Return the metadata of `lstm` for the header, and add its arrays to `arrays` by the records' own names."""
    layers = []
    for number, layer in enumerate(lstm.layers):
        ways = ((f"l{number}", layer.forward), (f"l{number}r", layer.backward))
        layers.append([cell and {"kind": _kind(cell), **noted(cell, place, arrays)} for place, cell in ways])
    head = lstm.head and noted(lstm.head, "head", arrays)
    return json.dumps({"version": VERSION, "layers": layers, "head": head})


def own_stack(tensors: TensorMap, word: str) -> Stack:
    """Return the layers and head in `tensors` by the metadata `word` in the header, or raise `FileFormatError`."""
    arrays = {name: tensor.numbers() for name, tensor in tensors.items()}
    with errors_of_metadata(WORD, "say what the arrays make", "save it again with this package", arrays):
        said = json.loads(word)
        if said["version"] != VERSION:
            do = "read it with the release that wrote it"
            raise format_error("version", f"be {VERSION}", ascii(said["version"])[:40], do)
        layers = tuple(_layer(number, ways, arrays) for number, ways in enumerate(said["layers"]))
        head = None if said["head"] is None else record_of(Head, "head", said["head"], arrays)
    return Stack(layers=layers, head=head)


@contextmanager
def errors_of_metadata(word: str, must: str, do: str, arrays: Mapping[str, Floats]) -> Iterator[None]:
    """Raise `FileFormatError` for what goes wrong inside, where the header's `word` does not do what it `must`.

    So it does at the end, if `arrays` are left. `do` is the advice.
    """
    try:
        yield
    except LstmAnalogError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        got = f"{type(error).__name__}: {ascii(str(error))[:80]}"
        raise format_error(f"header's {word!r}", must, got, do) from error
    if arrays:
        raise format_error("tensors", "all be named in the header", listed(arrays), do)


def _torch_arrays(lstm: LSTM, prefix: str) -> dict[str, Floats]:
    """Return the arrays of an `lstm` of a form that PyTorch has, by PyTorch's names, those of layers after `prefix`."""
    arrays: dict[str, Floats] = {}
    for chain in lstm.chains:
        place = f"_l{chain.layer}{'_reverse' if chain.backward else ''}"
        for part, array in _torch_parts(chain.cell).items():
            arrays[f"{prefix}{part}{place}"] = array
    if lstm.head is not None:
        arrays["head.weight"] = lstm.head.weights
        if lstm.head.bias is not None:
            arrays["head.bias"] = lstm.head.bias
    return arrays


def _torch_parts(cell: RecurrentCell) -> dict[str, Floats]:
    parts = {"weight_ih": _rows(cell.input), "weight_hh": _rows(cell.recurrent)}
    if cell.bias is not None:
        inner = np.zeros(cell.bias.shape)
        if isinstance(cell, GRUCell) and cell.recurrent_bias is not None:
            inner[GRUGate.NEW] = cell.recurrent_bias
        parts |= {"bias_ih": cell.bias.reshape(-1), "bias_hh": inner.reshape(-1)}
    if isinstance(cell, Cell) and cell.projection is not None:
        parts["weight_hr"] = cell.projection
    return parts


def _rows(weights: Floats) -> Floats:
    return weights.reshape(-1, weights.shape[-1])


def _torch_has(lstm: LSTM) -> bool:
    """Return whether PyTorch has this form, so that reading it by PyTorch's names returns it to the last bit."""
    plain = len({_kind(chain.cell) for chain in lstm.chains}) == 1 and all(
        map(_is_plain, (c.cell for c in lstm.chains))
    )
    return plain and all(layer.forward for layer in lstm.layers) and not (lstm.head and lstm.head.final)


def _is_plain(cell: RecurrentCell) -> bool:
    """Return whether all options of `cell` are defaults, and it has the biases of PyTorch."""
    preset = all(
        getattr(cell, entry.name) == entry.default
        for entry in fields(cell)
        if entry.name not in ("input", "recurrent", "bias", "recurrent_bias", "projection")
        and not isinstance(getattr(cell, entry.name), np.ndarray)
    )
    if isinstance(cell, GRUCell):
        return preset and (cell.bias is None) == (cell.recurrent_bias is None)
    return preset and isinstance(cell, Cell) and cell.peephole is None


def _kind(cell: RecurrentCell) -> str:
    (kind,) = (name for name, made in CELLS.items() if isinstance(cell, made))
    return kind


def noted(record: RecurrentCell | Head | ModelStep, place: str, arrays: dict[str, Floats]) -> dict[str, Any]:
    """Return the options of `record` that are set, and add its arrays to `arrays` by `place` and field."""
    found: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray):
            arrays[f"{place}.{entry.name}"] = value
        elif isinstance(value, Activation):
            found[entry.name] = [value.curve.value, value.slope, value.offset]
        elif value is not None:
            found[entry.name] = value.value if isinstance(value, Enum) else value
    return found


def record_of(kind: type, place: str, said: Mapping[str, Any], arrays: dict[str, Floats]) -> Any:
    """Return the record of this `kind` with the options `said` and its arrays, which are removed from `arrays`.

    These are called by `place` and field, as `noted` does.
    """
    places = {entry.name: f"{place}.{entry.name}" for entry in fields(kind)}
    own = {name: arrays.pop(label) for name, label in places.items() if label in arrays}
    return kind(**{name: _option(name, value) for name, value in said.items()}, **own)


def _layer(number: int, ways: list[dict[str, Any] | None], arrays: dict[str, Floats]) -> Layer:
    forward, backward = ways
    places = ((f"l{number}", forward), (f"l{number}r", backward))
    cells = [None if said is None else _cell(place, dict(said), arrays) for place, said in places]
    return Layer(forward=cells[0], backward=cells[1])


def _cell(place: str, said: dict[str, Any], arrays: dict[str, Floats]) -> RecurrentCell:
    cell: RecurrentCell = record_of(CELLS[said.pop("kind")], place, said, arrays)
    return cell


def _option(name: str, said: Any) -> object:
    """Return the value of an option called `name`, as `noted` wrote it."""
    match said:
        case [str(curve), slope, offset]:
            return Activation(curve=Curve(curve), slope=slope, offset=offset)
    return _ENUMS[name](said) if name in _ENUMS else said
