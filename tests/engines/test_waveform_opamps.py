"""The fast engine on op-amps: against scipy while they slew, chip by chip, and its way of a law against the law."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.electrical import OPAMP, OPAMP_BENCH
from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.engines.phase.couplings import couplings
from lstm_analog.engines.phase.structure import structure
from lstm_analog.engines.waveform.fields import BatchParts, Field, Places, Waves
from lstm_analog.expressions import make
from lstm_analog.imperfections import AmplifierOffset, Streams
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.laws import flow, flow_into
from lstm_analog.network.parts import Conductors, Junctions, Sources

POINTS = 15
X = np.random.default_rng(5).uniform(-1, 1, (2, 2))
DATA = OpAmpData(gain=1e3, gain_bandwidth=1e6, slew=1e6, rail=4.0, output_resistance=50.0, offset=1e-3)
VARIANTS = {
    "plain": DATA,
    "common mode": replace(DATA, rejection=20.0),
    "limited": replace(DATA, output_current=1e-3),
}


def machine(technology, hidden=2):
    return la.compile(la.random_lstm(np.random.default_rng(3), 2, hidden, scale=3.0), technology)


@pytest.mark.parametrize("technology", [OPAMP, OPAMP_BENCH], ids=lambda technology: technology.name)
def test_it_agrees_with_scipy_at_all_times(technology):
    """All unknowns, while op-amps slew and while they settle, in units of signal; two steps, scale 3."""
    built = machine(technology)
    run = built.run(X, engine=Waveform(points=POINTS))
    assert "instead of" not in run.trajectory.engine
    exact = built.run(X, engine=Integrate(rtol=1e-8, atol=1e-10, points=POINTS))
    wrong = np.abs(run.trajectory.efforts - exact.trajectory.efforts) / built.network.unknowns.scales()
    assert wrong.max() < 5e-6


def test_a_board_that_clips_while_it_is_reset_starts_where_scipy_starts():
    """Inputs of 3 V into rows of large weights: op-amps at their rails, where their slopes say nothing."""
    built = machine(OPAMP)
    ours, theirs = (built.run(-3.0 * X, engine=engine) for engine in (Waveform(), Integrate(rtol=1e-6, atol=1e-8)))
    assert "instead of" not in ours.trajectory.engine
    np.testing.assert_allclose(ours.h, theirs.h, rtol=0, atol=1e-7)
    np.testing.assert_allclose(ours.trajectory.efforts[0], theirs.trajectory.efforts[0], rtol=0, atol=1e-7)


def test_a_run_does_not_depend_on_the_slopes_that_another_left_behind():
    built = machine(OPAMP)
    fresh = built.run(X).h
    built.run(-3.0 * X)
    np.testing.assert_allclose(built.run(X).h, fresh, rtol=0, atol=1e-7)


def test_chips_with_other_op_amps_and_batches_are_axes():
    built, batch = machine(OPAMP), np.stack((X, -X))
    cause = AmplifierOffset(volts=5e-3)
    chips = built.with_imperfection(cause, Streams(seed=1, chips=2)).run(batch).h
    for chip in range(2):
        alone = built.with_imperfection(cause, Streams(seed=1, first=chip)).run(batch[1]).h
        np.testing.assert_allclose(chips[chip, 1], alone, rtol=0, atol=1e-6)
    assert np.abs(chips[0] - chips[1]).max() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("plus", ["signals", "the datum"])
def test_the_fast_way_of_the_law_is_the_law(variant, plus):
    """At efforts up to beyond the clamp at twice the rail, and currents up to beyond the limit."""
    first = np.zeros(3, dtype=int) if plus == "the datum" else np.array([1, 2, 3])
    nodes = [np.array([4, 5, 6]), np.array([7, 8, 9]), np.array([10, 11, 12])]
    part = opamps("a", VARIANTS[variant], plus=first, minus=nodes[0], out=nodes[1], state=nodes[2])
    efforts = np.random.default_rng(0).normal(0.0, 4.0, (20, 1, 13))
    efforts[..., 0] = 0.0
    field = Field(nodes=np.arange(13), start=efforts[0], end=efforts[-1], values=efforts, terms=None)
    places, undivided = Places(field=np.ones(13, dtype=int), place=np.arange(13)), BatchParts(lead=(1,), size=1)
    waves = Waves([field, field], places, len(efforts), slice(0, None), undivided)
    out = np.full((20, 1, 2, 3), np.nan)
    make(flow_into(part, waves, (), out))
    np.testing.assert_allclose(out, flow(part, efforts, ()), rtol=1e-12, atol=1e-18)
    assert np.abs(efforts[..., nodes[2]]).max() > 2.0 * DATA.rail


@pytest.mark.parametrize("technology", [OPAMP, OPAMP_BENCH])
def test_an_op_amp_is_solved_with_the_divider_that_loads_it(technology):
    """Output and divider act on each other at once, the divider weakly: guessing it costs a second solve."""
    chip = machine(technology)
    network, schedule = chip.network, chip.schedule(X)
    for number in range(6):
        found = couplings(network, schedule.phase(number))
        order = structure(found, float(schedule.durations[number]), 1e-9)
        weak = order.links.only(np.flatnonzero(order.torn))
        assert not (found.balanced[weak.columns] & found.balanced[weak.rows]).any()
        assert max(level.members.shape[1] for level in order.levels) <= 8


@pytest.mark.parametrize("limits", [(1.0, np.inf), (np.inf, 1.0)])
@pytest.mark.parametrize("engine", [Waveform(), Settle()])
def test_op_amps_with_and_without_a_limit_of_current_stand_in_one_bank(engine, limits):
    """The second reads the first. Of that without, fewer partial derivatives are other than zero than of the bank."""
    data = OpAmpData(gain=1e4, gain_bandwidth=1e7, slew=1e7, rail=4.5, output_resistance=50.0, offset=0.0)
    summed, out = np.array([2, 3]), np.array([4, 5])
    pair = opamps("u", data, plus=np.array([0, 4]), minus=summed, out=out, state=np.array([6, 7]))
    made = by_hand.network(
        {"u": 1, "sum": 2, "out": 2, "x": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Junctions(label="sums", nodes=[*summed, *out]),
        Conductors(label="r", a=[1, 0, *summed], b=[*summed, *out], conductance=1e-4),
        Conductors(label="load", a=out, b=[0, 0], conductance=1e-4),
        replace(pair, output_limit=np.array(limits)),
    )
    plan = by_hand.schedule([1e-5, 5e-5, 5e-5], drive=[0.0, 1.0, -0.2])
    ours, exact = (each.run(made, plan)["out"] for each in (engine, Integrate(rtol=1e-11, atol=1e-13)))
    np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-6)
    assert np.abs(exact[2] - [-1.0, -2.0]).max() < 2e-2
