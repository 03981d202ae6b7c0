"""Compute digests of networks and of other values; equal circuits have equal digests on any computer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial, singledispatch
from hashlib import sha256
from inspect import getsource
from types import FunctionType, MappingProxyType, MethodType

import numpy as np

from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.cells import Cells
from lstm_analog.network.graph import Network

_NUMBERS = MappingProxyType({"f": "<f8", "i": "<i8", "u": "<i8", "b": "<i8", "c": "<c16"})
"""Types of numbers that arrays are hashed as, by their kind in numpy."""


def digest_of(*values: object) -> str:
    """Return the SHA-256, in hexadecimal, over `values`: arrays, enums, records, sequences, sets, mappings, plain ones.

    That of a function is over its source and the values that it holds, not over the globals that it reads; a mapping
    in another order has another. Raises `UnsupportedError` for a function whose source is in no file, and for a value
    whose text does not tell it from others: an object with an address, an array of objects or of texts.
    """
    result = sha256()
    for value in values:
        for piece in _pieces(value):
            result.update(piece)
    return result.hexdigest()


@checked
def network_digest(network: Network) -> str:
    """Return the SHA-256, in hexadecimal, over domain, unknowns, parts with values, and clock lines of `network`.

    Its provenance does not count, nor does the sign of a zero.
    """
    return networks_digest((network,))


def networks_digest(networks: tuple[Network, ...]) -> str:
    """Return the SHA-256 over all `networks` of a machine, in order; for a single one its `network_digest`."""
    return digest_of(*(what for each in networks for what in (each.domain, each.unknowns, each.parts, each.lines)))


def device_models_digest(networks: tuple[Network, ...]) -> str:
    """Return the SHA-256 over the device models of all transistor cells in `networks`; empty if there are none."""
    cells = (part for each in networks for part in each.parts if isinstance(part, Cells))
    found = tuple(dict.fromkeys(part.library.models_digest for part in cells))
    return digest_of(found) if found else ""


def source_of(thing: Callable[..., object]) -> str:
    """Return the source of `thing`, a function or a class; `UnsupportedError` if it is in no file."""
    try:
        return getsource(thing)
    except (OSError, TypeError) as error:
        what = f"the source of {getattr(thing, '__qualname__', type(thing).__name__)}"
        do = "define it in a file, at the top of a module"
        raise UnsupportedError(explain(what, must="be at hand", got=ascii(str(error))[:80], do=do)) from error


@singledispatch
def _pieces(value: object) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `value`, preceded by kind and length, so that different values have different bytes."""
    if is_dataclass(value):
        yield f"record {type(value).__name__};".encode()
        for entry in (entry for entry in fields(value) if entry.compare):
            yield f"field {entry.name};".encode()
            yield from _pieces(getattr(value, entry.name))
        return
    text = repr(value)
    if " at 0x" in text:
        raise _refusal(text)
    yield f"{type(value).__name__} {len(text)} {text};".encode()


@_pieces.register
def _(value: np.ndarray) -> Iterator[bytes | memoryview]:
    if value.dtype.kind not in _NUMBERS:
        raise _refusal(repr(value))
    array = np.ascontiguousarray(value.astype(_NUMBERS[value.dtype.kind]) + 0)
    yield f"array {array.dtype.str} {value.shape};".encode()
    yield array.reshape(-1).data


@_pieces.register
def _(value: Enum) -> Iterator[bytes | memoryview]:
    yield f"{type(value).__name__}.{value.name};".encode()


@_pieces.register
def _(value: tuple | list) -> Iterator[bytes | memoryview]:  # type: ignore[type-arg]
    yield f"{'tuple' if isinstance(value, tuple) else 'list'} {len(value)};".encode()
    for item in value:
        yield from _pieces(item)


@_pieces.register
def _(value: frozenset | set) -> Iterator[bytes | memoryview]:  # type: ignore[type-arg]
    yield b"set;"
    yield from _pieces(tuple(sorted(value)))


@_pieces.register
def _(value: Mapping) -> Iterator[bytes | memoryview]:  # type: ignore[type-arg]
    yield b"mapping;"
    yield from _pieces(tuple(value.items()))


@_pieces.register
def _(value: FunctionType) -> Iterator[bytes | memoryview]:
    yield f"function {value.__module__}.{value.__qualname__};".encode()
    held = tuple(cell.cell_contents for cell in value.__closure__ or ())
    named = (value.__kwdefaults__,) if value.__kwdefaults__ else ()
    yield from _pieces((source_of(value), value.__defaults__, held, *named))


@_pieces.register
def _(value: partial) -> Iterator[bytes | memoryview]:  # type: ignore[type-arg]
    yield b"partial;"
    yield from _pieces((value.func, value.args, value.keywords))


@_pieces.register
def _(value: MethodType) -> Iterator[bytes | memoryview]:
    yield b"method;"
    yield from _pieces((value.__func__, value.__self__))


def _refusal(text: str) -> UnsupportedError:
    must, do = "be plain, an array of numbers, a record or a function", "write it as one"
    return UnsupportedError(explain("a value to hash", must=must, got=ascii(text)[:80], do=do))
