"""What `torch.save` writes, without torch: a zip with a pickle and raw numbers, or, before 1.6, all in one stream."""

import re
from collections.abc import Callable

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.model.formats.pickles import ADVICE, LONGEST, Storage, read_pickle
from lstm_analog.model.formats.tensor import DTYPES, Tensors
from lstm_analog.model.formats.zips import Archive, open_archive

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
"""The first two pickles of a file before 1.6: a mark and a version."""

DEEPEST = 3
"""Dictionaries in dictionaries that are searched for a state dict, as in `{"model": {"state_dict": ...}}`."""

_RECURRENT = re.compile(r"(?:.*\.)?(?:weight|bias)_(?:ih|hh|hr)(?:_l[0-9]+(?:_reverse)?)?", re.DOTALL)
_COUNT = 8
_DAMAGED = "the file is damaged: save or fetch it again"

_Bytes = Callable[[Storage], memoryview]
"""Returns the bytes of a storage, as many as its count says, or raises."""


def read_zip(content: bytes) -> Tensors:
    """Return the tensors of the state dict in a zip that `torch.save` wrote.

    Raises `FileFormatError` for anything that a state dict does not need, and for tensors that do not lie inside their
    storage or whose elements overlap.
    """
    archive = open_archive(content)
    roots = [name.removesuffix("data.pkl") for name in archive.members if name.rsplit("/", 1)[-1] == "data.pkl"]
    if len(roots) != 1:
        raise FileFormatError(explain("archive", must="hold one data.pkl", got=len(roots), do=ADVICE))
    order = archive.read(f"{roots[0]}byteorder") if f"{roots[0]}byteorder" in archive.members else b"little"
    if order != b"little":
        raise FileFormatError(
            explain("byte order", must="be little", got=ascii(order[:20]), do="save it on this machine")
        )
    pickled = archive.read(f"{roots[0]}data.pkl")
    if len(pickled) > LONGEST:
        must = f"have at most {LONGEST} bytes"
        raise FileFormatError(explain("pickle", must=must, got=f"{len(pickled)} bytes", do=ADVICE))
    value, _ = read_pickle(pickled)
    return _tensors(value, _from_archive(archive, roots[0]))


def read_stream(content: bytes) -> Tensors:
    """Return the tensors of the state dict in what `torch.save` wrote before 1.6, as `read_zip` does.

    Three short pickles (mark, version, sizes of the machine), the state dict, the keys of the storages, then for each its
    count in 8 bytes and its numbers.
    """
    magic, at = read_pickle(content)
    version, at = read_pickle(content, at)
    if (magic, version) != (MAGIC, PROTOCOL):
        got = f"a pickle of {type(magic).__name__}" if magic != MAGIC else f"version {ascii(version)[:40]}"
        raise FileFormatError(explain("content", must="be what torch.save wrote", got=got, do=ADVICE))
    system, at = read_pickle(content, at)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise FileFormatError(explain("byte order", must="be little", got="another", do="save it on this machine"))
    value, at = read_pickle(content, at)
    keys, at = read_pickle(content, at)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise FileFormatError(
            explain("keys of storages", must="be a list of text", got=type(keys).__name__, do=_DAMAGED)
        )
    return _tensors(value, _from_stream(content, at, keys))


def _from_archive(archive: Archive, root: str) -> _Bytes:
    read: dict[str, bytes] = {}

    def data(storage: Storage) -> memoryview:
        name = f"{root}data/{storage.key}"
        if name not in read:
            read[name] = archive.read(name)
        return _checked(storage, memoryview(read[name]))

    return data


def _from_stream(content: bytes, at: int, keys: list[str]) -> _Bytes:
    """The storages follow each other in order of their keys; how wide their numbers are only the tensors say."""
    order = {key: n for n, key in enumerate(keys)}
    starts = [at]
    whole = memoryview(content)

    def data(storage: Storage) -> memoryview:
        if storage.key not in order:
            raise FileFormatError(explain("storage", must="be listed", got=ascii(storage.key[:40]), do=_DAMAGED))
        start = order[storage.key]
        del start
        raise NotImplementedError

    del starts, whole
    return data


def _checked(storage: Storage, data: memoryview) -> memoryview:
    expected = storage.count * DTYPES[storage.kind].itemsize
    if len(data) != expected:
        must = f"have {expected} bytes for {storage.count} of {storage.kind}"
        what = f"storage {storage.key[:40]!a}"
        raise FileFormatError(explain(what, must=must, got=f"{len(data)} bytes", do=_DAMAGED))
    return data
