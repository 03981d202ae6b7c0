"""Runs many chips or sequences in portions, which several threads may solve at once.

Each portion writes to its share of one recorder. If a portion of chips cannot be solved, its chips are solved in
smaller groups, so that one of them does not make the others fail.

The arrays of a portion stay in the nearest caches of the processor, those of all chips or sequences often do not.
Portions, and with them the rounding of answers, do not depend on the number of threads, unless an engine asks for no
more portions than threads, as `Settle` does. Threads are of use since numpy and the kernel release Python's global lock
while they compute.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, nan, prod
from multiprocessing import parent_process
from threading import Lock
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.record import Recorder
from lstm_analog.errors import (
    ChipsWarning,
    InvalidValueError,
    SimulationError,
    UnsupportedError,
    explain,
    warn_caller,
)
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory

_EFFORTS = 20_000
"""Efforts (unknowns x chips x sequences) of a portion; larger: fewer portions, whose arrays may leave the caches."""
_LEAST = 16
"""Sequences of a portion at least, all its chips counted; larger: products of matrices are faster, portions fewer."""
_WORK = 6_000_000
"""Efforts x intervals that a portion must have to be worth its own analysis; larger: more runs stay whole."""
_MOST_THREADS = 1024
"""Largest number of threads that is accepted."""
_SHOWN = 8
"""Chips that a warning lists by number; the others are counted."""
_PORTIONS: WeakKeyDictionary[Network, dict[tuple[int, int], Network]] = WeakKeyDictionary()
"""The networks of portions of the chips of a network, by start and stop; their workspaces are found by identity."""

_Found = TypeVar("_Found")


def check_threads(threads: int) -> None:
    """Raise `InvalidValueError` unless a run can be given so many `threads`."""
    if not 1 <= threads <= _MOST_THREADS:
        must, do = f"be 1 to {_MOST_THREADS}", "give the number of processors, or 1 where processes run side by side"
        raise InvalidValueError(explain("threads", must=must, got=threads, do=do))


@dataclass(frozen=True, kw_only=True)
class Portions:
    """The `slices` into which the chips of a run are divided, or its sequences if it has no chips.

    Up to so many `threads` solve them; in a process that another Python process has started, one does.
    """

    slices: tuple[slice, ...]
    threads: int

    def each(self, solve: Callable[[slice, Progress | None], _Found], progress: Progress | None) -> Iterator[_Found]:
        """Yield what `solve` returns for each slice, in their order; `progress` is told the intervals done on average.

        The first that raises stops the others, at the end of the interval that they are in.
        """
        told = _ProgressOfAll(len(self.slices), progress)
        calls = [partial(told.watch, solve, part, number) for number, part in enumerate(self.slices)]
        threads = self.threads if parent_process() is None else 1
        if threads == 1:
            for call in calls if progress else [partial(solve, part, None) for part in self.slices]:
                yield call()
            return
        with ThreadPoolExecutor(min(threads, len(calls))) as pool:
            waiting = deque(pool.submit(copy_context().run, call) for call in calls)
            try:
                while waiting:
                    yield waiting.popleft().result()
            finally:
                told.stopped = told.stopped or CancelledError()
                pool.shutdown(cancel_futures=True)


class _ProgressOfAll:
    """Tells `progress` how many intervals `count` portions have done on average, and stops all if one of them raises.

    `stopped` is the error that one raised, for the others to raise as well.
    """

    def __init__(self, count: int, progress: Progress | None) -> None:
        self._done, self._progress, self._lock = [0] * count, progress, Lock()
        self.stopped: BaseException | None = None

    def watch(self, solve: Callable[[slice, Progress | None], _Found], part: slice, number: int) -> _Found:
        """Return what `solve` returns for `part`, portion `number`; if it was stopped, raise what stopped all."""
        try:
            return solve(part, partial(self._tell, number))
        except BaseException as reason:
            if self.stopped is None:
                self.stopped = reason
                raise
            raise self.stopped from self.stopped.__cause__

    def _tell(self, number: int, done: int, total: int) -> None:
        """Note that portion `number` has `done` so many intervals of the `total`."""
        with self._lock:
            if self.stopped:
                raise CancelledError
            before = sum(self._done) // len(self._done)
            self._done[number] = max(done, self._done[number])
            if self._progress is not None and (now := sum(self._done) // len(self._done)) > before:
                try:
                    self._progress(now, total)
                except BaseException as reason:
                    self.stopped = reason  # or an engine might take it for a failure of its own, and try again
                    raise


def divided(network: Network, schedule: Schedule, *, threads: int, most: int | None = None) -> Portions:
    """Return the portions of a run of `network` under `schedule` for up to so many `threads`: `most` of them, if given.

    A run whose parameters change from step to step stays whole, as does one that is short or small.
    """
    beside = prod(schedule.batch) if network.chips else 1
    count, efforts = network.chips or prod(schedule.lead), network.unknowns.size * beside
    each = max(_EFFORTS // efforts, ceil(_LEAST / beside), 1)
    many = min(count // each, efforts * count * len(schedule.names) // _WORK, count if most is None else most)
    many = max(many, 1) if schedule.varying is None else 1
    size = ceil(count / many)  # all but the last are equal, or each thread would need a workspace of either size
    return Portions(slices=tuple(slice(k, min(k + size, count)) for k in range(0, count, size)), threads=threads)


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """What solved some chips or sequences: an `engine` with its settings, and its estimate of the `error`.

    `finite` tells that all recorded efforts are known to be finite; else the trajectory checks them.
    """

    engine: str
    error: float = nan
    finite: bool = False


class NetworkSolver(Protocol):
    """Runs a `network` under a `schedule`, all its chips side by side, writing to `record` and telling `progress`."""

    def __call__(self, network: Network, schedule: Schedule, record: Recorder, progress: Progress | None) -> Solved:
        """Return how it was solved; raise `SimulationError` or `UnsupportedError` if it cannot be."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """Some chips or sequences that were `solved` side by side.

    `share` is that of a portion of sequences in the recorder, which has to join it again. Of a chip that had to be
    solved alone, `number` says which, and `reason` why.
    """

    solved: Solved
    share: Recorder | None = None
    number: int = -1
    reason: Exception | None = None


def run_chips(solve: NetworkSolver, record: Recorder, portions: Portions, progress: Progress | None) -> Trajectory:
    """Return what `solve` writes to `record`, of its network and schedule: `portions` side by side, if it can.

    If not, the chips of a portion are halved until each group can be solved; a chip that fails by itself is taken
    without the axis, as if it had been drawn alone. Warns, `ChipsWarning`, of the chips that were solved by themselves,
    and how. It tells `progress`.

    Raises
    ------
    SimulationError, UnsupportedError
        If a chip cannot be solved alone; the message has its number. Of one machine, as `solve` does.
    """
    network, schedule = record.network, record.schedule
    if network.chips:
        lead, each = (network.chips, *schedule.batch), partial(_chips, solve, record)
    else:  # what differs in the efforts alone is a batch
        lead, each = schedule.lead, partial(_sequences, solve, record)
    if len(portions.slices) == 1:
        groups = each(slice(None), progress)
    else:
        for part in portions.slices if network.chips else ():
            _portion(network, part)  # before threads ask for them
        groups = [group for several in portions.each(each, progress) for group in several]
    for share in (group.share for group in groups if group.share):
        record.join(share)
    _warn([group for group in groups if group.reason], network.chips)
    engines = dict.fromkeys(group.solved.engine for group in groups)
    engine = ("; some chips: " if network.chips else "; some sequences: ").join(engines)
    finite, error = all(group.solved.finite for group in groups), np.max([group.solved.error for group in groups])
    return record.trajectory(engine=engine, lead=lead, error=float(error), finite=finite)


def _sequences(solve: NetworkSolver, record: Recorder, part: slice, progress: Progress | None) -> list[_Group]:
    """Solve the sequences `part` of a run that `record` records, telling `progress`."""
    network, schedule = record.network, record.schedule
    if part == slice(None):
        sequences = replace(schedule, chips=0) if schedule.chips else schedule
        return [_Group(solved=solve(network, sequences, record, progress))]
    share = record.share(part)
    found = solve(network, schedule.of_sequences(part), share, progress)
    return [_Group(solved=found, share=share)]


def _chips(solve: NetworkSolver, record: Recorder, part: slice, progress: Progress | None) -> list[_Group]:
    """Solve the chips `part` of a run that `record` records, telling `progress`: in smaller groups if they must be."""
    network, schedule = record.network, record.schedule
    try:
        if part == slice(None):
            return [_Group(solved=solve(network, schedule, record, progress))]
        numbers = np.arange(network.chips)[part]
        of_part = _portion(network, part), schedule.of_chips(numbers)
        return [_Group(solved=solve(*of_part, record.share(part), progress))]
    except (SimulationError, UnsupportedError) as reason:
        return list(_apart(solve, record, np.arange(network.chips)[part], reason, progress))


def _portion(network: Network, part: slice) -> Network:
    """Return the chips `part` of `network`, the same object each time while `network` is there."""
    known = _PORTIONS.setdefault(network, {})
    if (part.start, part.stop) not in known:
        known[part.start, part.stop] = of_chips(network, part)
    return known[part.start, part.stop]


def _apart(
    solve: NetworkSolver, record: Recorder, numbers: Indices, reason: Exception, progress: Progress | None
) -> Iterator[_Group]:
    """Solve each half of the chips `numbers`, neighbours, that could not be solved together for that `reason`.

    Yields the groups into which they had to be divided; raises what `_alone` does.
    """
    network, schedule = record.network, record.schedule
    if numbers.size == 1:
        yield _alone(solve, record, int(numbers[0]), reason, progress)
        return
    for half in np.array_split(numbers, 2):
        share = record.share(slice(int(half[0]), int(half[-1]) + 1))
        try:
            found = solve(of_chips(network, half), schedule.of_chips(half), share, progress)
        except (SimulationError, UnsupportedError):
            yield from _apart(solve, record, half, reason, progress)
        else:
            yield _Group(solved=found)


def _alone(solve: NetworkSolver, record: Recorder, number: int, reason: Exception, progress: Progress | None) -> _Group:
    """Solve chip `number` alone, for the `reason` that it failed with others; an error of it names the chip."""
    network = record.network
    try:
        schedule, share = record.schedule.of_chips(number), record.share(number)
        found = solve(of_chips(network, number), schedule, share, progress)
    except (SimulationError, UnsupportedError) as why:
        what, do = f"chip {number} of {network.chips}", "draw the others without it, by Streams(first=..., chips=...)"
        raise type(why)(explain(what, must="be solved", got=f"({why})", do=do)) from why
    return _Group(solved=found, number=number, reason=reason)


def _warn(alone: list[_Group], count: int) -> None:
    """Warn of the chips that were solved `alone`, of `count`, if there are any."""
    if alone:
        numbers = ", ".join(str(group.number) for group in alone[:_SHOWN])
        more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
        what, must = f"chips {numbers}{more} of {count}", "be solved beside the others"
        do = f"expect it to take longer; each was solved alone, the first by {alone[0].solved.engine}"
        warn_caller(ChipsWarning(explain(what, must=must, got=f"({alone[0].reason})", do=do)))
