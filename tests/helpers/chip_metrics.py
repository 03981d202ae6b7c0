"""Metrics and a study for tests, in a module that workers can import."""

import os
import signal
import time
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.imperfections import DeviceSpread
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Spec, Yield, yield_of


def last_h(outputs: Outputs) -> np.ndarray:
    """Return the first unit of h after the last step."""
    return outputs.h[..., -1, 0]


@dataclass(frozen=True, kw_only=True)
class Killing:
    """`last_h`, which kills the worker it runs in by SIGKILL, each until there are `times` files in `folder`."""

    folder: Path
    times: int

    def __call__(self, outputs: Outputs) -> np.ndarray:
        if parent_process() is not None and len(list(self.folder.iterdir())) < self.times:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return last_h(outputs)


def hanging(outputs: Outputs) -> np.ndarray:
    """Return `last_h`, in a worker after an hour."""
    if parent_process() is not None:
        time.sleep(3600.0)
    return last_h(outputs)


def failing(outputs: Outputs) -> np.ndarray:
    """Return `last_h`; in a worker raise what is no error of the package."""
    if parent_process() is not None:
        raise RuntimeError("out of paper")
    return last_h(outputs)


X = np.random.default_rng(3).uniform(-1.0, 1.0, (2, 1))


def machine() -> la.Machine:
    """Return a circuit of one unit."""
    return la.compile(la.random_lstm(np.random.default_rng(2), 1, 1), la.electrical.BEHAVIOURAL, settling=24.0)


def asked(**changes: object) -> Yield:
    """Return a study of twelve of its chips in six lots, with some arguments changed."""
    given = {
        "machine": machine(),
        "imperfections": DeviceSpread(share=0.05),
        "x": X,
        "metric": last_h,
        "spec": Spec(at_least=0.0),
        "chips": 12,
        "seed": 5,
        "lot_size": 2,
    }
    return yield_of(**{**given, **changes})


def asked_until(folder: Path, last: int) -> None:
    """Begin the study and kill the process by SIGKILL after `last` chips."""

    def kill(done: int, chips: int) -> None:
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    asked(folder=folder, progress=kill)
