"""Read and write tables of numbers: csv, also with semicolons or tabs, and npy."""

import csv
import re
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
