"""The words in which operations are written down for the kernel, `kernel.c`: `WORDS` whole numbers each."""

from collections.abc import Mapping
from types import MappingProxyType

from lstm_analog.arrays import Array

WORDS = 32
NAMES = (
    *("copyto", "add", "subtract", "multiply", "divide", "negative", "tanh", "exp", "log1p", "sqrt", "absolute"),
    *("sign", "minimum", "maximum", "heaviside", "where", "less", "take", "put", "add_at", "matmul", "advance"),
    *("assign", "skip if equal", "skip if within", "largest", "following", "stop above", "repeat above"),
    *("largest of each", "products", "invert", "collocation"),
)
"""The operations in the order in which `kernel.c` numbers them."""
_NUMBER: Mapping[str, int] = MappingProxyType({name: number for number, name in enumerate(NAMES)})

Words = list[list[int]]
Strides = tuple[int, ...]


class NotEncodableError(Exception):
    """The call has no operations of the kernel."""


def row(name: str, single: int, *words: int) -> list[int]:
    """Return the operation `name` with its `words`; `single` tells that it works on numbers of single precision."""
    return [_NUMBER[name], single, *words, *(0,) * (WORDS - 2 - len(words))]


def address(array: Array) -> int:
    """Return the address of the first number of `array`."""
    return array.ctypes.data


def strides(array: Array) -> Strides:
    """Return the strides of `array` in numbers."""
    if any(step % array.itemsize for step in array.strides):
        raise NotEncodableError
    return tuple(step // array.itemsize for step in array.strides)
