"""LSTM <-> safetensors file with PyTorch's names: `weight_ih_l0 (4H, D)`, `weight_hh_l0 (4H, H)`, `bias_ih_l0 (4H,)`.

The rows are the gates i, f, g, o, H of each. Names may share one prefix (`lstm.weight_ih_l0`).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.archive import Archive, read_archive, write_archive
from lstm_analog.model.gates import Gate
from lstm_analog.model.layers import Layer
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.weights import Cell

RECURRENT = re.compile(r"(?P<prefix>(?:.*\.)?)(?P<part>(?:weight|bias)_(?:ih|hh))_l(?P<layer>0|[1-9][0-9]{0,5})")
UNSUPPORTED = re.compile(r".*(weight_hr_l[0-9]+|_reverse)", re.DOTALL)
SHOWN = 8
"""Names listed in a message before it says how many more."""

Parts = Mapping[str, Array]
"""The tensors of one layer, by PyTorch's name without prefix and layer."""


def load(path: str | Path) -> LSTM:
    """Return the LSTM in the safetensors file at `path` that has PyTorch's names; float32 or float64.

    It is named after the file's metadata `name`, else after the file. PyTorch's two biases are added.

    Raises
    ------
    FileAccessError, FileFormatError
        If the file cannot be read, is damaged, or holds anything but an LSTM; the message names the tensors.
    UnsupportedError
        If it has projections (`weight_hr`) or a reverse direction.
    """
    archive = read_archive(path)
    return lstm_of(archive.arrays, archive.metadata.get("name", name_after(path)))


def save(lstm: LSTM, path: str | Path) -> None:
    """Write `lstm` to `path` as `load` reads it: float64, the bias in `bias_ih` and zeros in `bias_hh`."""
    write_archive(path, Archive(arrays=arrays_of(lstm), metadata={"name": lstm.name}))


def name_after(path: str | Path) -> str:
    """Return a name for an LSTM made of that of the file at `path`.

    >>> name_after("models/my model.safetensors")
    'my_model'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", Path(path).stem)[:64]


def arrays_of(lstm: LSTM, prefix: str = "") -> dict[str, Floats]:
    """Return the arrays of an LSTM by PyTorch's names, each after `prefix`."""
    arrays: dict[str, Floats] = {}
    for n, cell in enumerate(_plain(lstm)):
        arrays[f"{prefix}weight_ih_l{n}"] = cell.input.reshape(-1, cell.input_size)
        arrays[f"{prefix}weight_hh_l{n}"] = cell.recurrent.reshape(-1, cell.hidden_size)
        if cell.bias is not None:
            arrays[f"{prefix}bias_ih_l{n}"] = cell.bias.reshape(-1)
            arrays[f"{prefix}bias_hh_l{n}"] = np.zeros(cell.bias.size)
    return arrays


def _plain(lstm: LSTM) -> list[Cell]:
    """Return the cells of a stack of plain forward LSTM layers, or refuse it."""
    cells = [chain.cell for chain in lstm.chains if isinstance(chain.cell, Cell) and not chain.backward]
    special = [cell for cell in cells if cell.peephole is not None or cell.projection is not None or cell.coupled]
    if special or len(cells) < len(lstm.chains) or lstm.head is not None:
        do = "keep the file it came from"
        raise UnsupportedError(explain("LSTM to save", must="be a stack of plain forward layers", got=lstm, do=do))
    return cells


def lstm_of(arrays: Mapping[str, Array], name: str) -> LSTM:
    """Return the LSTM called `name` that all of `arrays` make, by PyTorch's names, or refuse them by name."""
    layers: dict[int, dict[str, Array]] = {}
    for part, layer, array in _recognised(arrays):
        layers.setdefault(layer, {})[part] = array
    if sorted(layers) != list(range(len(layers))):
        do = "save every layer of the LSTM"
        raise FileFormatError(explain("layers", must="be numbered from 0 without gaps", got=sorted(layers), do=do))
    cells = (_cell(f"layer {n}", layers[n]) for n in range(len(layers)))
    return LSTM(layers=tuple(Layer(forward=cell) for cell in cells), name=name)


def _recognised(arrays: Mapping[str, Array]) -> list[tuple[str, int, Array]]:
    """Return `(part, layer, array)` for each tensor; refuse a name that is not an LSTM's."""
    _refuse_unsupported(arrays)
    matches = {name: RECURRENT.fullmatch(name) for name in arrays}
    strangers = [name for name, match in matches.items() if match is None]
    if strangers or not arrays:
        must, do = "all belong to one LSTM", "save only weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..."
        raise FileFormatError(explain("tensors", must=must, got=_listed(strangers), do=do))
    found = {name: match for name, match in matches.items() if match is not None}
    prefixes = {match["prefix"] for match in found.values()}
    if len(prefixes) > 1:
        do = "save one LSTM a file"
        raise FileFormatError(explain("tensors", must="share one prefix", got=_listed(prefixes), do=do))
    return [(match["part"], int(match["layer"]), arrays[name]) for name, match in found.items()]


def _refuse_unsupported(names: Mapping[str, Array]) -> None:
    unsupported = [name for name in names if UNSUPPORTED.fullmatch(name)]
    if unsupported:
        must = "be those of plain forward layers"
        do = "projections and reverse directions are not supported yet, train without proj_size and bidirectional"
        raise UnsupportedError(explain("tensors", must=must, got=_listed(unsupported), do=do))


def _cell(what: str, parts: Parts) -> Cell:
    _check_complete(what, parts)
    _check_shapes(what, parts)
    hidden, inputs = parts["weight_hh"].shape[-1], parts["weight_ih"].shape[-1]
    return Cell(
        input=parts["weight_ih"].reshape(len(Gate), hidden, inputs),
        recurrent=parts["weight_hh"].reshape(len(Gate), hidden, hidden),
        bias=_bias(parts).reshape(len(Gate), hidden) if "bias_ih" in parts else None,
    )


def _check_complete(what: str, parts: Parts) -> None:
    for group in (("weight_ih", "weight_hh"), ("bias_ih", "bias_hh")):
        missing = [part for part in group if part not in parts]
        if missing and (len(missing) == 1 or group[0] == "weight_ih"):
            must, got = f"have both {group[0]} and {group[1]}", f"no {' and no '.join(missing)}"
            raise FileFormatError(explain(what, must=must, got=got, do="save the whole state_dict"))


def _check_shapes(what: str, parts: Parts) -> None:
    hidden, inputs = parts["weight_hh"].shape[-1], parts["weight_ih"].shape[-1]
    rows = len(Gate) * hidden
    shapes = {"weight_hh": (rows, hidden), "weight_ih": (rows, inputs), "bias_ih": (rows,), "bias_hh": (rows,)}
    for part, shape in shapes.items():
        if part in parts and parts[part].shape != shape:
            got, do = f"shape {parts[part].shape}", f"weight_hh says {hidden} units; check which LSTM it belongs to"
            raise FileFormatError(explain(f"{part} of {what}", must=f"have shape {shape}", got=got, do=do))


def _bias(parts: Parts) -> Floats:
    """Return the one bias a row that PyTorch's two amount to."""
    with np.errstate(over="ignore"):
        return parts["bias_ih"].astype(np.float64) + parts["bias_hh"]


def _listed(names: Iterable[str]) -> str:
    shown = [ascii(name[:80]) for name in sorted(names)]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "") or "none"
