"""What runs take down: written once, past the cache where it is large, and looked at when it is written."""

from functools import partial

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.arrays import Finite, floats
from lstm_analog.engines import Integrate, Waveform, record
from lstm_analog.engines.native import ProgramBuilder, library
from lstm_analog.engines.waveform.flows import Flow, adding_up
from lstm_analog.errors import InvalidValueError
from lstm_analog.expressions import make
from lstm_analog.network import trajectory
from lstm_analog.network.parts import Conductors, Junctions, Sources, Storages, Transconductors
from lstm_analog.network.trajectory import Save

LARGEST = np.finfo(np.float64).max


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("count", [1, 7, 8, 61])
def test_a_record_is_written_where_a_cursor_says(kind, streamed, count):
    """Lines of the cache begin anywhere in it; what lies beside it stays."""
    efforts = np.random.default_rng(count).normal(size=(3, 70)).astype(kind)
    nodes = np.sort(np.random.default_rng(count).permutation(70)[:count])
    for start in range(9):
        room, cursor, unsound = np.zeros(3000), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        kept = room[start : start + 900].reshape(3, 300)[:, 5 : 5 + count]
        cursor[0] = kept.ctypes.data
        builder = ProgramBuilder()
        builder.record(kept, efforts, nodes, cursor, unsound, streamed)
        builder.program()()
        np.testing.assert_array_equal(kept, efforts[:, nodes])
        assert np.count_nonzero(room) == np.count_nonzero(efforts[:, nodes])
        assert unsound[0] == 0


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_seen_wherever_it_is_written(kind, streamed, bad):
    for place in range(40):
        efforts = np.full((1, 40), np.finfo(kind).max)
        efforts = efforts.astype(kind)
        room, cursor, unsound = np.zeros((1, 43)), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        cursor[0] = room[:, 3:].ctypes.data
        builder = ProgramBuilder()
        builder.record(room[:, 3:], efforts, np.arange(40), cursor, unsound, streamed)
        call = builder.program()
        call()
        assert unsound[0] == 0
        efforts[0, place] = bad
        call()
        assert unsound[0] == 1


@pytest.mark.parametrize("engine", [Waveform(points=3), Integrate(points=3)], ids=lambda engine: type(engine).__name__)
def test_points_of_a_short_interval_after_a_long_time_are_told_apart(rc, driven, engine):
    """A millionth of 0.1 ns is less than the rounding of 1 s: of a source that jumps there the level is the new one."""
    run = engine.run(rc(1.0), driven([0.25, 0.5, 1.0], [1.0, 1e-10, 1.0]))
    assert (np.diff(run.time) > 0.0).all()
    assert run["drive"][4:7, 0].tolist() == [0.5, 0.5, 0.5]
    assert run.time[4] == np.nextafter(1.0, 2.0)


@pytest.fixture
def amplifier(circuit):
    """Return a maker of a circuit whose output is a hundred times its drive, and a storage beside it."""

    def made():
        return circuit(
            {"drive": 1, "out": 1, "c": 1},
            Sources(label="drive", nodes=[1], effort=0.0),
            Transconductors(label="g", inputs=[1], rows=[2], transconductance=[[-100.0]]),
            Conductors(label="r", a=[2, 1], b=[0, 3], conductance=[1.0, 10.0]),
            Junctions(label="j", nodes=[2]),
            Storages(label="c", nodes=[3], capacitance=1.0),
        )

    return made


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("streamed", [0, 2**40])
@pytest.mark.parametrize(("count", "interval"), [(10, 0), (10, 1), (10, 9), (100, 1), (100, 99)])
def test_an_effort_that_is_not_finite_is_refused(amplifier, driven, monkeypatch, count, interval, streamed):
    """By whatever way the interval is run, few by numpy, many as programs: the junction holds a sum that overflows."""
    monkeypatch.setattr(record, "_STREAMED", streamed)
    levels, engine = np.linspace(0.1, 1.0, count), Waveform(save=Save(groups=("out",)))
    right = engine.run(amplifier(), driven(levels, np.ones(count)))
    np.testing.assert_allclose(np.abs(right.efforts[1:, 0]), 100 * levels, rtol=1e-12)
    levels[interval] = 0.5 * LARGEST
    with np.errstate(over="ignore"), pytest.raises(InvalidValueError, match="trajectory efforts must be finite, got"):
        engine.run(amplifier(), driven(levels, np.ones(count)))


@pytest.mark.usefixtures("kernel")
def test_what_programs_have_looked_at_is_not_looked_at_again(monkeypatch):
    """Of a long run the efforts are no more than written; by numpy they are looked at when all are there."""
    looked = []
    monkeypatch.setattr(
        trajectory, "floats", lambda value, what: looked.append((what, type(value))) or floats(value, what)
    )
    lstm = la.random_lstm(np.random.default_rng(0), 2, 3)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    schedule = machine.schedule(np.random.default_rng(1).uniform(-1, 1, (20, 2)))
    fast = Waveform().run(machine.network, schedule)
    assert ("trajectory efforts", Finite) in looked
    assert type(fast.efforts) is np.ndarray
    looked.clear()
    monkeypatch.setenv(library.SWITCH, "0")
    Waveform().run(la.compile(lstm, la.electrical.BEHAVIOURAL).network, schedule)
    assert ("trajectory efforts", np.ndarray) in looked


@pytest.mark.parametrize("points", [(), (3,)])
@pytest.mark.parametrize("seed", range(40))
def test_flows_add_up_wherever_they_enter(seed, points):
    """Whether they cover all places, some of them, or some twice; what the buffer held before counts only if told."""
    rng = np.random.default_rng(seed)
    size, begun = 6, bool(seed % 2)
    flows, out = [], rng.normal(size=(*points, 2, size))
    expected = out * begun
    for _ in range(int(rng.integers(4))):
        first, last = sorted(rng.choice(size + 1, 2, replace=False).tolist())
        into = [slice(0, size), slice(first, last), np.sort(rng.permutation(size)[: last - first])][rng.integers(3)]
        width = np.arange(size)[into].size
        given, places, value = rng.normal(size=(2, size)), rng.permutation(size)[:width], np.empty((2, width))
        calls = [
            partial(np.copyto, value, given[:, places]),
            partial(np.multiply, given[:, places], 1.0, value),
            partial(np.take, given, places, -1, value, "clip"),
        ]
        expected[..., into] += given[:, places]
        flows.append(Flow(into=into, value=value, calls=(calls[rng.integers(3)],)))
    make(adding_up(flows, out, begun))
    np.testing.assert_allclose(out, expected, rtol=1e-14, atol=1e-15)


def test_a_flow_whose_last_call_writes_elsewhere_is_copied():
    """A nonlinear part makes the flows of all its terminals at once; one of them is a part of what it made."""
    made, other, out = np.array([[1.0, 2.0]]), np.zeros((1, 2)), np.zeros((1, 2))
    flow = Flow(into=slice(0, 2), value=made, calls=(partial(np.multiply, made, 5.0, other),))
    make(flow.written(out))
    np.testing.assert_array_equal(out, made)
