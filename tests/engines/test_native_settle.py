"""The settled engine by the kernel and by numpy: the same answers and refusals; runs do not see those before them."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.native import KernelProgram, compiled, library
from lstm_analog.engines.native.calls import Positive
from lstm_analog.engines.settle import Settle, run
from lstm_analog.errors import SimulationError
from lstm_analog.imperfections import ProgrammingError, Streams
from lstm_analog.network.parts import Conductors, Sources, Storages
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.trajectory import Save

BEHAVIOURAL, OIL = la.electrical.BEHAVIOURAL, la.hydraulic.OIL
SINGLE = la.engines.Settle(precision=la.engines.Precision.SINGLE)
CASES = {
    "clocked": lambda lstm: la.compile(lstm, BEHAVIOURAL),
    "gated leak": lambda lstm: la.compile(lstm, BEHAVIOURAL, timing=la.GATED_LEAK),
    "slow": lambda lstm: la.compile(lstm, BEHAVIOURAL, settling=2.0),
    "leaking switches": lambda lstm: la.compile(
        lstm, replace(BEHAVIOURAL, off_conductance=1e-4 / BEHAVIOURAL.copy_resistance)
    ),
    "hydraulic": lambda lstm: la.compile(lstm, OIL),
    "hydraulic leak": lambda lstm: la.compile(lstm, OIL, timing=la.GATED_LEAK),
    "chips": lambda lstm: la.compile(lstm, BEHAVIOURAL).with_imperfection(
        ProgrammingError(sigma=0.03), Streams(seed=1, chips=3)
    ),
    "op-amps": lambda lstm: la.compile(lstm, la.electrical.OPAMP_IDEAL),
}
AHEAD = sorted(set(CASES) - {"op-amps", "leaking switches"})
"""Machines whose every phase the kernel runs whole."""


@pytest.fixture(autouse=True)
def by_numpy(monkeypatch):
    """Return a function after which all work is left to numpy, until the test ends; before, the kernel does it."""
    monkeypatch.delenv(library.SWITCH, raising=False)
    library._loaded.cache_clear()

    def leave():
        monkeypatch.setenv(library.SWITCH, "0")
        library._loaded.cache_clear()

    yield leave
    monkeypatch.undo()
    library._loaded.cache_clear()


def made(name):
    """Return a small machine of one of the `CASES`, and inputs (batch, time, inputs)."""
    lstm = la.random_lstm(np.random.default_rng(4), 2, 3)
    return CASES[name](lstm), np.random.default_rng(5).uniform(-1.0, 1.0, (2, 12, 2))


def ran(name, engine):
    """Return all that `engine` records of a new machine of a case."""
    machine, x = made(name)
    return engine.run(machine.network, machine.schedule(x))


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_and_numpy_give_the_same_efforts(name, by_numpy):
    compiled_run = ran(name, la.engines.Settle())
    by_numpy()
    plain = ran(name, la.engines.Settle())
    scale = np.abs(plain.efforts).max()
    np.testing.assert_allclose(compiled_run.efforts, plain.efforts, rtol=0.0, atol=1e-13 * scale)
    assert compiled_run.engine == plain.engine


@pytest.mark.parametrize("name", ["clocked", "hydraulic", "gated leak"])
def test_single_precision_is_as_near_with_the_kernel(name):
    double, single = ran(name, la.engines.Settle()), ran(name, SINGLE)
    assert single.efforts.dtype == np.float64
    scale = np.abs(double.efforts).max()
    assert 0.0 < np.abs(single.efforts - double.efforts).max() < 3e-6 * scale


@pytest.mark.parametrize("engine", [la.engines.Settle(), SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("name", AHEAD)
def test_every_point_runs_ahead(name, engine, monkeypatch):
    left = []

    class Watched(run.ProgramPoints):
        def by_kernel(self, points):
            for point in super().by_kernel(points):
                left.append(point)
                yield point

    monkeypatch.setattr("lstm_analog.engines.settle.run.ProgramPoints", Watched)
    ran(name, engine)
    assert not left


@pytest.mark.parametrize("name", CASES)
def test_a_run_does_not_see_the_one_before(name):
    """Of a machine that has run other inputs, in another order of what is kept, and of another length."""
    machine, x = made(name)
    engine, some = la.engines.Settle(), la.engines.Settle(save=Save(last=2))
    first = engine.run(machine.network, machine.schedule(x)).efforts.copy()
    engine.run(machine.network, machine.schedule(0.5 - x))
    some.run(machine.network, machine.schedule(x[:, :2]))
    again = engine.run(machine.network, machine.schedule(x))
    within = 1e-12 * np.abs(first).max()  # rounding: what a transient found before, what need not be solved once more
    np.testing.assert_allclose(again.efforts, first, rtol=0.0, atol=within)
    kept = some.run(machine.network, machine.schedule(x))
    np.testing.assert_allclose(kept.efforts, first[..., -2:, :], rtol=0.0, atol=within)


def test_progress_is_told_of_every_interval():
    machine, x = made("clocked")
    plan, told = machine.schedule(x), []
    la.engines.Settle().run(machine.network, plan, lambda done, of: told.append((done, of)))
    count = len(plan.names)
    assert told == [(k, count) for k in range(1, count + 1)]


def test_a_program_refuses_what_its_calls_refuse():
    values = np.array([1.0, 2.0])
    (program,) = compiled([Positive(values=values, refusal=lambda least: SimulationError(f"{least:g} is left"))])
    assert isinstance(program, KernelProgram)
    program()
    values[1] = 0.0
    with pytest.raises(SimulationError, match=r"^0 is left$"):
        program()
    values[:] = np.nan
    with pytest.raises(SimulationError, match=r"^nan is left$"):
        program()


def test_programs_know_which_bank_imposes_what(circuit):
    """Of two schedules of the same inputs in another order: a program reads where its own bank lies."""
    network = circuit(
        {"inputs": 2, "c": 2},
        Sources(label="a", nodes=[1], effort=0.0),
        Sources(label="b", nodes=[2], effort=0.0),
        Conductors(label="r", a=[1, 2], b=[3, 4], conductance=1e3),
        Storages(label="c", nodes=[3, 4], capacitance=1.0),
    )
    levels = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 30))
    a, b = np.repeat(levels[0], 2), np.roll(np.repeat(levels[1], 2), 1)  # one of the two moves in each interval
    imposed = [Imposed(label=label, efforts=efforts[:, None]) for label, efforts in (("a", a), ("b", b))]
    for order in (imposed, imposed[::-1]):
        plan = Schedule(names=("i",) * 60, high=np.zeros((60, 0)), durations=np.ones(60), imposed=tuple(order))
        ends = Settle().run(network, plan)["c"][1:]
        np.testing.assert_allclose(ends, np.column_stack((a, b)), rtol=0, atol=1e-12)
