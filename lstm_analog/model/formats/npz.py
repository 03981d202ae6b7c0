"""npz: a zip of arrays in numpy's format, read without pickles and without trusting a declared size."""

from collections.abc import Callable
from io import BytesIO
from tokenize import TokenError

import numpy as np
from numpy.lib import format as npy

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.model.formats.tensor import DTYPES, Tensor, Tensors, from_bytes
from lstm_analog.model.formats.zips import open_archive

LONGEST_HEADER = 4096
"""Characters of an array's header, which is a Python literal; it is parsed, not run."""

_VERSIONS: dict[tuple[int, int], Callable[..., tuple[tuple[int, ...], bool, np.dtype]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
_DAMAGE = (ValueError, TypeError, LookupError, SyntaxError, TokenError, EOFError, RecursionError, MemoryError)
"""What numpy's parser raises; MemoryError is its word for brackets too deep."""


def read_npz(content: bytes) -> Tensors:
    """Return the arrays of the npz file `content` by name, or raise `FileFormatError`."""
    archive = open_archive(content)
    names = {name.removesuffix(".npy"): name for name in archive.members}
    return {name: _array(name, archive.read(member)) for name, member in names.items()}


def _array(name: str, data: bytes) -> Tensor:
    stream = BytesIO(data)
    try:
        shape, by_column, dtype = _VERSIONS[npy.read_magic(stream)](stream, max_header_size=LONGEST_HEADER)
    except _DAMAGE as error:
        got, do = ascii(str(error))[:120], "save it with numpy.savez"
        raise FileFormatError(explain(f"array {name[:80]!a}", must="be in npy format", got=got, do=do)) from error
    if dtype.name not in DTYPES or dtype.newbyteorder("=") != np.dtype(dtype.name) or dtype.byteorder == ">":
        must, got = "hold little-endian numbers", ascii(str(dtype))[:80]
        raise FileFormatError(explain(f"array {name[:80]!a}", must=must, got=got, do="convert it before saving"))
    tensor = from_bytes(name, dtype.name, shape, memoryview(data)[stream.tell() :])
    if not by_column:
        return tensor
    return Tensor(name=name, kind=tensor.kind, stored=tensor.stored.reshape(shape[::-1]).T)
