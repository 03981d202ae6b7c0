"""Boards in ngspice, measured by an oscilloscope and trimmed by its files: `python benchmarks/measured.py`.

Needs ngspice. A chip of `airline_4` with programming errors is exported, ngspice runs its deck over the first months,
and its waveforms are resampled every 1.3 time constants, on a clock that is 230 ppm off and starts early, with noise,
and written to a csv as by an oscilloscope. `la.study.measured` reads it back: told are how far offset and rate are off,
and the error of h against the LSTM by the run itself and by the file. Then the board is trimmed by its files.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.engines import Ngspice
from lstm_analog.errors import InvalidValueError
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.model.airline import forecaster, series
from lstm_analog.study import compare, measured, trimmer

MONTHS = 24
MADE = forecaster(4)
MACHINE = la.compile(MADE.lstm, la.electrical.BEHAVIOURAL, settling=24.0)
X = MADE.encode(series()[1][:MONTHS])
OFFSET, RATE, ROW = -3.7e-4, 1.0 + 2.3e-4, 1.3
"""Of the oscilloscope: when the run begins (s), its clock, and time constants between rows."""
COLUMNS = {f"CH{unit + 1}": f"l0_h_{unit}" for unit in range(4)}
HEAD = "Model,MSO24\nFirmware Version,1.28\nRecord Length,2000\n\nLabels,,,,,\n"


def record(run: la.study.Run, path: Path, noise: float) -> Path:
    """Write h and the line `copy` of `run` to the csv at `path`, as an oscilloscope does."""
    trajectory, unit, random = run.trajectory, run.compiled.time_constant, np.random.default_rng(1)
    ends, lines = trajectory.schedule.ends, run.compiled.network.lines
    time = np.arange(-50.0 * unit, ends[-1] + 50.0 * unit, ROW * unit)
    h = trajectory.sample(time.clip(0.0, ends[-1]), run.compiled.network.unknowns["l0_h"])
    high = trajectory.schedule.high[np.searchsorted(ends, time).clip(0, ends.size - 1), lines.index("copy")]
    clock = 3.3 * high * (time > 0.0) * (time < ends[-1]) + 0.03 * random.standard_normal(time.size)
    rows = np.column_stack((OFFSET + RATE * time, h + noise * random.standard_normal(h.shape), clock))
    text = "\n".join(",".join(f"{value:.9g}" for value in row) for row in rows.tolist())
    path.write_text(f"{HEAD}TIME,{','.join(COLUMNS)},CLK\n{text}\n", encoding="utf-8")
    return path


def aligned(folder: Path) -> list[tuple[object, ...]]:
    """Return the rows of the first table."""
    rows = []
    for sigma in (0.003, 0.01, 0.03):
        run = MACHINE.with_imperfection(ProgrammingError(sigma=sigma), Streams(seed=3)).run(X, engine=Ngspice())
        last, unit = run.trajectory.schedule.ends[-1], run.compiled.time_constant
        true = compare(run, MADE.lstm, tolerance=1.0).layers[0]["h"].rms
        for noise in (0.0, 1e-3, 1e-2):
            path = record(run, folder / "scope.csv", noise)
            for clock in ({"CLK": "copy"}, {}):
                try:
                    found = measured(MACHINE, path, X, columns=COLUMNS | clock)
                except InvalidValueError:  # it looks as much like the machine at another place
                    rows.append((sigma, noise, "signals", "refused", "-", true, "-", "-"))
                    continue
                off = [(found.offset - OFFSET) / unit, (found.rate - RATE) * last / unit]
                told = compare(found, MADE.lstm, tolerance=1.0).layers[0]["h"].rms
                apart = float(np.sqrt(np.mean((found.run.h - run.h) ** 2)))
                rows.append((sigma, noise, "clock" if clock else "signals", *off, true, told, apart))
    return rows


def trimmed(folder: Path) -> list[tuple[object, ...]]:
    """Return the rows of the second table: RMS errors of h to the machine without imperfections."""
    how, rows = trimmer(MACHINE, X, resolution=1 / 1024, largest=1.25), []
    for sigma in (0.003, 0.01):
        board, trims = MACHINE.with_imperfection(ProgrammingError(sigma=sigma), Streams(seed=3)), None
        simulated = how.trim(board).errors[:, 0]
        for number in range(4):
            run = (board if trims is None else how.with_trims(board, trims)).run(X, engine=Ngspice())
            path = record(run, folder / f"round{number}.csv", 1e-3)
            correction = how.correct(measured(MACHINE, path, X, columns=COLUMNS), trims)
            trims, true = correction.trims, float(np.sqrt(np.mean((run.h - how.expected.reshape(run.h.shape)) ** 2)))
            rows.append((sigma, number, correction.error, true, float(simulated[number])))
    return rows


def main() -> None:
    """Print the tables."""
    print(conditions())
    with TemporaryDirectory() as folder:
        heads = ("sigma, Gmax", "noise of h", "aligned by", "offset off, time constants", "at the end")
        print(table((*heads, "error of h", "by the file", "file and run apart"), aligned(Path(folder))))
        heads = ("sigma, Gmax", "round", "error by the file", "of the board", "Trimmer.trim, simulated")
        print(table(heads, trimmed(Path(folder))))


if __name__ == "__main__":
    main()
