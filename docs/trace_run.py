"""Prints the way of one `compile` and one `run` through the package: `python docs/trace_run.py [engine] [depth]`.

A line is a call from one file into another, the first time that this caller makes it, indented below its caller; behind
it stands how often it was made. Arrays, checks of arguments and expressions are left out: everything uses them. Two
sums follow: how many files were entered, and how often the walk came back to a file that it had left.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog import engines
from lstm_analog.engines.choosing import ENGINES

ROOT = Path(la.__file__).parent
SILENT = ("arrays.py", "doors.py", "expressions", "errors.py", "summaries.py", "network/bank.py", "network/labels.py")
Call = tuple[str, str]


class Walk:
    """The calls between files so far: `lines` in the order of their first occurrence, and how often each was `made`."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, Call, Call]] = []
        self.made: Counter[tuple[Call, Call]] = Counter()
        self._stack: list[Call | None] = []

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Take down one event of `sys.setprofile`."""
        if event not in ("call", "return") or not frame.f_code.co_filename.startswith(f"{ROOT}/"):
            return
        if event == "return":
            if self._stack:
                self._stack.pop()
            return
        file = str(Path(frame.f_code.co_filename).relative_to(ROOT))
        callers = [call for call in self._stack if call is not None]
        caller, call = callers[-1] if callers else ("", ""), (file, frame.f_code.co_qualname)
        if file.startswith(SILENT) or "<" in call[1].rpartition(".")[2] or file == caller[0]:
            self._stack.append(None)
            return
        if not self.made[caller, call]:
            self.lines.append((len(callers), caller, call))
        self.made[caller, call] += 1
        self._stack.append(call)

    def show(self, title: str, depth: int) -> None:
        """Print the walk down to a `depth` of calls."""
        print(f"\n{title}")
        for level, caller, call in self.lines:
            if level < depth:
                print(f"{'  ' * level}{':'.join(call)}  x{self.made[caller, call]}")
        files = [call[0] for _, _, call in self.lines]
        moves = [file for before, file in zip(["", *files], files, strict=False) if file != before]
        print(f"{len(set(files))} files entered, {len(moves) - len(set(files))} times back to one that was left")


def walked(title: str, depth: int, act: Callable[[], Any]) -> Any:
    """Return what `act` returns, and print the way there."""
    walk = Walk()
    sys.setprofile(walk.note)
    try:
        found = act()
    finally:
        sys.setprofile(None)
    walk.show(title, depth)
    return found


def main(engine: str = "waveform", depth: str = "9") -> None:
    """Walk through the behavioural circuit of three units over six steps."""
    lstm = la.random_lstm(np.random.default_rng(0), inputs=2, hidden=3)
    x = np.random.default_rng(1).uniform(-1, 1, (6, 2))
    technology, chosen = la.electrical.BEHAVIOURAL, ENGINES[engine]
    la.compile(lstm, technology).run(x[:1], engine=engines.Settle())  # imports all that is imported late
    machine = walked("compile", int(depth), lambda: la.compile(lstm, technology, settling=24.0))
    walked(f"run, the first of this network, by {engine}", int(depth), lambda: machine.run(x, engine=chosen))
    run = walked("run, the second", int(depth), lambda: machine.run(x, engine=chosen))
    print(f"\nlargest error of h {np.abs(run.h - lstm(x).h).max():.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
