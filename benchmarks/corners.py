#!/usr/bin/env python
"""The 4-unit airline forecaster in SKY130 over corners, and mismatched chips of it, in ngspice.

`python benchmarks/corners.py [TABLE] ...`, or `make corners`. Tables: corners, chips, causes, recalibrated. Lots are
kept in `corners-lots` in the working directory, so that an interrupted run goes on; remove it to begin anew. Needs
ngspice, and the models of SKY130 (docs/silicon.md#models).
"""

import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog.imperfections import SKY130_MISMATCH, Streams
from lstm_analog.model import airline
from lstm_analog.study import LargestError, Spec, WaferSetting, end_with_parent, yield_of
from lstm_analog.study.corners import SECTIONS

SETTLING, STEPS, CHIPS, SEED = 12.0, 6, 25, 1
FOLDER = Path("corners-lots")
EXECUTOR = partial(ProcessPoolExecutor, 2, initializer=end_with_parent)
ENGINE = la.engines.Ngspice()
PRESETS = (la.electrical.SKY130_MOS, la.electrical.SKY130)


def case() -> tuple[la.LSTM, np.ndarray]:
    """Return the forecaster's LSTM, and the first months as its inputs."""
    forecaster, (_, values) = airline.forecaster(4), airline.series()
    return forecaster.lstm, forecaster.encode(values)[:STEPS]


def built(preset: object) -> la.Machine:
    """Return the forecaster in `preset`, with a bias in proportion to the absolute temperature."""
    lstm, x = case()
    warm = replace(preset, conditions=replace(preset.conditions, bias=la.electrical.Bias.PTAT))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", la.errors.LimitWarning)
        return la.compile(lstm, warm, settling=SETTLING, inputs=x)


def over_corners(settings: tuple[WaferSetting, ...], sections: tuple[str, ...]) -> Iterator[str]:
    lstm, x = case()
    for preset in PRESETS:
        start = time.perf_counter()
        found = la.study.corners(
            lstm,
            built(preset).technology,
            x,
            settling=SETTLING,
            sections=sections,
            settings=settings,
            engine=ENGINE,
            executor=EXECUTOR,
            folder=FOLDER / f"{preset.name}-{len(settings)}-{len(sections)}",
        )
        name = f"corners_{preset.name.lower()}"
        found.write(FOLDER / f"{name}.csv")
        la.show.save(la.show.corners(found), FOLDER / f"{name}.png")
        yield f"{preset.name}, {STEPS} months, PTAT bias, {time.perf_counter() - start:.0f} s; largest error of h"
        yield from (f"{name}: {value}" for name, value in found.summary())
        yield str(found)


def chips() -> Iterator[str]:
    lstm, x = case()
    yield f"{CHIPS} chips of SKY130_MISMATCH, tt, 27 C, 5 V, {STEPS} months; largest error of h"
    yield "| preset | as compiled | median | worst | failed |"
    yield "|---|---|---|---|---|"
    for preset in PRESETS:
        found = yield_of(
            built(preset),
            SKY130_MISMATCH,
            x,
            metric=LargestError(expected=lstm(x).h),
            spec=Spec(at_most=0.05),
            chips=CHIPS,
            seed=SEED,
            engine=ENGINE,
            lot_size=1,
            executor=EXECUTOR,
            folder=FOLDER / f"{preset.name}-chips",
        )
        told = f"{np.nanmedian(found.values):.4f} | {np.nanmax(found.values):.4f} | {len(found.failures)}"
        yield f"| {preset.name} | {found.nominal:.4f} | {told} |"


def causes() -> Iterator[str]:
    _, x = case()
    yield "each cause of SKY130_MISMATCH alone, four chips: median / worst change of h"
    yield "| preset | cause | median / worst |"
    yield "|---|---|---|"
    for preset in PRESETS:
        machine = built(preset)
        plain = machine.run(x, engine=ENGINE).h
        for cause in SKY130_MISMATCH.imperfections:
            drawn = (machine.with_imperfection(cause, Streams(seed=SEED, first=chip)) for chip in range(4))
            moved = [float(np.abs(chip.run(x, engine=ENGINE).h - plain).max()) for chip in drawn]
            yield f"| {preset.name} | {cause} | {np.median(moved):.4f} / {max(moved):.4f} |"


def main(what: list[str]) -> None:
    tables = {
        "corners": lambda: over_corners((WaferSetting.NOMINAL, WaferSetting.SLOPE), SECTIONS),
        "chips": chips,
        "causes": causes,
        "recalibrated": lambda: over_corners((WaferSetting.RECALIBRATED,), ("ss", "ff")),
    }
    FOLDER.mkdir(exist_ok=True)
    for name in what or tables:
        for line in tables[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
