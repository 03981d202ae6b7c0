"""The fixed points of the hand-made networks, and of what they turn into when something is hard about them."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.engines import Integrate, Settle
from lstm_analog.engines.system import system
from lstm_analog.network.parts import OpAmps, Ports, Storages

EXACT = Integrate(rtol=1e-11, atol=1e-13)


def difference(case, points=slice(None)):
    settled, reference = (engine.run(case.network, case.schedule).efforts for engine in (Settle(), EXACT))
    return np.abs(settled - reference)[..., points, :].max()


def test_a_ladder_is_a_loop_that_settles_in_a_long_phase(ladder):
    case = replace(ladder, schedule=replace(ladder.schedule, durations=[1e-9, 300e-6, 1e-9, 300e-6]))
    assert difference(case, [0, 2, 4]) < 1e-9
    np.testing.assert_allclose(Settle().run(case.network, case.schedule)["node"][-1], -0.5, rtol=1e-12)


def test_a_loop_whose_slowest_mode_does_not_settle_takes_its_exponential(ladder):
    """Each capacitor is moved by 4 time constants and more in 8 us; all of them together by little more than one."""
    case = replace(ladder, schedule=replace(ladder.schedule, durations=[1e-9, 8e-6, 1e-9, 8e-6]))
    assert difference(case) < 1e-9
    assert "over time" not in Settle().run(case.network, case.schedule).engine


def test_an_op_amp_finds_its_output(inverter):
    assert difference(inverter([0.5, -0.5], [1e-5, 2e-5])) < 1e-9


@pytest.mark.parametrize("level", [-1.2, -3.0, 40.0])
def test_an_op_amp_in_its_rails_is_at_rest(inverter, level):
    """Where every flow vanishes; the operating point of `Integrate` is not reached from rest for some of these."""
    case = inverter([level, level], [1e-5, 2e-5])
    settled = Settle().run(case.network, case.schedule)
    assert np.abs(settled["out"]).max() < 4.5 * 2.001
    at_rest(case, settled.efforts[-1:])


def at_rest(case, efforts):
    """Check that every flow vanishes; a virtual ground is what is left of volts, and known to their rounding only."""
    equations, effort = system(case.network, ()), efforts.copy()
    limit = next(part for part in case.network.parts if isinstance(part, OpAmps)).current_limit
    assert np.abs(equations.rates(effort)).max() < 1e-11 * float((limit / equations.capacity).max())
    equations.complete(effort)
    np.testing.assert_allclose(effort, efforts, rtol=1e-11, atol=4.0 * np.finfo(float).eps * np.abs(efforts).max())


def test_a_half_bridge_settles_holds_and_is_pumped(bridge):
    """Bridge shut: held. Closed switch: settled. Pumped: an integrator, which has the exponential of rate zero."""
    durations, high = bridge.schedule.durations.copy(), bridge.schedule.high.copy()
    durations[[1, 3]], high[3, 0] = 300e-6, True
    case = replace(bridge, schedule=replace(bridge.schedule, durations=durations, high=high))
    settled, reference = (engine.run(case.network, case.schedule) for engine in (Settle(), EXACT))
    for label in ("mid", "store"):
        np.testing.assert_allclose(settled[label][2:], reference[label][2:], atol=1e-8)
    np.testing.assert_allclose(settled["mid"][4], settled["mid"][3], rtol=1e-6)  # but for its leak
    assert settled["store"][6] > settled["store"][5] + 0.01


def test_two_stores_share_their_charge(bridge):
    """Tied to each other alone they keep it: no balance of flows says where they end, but an exponential does."""
    durations = bridge.schedule.durations.copy()
    durations[1] = 300e-6
    case = replace(bridge, schedule=replace(bridge.schedule, durations=durations))
    assert difference(case, slice(0, 6)) < 1e-9


def test_a_slow_storage_with_a_flow_that_is_not_linear_is_run_over_time(bridge):
    """Its orifice has neither a balance in the time there is nor an exponential."""
    orifices = tuple(
        replace(part, transition=0.1) if isinstance(part, Ports) else part for part in bridge.network.parts
    )
    apart = replace(bridge.schedule, high=bridge.schedule.high & [True, False, True])
    slow = tuple(replace(part, capacitance=[1e-5, 3e-10]) if isinstance(part, Storages) else part for part in orifices)
    case = replace(bridge, network=replace(bridge.network, parts=slow), schedule=apart)
    assert difference(case) < 1e-6
    assert Settle().run(case.network, case.schedule).engine.endswith(", 1 of 7 intervals over time: part1")
