"""Read the tensors in an ONNX file, and in the side files in its folder."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.formats.content import read_model
from lstm_analog.model.formats.tensor import BFLOAT16, DTYPES, FLOATS, Tensor, count_of, from_bytes, label

_ADVICE = "export the model again"
_SIDE_FILE = re.compile(r"[^/\\:\x00]{1,200}")
_KINDS = {"FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": BFLOAT16, "BOOL": "bool"} | {
    f"{sign}INT{bits}": f"{sign}INT{bits}".lower() for sign in ("", "U") for bits in (8, 16, 32, 64)
}


class OnnxTensors:
    """Reads the tensors of a model whose side files are in `folder`, and counts the bytes read from these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.side_bytes = 0
        self._side_files: dict[str, bytes] = {}

    def array(self, entry: Any) -> Array:
        """Return the numbers of the TensorProto `entry`, floats as float64."""
        tensor = self.tensor(entry)
        return tensor.numbers() if tensor.kind in FLOATS and tensor.stored.size else tensor.stored

    def tensor(self, entry: Any) -> Tensor:
        """Return the TensorProto `entry` as a tensor, with its numbers as stored."""
        from onnx import TensorProto

        word = TensorProto.DataType.Name(entry.data_type) if entry.data_type in TensorProto.DataType.values() else ""
        name, shape = str(entry.name), tuple(entry.dims)
        if word not in _KINDS:
            must, got = f"be one of {', '.join(_KINDS)}", word or entry.data_type
            raise UnsupportedError(explain(label(name), must=must, got=got, do="convert it before exporting"))
        if entry.data_location == TensorProto.EXTERNAL:
            return from_bytes(name, _KINDS[word], shape, self._side_bytes(entry))
        if entry.HasField("raw_data"):
            return from_bytes(name, _KINDS[word], shape, entry.raw_data)
        listed = _listed(entry, word)
        if listed.size != count_of(name, shape):
            must, got = f"have {count_of(name, shape)} numbers for shape {shape}", listed.size
            raise FileFormatError(explain(label(name), must=must, got=got, do=_ADVICE))
        return Tensor(name=name, kind=_KINDS[word], stored=listed.reshape(shape))

    def _side_bytes(self, entry: Any) -> memoryview:
        said = {str(item.key): str(item.value) for item in entry.external_data}
        content = memoryview(self._side_file(said.get("location", "")))
        try:
            start = int(said.get("offset", "0")[:20])
            length = int(said["length"][:20]) if "length" in said else len(content) - start
        except ValueError:
            start, length = -1, 0
        if not 0 <= start <= start + length <= len(content):
            must, got = f"lie in its side file of {len(content)} bytes", f"{start} + {length}"
            raise FileFormatError(explain(label(str(entry.name)), must=must, got=got, do=_ADVICE))
        return content[start : start + length]

    def _side_file(self, location: str) -> bytes:
        """Return the content of a side file, which must be a plain file in the folder of the model, not a link."""
        name = location.removeprefix("./")
        place = self.folder / name if _SIDE_FILE.fullmatch(name) and name not in (".", "..") else None
        if place is None or place.is_symlink():
            must, do = "be a file beside the model, not reached by a link", "put it there and export with its bare name"
            raise FileFormatError(explain("side file", must=must, got=ascii(location[:120]), do=do))
        if name not in self._side_files:
            self._side_files[name] = read_model(place)
            self.side_bytes += len(self._side_files[name])
        return self._side_files[name]


def _listed(entry: Any, word: str) -> Array:
    """Return numbers that are listed one by one; 16-bit floats are listed as integers with their bits."""
    lists = {"FLOAT": entry.float_data, "DOUBLE": entry.double_data, "INT64": entry.int64_data}
    lists |= dict.fromkeys(("UINT32", "UINT64"), entry.uint64_data)
    if word in ("FLOAT", "DOUBLE"):
        return np.array(lists[word], dtype=DTYPES[_KINDS[word]])
    listed = np.array(lists.get(word, entry.int32_data), dtype=np.uint64 if word in ("UINT32", "UINT64") else np.int64)
    result: Array = listed.astype(np.uint16 if word in ("FLOAT16", "BFLOAT16") else DTYPES[_KINDS[word]])
    if (result != listed).any():
        got = f"{listed[result != listed][0]} of {word}"
        raise FileFormatError(explain(label(str(entry.name)), must="fit its kind of number", got=got, do=_ADVICE))
    return result.view(np.float16) if word == "FLOAT16" else result
