import json
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faulty_machines import with_banks

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.timing import GATED_LEAK
from lstm_analog.engines import Waveform
from lstm_analog.errors import FileAccessError, InvalidShapeError, InvalidTypeError, InvalidValueError
from lstm_analog.machine import compile
from lstm_analog.model import Gate, random_lstm
from lstm_analog.network.parts import Transconductors
from lstm_analog.study import Report, Run, Verdict, compare, network_digest

LSTM = random_lstm(np.random.default_rng(1), 2, 3, layers=2, scale=3.0, name="two_layers")
X = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 4, 2))
FAST = Waveform(rtol=1e-8, atol=1e-10)


def run_at(settling: float, x: np.ndarray = X) -> Run:
    return compile(LSTM, BEHAVIOURAL, settling=settling).run(x, engine=FAST)


@pytest.fixture(scope="module")
def settled() -> Run:
    return run_at(24.0)


@pytest.fixture(scope="module")
def hurried() -> Run:
    return run_at(3.0)


@pytest.fixture(scope="module")
def report(hurried: Run) -> Report:
    return compare(hurried, LSTM, seed=7)


@pytest.mark.parametrize("layer", [0, 1])
def test_numbers_are_those_computed_directly(hurried: Run, report: Report, layer: int) -> None:
    analog, digital, found = hurried.layers[layer], LSTM.trace(X).layers[layer], report.layers[layer]
    gates = {gate.letter: gate for gate in Gate}
    for letter in "zifgoch":
        at = gates.get(letter)
        name = letter if at is None else "gates"
        apart = np.abs(getattr(analog, name) - getattr(digital, name))
        apart = apart if at is None else apart[:, :, at]
        entry = found[letter]
        assert entry.max == apart.max()
        assert entry.rms == pytest.approx(np.sqrt((apart**2).mean()), rel=1e-12)
        np.testing.assert_allclose(entry.quantiles, np.quantile(apart, (0.5, 0.9, 0.99)), rtol=1e-12)
        axes = (0, 1, 2) if letter == "z" else (0, 1)
        np.testing.assert_array_equal(entry.by_unit.max, apart.max(axis=axes))
        np.testing.assert_allclose(entry.by_unit.rms, np.sqrt((apart**2).mean(axis=axes)), rtol=1e-12)
        assert entry.by_unit.quantiles.shape == (apart.shape[-1], 3)
        for unit, quantiles in enumerate(entry.by_unit.quantiles):
            np.testing.assert_allclose(quantiles, np.quantile(apart[..., unit], (0.5, 0.9, 0.99)), rtol=1e-12)
        for step in range(4):
            at_step = apart[:, step]
            assert entry.by_step.max[step] == at_step.max()
            assert entry.by_step.rms[step] == pytest.approx(np.sqrt((at_step**2).mean()), rel=1e-12)
            np.testing.assert_allclose(
                entry.by_step.quantiles[step], np.quantile(at_step, (0.5, 0.9, 0.99)), rtol=1e-12
            )
        place = entry.where
        assert apart[place.batch, place.step, ..., place.unit].max() == entry.max


def altered(run: Run, **changes: object) -> Run:
    """Return `run`, of one pass, with that pass changed."""
    return replace(run, passes=(replace(run.passes[0], **changes),))


def test_settled_machine_holds(settled: Run) -> None:
    report = compare(settled, LSTM)
    assert report.verdict is Verdict.WITHIN
    assert report.holds
    assert report.worst_h < 1e-7
    assert report.tolerance == report.explained == pytest.approx(1e-5, rel=0.01)


def test_hurried_machine_is_too_slow_a_clock(report: Report) -> None:
    assert report.verdict is Verdict.SLOW_CLOCK
    assert not report.holds
    assert report.tolerance == 1e-3 < report.worst_h < report.explained
    assert report.settling.ratio == pytest.approx(3.0)


def test_a_changed_weight_is_a_defect() -> None:
    machine = compile(LSTM, BEHAVIOURAL, settling=24.0)
    for label in ("l0_rows", "l1_rows"):
        rows = machine.network.part(label)
        assert isinstance(rows, Transconductors)
        weights = rows.transconductance.copy()
        weights[0, 0] *= 1.05
        faulty = with_banks(machine, replace(rows, transconductance=weights))
        report = compare(altered(faulty.run(X, engine=FAST), compiled=machine.compiled), LSTM)
        assert report.verdict is Verdict.DEFECT
        assert not report.holds
        assert report.network_digest == network_digest(faulty.network) != network_digest(machine.network)


def test_wrong_readings_are_defects(settled: Run) -> None:
    """Swapped gates, a wrong sign and a dropped unit, planted where the run is read."""
    z = settled.compiled.layout.layers[1].z
    swapped = replace(settled.compiled.layout.layers[1], z=(z[1], z[0], *z[2:]))
    layout = replace(settled.compiled.layout, layers=(settled.compiled.layout.layers[0], swapped))
    report = compare(altered(settled, compiled=replace(settled.compiled, layout=layout)), LSTM)
    assert report.layers[1]["i"].max > 1e-2
    assert report.layers[0]["i"].max < 1e-6

    nodes = settled.trajectory.network.unknowns["l1_h"]
    for factor in (-1.0, 0.0):
        efforts = settled.trajectory.efforts.copy()
        efforts[..., nodes[-1]] *= factor
        wrong = altered(settled, trajectory=replace(settled.trajectory, efforts=efforts))
        assert compare(wrong, LSTM).verdict is Verdict.DEFECT


def test_tolerance_is_the_users_if_given(hurried: Run, settled: Run) -> None:
    assert compare(hurried, LSTM, tolerance=0.9).verdict is Verdict.WITHIN
    assert compare(settled, LSTM, tolerance=1e-12).verdict is Verdict.SLOW_CLOCK


def test_the_engines_share_is_not_blamed_on_the_clock(settled: Run) -> None:
    """An engine off by 3e-6 where the clock leaves less than 1e-6."""
    rough = replace(settled.trajectory, efforts=settled.trajectory.efforts + 3e-6)
    report = compare(altered(settled, trajectory=rough), LSTM, tolerance=1e-6)
    assert report.by_clock < 1e-6 < report.worst_h < report.by_engine == 1e-5
    assert report.verdict is Verdict.ENGINE
    assert not report.holds
    assert "within the engine's accuracy" in str(report).splitlines()[0]
    assert "by the clock, 1e-05 by the engine" in str(report)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan"), float("inf")])
def test_tolerance_must_be_positive(settled: Run, tolerance: float) -> None:
    with pytest.raises(InvalidValueError) as caught:
        compare(settled, LSTM, tolerance=tolerance)
    assert str(caught.value) == f"tolerance must be positive, got {tolerance}: give units of h"


@pytest.mark.parametrize("tolerance", ["1e-3", True])
def test_tolerance_must_be_a_number(settled: Run, tolerance: object) -> None:
    with pytest.raises(InvalidTypeError, match=r"^tolerance must be a number of float64 or None, got .*: give that$"):
        compare(settled, LSTM, tolerance=tolerance)  # type: ignore[arg-type]


def test_one_sequence_is_a_batch_of_one() -> None:
    one, batch = (compare(run_at(3.0, x), LSTM) for x in (X[0], X[:1]))
    assert one.to_dict() == batch.to_dict()
    assert one.layers[0]["h"].by_step.max.shape == (4,)


def test_start_state_is_compared_too() -> None:
    machine = compile(LSTM, BEHAVIOURAL, timing=GATED_LEAK, settling=24.0)
    start = LSTM.trace(X).outputs.state
    report = compare(machine.run(X[:, :2], state=start, engine=FAST), LSTM)
    assert (report.verdict, report.timing) == (Verdict.WITHIN, "gated_leak")


def test_swapped_arguments_are_refused(settled: Run) -> None:
    with pytest.raises(InvalidTypeError, match=r"^run must be of type Run, got LSTM: give what Machine\.run returned"):
        compare(LSTM, settled)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match=r"^lstm must be of type LSTM, got str: give the LSTM that"):
        compare(settled, "model.safetensors")  # type: ignore[arg-type]


def test_run_of_another_lstm_is_refused(settled: Run) -> None:
    other = random_lstm(np.random.default_rng(3), 2, 3, layers=2, name="other")
    with pytest.raises(InvalidValueError) as caught:
        compare(settled, other)
    assert str(caught.value) == (
        f"the run must have the digest of LSTM 'other', {other.digest[:12]}, got {LSTM.digest[:12]} of 'two_layers': "
        "compare it with the LSTM it was compiled from"
    )


def test_run_of_unknown_origin_is_refused(settled: Run) -> None:
    network = replace(settled.compiled.network, provenance=())
    with pytest.raises(InvalidValueError, match=r"got none of 'an unnamed model': compare it with the LSTM"):
        compare(altered(settled, compiled=replace(settled.compiled, network=network)), LSTM)


def test_run_without_a_layer_is_refused(settled: Run) -> None:
    layout = replace(settled.compiled.layout, layers=settled.compiled.layout.layers[:1])
    message = r"^z of the layers of the run must have shapes \[\(2, 4, 4, 3\), \(2, 4, 4, 3\)\], got \[\(2, 4, 4, 3\)\]"
    with pytest.raises(InvalidShapeError, match=message):
        compare(altered(settled, compiled=replace(settled.compiled, layout=layout)), LSTM)


def test_report_goes_through_json(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report.write(path)
    assert json.loads(path.read_text()) == json.loads(report.to_json()) == report.to_dict()
    told = report.to_dict()
    assert told["verdict"] == "above tolerance, explained by the clock: the settling ratio T/tau is too small"
    assert told["layers"][1]["h"]["by_unit"]["rms"] == report.layers[1]["h"].by_unit.rms.tolist()
    assert told["settling"]["poles"] == 3
    assert told["seed"] == 7
    assert told["explained"] == told["by_clock"] + told["by_engine"] == report.explained
    assert told["lstm_digest"] == LSTM.digest
    assert told["versions"]["python"] == platform.python_version()
    assert told["engine"] == repr(FAST)
    assert (told["technology"], told["timing"], told["model"]) == ("BEHAVIOURAL", "clocked", "two_layers")


def test_unwritable_report_is_refused(report: Report, tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"must be writable, got No such file"):
        report.write(tmp_path / "missing" / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_text_tells_the_verdict_and_every_signal(report: Report) -> None:
    lines = str(report).splitlines()
    assert lines[0] == f"two_layers, analog against digital: {Verdict.SLOW_CLOCK.value}"
    rows = [line.split()[:2] for line in lines if line.split()[:1] in (["0"], ["1"])]
    assert rows == [[str(layer), signal] for layer in (0, 1) for signal in "zifgoch"]
    assert f"{report.layers[1]['c'].max:.2e}" in str(report)
    assert "T/tau = 3 in compute0" in str(report)
    assert "np.float64" not in str(report)
    assert all(line.isascii() and len(line) <= 130 for line in lines)


def test_digest_is_of_what_the_network_is() -> None:
    network = compile(LSTM, BEHAVIOURAL).network
    digest = network_digest(network)
    assert network_digest(compile(LSTM, BEHAVIOURAL).network) == digest
    assert network_digest(replace(network, provenance=())) == digest
    rows = network.part("l0_rows")
    assert isinstance(rows, Transconductors)
    nudged = rows.transconductance.copy()
    nudged[-1, -1] = np.nextafter(nudged[-1, -1], 1.0)
    others = tuple(part for part in network.parts if part is not rows)
    for changed in (
        replace(rows, transconductance=nudged),
        replace(rows, rows=rows.rows[::-1]),
        replace(rows, label="renamed"),
    ):
        one = replace(network, parts=(changed, *others))
        assert network_digest(one) not in (digest, network_digest(replace(network, parts=(rows, *others))))
    assert network_digest(replace(network, lines=network.lines[::-1])) != digest


def test_of_a_short_sequence_only_its_steps_count() -> None:
    """Beyond its length both answers are zero, which is no small error."""
    lengths, lstm = np.array([1, 3]), random_lstm(np.random.default_rng(1), 2, 3, outputs=2)
    run = compile(lstm, BEHAVIOURAL, settling=3.0).run(X, lengths=lengths, engine=FAST)
    digital = lstm.trace(X, lengths=lengths)
    found = compare(run, lstm)
    valid = np.arange(4) < lengths[:, None]
    for analog, expected, errors in (
        (run.h, digital.outputs.h, found.layers[0]["h"]),
        (run.y, digital.outputs.y, found.head.y),
    ):
        apart = np.abs(analog - expected)
        assert errors.rms == pytest.approx(np.sqrt(np.mean(apart[valid] ** 2)), rel=1e-12)
        np.testing.assert_allclose(errors.quantiles, np.quantile(apart[valid], (0.5, 0.9, 0.99)), rtol=1e-12)
        np.testing.assert_allclose(errors.by_unit.rms, np.sqrt(np.mean(apart[valid] ** 2, axis=0)), rtol=1e-12)
        np.testing.assert_allclose(errors.by_step.rms[1], np.sqrt(np.mean(apart[1, 1] ** 2)), rtol=1e-12)
        assert errors.by_step.max[3] == 0.0
