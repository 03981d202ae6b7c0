"""Trimming: known errors of biases are found, chips follow inputs not trimmed by, devices have limits."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from faulty_machines import with_banks

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import JunctionArea, MosThreshold, ProgrammingError, ReadNoise, Streams
from lstm_analog.model.airline import TEST_START, forecaster, series
from lstm_analog.network.parts import Sources
from lstm_analog.study import (
    LargestError,
    RootMeanSquareError,
    Spec,
    Trimmed,
    Trimmer,
    network_digest,
    trimmer,
    yield_of,
)
from lstm_analog.study.biases import add_to_biases, bias_columns, read_biases

RANDOM = np.random.default_rng(3)
X = RANDOM.uniform(-1.0, 1.0, (4, 8, 2))
UNSEEN = RANDOM.uniform(-1.0, 1.0, (4, 8, 2))
LSTM = la.random_lstm(np.random.default_rng(2), 2, 3)
DEEP = la.random_lstm(np.random.default_rng(4), 2, 2, layers=2, outputs=2)
BOTH = la.random_lstm(np.random.default_rng(4), 2, 2, layers=2, bidirectional=True)
CAUSE = ProgrammingError(sigma=0.01)
TECHNOLOGIES = {"BEHAVIOURAL": la.electrical.BEHAVIOURAL, "OIL": la.hydraulic.OIL}
FREE = {"resolution": 0.0, "largest": 10.0}
"""Devices that can be turned to any value."""


@cache
def compiled(name: str, lstm: la.LSTM = LSTM) -> la.Machine:
    return la.compile(lstm, TECHNOLOGIES[name], settling=24.0)


@cache
def drawn(machine: la.Machine, chips: int | None = 8) -> la.Machine:
    return machine.with_imperfection(CAUSE, Streams(seed=7, chips=chips))


@cache
def usual(name: str) -> Trimmer[la.Machine]:
    return trimmer(compiled(name), X, **FREE)


@cache
def trimmed(name: str) -> Trimmed[la.Machine]:
    """Eight chips, trimmed in as many rounds as there are by default."""
    return usual(name).trim(drawn(compiled(name)))


def answers(machine: la.Machine, x: np.ndarray) -> np.ndarray:
    outputs = machine.run(x, engine="settle", keep=la.Keep.OUTPUTS).outputs
    return outputs.h if outputs.y is None else outputs.y


def errors(chips: la.Machine, machine: la.Machine, x: np.ndarray) -> np.ndarray:
    """Return the RMS error of each of the `chips` to the ideal `machine`."""
    wrong = answers(chips, x) - answers(machine, x)
    return np.sqrt(np.mean(wrong.reshape(len(wrong), -1) ** 2, axis=-1))


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_known_errors_of_biases_are_found(name):
    """Chips whose biases alone are off are turned back by as much: nothing else makes their outputs right."""
    machine = compiled(name)
    how = trimmer(machine, X, damping=1e-9, rounds=8, **FREE)
    off = 1e-3 * np.random.default_rng(5).standard_normal((3, 12))
    found = how.trim(replace(machine, passes=add_to_biases(machine.passes, how.columns, off)))
    assert (found.after < 1e-4 * found.before).all()
    np.testing.assert_allclose(found.trims / how.columns[0].largest, -off, atol=2e-5)
    own = read_biases(machine.passes, how.columns)
    np.testing.assert_allclose(read_biases(found.machine.passes, how.columns), np.tile(own, (3, 1)), atol=2e-5)


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_trimmed_chips_follow_inputs_that_they_were_not_trimmed_by(name):
    machine = compiled(name)
    chips, found = drawn(machine), trimmed(name)
    assert found.errors.shape == (7, 8)
    np.testing.assert_allclose(found.before, errors(chips, machine, X), rtol=1e-6)
    np.testing.assert_allclose(found.after, errors(found.machine, machine, X), rtol=1e-6)
    assert np.median(found.after / found.before) < 0.4
    left = errors(found.machine, machine, UNSEEN) / errors(chips, machine, UNSEEN)
    assert np.median(left) < 0.6


@pytest.mark.parametrize(
    ("name", "lstm", "count"),
    [("OIL", DEEP, 2 * 8 + 2), ("BEHAVIOURAL", BOTH, 4 * 8)],
    ids=["two layers and a head", "two passes of two directions"],
)
def test_stacks_and_several_passes_are_trimmed(name, lstm, count):
    machine = compiled(name, lstm)
    chips = drawn(machine)
    found = trimmer(machine, X, rounds=2, **FREE).trim(chips)
    assert len(found.names) == len(set(found.names)) == count
    assert np.median(found.after / found.before) < 0.6
    np.testing.assert_allclose(found.after, errors(found.machine, machine, X), rtol=1e-6)


def test_op_amps_are_trimmed():
    machine = la.compile(la.random_lstm(np.random.default_rng(2), 2, 1), la.electrical.OPAMP_IDEAL)
    found = trimmer(machine, X[0, :3], rounds=2, **FREE).trim(drawn(machine, 4))
    assert np.median(found.after / found.before) < 0.5


# Transistor cells.

CELL = la.random_lstm(np.random.default_rng(2), 2, 1)
CELL_NAMES = ("l0_zi_0", "l0_zf_0", "l0_zg_0", "l0_zo_0", "l0_c_0 sum", "l0_c_0 reading")


@pytest.fixture(scope="module")
def cells() -> Trimmer[la.Machine]:
    machine = la.compile(CELL, la.electrical.BICMOS, settling=10.0)
    x = X.reshape(-1, 2)[:6]
    return trimmer(machine, x, offsets=True, step=0.05, rounds=3, damping=1e-4, engine=la.engines.Ngspice(), **FREE)


def test_known_biases_and_offsets_of_cells_are_found(cells):
    """A bias and both currents that alone are off are turned back by as much, in the simulator of transistors."""
    off = np.array([0.0, 0.0, 0.1, 0.0, 0.05, -0.05])
    found = cells.trim(replace(cells.machine, passes=add_to_biases(cells.machine.passes, cells.columns, off)))
    assert found.names == CELL_NAMES
    assert found.after[0] < 0.05 * found.before[0]
    np.testing.assert_allclose(found.trims[0] / cells.units, -off, atol=0.03)


def test_mismatched_cells_follow_inputs_that_they_were_not_trimmed_by(cells):
    causes = (JunctionArea(share=0.01), MosThreshold(volts=2e-3))
    chip, unseen = cells.machine.with_imperfection(causes, Streams(seed=3)), UNSEEN[0]
    h = [each.run(unseen, engine="ngspice").h for each in (cells.machine, chip, cells.trim(chip).machine)]
    before, after = (float(np.abs(each - h[0]).max()) for each in h[1:])
    assert after < 0.5 * before


def test_a_bias_of_two_wires_is_turned_in_both():
    machine = la.compile(CELL, la.electrical.BICMOS)
    how_much = np.array([0.5, -0.5, 2.0, 0.0])
    columns = bias_columns(machine.passes, None)
    turned = add_to_biases(machine.passes, columns, how_much)
    np.testing.assert_allclose(read_biases(turned, columns) - read_biases(machine.passes, columns), how_much)
    bank = turned[0].network.part("l0_rows")
    wires = [name.partition("_one_")[2] for name in np.array(turned[0].network.unknowns.names())[bank.inputs]]
    p, n = wires.index("p_0"), wires.index("n_0")
    np.testing.assert_array_equal(bank.positive[:, [p, n]], bank.negative[:, [n, p]])


def test_chips_that_are_right_are_left_as_they_are():
    machine = compiled("OIL")
    how = replace(usual("OIL"), resolution=1e-3, largest=0.5, rounds=1)
    found = how.trim(machine)
    assert not found.trims.any()
    assert not found.kept.any()
    assert network_digest(found.machine.network) == network_digest(machine.network)
    assert found.chip(0) is found.machine


def test_devices_are_turned_in_steps_and_within_their_range():
    machine = compiled("BEHAVIOURAL")
    chips, step, largest = drawn(machine), 1 / 64, 0.3
    how = replace(usual("BEHAVIOURAL"), resolution=step, largest=largest, rounds=2)
    found = how.trim(chips)
    own, turned = (read_biases(each.passes, how.columns) for each in (chips, found.machine))
    steps = (turned - own) / step
    beyond = np.abs(own) > largest
    assert beyond.any()
    stopped = np.isclose(np.abs(turned), largest) | beyond
    assert (np.isclose(steps, np.rint(steps), atol=1e-9) | stopped).all()
    assert (np.abs(turned) <= np.maximum(np.abs(own), largest) + 1e-12).all()
    assert (np.abs(steps) > 0.5).any()
    np.testing.assert_allclose(found.trims, (turned - own) * how.columns[0].largest, atol=1e-18)


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_only_the_sums_that_are_named_are_turned(name):
    machine = compiled(name)
    chips = drawn(machine)
    found = trimmer(machine, X, sums=("l0_zg",), rounds=1, **FREE).trim(chips)
    assert found.names == ("l0_zg_0", "l0_zg_1", "l0_zg_2")
    every = usual(name).columns
    same = np.isclose(read_biases(found.machine.passes, every), read_biases(chips.passes, every), rtol=1e-12)
    assert same.all(axis=0).tolist() == [not 6 <= row < 9 for row in range(12)]


def test_a_single_chip_is_trimmed_as_among_others():
    together = trimmed("BEHAVIOURAL")
    alone = usual("BEHAVIOURAL").trim(drawn(compiled("BEHAVIOURAL"), None))
    assert not alone.machine.chips
    np.testing.assert_allclose(alone.trims[0], together.trims[0], rtol=1e-6)


def test_a_trimmed_chip_is_written_and_runs_in_another_engine(tmp_path):
    found = trimmed("BEHAVIOURAL")
    one = found.chip(3)
    assert one.network.said("trimmed") == ("12 biases, by measured outputs",)
    np.testing.assert_allclose(one.run(X[0]).h, answers(found.machine, X)[3, 0], atol=1e-5)
    one.write.spice(tmp_path / "chip.cir", X[0])
    assert la.read_spice(tmp_path / "chip.cir").network.equals(one.network, rtol=1e-12)
    assert "median error" in repr(found)


def test_the_yield_of_trimmed_chips(tmp_path):
    machine = compiled("BEHAVIOURAL")
    how = replace(usual("BEHAVIOURAL"), rounds=2)
    metric = RootMeanSquareError(expected=answers(machine, UNSEEN))
    given = {"metric": metric, "spec": Spec(at_most=1e-3), "chips": 8, "seed": 7}
    before = yield_of(machine, CAUSE, UNSEEN, **given)
    after = yield_of(how.design, CAUSE, UNSEEN, folder=tmp_path, lot_size=8, **given)
    np.testing.assert_allclose(after.values, errors(how.trim(drawn(machine)).machine, machine, UNSEEN), rtol=1e-9)
    assert after.passing > before.passing
    again = metric(answers_of_one(after.chip(2).machine))
    np.testing.assert_allclose(again, after.values[2], rtol=1e-6)


def answers_of_one(machine: la.Machine) -> object:
    made = machine.run(UNSEEN, engine="settle", keep=la.Keep.OUTPUTS).outputs
    return replace(made, h=made.h[None])


def test_the_airline_forecaster():
    """Trimmed by the first eight years, judged by the last three, which nothing was chosen by."""
    made = forecaster(15)
    machine, x = la.compile(made.lstm, la.electrical.BEHAVIOURAL, settling=24.0), made.encode(series()[1])
    digital = made.decode(made.lstm(x).h)[TEST_START:]
    metric = LargestError(expected=digital, answer=lambda outputs: made.decode(outputs.h)[:, TEST_START:])
    given = {"metric": metric, "spec": Spec(at_most=10.0), "chips": 40, "seed": 41, "engine": "settle"}
    how = trimmer(machine, x[:96], resolution=1 / 1024, largest=1.25, rounds=3)
    before, after = (yield_of(each, ProgrammingError(sigma=0.003), x, **given) for each in (machine, how.design))
    assert before.fraction < 0.6
    assert after.fraction > 0.9


# What is refused.


def without_bias() -> la.LSTM:
    forward = replace(LSTM.layers[0].forward, bias=None)
    return replace(LSTM, layers=(replace(LSTM.layers[0], forward=forward),))


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_a_machine_without_biases_is_refused(name):
    with pytest.raises(UnsupportedError, match=f"the machine must have biases, .* got none in {name}: compile an LSTM"):
        trimmer(compiled(name, without_bias()), X, **FREE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"largest": 0.0}, "largest must be positive, got 0.0"),
        ({"largest": np.inf}, "largest must be positive, got inf"),
        ({"resolution": -0.1}, "resolution must be 0 to 10, got -0.1"),
        ({"resolution": 11.0}, "resolution must be 0 to 10, got 11.0"),
        ({"resolution": np.nan}, "resolution must be 0 to 10 and finite, got nan"),
        ({"step": 0.0}, "step must be above 0 and at most 1, got 0.0"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"damping": 0.0}, "damping must be positive, got 0.0"),
        ({"sums": ("l0_zx",)}, "sums must be among l0_zi, l0_zf, l0_zg, l0_zo, got 'l0_zx'"),
        ({"sums": ()}, "sums must be among l0_zi, l0_zf, l0_zg, l0_zo, got none"),
        ({"machine": drawn(compiled("BEHAVIOURAL"))}, "machine must have no axis of chips, got 8 chips"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    given = {"machine": compiled("BEHAVIOURAL"), "x": X, **FREE, **change}
    with pytest.raises(InvalidValueError, match=message):
        trimmer(given.pop("machine"), given.pop("x"), **given)


def test_an_answer_without_chips_is_refused():
    with pytest.raises(InvalidShapeError, match=r"answer must begin with an axis of 1 chips, got shape \(4, 8, 3\)"):
        trimmer(compiled("BEHAVIOURAL"), X, answer=lambda outputs: outputs.h[0], **FREE)


@pytest.fixture(scope="module")
def how() -> Trimmer[la.Machine]:
    return usual("BEHAVIOURAL")


def test_chips_of_another_machine_are_refused(how):
    with pytest.raises(InvalidShapeError, match=r"chips must be copies of the machine, got \d+ groups"):
        how.trim(compiled("OIL"))
    with pytest.raises(InvalidTypeError, match="chips must be copies of the machine, got 3"):
        how.trim(3)


def test_offsets_of_no_cells_and_gains_of_cells_are_refused():
    with pytest.raises(UnsupportedError, match=r"the machine must be of transistor cells .* got BEHAV.*:"):
        trimmer(compiled("BEHAVIOURAL"), X, offsets=True, **FREE)
    with pytest.raises(UnsupportedError, match=r"weighted sums l0_rows must have one wire .*, got two: turn the offs"):
        trimmer(la.compile(CELL, la.electrical.BICMOS), X[0], gains=True, **FREE)


def test_chips_without_the_bank_are_refused(how):
    chips = with_banks(how.machine, Sources(label="l0_rows", nodes=np.array([1]), effort=np.zeros(1)))
    with pytest.raises(UnsupportedError, match="part l0_rows must be of Transconductors or Crossbars, got Sources"):
        how.trim(chips)


def test_a_chip_that_there_is_not_is_refused():
    with pytest.raises(InvalidValueError, match="chip must be 0 to 7, got 8: count from zero"):
        trimmed("BEHAVIOURAL").chip(8)


def test_chips_that_change_from_step_to_step_are_refused(how):
    noisy = how.machine.with_imperfection(ReadNoise(sigma=0.01), Streams(seed=1, chips=2))
    with pytest.raises(UnsupportedError, match="the network must be the same in all steps, got"):
        how.trim(noisy)


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_known_errors_of_gains_are_found(name):
    """Chips whose weighted sums are off in gain and bias are turned back: nothing else makes their outputs right."""
    machine = compiled(name)
    how = trimmer(machine, X, damping=1e-9, rounds=7, gains=True, **FREE)
    assert [each.endswith("gain") for each in how.names] == 12 * [False] + 12 * [True]
    off = 1e-3 * np.random.default_rng(5).standard_normal((3, 24))
    found = how.trim(replace(machine, passes=add_to_biases(machine.passes, how.columns, off)))
    assert (found.after < 1e-3 * found.before).all()
    np.testing.assert_allclose((found.trims / how.units)[:, 12:], -off[:, 12:], atol=1e-4)


def test_gains_bring_chips_closer_than_biases_alone():
    machine = compiled("BEHAVIOURAL")
    ways = (usual("BEHAVIOURAL"), trimmer(machine, X, gains=True, **FREE))
    left = [np.median(replace(each, rounds=4).trim(drawn(machine, 16)).after) for each in ways]
    assert left[1] < 0.8 * left[0]


def test_no_gain_is_said_to_be_below_zero():
    how = trimmer(compiled("BEHAVIOURAL"), X, sums=("l0_zg",), gains=True, **FREE)
    own = np.array([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
    turned = how._corrected(own, np.zeros((1, 6)), 1e9 * how.correction[3:].sum(axis=0)[None])
    assert turned[0, 3:].min() == -1.0
    assert turned[0, :3].min() >= -10.0


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_a_gain_multiplies_all_devices_of_its_row(name):
    machine = compiled(name)
    how = trimmer(machine, X, sums=("l0_zg",), gains=True, **FREE)
    turned = add_to_biases(machine.passes, how.columns, np.array([0.0, 0.0, 0.0, 0.1, 0.0, -3.0]))
    rows = how.columns[-1].rows
    before, after = (each[0].network.part(how.columns[-1].label) for each in (machine.passes, turned))
    for bank in ("transconductance",) if name == "BEHAVIOURAL" else ("positive", "negative"):
        now, then = getattr(after, bank), getattr(before, bank)
        np.testing.assert_allclose(now[rows], np.array([[1.1], [1.0], [0.0]]) * then[rows])
        np.testing.assert_array_equal(np.delete(now, rows, axis=0), np.delete(then, rows, axis=0))
