"""Stops of tanks: left out while nothing gets there, solved where a valve holds them, else refused."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import network as made
from by_hand import schedule as plan

from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.errors import StopsWarning
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.parts import ALWAYS, Followers, Ports, Sources, Stops, Storages, Switches, Term
from lstm_analog.network.shapes import Shape
from lstm_analog.study.ranges import beyond_stops


def tanks(conductance=20.0):
    """Two tanks, the second behind the first, that stop at -1 and 2."""
    return made(
        {"drive": 1, "e": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Switches(label="line", line=0, a=[1, 2], b=[2, 3], closed=1.0, opened=1e-30),
        Storages(label="tank", nodes=[2, 3], capacitance=0.01),
        Stops(label="ends", nodes=[2, 3], low=-1.0, high=2.0, conductance=conductance, band=0.1),
        domain=HYDRAULIC,
        lines=("on",),
    )


def driven(levels, high):
    return plan(np.ones(len(levels)), high, drive=levels)


def test_a_tank_is_held_at_its_stops_and_let_go_again():
    network, schedule = tanks(), driven([0.5, 5.0, -5.0, 0.5], [True] * 4)
    exact = Integrate(rtol=1e-11, atol=1e-13).run(network, schedule)
    settled = Settle().run(network, schedule)
    np.testing.assert_allclose(settled.efforts, exact.efforts, atol=1e-9)
    assert settled["e"].max() > 2.0
    assert settled["e"].min() < -1.0


def test_a_stop_where_a_tank_would_have_rested_is_not_reached():
    """Through an orifice it has 1.2 time constants: the rest that was tried first lies beyond the stop, its end not."""
    network = made(
        {"drive": 1, "e": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Ports(
            label="orifice",
            line=ALWAYS,
            shape=Shape.EXP,
            a=[1],
            b=[2],
            p=[0],
            n=[0],
            conductance=1.0,
            scale=0.0,
            offset=0.0,
            transition=10.0,
        ),
        Storages(label="tank", nodes=[2], capacitance=1.0),
        Stops(label="ends", nodes=[2], low=-5.0, high=1.0, conductance=20.0, band=0.1),
    )
    run = Settle().run(network, plan([30.0, 1.2, 30.0], None, drive=[0.5, 1.1, 0.5]))
    assert "1 of 3 intervals over time" in run.engine
    assert run.extremes[0].highest == run["e"].max() < 1.0
    assert not list(beyond_stops(run))


def test_stops_that_nothing_reaches_change_no_bit():
    network, schedule = tanks(), driven([0.5, 2.0, -1.0, 0.5], [True, True, False, True])
    without = replace(network, parts=network.parts[:-1])
    ours, theirs = (Settle().run(each, schedule).efforts for each in (network, without))
    np.testing.assert_array_equal(ours, theirs)


def test_tanks_filled_in_turns_are_each_watched():
    """The first and the third fill from the drive, then the second from a copy of the first: no two are neighbours."""
    copy = Followers(
        label="copy", terms=(Term(inputs=[3], gain=-1.0),), nodes=[2], offset=0.1, low=-np.inf, high=np.inf
    )
    network = made(
        {"drive": 1, "copy": 1, "e": 3},
        Sources(label="drive", nodes=[1], effort=0.0),
        copy,
        Switches(label="line", line=0, a=[1, 2, 1], b=[3, 4, 5], closed=1.0, opened=1e-30),
        Storages(label="tank", nodes=[3, 4, 5], capacitance=0.01),
        Stops(label="ends", nodes=[3, 4, 5], low=-1.0, high=2.0, conductance=20.0, band=0.1),
        domain=HYDRAULIC,
        lines=("on",),
    )
    for levels in ([0.5, 0.9, -0.5], [0.5, 1.5, 0.5], [0.5, 5.0, 0.5]):  # within, the second beyond, all beyond
        schedule = driven(levels, [True] * 3)
        exact = Integrate(rtol=1e-11, atol=1e-13).run(network, schedule)
        np.testing.assert_allclose(Settle().run(network, schedule).efforts, exact.efforts, atol=1e-9)
        assert (exact["e"][2, 1] < -1.0) == (levels[1] > 1.0)


def test_every_sequence_and_chip_has_its_own_stops():
    """Only the second sequence gets there, and only on the first of two chips."""
    network = tanks()
    ends = replace(network.part("ends"), high=np.array([[2.0, 2.0], [6.0, 6.0]]))
    network = replace(network, parts=(*network.parts[:-1], ends))
    found = Settle().run(network, plan([1.0], [True], drive=[[[0.5]], [[5.0]]]))["e"][..., -1, :]
    assert found.shape == (2, 2, 2)
    held = Settle().run(tanks(), driven([5.0], [True]))["e"][-1]
    np.testing.assert_allclose(found, [[[0.5, 0.5], held], [[0.5, 0.5], [5.0, 5.0]]], atol=1e-12)


def test_a_tank_left_beyond_its_stops_is_run_over_time():
    """Its make-up valve goes on moving it by 1/t: neither a fixed point nor an exponential."""
    network, schedule = tanks(), driven([0.5, 5.0, 5.0], [True, True, False])
    exact = Integrate(rtol=1e-11, atol=1e-13).run(network, schedule)
    settled = Settle().run(network, schedule)
    np.testing.assert_allclose(settled.efforts, exact.efforts, atol=1e-7)
    assert settled.engine.endswith(", 1 of 3 intervals over time: part2")


def test_a_machine_whose_tanks_overflow_is_run_over_time():
    """Pistons that stop at half a unit: c gets there."""
    lstm = random_lstm(np.random.default_rng(0), 2, 3, scale=4.0)
    vessel = replace(OIL.vessel, stroke=0.5 * OIL.pressure_unit * OIL.tank / OIL.vessel.area)
    machine = compile(lstm, replace(OIL, detail=Detail.FULL, vessel=vessel))
    x = np.full((1, 5, 2), 1.0)
    with pytest.warns(StopsWarning):
        settled, exact = (machine.run(x, engine=engine) for engine in (Settle(), Waveform()))
    np.testing.assert_allclose(settled.h, exact.h, atol=1e-7)
    assert "over time" in settled.trajectory.engine
