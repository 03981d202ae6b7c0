"""Read the bytes of a model file, and find its format by the content, never by the ending of the name.

Nothing in a file can make this package run code, write, or open another file, except the side files of an ONNX model.
Memory is bounded: reading or refusing a file of n bytes takes at most `256 MiB + 64 n`, whatever the file claims.
"""

from enum import Enum
from pathlib import Path

from lstm_analog.errors import FileAccessError, FileFormatError, explain
from lstm_analog.files import is_there, read_file
from lstm_analog.model.formats.hdf5 import SIGNATURE
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.zips import member_names

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_LENGTH = 8


class Format(Enum):
    """Formats of model files; the value is the usual name."""

    SAFETENSORS = "safetensors"
    TORCH = "PyTorch (.pt, .pth)"
    TORCH_LEGACY = "PyTorch before 1.6 (.pt, .pth)"
    NPZ = "npz"
    KERAS = "Keras (.keras)"
    HDF5 = "HDF5 (.h5, .weights.h5)"
    ONNX = "ONNX"
    FLAX = "flax msgpack"


_ORBAX = "_CHECKPOINT_METADATA"
"""A file in each folder that orbax.checkpoint writes."""


def read_model(path: str | Path) -> bytes:
    """Return the content of the model file at `path`; raises `FileAccessError` as `files.read_file` does.

    A folder that orbax wrote is refused with its name.
    """
    if is_there(Path(path) / _ORBAX):
        got, do = "a folder of orbax", "restore it, and save its tree with flax.serialization.msgpack_serialize"
        raise FileAccessError(explain(f"file {str(path)!r}", must="be a file", got=got, do=do))
    return read_file(path)


def format_of(content: bytes) -> Format:
    """Return the format of the model file `content`, or raise `FileFormatError`."""
    if content.startswith(_ZIP):
        return _format_of_zip(content)
    if content.startswith(SIGNATURE):
        return Format.HDF5
    if content[_LENGTH : _LENGTH + 2] in (b'{"', b"{}", b"{ ", b"{\n"):  # the length before may be damaged
        return Format.SAFETENSORS
    if len(content) > 2 and content[0] == 0x80 and content[1] <= 5:
        return Format.TORCH_LEGACY
    if content.startswith((b"\x08", b"\x0a", b"\x12", b"\x3a", b"\x42")) and _is_protobuf(content):
        return Format.ONNX
    if content and (0x81 <= content[0] <= 0x8F or content[0] in (0xDE, 0xDF)):
        return Format.FLAX
    raise _unknown(_guess(content))


def _format_of_zip(content: bytes) -> Format:
    names = member_names(content)
    last = [name.rsplit("/", 1)[-1] for name in names]
    if "data.pkl" in last:
        return Format.TORCH
    if "config.json" in names and "model.weights.h5" in names:
        return Format.KERAS
    if "tree.npy" in names:
        do = "read it with load_machine(path)"
        raise format_error("file", "hold weights", "a Machine that this package saved", do)
    if names and all(name.endswith(".npy") for name in names):
        return Format.NPZ
    raise _unknown(f"a zip with {', '.join(ascii(name[:40]) for name in names[:4]) or 'nothing'}")


def _is_protobuf(content: bytes) -> bool:
    """Return whether the first field is one of ONNX's ModelProto with its wire type."""
    return content[0] != 0x08 or (len(content) > 1 and 0 < content[1] < 0x80)


def _guess(content: bytes) -> str:
    if not content:
        return "an empty file"
    if content[257:262] == b"ustar":
        return "a tar archive: PyTorch before 0.2"
    if content.startswith(b"\x93NUMPY"):
        return "one bare array (npy)"
    if content.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        return "a compressed file"
    return f"a file that begins with {content[:8]!r}"


def _unknown(got: str) -> FileFormatError:
    must = f"be {', '.join(kind.value for kind in Format)}"
    do = "save the weights with safetensors or torch.save(module.state_dict(), path)"
    return format_error("content", must, got, do)
