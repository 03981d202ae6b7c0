"""Derivatives by a reverse pass, on small networks by hand: against closed forms and central differences."""

from dataclasses import replace
from decimal import Decimal, localcontext
from functools import partial
from types import SimpleNamespace

import by_hand
import numpy as np
import pytest

from lstm_analog.engines import Settle
from lstm_analog.engines.sensitivity import Slope, instructions, linearised, sensitivities
from lstm_analog.errors import InvalidShapeError, UnsupportedError
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Junctions,
    Ports,
    Sources,
    Stops,
    Storages,
    Switches,
)
from lstm_analog.network.shapes import Shape

LINE = 0
T = 0.7
"""Length of the interval in which the storage does not settle (s)."""
G, C, E = 1.3, 0.9, 2.0
"""Conductance (S) and capacity (F) of it, and what it started from (V)."""


network = partial(by_hand.network, lines=("clock",))


def schedule(levels, durations, high):
    return by_hand.schedule(durations, high, drive=levels)


def leaking(conductance=G, capacitance=C, closed=1e6):
    """A storage (node 2) that a switch ties to a source (node 1) while the clock is high, and a conductor to a bias."""
    return network(
        {"drive": 1, "store": 1, "bias": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Sources(label="bias", nodes=[3], effort=0.5),
        Switches(label="take", line=LINE, a=[1], b=[2], closed=closed, opened=1e-15),
        Conductors(label="leak", a=[3], b=[2], conductance=conductance),
        Storages(label="store", nodes=[2], capacitance=capacitance),
    )


def derivatives(made, plan, node, interval=None, **more):
    run = Settle().run(made, plan)
    interval = len(plan.names) - 1 if interval is None else interval
    slope = Slope(nodes=np.array([node]), intervals=np.array([interval]), values=np.ones((1, 1, 1, 1)))
    return sensitivities(run, (slope,), settled=3.0, **more)


def test_a_storage_that_leaks_for_a_time_has_the_derivatives_of_its_exponential():
    plan = schedule([E, E], [50.0, T], [1, 0])
    found = derivatives(leaking(closed=1e7), plan, 2)
    rate, left = G / C, np.exp(-G * T / C)
    assert found.parameters["leak"]["conductance"][0, 0] == pytest.approx(-(E - 0.5) * T / C * left, rel=1e-6)
    assert found.parameters["store"]["capacitance"][0, 0] == pytest.approx((E - 0.5) * rate * T / C * left, rel=1e-6)
    assert found.parameters["bias"]["effort"][0, 0] == pytest.approx(1.0 - left, rel=1e-6)
    assert found.imposed["drive"][0, 0].sum() == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize("leak", [1e-9, 1e-3, 2e-2, 2.0])
def test_they_are_exact_for_leaks_of_any_strength(leak):
    plan = schedule([E, E], [5000.0, T], [1, 0])
    found = derivatives(leaking(leak, closed=1e7), plan, 2).parameters["leak"]["conductance"][0, 0]
    assert found == pytest.approx(-(E - 0.5) * T / C * np.exp(-leak * T / C), rel=1e-6)


@pytest.mark.parametrize("moved", [1e-9, -1e-4, 5e-3, -9.9e-3, 9.9e-3, 1.01e-2, -0.3, 4.0])
def test_the_mean_share_of_a_storage_that_moves_little_is_that_of_the_exponential(moved):
    """To 1e-13 on both sides of where the series ends, by decimals of 50 digits."""
    with localcontext(prec=50):
        v = Decimal(moved)
        phi = (1 - (-v).exp()) / v
        expected = float((phi - (-v).exp()) / v)
    filled = np.array([float(phi)])
    assert linearised._mean_share(np.array([moved]), filled)[0] == pytest.approx(expected, rel=2e-13)


def test_what_settles_has_the_derivatives_of_the_divider_and_remembers_nothing():
    made = network(
        {"drive": 1, "node": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="top", a=[1], b=[2], conductance=2.0),
        Conductors(label="foot", a=[2], b=[0], conductance=3.0),
        Junctions(label="node", nodes=[2]),
    )
    found = derivatives(made, schedule([7.0, 5.0], [1.0, 1.0], [0, 0]), 2)
    assert found.parameters["top"]["conductance"][0, 0] == pytest.approx(5.0 * 3.0 / 25.0)
    assert found.parameters["foot"]["conductance"][0, 0] == pytest.approx(-5.0 * 2.0 / 25.0)
    assert found.imposed["drive"][0, 0, :, 0] == pytest.approx([0.0, 0.4])


def test_several_results_are_those_of_each_alone_also_if_memory_divides_them(monkeypatch):
    made, plan = leaking(), schedule([E, 1.0, 3.0], [50.0, T, T], [1, 0, 0])
    run = Settle().run(made, plan)
    values = np.random.default_rng(0).standard_normal((5, 1, 3, 1))
    slope = Slope(nodes=np.array([2]), intervals=np.arange(3), values=values)
    changes = {"leak": {"conductance": np.random.default_rng(1).standard_normal((5, 1))}}
    whole = sensitivities(run, (slope,), settled=3.0, changes=changes)
    monkeypatch.setattr("lstm_analog.engines.sensitivity.reverse._MOST_NUMBERS", 2 * run.efforts.size)
    divided = sensitivities(run, (slope,), settled=3.0, changes=changes)
    alone = sensitivities(run, (replace(slope, values=values[3:4]),), settled=3.0)
    for label, named in whole.parameters.items():
        for name, value in named.items():
            assert value[3] == pytest.approx(alone.parameters[label][name][0], abs=1e-15)
            assert divided.parameters[label][name] == pytest.approx(value, abs=1e-15)
    assert divided.imposed["drive"] == pytest.approx(whole.imposed["drive"], abs=1e-15)
    assert whole.by_interval.shape == (5, 4)
    np.testing.assert_allclose(divided.by_interval, whole.by_interval, atol=1e-15)


@pytest.mark.parametrize(("level", "slope"), [(0.9, 0.5), (4.0, 0.5 / (1.0 + 0.5 * 99.0))])
def test_stops_count_where_a_storage_reached_one(level, slope):
    """A divider by two, with a stop of 99 S above 1 V: it has no part in a run that stays below."""
    made = network(
        {"drive": 1, "tank": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="top", a=[1], b=[2], conductance=1.0),
        Conductors(label="foot", a=[2], b=[0], conductance=1.0),
        Stops(label="stop", nodes=[2], low=-5.0, high=1.0, conductance=99.0, band=1e-3),
        Storages(label="tank", nodes=[2], capacitance=1e-3),
    )
    found = derivatives(made, schedule([level, level], [1.0, 1.0], [0, 0]), 2)
    assert found.imposed["drive"][0, 0].sum() == pytest.approx(slope, rel=1e-9)
    assert found.parameters["stop"]["high"].item() == pytest.approx(99.0 / 101.0 if level > 2.0 else 0.0, rel=1e-9)


def test_the_intervals_in_which_a_change_acts_add_up_to_all_that_it_does():
    made, plan = leaking(), schedule([E, 1.0, 3.0], [50.0, T, T], [1, 0, 0])
    changes = {"leak": {"conductance": np.array([[0.01]])}}
    found = derivatives(made, plan, 2, changes=changes)
    assert found.by_interval.shape == (1, 4)
    assert (found.by_interval[0, 2:] != 0.0).all()
    assert found.by_interval.sum() == pytest.approx(0.01 * found.parameters["leak"]["conductance"][0, 0])


def test_storages_that_share_their_charge_without_settling_are_refused():
    made = network(
        {"drive": 1, "store": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Switches(label="take", line=LINE, a=[1], b=[2], closed=1e3, opened=1e-15),
        Conductors(label="between", a=[2], b=[3], conductance=0.1),
        Storages(label="store", nodes=[2, 3], capacitance=1.0),
    )
    with pytest.raises(UnsupportedError, match="must be single storages, got storages that act on each other"):
        derivatives(made, schedule([1.0, 1.0], [500.0, 1.0], [1, 0]), 2)


def test_rest_is_judged_in_the_units_of_the_storage_itself():
    """The first unknowns are the bias and the datum, in volts; the storage counts in millivolts."""
    scales = np.array([1.0, 1.0, 1.0, 1e-3])
    phase = SimpleNamespace(unsettled=np.array([3]), couplings=SimpleNamespace(scales=scales))
    interval = SimpleNamespace(phase=phase, checked=np.array([0]), stages=())
    at_rest = np.zeros((1, 4))
    instructions._check_rest(interval, at_rest, at_rest + 5e-10)
    with pytest.raises(UnsupportedError, match="one that was run over time"):
        instructions._check_rest(interval, at_rest, np.array([[0.0, 0.0, 0.0, 5e-7]]))


def test_several_chips_are_refused():
    made = leaking(conductance=np.array([[1.0], [2.0]]))
    with pytest.raises(InvalidShapeError, match="part leak must have no chip axis"):
        derivatives(made, schedule([E, E], [50.0, T], [1, 0]), 2)


def test_a_port_that_drains_a_storage_has_derivatives_by_what_controls_it():
    def made(scale):
        values = {"conductance": 0.2, "scale": scale, "offset": 0.1}
        return network(
            {"drive": 1, "store": 1},
            Sources(label="drive", nodes=[1], effort=0.0),
            Switches(label="take", line=LINE, a=[1], b=[2], closed=1e7, opened=1e-15),
            Ports(label="drain", line=ALWAYS, shape=Shape.EXP, a=[2], b=[0], p=[1], n=[0], **values),
            Storages(label="store", nodes=[2], capacitance=C),
        )

    plan = schedule([E, 0.4], [50.0, T], [1, 0])
    found, step = derivatives(made(0.8), plan, 2), 1e-5
    scales = [Settle().run(made(0.8 + sign * step), plan).efforts[-1, 2] for sign in (1.0, -1.0)]
    assert found.parameters["drain"]["scale"][0, 0] == pytest.approx((scales[0] - scales[1]) / (2.0 * step), rel=1e-6)
    moved = [
        Settle().run(made(0.8), schedule([E, 0.4 + sign * step], [50.0, T], [1, 0])).efforts[-1, 2]
        for sign in (1.0, -1.0)
    ]
    assert found.imposed["drive"][0, 0, 1, 0] == pytest.approx((moved[0] - moved[1]) / (2.0 * step), rel=1e-6)
