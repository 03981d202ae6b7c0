"""Divide a study into lots, load those that a folder has, run the others, and store each in a file as it is done."""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import FileAccessError, FileFormatError, InvalidValueError, explain
from lstm_analog.imperfections.base import InRange
from lstm_analog.records import load_record, save_record
from lstm_analog.study.lot_workers import ExecutorLike, run_lots
from lstm_analog.study.lots import AnyDesign, Lot, Trial


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredLot:
    """A `lot`, and the `digest` of its study."""

    digest: str
    lot: Lot


_KINDS = MappingProxyType({kind.__name__: kind for kind in (StoredLot, Lot)})


def store_lot(folder: Path, digest: str, lot: Lot) -> None:
    """Write `lot` of the study of that `digest` to a file of `folder`, whole or not at all.

    Raises `FileAccessError` if the file cannot be written.
    """
    save_record(StoredLot(digest=digest, lot=lot), _path(folder, lot.first, lot.values.size))


def stored_lots(folder: Path, digest: str, spans: Iterable[tuple[int, int]]) -> dict[int, Lot]:
    """Return the lots in `folder` of the study with this `digest`, by their first chip; make the folder if missing.

    `spans` are the first chip and the number of chips of each lot to return; other files are left alone.

    Raises `FileAccessError` if the folder cannot be made or read; `FileFormatError` if a file in it is damaged, or of
    another study.
    """
    found = {}
    for path in _files(folder):
        stored = load_record(path, StoredLot, _KINDS)
        lot, count = stored.lot, stored.lot.values.size
        if path != _path(folder, lot.first, count) or lot.values.shape != (len(lot.reasons),):
            do = "remove it: its chips are then computed again"
            raise FileFormatError(explain(f"file {str(path)!r}", must="be as it was written", got="another", do=do))
        if stored.digest != digest:
            must, got = f"be of this study, digest {digest[:12]}", f"another, {stored.digest[:12]}"
            do = "give each study a folder of its own"
            raise FileFormatError(explain(f"file {str(path)!r}", must=must, got=got, do=do))
        found[lot.first, count] = lot
    return {span[0]: found[span] for span in spans if span in found}


def _files(folder: Path) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return sorted(folder.glob("chips-*.npz"))
    except (OSError, ValueError) as error:
        got, do = getattr(error, "strerror", None) or error, "choose another folder"
        raise FileAccessError(explain(f"folder {str(folder)!r}", must="be writable", got=got, do=do)) from error


def _path(folder: Path, first: int, count: int) -> Path:
    return folder / f"chips-{first}-{first + count - 1}.npz"


MOST_IN_LOT = 250
"""Largest default lot. Larger: less time for each chip, more memory; measured in benchmarks/yields.py."""
LOT_BYTES = 512e6
"""Approximate memory of the default lot (bytes). Larger: less time for each chip of large batches or networks."""
_SIGNAL_BYTES, _PART_BYTES = 16, 24
"""Bytes that `Settle` needs for each unknown in each step, and for each number of a part (benchmarks/yields.py)."""
MOST_CHIPS = 10**9
"""Largest number of chips; with more, the list of lots alone would take hundreds of megabytes."""
AHEAD = 32
"""Default number of lots submitted to an executor at a time: enough for 16 workers."""


def count_rule(what: str) -> InRange:
    """Return the rule that a number, called `what`, is from one to `MOST_CHIPS`."""
    return InRange(what, 1, MOST_CHIPS, "give a whole number there")


@checked_record
@dataclass(frozen=True, kw_only=True)
class Handling:
    """How lots are run; the fields are parameters of `study.yield_of`."""

    lot_size: Annotated[int, count_rule("lot_size")] | None
    executor: ExecutorLike
    ahead: Annotated[int, count_rule("ahead")]
    timeout: float | None
    folder: Path | None

    def __post_init__(self) -> None:
        if self.timeout is None:
            return
        if not (self.timeout > 0.0 and isfinite(self.timeout)):
            do = "give seconds, or None for no limit"
            raise InvalidValueError(explain("timeout", must="be positive and finite", got=self.timeout, do=do))
        if self.executor is None:
            do = "give e.g. executor=ProcessPoolExecutor, or leave the timeout out"
            raise InvalidValueError(explain("timeout", must="come with an executor", got="none", do=do))


def lots_of(trial: Trial[AnyDesign], chips: int, how: Handling) -> Generator[Lot]:
    """Yield the lots of `chips` chips of `trial` in the order of their numbers, run by `how`.

    Lots in the folder are not run again; the others are stored there as they are done, in any order.
    """
    size = usual_lot_size(trial) if how.lot_size is None else int(how.lot_size)
    spans = [(first, min(size, chips - first)) for first in range(0, chips, size)]
    digest = "" if how.folder is None else trial.digest(size)
    there = {} if how.folder is None else stored_lots(how.folder, digest, spans)
    missing = [span for span in spans if span[0] not in there]
    with closing(run_lots(trial, missing, how.executor, how.ahead, how.timeout)) as arriving:
        for first, _ in spans:
            while first not in there:
                lot = next(arriving)
                if how.folder is not None:
                    store_lot(how.folder, digest, lot)
                there[lot.first] = lot
            yield there.pop(first)


def usual_lot_size(trial: Trial[AnyDesign]) -> int:
    """Return the number of chips of `trial` that run together in about `LOT_BYTES`, from 1 to `MOST_IN_LOT`."""
    networks = [compiled.network for compiled in trial.machine.passes]
    unknowns = sum(network.unknowns.size for network in networks)
    held = [getattr(part, entry.name) for network in networks for part in network.parts for entry in fields(part)]
    numbers = sum(value.size for value in held if isinstance(value, np.ndarray))
    steps = trial.x[..., 0].size
    chips = LOT_BYTES / (_SIGNAL_BYTES * steps * unknowns + _PART_BYTES * numbers)
    return int(min(max(chips, 1.0), MOST_IN_LOT))
