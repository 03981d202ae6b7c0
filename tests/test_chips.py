"""Chips side by side: one axis through passes, layers and heads, and each chip is what it is alone."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import stored_table

import lstm_analog as la
from lstm_analog import imperfections as im
from lstm_analog.errors import InvalidShapeError, UnsupportedError
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.network.chips import of_chips

EXACT, TOLERANCE = 1e-13, 3e-7
"""Of Settle; and of Waveform, whose answers are within 2e-7 of full scale of the reference."""
SLOW = {"OPAMP_IDEAL"}
SAMPLE = 8


@pytest.fixture(scope="module")
def matrix():
    """Return the module that prints the whole table."""
    with stored_table.script("table_chips") as module:
        yield module


@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_chip_among_others_is_what_it_is_alone(matrix, number):
    """Of the table a sample of each engine and technology, drawn with a seed; the figures are those of the engines.

    Of the three chips of a cell one is made alone, of each cell another.
    """
    technologies = [name for name in matrix.TECHNOLOGIES if name not in SLOW]
    columns = list(product(technologies, matrix.ENGINES))
    rng = np.random.default_rng(11)
    chains = [name for name in matrix.CHAINS if "three" not in name]  # for time
    rows = rng.permutation(list(product(chains, matrix.HEADS)))[:SAMPLE]
    (chain, head), (technology, engine) = rows[number], columns[number]
    cell = matrix.Cell(chain=chain, head=head, technology=technology, engine=engine)
    assert matrix.difference(cell, [number % matrix.CHIPS]) <= (EXACT if engine == "Settle" else TOLERANCE), cell


STREAMS = Streams(seed=4, chips=3)
SETTLE = la.engines.Settle()


def two_passes(**changes):
    """Return a machine of two directions and a head on the final state: it goes through time, then computes y."""
    lstm = la.random_lstm(np.random.default_rng(2), 2, 3, bidirectional=True, outputs=2, **changes)
    return la.compile(replace(lstm, head=replace(lstm.head, final=True)), la.electrical.BEHAVIOURAL)


def drawn(machine, streams=STREAMS):
    return machine.with_imperfection(DeviceSpread(share=0.05), streams)


def steps(*shape, seed=8):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (*shape, 2))


def test_a_yield_counts_every_chip_once():
    """With the first pass of one chip on the second of another, four chips were sixteen."""
    lstm = la.random_lstm(np.random.default_rng(2), 2, 2, layers=2, bidirectional=True)
    made, x = la.compile(lstm, la.electrical.BEHAVIOURAL), steps(3)
    run = drawn(made, Streams(seed=4, chips=4)).run(x, engine=SETTLE)
    assert run.h.shape == (4, 3, 4)
    alone = [drawn(made, Streams(seed=4, first=chip)).run(x, engine=SETTLE).h for chip in range(4)]
    worst, each = (np.abs(h - lstm(x).h).max(axis=(-2, -1)) for h in (run.h, np.stack(alone)))
    np.testing.assert_array_equal(worst <= np.median(each), each <= np.median(each))


@pytest.mark.parametrize("engine", [SETTLE, la.engines.Waveform()])
def test_a_run_of_chips_goes_on_in_pieces(engine):
    """Each chip from the state that it has left itself, with a batch and without."""
    made = drawn(la.compile(la.random_lstm(np.random.default_rng(2), 2, 3, layers=2), la.electrical.BEHAVIOURAL))
    for x in (steps(2, 5), steps(5)):
        whole, first = made.run(x, engine=engine), made.run(x[..., :2, :], engine=engine)
        assert first.outputs.state.h[0].shape == (3, *x.shape[:-2], 3)
        second = made.run(x[..., 2:, :], state=first.outputs.state, engine=engine)
        assert second.h.shape == (3, *x.shape[:-2], 3, 3)
        np.testing.assert_allclose(second.h, whole.h[..., 2:, :], rtol=0, atol=1e-7)


def test_a_pass_alone_takes_what_each_chip_has_left():
    made = drawn(two_passes())
    for x in (steps(2, 4), steps(4)):
        run = made.run(x, engine=SETTLE)
        fed = run.passes[1].x
        alone = made.alone(1).run(fed if x.ndim == 3 else fed[:, None], engine=SETTLE)
        np.testing.assert_array_equal(alone.y.reshape(run.y.shape), run.y)
        with pytest.raises(UnsupportedError, match=r"^the run must have h, c and gates, got a head alone: take its y$"):
            alone.outputs  # noqa: B018 - raises


def test_parts_that_are_alike_on_all_chips_are_given_the_axis_too():
    """Only the first pass differs from chip to chip, or only the head."""
    made, x = two_passes(), steps(2, 4)
    bad, good = drawn(made).passes, made.passes
    for passes, y_differs, h_differs in (((bad[0], good[1]), True, True), ((good[0], bad[1]), True, False)):
        run = replace(made, passes=passes).run(x, engine=SETTLE)
        assert run.y.shape == (3, 2, 2)
        assert run.h.shape == (3, 2, 4, 6)
        assert run.outputs.state.h[0].shape == (3, 2, 3)
        assert (np.ptp(run.y, axis=0).max() > 1e-3, np.ptp(run.h, axis=0).max() > 1e-3) == (y_differs, h_differs)


def test_chips_without_a_batch_are_not_taken_for_one():
    """What three chips have left in a sequence without a batch is no batch of three to the next pass."""
    x = steps(4)
    run = drawn(two_passes()).run(x, engine=SETTLE)
    assert (run.h.shape, run.y.shape) == ((3, 4, 6), (3, 2))
    batch = drawn(two_passes()).run(x[None], engine=SETTLE)
    np.testing.assert_array_equal(batch.y[:, 0], run.y)


@pytest.mark.parametrize(
    ("chips", "shape", "text"),
    [
        (
            3,
            (2, 1, 4),
            r"^x must have shape \(3 chips, batch, time, inputs\), \(batch, time, inputs\) or \(time, inputs\), got",
        ),
        (None, (3, 1, 4), r"^x must have shape \(batch, time, inputs\) or \(time, inputs\), got shape \(3, 1, 4, 2\)"),
    ],
)
def test_what_is_fed_to_each_chip_must_be_one_for_each(chips, shape, text):
    made = drawn(two_passes(), Streams(seed=4, chips=chips))
    with pytest.raises(InvalidShapeError, match=text):
        made.run(steps(*shape), engine=SETTLE)


def test_the_state_of_other_chips_is_refused():
    made, x = two_passes(), steps(2, 4)
    state = drawn(made).run(x, engine=SETTLE).outputs.state
    for other, shape in ((Streams(seed=4, chips=2), r"\(2, 2, 3\)"), (Streams(seed=4), r"\(2, 3\)")):
        with pytest.raises(InvalidShapeError, match=rf"^state h must have shapes \({shape}, {shape}\), got"):
            drawn(made, other).run(x, state=state, engine=SETTLE)


CAUSES = {
    la.electrical.BEHAVIOURAL: (
        im.ProgrammingError(sigma=0.03),
        im.Quantisation(levels=8.0),
        im.StuckDevices(off=0.1, on=0.1),
        im.WireResistance(line=1.0, column=2.0),
        im.Tiles(drivers=3, columns=4, line=1.0, column=2.0, gain=0.01),
    ),
    la.electrical.OPAMP: (
        im.AmplifierOffset(volts=1e-3),
        im.PairOffset(volts=1e-3),
        im.PairGain(share=0.01),
        im.MultiplierGain(share=0.01),
        im.MultiplierOffset(share=0.01),
        im.PairTemperature(kelvin=310.0, made_for=300.0),
        im.ClockFeedthrough(overlap=50e-15, swing=5.0, fall=20e-9),
        im.HoldLeak(conductance=1e-9),
    ),
    la.hydraulic.OIL: (
        im.BoreTolerance(sigma=0.01),
        im.RelayGain(gain=0.99),
        im.SeatLeak(share=1e-4),
        im.Deadband(z=0.01),
        im.Rangeability(ratio=50.0),
        im.OrificePorts(transition=1e3),
        im.OrificeWeights(transition=1e3),
        im.EndLoss(share=0.01, flow=1e-6),
        im.ViscosityChange(factor=1.3),
        im.HotTubes(kelvin=1.0, bank="l0_rows", which=im.Tubes.INPUTS, elements=(0, 1)),
    ),
}


@pytest.mark.parametrize(
    ("technology", "cause"),
    [(technology, cause) for technology, causes in CAUSES.items() for cause in causes],
    ids=lambda value: type(value).__name__,
)
def test_what_is_drawn_for_a_chip_is_drawn_for_it_alone(technology, cause):
    """Bit for bit, each cause upon devices that differ from chip to chip already."""
    network = la.compile(la.random_lstm(np.random.default_rng(2), 2, 3), technology).network

    def made(streams):
        return im.apply(cause, im.apply(im.DeviceSpread(share=0.01), network, streams), streams)

    many = made(STREAMS).verify()
    assert many.chips == 3
    for chip in range(3):
        alone = made(Streams(seed=4, first=chip))
        assert of_chips(many, chip).equals(replace(alone, provenance=many.provenance), rtol=0.0)


def test_op_amps_settle_chip_by_chip():
    """Newton's method on a loop of which only the offsets differ by chip: numpy's error was all that came of it."""
    made = la.compile(la.random_lstm(np.random.default_rng(2), 1, 1), la.electrical.OPAMP_IDEAL)
    cause, x, engine = im.AmplifierOffset(volts=1e-2), np.array([[0.5]]), la.engines.Settle(settled=2.0)
    run = made.with_imperfection(cause, STREAMS).run(x, engine=engine)
    for chip in range(3):
        alone = made.with_imperfection(cause, Streams(seed=4, first=chip)).run(x, engine=engine)
        np.testing.assert_allclose(run.trajectory.efforts[chip], alone.trajectory.efforts, rtol=0, atol=1e-12)
    assert np.ptp(run.h, axis=0).min() > 1e-6
