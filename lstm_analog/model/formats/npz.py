"""Read npz, a zip of arrays in numpy's format, without pickles and without trusting a declared size."""

import numpy as np

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.model.formats.tensor import DTYPES, Tensor, TensorMap, from_bytes
from lstm_analog.npy import read_header
from lstm_analog.zips import open_archive


def read_npz(content: bytes) -> TensorMap:
    """Return the arrays of the npz file `content` by name, or raise `FileFormatError`."""
    archive = open_archive(content)
    names = {name.removesuffix(".npy"): name for name in archive.members}
    return {name: _array(name, archive.read(member)) for name, member in names.items()}


def _array(name: str, data: bytes) -> Tensor:
    shape, by_column, dtype, start = read_header(data, f"array {name[:80]!a}")
    if dtype.name not in DTYPES or dtype.newbyteorder("=") != np.dtype(dtype.name) or dtype.byteorder == ">":
        must, got = "hold little-endian numbers", ascii(str(dtype))[:80]
        raise FileFormatError(explain(f"array {name[:80]!a}", must=must, got=got, do="convert it before saving"))
    tensor = from_bytes(name, dtype.name, shape, memoryview(data)[start:])
    if not by_column:
        return tensor
    return Tensor(name=name, kind=tensor.kind, stored=tensor.stored.reshape(shape[::-1]).T)
