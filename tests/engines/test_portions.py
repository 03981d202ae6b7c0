"""Runs in portions of their chips or sequences, by one thread and by several."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.engines import Settle, Waveform, portions
from lstm_analog.engines.waveform import workspace
from lstm_analog.errors import InvalidValueError, SimulationError
from lstm_analog.network.chips import of_chips
from lstm_analog.network.parts import Stops

ENGINES = [Waveform(), Settle()]
STOP = {"conductance": 20.0, "band": 0.1}
RATES = np.linspace(1.0, 4.0, 8)[:, None]


@pytest.fixture
def small(monkeypatch):
    """Let portions be of two sequences or chips, however little there is to do."""
    for name, value in (("_EFFORTS", 6), ("_LEAST", 2), ("_WORK", 1)):
        monkeypatch.setattr(portions, name, value)


@pytest.fixture
def cases(rc, driven):
    """Return a batch on one branch of R and C, and eight chips of that branch, each at a rate (1/s) of its own."""
    levels = np.random.default_rng(0).uniform(-1.0, 1.0, (8, 50))
    network = rc(2.0)
    parts = (network.part("drive"), replace(network.part("r"), conductance=RATES), network.part("c"))
    durations = np.full(50, 0.8)
    batch = driven(levels, durations)
    return [
        (network, batch),
        (network, driven(levels.reshape(2, 4, 50), durations)),
        (replace(network, parts=parts), driven(levels[0], durations)),
        (replace(network, parts=parts), replace(batch, chips=8)),
    ]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_portions_and_threads_leave_the_answers_alone(cases, engine, monkeypatch, request):
    whole = [engine.run(*case) for case in cases]
    request.getfixturevalue("small")
    for case, expected in zip(cases, whole, strict=True):
        assert len(portions.divided(*case, threads=1).slices) > 3
        first, *others = (replace(engine, threads=threads).run(*case) for threads in (1, 2, 3))
        assert (first.efforts.shape, first.engine) == (expected.efforts.shape, repr(engine))
        assert (first.network, first.schedule) == case
        np.testing.assert_allclose(first.efforts, expected.efforts, rtol=0, atol=1e-13 if engine == Settle() else 2e-6)
        for other in others if engine == Waveform() else ():  # Settle takes as many portions as threads
            np.testing.assert_array_equal(other.efforts, first.efforts)
            assert other.error == first.error
        for other in others:
            np.testing.assert_allclose(
                other.efforts, expected.efforts, rtol=0, atol=1e-13 if engine == Settle() else 2e-6
            )


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_a_run_went_as_far_and_is_as_wrong_as_any_of_its_portions(cases, engine):
    network, batch = cases[0]
    limited = replace(network, parts=(*network.parts, Stops(label="ends", nodes=[2], low=-5.0, high=5.0, **STOP)))
    slices = portions.divided(limited, batch, threads=1).slices
    alone = [engine.run(limited, batch.of_sequences(part)) for part in slices]
    run = engine.run(limited, batch)
    assert len(slices) == 4
    assert len({one.extremes[0].highest.item() for one in alone}) == 4
    assert run.extremes[0].highest == max(one.extremes[0].highest for one in alone)
    assert run.extremes[0].lowest == min(one.extremes[0].lowest for one in alone)
    if engine == Waveform():
        assert run.error == max(one.error for one in alone) > alone[0].error


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_each_chip_of_a_portion_has_its_own_stops(rc, driven, engine):
    """The first of four chips come to their stop, the last does not; a portion has two of them."""
    network, schedule = rc(2.0), driven([0.2, 0.9, -0.3], np.full(3, 5.0))
    high = np.array([[0.4], [0.5], [0.7], [2.0]])
    limited = replace(network, parts=(*network.parts, Stops(label="ends", nodes=[2], low=-5.0, high=high, **STOP)))
    run = replace(engine, threads=2).run(limited, schedule)
    alone = [engine.run(of_chips(limited, number), schedule) for number in range(4)]
    np.testing.assert_allclose(run.efforts, [one.efforts for one in alone], rtol=0, atol=2e-6)
    assert (run.extremes[0].highest > high).ravel().tolist() == [True, True, True, False]


@pytest.mark.usefixtures("small")
def test_portions_of_chips_are_analysed_once(cases, monkeypatch):
    made, new = [], workspace.NetworkState
    monkeypatch.setattr(workspace, "NetworkState", lambda **given: made.append(given) or new(**given))
    for _ in range(2):
        Waveform().run(*cases[2])
        assert len(made) == 4


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_progress_is_told_of_every_interval_once(cases, engine, threads):
    told = []
    replace(engine, threads=threads).run(*cases[0], lambda *step: told.append(step))
    assert told == [(number, 50) for number in range(1, 51)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("place", [0, 2], ids=["sequences", "chips"])
def test_what_progress_raises_stops_all(cases, place, threads):
    """At the first interval that is told, however many are left; no thread is left running, no chip tried alone."""
    told = []

    def fail(*step):
        told.append(step)
        raise SimulationError("enough")

    before = threading.active_count()
    with pytest.raises(SimulationError, match=r"^enough$"):
        Waveform(threads=threads).run(*cases[place], fail)
    assert threading.active_count() == before
    assert len(told) == 1


def test_what_a_portion_raises_stops_those_before_it():
    told, begun = [], threading.Event()

    def solve(part, tell):
        if part.start:
            begun.wait(20.0)
            raise SimulationError("enough")
        for step in range(300):
            tell(step, 300)
            told.append(step)
            begun.set()
            time.sleep(0.01)

    with pytest.raises(SimulationError, match=r"^enough$"):
        list(portions.Portions(slices=(slice(0, 1), slice(1, 2)), threads=2).each(solve, None))
    assert 1 <= len(told) < 300


def test_portions_are_solved_at_the_same_time():
    """Each waits for the other: a thread alone would wait in vain."""
    both = threading.Barrier(2, timeout=20.0)
    asked = portions.Portions(slices=(slice(0, 1), slice(1, 2)), threads=2)
    assert sorted(asked.each(lambda part, _: (part.start, both.wait())[0], None)) == [0, 1]


def test_a_process_that_another_has_started_takes_one_thread(monkeypatch):
    monkeypatch.setattr(portions, "parent_process", threading.current_thread)
    asked = portions.Portions(slices=(slice(0, 1), slice(1, 2)), threads=2)
    here = threading.get_ident()
    assert set(asked.each(lambda part, _: threading.get_ident(), None)) == {here}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("count", [8, 11, 50])
def test_all_portions_but_the_last_are_equal(rc, driven, count):
    """Each thread has a workspace of one size, which the next run finds again."""
    batch = driven(np.zeros((count, 50)), np.ones(50))
    slices = portions.divided(rc(2.0), batch, threads=1).slices
    sizes = [part.stop - part.start for part in slices]
    assert set(sizes[:-1]) == {sizes[0]}
    assert sizes[-1] <= sizes[0]
    assert sum(sizes) == count


def test_small_and_short_runs_stay_whole(rc, driven):
    network, batch = rc(2.0), np.zeros((64, 50))
    assert len(portions.divided(network, driven(batch, np.ones(50)), threads=2).slices) == 1
    many = driven(np.zeros((20_000, 200)), np.ones(200))
    slices = portions.divided(network, many, threads=2).slices
    assert (len(slices), slices[0].start, slices[-1].stop) == (2, 0, 20_000)
    assert len(portions.divided(network, many, threads=2, most=1).slices) == 1


@pytest.mark.parametrize("kind", [Waveform, Settle])
@pytest.mark.parametrize("threads", [0, -1, 1025])
def test_a_number_of_threads_that_makes_no_sense_is_refused(kind, threads):
    with pytest.raises(InvalidValueError, match=rf"^threads must be 1 to 1024, got {threads}: give the number of pro"):
        kind(threads=threads)
