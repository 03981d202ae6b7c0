"""What a leak asks of `Waveform`: few polynomials for a guess, few points in a pause, few products of a matrix."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import expm

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.timing import GATED_LEAK
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.engines.native import Unsolved, library
from lstm_analog.engines.phase.wiring import Wire, Wiring
from lstm_analog.engines.waveform import build, state
from lstm_analog.engines.waveform.analysis import Wanted, needs_ends_alone
from lstm_analog.engines.waveform.chebyshev import Grid, fitting, integration, points, polynomials
from lstm_analog.engines.waveform.fields import BatchParts, Field, WaveformTerm, fewer_terms
from lstm_analog.engines.waveform.guesses import guessing
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.engines.waveform.pieces import coarse_grid, guess_terms, sweep_limit
from lstm_analog.engines.waveform.segment import SWEEPS, Feedback, LevelSweep, Tolerance
from lstm_analog.engines.waveform.workspace import Regime, workspace
from lstm_analog.expressions import make
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Followers,
    Inertances,
    Sources,
    Storages,
    Term,
    Transconductors,
)

LEAK, TOLERANCE = 1e-4, Tolerance(rtol=1e-6, atol=1e-8)


def leaky_machine(units=3):
    opened = LEAK / BEHAVIOURAL.copy_resistance
    return compile(random_lstm(np.random.default_rng(8), 2, units), replace(BEHAVIOURAL, off_conductance=opened))


def space_of(network, tolerance=TOLERANCE):
    return workspace(network, (), tolerance, np.ones(network.unknowns.size, bool))


def phase(machine, name):
    """Return the regime and the duration of an interval of `machine`."""
    schedule = machine.schedule(np.ones((1, 2)))
    number = schedule.names.index(name)
    return Regime(high=schedule.phase(number), idle=True), float(schedule.durations[number])


@pytest.mark.parametrize("integrals", [False, True])
def test_sums_of_few_polynomials_are_found_again(integrals):
    grid, weights = Grid(degree=14, pole=0.4), np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(fitting(grid, 5, integrals) @ polynomials(14, 5) @ weights, weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(polynomials(42, 5)[::3], polynomials(14, 5), rtol=0, atol=1e-14)  # of finer points


def test_what_is_fitted_by_integrals_has_them_closest():
    grid = Grid(degree=18, pole=0.425)
    wave, integral = np.exp(-20.0 * points(grid)), integration(grid)
    off = {
        by: np.abs(integral @ (polynomials(18, 6) @ fitting(grid, 6, by) @ wave - wave)[1:]).max()
        for by in (False, True)
    }
    assert off[True] < 0.5 * off[False]


def solved(space, machine, name, grid, terms, feedback=Feedback.SWEPT):
    """Return the segment and the state at the end of an interval whose guesses are so many `terms`."""
    regime, duration = phase(machine, name)
    order = space.order(regime, duration)
    first = space.segment(regime, duration, coarse_grid(order, grid, terms), Feedback.STILL, Wanted.GUESSES)
    space.state.forget()
    space.state.effort[:] = np.random.default_rng(2).uniform(-0.5, 0.5, space.state.effort.shape)
    space.state.effort[0] = 0.0
    made = build.segment(
        space.couplings(regime),
        order,
        space.layout(regime, order),
        space.state,
        duration=duration,
        guessing=guessing(order, grid, terms, feedback, space.tolerance),
        output=Wanted.END,
        wanted=space.wanted,
        ranges=(),
        tolerance=space.tolerance,
        coarse=first,
    )
    made.solve()
    made.commit()
    return made, space.state.effort.copy()


@pytest.mark.parametrize("name", ["compute0", "copy"])
def test_a_guess_is_few_polynomials_and_too_few_do_not_rest(name):
    machine, grid = leaky_machine(), Grid(degree=24, pole=0.425)
    with space_of(machine.network) as space:
        order = space.order(*phase(machine, name))
        terms = guess_terms(order, grid, TOLERANCE)
        assert order.slow
        assert 4 < terms <= 12
        (_, few), (_, all_points) = (solved(space, machine, name, grid, some) for some in (terms, 0))
        assert 0.0 < np.abs(few - all_points).max() < 0.5 * TOLERANCE.units
        with pytest.raises(Unsolved):
            solved(space, machine, name, grid, 3)


def test_levels_are_unsolved_after_as_many_sweeps_as_are_allowed():
    made = []
    wrong = SimpleNamespace(still=False, at_end=False, judging=(), moved=np.ones(1), limit=0.5)
    with pytest.raises(Unsolved):
        LevelSweep(steps=(lambda: made.append(1),), guess=wrong).run()
    assert len(made) == SWEEPS


def test_where_ends_are_all_that_is_asked_guesses_are_seen_there_alone():
    machine, grid = leaky_machine(), Grid(degree=8, pole=0.425)
    with space_of(machine.network) as space:
        regime, duration = phase(machine, "copy")
        order, layout = space.order(regime, duration), space.layout(regime, space.order(regime, duration))
        terms = 2 + guess_terms(order, grid, TOLERANCE)
        assert needs_ends_alone(layout, terms, space.wanted)
        made, ends = solved(space, machine, "copy", grid, terms, Feedback.AT_END)
        assert (made.drawn, made.guesses_confirmed()) == ((), True)
        all_points, exact = solved(space, machine, "copy", Grid(degree=24, pole=0.425), 0)
        assert all_points.drawn
        assert 0.0 < np.abs(ends - exact).max() < 0.5 * TOLERANCE.units
        poor = solved(space, machine, "copy", grid, 3, Feedback.AT_END)[0]
        (guess,) = (sweep.guess for sweep in poor.sweeps if sweep.guess)
        assert not poor.guesses_confirmed()
        corrected = guess.missed.item()
        make(poor.starting)
        assert guess.limit < guess.missed.item() < corrected  # what three terms leave out, then what is corrected, too
        compute = space.layout(phase(machine, "compute0")[0], space.order(*phase(machine, "compute0")))
        assert not needs_ends_alone(compute, terms, space.wanted)


def test_terms_are_as_many_as_functions_of_them_are_asked():
    rng = np.random.default_rng(4)
    terms = tuple(
        WaveformTerm(basis=basis, weight=rng.normal(size=(2, 3)), held=k == 2, still=False, guessed=True, every=1)
        for k, basis in enumerate(rng.normal(size=(5, 9)))
    )
    functionals, calls = rng.normal(size=(2, 9)), []
    fewer = fewer_terms(terms, functionals, calls)
    make(calls)
    assert [term.held for term in fewer] == [True, False, False]
    whole, other = (np.einsum("kt,kab->tab", [t.basis for t in of], [t.weight for t in of]) for of in (terms, fewer))
    np.testing.assert_allclose(
        np.tensordot(functionals, other, 1), np.tensordot(functionals, whole, 1), rtol=0, atol=1e-13
    )
    assert np.abs(whole - other).max() > 0.1
    assert fewer_terms(terms[:3], functionals, calls) == terms[:3]


def test_what_follows_one_wire_alone_is_written_at_once():
    """Efforts are the flow times their gain; with an offset, a second wire or places left over they are added up."""
    values, out, all_of = np.random.default_rng(7).normal(size=(4, 3)), np.zeros((4, 3)), slice(0, None)
    source = Field(nodes=np.arange(3), start=values[0], end=values[-1], values=values, terms=None)
    wire = Wire(row=0, into=slice(0, 3), source=0, places=slice(0, 3), values=np.array([2.0, 4.0, 0.5]))
    gain, none = np.array([0.5, 0.25, 3.0]).reshape(3, 1, 1), np.zeros((3, 1))
    alone = Wiring(wires=(wire,), sheets=(), loads=(), own=-1.0 / gain, offset=none, capacity=np.empty((3, 0)))
    parts = BatchParts(lead=(), size=1)

    def one_wire(wiring):
        inflow = Inflow(
            wiring=wiring,
            fields=[source],
            state=None,
            high=(),
            after=[],
            parts=parts,
            slack=np.zeros(3),
            guessing=False,
        )
        return inflow.one_wire(gain, out, all_of)

    make(one_wire(alone))
    np.testing.assert_array_equal(out, values * [1.0, 1.0, 1.5])
    assert not one_wire(replace(alone, offset=none + 1.0))
    assert not one_wire(replace(alone, wires=(wire, wire)))
    some = replace(wire, into=slice(0, 2), places=slice(0, 2), values=wire.values[:2])
    assert not one_wire(replace(alone, wires=(some,)))


def test_guesses_that_act_strongly_take_more_polynomials():
    machine, grid = leaky_machine(), Grid(degree=24, pole=0.425)
    with space_of(machine.network) as space:
        order = space.order(*phase(machine, "copy"))
    found = [guess_terms(replace(order, weakness=weakness), grid, TOLERANCE) for weakness in (1e-5, 1e-3, 0.04)]
    assert found == sorted(set(found))
    assert sweep_limit(replace(order, weakness=1e-3), TOLERANCE) == pytest.approx(0.4 * TOLERANCE.units / 1e-3)
    assert guess_terms(replace(order, weakness=3.0, slow=False), grid, TOLERANCE) == 0


def test_a_pause_takes_few_points_but_where_something_may_ring(circuit):
    """A tank behind a line whose fluid has mass rings."""
    machine = leaky_machine()
    regime, duration = phase(machine, "hold0")
    with space_of(machine.network) as space:
        (pause,) = space.first_pieces(regime.high, duration)
        assert not space.order(regime, duration).may_ring
    line = {"inertance": 1e-4, "closed": 30.0, "opened": 1e-3, "closing": 1.0}
    ringing = circuit(
        {"drive": 1, "tank": 1, "x": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Inertances(label="line", line=ALWAYS, a=[1], b=[2], state=[3], **line),
        Storages(label="tank", nodes=[2], capacitance=1.0),
    )
    with space_of(ringing) as space:
        (piece,) = space.first_pieces((), 1e-2)
        assert space.order(Regime(high=(), idle=True), 1e-2).may_ring
    assert pause.grid.degree < 8 <= piece.grid.degree


def counted(monkeypatch, machine, x):
    """Return the answers of two runs, and how often in each a product was spared where it might be."""
    monkeypatch.setenv(library.SWITCH, "0")
    spared, told = [], state.Unless.__call__

    def noting(self):
        spared.append(self.value[0] <= self.limit)
        told(self)

    monkeypatch.setattr(state.Unless, "__call__", noting)
    return [machine.run(x, engine=Waveform()).trajectory.efforts for _ in range(2)], spared


def test_products_with_what_hardly_moves_are_spared(monkeypatch):
    """What leaks hardly moves but where it is computed, and there its end is among what is multiplied anyway."""
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (12, 2))
    (first, second), spared = counted(monkeypatch, leaky_machine(), x)
    np.testing.assert_array_equal(first, second)  # each run forgets what the one before multiplied
    assert sum(spared) >= 0.75 * len(spared) > 12
    monkeypatch.setattr(build, "_SPARED_SHARE", 0.0)
    (exact, _), spared = counted(monkeypatch, leaky_machine(), x)
    assert 0.0 < np.abs(first - exact).max() < 0.2 * TOLERANCE.units


def test_no_product_is_spared_of_what_moved():
    weights, matrix = np.array([[0.3, -0.2]]), np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]])
    kept = state.NearProduct(weights=np.full((1, 2), np.inf), value=np.zeros((1, 3)))
    off = np.empty(1)
    calls = kept.refreshing(weights, matrix.T, 0.1, off)
    for change, expected in ((0.0, 0.0), (0.09, 0.0), (0.02, 0.11), (0.05, 0.11), (-0.25, -0.09)):
        weights += change
        for call in calls:
            call()
        assert off.item() == pytest.approx(np.abs(weights - kept.weights).max(), abs=1e-15)
        np.testing.assert_allclose(kept.value, (np.array([[0.3, -0.2]]) + expected) @ matrix.T, rtol=0, atol=1e-15)
    several = np.random.default_rng(0).normal(size=(3, 1, 2))
    for call in kept.summing(several, several @ matrix.T):
        call()
    np.testing.assert_allclose(kept.value, several.sum(axis=0) @ matrix.T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kept.weights, several.sum(axis=0), rtol=0, atol=1e-15)
    kept.value.fill(0.0)
    name = (False, (0, b"", b""))
    state.NetworkState(effort=np.zeros((1, 3)), stamps=np.zeros(2, dtype=int), known={}, nearby={name: kept}).forget()
    for call in calls:
        call()
    np.testing.assert_allclose(kept.value, weights @ matrix.T, rtol=0, atol=1e-15)


@pytest.mark.parametrize("leak", [1e-5, 1e-4])
def test_what_a_leak_adds_to_storages_reaches_the_products_in_time(circuit, driven, leak):
    """Storages that a matrix reads, fed back by a leak, through 300 intervals: errors do not add up."""
    matrix, feed, count = np.array([[1.0, 0.5, -0.3], [0.2, -1.0, 0.7]]), 1e-3, 300
    network = circuit(
        {"drive": 1, "a": 3, "out": 2},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="feed", a=[1, 1, 1], b=[2, 3, 4], conductance=feed),
        Storages(label="a", nodes=[2, 3, 4], capacitance=1.0),
        Transconductors(label="w", inputs=[2, 3, 4], rows=[5, 6], transconductance=matrix),
        Conductors(label="load", a=[5, 6], b=[0, 0], conductance=1.0),
        Conductors(label="leak", a=[5, 6], b=[2, 3], conductance=leak),
        Storages(label="out", nodes=[5, 6], capacitance=1.0),
    )
    found = Waveform(rtol=1e-4, atol=1e-6).run(network, driven(np.minimum(np.arange(count), 1.0), np.ones(count)))
    slopes = np.zeros((6, 6))  # a, out and the drive
    slopes[:3, :3], slopes[:3, 5] = -feed * np.eye(3), feed
    slopes[3:5, :3], slopes[3:5, 3:5] = matrix, -np.eye(2)
    slopes[[0, 1, 3, 4], [0, 1, 3, 4]] -= leak
    slopes[[0, 1, 3, 4], [3, 4, 0, 1]] += leak
    exact = expm((count - 1) * slopes)[:5, 5]
    np.testing.assert_allclose(found.efforts[..., -1, 2:].ravel(), exact, rtol=0, atol=4e-5)  # 0.4 of the tolerance


@pytest.mark.parametrize(("leak", "short"), [(3e-8, 3.0), (2e-7, 0.5)])
def test_what_spared_products_leave_out_does_not_add_up(circuit, driven, leak, short):
    """A storage follows b by a leak, a little in each of many intervals, and feeds a dense bank.

    Where it falls in short intervals, what it does in the long ones is left to the drift: it is guessed to stand still.
    """
    network = circuit(
        {"drive": 1, "a": 1, "b": 1, "buffer": 1, "out": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Followers(label="f", nodes=[4], terms=(Term(inputs=[2], gain=1.0),), offset=0.0, low=-np.inf, high=np.inf),
        Conductors(label="r", a=[1, 4, 3, 5], b=[3, 3, 2, 0], conductance=[1.0, 1.0, leak, 1.0]),
        Storages(label="c", nodes=[2, 3, 5], capacitance=1.0),
        Transconductors(label="w", inputs=[2], rows=[5], transconductance=[[1.0]]),
    )
    schedule = driven(np.r_[0.0, np.tile([1.0, 0.0], 100)], np.r_[3.0, np.tile([3.0, short], 100)])
    run, exact = Waveform().run(network, schedule), Integrate(rtol=1e-9, atol=1e-12).run(network, schedule)
    assert exact["out"][-1] > 4e-6
    np.testing.assert_allclose(run["a"], exact["a"], rtol=0.02, atol=1e-8)
    np.testing.assert_allclose(run["out"], exact["out"], rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("points", [1, 4])
def test_a_leak_of_many_units_is_right_at_ends_and_between(points):
    machine, x = leaky_machine(units=6), np.random.default_rng(4).uniform(-1.0, 1.0, (2, 3, 2))
    exact = machine.run(x, engine=Integrate(rtol=1e-9, atol=1e-11, points=points)).trajectory.efforts
    ours = machine.run(x, engine=Waveform(points=points)).trajectory.efforts
    assert np.abs(ours - exact).max() <= 5e-7


def test_points_inside_an_interval_are_resolved():
    """At its end a sum of known bases needs no points; in between it does: with few of them z was 3e-5 off."""
    rng = np.random.default_rng(3)
    lstm, x = random_lstm(rng, 2, 1, layers=2, scale=3.0), rng.uniform(-1.5, 1.5, (1, 3, 2))
    machine = compile(lstm, BEHAVIOURAL, timing=GATED_LEAK, settling=8.0)
    schedule = machine.schedule(x)
    exact = Integrate(rtol=1e-10, atol=1e-12, points=7).run(machine.network, schedule).efforts
    found = Waveform(points=7).run(machine.network, schedule).efforts
    scale = np.maximum(machine.network.unknowns.scales(), np.abs(exact))
    assert (np.abs(found - exact) / scale).max() < 1e-6
