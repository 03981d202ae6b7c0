"""Ranges hold what they promise, and the units that are made of them."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler import Fit
from lstm_analog.compiler.electrical import BEHAVIOURAL, BICMOS, OPAMP, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.compiler.measuring import measured
from lstm_analog.compiler.scaling import MARGIN, Ranges, Scaling, bounded, factor, fit_ranges, reach, scaled
from lstm_analog.engines import Ngspice
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.machine import compile
from lstm_analog.model import LINEAR, LSTM, Cell, Form, GRUCell, Head, Layer, random_lstm
from lstm_analog.study.findings import Rule, Severity

LARGE = Ranges(x=20.0, z=60.0, c=8.0, rows=80.0)


@pytest.fixture
def lstm():
    return random_lstm(np.random.default_rng(3), 2, 3, layers=2, scale=4.0)


@pytest.fixture
def x():
    return np.random.default_rng(5).uniform(-5, 5, (4, 30, 2))


def test_measured_ranges_are_the_largest_signals(lstm, x):
    found, trace = measured(lstm, x), lstm.trace(x)
    assert found.x == np.abs(x).max()
    assert found.z == max(np.abs(layer.z).max() for layer in trace.layers)
    assert found.c == max(np.abs(layer.c).max() for layer in trace.layers)


def test_rows_are_the_sums_over_weights_of_one_sign():
    """One unit, h = 0 at first: z = 3 x1 - 2 x2 + 0.5, its sums 3 x1 + 0.5 and 2 x2."""
    weights = np.zeros((4, 1, 2))
    weights[0] = [[3.0, -2.0]]
    bias = np.zeros((4, 1))
    bias[0] = 0.5
    cell = Cell(input=weights, recurrent=np.zeros((4, 1, 1)), bias=bias)
    found = measured(LSTM(layers=(Layer(forward=cell),), name="one"), np.array([[4.0, 5.0], [1.0, 9.0]]))
    assert found == Ranges(x=9.0, z=14.5, c=found.c, h=found.h, rows=18.0)


@pytest.mark.parametrize(("bias", "rows"), [(3.0, 5.0), (-3.0, 3.0)])
def test_a_bias_counts_with_the_weights_of_its_own_sign(bias, rows):
    """z = 2 x + b at x = 1: the sums of one sign are 2 + 3, or 2 and 3."""
    cell = Cell(input=np.eye(4)[:1].T[..., None] * 2.0, recurrent=np.zeros((4, 1, 1)), bias=np.eye(4)[:1].T * bias)
    assert measured(LSTM(layers=(Layer(forward=cell),), name="biased"), np.array([[1.0]])).rows == rows


def test_a_layer_above_the_first_is_bounded_by_the_h_below():
    """|h| <= 1 below, so |z| <= 7 + 5 + 2 above, the largest there is."""

    def layer(kernel, recurrent, bias):
        shape = (4, 1, 1)
        cell = Cell(input=np.full(shape, kernel), recurrent=np.full(shape, recurrent), bias=np.full((4, 1), bias))
        return Layer(forward=cell)

    lstm = LSTM(layers=(layer(1.0, 0.5, -0.25), layer(-7.0, 5.0, 2.0)), name="two")
    found = bounded(lstm, 3.0)
    assert (found.x, found.z, found.rows) == (3.0, 14.0, 14.0)


def gated(open_gates=20.0, **changes):
    """One unit whose gates stand open: h is hidden(candidate(3 x)) of one step."""
    kernel = np.array([0.0, 0.0, 3.0, 0.0]).reshape(4, 1, 1)
    bias = np.array([open_gates, -open_gates, 0.0, open_gates]).reshape(4, 1)
    return Cell(input=kernel, recurrent=np.zeros((4, 1, 1)), bias=bias, **changes)


HEAD = Head(weights=np.array([[40.0]]), bias=np.array([-7.0]))
WIDE = {
    "linear": (LSTM(layers=(Layer(forward=gated(candidate=LINEAR, hidden=LINEAR)),), name="w"), (15.0, 15.0, 20.0)),
    "projection": (
        LSTM(layers=(Layer(forward=gated(projection=np.array([[30.0]]))),), name="w"),
        (np.tanh(15.0), 30.0 * np.tanh(np.tanh(15.0)), 30.0 * np.tanh(np.tanh(15.0))),
    ),
    "head": (
        LSTM(layers=(Layer(forward=gated()),), name="w", head=HEAD),
        (np.tanh(15.0), np.tanh(np.tanh(15.0)), 40.0 * np.tanh(np.tanh(15.0)) + 7.0),
    ),
    "final head": (
        LSTM(layers=(Layer(forward=gated()),), name="w", head=replace(HEAD, final=True)),
        (np.tanh(15.0), np.tanh(np.tanh(15.0)), 40.0 * np.tanh(np.tanh(15.0))),
    ),
    "reset after": (
        LSTM(
            layers=(
                Layer(
                    forward=GRUCell(
                        input=np.zeros((3, 1, 1)),
                        recurrent=np.zeros((3, 1, 1)),
                        bias=np.array([[20.0], [0.0], [-8.0]]),
                        recurrent_bias=np.array([8.5]),
                    )
                ),
            ),
            name="w",
        ),
        (0.0, 8.5, 20.0),
    ),
    "peephole": (
        LSTM(layers=(Layer(forward=gated(peephole=np.array([[0.0], [0.0], [25.0]]))),), name="w"),
        (np.tanh(15.0), np.tanh(np.tanh(15.0)), 20.0 + 25.0 * np.tanh(15.0)),
    ),
}


@pytest.mark.parametrize("form", WIDE)
def test_every_sum_and_product_counts_whatever_the_form(form):
    """The largest of c, of h and products, and of sums, by hand; x goes from -5 to 5, and the last step is the 5."""
    lstm, (c, h, rows) = WIDE[form]
    found = measured(lstm, np.array([[-5.0], [5.0]]))
    assert (found.c, found.h, found.rows) == pytest.approx((c, h, rows), rel=1e-6)


@pytest.mark.parametrize("form", ["projection", "head", "reset after"])
def test_op_amps_find_room_for_every_sum_and_product(form):
    """Before, h of a projection, y and r q were cut off at the rail, and the scaling said that nothing clips."""
    lstm, _ = WIDE[form]
    x = np.array([[-5.0], [5.0]])
    machine = compile(lstm, OPAMP_IDEAL, inputs=x)
    assert machine.scaling.clips == ()
    run, digital = machine.run(x), lstm(x)
    ours, wanted = (run.h, digital.h) if lstm.head is None else (run.y, digital.y)
    assert np.abs(ours - wanted).max() < 2e-4 * np.abs(wanted).max()


def test_cells_keep_the_volts_that_an_attenuator_needs_and_the_rest_is_said():
    """Before, the attenuator of tanh(c) was refused with volts of c that the fit itself had chosen."""
    technology, said = scaled(OPAMP, replace(LARGE, c=200.0), Fit.SHRINK)
    assert technology.cell_volts == pytest.approx(1.1 * 2 * 0.025865, rel=1e-3)
    assert "c" in said.clips


def test_a_head_is_bounded_by_its_weights():
    lstm = random_lstm(np.random.default_rng(3), 1, 2, outputs=1)
    head = Head(weights=np.array([[30.0, -50.0]]), bias=np.array([-2.0]))
    assert bounded(replace(lstm, head=head), 0.5).rows == 82.0


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0])
def test_no_sequence_leaves_the_bounds(scale):
    rng = np.random.default_rng(7)
    for _ in range(5):
        lstm = random_lstm(rng, 2, 3, layers=2, scale=scale)
        met, bound = measured(lstm, 3.0 * np.sign(rng.uniform(-1, 1, (8, 40, 2)))), bounded(lstm, 3.0)
        assert all(getattr(met, name) <= getattr(bound, name) for name in ("x", "z", "c", "h", "rows"))


def test_the_bound_of_c_is_reached_by_a_unit_that_only_writes():
    """Gates at their bounds for ever: c -> i g / (1 - f)."""
    bias = np.array([[2.0], [3.0], [1.0], [0.0]])
    cell = Cell(input=np.zeros((4, 1, 1)), recurrent=np.zeros((4, 1, 1)), bias=bias)
    lstm = LSTM(layers=(Layer(forward=cell),), name="writer")
    assert measured(lstm, np.zeros((2000, 1))).c == pytest.approx(bounded(lstm, 0.0).c, rel=1e-9)


def test_reach_of_each_technology():
    room = 0.9 * OPAMP.amplifier.rail
    assert reach(OPAMP) == Ranges(x=room, z=room / 0.3, c=room, h=room, rows=room / 0.3)
    assert reach(BEHAVIOURAL).c == np.inf
    assert reach(OIL).c == pytest.approx(min(map(abs, OIL.reach())) / OIL.pressure_unit)
    assert reach(OIL).z == pytest.approx(0.5 * np.log(50.0))
    assert reach(BICMOS).c == BICMOS.linear_range * BICMOS.state_scale


@pytest.mark.parametrize(("technology", "c"), [(OPAMP, 8.0), (OIL, 8.0), (BICMOS, 4.0)], ids=["OPAMP", "OIL", "BICMOS"])
def test_shrinking_makes_room_for_c_and_keeping_does_not(technology, c):
    """The transistor cell has two state scales, room for 2 and for 4."""
    ranges = replace(LARGE, c=c)
    kept, said = scaled(technology, ranges, Fit.KEEP)
    assert kept == technology
    assert "c" in said.clips
    shrunk, said = scaled(technology, ranges, Fit.SHRINK)
    assert "c" not in said.clips
    again, _ = scaled(shrunk, ranges, Fit.SHRINK)
    assert reach(again).c == pytest.approx(reach(shrunk).c)


def test_small_signals_are_widened_only_on_request():
    small = Ranges(x=0.1, z=0.5, c=0.2, rows=0.5)
    assert fit_ranges(OPAMP, small, Fit.SHRINK) == OPAMP
    wide = fit_ranges(OPAMP, small, Fit.FILL)
    assert wide.cell_volts == pytest.approx(0.9 * 4.5 / (MARGIN * 0.2))
    assert fit_ranges(OIL, small, Fit.FILL).pressure_unit > OIL.pressure_unit
    assert fit_ranges(BEHAVIOURAL, LARGE, Fit.FILL) == BEHAVIOURAL


@pytest.mark.parametrize("form", [{"bidirectional": True}, {"bidirectional": True, "layers": 2}])
def test_later_passes_find_room_for_the_h_that_they_are_fed(form):
    """Inputs of 0.05 made 65 V a unit, so h of 0.4 was 25 V in the second pass, on rails of 4.5: said to fit."""
    lstm, x = random_lstm(np.random.default_rng(3), 2, 3, outputs=1, **form), np.full((6, 2), 0.05)
    made = compile(lstm, OPAMP, inputs=x, fit=Fit.FILL)
    h = measured(lstm, x).h
    assert len(made.passes) > 1
    assert made.scaling.ranges.x == h > 0.05
    assert made.technology.input_volts * h == pytest.approx(0.9 * OPAMP.amplifier.rail / MARGIN)
    assert made.scaling.clips == ()


def test_a_state_scale_is_made_smaller_only_on_request():
    """SHRINK set the scale that a user had chosen back to 1: units twice as large."""
    halved, small = replace(BICMOS, state_scale=2.0), replace(LARGE, c=0.5)
    assert fit_ranges(halved, small, Fit.SHRINK) == halved
    assert fit_ranges(halved, small, Fit.FILL) == BICMOS


def test_rows_keep_the_volts_that_an_attenuator_needs():
    """2 V_T is 52 mV at 27 C: a unit of z below that would ask for a gain before the tanh."""
    found = fit_ranges(OPAMP, replace(LARGE, z=1e3, rows=1e3), Fit.SHRINK)
    assert found.row_volts == pytest.approx(1.1 * 2 * 0.025865, rel=1e-3)


def test_factor():
    assert factor(2.0, 10.0, Fit.SHRINK) == 1.0
    assert factor(2.0, 10.0, Fit.FILL) == pytest.approx(5.0 / MARGIN)
    assert factor(20.0, 10.0, Fit.SHRINK) == pytest.approx(0.5 / MARGIN)
    assert factor(20.0, 10.0, Fit.KEEP) == factor(0.0, 10.0, Fit.FILL) == factor(1.0, np.inf, Fit.FILL) == 1.0


def test_what_clips_is_said_with_figures():
    said = Scaling(ranges=LARGE, reach=Ranges(x=30.0, z=10.0, c=4.0, h=9.0, rows=np.inf), fit=Fit.KEEP)
    assert said.clips == ("z", "c")
    assert str(said) == "units kept: x 20 of 30, z 60 of 10, c 8 of 4, rows 80 of inf, h 1 of 9; clips: z, c"


def test_fitted_units_turn_a_useless_circuit_into_a_good_one():
    """Rails of 2.5 V and inputs up to 8: as it comes it clips everywhere."""
    lstm = random_lstm(np.random.default_rng(3), 2, 3, scale=6.0)
    x = np.random.default_rng(5).uniform(-8, 8, (3, 2))
    small = replace(OPAMP, name="small", amplifier=replace(OPAMP.amplifier, rail=2.5))
    errors = []
    for fit in (Fit.KEEP, Fit.SHRINK):
        machine = compile(lstm, small, inputs=x, fit=fit)
        assert dict(machine.network.provenance)["scaling"] == str(machine.scaling)
        errors.append(np.abs(machine.run(x, engine=Ngspice()).h - lstm(x).h).max())
    assert errors[0] > 0.05
    assert errors[1] < 1e-3


def test_bounds_do_in_the_place_of_inputs():
    """What holds for any sequence: nothing that it may meet clips, and the check says with what room to spare."""
    lstm = random_lstm(np.random.default_rng(3), 2, 3, scale=0.5)
    machine = compile(lstm, OPAMP, inputs=bounded(lstm, 3.0))
    assert machine.scaling.ranges == bounded(lstm, 3.0)
    assert machine.scaling.clips == ()
    shares = {f.where: f.value for f in machine.check().findings if f.rule is Rule.ROOM}
    assert shares["x"] == pytest.approx(3.0 / (0.9 * 4.5))
    assert shares["c"] == pytest.approx(1.0 / MARGIN)  # without: 1.2, so its volts were chosen


def test_what_clips_is_a_warning_of_the_check():
    lstm = random_lstm(np.random.default_rng(3), 1, 1)
    kept, shrunk = (compile(lstm, OPAMP, inputs=LARGE, fit=fit) for fit in (Fit.KEEP, Fit.SHRINK))
    found = {f.where: f.severity for f in kept.check().findings if f.rule is Rule.ROOM}
    beyond = {name: Severity.NOTE if name == "z" else Severity.WARNING for name in ("x", "z", "c", "rows")}
    assert found == beyond | {"h": Severity.FINE}
    assert "signal, share of its room, 1 of 1 in scaling: compile with Fit.SHRINK" in str(kept.check())
    left = [f.where for f in shrunk.check().warnings if f.rule is Rule.ROOM]
    assert left == ["rows"]  # the attenuators need 57 mV a unit, and 80 units of that do not fit


def test_tanks_are_held_against_their_stops_too():
    kept = compile(random_lstm(np.random.default_rng(3), 1, 1), OIL, inputs=LARGE, fit=Fit.KEEP)
    (stop,) = (f for f in kept.check().findings if f.rule is Rule.ROOM and f.where == "c")
    assert stop.severity is Severity.WARNING
    assert stop.value == pytest.approx(8.0 / reach(OIL).c)


@pytest.mark.parametrize(
    ("inputs", "fit", "kind", "text"),
    [
        ([[0.0, np.nan]], Fit.SHRINK, InvalidValueError, r"^x must .*finite"),
        ([[0.0, 1.0, 2.0]], Fit.SHRINK, InvalidShapeError, r"^features of x must be 2, got 3"),
        (np.zeros((0, 2)), Fit.SHRINK, InvalidShapeError, r"^time steps of x must be at least 1"),
        ([[0.0, 1.0]], "fill", InvalidTypeError, r"^fit must be KEEP, SHRINK or FILL, got 'fill': take it from"),
    ],
    ids=["not a number", "another width", "no steps", "a word"],
)
def test_what_is_no_range_is_refused(inputs, fit, kind, text):
    with pytest.raises(kind, match=text):
        compile(random_lstm(np.random.default_rng(3), 2, 1), OPAMP, inputs=inputs, fit=fit)


@pytest.mark.parametrize(
    ("fit", "kind", "text"),
    [
        (
            Fit.FILL,
            InvalidValueError,
            r"^fit must come with inputs, got Fit\.FILL alone: give inputs like those to be met",
        ),
        (Fit.SHRINK, InvalidValueError, r"^fit must come with inputs, got Fit\.SHRINK alone: give inputs"),
        ("fill", InvalidTypeError, r"^fit must be KEEP, SHRINK or FILL, got 'fill': take it from"),
    ],
)
def test_a_fit_without_inputs_is_refused(fit, kind, text):
    with pytest.raises(kind, match=text):
        compile(random_lstm(np.random.default_rng(3), 2, 1), OPAMP, fit=fit)


def test_units_are_shrunk_unless_said_otherwise():
    lstm = random_lstm(np.random.default_rng(3), 1, 1)
    chosen, shrunk = compile(lstm, OPAMP, inputs=LARGE), compile(lstm, OPAMP, inputs=LARGE, fit=Fit.SHRINK)
    assert chosen.scaling == shrunk.scaling
    assert chosen.scaling.fit is Fit.SHRINK


@pytest.mark.parametrize(
    ("x", "kind", "text"),
    [
        (10**400, InvalidValueError, "^x must be finite and >= 0, got 1000"),
        (np.inf, InvalidValueError, "^x must be finite and >= 0, got inf: give the largest magnitude of the inputs$"),
        (np.nan, InvalidValueError, "^x must be finite and >= 0, got nan: give"),
        (-1.0, InvalidValueError, r"^x must be finite and >= 0, got -1\.0: give"),
        ("a", InvalidTypeError, "^x must be a number, got 'a': give"),
        (True, InvalidTypeError, "^x must be a number, got True: give"),
        ([1.0], InvalidTypeError, r"^x must be a number, got \[1\.0\]: give"),
    ],
)
def test_bounds_are_of_inputs_up_to_a_number(x, kind, text):
    with pytest.raises(kind, match=text):
        bounded(random_lstm(np.random.default_rng(3), 1, 1), x)


@pytest.mark.parametrize("form", [form for form in Form if form is not Form.LSTM])
def test_other_forms_than_the_plain_lstm_are_not_bounded(form):
    with pytest.raises(UnsupportedError, match=r"^a layer must be a plain LSTM, whose bounds are known, got"):
        bounded(random_lstm(np.random.default_rng(3), 1, 2, form=form), 1.0)


def test_without_inputs_nothing_is_chosen():
    machine = compile(random_lstm(np.random.default_rng(3), 1, 1), OPAMP)
    assert machine.scaling is None
    assert machine.technology == OPAMP


def test_ranges_are_magnitudes():
    with pytest.raises(InvalidValueError, match=r"^range of c must be >= 0, got -1.0: give a magnitude$"):
        Ranges(x=1.0, z=1.0, c=-1.0, rows=1.0)


@pytest.mark.parametrize(("technology", "name"), [(BICMOS, "c"), (OIL, "h"), (OPAMP, "x")])
def test_an_infinite_range_is_refused_where_there_is_a_limit(technology, name):
    """Before, the transistor cell stopped with an OverflowError, op-amps were told that their volts were 0."""
    with pytest.raises(InvalidValueError, match=rf"^range of {name} must be finite where a technology has limits"):
        scaled(technology, replace(LARGE, **{name: np.inf}), Fit.SHRINK)


def test_an_unknown_technology_is_refused():
    with pytest.raises(UnsupportedError, match=r"^technology must be a technology whose ranges are known, got str"):
        reach("OPAMP")
