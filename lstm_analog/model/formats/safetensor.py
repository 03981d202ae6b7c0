"""Read and write safetensors by the library of that name, which checks the header, the offsets and the sizes."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from safetensors import SafetensorError, deserialize
from safetensors.numpy import save as serialize

from lstm_analog.arrays import Floats
from lstm_analog.files import whole_file
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.tensor import BFLOAT16, Tensor, TensorMap, from_bytes

KINDS = MappingProxyType(
    {"F16": "float16", "BF16": BFLOAT16, "F32": "float32", "F64": "float64", "BOOL": "bool"}
    | {f"{letter}{bits}": f"{kind}{bits}" for letter, kind in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)}
)
"""The accepted dtypes by safetensors' names; only floats may be weights."""

_LENGTH = 8


def read_safetensors(content: bytes) -> tuple[TensorMap, dict[str, str]]:
    """Return the tensors of the safetensors file `content` and its metadata, or raise `FileFormatError`."""
    try:
        described: list[tuple[str, dict[str, Any]]] = deserialize(content)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        got, do = ascii(str(error))[:160], "check that it is complete and of that format"
        raise format_error("content", "be in safetensors format", got, do) from error
    return {name: _tensor(name, tensor) for name, tensor in described}, _words(content)


def write_safetensors(path: str | Path, arrays: Mapping[str, Floats], words: Mapping[str, str]) -> None:
    """Write `arrays` by name, with the metadata `words`, to a file at `path`, whole or not at all."""
    content = serialize(dict(arrays), metadata=dict(words))
    with whole_file(path) as stream:
        stream.write(content)


def _tensor(name: str, tensor: Mapping[str, Any]) -> Tensor:
    if tensor["dtype"] not in KINDS:
        must, do = f"be one of {', '.join(KINDS)}", "convert it before saving"
        raise format_error(f"tensor {name[:80]!a}", must, tensor["dtype"], do)
    return from_bytes(name, KINDS[tensor["dtype"]], tuple(tensor["shape"]), tensor["data"])


def _words(content: bytes) -> dict[str, str]:
    """Return the metadata in the header, which `deserialize` has checked but does not return."""
    length = int.from_bytes(content[:_LENGTH], "little")
    words: dict[str, str] = json.loads(content[_LENGTH : _LENGTH + length]).get("__metadata__") or {}
    return words
