"""Files are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from lstm_analog.errors import FileAccessError, explain


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path` for writing; it takes the name `path` only once all is written.

    Raises
    ------
    FileAccessError
        If the folder is missing or not writable, or the disk is full; nothing is left behind.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}-")
    except OSError as error:
        raise _unwritable(target, error) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield cast(BinaryIO, stream)
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file, or raise `FileAccessError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        text = explain(f"file {str(path)!r}", must="be readable", got=error.strerror or error, do="check the path")
        raise FileAccessError(text) from error


def _unwritable(target: Path, error: OSError) -> FileAccessError:
    do = "check the folder, the rights and the free space; nothing was written"
    return FileAccessError(explain(f"file {str(target)!r}", must="be writable", got=error.strerror or error, do=do))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
