"""What a pickle of tensors says, as plain records: names, storages and views of them. None of it is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Name:
    """A function or class that a pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A note of where numbers lie: the `kind` of storage, its `key` and how many numbers it holds."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, kw_only=True)
class View:
    """A note of a tensor: its numbers are `storage[offset + sum(i * stride)]`; not yet checked."""

    storage: Storage
    offset: object
    shape: object
    stride: object


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A note of a value that holds no weights, such as a device or a set: only `what` it is."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A note of a tensor of that `shape` whose numbers are not simply those stored: `what` it is, such as sparse."""

    what: str
    shape: object


STORAGES = MappingProxyType(
    {
        "HalfStorage": "float16",
        "BFloat16Storage": "bfloat16",
        "FloatStorage": "float32",
        "DoubleStorage": "float64",
        "CharStorage": "int8",
        "ShortStorage": "int16",
        "IntStorage": "int32",
        "LongStorage": "int64",
        "ByteStorage": "uint8",
        "BoolStorage": "bool",
    }
)
"""torch's classes of storage and the kind of number in each."""


@dataclass(frozen=True, kw_only=True)
class Pickle:
    """The `value` of a pickle, the byte `end` after it, and every storage it refers to, by key."""

    value: Any
    end: int
    storages: Mapping[str, Storage]
