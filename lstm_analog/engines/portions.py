"""Divides the chips or the sequences of a run into portions, which several threads may solve at once.

The arrays of a portion stay in the nearest caches of the processor, those of all chips or sequences often do not.
Portions, and with them the rounding of answers, do not depend on the number of threads unless an engine limits the
one by the other, as `Settle` does. Threads are of use since numpy and the kernel let go of Python's global lock while
they compute.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from math import ceil, prod
from multiprocessing import parent_process
from threading import Lock
from typing import TypeVar

from lstm_analog.engines.base import Progress
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule

_EFFORTS = 20_000
"""Efforts (unknowns x chips x sequences) of a portion; larger: fewer portions, whose arrays may leave the caches."""
_LEAST = 16
"""Sequences, of all its chips, that a portion has at least; larger: products of matrices are faster, portions fewer."""
_WORK = 6_000_000
"""Efforts x intervals of a portion from which it is worth its own analysis; larger: short runs stay whole."""
_MOST_THREADS = 1024
"""Largest number of threads that is accepted."""

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
        """Yield what `solve` makes of each slice, in their order; `progress` is told what all have done on average.

        What raises stops the others, between two intervals.
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
    """Tells `progress` each interval that `count` portions have done on average; raises in all what is `stopped` by."""

    def __init__(self, count: int, progress: Progress | None) -> None:
        self._done, self._progress, self._lock = [0] * count, progress, Lock()
        self.stopped: BaseException | None = None

    def watch(self, solve: Callable[[slice, Progress | None], _Found], part: slice, number: int) -> _Found:
        """Return what `solve` makes of the `part`, portion `number`; the first error that any raises, all raise."""
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
    """Return the portions of a run of `network` under `schedule`, for so many `threads`, and `most` of them at most.

    A run whose parameters change from step to step stays whole, as does one that is short or small.
    """
    beside = prod(schedule.batch) if network.chips else 1
    count, efforts = network.chips or prod(schedule.lead), network.unknowns.size * beside
    each = max(_EFFORTS // efforts, ceil(_LEAST / beside), 1)
    many = min(count // each, efforts * count * len(schedule.names) // _WORK, count if most is None else most)
    many = max(many, 1) if schedule.varying is None else 1
    bounds = [count * k // many for k in range(many + 1)]
    return Portions(slices=tuple(map(slice, bounds, bounds[1:])), threads=threads)
