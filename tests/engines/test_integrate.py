import by_hand
import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.engines import Integrate, Method
from lstm_analog.engines.integrate import _options
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.system import system
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, SimulationError
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape

STEP = ([0.0, 1.0, -1.0], [1.0, 0.5, 2.0])


def relaxed(rates, time):
    """Return the answer of RC branches to STEP, (points, branches)."""
    time = np.asarray(time)[:, None]
    first = 1.0 - np.exp(-rates * np.clip(time - 1.0, 0.0, 0.5))
    second = -1.0 + (1.0 + first) * np.exp(-rates * np.clip(time - 1.5, 0.0, None))
    return np.where(time > 1.5, second, first)


@pytest.mark.parametrize("rtol", [1e-4, 1e-7, 1e-10])
def test_error_follows_the_tolerance(rc, driven, rtol):
    rates = np.array([0.7, 3.0, 9.0])
    run = Integrate(rtol=rtol, atol=rtol / 100, points=50).run(rc(rates), driven(*STEP))
    error = np.abs(run["c"] - relaxed(rates, run.time)).max()
    assert rtol * 1e-3 < error < 10 * rtol


@pytest.mark.parametrize(
    ("count", "fastest", "method"),
    [
        (3, 10.0, "DOP853"),
        (3, 1e4, "LSODA"),
        (3, 1e5, "LSODA"),
        (140, 1e4, "LSODA"),
        (200, 1e4, "BDF"),
        (200, 1e5, "BDF"),
    ],
)
def test_each_method_is_chosen_and_right(rc, driven, count, fastest, method):
    rates = np.geomspace(0.5, fastest, count)
    network = rc(rates)
    equations = system(network, ())
    assert _options(None, equations, np.zeros((1, network.unknowns.size)), 0.5)["method"] == method
    run = Integrate(rtol=1e-8, atol=1e-10).run(network, driven(*STEP))
    np.testing.assert_allclose(run["c"], relaxed(rates, run.time), atol=3e-6 if method == "BDF" else 1e-7)


@pytest.mark.parametrize("method", Method)
def test_a_method_can_be_asked_for(rc, driven, method):
    rates = np.array([0.7, 3.0, 9.0])
    network = rc(rates)
    assert _options(method, system(network, ()), np.zeros((1, network.unknowns.size)), 0.5)["method"] == method.value
    run = Integrate(rtol=1e-8, atol=1e-10, method=method).run(network, driven(*STEP))
    np.testing.assert_allclose(run["c"], relaxed(rates, run.time), atol=3e-6)
    assert method.name in run.engine


def test_a_method_is_no_name():
    with pytest.raises(InvalidTypeError) as caught:
        Integrate(method="BDF")
    text = "method must be a Method, or None for the one that suits, got 'BDF': take e.g. engines.Method.BDF"
    assert str(caught.value) == text


def test_a_batch_counts_for_the_choice(rc):
    network = rc(np.geomspace(1.0, 1e4, 100))
    methods = [_options(None, system(network, ()), np.zeros((batch, 102)), 1.0)["method"] for batch in (1, 2)]
    assert methods == ["LSODA", "BDF"]


def test_points_inside_an_interval_keep_the_tolerance(rc, driven):
    """Where all has settled DOP853 would step at its limit of stability, and interpolate wrongly by 1e-6."""
    rates = np.array([1.0, 6.0, 20.0])
    run = Integrate(rtol=1e-10, atol=1e-12, points=500).run(rc(rates), driven([0.0, 1.0], [1.0, 14.0]))
    time = np.clip(run.time - 1.0, 0.0, None)[:, None]
    np.testing.assert_allclose(run["c"], 1.0 - np.exp(-rates * time), atol=1e-9)


@pytest.mark.parametrize("points", [1, 2, 5])
def test_points_of_an_interval(rc, driven, points):
    run = Integrate(points=points).run(rc(1.0), driven(*STEP))
    ends = np.array([1.0, 1.5, 3.5])
    assert run.time.size == 1 + 3 * points
    assert np.isin(ends, run.time).all()
    if points > 1:
        behind = run.time[1 + points]  # the first point of the second interval
        assert 1.0 < behind < 1.0 + 1e-5
        assert run["drive"][[0, points, 1 + points, 1 + 2 * points], 0].tolist() == [0.0, 0.0, 1.0, -1.0]
    np.testing.assert_allclose(run["c"], relaxed(np.array([1.0]), run.time), atol=1e-8)


def test_a_batch_is_its_single_runs(rc, driven):
    levels = np.random.default_rng(1).normal(size=(2, 3, 4))
    network, durations = rc([0.5, 2.0]), [1.0, 0.3, 0.7, 1.1]
    engine = Integrate(rtol=1e-10, atol=1e-12)
    together = engine.run(network, driven(levels, durations))
    assert together.efforts.shape == (2, 3, 5, 4)
    for place in np.ndindex(2, 3):
        alone = engine.run(network, driven(levels[place], durations))
        np.testing.assert_allclose(together.efforts[place], alone.efforts, atol=1e-9)


def test_it_starts_at_the_operating_point(rc, driven):
    run = Integrate().run(rc([1e-3, 1.0, 1e3]), driven([2.5, 2.5], [1e-3, 1e-3]))
    np.testing.assert_allclose(run["c"], 2.5, rtol=1e-9)


def test_operating_point_of_a_nonlinear_network(circuit):
    """I tanh(v) into 1 S against 0.5 A: 0.5 - 2 tanh(v) - v = 0."""
    drain = Factor(shape=Shape.TANH, p=[2], n=[0], scale=1.0, offset=0.0)
    network = circuit(
        {"drive": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=0.5),
        Conductors(label="r", a=[1], b=[2], conductance=1.0),
        Pairs(label="p", line=ALWAYS, factors=(drain,), out=[2], current=-2.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
    )
    effort = np.array([[0.0, 0.5, 0.0]])
    operating_point(system(network, ()), effort, 1.0)
    v = effort[0, 2]
    assert abs(0.5 - 2.0 * np.tanh(v) - v) < 1e-12


def test_an_opamp_with_clamps_has_an_operating_point(circuit, driven):
    """Steps that are not taken back go to and fro between two sides of a kink."""
    conductances = [8.65628619e-5, 1.91967544e-4, 1.51194815e-5, 1.35915497e-5, 1.12483411e-5]
    opamp = OpAmps(
        label="u",
        plus=[1],
        minus=[3],
        out=[4],
        state=[5],
        transconductance=4.4359163e-3,
        current_limit=1.70913204e-4,
        conductance=4.77711255e-6,
        capacitance=7.15721457e-11,
        offset=-0.0241921408,
        swing=1.86382402,
        clamp=2.38818043,
        clamp_conductance=6.76961545e-4,
        output_conductance=9.8608027e-4,
        common_mode=0.00654180402,
        output_limit=1.91137654e-5,
    )
    network = circuit(
        {"drive": 1, "c": 1, "j": 2, "x": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Storages(label="c", nodes=[2], capacitance=5.15837404e-11),
        Conductors(label="g", a=[2, 2, 2, 3, 4], b=[1, 0, 3, 4, 0], conductance=conductances),
        Junctions(label="j", nodes=[3, 4]),
        opamp,
    )
    equations, effort = system(network, ()), np.zeros((1, 6))
    effort[0, 1] = 0.79880526
    operating_point(equations, effort, 5.57630097e-07)
    # beyond rounding of the rates, which are effort over time constants of 1e-7 s, nothing moves
    assert np.abs(equations.rates(effort)).max() * 5.6e-7 < 1e-9


def test_a_node_behind_an_open_switch_keeps_what_it_holds(circuit, driven):
    """1e-18 S into 100 pF moves by 1e-14 V in a microsecond: nothing to wait for."""
    network = circuit(
        {"drive": 1, "c": 2},
        Sources(label="drive", nodes=[1], effort=1.0),
        Conductors(label="r", a=[1, 1], b=[2, 3], conductance=[1e-18, 1e-4]),
        Storages(label="c", nodes=[2, 3], capacitance=1e-10),
    )
    run = Integrate().run(network, driven([1.0], [1e-6]))
    assert abs(run["c"][-1, 0]) < 1e-5
    assert run["c"][-1, 1] == 1.0


def test_restart_at_edges_of_the_clock(circuit):
    network = circuit(
        {"drive": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=1.0),
        Switches(label="s", line=0, a=[1], b=[2], closed=3.0, opened=1e-12),
        Conductors(label="leak", a=[2], b=[0], conductance=1.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
        lines=("clock",),
    )
    timing = by_hand.schedule([1.0, 0.4, 0.8], [False, True, False])
    on = 0.75 * (1 - np.exp(-4 * 0.4))
    run = Integrate(rtol=1e-10, atol=1e-12).run(network, timing)
    np.testing.assert_allclose(run["c"][:, 0], [0.0, 0.0, on, on * np.exp(-0.8)], atol=1e-9)


def test_a_network_without_states_and_without_sources(circuit, rc, driven):
    divider = circuit(
        {"drive": 1, "buffer": 1, "join": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Followers(label="f", nodes=[2], terms=(Term(inputs=[1], gain=2.0),), offset=0.0, low=-1.0, high=3.0),
        Conductors(label="r", a=[2, 3], b=[3, 0], conductance=[1.0, 3.0]),
        Junctions(label="j", nodes=[3]),
    )
    run = Integrate(points=2).run(divider, driven([1.0, -4.0, 9.0], [1.0] * 3))
    assert run["join"][:, 0].tolist() == [0.5, 0.5, 0.5, -0.25, -0.25, 0.75, 0.75]
    alone = circuit(
        {"c": 1},
        Conductors(label="r", a=[1], b=[0], conductance=1.0),
        Storages(label="c", nodes=[1], capacitance=1.0),
    )
    assert Integrate().run(alone, by_hand.schedule([1.0]))["c"].tolist() == [[0.0], [0.0]]


def test_a_nonlinear_junction_is_solved(circuit, driven):
    """A port against a conductance meet in a junction: sigmoid(v) (1 - v) = v."""
    network = circuit(
        {"drive": 1, "join": 1},
        Sources(label="drive", nodes=[1], effort=1.0),
        Ports(
            label="p",
            line=ALWAYS,
            shape=Shape.SIGMOID,
            a=[1],
            b=[2],
            p=[2],
            n=[0],
            conductance=1.0,
            scale=1.0,
            offset=0.0,
        ),
        Conductors(label="r", a=[2], b=[0], conductance=1.0),
        Junctions(label="j", nodes=[2]),
    )
    (v,) = Integrate().run(network, driven([1.0], [1.0]))["join"][-1]
    assert abs((1 - v) / (1 + np.exp(-v)) - v) < 1e-13


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rtol": 0.0}, r"^rtol must be at least 2\.22e-14 and finite, got 0\.0: give e\.g\. 1e-9$"),
        ({"rtol": 1e-15}, r"^rtol must be at least 2\.22e-14"),
        ({"rtol": np.nan}, r"^rtol must be"),
        ({"rtol": np.inf}, r"^rtol must be"),
        ({"atol": 0.0}, r"^atol must be positive and finite, got 0\.0"),
        ({"atol": -1.0}, r"^atol must be positive"),
        ({"points": 0}, r"^points must be 1 to 1000000, whole, got 0: give 1 for the ends of intervals$"),
        ({"points": 2.5}, r"^points must be 1 to 1000000, whole, got 2\.5"),
    ],
)
def test_bad_settings_are_refused(settings, text):
    with pytest.raises(InvalidValueError, match=text):
        Integrate(**settings)


def test_a_schedule_that_does_not_fit_is_refused(rc, driven):
    wrong = Schedule(names=("a",), high=np.zeros((1, 2)), durations=[1.0], imposed=())
    with pytest.raises(NetworkError, match=r"^schedule must have the 0 clock lines of the network, got 2"):
        Integrate().run(rc(1.0), wrong)


def test_a_network_that_is_not_well_formed_is_refused(circuit, driven):
    network = circuit({"drive": 1, "c": 1}, Sources(label="drive", nodes=[1], effort=0.0))
    with pytest.raises(NetworkError, match=r"^unknown c_0 must be set by exactly one"):
        Integrate().run(network, driven([0.0], [1.0]))


def test_junctions_that_nothing_holds_are_refused(circuit, driven):
    network = circuit(
        {"drive": 1, "float": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[2], b=[3], conductance=1.0),
        Junctions(label="j", nodes=[2, 3]),
    )
    text = r"^the network must determine every unknown, got a matrix: .* singular: tie each junction to something"
    with pytest.raises(SimulationError, match=text):
        Integrate().run(network, driven([0.0], [1.0]))


@pytest.mark.parametrize("size", [300.0, 1e3, 1e4])
@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
def test_inputs_that_nobody_scaled_have_an_operating_point(size, timing):
    """Pre-activations in the thousands: a move of 1e-12 of a unit is less than the arithmetic keeps there."""
    rng = np.random.default_rng(4)
    lstm, x = random_lstm(rng, 2, 3, scale=2.0), size * rng.uniform(-1, 1, (3, 2))
    run = compile(lstm, BEHAVIOURAL, timing=timing, settling=24.0).run(x)
    assert np.abs(run.layers[0].z).max() > 0.5 * size
    assert np.abs(run.h - lstm(x).h).max() < 1e-3


def test_a_network_without_operating_point_is_refused(circuit, driven):
    """A current into a capacitor that nothing discharges."""
    push = Factor(shape=Shape.LINEAR, p=[0], n=[0], scale=1.0, offset=1.0)
    network = circuit(
        {"drive": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Pairs(label="p", line=ALWAYS, factors=(push,), out=[2], current=1.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
    )
    with pytest.raises(
        SimulationError, match=r"^the operating point must be reached, got moving by .*: check the first"
    ):
        Integrate().run(network, driven([0.0], [1.0]))
