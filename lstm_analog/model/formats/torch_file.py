"""Read files of `torch.save` without torch: a zip with a pickle and raw numbers, or, before 1.6, one stream.

A TorchScript archive is such a zip, too; its tensors are read by their names, its program is ignored.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.pickle_values import ADVICE, Pickle, Storage, Unreadable, View
from lstm_analog.model.formats.pickles import LONGEST, read_pickle
from lstm_analog.model.formats.refusals import format_error
from lstm_analog.model.formats.tensor import DTYPES, LONGEST_NAME, Tensor, TensorMap, count_of, label
from lstm_analog.zips import open_archive

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
"""The first two pickles of a file before 1.6: a magic number and a version."""

DEEPEST = 5
"""Largest depth of nested dictionaries and lists to search for a state dict: `{"model": {"state_dict": ...}}`."""

_OTHER_SIZES = MappingProxyType(
    {"ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4}
)
"""Number of bytes of a number in the kinds of storage that hold no weights."""

_RECURRENT = re.compile(r"(?:.*\.)?(?:weight|bias)_(?:ih|hh|hr)(?:_l[0-9]+(?:_reverse)?)?", re.DOTALL)
_COUNT = 8
DAMAGED = "the file is damaged: save or fetch it again"


def read_zip(content: bytes) -> TensorMap:
    """Return the tensors of the state dict in `content`, a zip that `torch.save` wrote.

    Raises `FileFormatError` for anything that a state dict does not need, and for tensors that exceed their storage or
    have overlapping elements.
    """
    archive = open_archive(content)
    roots = [name.removesuffix("data.pkl") for name in archive.members if name.rsplit("/", 1)[-1] == "data.pkl"]
    if len(roots) != 1:
        raise format_error("archive", "hold one data.pkl", len(roots), ADVICE)
    order = archive.read(f"{roots[0]}byteorder") if f"{roots[0]}byteorder" in archive.members else b"little"
    if order != b"little":
        raise format_error("byte order", "be little", ascii(order[:20]), "save it on this machine")
    pickled = archive.read(f"{roots[0]}data.pkl")
    if len(pickled) > LONGEST:
        raise format_error("pickle", f"have at most {LONGEST} bytes", f"{len(pickled)} bytes", ADVICE)
    note = read_pickle(pickled)
    needed = {view.storage.key for view in _views(note).values() if isinstance(view, View)}
    read = {key: archive.read(f"{roots[0]}data/{key}") for key in needed}
    return _tensors(note, {key: memoryview(data) for key, data in read.items()})


def read_stream(content: bytes) -> TensorMap:
    """Return the tensors of the state dict in `content`, which `torch.save` wrote before 1.6, as `read_zip` does.

    It has three short pickles (magic number, version, sizes of the computer), the state dict, the keys of the storages,
    then for each storage its count in 8 bytes and its numbers.
    """
    magic = read_pickle(content)
    version = read_pickle(content, magic.end)
    if (magic.value, version.value) != (MAGIC, PROTOCOL):
        raise format_error("content", "be what torch.save wrote", "another pickle", ADVICE)
    system = read_pickle(content, version.end)
    if not isinstance(system.value, dict) or system.value.get("little_endian") is not True:
        raise format_error("byte order", "be little", "another", "save it on this machine")
    note = read_pickle(content, system.end)
    keys = read_pickle(content, note.end)
    return _tensors(note, _storages(memoryview(content)[keys.end :], note.storages, keys.value))


def _storages(data: memoryview, storages: Mapping[str, Storage], keys: object) -> dict[str, memoryview]:
    """Return the bytes of each storage; storages are in the order of `keys`, each after its count."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise format_error("keys", "list the storages", "another list", DAMAGED)
    found = {}
    for key in keys:
        count, size = int.from_bytes(data[:_COUNT], "little"), _size(storages[key])
        if count != storages[key].count:
            raise format_error(f"storage {key[:40]!a}", f"hold {storages[key].count} numbers", count, DAMAGED)
        found[key] = data[_COUNT : _COUNT + size]
        data = data[_COUNT + size :]
    return found


def _size(storage: Storage) -> int:
    if storage.kind in DTYPES:
        return storage.count * int(DTYPES[storage.kind].itemsize)
    if storage.kind not in _OTHER_SIZES:
        raise format_error("storage", "hold a kind of number known here", ascii(storage.kind[:40]), ADVICE)
    return storage.count * _OTHER_SIZES[storage.kind]


def _views(note: Pickle) -> dict[str, View | Unreadable]:
    """Return the tensors, by name, of the state dicts in `note` with a recurrent module, or of all if none has one.

    If there are several, names begin with the path, as in `model.lstm.weight_ih_l0` and `ema.lstm.weight_ih_l0`.
    """
    every = list(_dictionaries(note.value))
    found = [(path, names) for path, names in every if any(map(_RECURRENT.fullmatch, names))] or every
    if len(found) == 1:
        return found[0][1]
    return {f"{path}{name}": view for path, names in found for name, view in names.items()}


def _dictionaries(value: object) -> Iterator[tuple[str, dict[str, View | Unreadable]]]:
    """Yield each dictionary that holds tensors, with its path; a dictionary that is reached twice is yielded once."""
    level: list[tuple[str, Any]] = [("", value)]
    seen: set[int] = set()
    for _ in range(DEEPEST):
        inner: list[tuple[str, Any]] = []
        for path, item in level:
            if id(item) not in seen:
                seen.add(id(item))
                entries = _entries(item)
                names = {name: entry for name, entry in entries if isinstance(entry, View | Unreadable)}
                if names and isinstance(item, dict):
                    yield path, names
                inner.extend(
                    (f"{path}{name}.", each) for name, each in entries if isinstance(each, dict | list | tuple)
                )
        level = inner


def _entries(item: object) -> list[tuple[str, object]]:
    """Return the entries of a dictionary by name, or of a list by number, without names beyond `LONGEST_NAME`."""
    pairs = item.items() if isinstance(item, dict) else enumerate(item if isinstance(item, Sequence) else ())
    return [(str(key), entry) for key, entry in pairs if not isinstance(key, str) or len(key) <= LONGEST_NAME]


def _tensors(note: Pickle, data: Mapping[str, memoryview]) -> TensorMap:
    views = _views(note)
    if not views:
        got = f"a {type(note.value).__name__} without one"
        raise format_error("content", "hold a recurrent module's state dict", got, ADVICE)
    return {
        name: _tensor(name, view, data[view.storage.key]) if isinstance(view, View) else _unreadable(name, view)
        for name, view in views.items()
    }


def _unreadable(name: str, note: Unreadable) -> Tensor:
    """Return a tensor of that shape and kind, whose numbers are refused when they are read."""
    shape = note.shape if _are_whole(note.shape) and count_of(name, note.shape) < 2**31 else ()
    return Tensor(name=name, kind=note.what, stored=np.broadcast_to(np.zeros((), dtype=np.uint8), shape))


def _tensor(name: str, view: View, data: memoryview) -> Tensor:
    storage, dtype = view.storage, DTYPES[view.storage.kind]
    if len(data) != _size(storage):
        must = f"have {_size(storage)} bytes for {storage.count} of {storage.kind}"
        raise format_error(f"storage of {label(name)}", must, f"{len(data)} bytes", DAMAGED)
    match view:
        case View(offset=int(offset), shape=shape, stride=stride) if (
            _are_whole(shape) and _are_whole(stride) and len(shape) == len(stride)
        ):
            if not count_of(name, shape):
                return Tensor(name=name, kind=storage.kind, stored=np.empty(shape, dtype))
            _check_inside(name, storage.count, offset, shape, stride)
        case _:
            raise format_error(label(name), "have whole sizes and strides", "others", DAMAGED)
    steps = tuple(step * dtype.itemsize if size > 1 else 0 for step, size in zip(stride, shape, strict=True))
    stored: Array = np.ndarray(shape, dtype, data, offset * dtype.itemsize, steps)
    return Tensor(name=name, kind=storage.kind, stored=stored)


def _are_whole(sizes: object) -> TypeGuard[tuple[int, ...]]:
    """Return whether `sizes` is a tuple of whole numbers; a tuple of tuples might take for ever to print."""
    return isinstance(sizes, tuple) and all(type(size) is int for size in sizes)


def _check_inside(name: str, count: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
    """Raise unless a tensor's elements are inside its storage of `count` numbers and do not overlap."""
    steps = [(step, size) for step, size in zip(stride, shape, strict=True) if size != 1]
    last = offset
    for step, size in sorted(steps):
        if step <= last - offset:
            do = "save it contiguous: tensor.contiguous()"
            raise format_error(f"strides of {label(name)}", "not overlap", stride, do)
        last += step * (size - 1)
    if not 0 <= offset <= last < count:
        must, got = f"lie inside its storage of {count}", f"{prod(shape)} elements, {offset} to {last}"
        raise format_error(label(name), must, got, DAMAGED)
