#!/usr/bin/env python
"""SKY130 with nothing ideal on the chip: `python benchmarks/sky130_chip.py [TABLE] ...`, or `make sky130-chip`.

Tables: accuracy, settling, corners, supply, drift, cost, clocks, bent. Needs ngspice, and the models of SKY130
(docs/silicon.md#models). Each prints what ideal and drawn parts, and circuits instead of sources, do to h. `calibrate`
prints the shipped calibration of SKY130_CHIP instead.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from math import log, tanh
from pathlib import Path

import numpy as np
from calibrate_bicmos import literal, simulator
from sky130 import SCALES, SETTLING, case, wrong

import lstm_analog as la
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_cell import DEVICE, library
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.export import suited
from lstm_analog.study.calibration import corrected
from lstm_analog.study.calibration_sweep import measure_gains
from lstm_analog.study.drawn_area import SKY130_RULES, drawn_areas, weights_area

PASSIVES, SERVICES = la.electrical.SKY130_PASSIVES, la.electrical.SKY130_SERVICES
CHIP, MOS, NPN = la.electrical.SKY130_CHIP, la.electrical.SKY130_MOS, la.electrical.SKY130
PTAT = la.electrical.Bias.PTAT


def at(technology: Bicmos, **conditions: float | str) -> Bicmos:
    """Return `technology` under other `conditions`, its bias proportional to the absolute temperature."""
    return replace(technology, conditions=replace(technology.conditions, bias=PTAT, **conditions))


VARIANTS = {
    "SKY130_MOS": at(MOS),
    "drawn": at(replace(MOS, passives=PASSIVES)),
    "with circuits": at(replace(MOS, services=SERVICES)),
    "SKY130_CHIP, both": CHIP,
    "SKY130": at(NPN),
    "SKY130 drawn": at(replace(NPN, passives=PASSIVES)),
}


def errors(technology: Bicmos, scale: float, hidden: int, seeds: range, steps: int = 6) -> list[float]:
    return [wrong(technology, *case(seed, hidden, scale, steps)) for seed in seeds]


def accuracy() -> Iterator[str]:
    yield "tt, 27 C, 5 V; four random LSTMs a row, 3 units, 6 steps; largest error of h, median / worst"
    yield "| | PyTorch's weights | three times those |"
    yield "|---|---|---|"
    for name, technology in VARIANTS.items():
        rows = (errors(technology, scale, 3, range(4)) for scale in SCALES)
        yield f"| {name} | " + " | ".join(f"{np.median(row):.4f} / {max(row):.4f}" for row in rows) + " |"


def settling() -> Iterator[str]:
    yield "largest error of h, one LSTM of 3 units, 6 steps, by the length of a compute phase in time constants"
    lengths = (5.0, 6.0, 8.0, 12.0, 16.0)
    yield "| | " + " | ".join(f"{each:g}" for each in lengths) + " |"
    yield "|---" * (len(lengths) + 1) + "|"
    lstm, x = case(0, 3, 1.0, 6)
    for name in ("SKY130_MOS", "drawn", "SKY130_CHIP, both"):
        runs = [la.compile(lstm, VARIANTS[name], settling=each).run(x, engine=Ngspice()) for each in lengths]
        yield f"| {name} | " + " | ".join(f"{np.abs(run.h - lstm(x).h).max():.4f}" for run in runs) + " |"


def corners() -> Iterator[str]:
    yield "SKY130_CHIP with the slope factors of SKY130_MOS; two random LSTMs, 1 and 3 units, 6 steps, scale 1 / 3"
    yield "| corner | slope | 0 C | 27 C | 85 C |"
    yield "|---|---|---|---|---|"
    for corner, slope in (("tt", 1.0), ("ss", 1.012), ("ff", 0.990)):
        found = (at(CHIP, corner=corner, slope=slope, temperature=celsius) for celsius in (27.0, 85.0, 0.0))
        warm, hot, cold = (" / ".join(f"{_worst(each, scale):.4f}" for scale in SCALES) for each in found)
        yield f"| {corner} | {slope:g} | {cold} | {warm} | {hot} |"


def _worst(technology: Bicmos, scale: float) -> float:
    return max(_error(technology, *case(20 + hidden, hidden, scale, 6)) for hidden in (1, 3))


def _error(technology: Bicmos, lstm: la.LSTM, x: np.ndarray) -> float:
    """Return the largest error of h; where ngspice dies at a clock edge, with ten times the charge tolerance."""
    built = la.compile(lstm, technology, settling=SETTLING)
    usual = suited(built.network)
    try:
        run = built.run(x, engine=Ngspice())
    except la.errors.SimulationError:
        run = built.run(x, engine=Ngspice(accuracy=replace(usual, chgtol=10.0 * usual.chgtol)))
    return float(np.abs(run.h - lstm(x).h).max())


def supply() -> Iterator[str]:
    yield "tt, 27 C; the LSTMs of corners, PyTorch's weights"
    yield "| | 4.5 V | 5 V | 5.5 V |"
    yield "|---|---|---|---|"
    for name in ("SKY130_MOS", "SKY130_CHIP, both"):
        found = (at(VARIANTS[name], supply=volts) for volts in (4.5, 5.0, 5.5))
        yield f"| {name} | " + " | ".join(f"{_worst(each, 1.0):.4f}" for each in found) + " |"


def drift() -> Iterator[str]:
    yield "drawn, tt; the LSTMs of corners; scale 1 / 3; all resistors 15 % less or more, or warm"
    yield "| | reference over a resistor of the chip | steady reference |"
    yield "|---|---|---|"
    for name, met in (
        ("sheet 0.85", {"sheet": 0.85}),
        ("sheet 1.15", {"sheet": 1.15}),
        ("85 C", {"temperature": 85.0}),
    ):
        technology = at(VARIANTS["drawn"], **met)
        factor = technology.reference_current * technology.warmth / technology.bias_current
        cells = [" / ".join(f"{_worst(technology, scale):.4f}" for scale in SCALES)]
        cells.append(" / ".join(f"{_steady(technology, factor, scale):.4f}" for scale in SCALES))
        yield f"| {name} | " + " | ".join(cells) + " |"


def _steady(technology: Bicmos, factor: float, scale: float) -> float:
    """Return what `_worst` does with the reference currents of cells turned by `factor`."""
    found = []
    for hidden in (1, 3):
        lstm, x = case(20 + hidden, hidden, scale, 6)
        found.append(_edited(la.compile(lstm, technology, settling=SETTLING), lstm, x, "turn", factor))
    return max(found)


def cost() -> Iterator[str]:
    yield "| | units | mW a unit, supply | with sources | us a step | um2 a cell | um2 of weights a unit |"
    yield "|---|---|---|---|---|---|---|"
    for name in ("SKY130_MOS", "drawn", "with circuits", "SKY130_CHIP, both", "SKY130", "SKY130 drawn"):
        for hidden in (3, 8):
            technology = VARIANTS[name]
            lstm, x = case(0, hidden, 1.0, 6)
            built = la.compile(lstm, technology, settling=SETTLING)
            power = la.study.power(built.run(x, engine=Ngspice()))
            cell = sum(drawn_areas(library(technology), DEVICE, SKY130_RULES, technology.passives).values())
            drawn = f"{1e12 * weights_area(built.network, PASSIVES) / hidden:.0f}" if technology.passives else "-"
            shares = (1e3 * each / hidden for each in (power.supply, power.total))
            row = " | ".join(f"{each:.2f}" for each in shares)
            yield f"| {name} | {hidden} | {row} | {1e6 * power.step_time:.2f} | {1e12 * cell:.0f} | {drawn} |"


def clocks() -> Iterator[str]:
    yield "of a chip of 3 units: time between phases (ns), the largest of the lesser of both (V)"
    yield "| corner | C | take to copy | copy to take | both |"
    yield "|---|---|---|---|---|"
    lstm, x = case(0, 3, 1.0, 2)
    for corner, celsius in (("tt", 27.0), ("ss", 85.0), ("ff", 0.0)):
        run = la.compile(lstm, at(CHIP, corner=corner, temperature=celsius), settling=SETTLING).run(x, engine=Ngspice())
        names, time = run.trajectory.network.unknowns.names(), np.asarray(run.trajectory.time)
        take, copy = (run.trajectory.efforts[:, names.index(f"clk_{line}_0")] for line in ("compute0", "copy"))
        there = _least(_crossings(time, take, -1), _crossings(time, copy, 1))
        back = _least(_crossings(time, copy, -1), _crossings(time, take, 1))
        yield f"| {corner} | {celsius:g} | {1e9 * there:.1f} | {1e9 * back:.1f} | {np.minimum(take, copy).max():.3f} |"


def _crossings(time: np.ndarray, volts: np.ndarray, way: int) -> np.ndarray:
    """Return when `volts` cross 2.5 V upwards (`way` 1) or downwards (-1)."""
    high = volts > 2.5
    return time[1:][np.diff(high.astype(int)) == way]


def _least(first: np.ndarray, then: np.ndarray) -> float:
    """Return the least time from an edge of `first` to the next of `then`."""
    return min(float(then[then > edge].min() - edge) for edge in first if (then > edge).any())


def bent() -> Iterator[str]:
    yield "SKY130_MOS drawn, all resistors with SkyWater's voltage coefficients; and in 8 pieces with their capacitance"
    yield "| units | scale | as compiled | bent | in pieces |"
    yield "|---|---|---|---|---|"
    for hidden in (1, 3):
        for scale in SCALES:
            lstm, x = case(0, hidden, scale, 6)
            built = la.compile(lstm, VARIANTS["drawn"], settling=SETTLING)
            found = [_edited(built, lstm, x, way, 1.0) for way in ("turn", "bend", "ladder")]
            yield f"| {hidden} | {scale:g} | " + " | ".join(f"{each:.5f}" for each in found) + " |"


def _edited(built: la.Machine, lstm: la.LSTM, x: np.ndarray, way: str, factor: float) -> float:
    """Return the largest error of h of `built`, of `lstm`, with `x`, its deck edited in the `way` of `edit` first."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "edited"
        here = f"{sys.executable} {Path(__file__).resolve()}"
        program.write_text(f'#!/bin/sh\nexec {here} edit {way} {factor!r} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        run = built.run(x, engine=Ngspice(program=str(program)))
    return float(np.abs(run.h - lstm(x).h).max())


def edit(way: str, factor: float, arguments: list[str]) -> int:
    """Edit the deck that the last of `arguments` names, then run ngspice with them; return its exit code.

    `turn` multiplies reference currents by `factor`; `bend` gives resistors the voltage coefficients of res_xhigh_po
    (sky130_fd_pr, commit f62031a); `ladder` divides them into 8 pieces, with capacitors to ground between.
    """
    deck = Path(arguments[-1])
    text = deck.read_text(encoding="ascii")
    values = dict(re.findall(r"^\.param (\w+)=(\S+)$", text, re.MULTILINE))
    lines = [_edited_line(line, way, factor, values) for line in text.splitlines()]
    deck.write_text("\n".join(lines) + "\n", encoding="ascii")
    return subprocess.run(["ngspice", *arguments], check=False).returncode


def _edited_line(line: str, way: str, factor: float, values: dict[str, str]) -> str:
    words = line.split()
    if way == "turn" and line.startswith("iref vcc iref "):
        return f"iref vcc iref {factor * float(words[3])!r}"
    if way == "turn" or len(words) != 4 or words[0][0] != "r" or words[0].startswith("rshunt"):
        return line
    name, a, b, value = words
    ohms = float(values.get(value.strip("{}"), value.strip("{}")))
    strips = PASSIVES.resistor.strips(np.array([ohms]))
    length, series = float(strips.length[0]) - PASSIVES.resistor.shorter, float(strips.series[0])
    if way == "ladder":
        piece, farads = ohms / 8.0, float(PASSIVES.resistor.capacitance(strips)[0]) / 8.0
        nodes = [a, *(f"{name}_{number}" for number in range(1, 8)), b]
        cards = [f"{name}_{n} {nodes[n]} {nodes[n + 1]} {piece!r}" for n in range(8)]
        return "\n".join((*cards, *(f"c{name}_{n} {nodes[n]} 0 {farads!r}" for n in range(1, 8))))
    width = float(strips.width[0])
    field = (1.0 - 0.2874 / width + 0.5252 * min(0.2, length - 0.5) * log(length / width)) / length
    body = f"max(0.5,1.1228-0.1228*sqrt(1+pow({1.304 * field / series!r}*v({a},{b}),2)))"
    level = f"(1.2+0.04126*tanh(0.008697*(min(v({a})+v({b}),24)+39.86)))"
    rest = 1.2 + 0.04126 * tanh(0.008697 * 39.86)
    return f"{name} {a} {b} r='{ohms!r}*{body}*{level}/{rest!r}'"


def calibrate() -> Iterator[str]:
    """Yield the calibration of SKY130_CHIP, by two sweeps from that of SKY130_MOS, for calibrations.csv."""
    made = replace(MOS.trims, technology=CHIP.digest, residual=0.0, simulator=simulator())
    for _ in range(2):
        made = corrected(made, measure_gains(replace(CHIP, calibration=made), Ngspice(), SETTLING))
    yield literal(made)


def main(what: list[str]) -> None:
    if what[:1] == ["edit"]:
        sys.exit(edit(what[1], float(what[2]), what[3:]))
    tables = (calibrate, accuracy, settling, corners, supply, drift, cost, clocks, bent)
    known = {table.__name__: table for table in tables}
    for name in what or list(known)[1:]:
        for line in known[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
