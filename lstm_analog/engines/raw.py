"""Reads the binary `.raw` file of a SPICE transient, without copying what is not asked for."""

from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, explain

_HEADER = 64 * 1024 * 1024


def read_raw(path: Path, names: list[str]) -> tuple[Floats, Floats]:
    """Return time (points,) and the node voltages (points, len(`names`)) of the transient in the file at `path`.

    Raises
    ------
    FileFormatError
        If it is no binary raw file of real numbers, or a name is missing.
    """
    with path.open("rb") as stream:
        head, found, _ = stream.read(_HEADER).partition(b"Binary:\n")
    lines = head.decode("ascii", errors="replace").splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line)
    if not found or fields.get("Flags", "").split() != ["real"]:
        do = "run the simulator with -b -r"
        raise FileFormatError(explain("raw file", must="hold binary real numbers", got=fields.get("Flags"), do=do))
    columns, points, places = _described(lines, fields)
    if not points:
        return np.empty(0), np.empty((0, len(names)))
    missing = [name for name in names if f"v({name})" not in places]
    if missing:
        do = "save these nodes"
        raise FileFormatError(explain("raw file", must="hold every node", got=f"no {', '.join(missing[:5])}", do=do))
    size = path.stat().st_size - len(head) - len(found)
    if size < 8 * columns * points:
        do = "check the free space"
        raise FileFormatError(explain("raw file", must=f"hold {points} points", got=f"{size} bytes", do=do))
    table = np.memmap(path, dtype="<f8", mode="r", offset=len(head) + len(found), shape=(points, columns))
    return np.array(table[:, 0]), np.array(table[:, [places[f"v({name})"] for name in names]])


def _described(lines: list[str], fields: dict[str, str]) -> tuple[int, int, dict[str, int]]:
    try:
        columns, points = int(fields["No. Variables"]), int(fields["No. Points"])
        listed = [line.split()[1] for line in lines[lines.index("Variables:") + 1 :][:columns]]
    except (KeyError, ValueError, IndexError) as error:
        do = "run the simulator anew"
        raise FileFormatError(explain("raw file", must="list its variables", got=ascii(str(error)), do=do)) from error
    if not (len(listed) == columns > 0 <= points):
        got, do = f"{len(listed)} of {columns}, {points} points", "run the simulator anew"
        raise FileFormatError(explain("raw file", must="list its variables", got=got, do=do))
    return columns, points, {name: place for place, name in enumerate(listed)}
