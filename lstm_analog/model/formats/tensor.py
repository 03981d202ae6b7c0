"""A named tensor of a file: a view of the bytes of the file, not yet converted to numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.model.formats.refusals import format_error

MOST_AXES = 8
"""Largest number of axes of a tensor."""

_LARGEST = 2**59
"""Largest product of the sizes of a tensor other than 0: numpy refuses larger shapes, even of no elements."""

LONGEST_NAME = 1000
"""Largest number of characters of a name with its path. Many names may share a path, which a file has only once, so
that longer ones could take far more memory than the file."""

BFLOAT16 = "bfloat16"
"""The upper half of a float32, which is no dtype of numpy; its bits are stored as uint16."""

FLOATS = frozenset({"float16", BFLOAT16, "float32", "float64"})
"""The dtypes of weights; each is converted to float64 exactly."""

DTYPES = MappingProxyType(
    {name: np.dtype(name).newbyteorder("<") for name in ("float16", "float32", "float64")}
    | {
        f"{sign}int{bits}": np.dtype(f"{sign}int{bits}").newbyteorder("<")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    }
    | {"bool": np.dtype(bool)}
    | {BFLOAT16: np.dtype("<u2")}
)
"""The dtypes of numbers in a file, by name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """A tensor called `name`, with numbers of `kind`, a key of `DTYPES`; `stored` is a view of the file's bytes."""

    name: str
    kind: str
    stored: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return self.stored.shape

    @property
    def label(self) -> str:
        """Its name in messages."""
        return label(self.name)

    def check_float(self) -> None:
        """Raise `FileFormatError` unless it holds floats."""
        if self.kind not in FLOATS:
            must, do = "be float16, bfloat16, float32 or float64", "convert it before saving"
            raise format_error(self.label, must, self.kind, do)

    def numbers(self) -> Floats:
        """Return its numbers in float64, exactly; raise `FileFormatError` unless they are finite floats."""
        self.check_float()
        if not self.stored.size:
            do = "save the weights of a trained module"
            raise format_error(self.label, "have no empty axis", f"shape {self.shape}", do)
        values = _widened(self.stored, self.kind)
        if not np.isfinite(values).all():
            raise format_error(self.label, "be finite", "NaN or infinity", "train or save it again")
        return values


TensorMap = Mapping[str, Tensor]
"""All tensors of a file by name, in the file's order."""


def label(name: str) -> str:
    """Return the name in messages of a tensor called `name`: short and printable."""
    return f"tensor {name[:80]!a}"


def from_bytes(name: str, kind: str, shape: tuple[int, ...], data: bytes | memoryview) -> Tensor:
    """Return the tensor `name` of this `kind` and `shape`, which must fill `data` exactly, row by row, or raise."""
    dtype = DTYPES[kind]
    count = count_of(name, shape)
    if count * dtype.itemsize != len(data):
        must, got = f"have {count * dtype.itemsize} bytes for shape {shape} of {kind}", f"{len(data)} bytes"
        raise format_error(label(name), must, got, "the file is damaged: fetch it again")
    return Tensor(name=name, kind=kind, stored=np.frombuffer(data, dtype).reshape(shape))


def count_of(name: str, shape: tuple[int, ...]) -> int:
    """Return the number of elements of a `shape` read from a file; raise with the tensor's `name` if it is invalid."""
    sizes = all(type(size) is int and size >= 0 for size in shape)
    if not sizes or len(shape) > MOST_AXES or prod(size or 1 for size in shape) > _LARGEST:
        must, do = f"have at most {MOST_AXES} axes of whole sizes", "the file is damaged: fetch it again"
        raise format_error(label(name), must, f"shape {ascii(shape)[:120]}", do)
    return prod(shape)


def _widened(stored: Array, kind: str) -> Floats:
    with np.errstate(invalid="ignore"):  # a signalling NaN, which the caller refuses
        if kind == BFLOAT16:
            return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        return stored.astype(np.float64)
