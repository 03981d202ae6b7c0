"""Traces of an instrument: read, aligned, compared and trimmed by as the run that they are of; or refused by name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.errors import FileFormatError, InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.study import Verdict, compare, measured, trimmer

LSTM = la.random_lstm(np.random.default_rng(2), 2, 3, outputs=2, scale=2.0)
MACHINE = la.compile(LSTM, la.electrical.BEHAVIOURAL, settling=24.0)
BOARD = MACHINE.with_imperfection(ProgrammingError(sigma=0.02), Streams(seed=3))
X = np.random.default_rng(3).uniform(-1.0, 1.0, (12, 2))
COLUMNS = {f"CH{unit + 1}": f"l0_h_{unit}" for unit in range(3)}
WITH_HEAD = COLUMNS | {f"CH{4 + k}": f"y_{k}" for k in range(2)}
PREAMBLE = "Model,MSO24\nFirmware Version,1.28\nRecord Length,10000\n\nLabels,,,,\n"
NOISE = 1e-3
OFFSET, RATE = -3.7e-4, 1.0 + 2.3e-4


@dataclass(frozen=True, kw_only=True)
class Scope:
    """An oscilloscope: samples every `row` time constants, from before the run until after it, with noise."""

    row: float = 0.3
    noise: float = NOISE
    gain: float = 1.0
    rate: float = RATE
    columns: tuple[str, ...] = tuple(WITH_HEAD.values())

    def record(self, run: la.study.Run) -> dict[str, np.ndarray]:
        """Return the time and the channels of `run` by name, and the clock line of the copies."""
        trajectory, unit = run.trajectory, run.compiled.time_constant
        ends, names = trajectory.schedule.ends, run.compiled.network.unknowns.names()
        time = np.arange(-9.0 * unit, ends[-1] + 9.0 * unit, self.row * unit)
        values = trajectory.sample(time.clip(0.0, ends[-1]), np.array([names.index(node) for node in self.columns]))
        values = self.gain * (values + self.noise * np.random.default_rng(1).standard_normal(values.shape))
        interval = np.searchsorted(ends, time).clip(0, ends.size - 1)
        high = trajectory.schedule.high[interval, run.compiled.network.lines.index("copy")]
        channels = {f"CH{number + 1}": values[:, number] for number in range(len(self.columns))}
        return {"TIME": OFFSET + self.rate * time, **channels, "CLK": 3.3 * high * (time > 0.0) * (time < ends[-1])}


def written(path: Path, table: dict[str, np.ndarray], preamble: str = PREAMBLE) -> Path:
    rows = "\n".join(",".join(f"{value:.10g}" for value in row) for row in np.column_stack(list(table.values())))
    path.write_text(f"{preamble}{','.join(table)}\n{rows}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run() -> la.study.Run:
    """What the board did, by the engine that shares nothing with the one that `measured` uses."""
    return BOARD.run(X, engine=Integrate(rtol=1e-6, atol=1e-8, points=60))


@pytest.mark.parametrize("clock", [{}, {"CLK": "copy"}], ids=["by its signals", "by its clock"])
def test_a_trace_has_the_error_of_the_run_that_it_is_of(tmp_path, run, clock):
    path = written(tmp_path / "scope.csv", Scope().record(run))
    found = measured(MACHINE, path, X, columns=WITH_HEAD | clock)
    time_constant, total = MACHINE.compiled.time_constant, run.trajectory.schedule.ends[-1]
    assert abs(found.offset - OFFSET) < 0.5 * time_constant
    assert abs(found.rate - RATE) * total < time_constant
    np.testing.assert_allclose(found.run.h, run.h, atol=5 * NOISE)
    np.testing.assert_allclose(found.outputs.y, run.y, atol=5 * NOISE)
    ours, true = (compare(each, LSTM, tolerance=1.0).layers[0]["h"].rms for each in (found, run))
    assert abs(ours - true) < NOISE
    assert true > 5 * NOISE
    np.testing.assert_allclose(found.residual, true, atol=NOISE)
    assert "scope.csv" in compare(found, LSTM).engine


@pytest.mark.parametrize(
    ("rate", "error", "clock"),
    [(1.08, 1e-3, {"CLK": "copy"}), (0.92, 1e-3, {"CLK": "copy"}), (1.03, 0.05, {}), (0.97, 0.05, {})],
)
def test_clocks_may_run_at_other_rates(run, rate, error, clock):
    table = Scope(rate=rate).record(run)
    found = measured(MACHINE, table, X, columns=WITH_HEAD | clock, clock_error=error)
    assert abs(found.rate - rate) < 1e-3
    np.testing.assert_allclose(found.run.h, run.h, atol=5 * NOISE)


def test_a_report_has_the_measured_signals_alone(run):
    found = measured(MACHINE, Scope(columns=tuple(COLUMNS.values())).record(run), X, columns=COLUMNS)
    report = compare(found, LSTM)
    assert set(report.layers[0].signals) == {"h"}
    assert report.head is None
    assert found.outputs.y is None
    assert report.verdict is Verdict.DEFECT
    assert compare(found, LSTM, tolerance=0.5).holds
    assert "h" in str(report)
    with pytest.raises(InvalidValueError, match="keep l0_zi"):
        _ = found.run.layers[0].z


def test_all_signals_of_a_chain_may_be_measured(run):
    nodes = [f"l0_{signal}_{unit}" for signal in ("zi", "zf", "zg", "zo", "c", "h") for unit in range(3)]
    table = Scope(columns=tuple(nodes), noise=0.0).record(run)
    columns = {f"CH{number + 1}": node for number, node in enumerate(nodes)}
    found = measured(MACHINE, table, X, columns=columns)
    report, true = (compare(each, LSTM, tolerance=1.0) for each in (found, run))
    for name, errors in true.layers[0].signals.items():
        np.testing.assert_allclose(report.layers[0][name].rms, errors.rms, rtol=0.02)


def test_a_probe_divides_and_a_machine_may_be_plumbing():
    machine = la.compile(LSTM, la.hydraulic.OIL, settling=14.0)
    run = machine.run(X[:6], engine=Waveform(points=30))
    table = Scope(gain=0.1, noise=0.0, columns=tuple(COLUMNS.values())).record(run)
    found = measured(machine, table, X[:6], columns=COLUMNS, gain=10.0)
    np.testing.assert_allclose(found.run.h, run.h, atol=1e-4)


def test_a_board_is_trimmed_by_its_traces(tmp_path):
    """Measured, turned and measured again: as far as `Trimmer.trim` comes with the same chip."""
    how = trimmer(MACHINE, X, resolution=0.0, largest=2.0)
    trims, errors = None, []
    for number in range(5):
        board = BOARD if trims is None else how.with_trims(BOARD, trims)
        table = Scope().record(board.run(X, engine=Waveform(points=30)))
        path = written(tmp_path / f"round{number}.csv", table)
        correction = how.correct(measured(MACHINE, path, X, columns=WITH_HEAD), trims)
        trims = correction.trims
        errors.append(correction.error)
    simulated = how.trim(BOARD).errors[:5, 0]
    assert errors[-1] < 0.4 * errors[0]
    assert abs(errors[-1] ** 2 - simulated[-1] ** 2 - NOISE**2) < NOISE**2
    assert correction.names == how.names


def test_only_what_the_trimmer_expects_corrects(run):
    how = trimmer(MACHINE, X, resolution=0.0, largest=2.0)
    found = measured(MACHINE, Scope().record(run), X, columns=COLUMNS)
    with pytest.raises(InvalidShapeError, match="measured answers must be 24 numbers, got 36 of h: measure y"):
        how.correct(found)
    with pytest.raises(InvalidShapeError, match="so_far must have shape"):
        how.correct(found, np.zeros(3))
    with pytest.raises(InvalidValueError, match="x of the board must be that of the trimmer, got other inputs"):
        trimmer(MACHINE, X + 0.1, resolution=0.0, largest=2.0).correct(found)
    with pytest.raises(InvalidShapeError, match="trims must have shape"):
        how.with_trims(BOARD, np.zeros(3))


def test_h_is_not_taken_for_as_many_y():
    lstm, columns = la.random_lstm(np.random.default_rng(2), 2, 2, outputs=2), {"CH1": "l0_h_0", "CH2": "l0_h_1"}
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    table = Scope(columns=tuple(columns.values())).record(machine.run(X[:5], engine=Waveform(points=30)))
    found = measured(machine, table, X[:5], columns=columns | {"CLK": "copy"})
    with pytest.raises(InvalidShapeError, match="measured answers must be 10 numbers, got 10 of h: measure y"):
        trimmer(machine, X[:5], resolution=0.0, largest=2.0).correct(found)
    of_h = trimmer(machine, X[:5], resolution=0.0, largest=2.0, answer=lambda outputs: outputs.h)
    assert of_h.correct(found).error < 2 * NOISE


def broken(table: dict[str, np.ndarray], how: str) -> dict[str, np.ndarray]:
    """Return the `table` with one fault."""
    rows = len(table["TIME"])
    if how == "gap":
        kept = np.abs(np.arange(rows) - rows // 2) > 60
        return {name: column[kept] for name, column in table.items()}
    if how == "short":
        return {name: column[: rows // 2] for name, column in table.items()}
    if how == "late":
        return {name: column[rows // 4 :] for name, column in table.items() if name != "CLK"}
    changed = {name: column.copy() for name, column in table.items()}
    if how == "back":
        changed["TIME"][100] = changed["TIME"][98]
    if how == "nan":
        changed["CH2"][7] = np.nan
    if how == "noise":
        for name in COLUMNS:
            changed[name] = np.random.default_rng(0).standard_normal(rows)
    return changed


@pytest.mark.parametrize(
    ("how", "columns", "words"),
    [
        ("gap", {}, r"trace must have a row every 1.2e-05 s at least, half a phase, got 3.6\d*e-05 s without one from"),
        ("short", {}, "trace must cover .* s, got .* s: record the whole run"),
        ("late", {}, "trace must cover .* s, got"),
        ("back", {}, "times of the trace must increase, got .* in row 100"),
        ("nan", {}, "column 'CH2'"),
        ("noise", {}, "must explain 50% of the variance of the machine's signals, got .*% at best"),
        ("none", {"CH9": "l0_c_0"}, r"columns must have all of l0_h, l0_c, got no l0_c_1, l0_c_2: record"),
        ("none", {"CH9": "l0_q_0"}, r"columns must be unknowns of the machine or a clock line, reset, copy, compute0"),
        ("none", {"CH9": "l0_h_0"}, "columns must name an unknown once"),
        ("none", {"CLK": "copy", "CH9": "reset"}, "columns must have one clock line at most"),
        ("none", {"CH9": "copy"}, "table must have the columns, got no 'CH9'"),
        ("short", {"CLK": "copy"}, "clock line of the trace must have the 24 edges of the schedule"),
    ],
)
def test_a_trace_that_cannot_be_read_is_refused(run, how, columns, words):
    table = broken(Scope().record(run), how)
    with pytest.raises(InvalidValueError, match=words):
        measured(MACHINE, table, X, columns=COLUMNS | columns)


def test_a_trace_that_fits_at_two_places_is_refused():
    """Every second step is the same, and the trace goes on for another two."""
    x = np.tile(np.array([[0.5, -0.5], [-1.0, 0.2]]), (8, 1))
    table = Scope(noise=0.0).record(MACHINE.run(x, engine=Waveform(points=30)))
    state = MACHINE.run(x[:8], engine="settle").outputs.state
    assert measured(MACHINE, table, x, columns=COLUMNS).residual < 1e-3
    with pytest.raises(InvalidValueError, match=r"trace must fit the clock at one place alone, got .* unexplained"):
        measured(MACHINE, table, x[8:], state=state, columns=COLUMNS)


def test_signals_that_stand_still_do_not_align():
    """There was a division of zero by zero before the refusal."""
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 2, 1, scale=0.0), la.electrical.BEHAVIOURAL)
    table = Scope(columns=("l0_h_0",)).record(machine.run(X[:4], keep=la.Keep.EVERYTHING))
    with pytest.raises(InvalidValueError, match="got 0% at best: check its columns, gain and x, or record a clock"):
        measured(machine, table, X[:4], columns={"CH1": "l0_h_0"})


def test_other_machines_and_inputs_are_refused(run):
    table = Scope().record(run)
    both = la.random_lstm(np.random.default_rng(4), 2, 2, layers=2, bidirectional=True)
    with pytest.raises(UnsupportedError, match="must go through time once"):
        measured(la.compile(both, la.electrical.BEHAVIOURAL, settling=24.0), table, X, columns=COLUMNS)
    with pytest.raises(InvalidShapeError, match="x must be what the board was fed"):
        measured(MACHINE, table, X[None], columns=COLUMNS)
    chips = MACHINE.with_imperfection(ProgrammingError(sigma=0.01), Streams(seed=3, chips=2))
    with pytest.raises(InvalidValueError, match="machine must have no axis of chips"):
        measured(chips, table, X, columns=COLUMNS)
    with pytest.raises(InvalidValueError, match="clock_error must"):
        measured(MACHINE, table, X, columns=COLUMNS, clock_error=0.5)
    for gain in (0.0, np.inf, np.nan):
        with pytest.raises(InvalidValueError, match="gain must be finite and not zero"):
            measured(MACHINE, table, X, columns=COLUMNS, gain=gain)
    with pytest.raises(InvalidShapeError, match=r"column 'CH2' must have shape \(\d+,\), got \(3,\)"):
        measured(MACHINE, table | {"CH2": np.zeros(3)}, X, columns=COLUMNS)
    with pytest.raises(InvalidShapeError, match="trace must have at least 2 rows, got 0"):
        measured(MACHINE, {name: column[:0] for name, column in table.items()}, X, columns=COLUMNS)
    long = {name: np.tile(column, 4) for name, column in table.items()} | {
        "TIME": 1e-6 * np.arange(4 * len(table["TIME"]))
    }
    with pytest.raises(InvalidValueError, match="places to try must be at most 20000"):
        measured(MACHINE, long, X[:8], columns=COLUMNS, clock_error=0.1)


def test_a_file_without_the_columns_is_refused(tmp_path, run):
    path = written(tmp_path / "scope.csv", Scope(columns=("l0_h_0", "l0_h_1")).record(run))
    with pytest.raises(FileFormatError, match="must have one row with the columns 'CH1', 'CH2', 'CH3', got none"):
        measured(MACHINE, path, X, columns=COLUMNS)


def test_a_clock_that_is_farther_off_than_was_said_is_refused():
    """The search ran wherever likeness led it, past any `clock_error`; what the refusal advises finds the place."""
    run = BOARD.run(X, engine=Waveform(points=40))
    table = Scope(rate=1.02).record(run)
    words = (
        r"must fit the clock within a phase .*, got an offset of .* s and a rate of 1 \+0.0145, .*: raise clock_error"
    )
    with pytest.raises(InvalidValueError, match=words):
        measured(MACHINE, table, X, columns=WITH_HEAD)
    found = measured(MACHINE, table, X, columns=WITH_HEAD, clock_error=0.03)
    np.testing.assert_allclose(found.rate, 1.02, atol=2e-4)
    np.testing.assert_allclose(found.run.h, run.h, atol=5 * NOISE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_edges_of_two_runs_are_not_taken_for_those_of_one(run, share):
    """A board that loops, recorded from the middle on, has as many edges: h was 0.43 off, and nothing was said."""
    one = Scope(rate=1.0).record(run)
    start, rows = int(share * one["TIME"].size), np.arange(30, one["TIME"].size - 30)
    looped = {name: np.pad(np.roll(column[rows], -start), 40, mode="edge") for name, column in one.items()}
    table = looped | {"TIME": (one["TIME"][1] - one["TIME"][0]) * np.arange(looped["CLK"].size)}
    with pytest.raises(
        InvalidValueError, match="clock line of the trace must have its edges as far apart as the sched"
    ):
        measured(MACHINE, table, X, columns=WITH_HEAD | {"CLK": "copy"})
