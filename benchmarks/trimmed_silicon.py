#!/usr/bin/env python
"""The 4-unit airline forecaster in SKY130, 25 mismatched chips of it trimmed by their measured outputs, in ngspice.

`python benchmarks/trimmed_silicon.py [CHIPS] [PRESET] ...`, or `make trimmed-silicon`; all chips, both presets unless
given. Chips are trimmed by h after each of `TEST` steps with random inputs over the range of the passengers, read with
`BITS` bits and noise, judged by the forecasts of the last 36 months, which neither the LSTM nor a trimming has seen.
The state before these is set to the digital one. Each chip is kept in `trimmed-lots` in the working directory, so that
an interrupted run goes on; remove it to begin anew. Needs ngspice, and the models of SKY130 (docs/silicon.md#models).
"""

import pickle
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from corners import CHIPS, ENGINE, SEED, built

import lstm_analog as la
from lstm_analog.imperfections import SKY130_MISMATCH, Streams
from lstm_analog.model import State, airline
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import Trimmer, end_with_parent, trimmer

FOLDER = Path("trimmed-lots")
TEST = 16
"""Steps of the test sequence."""
RESOLUTION, LARGEST = 1 / 1024, 1.25
"""Step and reach of a bias, in shares of Gmax, and of a current, in shares of the reference current."""
STEP, DAMPING, ROUNDS = 0.02, 1e-3, 4
"""Of the trimmer: a step that is well above the error of ngspice, 1e-4 of h."""
BITS, NOISE = 12, 2e-4
"""Of the converter that reads h from -1 to 1, and the standard deviation of what it reads, in units of h."""
FORECASTER = airline.forecaster(4)
PASSENGERS = airline.series()[1]
TRUTH = PASSENGERS[airline.TEST_START :]
DIGITAL = FORECASTER.decode(FORECASTER.lstm(FORECASTER.encode(PASSENGERS)).h)[airline.TEST_START - 1 : -1, 0]


@dataclass(frozen=True, kw_only=True)
class Tester:
    """Reads h with `bits` from -1 to 1 and normal noise of `sigma`, drawn anew for each reading of other values."""

    bits: int
    sigma: float

    def __call__(self, outputs: Outputs) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(outputs.h.tobytes()))
        step = 2.0 / (2**self.bits - 1)
        return step * np.rint((outputs.h + self.sigma * rng.standard_normal(outputs.h.shape)) / step)


def test_inputs() -> np.ndarray:
    """Return the inputs that chips are trimmed by, (TEST, 1)."""
    x = FORECASTER.encode(PASSENGERS)
    return np.random.default_rng(9).uniform(x.min(), x.max(), (TEST, 1))


def judged() -> tuple[np.ndarray, State]:
    """Return the inputs by which the last 36 months are forecast, (36, 1), and the digital state before them."""
    x, first = FORECASTER.encode(PASSENGERS), airline.TEST_START - 1
    return x[first:-1], FORECASTER.lstm(x[:first]).state


def prepared(name: str) -> Trimmer[la.Machine]:
    """Return the trimmer of the forecaster in the preset `name`, from the folder if it is there."""
    kept = FOLDER / f"{name}.pickle"
    if not kept.exists():
        machine = built(getattr(la.electrical, name))
        how = trimmer(
            machine,
            test_inputs(),
            resolution=RESOLUTION,
            largest=LARGEST,
            offsets=True,
            step=STEP,
            rounds=ROUNDS,
            damping=DAMPING,
            engine=ENGINE,
        )
        kept.write_bytes(pickle.dumps(replace(how, answer=Tester(bits=BITS, sigma=NOISE))))
    found: Trimmer[la.Machine] = pickle.loads(kept.read_bytes())
    return found


def forecasts(machine: la.Machine) -> np.ndarray:
    """Return the forecasts of `machine` for the judged months, in thousand passengers, (36,)."""
    x, state = judged()
    h = machine.run(x, state=state, engine=ENGINE, keep=la.Keep.OUTPUTS).h
    return FORECASTER.decode(h)[:, 0]


def trimmed_chip(name: str, number: int) -> dict[str, np.ndarray]:
    """Return what became of a chip, from the folder if it is there: forecasts, largest errors of h, trims."""
    kept = FOLDER / f"{name}-{number}.npz"
    if not kept.exists():
        how = prepared(name)
        chip = how.machine.with_imperfection(SKY130_MISMATCH, Streams(seed=SEED, first=number))
        found = how.trim(chip)
        np.savez(
            kept,
            before=forecasts(chip),
            after=forecasts(found.machine),
            errors=found.errors[:, 0],
            trims=found.trims[0] / how.units,
        )
    with np.load(kept) as saved:
        return dict(saved)


def rmse(forecasts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the root mean square difference of `forecasts` (..., 36) and those `wanted` (36,)."""
    return np.sqrt(np.mean((forecasts - wanted) ** 2, axis=-1))


def told(values: np.ndarray, form: str) -> str:
    return f"{np.median(values):{form}} / {values.max():{form}}"


def row(name: str, compiled: np.ndarray, chips: list[dict[str, np.ndarray]]) -> str:
    """Return the row of the table: RMSE of forecasts in thousand passengers, RMS errors of h where trimmed."""
    before, after = (np.array([chip[which] for chip in chips]) for which in ("before", "after"))
    errors = np.array([chip["errors"] for chip in chips])
    cells = [name, str(len(chips)), f"{rmse(compiled, DIGITAL):.2f} / {rmse(compiled, TRUTH):.1f}"]
    for wanted, form in ((DIGITAL, ".2f"), (TRUTH, ".1f")):
        cells += [told(rmse(each, wanted), form) for each in (before, after)]
    cells += [told(errors[:, 0], ".4f"), told(errors.min(axis=1), ".4f")]
    return f"| {' | '.join(cells)} |"


def draw(found: dict[str, list[dict[str, np.ndarray]]]) -> None:
    """Save the picture: months against passengers, the truth, the digital forecasts, chips as bands."""
    figure, panels = plt.subplots(
        len(found), 1, figsize=(8.0, 3.3 * len(found)), sharex=True, sharey=True, squeeze=False
    )
    months = airline.series()[0][airline.TEST_START :].astype("datetime64[D]")
    for axes, (name, chips) in zip(panels[:, 0], found.items(), strict=True):
        for which, colour, label in (("before", "#eed3b0", "as made"), ("after", "#5b9bd5", "trimmed")):
            forecasts = np.array([chip[which] for chip in chips])
            low, high = forecasts.min(axis=0), forecasts.max(axis=0)
            axes.fill_between(months, low, high, color=colour, lw=0, label=f"{len(chips)} chips, {label}")
        axes.plot(months, DIGITAL, "k--", lw=1.0, label="digital LSTM")
        axes.plot(months, TRUTH, "k.", ms=5, label="passengers")
        axes.set_xlim(months[0], months[-1])
        axes.set_ylabel("thousand passengers a month")
        axes.set_title(name, loc="left")
    panels[0, 0].legend(loc="upper left", fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(FOLDER / "trimmed_silicon.png", dpi=120)


def main(chips: int, names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    found = {}
    print(f"RMSE, thousand passengers; digital to truth {rmse(DIGITAL, TRUTH):.1f}; chips median / worst")
    print("| preset | chips | compiled, to digital / truth | to digital, as made | trimmed ", end="")
    print("| to truth, as made | trimmed | RMS error of h in the test, as made | trimmed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        compiled = forecasts(prepared(name).machine)
        with ProcessPoolExecutor(2, initializer=end_with_parent) as pool:
            found[name] = list(pool.map(partial(trimmed_chip, name), range(chips)))
        print(row(name, compiled, found[name]), flush=True)
        trims = np.array([np.abs(chip["trims"]) for chip in found[name]])
        for what, largest in zip(prepared(name).names, trims.max(axis=0), strict=True):
            print(f"largest trim of {what}: {largest:.3f}")
    draw(found)


if __name__ == "__main__":
    count = int(sys.argv[1]) if sys.argv[1:] else CHIPS
    main(count, sys.argv[2:] or ["SKY130_MOS", "SKY130"])
