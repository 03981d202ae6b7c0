"""Representation by layer against definitions in loops, laws and limits; climbing against a closed form."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import OutputConverter, ProgrammingError, Streams
from lstm_analog.model import Form
from lstm_analog.model.digits import classifier, unseen
from lstm_analog.study import DigitalRun, LayerReading, preferred_inputs, representation
from lstm_analog.study.preferred import input_slopes
from lstm_analog.study.representation import RIDGE, _centred, _departure, _probed, _similarity

RNG = np.random.default_rng(2)
X, LABELS = (each[:60] for each in unseen())


@pytest.fixture(scope="module")
def machine():
    return la.compile(classifier(), la.electrical.BEHAVIOURAL, settling=30.0)


def run(made, x=X):
    return made.run(x, engine=Settle(), keep=la.Keep.OUTPUTS)


def hurt(made, sigma, layer=None, count=6):
    return run(made.with_imperfection(ProgrammingError(sigma=sigma), Streams(seed=4, chips=count), layer=layer))


def test_the_probe_leaves_each_sequence_out_as_a_loop_does():
    f, labels = RNG.normal(size=(30, 5)), RNG.integers(0, 3, 30)
    f[:, 0] += labels
    centred = _centred(f[None])
    penalty = RIDGE * np.trace(centred[0].T @ centred[0]) / 5
    right = 0
    for k in range(30):
        rest = np.arange(30) != k
        rows, wanted = f[rest] - f[rest].mean(axis=0), (labels[rest, None] == np.arange(3)).astype(float)
        weights = np.linalg.solve(rows.T @ rows + penalty * np.eye(5), rows.T @ wanted)
        right += (wanted.mean(axis=0) + (f[k] - f[rest].mean(axis=0)) @ weights).argmax() == labels[k]
    assert 0.4 < right / 30 < 1.0
    assert _probed(centred, labels)[0][0] == pytest.approx(right / 30)


def test_labels_without_a_trace_in_the_outputs_are_told_by_chance_or_a_little_less():
    f, labels = RNG.normal(size=(40, 400, 8)), np.arange(400) % 4
    assert _probed(_centred(f), labels)[0].mean() == pytest.approx(0.24, abs=0.015)


def test_the_dimension_counts_directions():
    f = np.linalg.qr(_centred(RNG.normal(size=(1, 50, 8)))[0])[0]
    for count in (1, 3, 8):
        turned = f[:, :count] @ np.linalg.qr(RNG.normal(size=(count, count)))[0] * 7.0
        assert _probed(turned[None], np.arange(50) % 2)[1] == pytest.approx(count)


def test_cka_does_not_see_rotation_scale_and_shift_but_other_maps():
    f = RNG.normal(size=(1, 40, 6))
    turned = f @ np.linalg.qr(RNG.normal(size=(6, 6)))[0] * 3.0 + 1.0
    assert _similarity(_centred(f), _centred(turned)) == pytest.approx(1.0, abs=1e-12)
    assert _similarity(_centred(f), _centred(f * np.arange(1, 7))) < 0.95
    assert _departure(turned, f) > 1.0


def test_ideal_parts_are_the_digital_lstm(machine):
    digital = DigitalRun(lstm=classifier(), x=X)
    for reading in LayerReading:
        theirs = representation(digital, LABELS, reading=reading)
        ours = representation(run(machine), LABELS, reference=digital, reading=reading)
        assert ours.names == ("inputs", "layer 0", "layer 1")
        assert ours.departure.max() < 1e-9
        assert ours.units == theirs.units == ((64, 32, 32) if reading is LayerReading.FINAL else (64, 256, 256))
        for name in ("separability", "dimension", "similarity", "accuracy"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6)
    assert theirs.separability[0, 2] > theirs.separability[0, 0]


@pytest.mark.parametrize("lengths", [None, np.array([2, 3, 4, 5] * 3)], ids=["whole", "ragged"])
@pytest.mark.parametrize("reading", LayerReading)
def test_a_stack_of_one_pass_is_read_as_the_digital_one_is(reading, lengths):
    lstm = la.random_lstm(np.random.default_rng(0), 3, 4, layers=2, scale=2.0, outputs=2)
    x, labels = RNG.uniform(size=(12, 5, 3)), np.arange(12) % 2
    made = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=30.0)
    ours = made.run(x, engine=Settle(), keep=la.Keep.SIGNALS, lengths=lengths)
    found = representation(ours, labels, reference=DigitalRun(lstm=lstm, x=x, lengths=lengths), reading=reading)
    assert found.departure.max() < 1e-9
    assert found.accuracy is None


def test_what_stands_behind_the_end_of_a_sequence_tells_nothing():
    """The labels in the padding were read off the inputs: 100 % of them, and similarities to the layers."""
    lstm, lengths = la.random_lstm(np.random.default_rng(0), 1, 4), np.array([2, 3, 4] * 8)
    x, labels = np.random.default_rng(5).uniform(size=(24, 5, 1)), np.arange(24) // 12
    told = np.where(np.arange(5)[:, None] < lengths[:, None, None], x, labels[:, None, None])
    made = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=30.0)
    for subject in (
        lambda fed: DigitalRun(lstm=lstm, x=fed, lengths=lengths),
        lambda fed: made.run(fed, engine=Settle(), keep=la.Keep.OUTPUTS, lengths=lengths),
    ):
        padded, plain = (representation(subject(fed), labels) for fed in (told, x * (told == x)))
        np.testing.assert_array_equal(padded.separability, plain.separability)
        np.testing.assert_array_equal(padded.similarity, plain.similarity)
        assert padded.separability[0, 0] < 0.9


def test_steps_that_were_not_kept_are_asked_for():
    lstm = la.random_lstm(np.random.default_rng(0), 3, 4, layers=2)
    kept = la.compile(lstm, la.electrical.BEHAVIOURAL).run(
        RNG.uniform(size=(4, 5, 3)), engine=Settle(), keep=la.Keep.OUTPUTS
    )
    assert representation(kept, [0, 1, 0, 1]).names == ("inputs", "layer 0", "layer 1")
    with pytest.raises(InvalidValueError, match="the run must keep l0_h"):
        representation(kept, [0, 1, 0, 1], reading=LayerReading.SEQUENCE)


def test_chips_side_by_side_are_each_as_alone(machine):
    whole, ideal = hurt(machine, 0.05), run(machine)
    found = representation(whole, LABELS, reference=ideal)
    one = ProgrammingError(sigma=0.05)
    alone = representation(run(machine.with_imperfection(one, Streams(seed=4, first=3))), LABELS, reference=ideal)
    for name in ("separability", "dimension", "similarity", "likeness", "departure", "accuracy"):
        np.testing.assert_allclose(getattr(found, name)[3], getattr(alone, name)[0], rtol=1e-9)
    assert "+-" in repr(found)
    assert "+-" not in repr(alone)


def test_damage_goes_up_not_down_and_grows_with_the_errors(machine):
    ideal, labels = run(machine), LABELS
    found = {layer: representation(hurt(machine, 1e-3, layer), labels, reference=ideal) for layer in (0, 1, 2)}
    small = representation(hurt(machine, 5e-4, 0), labels, reference=ideal)
    assert found[0].departure[:, 1:].min() > 1e-3
    assert found[1].departure[:, 1].max() < 1e-15
    assert found[1].departure[:, 2].min() > 1e-3
    assert found[2].departure.max() < 1e-15
    np.testing.assert_allclose(found[0].departure[:, 1:] / small.departure[:, 1:], 2.0, rtol=0.05)


def test_small_damages_of_layers_add_up_as_squares(machine):
    ideal = run(machine)
    off = [representation(hurt(machine, 1e-3, layer, 40), LABELS, reference=ideal).departure for layer in (None, 0, 1)]
    both, first, second = ((each[:, 2] ** 2).mean() for each in off)
    assert both == pytest.approx(first + second, rel=0.15)


def test_runs_that_do_not_fit_are_refused_by_name(machine):
    ideal = run(machine)
    with pytest.raises(InvalidShapeError, match=r"labels must have shape \(60,\), got \(3,\)"):
        representation(ideal, LABELS[:3])
    with pytest.raises(InvalidValueError, match="labels must be of two classes or more, got 1"):
        representation(ideal, np.zeros(60, dtype=int))
    with pytest.raises(InvalidShapeError, match="the reference must have one chip or 1"):
        representation(ideal, LABELS, reference=hurt(machine, 0.05, count=2))
    with pytest.raises(InvalidShapeError, match="the run must have a batch of sequences"):
        representation(run(machine, X[0]), [1])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_slopes_are_those_of_differences(bidirectional):
    lstm = la.random_lstm(np.random.default_rng(1), 2, 3, layers=2, scale=2.0, bidirectional=bidirectional)
    x, last = RNG.uniform(size=(4, 5, 2)), RNG.normal(size=(4, lstm.output_size))

    def weighed(inputs):
        h = lstm(inputs).state.h[-len(lstm.layers[-1].cells) :]
        return (np.concatenate(h, axis=-1) * last).sum(axis=-1)

    slopes = input_slopes(lstm, lstm.trace(x), last)
    for step, column in np.ndindex(5, 2):
        moved = np.zeros(x.shape)
        moved[:, step, column] = 1e-5
        expected = (weighed(x + moved) - weighed(x - moved)) / 2e-5
        np.testing.assert_allclose(slopes[:, step, column], expected, atol=1e-9)


def test_a_unit_that_only_adds_prefers_the_inputs_of_its_positive_weights():
    weights = np.array([[0.4, -0.3, 0.2, -0.5]])
    zero = np.zeros((1, 4))
    cell = la.model.Cell(input=np.stack([zero, zero, weights, zero]), recurrent=np.zeros((4, 1, 1)))
    lstm = la.LSTM(layers=(la.model.Layer(forward=cell),), name="adds")
    found = preferred_inputs(lstm, layer=0, steps=3, starts=3)
    np.testing.assert_array_equal(found.x[0], np.tile(weights[0] > 0, (3, 1)))
    c = sum(0.5 * np.tanh(0.6) * 0.5**k for k in range(3))
    np.testing.assert_allclose(found.h, 0.5 * np.tanh(c), rtol=1e-12)


def test_climbing_is_repeatable_and_no_worse_than_what_is_met():
    lstm = classifier()
    found, again = (preferred_inputs(lstm, layer=0, steps=8, units=(1, 17), iterations=60) for _ in range(2))
    np.testing.assert_array_equal(found.x, again.x)
    met = np.concatenate(lstm.trace(X).outputs.state.h[:2], axis=-1).max(axis=0)
    assert (found.h.max(axis=1) > met[[1, 17]]).all()
    assert found.x.min() >= 0.0
    assert found.x.max() <= 1.0


def test_climbing_from_what_is_met_ends_no_lower():
    lstm = classifier()
    met = np.concatenate(lstm.trace(X).outputs.state.h[2:], axis=-1).max(axis=0)
    found = preferred_inputs(lstm, layer=1, steps=8, met=X, starts=3, iterations=5)
    assert (found.h[:, 0] >= met).all()
    assert (found.h.max(axis=1) > met + 1e-3).mean() > 0.9


def test_what_cannot_be_climbed_is_refused_by_name():
    lstm = la.random_lstm(np.random.default_rng(1), 2, 3)
    for match, values in (
        ("layer must be 0 to 0, got 1", {"layer": 1}),
        (r"units must be 0 to 2, got \(3,\)", {"units": (3,)}),
        ("low must be below high, got 1.0 and 1.0", {"low": 1.0}),
        ("starts must be at least 1, got 0", {"starts": 0}),
        ("seed must be at least 0, got -1", {"seed": -1}),
    ):
        with pytest.raises(InvalidValueError, match=match):
            preferred_inputs(lstm, **{"layer": 0, "steps": 2} | values)
    with pytest.raises(InvalidValueError, match="met must be within low and high, 0 to 1, got 0 to 2"):
        preferred_inputs(lstm, layer=0, steps=2, starts=1, met=np.array([[[0.0, 2.0], [1.0, 1.0]]]))
    with pytest.raises(InvalidShapeError, match=r"met must have shape \(8, 2, 2\) or more"):
        preferred_inputs(lstm, layer=0, steps=2, met=np.zeros((7, 2, 2)))
    gru = la.random_lstm(np.random.default_rng(1), 2, 3, form=Form.GRU)
    with pytest.raises(UnsupportedError, match="cells of l0 must be plain LSTM cells"):
        preferred_inputs(gru, layer=0, steps=2)


def test_labels_that_no_output_of_the_head_stands_for_are_not_judged_by_it():
    x, labels = RNG.uniform(-1.0, 1.0, (10, 3, 2)), np.arange(10) % 2
    two, one = (la.random_lstm(np.random.default_rng(1), 2, 3, outputs=count) for count in (2, 1))
    two, one = (replace(lstm, head=replace(lstm.head, final=True)) for lstm in (two, one))
    told = two(x).y.argmax(axis=1) == labels
    assert representation(DigitalRun(lstm=two, x=x), labels).accuracy == pytest.approx(told.mean())
    assert representation(DigitalRun(lstm=two, x=x), labels + 5).accuracy is None
    assert representation(DigitalRun(lstm=one, x=x), labels).accuracy is None


def test_the_head_is_judged_by_what_a_converter_reads():
    x, labels = RNG.uniform(-1.0, 1.0, (40, 2, 2)), np.arange(40) % 2
    lstm = la.random_lstm(np.random.default_rng(1), 2, 3, outputs=2)
    machine = la.compile(replace(lstm, head=replace(lstm.head, final=True)), la.electrical.BEHAVIOURAL)
    converter = OutputConverter(bits=1, low=-1.0, high=1.0)
    read = machine.with_imperfection(converter, Streams(seed=1)).run(x, engine=Settle())
    assert (read.outputs.y.argmax(axis=1) != read.y.argmax(axis=1)).any()
    right = np.mean(read.outputs.y.argmax(axis=1) == labels)
    assert representation(read, labels).accuracy == pytest.approx(right)
