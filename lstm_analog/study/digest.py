"""A fingerprint of a network: equal circuits have equal digests, on any machine."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256

import numpy as np

from lstm_analog.doors import checked
from lstm_analog.network.graph import Network


def digest_of(*values: object) -> str:
    """Return the SHA-256, in hexadecimal, over `values`: arrays, enums, records, tuples and plain ones."""
    result = sha256()
    for value in values:
        for piece in _pieces(value):
            result.update(piece)
    return result.hexdigest()


@checked
def network_digest(network: Network) -> str:
    """Return the SHA-256, in hexadecimal, over all that `network` is: domain, unknowns, parts with values, clock lines.

    Where it comes from (its provenance) does not count, nor does the sign of a zero.
    """
    return networks_digest((network,))


def networks_digest(networks: tuple[Network, ...]) -> str:
    """Return the SHA-256 over all `networks` of a machine, in order; of one alone it is its `network_digest`."""
    return digest_of(*(what for each in networks for what in (each.domain, each.unknowns, each.parts, each.lines)))


def _pieces(value: object) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `value`, each with its kind and length before it, so that no two values read alike."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value.astype("<f8" if value.dtype.kind == "f" else "<i8") + 0)
        yield f"array {array.dtype.str} {value.shape};".encode()
        yield array.reshape(-1).data
    elif isinstance(value, Enum):
        yield f"{type(value).__name__}.{value.name};".encode()
    elif isinstance(value, tuple):
        yield f"tuple {len(value)};".encode()
        for item in value:
            yield from _pieces(item)
    elif is_dataclass(value):
        yield f"record {type(value).__name__};".encode()
        for entry in fields(value):
            yield f"field {entry.name};".encode()
            yield from _pieces(getattr(value, entry.name))
    else:
        text = repr(value)
        yield f"{type(value).__name__} {len(text)} {text};".encode()
