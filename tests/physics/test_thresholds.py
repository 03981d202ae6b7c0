"""Switches that a threshold shuts and opens: a leaky capacitor that fires, in closed form and on other simulators."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest
from by_hand import network
from scipy.optimize import brentq

from lstm_analog.engines import Integrate, Method, Ngspice, Rumoca, Settle, Waveform, start_efforts
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.errors import InvalidValueError, SimulationError, UnsupportedError, UnsupportedPartError
from lstm_analog.export import (
    HSPICE,
    LTSPICE,
    NGSPICE,
    PORTABLE,
    SPECTRE,
    XYCE,
    Accuracy,
    graph,
    read_spice,
    write_spice,
)
from lstm_analog.export.graphs import law_table
from lstm_analog.export.interfaces import Interface
from lstm_analog.export.verilog_a import write_verilog_a
from lstm_analog.network.parts import (
    Conductors,
    Followers,
    Junctions,
    Sources,
    Spools,
    Storages,
    Term,
    ThresholdSwitches,
    Transconductors,
)

CELLS = 3
DRIVE = np.linspace(1.0, 2.0, CELLS) * 1e-6
LEAK, CLOSED, OPENED, CAPACITANCE = 1e-7, 1e-4, 1e-12, 1e-9
UPPER, LOWER = 0.5, 0.05
LASTING = 2e-3


def schedule(durations, drive):
    return by_hand.schedule(durations, drive=drive)


def fires(nodes, states, label="fire", **values):
    none = np.zeros_like(nodes)
    known = {"upper": UPPER, "lower": LOWER, "closed": CLOSED, "opened": OPENED} | values
    return ThresholdSwitches(label=label, a=nodes, b=none, p=nodes, n=none, state=states, **known)


@pytest.fixture
def cells():
    """Three leaky capacitors, each with a resistor from the source, and a switch that empties it."""
    nodes, states = np.arange(2, 2 + CELLS), np.arange(2 + CELLS, 2 + 2 * CELLS)
    parts = (
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=np.ones_like(nodes), b=nodes, conductance=DRIVE),
        Storages(label="c", nodes=nodes, capacitance=CAPACITANCE),
        Conductors(label="leak", a=nodes, b=np.zeros_like(nodes), conductance=LEAK),
        fires(nodes, states),
    )
    return network({"i": 1, "v": CELLS, "s": CELLS}, *parts)


@pytest.fixture
def plan():
    return schedule([1e-3, LASTING], [0.0, 1.5])


def period(drive, volts=1.5):
    """Return how long a cell takes from one spike to the next: it charges, then empties, both as exponentials."""
    open_, shut = drive + LEAK + OPENED, drive + LEAK + CLOSED
    rest, low = volts * drive / open_, volts * drive / shut
    charging = CAPACITANCE / open_ * np.log((rest - LOWER) / (rest - UPPER))
    return charging + CAPACITANCE / shut * np.log((UPPER - low) / (LOWER - low))


@pytest.mark.parametrize("method", [None, Method.DOP853, Method.BDF])
def test_the_period_is_that_of_two_exponentials(cells, plan, method):
    found = Integrate(method=method).run(cells, plan).switchings
    for node, drive in zip(cells.unknowns["s"].tolist(), DRIVE, strict=True):
        np.testing.assert_allclose(np.diff(found.closings(node)), period(drive), rtol=3e-8)


@pytest.mark.parametrize("method", [None, Method.DOP853, Method.BDF])
def test_what_switches_as_an_interval_ends_switches_once(method):
    """A constant flow takes a storage to the threshold in just the second that an interval lasts."""
    made = network(
        {"u": 1, "v": 1, "s": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Transconductors(label="g", inputs=[1], rows=[2], transconductance=[[1.0]]),
        Storages(label="c", nodes=[2], capacitance=1.0),
        fires([2], [3], upper=1.0, lower=-5.0, closed=1e-300, opened=1e-301),
    )
    found = Integrate(method=method).run(made, schedule([1.0, 1.0, 1.0], [0.0, 1.0, 1.0])).switchings
    assert found.closings(3) == pytest.approx([2.0], abs=1e-12)


def test_points_between_are_those_of_the_exponential(cells, plan):
    run = Integrate(points=40).run(cells, plan)
    first = run.switchings.closings(int(cells.unknowns["s"][0]))[0]
    times = run.time[(run.time > 1e-3) & (run.time < first)]
    total = DRIVE[0] + LEAK + OPENED
    exact = 1.5 * DRIVE[0] / total * (1.0 - np.exp(-total / CAPACITANCE * (times - 1e-3)))
    np.testing.assert_allclose(run.sample(times, cells.unknowns["v"][:1])[:, 0], exact, rtol=1e-8)
    assert run["v"].max() <= UPPER + 1e-9


def test_rumoca_finds_the_same_moments(cells, plan):
    ours, theirs = Integrate().run(cells, plan).switchings, Rumoca(points=400).run(cells, plan)
    for node in cells.unknowns["s"].tolist():
        state = theirs.efforts[:, node]
        rises = theirs.time[1:][(state[1:] > 0.5) & (state[:-1] <= 0.5)]
        np.testing.assert_allclose(rises, ours.closings(node), atol=1e-9)


@pytest.mark.parametrize(("steps", "bound"), [(400, 2e-2), (4000, 2e-3)])
def test_ngspice_finds_them_as_closely_as_it_steps(cells, plan, steps, bound):
    """It sees a crossing at the end of a step: the error falls with the step."""
    accuracy = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-16, steps=steps)
    ours, theirs = Integrate().run(cells, plan).switchings, Ngspice(accuracy=accuracy).run(cells, plan)
    for node, drive in zip(cells.unknowns["s"].tolist(), DRIVE, strict=True):
        state = theirs.efforts[:, node]
        rises = theirs.time[1:][(state[1:] > 0.5) & (state[:-1] <= 0.5)]
        assert rises.size == ours.closings(node).size
        np.testing.assert_allclose(np.diff(rises).mean(), period(drive), rtol=bound)


@pytest.mark.parametrize("method", [None, Method.LSODA])
@pytest.mark.parametrize("margin", [1e-2, 1e-4, 1e-6])
def test_a_threshold_that_is_passed_within_a_step_and_back_again_is_seen(method, margin):
    """The overshoot of a spool in closed form: a step of the integrator may be longer than it is above the threshold.

    What latches is opened by -5 alone, so that a crossing that was overlooked would show at the end.
    """
    damping, frequency, ringing = 0.1, 2.0, np.sqrt(0.99)
    upper = 1.0 + np.exp(-np.pi * damping / ringing) - margin
    latch = ThresholdSwitches(
        label="latch", a=[1], b=[0], p=[2], n=[0], state=[4], upper=upper, lower=-5.0, closed=1.0, opened=1e-9
    )
    spool = Spools(label="spool", p=[1], n=[0], position=[2], speed=[3], capacitance=1.0, frequency=2.0, damping=0.1)
    made = network({"u": 1, "x": 1, "v": 1, "s": 1}, Sources(label="drive", nodes=[1], effort=0.0), spool, latch)

    def short_of(time):
        angle = frequency * ringing * time
        return 1.0 - np.exp(-damping * frequency * time) * (np.cos(angle) + damping / ringing * np.sin(angle)) - upper

    run = Integrate(method=method, points=30).run(made, schedule([1.0, 15.0], [0.0, 1.0]))
    (closed,) = run.switchings.closings(4)
    assert closed - 1.0 == pytest.approx(brentq(short_of, 0.0, np.pi / (frequency * ringing)), abs=1e-4 * margin**0.25)
    np.testing.assert_array_equal(run["s"][:, 0], run.time > closed)


def test_a_batch_fires_each_at_its_own_time(cells, plan):
    entry = plan.imposed[0]
    both = np.stack((entry.efforts, 1.2 * entry.efforts))
    found = Integrate().run(cells, replace(plan, imposed=(replace(entry, efforts=both),))).switchings
    node = int(cells.unknowns["s"][1])
    for sequence, volts in enumerate((1.5, 1.8)):
        np.testing.assert_allclose(np.diff(found.closings(node, sequence)), period(DRIVE[1], volts), rtol=1e-8)


def test_rumoca_runs_a_batch_whose_sequences_have_other_moments(cells, plan):
    entry = plan.imposed[0]
    both = replace(plan, imposed=(replace(entry, efforts=np.stack((entry.efforts, 1.2 * entry.efforts))),))
    runs, ends, every = Rumoca(points=50).run(cells, both), plan.ends, np.arange(cells.unknowns.size)
    for number in range(2):
        alone = Rumoca(points=50).run(cells, both.sequence(number))
        np.testing.assert_array_equal(runs.sample(ends, every)[number], alone.sample(ends, every))


def test_noise_through_switches_that_switch_by_themselves_is_refused_by_name(cells, plan):
    with pytest.raises(UnsupportedError, match="the network must have no switches with a threshold, got 3"):
        LinearNoise(trajectory=Integrate(points=17).run(cells, plan))


def test_a_netlist_is_read_back_and_says_what_it_is(cells, plan, tmp_path):
    accuracy = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-16, steps=100)
    for dialect in (NGSPICE, LTSPICE):
        write_spice(tmp_path / "cells.cir", cells, plan, dialect, accuracy)
        assert ".model state_trigger sw(" in (tmp_path / "cells.cir").read_text()
    assert read_spice(tmp_path / "cells.cir").network.equals(cells, rtol=1e-14)
    for dialect in (XYCE, HSPICE, SPECTRE, PORTABLE):
        with pytest.raises(UnsupportedPartError, match=f"must not switch by itself in {dialect.name}"):
            write_spice(tmp_path / "other.cir", cells, plan, dialect, accuracy)
    with pytest.raises(UnsupportedPartError, match="must not switch by itself in verilog_a"):
        write_verilog_a(
            tmp_path / "cells.va", cells, Interface(name="cells", inputs=(("i", "drive"),), outputs=(("v", "v"),))
        )
    assert not (tmp_path / "other.cir").exists()


def test_a_graph_says_when_a_state_switches(cells):
    state = graph(cells).nodes["s_0"]
    assert state["kind"] == "a threshold"
    assert law_table(cells)[state["law"]]["formula"].startswith("surplus = ")


@pytest.mark.parametrize("engine", [Waveform(), Settle()])
def test_engines_that_do_not_follow_it_refuse_by_name(cells, plan, engine):
    with pytest.raises(UnsupportedPartError, match=r"part fire must not switch by itself .* run it with Integrate"):
        engine.run(cells, plan)


def test_a_run_that_begins_firing_is_refused_by_name(cells):
    with pytest.raises(SimulationError, match=r"must rest where the run begins.* as without input"):
        Integrate().run(cells, schedule([1e-3], [1.5]))


def latches(cells):
    """Return `cells` with switches that what closes them does not let go."""
    latch = fires(np.array([2, 3, 4]), np.array([5, 6, 7]), lower=-1.0)
    return replace(cells, parts=(*cells.parts[:-1], latch))


def test_a_run_may_begin_with_a_switch_closed(cells):
    made, begins_closed = latches(cells), schedule([1e-3, 1e-3], [1.5, 0.0])
    run = Integrate().run(made, begins_closed)
    np.testing.assert_array_equal(run["s"], 1.0)
    assert run.switchings.time.size == 0
    np.testing.assert_array_equal(start_efforts(made, begins_closed), run.efforts[0])


def test_rumoca_begins_with_the_switch_closed_too(cells):
    made, begins_closed = latches(cells), schedule([1e-3, 1e-3], [1.5, 0.0])
    ours, theirs = (engine.run(made, begins_closed) for engine in (Integrate(), Rumoca()))
    np.testing.assert_allclose(theirs.sample(ours.time, np.arange(8)), ours.efforts, atol=1e-9)


def test_switches_that_set_each_other_off_at_one_moment_are_refused_by_name():
    """Each follows the other's state at once, inverted: there is no moment at which both hold."""
    invert = Followers(
        label="inverter", terms=(Term(inputs=[3], gain=-1.0),), nodes=[2], offset=1.0, low=-np.inf, high=np.inf
    )
    loop = ThresholdSwitches(
        label="s", a=[1], b=[0], p=[2], n=[0], state=[3], upper=0.6, lower=0.4, closed=1.0, opened=1e-9
    )
    made = network({"drive": 1, "f": 1, "s": 1}, Sources(label="drive", nodes=[1], effort=0.0), invert, loop)
    with pytest.raises(SimulationError, match="switches that set each other off must come to rest"):
        Integrate().run(made, schedule([1.0], [0.0]))


def test_a_switch_that_takes_away_what_closes_it_is_refused_by_name():
    """Its junction falls at once when it closes, and is back at once when it opens: it chatters at one moment."""
    parts = (
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1, 2], b=[2, 3], conductance=[1.0, 1.0]),
        Storages(label="c", nodes=[2], capacitance=1.0),
        Junctions(label="j", nodes=[3]),
        Conductors(label="load", a=[3], b=[0], conductance=1.0),
        fires(np.array([3]), np.array([4]), closed=1e3),
    )
    made = network({"drive": 1, "c": 1, "j": 1, "s": 1}, *parts)
    with pytest.raises(SimulationError, match="switches that set each other off must come to rest"):
        Integrate().run(made, schedule([1.0, 5.0], [0.0, 2.0]))


def test_a_switch_without_hysteresis_is_refused_by_name():
    with pytest.raises(InvalidValueError, match=r"fire.lower must be below upper"):
        fires(np.array([1]), np.array([2]), lower=UPPER)
