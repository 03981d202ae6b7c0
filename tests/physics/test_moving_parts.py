"""Spools, fluid in lines and stops of tanks: their closed forms, and machines of dynamic detail."""

from dataclasses import replace
from functools import cache, partial

import by_hand
import numpy as np
import pytest

from lstm_analog.compiler.hardware import decay_time
from lstm_analog.compiler.hydraulic import OIL, WATER, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Integrate, Settle, Waveform, integrate
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform import interval
from lstm_analog.engines.waveform.pieces import Piece, refine_piece
from lstm_analog.errors import InvalidValueError, StopsWarning, UnsupportedError
from lstm_analog.imperfections import OrificePorts, Streams
from lstm_analog.machine import Machine, compile
from lstm_analog.model import LSTM, State, random_lstm
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Inertances,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
)
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.study import Run, settling
from lstm_analog.study.epanet import epanet_check
from lstm_analog.study.findings import Rule, Severity

EXACT = Integrate(rtol=1e-11, atol=1e-13, points=400)
X = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 2))


network = partial(by_hand.network, domain=HYDRAULIC)


def driven(net: Network, levels: list[float], durations: list[float], high: list[bool] | None = None) -> Trajectory:
    """Run `net` with its source bank `drive` at each of the `levels`, the only clock line being `high`."""
    return EXACT.run(net, by_hand.schedule(durations, high, drive=levels))


def step_response(frequency: float, damping: float, time: np.ndarray) -> np.ndarray:
    """Return x of x''/w^2 + 2 zeta x'/w + x = 1 from rest, for any damping but 1."""
    root = frequency * np.sqrt(complex(1.0 - damping**2))
    wave = np.cos(root * time) + damping * frequency / root * np.sin(root * time)
    return np.where(time < 0, 0.0, (1.0 - np.exp(-damping * frequency * np.maximum(time, 0)) * wave).real)


@pytest.mark.parametrize("damping", [0.1, 0.7, 2.5])
def test_a_spool_answers_a_step_as_a_piston_on_a_spring(damping: float) -> None:
    """Its overshoot is exp(-pi zeta/sqrt(1 - zeta^2)): 73 % at 0.1, 4.6 % at 0.7, none above 1."""
    spool = {"capacitance": 1e-11, "frequency": 160.0, "damping": damping}
    net = network(
        {"drive": 1, "x": 1, "v": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Spools(label="s", p=[1], n=[0], position=[2], speed=[3], **spool),
    )
    run = driven(net, [0.0, 1.0], [0.1, 0.2])
    expected = step_response(160.0, damping, run.time - 0.1)
    np.testing.assert_allclose(run["x"][:, 0], expected, atol=1e-8)
    overshoot = np.exp(-np.pi * damping / np.sqrt(1.0 - damping**2)) if damping < 1.0 else 0.0
    assert run["x"].max() - 1.0 == pytest.approx(overshoot, abs=2e-3)


@pytest.mark.parametrize("inertance", [0.02, 4.0])
def test_a_tank_behind_a_line_rings_as_an_inductor_with_a_capacitor(inertance: float) -> None:
    """w = 1/sqrt(L C), zeta = sqrt(C/L)/(2 G)."""
    net = tank(inertance)
    run = driven(net, [0.0, 1.0], [1.0, 12.0], [True, True])
    frequency, damping = (inertance * 0.5) ** -0.5, 0.5 * np.sqrt(0.5 / inertance) / 2.0
    np.testing.assert_allclose(run["e"][:, 0], step_response(frequency, damping, run.time - 1.0), atol=1e-8)
    slowest = np.linalg.eigvals(system(net, (True,)).jacobian(np.zeros((1, 4))).toarray()).real.max()
    assert decay_time(frequency, damping) == pytest.approx(-1.0 / slowest, rel=1e-9)


def tank(inertance: float) -> Network:
    return network(
        {"drive": 1, "e": 1, "x": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Inertances(
            label="line", line=0, a=[1], b=[2], state=[3], inertance=inertance, closed=2.0, opened=1e-3, closing=0.05
        ),
        Storages(label="tank", nodes=[2], capacitance=0.5),
        lines=("on",),
    )


def test_a_shut_line_dies_within_its_closing_time_towards_the_leak() -> None:
    """It shuts under flow: what still flows is the flow times the closing time, then the leak drains the tank."""
    run = driven(tank(0.02), [0.0, 1.0, 1.0], [1.0, 0.1, 1.0], [True, True, False])
    after = run.time >= 1.1
    time, flow = run.time[after] - 1.1, 2.0 * run["x"][after, 0]
    assert flow[0] > 0.1
    leak = 1e-3 * (1.0 - run["e"][after, 0])
    np.testing.assert_allclose(flow, leak + (flow[0] - leak[0]) * np.exp(-time / 0.05), atol=1e-3 * flow[0])
    entered = 0.5 * (run["e"][-1, 0] - run["e"][after, 0][0])
    assert entered == pytest.approx(flow[0] * 0.05 + 1e-3 * (1.0 - run["e"][-1, 0]), rel=0.02)


def test_stops_hold_a_tank_and_let_it_go_again() -> None:
    """Driven to 5 and to -5 through G = 1, held at 2 and at -1 by valves of 20: e = stop + drop/21, nearly."""
    net = network(
        {"drive": 1, "e": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Switches(label="line", line=ALWAYS, a=[1], b=[2], closed=1.0, opened=1e-9),
        Storages(label="tank", nodes=[2], capacitance=1.0),
        Stops(label="ends", nodes=[2], low=-1.0, high=2.0, conductance=20.0, band=0.1),
    )
    free = replace(net, parts=net.parts[:-1])
    run, without = (driven(each, [0.5, 5.0, -5.0, 0.5], [10.0] * 4) for each in (net, free))
    ends = [run.time.searchsorted(end) for end in (10.0, 20.0, 30.0, 40.0)]
    held = [2.0 + (3.0 + 20.0 * 0.05) / 21.0, -1.0 - (4.0 + 20.0 * 0.05) / 21.0]
    np.testing.assert_allclose(run["e"][ends, 0], [0.5, *held, 0.5], atol=1e-3)
    assert without["e"].max() > 4.9
    inside = run.time <= 10.0
    np.testing.assert_array_equal(run["e"][inside], without["e"][inside])


def test_stops_out_of_order_are_refused() -> None:
    text = r"^ends\.low and high must be in order, got 2 and 1: give the pressures of a dry and of a full tank$"
    with pytest.raises(InvalidValueError, match=text):
        Stops(label="ends", nodes=[1], low=2.0, high=1.0, conductance=1.0, band=0.1)


@pytest.mark.epanet
@pytest.mark.parametrize(("technology", "cell"), [(OIL, 7.0), (WATER, -7.0)])
def test_a_memory_beyond_its_stops_is_held_there_and_named(technology: object, cell: float) -> None:
    """A forget gate at 1 keeps c = ±7 of 5 or 6 units: full detail overflows, and the check says which tank."""
    lstm = biased(5.0)
    state = State(h=(np.zeros((1, 3)),), c=(np.full((1, 3), cell),))
    full = compile(lstm, replace(technology, detail=Detail.FULL))
    stop = technology.reach()[1 if cell > 0 else 0] / technology.pressure_unit
    text = rf"^the run must keep its tanks between their stops, got l0_c(_new)?_0 at .* units \(stop at {stop:.6g}\); "
    with pytest.warns(StopsWarning, match=text):
        run = full.run(X[None, :1], state=state, engine=Integrate(rtol=1e-4, atol=1e-6))
    check = full.check(run)
    finding = check.worst(Rule.STOPS_HIGH if cell > 0 else Rule.STOPS_LOW)
    assert finding.severity is Severity.WARNING
    assert finding.where.startswith("l0_c")
    low, high = (stop / technology.pressure_unit for stop in technology.reach())
    expected = min((high if cell > 0 else low) + 1.0, high)  # the first step adds i g = 1 to what was held
    assert np.abs(run.c[0, 0] - expected).max() < 0.35
    with pytest.raises(UnsupportedError, match=r"^tank l0_c(_new)?_0 for EPANET must stay between its stops, -"):
        epanet_check(full.compiled, lstm, X[None, :1], technology, state=state)


def test_a_memory_held_at_a_stop_is_not_refined_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that leave the limits are solved with the stops at once: 5,508 were refined first, in fifty seconds."""
    told: list[float] = []

    def noting(piece: Piece, error: float) -> list[Piece]:
        told.append(error)
        return refine_piece(piece, error)

    monkeypatch.setattr(interval, "refine_piece", noting)
    full = compile(biased(5.0), replace(WATER, detail=Detail.FULL))
    state = State(h=(np.zeros((1, 3)),), c=(np.full((1, 3), -7.0),))
    with pytest.warns(StopsWarning):
        run = full.run(X[None, :1], state=state, engine=Waveform())
    with pytest.warns(StopsWarning):
        exact = full.run(X[None, :1], state=state, engine=Integrate())
    assert np.abs(run.c - exact.c).max() < 1e-6
    assert len(told) < 10


def test_a_run_that_cuts_a_memory_off_warns_with_the_place() -> None:
    """From c = 4.9 of 5 units i g = 1 pushes one memory of one sequence against its upper stop."""
    engine = Waveform(rtol=1e-4, atol=1e-6)
    state = State(h=(np.zeros((2, 3)),), c=(np.array([[0.0, 0.0, 0.0], [0.0, 4.9, 0.0]]),))
    x, full = np.stack((0.0 * X, X))[:, :1], compile(biased(5.0), replace(OIL, detail=Detail.FULL))
    text = r"got l0_c_new_1 at 5\.0\d+ units \(stop at 5\); l0_c_1 at 5\.0\d+ units \(stop at 5\): see machine\.check"
    with pytest.warns(StopsWarning, match=text) as told:  # by `Integrate` too: test_stops.py
        full.run(x, state=state, engine=engine)
    assert told[0].filename == __file__
    full.run(x[:1], engine=engine)  # nothing reaches a stop, and warnings are errors
    rows = tuple(f"l0_z{gate}_{side}" for gate in "ifgo" for side in ("pos", "neg"))
    some = replace(engine, save=Save(groups=(*rows, "l0_c", "l0_h")))  # masters are not kept, but watched
    with pytest.warns(StopsWarning, match=text):
        full.run(x, state=state, engine=some)


def test_a_memory_that_is_cut_off_warns_by_every_engine() -> None:
    state = State(h=(np.zeros(3),), c=(np.array([0.0, 4.9, 0.0]),))
    made = compile(biased(5.0), replace(OIL, detail=Detail.FULL))
    with pytest.warns(StopsWarning):
        settled, whole = (made.run(X[:1], state=state, engine=engine) for engine in (Settle(), Waveform()))
    np.testing.assert_allclose(settled.h, whole.h, atol=1e-6)


def biased(z: float) -> LSTM:
    lstm = random_lstm(np.random.default_rng(1), 2, 3)
    layer = lstm.layers[0]
    return replace(lstm, layers=(replace(layer, forward=replace(layer.forward, bias=layer.forward.bias + z)),))


# Machines of dynamic detail.


@cache
def dynamic(scale: float, ratio: float, timing: Timing = CLOCKED) -> tuple[Machine, Run, float]:
    lstm = random_lstm(np.random.default_rng(1), 2, 3, scale=scale)
    machine = compile(lstm, replace(OIL, detail=Detail.DYNAMIC), timing=timing, settling=ratio)
    run = machine.run(X, engine=Waveform(rtol=1e-10, atol=1e-12))
    return machine, run, float(np.abs(run.h - lstm(X).h).max())


def test_a_unit_has_31_states() -> None:
    machine, _, _ = dynamic(1.0, 14.0)
    assert machine.network.kinds()[Kind.STORED].size == 31 * 3
    parts = machine.network.parts
    assert sum(part.p.size for part in parts if isinstance(part, Spools)) == 5 * 3
    assert sum(part.a.size for part in parts if isinstance(part, Inertances)) == 4 * 3


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_dynamic_detail_computes_the_lstm_by_the_settling_law(scale: float) -> None:
    """The fluid in the lines lets the tanks settle faster by I/R over tau, 1.5 %: the slowest pole is stated."""
    for ratio, bound in ((14.0, 3e-5), (22.0, 3e-8)):
        machine, run, error = dynamic(scale, ratio)
        law = settling(run)
        assert law.poles == 2
        assert law.ratio == pytest.approx(ratio, rel=1e-6)
        assert law.time_constant == pytest.approx(machine.compiled.time_constant, rel=1e-6)
        assert law.time_constant == pytest.approx(0.5 / (1.0 + 0.0075 / 0.5), rel=1e-3)
        assert error < min(bound, 2.0 * law.error)


def test_dynamic_detail_of_a_gated_leak_is_exact() -> None:
    assert dynamic(3.0, 30.0, GATED_LEAK)[2] < 1e-9


def test_its_poles_are_complex_and_as_said() -> None:
    """Spools of 160 rad/s damped by 0.7: |Im| = 114, docs/hydraulics.md#hardware."""
    machine, run, _ = dynamic(1.0, 14.0)
    poles = np.linalg.eigvals(system(machine.network, (False,) * 3).jacobian(run.trajectory.efforts[-1:]).toarray())
    assert poles.imag.max() == pytest.approx(160.0 * np.sqrt(1.0 - 0.7**2), rel=1e-6)
    assert poles.real.max() <= 1e-9
    assert machine.compiled.network.part("l0_c_take").inertance.max() == pytest.approx(
        OIL.tank_line.inertance(OIL.fluid)
    )


# Stiff and steep cases, counted, not timed.


def test_a_port_that_opens_in_an_interval_costs_no_more(monkeypatch) -> None:
    """Looked at where it starts only, the interval is taken for one that is not stiff: 10^5 evaluations and more.

    A storage of 1 s opens a port by e^12 = 160,000 times, through which the second one follows the source.
    """
    calls, plain = [0], integrate._rates

    def counted(*arguments: object) -> np.ndarray:
        calls[0] += 1
        assert calls[0] < 10_000
        return plain(*arguments)

    monkeypatch.setattr(integrate, "_rates", counted)
    port = {"conductance": 1.0, "scale": 1.0, "offset": 0.0, "shape": Shape.EXP}
    net = network(
        {"drive": 1, "x": 1, "e": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1], b=[2], conductance=1.0),
        Ports(label="port", line=ALWAYS, a=[1], b=[3], p=[2], n=[0], **port),
        Storages(label="c", nodes=[2, 3], capacitance=1.0),
    )
    run = Integrate().run(net, by_hand.schedule([1.0, 20.0], drive=[0.0, 12.0]))
    np.testing.assert_allclose(run.efforts[-1, 1:], 12.0, atol=1e-6)
    assert calls[0] > 100


@pytest.mark.parametrize("z", [-40.0, 40.0])
def test_orifice_bridges_far_to_one_side_are_solved(z: float) -> None:
    """Newton's method alone steps across the root and back: a root function has no slope to trust there."""
    lstm = biased(z)
    machine = compile(lstm, OIL, settling=20.0).with_imperfection(OrificePorts(transition=1.0), Streams(seed=1))
    run = machine.run(X[:1], engine=Integrate(rtol=1e-7, atol=1e-9))
    assert np.abs(run.h - lstm(X[:1]).h).max() < 1e-5


def test_eliminating_the_relays_leaves_the_jacobian_sparse() -> None:
    machine = compile(random_lstm(np.random.default_rng(1), 2, 16), replace(OIL, detail=Detail.DYNAMIC))
    equations = system(machine.network, (False, False, True))
    effort = np.zeros((1, machine.network.unknowns.size))
    equations.complete(effort)
    jacobian = equations.jacobian(effort)
    assert jacobian.nnz < 0.06 * np.prod(jacobian.shape)
