"""Run lots on the workers of any executor, and on new workers if they have died."""

import os
import pickle
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from itertools import islice
from multiprocessing import active_children, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TypeAlias

from lstm_analog.errors import InvalidTypeError, LstmAnalogError, SimulationError, UnsupportedError, explain
from lstm_analog.study.lots import AnyDesign, Lot, Trial, run_lot

ExecutorLike: TypeAlias = Executor | Callable[[], Executor] | None
"""An executor, a function that makes one and may be called again, or None for this process."""
MOST_BREAKS = 5
"""How often in a row workers may die without a lot done. Larger: later failure if a lot always kills its worker."""

_Span = tuple[int, int]
"""The first chip and the number of chips of a lot."""


def end_with_parent() -> None:
    """Make this worker process end when its parent does, even by SIGKILL, instead of waiting for ever.

    It is for `ProcessPoolExecutor(initializer=end_with_parent)`.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)  # nobody is there to take an answer, or to clean up for


def run_lots(
    trial: Trial[AnyDesign], spans: list[_Span], executor: ExecutorLike, ahead: int, timeout: float | None
) -> Generator[Lot]:
    """Yield the lots of `trial` with the `spans` as they are done by the workers of `executor`.

    At most `ahead` lots are submitted at a time. If workers die and `executor` is a function, it is called for a new
    executor, which runs the remaining lots.

    Raises `SimulationError` if no lot is done in `timeout` seconds, workers die and cannot be replaced, or an executor
    fails otherwise; `UnsupportedError` if the `trial` cannot be sent to a worker; `InvalidTypeError` if `executor`
    returns no executor.
    """
    if executor is None:
        yield from (run_lot(trial, first, count) for first, count in spans)
        return
    left, breaks = dict.fromkeys(spans), 0
    while left:
        with _opened(executor) as pool:
            _check_sendable(pool, trial)
            try:
                for lot in _answers(pool, trial, left, ahead, timeout, theirs=isinstance(executor, Executor)):
                    breaks = 0
                    yield lot
            except BrokenExecutor as error:
                breaks += 1
                _check_breaks(executor, breaks, left, error)


def _answers(
    pool: Executor, trial: Trial[AnyDesign], left: dict[_Span, None], ahead: int, timeout: float | None, *, theirs: bool
) -> Iterator[Lot]:
    """Yield the lots that are `left` as `pool` finishes them, and remove each from `left`.

    If the pool is `theirs`, the caller's, it stays open, and its pending lots are cancelled if this ends early.
    """
    waiting, pending = iter(list(left)), dict[Future[Lot], _Span]()
    try:
        while left:
            for span in islice(waiting, ahead - len(pending)):
                pending[pool.submit(run_lot, trial, span[0], span[1])] = span
            done, _ = wait(pending, timeout, FIRST_COMPLETED)
            if not done:
                raise _late(timeout, left)
            for future in sorted(done, key=_is_broken):  # answers first
                lot = _result(future, pending.pop(future))
                del left[lot.first, lot.values.size]
                yield lot
    except BaseException:
        for future in pending if theirs else ():
            future.cancel()
        raise


def _is_broken(future: Future[Lot]) -> bool:
    return not future.cancelled() and isinstance(future.exception(), BrokenExecutor)


def _result(future: Future[Lot], span: _Span) -> Lot:
    """Return the result of `future` or raise its error, an error of the executor as one of this package."""
    try:
        return future.result()
    except (LstmAnalogError, BrokenExecutor):
        raise
    except (CancelledError, Exception) as error:
        do = "see whether its workers are alive and have memory enough; a study with folder= goes on where it was"
        what = f"chips {span[0]} to {sum(span) - 1}"
        raise SimulationError(explain(what, must="be computed by the executor", got=_told(error), do=do)) from error


@contextmanager
def _opened(executor: Executor | Callable[[], Executor]) -> Iterator[Executor]:
    """Yield an executor: the caller's own, which stays open, or a new one, which is ended with all its processes."""
    if isinstance(executor, Executor):
        yield executor
        return
    others = active_children()
    pool: object = executor()
    if not isinstance(pool, Executor):
        must, got = "be an Executor or make one", ascii(pool)[:80]
        raise InvalidTypeError(explain("executor", must=must, got=got, do="give e.g. ProcessPoolExecutor"))
    try:
        yield pool
    except BaseException:  # nobody wants what is under way: a worker that hangs would be waited for
        workers = [process for process in active_children() if process not in others]
        pool.shutdown(wait=False, cancel_futures=not workers)  # cancelled futures disturb a pool that is killed
        for process in workers:
            process.kill()
        raise
    pool.shutdown(wait=True)


def _check_sendable(pool: Executor, trial: Trial[AnyDesign]) -> None:
    """Raise `UnsupportedError` if `trial` cannot be sent to processes of `pool`, which might then hang."""
    if not isinstance(pool, ProcessPoolExecutor):
        return
    try:
        pickle.dumps(trial)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        what, do = "what a worker is sent", "define the metric at the top of a module, or run without an executor"
        raise UnsupportedError(explain(what, must="be picklable", got=_told(error), do=do)) from error


def _check_breaks(executor: ExecutorLike, breaks: int, left: dict[_Span, None], error: BrokenExecutor) -> None:
    """Raise unless a new executor can replace the one that broke."""
    if isinstance(executor, Executor) or breaks >= MOST_BREAKS:
        span = next(iter(left))
        got = f"{_told(error)}, {breaks} in a row, chips from {span[0]} on not being done"
        do = "give what makes an executor, e.g. ProcessPoolExecutor itself, so that it can be replaced"
        if not isinstance(executor, Executor):
            do = "take a smaller lot_size if memory is short, and a metric from a module that workers can import"
        raise SimulationError(explain("the workers", must="live", got=got, do=do)) from error


def _late(timeout: float | None, left: dict[_Span, None]) -> SimulationError:
    got = f"none, {len(left)} lots not being done"
    do = "see whether its workers live; give a longer timeout or a smaller lot_size; folder= keeps what is done"
    return SimulationError(explain("the executor", must=f"finish a lot within {timeout} s", got=got, do=do))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {ascii(' '.join(str(error).split()))[1:-1][:200]}"
