"""Chips that cannot be solved side by side: each is what it is alone, named, and takes no other down."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.engines import Integrate, Settle, Waveform
from lstm_analog.engines.portions import Portions, Solved, run_chips
from lstm_analog.engines.record import leading_axes, recorder
from lstm_analog.errors import ChipsWarning, SimulationError
from lstm_analog.network.chips import of_chips
from lstm_analog.network.parts import Conductors, Sources, Storages, Transconductors

RATES = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
PORTIONS = (
    Portions(slices=(slice(0, 5),), threads=1),
    Portions(slices=(slice(0, 2), slice(2, 3), slice(3, 5)), threads=1),
    Portions(slices=(slice(0, 2), slice(2, 5)), threads=2),
)


@pytest.fixture
def chips(rc):
    """Return a branch of R and C on five chips, at a rate (1/s) of its own on each."""
    network = rc(1.0)
    parts = (network.part("drive"), replace(network.part("r"), conductance=RATES), network.part("c"))
    return replace(network, parts=parts)


def taken(network, schedule):
    return recorder(network, schedule, None, points=1, lead=leading_axes(network, schedule))


def solved(network, schedule, record):
    found = Waveform().run(network, schedule)
    record.copy(found)
    return Solved(engine=found.engine)


def failing(rates, alone=False):
    """Return what runs a network, and raises where one of several chips, or of any, has one of the `rates`."""

    def solve(network, schedule, record, progress):
        found = network.part("r").conductance
        if np.isin(found, rates).any() and (network.chips or alone):
            raise SimulationError("no fixed point")
        return solved(network, schedule, record)

    return solve


@pytest.mark.parametrize("portions", PORTIONS)
def test_a_chip_that_fails_takes_no_other_down_and_is_named(chips, driven, portions):
    """Chip k of five relaxes as 1 - exp(-(k + 1) t), whoever else is solved beside it."""
    schedule = driven([0.0, 1.0], [1.0, 0.5])
    text = (
        r"^chips 1, 4 of 5 must be solved beside the others, got \(no fixed point\): expect .* the first by Waveform\("
    )
    with pytest.warns(ChipsWarning, match=text) as told:
        run = run_chips(failing([2.0, 5.0]), taken(chips, schedule), portions, None)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert run.network is chips
    assert run.schedule is schedule
    np.testing.assert_allclose(run["c"][:, -1], 1.0 - np.exp(-0.5 * RATES), rtol=0, atol=1e-7)


def test_chips_that_are_solved_in_groups_are_not_named(chips, driven):
    """Three or more at once are too many for this one; a warning, here an error, would say nothing of use."""

    def solve(network, schedule, record, progress):
        if network.chips > 2:
            raise SimulationError("too many")
        return solved(network, schedule, record)

    run = run_chips(solve, taken(chips, driven([0.0, 1.0], [1.0, 0.5])), PORTIONS[0], None)
    np.testing.assert_allclose(run["c"][:, -1], 1.0 - np.exp(-0.5 * RATES), rtol=0, atol=1e-7)


@pytest.mark.parametrize("portions", PORTIONS)
def test_a_chip_that_cannot_be_solved_at_all_is_named(chips, driven, portions):
    text = r"^chip 3 of 5 must be solved, got \(no fixed point\): draw the others without it, by Streams\(first="
    with pytest.raises(SimulationError, match=text):
        run_chips(failing([4.0], alone=True), taken(chips, driven([0.0, 1.0], [1.0, 0.5])), portions, None)


@pytest.mark.parametrize(("engine", "tolerance"), [(Waveform(), 1e-6), (Settle(), 1e-13)])
def test_efforts_that_differ_by_chip_go_to_their_chip(chips, rc, driven, engine, tolerance):
    """With a batch beside the chips and without; and on parts that are alike, where they are no more than a batch."""
    for shape in ((5, 2, 3), (5, 3)):
        levels = np.random.default_rng(1).uniform(-1.0, 1.0, shape)
        schedule = replace(driven(levels, [1.0, 2.0, 0.5]), chips=5)
        for network in (chips, rc(2.0)):
            run = engine.run(network, schedule)
            assert run.efforts.shape == (*shape[:-1], 4, 3)
            for chip in range(5):
                alone = engine.run(of_chips(network, chip), schedule.of_chips(chip))
                np.testing.assert_allclose(run.efforts[chip], alone.efforts, rtol=0, atol=tolerance)


def test_a_loop_that_waveform_leaves_to_integrate_it_leaves_chip_by_chip(circuit, driven):
    nodes = np.arange(2, 5)
    network = circuit(
        {"drive": 1, "c": 3},
        Sources(label="drive", nodes=[1], effort=0.0),
        Transconductors(label="w", inputs=nodes, rows=nodes, transconductance=-np.ones((3, 3))),
        Conductors(label="r", a=[1, 1, 1], b=nodes, conductance=1.0),
        Storages(label="c", nodes=nodes, capacitance=[[1.0, 1.0, 1.0], [2.0, 3.0, 4.0]]),
    )
    schedule = replace(driven([[0.0, 1.0], [0.0, 0.5]], [1.0, 2.0]), chips=2)
    with pytest.warns(
        ChipsWarning, match=r"^chips 0, 1 of 2 must .* the first by Integrate\(.*: a dense block acts back"
    ):
        run = Waveform().run(network, schedule)
    for chip in range(2):
        alone = Waveform().run(of_chips(network, chip), schedule.of_chips(chip))
        assert " instead of Waveform(" in alone.engine
        np.testing.assert_array_equal(run.efforts[chip], alone.efforts)


def test_a_chip_settles_or_not_as_it_does_alone(rc, driven):
    """At three time constants `Settle` takes a storage for settled: one chip is just above, one below."""
    network, schedule = rc(1.0), driven([0.0, 1.0], [1.0, 1.0])
    many = replace(
        network, parts=(network.parts[0], replace(network.part("r"), conductance=[[2.9], [3.1]]), network.parts[2])
    )
    run = Settle(settled=3.0).run(many, schedule)
    np.testing.assert_allclose(run["c"][:, -1, 0], [1.0 - np.exp(-2.9), 1.0], rtol=0, atol=1e-14)


def test_integrate_takes_chips_that_differ_in_the_efforts_alone(rc, driven):
    """It runs one network; what is imposed on each chip is a batch to it."""
    schedule = replace(driven(np.array([[0.0, 1.0], [0.0, -2.0]]), [1.0, 0.5]), chips=2)
    run = Integrate().run(rc(1.0), schedule)
    np.testing.assert_allclose(run["c"][:, -1, 0], [1.0 - np.exp(-0.5), -2.0 * (1.0 - np.exp(-0.5))], rtol=0, atol=1e-8)
