"""A safetensors file as named arrays, or a named refusal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as serialize

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, explain
from lstm_analog.files import read_bytes, whole_file

DTYPES = {"F32": "<f4", "F64": "<f8"}
"""Formats taken. float16 and bfloat16 are refused: their rounding would pass for an error of the circuit."""

LENGTH = 8
"""Bytes of the header's length, at the start of a file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Archive:
    """What a file holds: finite float32 or float64 arrays of one or two axes, and words about them."""

    arrays: Mapping[str, Array]
    metadata: Mapping[str, str]


def read_archive(path: str | Path) -> Archive:
    """Return the content of the safetensors file at `path`.

    Raises
    ------
    FileFormatError
        If it is damaged, or a tensor is empty, not finite, or of another format than float32 and float64.
    """
    data = read_bytes(path)
    try:
        tensors: list[tuple[str, dict[str, Any]]] = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        _refuse_pickles(path, data)
        what, do = f"file {str(path)!r}", "check that it is complete and of that format"
        raise FileFormatError(explain(what, must="be in safetensors format", got=error, do=do)) from error
    return Archive(arrays={name: _array(name, tensor) for name, tensor in tensors}, metadata=_metadata(data))


def _refuse_pickles(path: str | Path, data: bytes) -> None:
    """Refuse what `torch.save` wrote, by name; only for what is no safetensors file, whose length may begin alike."""
    if data.startswith((b"PK\x03\x04", b"\x80\x02")):
        got = "what looks like a PyTorch file, a zip or a pickle"
        do = "convert it: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        raise FileFormatError(explain(f"file {str(path)!r}", must="be in safetensors format", got=got, do=do))


def write_archive(path: str | Path, archive: Archive) -> None:
    """Write `archive` to a safetensors file at `path`, whole or not at all."""
    content = serialize(dict(archive.arrays), metadata=dict(archive.metadata))
    with whole_file(path) as stream:
        stream.write(content)


def _array(name: str, tensor: Mapping[str, Any]) -> Array:
    """Return a view of the tensor's own bytes."""
    what, dtype, shape = f"tensor {name[:80]!a}", tensor["dtype"], tuple(tensor["shape"])
    if dtype not in DTYPES:
        raise FileFormatError(explain(what, must="be float32 or float64", got=dtype, do="convert it before saving"))
    if len(shape) not in (1, 2) or not prod(shape):
        must, do = "have one or two axes and no empty one", "save the weights of an LSTM only"
        raise FileFormatError(explain(what, must=must, got=f"shape {shape}", do=do))
    array: Array = np.ndarray(shape, DTYPES[dtype], tensor["data"])
    if not np.isfinite(array).all():
        raise FileFormatError(explain(what, must="be finite", got="NaN or infinity", do="train or save it again"))
    return array


def _metadata(data: bytes) -> dict[str, str]:
    """Return the words in the header, which `deserialize` has checked but does not hand out."""
    length = int.from_bytes(data[:LENGTH], "little")
    words: dict[str, str] = json.loads(data[LENGTH : LENGTH + length]).get("__metadata__") or {}
    return words
