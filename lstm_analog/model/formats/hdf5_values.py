"""Read types, shapes and values of an HDF5 file: little-endian numbers, texts of fixed and of variable length.

HDF5 File Format Specification 3.0, The HDF Group; sections in brackets.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.tensor import BFLOAT16, DTYPES

MOST_TEXTS = 20_000
"""Largest number of texts in an attribute."""

_INTEGER, _FLOAT, _STRING, _VARIABLE = 0, 1, 3, 9
_BIG = 0x1
_SIGNED = 0x8
_IS_TEXT = 0x1
_LEADING_ONE = 0x20
_FLOATS = MappingProxyType(
    {
        (_LEADING_ONE, 15, 2, struct.pack("<HHBBBBI", 0, 16, 10, 5, 0, 10, 15)): "float16",
        (_LEADING_ONE, 15, 2, struct.pack("<HHBBBBI", 0, 16, 7, 8, 0, 7, 127)): BFLOAT16,
        (_LEADING_ONE, 31, 4, struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)): "float32",
        (_LEADING_ONE, 63, 8, struct.pack("<HHBBBBI", 0, 64, 52, 11, 0, 52, 1023)): "float64",
    }
)
"""[IV.A.2.d] The IEEE formats, each by flags for a little-endian number without its leading 1, place of the sign, size;
then bit offset, precision, place and size of exponent and mantissa, bias."""
_CLASSES = ("integer", "float", "time", "text", "bit field", "opaque", "compound", "reference", "enum", "list", "array")


BytesAt = Callable[[int, int], bytes]
"""Function that returns so many bytes of a file from an address: the address, then the number; or raises."""


@dataclass(frozen=True, kw_only=True)
class Type:
    """A type: its `number` type or "", its `text` for messages, its `size` in bytes, `variable` for a long text."""

    number: str
    text: str
    size: int
    variable: bool = False


def type_of(body: bytes) -> Type:
    """Return the type that the datatype message `body` describes. [IV.A.2.d]."""
    kind, flags, size = body[0] & 0xF, body[1], int.from_bytes(body[4:8], "little")
    order = "big-endian " if kind in (_INTEGER, _FLOAT) and flags & _BIG else ""
    if kind == _FLOAT:
        number = _FLOATS.get((flags, body[2], size, body[8:20]), "")
        return Type(number=number, text=f"{order}float of {size} bytes", size=size)
    if kind == _INTEGER:
        name = f"{'int' if flags & _SIGNED else 'uint'}{8 * size}"
        whole = not order and name in DTYPES and struct.unpack("<HH", body[8:12]) == (0, 8 * size)
        return Type(
            number=name if whole else "", text=f"{order}{name if whole else 'integer of an odd size'}", size=size
        )
    if kind == _STRING:
        return Type(number="", text="text", size=size)
    if kind == _VARIABLE and flags & 0xF == _IS_TEXT:
        return Type(number="", text="text", size=16, variable=True)
    return Type(number="", text=f"{_CLASSES[kind] if kind < len(_CLASSES) else 'unknown'} type", size=size)


def space_of(body: bytes) -> tuple[int, ...]:
    """Return the shape, () for a single value, that the dataspace message `body` describes. [IV.A.2.b]."""
    version, axes = body[0], body[1]
    return struct.unpack_from(f"<{axes}Q", body, {1: 8, 2: 4}[version])


def texts_of(at: BytesAt, kind: Type, shape: tuple[int, ...], data: bytes) -> str | tuple[str, ...]:
    """Return the texts of an attribute of the type `kind` and this `shape` in the bytes `data`; () if it has none.

    Texts of variable length are in heaps, which are read by `at`.
    """
    if kind.text != "text":
        return ()
    count = prod(shape)
    if count > MOST_TEXTS or count * kind.size > len(data):
        must, do = f"hold at most {MOST_TEXTS} texts, all there", "the file is damaged: save or fetch it again"
        raise format_error("HDF5 attribute", must, count, do)
    pieces = [data[n * kind.size : (n + 1) * kind.size] for n in range(count)]
    texts = tuple((_long(at, piece) if kind.variable else piece.rstrip(b"\0")).decode() for piece in pieces)
    return texts if shape else texts[0]


def _long(bytes_at: BytesAt, piece: bytes) -> bytes:
    """Return the text to which `piece` refers by length, address of a global heap and number in it. [III.E]."""
    length, address, wanted = struct.unpack("<IQI", piece)
    if not length:
        return b""
    signature, _, size = struct.unpack("<4sIQ", bytes_at(address, 16))
    at, end = address + 16, address + size
    while signature == b"GCOL" and at + 16 <= end:
        number, _, _, long = struct.unpack("<HHIQ", bytes_at(at, 16))
        if number == wanted and number and length <= long:
            return bytes_at(at + 16, length)
        if not number:
            break
        at += 16 + (long + 7) // 8 * 8
    do = "the file is damaged: save or fetch it again"
    raise format_error("HDF5 text", "be in its heap", f"none of number {wanted}", do)
