"""What is begun is ended in order where Python is told to stop: no part of a file, folder or simulator is left behind.

Only the main thread takes signals; in another thread, and for signals that a program ignores or handles itself, both
contexts do nothing.
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
    """While this is open, SIGTERM and SIGHUP end Python by way of its `finally` clauses, as SIGINT does."""
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
    """While this is open, signals to stop wait: what is made here can be put into safe hands before they come."""
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
    """Return `numbers` in the main thread, none in another."""
    return list(numbers) if current_thread() is main_thread() else []


def _end(number: int, frame: object) -> None:
    sys.exit(128 + number)  # the exit code that shells give to a program that a signal has ended
