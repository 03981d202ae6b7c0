"""Lots given to the workers of an executor, whatever kind it is, and to new ones where they have died."""

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
from typing import Any, ParamSpec, TypeAlias, TypeVar

from lstm_analog.errors import InvalidTypeError, LstmAnalogError, SimulationError, UnsupportedError, explain
from lstm_analog.study.lots import AnyDesign, Lot, Trial, run_lot

ExecutorLike: TypeAlias = Executor | Callable[[], Executor] | None
"""An executor, what makes one and may be asked again, or None for this process."""
MOST_BREAKS = 5
"""How often in a row workers may die without any lot done in between: a lot that kills its worker does so each time."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Span = tuple[int, int]
"""The first chip and the number of chips of a lot."""


class _Here(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs) -> Future[_Result]:
        """Return the future of `fn` called with `args` and `kwargs`, which is done."""
        future: Future[_Result] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def end_with_parent() -> None:
    """Have this worker process end when the process that made it does, even by SIGKILL: else it waits for ever.

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
    """Yield the lots of `trial` that `spans` say, as they come from the workers of `executor`.

    At most `ahead` lots are in their hands. Where the workers die and `executor` makes executors, it is asked for
    another, which is given what is left.

    Raises
    ------
    SimulationError
        If no lot comes for `timeout` seconds, workers die and cannot be replaced, or an executor fails otherwise.
    UnsupportedError
        If what a worker needs cannot be sent there.
    InvalidTypeError
        If `executor` makes no executor.
    """
    left, breaks = dict.fromkeys(spans), 0
    while left:
        with _opened(executor) as pool:
            _check_sendable(pool, trial)
            try:
                given, theirs = 1 if executor is None else ahead, isinstance(executor, Executor)
                for lot in _answers(pool, trial, left, given, timeout, theirs=theirs):
                    breaks = 0
                    yield lot
            except BrokenExecutor as error:
                breaks += 1
                _check_breaks(executor, breaks, left, error)


def _answers(
    pool: Executor, trial: Trial[AnyDesign], left: dict[_Span, None], ahead: int, timeout: float | None, *, theirs: bool
) -> Iterator[Lot]:
    """Yield the lots that are `left` as they come from `pool`, each being taken out of `left`.

    A pool of `theirs`, of the caller, goes on: what it was given is cancelled where this ends early.
    """
    waiting, pending = iter(list(left)), dict[Future[Lot], _Span]()
    try:
        while left:
            for span in islice(waiting, ahead - len(pending)):
                pending[pool.submit(run_lot, trial, span[0], span[1])] = span
            done, _ = wait(pending, timeout, FIRST_COMPLETED)
            if not done:
                raise _late(timeout, left)
            for future in sorted(done, key=lambda one: isinstance(_error(one), BrokenExecutor)):  # answers first
                lot = _result(future, pending.pop(future))
                del left[lot.first, lot.values.size]
                yield lot
    except BaseException:
        for future in pending if theirs else ():
            future.cancel()
        raise


def _error(future: Future[Any]) -> BaseException | None:
    return None if future.cancelled() else future.exception()


def _result(future: Future[Lot], span: _Span) -> Lot:
    """Return the answer of `future`, or raise its error: in words of this package, if it is one of the executor."""
    try:
        return future.result()
    except (LstmAnalogError, BrokenExecutor):
        raise
    except (CancelledError, Exception) as error:
        do = "see whether its workers are alive and have memory enough; a study with folder= goes on where it was"
        what = f"chips {span[0]} to {sum(span) - 1}"
        raise SimulationError(explain(what, must="be computed by the executor", got=_told(error), do=do)) from error


@contextmanager
def _opened(executor: ExecutorLike) -> Iterator[Executor]:
    """Open an executor: a caller's own, which is left open, or one that is made, and ended with all its processes."""
    if isinstance(executor, Executor):
        yield executor
        return
    others = active_children()
    pool: object = _Here() if executor is None else executor()
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
    """Raise `UnsupportedError` if processes of `pool` cannot be sent the `trial`: the pool itself may then hang."""
    if not isinstance(pool, ProcessPoolExecutor):
        return
    try:
        pickle.dumps(trial)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        what, do = "what a worker is sent", "define the metric at the top of a module, or run without an executor"
        raise UnsupportedError(explain(what, must="be picklable", got=_told(error), do=do)) from error


def _check_breaks(executor: ExecutorLike, breaks: int, left: dict[_Span, None], error: BrokenExecutor) -> None:
    """Raise unless a new executor may take the place of the one that broke."""
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
