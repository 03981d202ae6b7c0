#!/usr/bin/env python
"""Prints the rows of BICMOS of the shipped calibrations, `lstm_analog/data/calibrations.csv`.

Needs ngspice; takes about half an hour of one core. The lessons are LSTMs of 3 units with
weights of PyTorch's size and of three times that; no test uses their seeds.
"""

import re
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np

import lstm_analog as la
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.study.calibration import Lesson, calibrate

SETTLING = 12.0
SCALES = (1.0, 2.0)
STEPS = 16


def lesson(seed: int, scale: float, tolerance: float) -> Lesson:
    rng = np.random.default_rng(seed)
    lstm = la.random_lstm(rng, inputs=2, hidden=3, scale=scale)
    return Lesson(lstm=lstm, x=rng.uniform(-1.0, 1.0, (STEPS, 2)), tolerance=tolerance)


LESSONS = tuple(lesson(100 + k, 1.0, 0.001) for k in range(3)) + tuple(lesson(103 + k, 3.0, 0.004) for k in range(3))


def simulator() -> str:
    said = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True).stdout
    return next(iter(re.findall(r"ngspice-\d+", said)), "ngspice")


def literal(calibration: Calibration) -> str:
    values = [getattr(calibration, entry.name) for entry in fields(calibration)]
    return ",".join(value if isinstance(value, str) else repr(float(f"{value:.6g}")) for value in values)


def main() -> None:
    for scale in SCALES:
        technology = replace(la.electrical.BICMOS, state_scale=scale)
        engine = la.engines.Ngspice()
        found = calibrate(technology, engine, settling=SETTLING, lessons=LESSONS, simulator=simulator())
        print(literal(found), flush=True)
        print(f"state scale {scale:g} done", file=sys.stderr)


if __name__ == "__main__":
    main()
