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
    if not found or "real" not in fields.get("Flags", ""):
        do = "run the simulator with -b -r"
        raise FileFormatError(explain("raw file", must="hold binary real numbers", got=fields.get("Flags"), do=do))
    columns, points = int(fields["No. Variables"]), int(fields["No. Points"])
    listed = [line.split()[1] for line in lines[lines.index("Variables:") + 1 :][:columns]]
    places = {name: place for place, name in enumerate(listed)}
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
