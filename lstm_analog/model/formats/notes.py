"""The content of a pickle of tensors as plain records: names, storages and views of these. None of it is trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Name:
    """The name of a function or class in a pickle; it is never imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A block of numbers in a file: the `kind` of storage, its `key` and its `count` of numbers."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, kw_only=True)
class View:
    """A tensor whose numbers are `storage[offset + sum(i * stride)]`; the fields are not yet checked."""

    storage: Storage
    offset: object
    shape: object
    stride: object


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A value without weights, such as a device or a set; `what` is its kind."""

    what: str


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A tensor of `shape` whose numbers are not simply those stored; `what` is its kind, such as sparse."""

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
"""The dtype of numbers in each of torch's classes of storage."""


@dataclass(frozen=True, kw_only=True)
class Pickle:
    """The `value` of a pickle, the index `end` of the byte after it, and the storages to which it refers, by key."""

    value: Any
    end: int
    storages: Mapping[str, Storage]
