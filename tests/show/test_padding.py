"""Pictures of a batch end where a sequence ends, pictures of a backward chain go as it goes, chips are refused."""

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.show import (
    animate,
    dataflow,
    phase_portrait,
    return_map,
    schematic,
    sequence,
    step_waveforms,
    what_if,
)
from lstm_analog.show.animations.moments import moments
from lstm_analog.show.animations.scene import Scene

X = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 5, 2))
LENGTHS = (3, 5)


@pytest.fixture(scope="module")
def ragged():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, scale=2.0)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    return machine.run(X, lengths=LENGTHS, engine=la.engines.Waveform(points=12)), lstm


@pytest.fixture(scope="module")
def both_ways():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, scale=2.0, bidirectional=True)
    return la.compile(lstm, la.electrical.BEHAVIOURAL).run(X[0], engine=la.engines.Waveform(points=12)), lstm


@pytest.mark.parametrize("number", [0, 1])
def test_no_padding_is_drawn(ragged, drawn, number):
    run, lstm = ragged
    steps = LENGTHS[number]
    states, *_ = sequence(run, lstm, sequence=number).axes
    (h,) = drawn(states)["unit 1"]
    np.testing.assert_array_equal(h.get_ydata(), run.h[number, :steps, 1])
    (path,) = drawn(phase_portrait(run, lstm, unit=1, sequence=number).axes[0])["analog"]
    np.testing.assert_array_equal(path.get_ydata(), run.h[number, :steps, 1])
    (path,) = drawn(return_map(run, lstm, unit=1, sequence=number).axes[0])["analog"]
    np.testing.assert_array_equal(path.get_ydata(), run.c[number, 1:steps, 1])
    (after,) = drawn(what_if(run, run, sequence=number).axes[0])["unit 1"]
    np.testing.assert_array_equal(after.get_ydata(), run.h[number, :steps, 1])


def test_a_step_behind_the_end_of_a_sequence_is_refused(ragged, tmp_path):
    run, lstm = ragged
    with pytest.raises(InvalidValueError, match="step must be from -3 to 2, got 3"):
        step_waveforms(run, 3, sequence=0)
    with pytest.raises(InvalidValueError, match="step must be from -3 to 2, got 3"):
        dataflow(run, first=2, steps=2, sequence=0)
    with pytest.raises(InvalidValueError, match="step must be from -3 to 2, got 3"):
        animate(run, lstm, tmp_path / "a.gif", first=2, steps=2, sequence=0)
    assert dataflow(run, first=3, steps=2, sequence=1).axes


@pytest.mark.parametrize("steps", [0, -4])
def test_no_steps_are_not_drawn(both_ways, steps):
    with pytest.raises(InvalidValueError, match="steps must be at least 1"):
        dataflow(both_ways[0], steps=steps)


def test_a_backward_chain_is_drawn_beside_what_it_is_fed(both_ways, drawn):
    run, _ = both_ways
    inputs, *_ = dataflow(run, first=1, steps=2).axes
    feature = int(np.ptp(run.x, axis=0).argmax())
    ((forward,), (backward,)) = (drawn(inputs)[f"x {feature}{way}"] for way in ("", ", backward"))
    np.testing.assert_array_equal(forward.get_ydata()[:2], run.x[[1, 2], feature])
    np.testing.assert_array_equal(backward.get_ydata()[:2], run.x[[3, 2], feature])


def test_a_backward_unit_moves_from_the_last_step_to_the_first(both_ways, monkeypatch, tmp_path):
    run, lstm = both_ways
    scenes = []
    monkeypatch.setattr(Scene, "__init__", lambda scene, *_, **__: scenes.append(scene))
    shown = []
    monkeypatch.setattr(Scene, "draw", lambda _, moment: shown.append(moment))
    monkeypatch.setattr("lstm_analog.show.animations.animate.gif", lambda _: b"")
    animate(run, lstm, tmp_path / "a.gif", layer=1, first=1, steps=2)
    assert list(dict.fromkeys(moment.step for moment in shown)) == [2, 1]
    after = [next(v.level for v in m.vessels if v.name == "c") for m in shown if m.inside == 1.0]
    assert after == pytest.approx(run.layers[1].c[[2, 1], 0], abs=1e-9)
    before = next(vessel.level for vessel in shown[0].vessels if vessel.name == "c")
    assert before == pytest.approx(run.layers[1].c[3, 0], abs=1e-9)


def test_a_unit_waits_while_another_layer_computes():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 1, layers=2)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(X[0, :2], engine=la.engines.Waveform(points=12))
    words = list(dict.fromkeys(moment.words for moment in moments(run, range(1), layer=1, unit=0, sequence=0)))
    assert words.index("layer 0 computes") < words.index("the gates settle, the new values are made")


def test_several_chips_are_refused_by_name(tmp_path):
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2)
    chips = la.compile(lstm, la.electrical.BEHAVIOURAL).with_imperfection(
        ProgrammingError(sigma=0.01), Streams(seed=1, chips=3)
    )
    run = chips.run(X, engine="settle")
    for draw in (sequence, phase_portrait, return_map):
        with pytest.raises(InvalidShapeError, match="the run must be of one machine, got 3 chips"):
            draw(run, lstm)
    with pytest.raises(InvalidShapeError, match="got 3 chips"):
        what_if(run, run)
    with pytest.raises(InvalidShapeError, match="got 3 chips"):
        animate(run, lstm, tmp_path / "a.gif")
    with pytest.raises(InvalidShapeError, match="got 3 chips"):
        step_waveforms(run, 0)
    with pytest.raises(InvalidShapeError, match="got 3 chips"):
        dataflow(run)


def test_a_head_alone_is_refused_by_name():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, bidirectional=True, outputs=1)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(X[0], engine="settle")
    with pytest.raises(UnsupportedError, match="the pass must have layers, got a head alone"):
        dataflow(run, number=-1)
    with pytest.raises(InvalidValueError, match="layer must be there, got none"):
        schematic(run.passes[-1].compiled)
