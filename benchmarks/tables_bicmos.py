#!/usr/bin/env python
"""What the BiCMOS chip does in ngspice: `python benchmarks/tables_bicmos.py [TABLE] ...`.

Tables: accuracy, long, conditions, mismatch, airline (which also draws `bicmos_airline.png` in the current folder).
Needs ngspice; takes minutes of one core, `long` (60 steps) the longest.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import lstm_analog as la
from lstm_analog import imperfections
from lstm_analog.model import airline

SETTLING = 12.0
SEEDS = range(6)
SCALES = (1.0, 3.0)


def case(seed: int, hidden: int, scale: float, steps: int) -> tuple[la.LSTM, np.ndarray]:
    """Return a held-out LSTM of 2 inputs and inputs in ±1."""
    rng = np.random.default_rng(seed)
    lstm = la.random_lstm(rng, inputs=2, hidden=hidden, scale=scale)
    return lstm, rng.uniform(-1.0, 1.0, (steps, 2))


def run(lstm: la.LSTM, x: np.ndarray, technology: object = la.electrical.BICMOS) -> la.Run:
    """Return what the chip does with `x`, its state scaled to what the digital LSTM needs."""
    machine = la.compile(lstm, technology, settling=SETTLING, inputs=x)
    return machine.run(x, engine=la.engines.Ngspice())


def wrong(lstm: la.LSTM, result: la.Run) -> tuple[float, float, float]:
    """Return the largest errors of h and c, and the largest |c|."""
    digital = lstm.trace(result.x).layers[0]
    return (
        float(np.abs(result.h - digital.h).max()),
        float(np.abs(result.c - digital.c).max()),
        float(np.abs(digital.c).max()),
    )


def accuracy(steps: int) -> Iterator[str]:
    yield f"six random LSTMs a row, 2 inputs in +-1, {steps} steps"
    yield "| units | scale | dh median | dh worst | dc worst | c largest | mW a unit, supply | mW a unit, all | MHz |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for scale in SCALES:
        for hidden in (1, 3, 8):
            cases = [case(seed, hidden, scale, steps) for seed in SEEDS]
            runs = [run(*entry) for entry in cases]
            errors = np.array([wrong(lstm, result) for (lstm, _), result in zip(cases, runs, strict=True)])
            powers = [la.study.power(result) for result in runs]
            supply, total = (1e3 * np.mean([getattr(p, what) for p in powers]) / hidden for what in ("supply", "total"))
            worst, rate = errors.max(axis=0), powers[0].step_rate / 1e6
            yield (
                f"| {hidden} | {scale:g} | {np.median(errors[:, 0]):.5f} | {worst[0]:.5f} | {worst[1]:.4f} "
                f"| {worst[2]:.1f} | {supply:.2f} | {total:.2f} | {rate:.3f} |"
            )


def conditions() -> Iterator[str]:
    electrical = la.electrical
    cases = [
        ("27 C, 5 V", electrical.BICMOS.conditions),
        *(
            (f"{celsius:g} C, {bias.value} bias", replace(electrical.BICMOS.conditions, temperature=celsius, bias=bias))
            for bias in electrical.Bias
            for celsius in (0.0, 85.0)
        ),
        *((f"supply {volts:g} V", replace(electrical.BICMOS.conditions, supply=volts)) for volts in (4.5, 5.5)),
    ]
    yield "three random LSTMs of 3 units, 6 steps"
    yield "| conditions | scale | dh worst | dc worst | mW a unit, supply |"
    yield "|---|---|---|---|---|"
    for name, met in cases:
        for scale in SCALES:
            chosen = [case(seed, 3, scale, 6) for seed in range(3)]
            runs = [run(lstm, x, replace(electrical.BICMOS, conditions=met)) for lstm, x in chosen]
            worst = np.max([wrong(lstm, result) for (lstm, _), result in zip(chosen, runs, strict=True)], axis=0)
            milliwatts = 1e3 * np.mean([la.study.power(result).supply for result in runs]) / 3
            yield f"| {name} | {scale:g} | {worst[0]:.4f} | {worst[1]:.4f} | {milliwatts:.2f} |"


def mismatch() -> Iterator[str]:
    causes = (
        *(imperfections.JunctionArea(share=share) for share in (0.004, 0.01, 0.04)),
        *(imperfections.ResistorSpread(share=share) for share in (0.001, 0.01)),
        *(imperfections.MosThreshold(volts=volts) for volts in (0.001, 0.005)),
    )
    yield "eight chips of one random LSTM of 3 units, 6 steps, dh median / worst"
    yield "| cause | scale 1 | scale 3 |"
    yield "|---|---|---|"
    for cause in causes:
        found = []
        for scale in SCALES:
            lstm, x = case(0, 3, scale, 6)
            ideal = la.compile(lstm, la.electrical.BICMOS, settling=SETTLING, inputs=x)
            chips = (ideal.with_imperfection(cause, imperfections.Streams(seed=5, first=chip)) for chip in range(8))
            errors = [wrong(lstm, chip.run(x, engine=la.engines.Ngspice()))[0] for chip in chips]
            found.append(f"{np.median(errors):.4f} / {max(errors):.4f}")
        yield f"| {cause} | {' | '.join(found)} |"


def forecasts(folder: Path) -> Iterator[str]:
    months, values = airline.series()
    forecaster = airline.forecaster(4)
    result = run(forecaster.lstm, forecaster.encode(values))
    digital = forecaster.decode(forecaster.lstm(result.x).h)[:, 0]
    apart = forecaster.decode(result.h)[:, 0] - digital
    h, c, largest = wrong(forecaster.lstm, result)
    yield f"airline_4, {values.size} months: {la.study.power(result)}"
    yield "| analog - digital, RMSE | largest | dh | dc | c largest |"
    yield "|---|---|---|---|---|"
    rms = float(np.sqrt(np.mean(apart**2)))
    yield f"| {rms:.2f} thousand | {np.abs(apart).max():.2f} thousand | {h:.4f} | {c:.4f} | {largest:.2f} |"
    la.show.save(la.show.forecast(forecaster, months, values, result), folder / "bicmos_airline.png")


def main(what: list[str]) -> None:
    tables = {
        "accuracy": lambda: accuracy(6),
        "long": lambda: accuracy(60),
        "conditions": conditions,
        "mismatch": mismatch,
        "airline": lambda: forecasts(Path.cwd()),
    }
    for name in what or tables:
        for line in tables[name]():
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
