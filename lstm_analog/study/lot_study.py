"""A study cut into lots: which there are, which a folder has already, and all of them in order."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path

import numpy as np

from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.study.lot_files import store_lot, stored_lots
from lstm_analog.study.lot_workers import ExecutorLike, run_lots
from lstm_analog.study.lots import AnyDesign, Lot, Trial

MOST_IN_LOT = 250
"""Chips of a lot unless told otherwise. Larger: less time a chip, more memory; measured in benchmarks/yields.py."""
LOT_BYTES = 512e6
"""About what a lot takes at most unless told otherwise. Larger: less time a chip of large batches or networks."""
_SIGNAL_BYTES, _PART_BYTES = 16, 24
"""Bytes that `Settle` needs for each unknown in each step, and for each number of a part; measured as the above."""
MOST_CHIPS = 10**9
"""Chips of a study: larger, and the list of its lots alone would take hundreds of megabytes."""
AHEAD = 32
"""Lots in the hands of an executor at once, unless told otherwise: enough for 16 workers."""


@dataclass(frozen=True, kw_only=True)
class Handling:
    """How lots are run; `study.yield_of` says what each field means."""

    lot_size: int | None
    executor: ExecutorLike
    ahead: int
    timeout: float | None
    folder: Path | None

    def __post_init__(self) -> None:
        """Check that counts are positive, and that a time limit is one and has somebody to keep it."""
        if self.lot_size is not None:
            check_count("lot_size", self.lot_size)
        check_count("ahead", self.ahead)
        if self.timeout is None:
            return
        if not (self.timeout > 0.0 and isfinite(self.timeout)):
            do = "give seconds, or None for no limit"
            raise InvalidValueError(explain("timeout", must="be positive and finite", got=self.timeout, do=do))
        if self.executor is None:
            do = "give e.g. executor=ProcessPoolExecutor, or leave the timeout out"
            raise InvalidValueError(explain("timeout", must="come with an executor", got="none", do=do))


def lots_of(trial: Trial[AnyDesign], chips: int, how: Handling) -> Generator[Lot]:
    """Yield the lots of so many `chips` of `trial` in the order of their numbers, run as `how` says.

    Those that the folder has are not run again; the others go there as they come, in whatever order.
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
    """Return how many chips of `trial` run side by side in about `LOT_BYTES`, one at least, `MOST_IN_LOT` at most."""
    networks = [compiled.network for compiled in trial.machine.passes]
    unknowns = sum(network.unknowns.size for network in networks)
    held = [getattr(part, entry.name) for network in networks for part in network.parts for entry in fields(part)]
    numbers = sum(value.size for value in held if isinstance(value, np.ndarray))
    steps = trial.x[..., 0].size
    chips = LOT_BYTES / (_SIGNAL_BYTES * steps * unknowns + _PART_BYTES * numbers)
    return int(min(max(chips, 1.0), MOST_IN_LOT))


def check_count(what: str, value: int) -> None:
    """Raise `InvalidValueError` unless `value`, called `what`, is from one to `MOST_CHIPS`."""
    if not 1 <= value <= MOST_CHIPS:
        must = f"be 1 to {MOST_CHIPS}"
        raise InvalidValueError(explain(what, must=must, got=value, do="give a whole number there"))
