"""Clean up when Python is told to stop by a signal: no temporary file, folder or simulator process remains.

Only the main thread receives signals. In other threads, and for signals that a program ignores or handles itself,
both contexts do nothing.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

_TOLD_TO_END = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """In this context SIGTERM and SIGHUP raise `SystemExit`, so that `finally` clauses run, as with SIGINT."""
    taken = [each for each in _own(_TOLD_TO_END) if signal.getsignal(each) == signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """In this context signals to stop are delayed until its end, so that cleanup of a new resource can be arranged."""
    waiting: list[int] = []
    handlers = {each: signal.getsignal(each) for each in _own((signal.SIGINT, *_TOLD_TO_END))}
    taken = [each for each, handler in handlers.items() if callable(handler)]
    for each in taken:
        signal.signal(each, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, handlers[each])
        for number in waiting:
            os.kill(os.getpid(), number)


def _own(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Return `numbers` in the main thread, an empty list in others."""
    return list(numbers) if current_thread() is main_thread() else []


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)  # the exit code of a program ended by a signal
