"""Save frozen records as npz files and load them: the format of saved machines.

Arrays are saved as arrays, everything else as one JSON text. Loading executes no code from the file: it constructs only
records and enums of a given list, and these check their fields.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from lstm_analog.arrays import Array, unaliased
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.files import read_bytes, whole_file
from lstm_analog.npy import read_array
from lstm_analog.zips import member_names, open_archive

Kinds = Mapping[str, type]
"""The records and enums that may be constructed, by name."""

_TREE = "tree"
_ZIP = b"PK"
"""First bytes of an npz file."""
_Record = TypeVar("_Record")
_DAMAGE = (*(ValueError, TypeError, LookupError, AttributeError, ArithmeticError), *(RuntimeError, MemoryError))
"""Errors that json and the records raise for damaged content; RuntimeError is for too deep nesting."""


def save_record(record: object, path: str | Path) -> None:
    """Write `record` to `path` as an npz file; `FileAccessError` if that cannot be done."""
    arrays: dict[str, Array] = {}
    tree = json.dumps(_encode(record, arrays))
    content: dict[str, Any] = {**arrays, _TREE: np.frombuffer(tree.encode(), dtype=np.uint8)}
    with whole_file(path) as stream:
        np.savez(stream, **content)  # without allow_pickle=, which numpy 2.0 would save as an array


def load_record(path: str | Path, kind: type[_Record], kinds: Kinds, own: Kinds | None = None) -> _Record:
    """Return the record of type `kind` in the file at `path`, constructed from `kinds` and a caller's `own` only.

    A field whose type is a union of records accepts one of `own`, too.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    FileFormatError
        If it is damaged, of another format, or has any other content.
    """
    content = read_bytes(path)
    if not content.startswith(_ZIP):
        raise _foreign(path, kind, "no npz file" if content else "an empty file", own)
    try:
        archive = open_archive(content)
        arrays = {name.removesuffix(".npy"): read_array(archive.read(name), name) for name in archive.members}
        record = _decode(json.loads(bytes(arrays[_TREE])), arrays, kinds, own or {})
    except _DAMAGE as error:
        raise _foreign(path, kind, "pickled objects" if "pickled" in str(error) else error, own) from error
    if not isinstance(record, kind):
        raise _foreign(path, kind, type(record).__name__, own)
    return record


def is_record(content: bytes) -> bool:
    """Return whether `content` is a file written by `save_record`, by the names of its members."""
    try:
        return f"{_TREE}.npy" in member_names(content)
    except FileFormatError:
        return False


def tree_of(record: object) -> Any:
    """Return a `record` as dicts, lists and plain values; raise `UnsupportedError` if it has arrays."""
    arrays: dict[str, Array] = {}
    tree = _encode(record, arrays)
    if arrays:
        do = "save it with save_record"
        raise UnsupportedError(explain(f"a {type(record).__name__}", must="hold no array", got=len(arrays), do=do))
    return tree


def record_of(tree: Any, kinds: Kinds) -> Any:
    """Return the record from which `tree_of` made `tree`, constructed from `kinds` only; else `FileFormatError`."""
    try:
        return _decode(tree, {}, kinds, {})
    except _DAMAGE as error:
        got, do = ascii(str(error))[:200], "give what this package wrote"
        raise FileFormatError(explain("a record", must="be as it was written", got=got, do=do)) from error


def _foreign(path: str | Path, kind: type, got: object, own: Kinds | None) -> FileFormatError:
    must, do = f"hold a {kind.__name__}", "give a file that this package saved"
    if own is not None:
        do += ", and the classes in it that are your own, as own=(MyPart, MyTechnology)"
    return FileFormatError(explain(f"file {str(path)!r}", must=must, got=ascii(str(got))[:200], do=do))


def _encode(value: object, arrays: dict[str, Array]) -> Any:
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if is_dataclass(value) and not isinstance(value, type):
        content = {entry.name: _encode(getattr(value, entry.name), arrays) for entry in fields(value)}
        return {"record": type(value).__name__, "fields": content}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        arrays[f"array{len(arrays)}"] = value
        return {"array": f"array{len(arrays) - 1}"}
    if isinstance(value, tuple | frozenset):
        items = value if isinstance(value, tuple) else sorted(value)  # so that files are reproducible
        return {type(value).__name__: [_encode(item, arrays) for item in items]}
    if isinstance(value, np.number | np.bool_):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):  # other readers of JSON refuse Infinity and NaN
        return {"float": str(value)}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    got, do = type(value).__name__, "keep records, arrays, tuples, numbers and text"
    raise UnsupportedError(explain("saved value", must="be a record, array, tuple or plain value", got=got, do=do))


def _decode(tree: Any, arrays: Mapping[str, Array], kinds: Kinds, own: Kinds) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "float" in tree:
        return float(tree["float"])
    if "enum" in tree:
        return {**kinds, **own}[tree["enum"]][tree["name"]]  # type: ignore[index]
    if "record" in tree:
        kind = own[tree["record"]] if tree["record"] in own else kinds[tree["record"]]
        content = {name: _decode(value, arrays, kinds, own) for name, value in tree["fields"].items()}
        _check_fields(kind, content, tuple(own.values()))
        return kind(**content)
    if "array" in tree:
        return arrays[tree["array"]]
    make = tuple if "tuple" in tree else frozenset
    return make(_decode(item, arrays, kinds, own) for item in tree["tuple" if make is tuple else "frozenset"])


def _check_fields(kind: type, content: Mapping[str, object], own: tuple[type, ...]) -> None:
    hints = _hints(kind)
    for name, value in content.items():
        if not _fits(value, hints[name], own):
            must, do = f"hold a {hints[name]}", "save the machine again"
            raise FileFormatError(explain(f"{kind.__name__}.{name}", must=must, got=type(value).__name__, do=do))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, hint: Any, own: tuple[type, ...]) -> bool:
    """Return whether `value` is of the type `hint`: a class, union, array, or a tuple or set of these.

    A value of one of the classes `own` fits any union of records.
    """
    origin, inner = get_origin(unaliased(hint)), get_args(hint)
    if origin is UnionType:
        return type(value) in own or any(_fits(value, each, own) for each in inner)
    if origin is frozenset:
        return isinstance(value, frozenset) and all(_fits(item, inner[0], own) for item in value)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(each) == len(value) and all(_fits(item, one, own) for item, one in zip(value, each, strict=True))
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return isinstance(value, origin or hint) and (hint is bool or not isinstance(value, bool))
