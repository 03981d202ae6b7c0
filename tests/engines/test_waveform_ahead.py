"""Runs ahead by the kernel: where a program stops, what stays in the workspace, and that no run depends on another."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Waveform
from lstm_analog.engines.native import addresses, library
from lstm_analog.engines.waveform import ahead, partition
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.network.parts import ALWAYS, Conductors, Factor, Pairs, Sources, Storages
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Save


@pytest.fixture
def switching(circuit):
    """Return a maker of a circuit with a fast storage, and a pair that switches in the midst of an interval.

    What the pair drives does not settle.
    """

    def make():
        switch = Factor(shape=Shape.TANH, p=[3], n=[0], scale=20.0, offset=0.0)
        return circuit(
            {"drive": 1, "c": 3},
            Sources(label="drive", nodes=[1], effort=0.0),
            Conductors(label="r", a=[1, 1, 4], b=[2, 3, 0], conductance=[1e3, 3.0, 0.5]),
            Storages(label="c", nodes=[2, 3, 4], capacitance=1.0),
            Pairs(label="pair", line=ALWAYS, factors=(switch,), out=[4], current=1.0),
        )

    return make


def noted_stops(monkeypatch):
    """Return the list to which each stop of a run ahead will append how many pieces were solved."""
    stopped, run = [], ahead.RunAhead.run

    def noting(self, *args):
        found = run(self, *args)
        stopped.append(found[1])
        return found

    monkeypatch.setattr(ahead.RunAhead, "run", noting)
    return stopped


@pytest.mark.usefixtures("kernel")
def test_a_program_that_stops_in_a_later_piece_goes_on_there(switching, driven, monkeypatch):
    """The pieces before are done: the state has passed them."""
    levels = np.where(np.arange(100) % 2, 1.0, -1.0) * np.where(np.arange(100) < 60, 1e-3, 1.0)
    schedule, stopped = driven(levels, np.ones(100)), noted_stops(monkeypatch)
    fast = Waveform().run(switching(), schedule)
    assert 1 in stopped
    monkeypatch.setenv(library.SWITCH, "0")
    slow = Waveform().run(switching(), schedule)
    np.testing.assert_allclose(fast.efforts, slow.efforts, rtol=0, atol=1e-12)


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, replace(la.hydraulic.OIL, detail=Detail.IDEAL)])
def test_no_run_depends_on_another(technology):
    """Short runs, and long ones with other inputs, grids and records, give the same bits whatever was run before."""
    rng = np.random.default_rng(0)
    lstm, x = la.random_lstm(rng, 2, 3), rng.uniform(-1.5, 1.5, (1, 14, 2))
    schedules = {"short": x[:, :3], "long": x, "calm": 0.01 * x}

    def runs(order, save):
        machine = la.compile(lstm, technology)
        return {
            name: Waveform(save=save).run(machine.network, machine.schedule(schedules[name])).efforts.tobytes()
            for name in order
        }

    every = Save()
    alone = {name: runs([name], every)[name] for name in schedules}
    assert runs(["long", "short", "calm", "long"], every) == alone
    assert runs(["calm", "calm", "long", "short", "short"], every) == alone
    some = Save(groups=("l0_h",), intervals=("readout",))
    assert runs(["long", "short"], some)["short"] == runs(["short"], some)["short"]


@pytest.mark.usefixtures("kernel")
def test_what_a_program_found_is_not_solved_again(monkeypatch):
    """Where programs stop for too large an error, their own verdict refines; only the rest is solved call by call."""
    rng, solved, solve = np.random.default_rng(2), [], Segment.solve
    machine, x = la.compile(la.random_lstm(rng, 2, 3), la.electrical.BEHAVIOURAL), rng.uniform(-1.5, 1.5, (14, 2))
    for _ in range(2):
        Waveform().run(machine.network, machine.schedule(x))
    stopped = noted_stops(monkeypatch)
    monkeypatch.setattr(Segment, "solve", lambda self: solved.append(self) or solve(self))
    Waveform().run(machine.network, machine.schedule(x))
    assert 0 in stopped
    assert len(solved) == 1


def test_runs_of_op_amps_differ_by_far_less_than_the_tolerance():
    """Newton's method starts with the inverses of the run before: what its iterations leave is not the same."""
    rng = np.random.default_rng(0)
    lstm, x = la.random_lstm(rng, 2, 1), rng.uniform(-1.5, 1.5, (3, 2))
    machine = la.compile(lstm, la.electrical.OPAMP)
    first, *others = (Waveform().run(machine.network, machine.schedule(part)).efforts for part in (x, 0.2 * x, x))
    assert np.abs(others[-1] - first).max() < 1e-8


@pytest.mark.parametrize("flags", [1, 8, 19])
def test_intervals_are_of_one_kind_that_share_duration_and_flags(flags):
    rng = np.random.default_rng(flags)
    durations, columns = rng.choice([0.5, 1.0, 2.0], 200), rng.random((flags, 200)) < 0.1
    kinds, number = partition._distinct(durations.tobytes(), columns.tobytes())
    found = [kinds[k] for k in number]
    assert found == list(zip(durations.tolist(), map(tuple, columns.T.tolist()), strict=True))
    assert len(set(kinds)) == len(kinds) == len(set(found))


def test_one_place_stands_for_all():
    steady = np.zeros((4, 3))[1:2]
    assert addresses(steady, np.array([0, 5])).tolist() == [steady.ctypes.data] * 2
    several = np.zeros((4, 3))
    assert (addresses(several, np.array([-1, 2, 9])) - several.ctypes.data).tolist() == [0, 48, 72]
