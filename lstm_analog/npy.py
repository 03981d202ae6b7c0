"""Read arrays in numpy's format npy, without pickles and without trusting a declared size."""

from collections.abc import Callable
from io import BytesIO
from math import prod
from tokenize import TokenError

import numpy as np
from numpy.lib import format as npy

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, explain

LONGEST_HEADER = 4096
"""Most characters of an array's header, a Python literal, which is parsed and not executed."""

_VERSIONS: dict[tuple[int, int], Callable[..., tuple[tuple[int, ...], bool, np.dtype]]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
_DAMAGE = (ValueError, TypeError, LookupError, SyntaxError, TokenError, EOFError, RecursionError, MemoryError)
"""Errors that numpy's parser raises; MemoryError is for brackets nested too deeply."""


def read_header(data: bytes, what: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return the shape, whether it is in Fortran order, the dtype, and the offset of the numbers in the npy `data`.

    Messages call it `what`. Raises `FileFormatError` for other formats.
    """
    stream = BytesIO(data)
    try:
        shape, by_column, dtype = _VERSIONS[npy.read_magic(stream)](stream, max_header_size=LONGEST_HEADER)
    except _DAMAGE as error:
        got, do = ascii(str(error))[:120], "save it with numpy"
        raise FileFormatError(explain(what, must="be in npy format", got=got, do=do)) from error
    return shape, by_column, dtype, stream.tell()


def read_array(data: bytes, what: str) -> Array:
    """Return the array in `data`, called `what`, a view of it.

    Raises `FileFormatError` for other formats, for objects, or if there are not as many numbers as declared.
    """
    shape, by_column, dtype, start = read_header(data, what)
    if dtype.hasobject or not dtype.itemsize:
        raise FileFormatError(explain(what, must="hold numbers or text", got="pickled objects", do="save plain arrays"))
    declared, there = prod(shape) * dtype.itemsize, len(data) - start
    if declared != there or any(not 0 <= length < 2**48 for length in shape):
        got, do = f"shape {ascii(shape)[:60]} in {there} bytes", "save it again"
        raise FileFormatError(explain(what, must="hold the numbers that it declares", got=got, do=do))
    flat = np.frombuffer(data, dtype=dtype, offset=start) if declared else np.empty(0, dtype)
    try:
        return flat.reshape(shape[::-1]).T if by_column else flat.reshape(shape)
    except ValueError as error:
        raise FileFormatError(explain(what, must="have a shape", got=ascii(shape)[:60], do="save it again")) from error
