#!/usr/bin/env python
"""The transistor cell in SKY130, in ngspice: `python benchmarks/sky130.py [TABLE] ...`, or `make sky130`.

Tables: accuracy, long (60 steps), corners, recalibrated, cost. Needs ngspice, and the models of SKY130
(docs/silicon.md#models). `python benchmarks/sky130.py calibrate` prints the rows of SKY130 of the shipped calibrations,
`lstm_analog/data/calibrations.csv`, instead. Their lessons are LSTMs that no table and no test uses.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from calibrate_bicmos import lesson, literal, simulator

import lstm_analog as la
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.study.calibration import calibrate

SKY130, SKY130_MOS, Bias = la.electrical.SKY130, la.electrical.SKY130_MOS, la.electrical.Bias
PRESETS = (SKY130, SKY130_MOS)
ENGINE = la.engines.Ngspice()
SETTLING = 12.0
SCALES = (1.0, 3.0)
LESSONS = tuple(
    replace(lesson(seed, scale, tolerance), x=lesson(seed, scale, tolerance).x[:12])
    for seed, scale, tolerance in ((100, 1.0, 0.001), (101, 1.0, 0.001), (103, 3.0, 0.004), (104, 3.0, 0.004))
)


def case(seed: int, hidden: int, scale: float, steps: int) -> tuple[la.LSTM, np.ndarray]:
    """Return a held-out LSTM of 2 inputs and inputs in ±1."""
    rng = np.random.default_rng(seed)
    return la.random_lstm(rng, inputs=2, hidden=hidden, scale=scale), rng.uniform(-1.0, 1.0, (steps, 2))


def wrong(technology: Bicmos, lstm: la.LSTM, x: np.ndarray) -> float:
    """Return the largest error of h of the chip of `technology` with `x`.

    With a shipped calibration, the state is scaled to what it needs.
    """
    fed = x if technology.calibration is None else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", la.errors.LimitWarning)
        run = la.compile(lstm, technology, settling=SETTLING, inputs=fed).run(x, engine=ENGINE)
    return float(np.abs(run.h - lstm(x).h).max())


def calibrations() -> Iterator[str]:
    for preset in PRESETS[::-1]:
        for scale in (1.0, 2.0):
            start, technology = time.perf_counter(), replace(preset, state_scale=scale)
            made = calibrate(technology, ENGINE, settling=SETTLING, lessons=LESSONS, simulator=simulator())
            yield literal(made)
            print(preset.name, scale, f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def untrimmed(technology: Bicmos) -> Bicmos:
    """Return `technology` as calibrated by sweeps alone."""
    made = calibrate(technology, ENGINE, settling=SETTLING, simulator=simulator())
    return replace(technology, calibration=made)


def accuracy(steps: int, count: int, units: tuple[int, ...]) -> Iterator[str]:
    yield f"tt, 27 C, 5 V; {count} random LSTMs a row, 2 inputs in +-1, {steps} steps; largest error of h"
    yield "| preset | calibration | units | weights | median | worst |"
    yield "|---|---|---|---|---|---|"
    for preset in PRESETS[::-1]:
        for name, technology in (("trimmed, shipped", preset), ("sweeps", untrimmed(preset))):
            for hidden in units:
                for scale in SCALES:
                    cases = (case(seed, hidden, scale, steps) for seed in range(count))
                    found = [wrong(technology, lstm, x) for lstm, x in cases]
                    row = f"{name} | {hidden} | {scale:g} | {np.median(found):.4f} | {max(found):.4f}"
                    yield f"| {preset.name} | {row} |"


def at(technology: Bicmos, corner: str, celsius: float) -> Bicmos:
    """Return `technology` at a `corner` and `celsius`, its bias proportional to the absolute temperature."""
    met = replace(technology.conditions, corner=corner, temperature=celsius, bias=Bias.PTAT)
    return replace(technology, conditions=met)


def turned(technology: Bicmos) -> Bicmos:
    """Return `technology` with the slope factor of wafers of its corner, found at 27 C."""
    typical = replace(technology, conditions=replace(technology.conditions, temperature=27.0))
    slope = la.study.wafer_slope(typical, ENGINE, settling=SETTLING)
    return replace(technology, conditions=replace(technology.conditions, slope=slope))


def corners() -> Iterator[str]:
    yield "largest error of h over two random LSTMs, 1 and 3 units, 6 steps, weights of scale 1 / 3; PTAT bias"
    yield "| preset | corner | C | calibration of tt | with one slope factor, found at 27 C | slope |"
    yield "|---|---|---|---|---|---|"
    for preset in PRESETS[::-1]:
        for corner in ("tt", "ff", "ss", "fs", "sf"):
            factor = turned(at(preset, corner, 27.0)).conditions.slope
            for celsius in (0.0, 27.0, 85.0):
                nominal = at(preset, corner, celsius)
                set_right = replace(nominal, conditions=replace(nominal.conditions, slope=factor))
                cells = (" / ".join(map(worst_text, SCALES, (each, each))) for each in (nominal, set_right))
                yield f"| {preset.name} | {corner} | {celsius:g} | {' | '.join(cells)} | {factor:.4f} |"


def worst_text(scale: float, technology: Bicmos) -> str:
    cases = (case(20 + hidden, hidden, scale, 6) for hidden in (1, 3))
    return f"{max(wrong(technology, lstm, x) for lstm, x in cases):.4f}"


def recalibrated() -> Iterator[str]:
    yield "calibrated at the corner by sweeps alone, 27 C; two random LSTMs, 1 and 3 units, 6 steps, scale 1 / 3"
    yield "| preset | corner | largest error of h | seconds |"
    yield "|---|---|---|---|"
    for preset in PRESETS:
        for corner in ("ss", "ff"):
            start = time.perf_counter()
            made = untrimmed(at(preset, corner, 27.0))
            took = time.perf_counter() - start
            yield f"| {preset.name} | {corner} | {' / '.join(map(worst_text, SCALES, (made, made)))} | {took:.0f} |"


def cost() -> Iterator[str]:
    yield "a chip of 3 units, 6 steps at tt"
    yield "| preset | mW a unit, supply | mW a unit, all | us a step | nJ a unit and step | um2 a cell | s to run |"
    yield "|---|---|---|---|---|---|---|"
    for preset in PRESETS:
        lstm, x = case(0, 3, 1.0, 6)
        start = time.perf_counter()
        run = la.compile(lstm, preset, settling=SETTLING).run(x, engine=ENGINE)
        took, power = time.perf_counter() - start, la.study.power(run)
        supply, total = (1e3 * each / 3 for each in (power.supply, power.total))
        yield (
            f"| {preset.name} | {supply:.2f} | {total:.2f} | {1e6 * power.step_time:.2f} "
            f"| {1e9 * power.energy:.1f} | {1e12 * la.study.figures_of(preset).cell_area.value:.0f} | {took:.1f} |"
        )


def main(what: list[str]) -> None:
    tables = {
        "accuracy": lambda: accuracy(6, 4, (1, 3, 8)),
        "long": lambda: accuracy(60, 2, (1, 3)),
        "corners": corners,
        "recalibrated": recalibrated,
        "cost": cost,
        "calibrate": calibrations,
    }
    for name in what or [each for each in tables if each != "calibrate"]:
        for line in tables[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
