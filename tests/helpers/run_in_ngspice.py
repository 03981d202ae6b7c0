"""Decks in ngspice, run as their first lines say."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lstm_analog.engines.raw import read_raw


def waves(deck: Path, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return times, and the voltages (times, names) of the nodes `names`, as ngspice has them in the file `deck`."""
    raw = deck.with_suffix(".raw")
    command = ["ngspice", "-b", "-n", "-r", str(raw), str(deck)]
    done = subprocess.run(command, cwd=deck.parent, capture_output=True, timeout=240, check=False)
    assert raw.exists(), done.stderr.decode(errors="replace")
    return read_raw(raw, names)


def at(moments: np.ndarray, deck: Path, names: Sequence[str]) -> np.ndarray:
    """Return the voltages (moments, names) at the `moments` (s)."""
    time, volts = waves(deck, names)
    return np.stack([np.interp(moments, time, column) for column in volts.T], axis=-1)
