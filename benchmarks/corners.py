#!/usr/bin/env python
"""The 4-unit airline forecaster in SKY130 over corners, and mismatched chips of it, in ngspice.

`python benchmarks/corners.py [TABLE] ...`, or `make corners`. Tables: corners, chips, causes, laws, hot, recalibrated.
Lots are kept in `corners-lots` in the working directory, so that an interrupted run goes on; remove it to begin anew.
Needs ngspice, and the models of SKY130 (docs/silicon.md#models).
"""

import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import lstm_analog as la
from lstm_analog.compiler.model_files import model_folder
from lstm_analog.imperfections import SKY130_MISMATCH, Streams
from lstm_analog.model import airline
from lstm_analog.study import LargestError, Spec, WaferSetting, end_with_parent, yield_of
from lstm_analog.study.corners import SECTIONS

SETTLING, STEPS, CHIPS, SEED = 12.0, 6, 25, 1
FOLDER = Path("corners-lots")
EXECUTOR = partial(ProcessPoolExecutor, 2, initializer=end_with_parent)
ENGINE = la.engines.Ngspice()
DRAWN = (
    ("n", 50.0, 2.0, 4, 0.25e-6),
    ("n", 50.0, 2.0, 4, 1.25e-6),
    ("n", 50.0, 2.0, 4, 5e-6),
    ("n", 20.0, 1.0, 1, 10e-6),
    ("p", 24.0, 1.0, 1, 20e-6),
)
"""Transistors of the cell: channel, width and length (um), how many in parallel, current (A)."""
SLOPES = {"n": (0.008, 0.13, 0.12), "p": (0.012, 0.009, 0.02)}
"""SkyWater's slopes of toxe (um), voff (V um) and nfactor (um): `SKY130_MISMATCH` says which files have them."""
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
        start, kept = time.perf_counter(), f"{preset.name.lower()}-{'-'.join(each.name.lower() for each in settings)}"
        found = la.study.corners(
            lstm,
            built(preset).technology,
            x,
            settling=SETTLING,
            sections=sections,
            settings=settings,
            engine=ENGINE,
            executor=EXECUTOR,
            folder=FOLDER / kept,
        )
        found.write(FOLDER / f"{kept}.csv")
        la.show.save(la.show.corners(found), FOLDER / f"{kept}.png")
        yield f"{preset.name}, {STEPS} months, PTAT bias, {time.perf_counter() - start:.0f} s; largest error of h"
        yield from (f"{name}: {value}" for name, value in found.summary())
        yield str(found)


def hot() -> Iterator[str]:
    """Tell how right bipolar pairs are warm and at a high supply, where their bias cell once failed."""
    lstm, x = case()
    found = la.study.corners(
        lstm,
        built(la.electrical.SKY130).technology,
        x[:2],
        settling=SETTLING,
        sections=SECTIONS,
        temperatures=(27.0, 85.0),
        settings=(WaferSetting.NOMINAL,),
        engine=ENGINE,
    )
    yield f"SKY130, 2 months, PTAT bias; largest error of h\n{found}"


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


def gate_voltages(models: str, folder: Path) -> np.ndarray:
    """Return the gate voltages (V) of `DRAWN` at their currents by the text of `models`, (transistors,)."""
    (folder / "models.spice").write_text(models, encoding="utf-8")
    lines = ["* gate voltages", '.include "models.spice"']
    for number, (kind, width, length, count, amperes) in enumerate(DRAWN):
        sign = 1.0 if kind == "n" else -1.0
        card = f"sky130_fd_pr__{kind}fet_g5v0d10v5__model w={width}u l={length}u m={count}"
        lines += [f"m{number} d{number} d{number} 0 0 {card}", f"i{number} 0 d{number} {sign * amperes}"]
    prints = [f"print v(d{number})" for number in range(len(DRAWN))]
    lines += [".control", "set numdgt=9", "op", *prints, ".endc", ".end"]
    (folder / "gates.cir").write_text("\n".join(lines), encoding="ascii")
    said = subprocess.run(["ngspice", "-b", "-n", "gates.cir"], cwd=folder, capture_output=True, text=True, check=False)
    return np.array([float(text) for text in re.findall(r"v\(d\d+\) = (\S+)", said.stdout)])


def laws() -> Iterator[str]:
    """Tell by how much SkyWater's slopes of parameters move gate voltages, in all as one threshold."""
    models = (model_folder(la.electrical.SKY130.devices) / "C4M.Sky130_io_tt_model.spice").read_text(encoding="utf-8")
    yield "| transistor | A | V a relative toxe | V a V of voff | V a unit of nfactor | in all, mV um |"
    yield "|---|---|---|---|---|---|"
    with TemporaryDirectory() as place:
        plain, moved = gate_voltages(models, Path(place)), []
        for name, factor, shift in (("toxe", 1.01, 0.0), ("voff", 1.0, 0.01), ("nfactor", 1.0, 0.01)):

            def other(found: re.Match[str], factor: float = factor, shift: float = shift) -> str:
                return f"{found[1]}{factor * float(found[2]) + shift:.12g}"

            text = re.sub(rf"(?m)^(\+ {name} = )(\S+)", other, models)
            moved.append(100.0 * (gate_voltages(text, Path(place)) - plain))
    for number, (kind, width, length, count, amperes) in enumerate(DRAWN):
        each = [float(voltages[number]) for voltages in moved]
        total = 1e3 * np.hypot.reduce(np.multiply(each, SLOPES[kind]))
        told = " | ".join(f"{volts:.3f}" for volts in each)
        yield f"| {kind} {count} x {width:g}/{length:g} um | {amperes:.3g} | {told} | {total:.1f} |"


def main(what: list[str]) -> None:
    tables = {
        "corners": lambda: over_corners((WaferSetting.NOMINAL, WaferSetting.SLOPE), SECTIONS),
        "chips": chips,
        "causes": causes,
        "laws": laws,
        "hot": hot,
        "recalibrated": lambda: over_corners((WaferSetting.RECALIBRATED,), ("sf",)),
    }
    FOLDER.mkdir(exist_ok=True)
    for name in what or tables:
        for line in tables[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
