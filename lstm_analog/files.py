"""Read files once and with size limits, and write files completely or not at all."""

import mmap
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from lstm_analog.errors import FileAccessError, FileFormatError, LstmAnalogError, explain
from lstm_analog.interruption import ending_in_order, undisturbed

LARGEST_FILE = 2**31
"""Largest size of a file in bytes, the same as of protobuf."""
LARGEST_STREAM = 2**26
"""Most bytes read of a pipe or device; a larger value allows longer tables, but endless input takes more memory."""

_MOST_LINKS = 40
"""Most links in a chain, the same as in Linux."""

_KEPT_BY_THE_SYSTEM = (("/", "dev"), ("/", "proc"))
_SHARED_MEMORY = ("/", "dev", "shm")


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file in the folder of `path` for writing, and rename it to `path` at the end of the context.

    If `path` is a link, its target is replaced. A replaced file keeps its mode.

    Raises `FileAccessError` if the folder is missing or not writable, the disk is full, or `path` is or leads to a
    device or pipe, which the file would replace; the temporary file is removed.
    """
    with ending_in_order(), _whole_file(_resolved(Path(path))) as stream:
        yield stream


@contextmanager
def _whole_file(target: Path) -> Iterator[BinaryIO]:
    mode = _mode(target)
    with ExitStack() as ending:
        try:
            with undisturbed():
                handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
                part = Path(name)
                ending.callback(part.unlink, missing_ok=True)
        except (OSError, ValueError) as error:
            raise _unwritable(target, error) from error
        try:
            with os.fdopen(handle, "wb") as stream:
                yield cast(BinaryIO, stream)
            part.chmod(0o666 & ~_umask() if mode is None else mode)
            part.replace(target)
        except LstmAnalogError:
            raise
        except OSError as error:
            raise _unwritable(target, error) from error


def write_texts(path: str | Path, texts: Iterable[str]) -> None:
    """Write `texts`, in ASCII, to `path` one after the other, whole or not at all; raises as `whole_file` does."""
    with whole_file(path) as stream:
        for text in texts:
            stream.write(text.encode("ascii"))


@contextmanager
def whole_files(*folders: str | Path) -> Iterator[tuple[Path, ...]]:
    """Make a temporary folder in each of `folders`; its files are moved to the folder at the end of the context.

    Raises `FileAccessError` as in `whole_file`, naming the final path, and if two files have one place; the temporary
    folders are removed, and no file is replaced.
    """
    with ending_in_order(), ExitStack() as ending:
        stages = {_stage(Path(folder), ending): Path(folder) for folder in folders}
        try:
            yield tuple(stages)
        except FileAccessError as error:
            raise FileAccessError(_placed(str(error), stages)) from error
        parts = [part for stage in stages for part in sorted(stage.iterdir())]
        places = [_resolved(stages[part.parent] / part.name) for part in parts]
        check_apart((), places)
        modes = [_mode(place) for place in places]
        beside = [_beside(part, place, ending) for part, place in zip(parts, places, strict=True)]
        with undisturbed():
            for part, place, mode in zip(beside, places, modes, strict=True):
                _move(part, place, mode)


def _beside(part: Path, place: Path, ending: ExitStack) -> Path:
    """Return `part`, or a copy in the folder of `place` if that, behind a link, is on another device.

    A file can only be moved at once within a device. The copy is removed when `ending` closes, unless it was moved.
    """
    try:
        if _device(part) == _device(place.parent):
            return part
        copy = _stage(place.parent, ending) / part.name
        shutil.copy(part, copy)
    except OSError as error:
        raise _unwritable(place, error) from error
    return copy


def _device(path: Path) -> int:
    return path.stat().st_dev


def _stage(target: Path, ending: ExitStack) -> Path:
    """Make a temporary folder in `target` that is removed when `ending` closes, and return it."""
    try:
        with undisturbed():
            return Path(ending.enter_context(tempfile.TemporaryDirectory(dir=target, prefix=".lstm_analog-")))
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error


def _placed(text: str, stages: Mapping[Path, Path]) -> str:
    """Return `text`, an error message, with the paths of temporary folders replaced by those in `stages`."""
    for stage, target in stages.items():
        text = text.replace(str(stage), str(target))
    return text


def _move(part: Path, place: Path, mode: int | None) -> None:
    try:
        if mode is not None:
            part.chmod(mode)
        part.replace(place)
    except OSError as error:
        raise _unwritable(place, error) from error


def check_apart(read: Iterable[Path | None], written: Iterable[Path | None]) -> None:
    """Raise `FileAccessError` if a file to be `written` is also `read`, or is written twice.

    Links are followed; None stands for no file. An impossible path raises it, too.
    """
    taken = {_place(path): path for path in read if path is not None}
    for path in written:
        if path is not None:
            place = _place(path)
            if place in taken:
                got, do = f"that of {str(taken[place])!r}", "choose another name; nothing was written"
                raise FileAccessError(explain(f"file {str(path)!r}", must="be a place of its own", got=got, do=do))
            taken[place] = path


def _place(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError as error:
        raise _unwritable(path, error) from error


def is_there(path: Path) -> bool:
    """Return whether `path` exists; False for a path that the system rejects."""
    try:
        return path.exists()
    except OSError:
        return False


def read_bytes(path: str | Path) -> bytes:
    """Return the content of the file at `path`, read in one pass.

    Raises `FileAccessError` if it cannot be read, changes size meanwhile, or has more than `LARGEST_FILE` bytes, or
    more than `LARGEST_STREAM` if it is a pipe or device, whose size is unknown.
    """
    with _reading(path), Path(path).open("rb") as stream:
        return _whole(path, stream)


def read_file(path: str | Path) -> bytes:
    """Return the content of the file at `path` as `read_bytes` does, but not of a pipe or device.

    Raises `FileAccessError` for these, too, without waiting for data.
    """
    with _opened(path) as stream:
        return _whole(path, stream)


def map_file(path: str | Path) -> mmap.mmap | bytes:
    """Return the content of the file at `path`, of any size, mapped into memory.

    Raises `FileAccessError` if it cannot be read, or is a folder, pipe or device.
    """
    with _opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        return mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) if size else b""


def text_in(content: bytes, what: str) -> str:
    """Return `content`, called `what` in messages, decoded as UTF-8 without a byte-order mark.

    Raises `FileFormatError` for other encodings, and for zero bytes, which incompletely written files have.
    """
    try:
        text = content.decode("utf-8-sig") if b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    if text is None:
        raise FileFormatError(explain(what, must="be text in UTF-8", got="other bytes", do="save it as that"))
    return text


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open the regular file `path` for reading; raise `FileAccessError` for any other, without waiting for a writer."""
    with _reading(path), open(Path(path), "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            do = "give the file that holds it"
            raise FileAccessError(explain(f"file {str(path)!r}", must="be a file", got="a device or pipe", do=do))
        yield stream


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        yield
    except LstmAnalogError:
        raise
    except (OSError, ValueError, OverflowError) as error:
        text = explain(f"file {str(path)!r}", must="be readable", got=_reason(error), do="check the path")
        raise FileAccessError(text) from error


def _whole(path: str | Path, stream: BinaryIO) -> bytes:
    """Return the content of `stream`, the open file at `path`, within the limits of `read_bytes`."""
    what, status = f"file {str(path)!r}", os.fstat(stream.fileno())
    plain = stat.S_ISREG(status.st_mode)
    most = LARGEST_FILE if plain else LARGEST_STREAM
    content = stream.read(1 + (status.st_size if plain else most)) if status.st_size <= most else b""
    size = max(status.st_size, len(content))
    if size > most:
        got, do = f"{size} bytes or more", "give what it holds in pieces; of a model the recurrent module alone"
        raise FileAccessError(explain(what, must=f"have at most {most} bytes", got=got, do=do))
    if plain and len(content) != status.st_size:
        got, do = f"{len(content)} bytes or more where it had {status.st_size}", "wait until it is written"
        raise FileAccessError(explain(what, must="stay as it is while it is read", got=got, do=do))
    return content


def _resolved(path: Path) -> Path:
    """Return the target of `path`, following links; raise `FileAccessError` for one in /dev or /proc."""
    place = path
    for _ in range(_MOST_LINKS):
        parts = (Path(_place(place.parent)) / place.name).parts
        if parts[:2] in _KEPT_BY_THE_SYSTEM and parts[:3] != _SHARED_MEMORY:
            raise _unwritable(path, "a device or pipe")
        try:
            place = place.parent / place.readlink()
        except (OSError, ValueError):
            return place  # no link; or an error that `mkstemp` will report
    raise _unwritable(path, "too many links")


def _mode(target: Path) -> int | None:
    """Return the mode of the file `target`, None if it does not exist.

    Raises `FileAccessError` for a folder, device or pipe, and for a read-only file, which renaming would replace.
    """
    try:
        mode = target.stat().st_mode
    except (OSError, ValueError):
        return None  # does not exist; or an error that `mkstemp` will report
    if not stat.S_ISREG(mode):
        raise _unwritable(target, "a folder" if stat.S_ISDIR(mode) else "a device or pipe")
    if not os.access(target, os.W_OK):
        raise _unwritable(target, "a read-only file")
    return stat.S_IMODE(mode)


def _reason(error: Exception | str) -> object:
    return getattr(error, "strerror", None) or error


def _unwritable(target: Path, error: Exception | str) -> FileAccessError:
    do = "check the folder, the rights and the free space; nothing was written"
    return FileAccessError(explain(f"file {str(target)!r}", must="be writable", got=_reason(error), do=do))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
