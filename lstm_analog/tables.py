"""Read and write tables of numbers: csv, also with semicolons or tabs, and npy."""

import csv
import re
from codecs import getwriter
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.errors import FileFormatError, InvalidShapeError, LstmAnalogError, explain
from lstm_analog.files import read_bytes, text_in, whole_file
from lstm_analog.frames import TIMES
from lstm_analog.npy import read_array

_NPY = b"\x93NUMPY"
_SEPARATORS = (",", ";", "\t")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_SI_UNITS = frozenset(("", "s", "sec", "second", "seconds", "v", "volt", "volts", "pa", "pascal", "pascals"))
"""Words of a row of units under a header, in lower case and without brackets, for which numbers need no scaling."""


def read_table(path: str | Path) -> Floats:
    """Return the numbers in the csv or npy file at `path`: (rows, columns), or any shape of npy.

    The content decides which of them it is. A csv may start with a byte-order mark and a header, and have commas,
    semicolons or tabs between columns; lines that start with # are skipped. Raises `FileAccessError`, and
    `FileFormatError`, also for decimal commas and for a column of times.
    """
    content, what = read_bytes(path), f"file {str(path)!r}"
    try:
        if content.startswith(_NPY):
            return floats(read_array(content, what), what)
        return _numbers(_rows(content, what), what)
    except FileFormatError:
        raise
    except LstmAnalogError as error:  # for arrays: their type, or a number that is not finite
        raise FileFormatError(str(error)) from error


def read_columns(path: str | Path, names: Sequence[str]) -> Floats:
    """Return the first column of the csv at `path` and then those called `names`, (rows, 1 + names).

    The header is the one row in which all `names` stand; what stands above, such as the settings of an oscilloscope, is
    skipped. A row of units below it must be in s, V or Pa. Other columns may hold anything.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    FileFormatError
        If there is no such header or more than one, another unit, a row that ends early, or what is no finite number.
    """
    what = f"file {str(path)!r}"
    rows = _rows(read_bytes(path), what)
    first = _header(rows, names, what)
    wanted = [0, *(rows[first].index(name) for name in names)]
    body = rows[first + 1 + _has_units(rows[first + 1 : first + 2], wanted, what) :]
    if not body:
        raise FileFormatError(explain(what, must="have rows under its header", got="none", do="save the trace anew"))
    skipped = len(rows) - len(body)
    try:
        table = np.array([[row[column] for column in wanted] for row in body], dtype=np.float64)
    except (IndexError, ValueError):
        raise _not_read(what, body, wanted, skipped) from None
    strange = np.argwhere(~np.isfinite(table))
    if strange.size:
        row, column = strange[0].tolist()
        raise _no_number(what, body[row][wanted[column]], row + 1 + skipped)
    return table


def _header(rows: list[list[str]], names: Sequence[str], what: str) -> int:
    """Return the number of the row in which all `names` stand once; raise unless there is one such row."""
    found = [number for number, row in enumerate(rows) if all(row.count(name) == 1 for name in names)]
    if len(found) == 1:
        return found[0]
    must = f"have one row with the columns {', '.join(map(ascii, names))}"
    head = next((row for row in rows if not any(map(_is_number, row))), rows[0])
    got = f"{len(found)} such rows" if found else f"none; the first row of words is {', '.join(map(ascii, head))[:200]}"
    raise FileFormatError(explain(what, must=must, got=got, do="name columns as its header does"))


def _has_units(rows: list[list[str]], wanted: list[int], what: str) -> bool:
    """Return whether the first of `rows`, if any, has units in the columns `wanted`; raise for one that is not SI."""
    row = rows[0] if rows else []
    fields = [row[column] for column in wanted if column < len(row)]
    if not fields or any(map(_is_number, fields)):
        return False
    strange = [field for field in fields if field.strip("()[] ").lower() not in _SI_UNITS]
    if strange:
        do = "scale its columns, or take out that row if they are in these units"
        raise FileFormatError(explain(what, must="be in s, V or Pa", got=ascii(strange[0])[:60], do=do))
    return True


def _not_read(what: str, body: list[list[str]], wanted: list[int], skipped: int) -> FileFormatError:
    """Return the error of the first row of `body`, which follows `skipped` rows, that has no numbers where `wanted`."""
    for number, row in enumerate(body, start=skipped + 1):
        if len(row) <= max(wanted):
            must, got = f"have {max(wanted) + 1} columns", f"{len(row)} in row {number}"
            return FileFormatError(explain(what, must=must, got=got, do="save the trace anew"))
        for column in wanted:
            if not _is_number(row[column]):
                return _no_number(what, row[column], number)
    return FileFormatError(explain(what, must="hold numbers", got="others", do="save the trace anew"))


def _rows(content: bytes, what: str) -> list[list[str]]:
    text = text_in(content, what)
    lines = [line for line in (each.partition("#")[0] for each in text.splitlines()) if line.strip()]
    if not lines:
        do = "give a row a step, commas between"
        raise FileFormatError(explain(what, must="hold a table of numbers", got="no row", do=do))
    separator = max(_SEPARATORS[1:], key=lines[-1].count)
    separator = separator if separator in lines[-1] else _SEPARATORS[0]
    try:
        rows = [[field.strip() for field in row] for row in csv.reader(StringIO("\n".join(lines)), delimiter=separator)]
    except csv.Error as error:
        raise FileFormatError(explain(what, must="hold a table of numbers", got=error, do="save it anew")) from None
    return rows


def _numbers(rows: list[list[str]], what: str) -> Floats:
    header = rows[0] if len(rows) > 1 and not any(map(_is_number, rows[0])) else []
    times = [name for name in header if name.lower() in TIMES]
    if times:
        got, do = f"column {times[0]!a}", "leave that column out: a row is a step"
        raise FileFormatError(explain(what, must="hold inputs only, no times", got=got, do=do))
    body = rows[1:] if header else rows
    width = len(header or body[0])
    table = np.empty((len(body), width))
    for number, row in enumerate(body):
        line = number + 1 + bool(header)
        if len(row) != width:
            got, do = f"{len(row)} in row {line}", "give each row as many numbers"
            raise FileFormatError(explain(what, must=f"have {width} columns", got=got, do=do))
        try:
            table[number] = row
        except ValueError:
            raise _no_number(what, next(field for field in row if not _is_number(field)), line) from None
    return floats(table, what)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _no_number(what: str, field: str, line: int) -> FileFormatError:
    comma = _DECIMAL_COMMA.fullmatch(field) is not None
    must = "have decimal points" if comma else "hold a table of numbers"
    do = "write 1.5 for 1,5" if comma else "give numbers, a row a step, commas between"
    return FileFormatError(explain(what, must=must, got=f"{ascii(field)[:60]} in row {line}", do=do))


def write_table(path: Path, names: list[str], table: Floats) -> None:
    """Write `table` (rows, columns) to `path` as csv with column `names`, exactly, and completely or not at all.

    If `path` ends in npy it is written in that format, without names and with any number of axes. Raises
    `InvalidShapeError` for a csv with other than two axes.
    """
    if path.suffix != ".npy" and table.ndim != 2:
        got, do = f"shape {table.shape}", "name an output that ends in .npy"
        raise InvalidShapeError(explain("a csv table", must="be of one sequence", got=got, do=do))
    with whole_file(path) as stream:
        if path.suffix == ".npy":
            np.save(stream, table, allow_pickle=False)
        else:
            np.savetxt(stream, table, delimiter=",", header=",".join(names), fmt="%.17g")


def write_rows(path: str | Path, rows: Iterable[Iterable[object]]) -> None:
    """Write `rows`, the header first, to `path` as csv, one after the other, and completely or not at all.

    Raises `FileAccessError` if it cannot be written.
    """
    with whole_file(path) as stream:
        csv.writer(getwriter("utf-8")(stream), lineterminator="\n").writerows(rows)
