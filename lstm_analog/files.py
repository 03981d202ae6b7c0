"""Files are written whole or not at all; tables of numbers in text."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileAccessError, FileFormatError, LstmAnalogError, explain


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary neighbour of `path` for writing; it takes the name `path` only once all is written.

    Raises
    ------
    FileAccessError
        If the folder is missing or not writable, the disk is full, or `path` is a device or pipe, which a file would
        replace; nothing is left behind.
    """
    target = Path(path)
    _refuse_special(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}-")
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield cast(BinaryIO, stream)
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except LstmAnalogError:
        raise
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: str | Path) -> Iterator[Path]:
    """Make a temporary folder in `folder` for files that belong together; they move out of it once all are written.

    Raises
    ------
    FileAccessError
        As `whole_file` does; nothing is left behind, and nothing replaced.
    """
    target = Path(folder)
    try:
        stage = tempfile.TemporaryDirectory(dir=target, prefix=".lstm_analog-")
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from error
    with stage as name:
        yield Path(name)
        parts = sorted(Path(name).iterdir())
        for part in parts:
            _refuse_special(target / part.name)
            if (target / part.name).is_dir():
                raise _unwritable(target / part.name, "a folder")
        for part in parts:
            try:
                part.replace(target / part.name)
            except OSError as error:
                raise _unwritable(target / part.name, error) from error


def read_bytes(path: str | Path) -> bytes:
    """Return the content of the file at `path`, or raise `FileAccessError`."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        text = explain(f"file {str(path)!r}", must="be readable", got=_reason(error), do="check the path")
        raise FileAccessError(text) from error


def read_table(path: Path) -> Floats:
    """Return the table of numbers in the csv or npy file at `path`, told by its ending, (rows, columns).

    Raises `FileFormatError` for anything else, `FileAccessError` for a file that cannot be read.
    """
    read_bytes(path)
    try:
        array = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_csv(path)
    except LstmAnalogError:
        raise
    except (ValueError, EOFError) as error:
        got: object = error
        do = "give numbers, a row a step, commas between; remove the header or start it with #"
        if path.suffix == ".npy":
            got, do = "something else", "write it with numpy.save, numbers only"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a table of numbers", got=got, do=do)) from None
    result: Floats = array
    return result


def _read_csv(path: Path) -> Floats:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.partition("#")[0].strip()]
    if not lines:
        do = "give a row a step, commas between"
        raise FileFormatError(explain(f"file {str(path)!r}", must="hold a table of numbers", got="no row", do=do))
    return np.loadtxt(lines, delimiter=",", ndmin=2, comments="#")


def write_table(path: Path, names: list[str], table: Floats) -> None:
    """Write `table` (rows, columns) under the column `names` to `path` as csv, to the last bit, whole or not at all."""
    with whole_file(path) as stream:
        np.savetxt(stream, table, delimiter=",", header=",".join(names), fmt="%.17g")


def _refuse_special(target: Path) -> None:
    try:
        mode = target.stat().st_mode
    except (OSError, ValueError):
        return  # not there yet, or for `mkstemp` to say why not
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _unwritable(target, "a device or pipe")


def _reason(error: Exception | str) -> object:
    return getattr(error, "strerror", None) or error


def _unwritable(target: Path, error: Exception | str) -> FileAccessError:
    do = "check the folder, the rights and the free space; nothing was written"
    return FileAccessError(explain(f"file {str(target)!r}", must="be writable", got=_reason(error), do=do))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
