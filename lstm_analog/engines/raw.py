"""Reads the binary raw files that SPICE simulators write: columns of a transient by node, or all of any analysis."""

from mmap import mmap
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, explain
from lstm_analog.files import map_file

_HEADER = 64 * 1024 * 1024
"""Bytes of a raw file within which its header must end, enough for a million nodes; larger: more memory."""
_DATA = b"Binary:\n"
"""The end of the header, behind which the numbers begin."""


def read_raw(path: Path, names: list[str], *, voltage: str = "v({})") -> tuple[Floats, Floats]:
    """Return time (points,) and the node voltages (points, len(`names`)) of the transient in the file at `path`.

    `voltage` is the simulator's name of the voltage of the node `{}`. Only these columns are copied from the file.

    Raises
    ------
    FileFormatError
        If it is no binary raw file of real numbers, a name is missing, there are more or fewer points than it declares,
        times fall back, or a value is not finite.
    FileAccessError
        If it cannot be read.
    """
    content = map_file(path)
    start, points, places = _header(content, "time")
    missing = [name for name in names if voltage.format(name) not in places]
    if missing:
        do = "save these nodes"
        raise FileFormatError(explain("raw file", must="hold every node", got=f"no {', '.join(missing[:5])}", do=do))
    table = _table(content, start, points, len(places))
    if not points:
        return np.empty(0), np.empty((0, len(names)))
    time, values = np.array(table[:, 0]), np.array(table[:, [places[voltage.format(name)] for name in names]])
    _check_transient(time, values)
    return time, values


def read_columns(path: Path) -> dict[str, Floats]:
    """Return the columns (points,) of the raw file at `path` by name, of any analysis in real numbers.

    Raises `FileFormatError` if it is no binary raw file of real numbers, and `FileAccessError` if it cannot be read.
    """
    content = map_file(path)
    start, points, places = _header(content, None)
    table = np.array(_table(content, start, points, len(places)))
    return {name: table[:, place] for name, place in places.items()}


def _header(content: mmap | bytes, first: str | None) -> tuple[int, int, dict[str, int]]:
    """Return where the numbers of `content` begin, how many points it declares, and the column of each variable.

    The first variable must be called `first`, unless that is None.
    """
    start = content.find(_DATA, 0, _HEADER)
    lines = content[: start if start >= 0 else _HEADER].decode("ascii", errors="replace").splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    if start < 0 or fields.get("Flags", "").split() != ["real"]:
        do = "run the simulator with -b -r"
        raise FileFormatError(explain("raw file", must="hold binary real numbers", got=fields.get("Flags"), do=do))
    points, places = _variables(lines, fields, first)
    return start + len(_DATA), points, places


def _table(content: mmap | bytes, start: int, points: int, columns: int) -> Floats:
    """Return the numbers of `content` from byte `start` on, (`points`, `columns`), without copying them."""
    size = len(content) - start
    if size != 8 * columns * points:
        do = "check the free space; run one analysis a file"
        raise FileFormatError(explain("raw file", must=f"hold {points} points", got=f"{size} bytes", do=do))
    return np.frombuffer(content, dtype="<f8", offset=start).reshape(points, columns)


def _check_transient(time: Floats, values: Floats) -> None:
    """Raise unless `time` (points,) never falls back and the `values` (points, nodes) are finite."""
    do = "run the simulator anew, with tighter tolerances"
    bad = np.flatnonzero(~(np.isfinite(time) & np.isfinite(values).all(axis=1)))
    if bad.size:
        raise FileFormatError(explain("raw file", must="hold finite numbers", got=f"others at point {bad[0]}", do=do))
    back = np.flatnonzero(np.diff(time) < 0.0)
    if back.size:
        got = f"{time[back[0] + 1]:.6g} s after {time[back[0]]:.6g} s"
        raise FileFormatError(explain("times of a raw file", must="not fall back", got=got, do=do))


def _variables(lines: list[str], fields: dict[str, str], first: str | None) -> tuple[int, dict[str, int]]:
    """Return how many points the `lines` of a header declare, and the column of each variable, as in `_header`."""
    try:
        columns, points = int(fields["No. Variables"]), int(fields["No. Points"])
        listed = [line.split()[1] for line in lines[lines.index("Variables:") + 1 :][:columns]]
    except (KeyError, ValueError, IndexError) as error:
        do = "run the simulator anew"
        raise FileFormatError(explain("raw file", must="list its variables", got=ascii(str(error)), do=do)) from error
    if not (len(listed) == columns > 0 <= points and listed[0] == (first or listed[0]) and len(set(listed)) == columns):
        got, do = f"{len(listed)} of {columns}, {points} points, first {listed[:1]!a}", "run the simulator anew"
        raise FileFormatError(explain("raw file", must="list its variables", got=got, do=do))
    return points, {name: place for place, name in enumerate(listed)}
