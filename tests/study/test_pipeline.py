"""How data moves through the clocked stages: an impulse, watched on its way."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Waveform
from lstm_analog.model import random_lstm

ENGINE = Waveform(rtol=1e-9, atol=1e-11, points=20)
LAYERS = 3


@pytest.fixture(scope="module", params=[la.CLOCKED, la.GATED_LEAK])
def watched(request):
    """A machine of three layers at rest, and what an impulse in its second step did."""
    lstm = random_lstm(np.random.default_rng(2), 1, 3, layers=LAYERS, scale=3.0, bias=False, outputs=1)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=request.param, settling=24.0)
    x = np.array([[0.0], [1.0], [0.0]])
    return lstm, machine, machine.run(x, engine=ENGINE)


def at(run, label, moment):
    trajectory = run.trajectory
    return trajectory.sample(np.array([moment]), trajectory.network.unknowns[label])[0]


def test_an_impulse_passes_stage_by_stage_at_the_stated_times(watched):
    """Each master is still until its stage begins, then holds; each slave is still until all copy."""
    lstm, machine, run = watched
    (clock,) = machine.pipeline.passes
    assert [stage.label for stage in clock.stages] == ["layer 0", "layer 1", "layer 2", "head"]
    layers = lstm.trace(run.x).layers
    for step in (1, 2):
        begin = clock.reset + step * clock.step
        for number, stage in enumerate(clock.stages[:LAYERS]):
            before, after = layers[number].h[step - 1 : step + 1]
            master = f"l{number}_h_new"
            np.testing.assert_allclose(at(run, master, begin + stage.start), before, atol=1e-7)
            np.testing.assert_allclose(at(run, master, begin + stage.ready), after, atol=1e-7)
            np.testing.assert_allclose(at(run, f"l{number}_h", begin + clock.copying), before, atol=1e-7)
            np.testing.assert_allclose(at(run, f"l{number}_h", begin + clock.copied), after, atol=1e-7)
            assert np.abs(after - before).max() > 1e-3, "else the impulse would have gone unseen"
        y = lstm(run.x).y[step]
        np.testing.assert_allclose(at(run, "y", begin + clock.stages[-1].ready), y, atol=1e-7)


def test_stages_follow_each_other_and_none_reads_what_still_moves(watched):
    _, machine, _ = watched
    (clock,) = machine.pipeline.passes
    for earlier, later in zip(clock.stages, clock.stages[1:], strict=False):
        assert earlier.start < earlier.ready < later.start
    assert clock.stages[-1].ready < clock.copying < clock.copied < clock.step


def test_latency_and_throughput_are_those_of_the_clock(watched):
    _, machine, run = watched
    (clock,), pipeline = machine.pipeline.passes, machine.pipeline
    assert pipeline.throughput == pytest.approx(1.0 / machine.compiled.cycle.step_time, rel=1e-12)
    assert pipeline.latency(3) == pytest.approx(clock.reset + clock.stages[-1].ready, rel=1e-12)
    assert pipeline.duration(3) == pytest.approx(run.trajectory.time[-1], rel=1e-12)


def test_two_directions_need_the_whole_sequence_first():
    lstm = random_lstm(np.random.default_rng(2), 1, 2, bidirectional=True, outputs=1)
    pipeline = la.compile(lstm, la.electrical.BEHAVIOURAL).pipeline
    first, second = pipeline.passes
    assert pipeline.latency(7) == pytest.approx(
        first.reset + 7 * first.step + second.reset + second.stages[-1].ready, rel=1e-12
    )
    assert pipeline.throughput == pytest.approx(1.0 / (first.step + second.step), rel=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_head_that_reads_the_final_state_makes_one_step_a_sequence(bidirectional):
    lstm = random_lstm(np.random.default_rng(2), 1, 2, bidirectional=bidirectional, outputs=1)
    machine = la.compile(replace(lstm, head=replace(lstm.head, final=True)), la.electrical.BEHAVIOURAL)
    first, head = machine.pipeline.passes
    took = sum(each.trajectory.schedule.ends[-1] for each in machine.run(np.zeros((5, 1))).passes)
    assert machine.pipeline.duration(5) == pytest.approx(took, rel=1e-12)
    assert machine.pipeline.throughput == pytest.approx(1.0 / first.step, rel=1e-12)
    assert machine.alone(1).pipeline.throughput == pytest.approx(1.0 / head.step, rel=1e-12)


def test_fewer_steps_than_none_are_refused(watched):
    for ask in (watched[1].pipeline.latency, watched[1].pipeline.duration):
        with pytest.raises(la.errors.InvalidValueError, match=r"^steps must be at least 0, got -1: give those"):
            ask(-1)
