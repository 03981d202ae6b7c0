"""What an LSTM becomes in transistor cells, without running it."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.bicmos import LARGEST_SCALE, fitted
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.bicmos_cell import OUTPUTS, TERMINALS, library
from lstm_analog.compiler.bicmos_conditions import thermal_voltage
from lstm_analog.compiler.scaling import Fit
from lstm_analog.compiler.sky130 import SKY130_PASSIVES, SKY130_SERVICES
from lstm_analog.errors import InvalidValueError, LimitWarning, UnsupportedError
from lstm_analog.export import NGSPICE
from lstm_analog.export.accuracy import TRANSISTORS
from lstm_analog.export.netlist import netlist
from lstm_analog.export.spice import deck
from lstm_analog.model import Cell, Layer, airline
from lstm_analog.model.random import Form
from lstm_analog.study.calibration import textbook
from lstm_analog.study.digest import device_models_digest

BICMOS, Bias = la.electrical.BICMOS, la.electrical.Bias


def lstm(hidden=3, scale=1.0, **options):
    return la.random_lstm(np.random.default_rng(7), inputs=2, hidden=hidden, scale=scale, **options)


def machine(hidden=3, technology=BICMOS, **options):
    return la.compile(lstm(hidden), technology, settling=12.0, **options)


def at(**conditions):
    return replace(BICMOS, conditions=replace(BICMOS.conditions, **conditions))


# The crossbar is the LSTM.


def test_a_weight_is_two_equal_resistors_crossed_where_it_is_negative():
    model, bars = lstm(), machine().network.part("l0_rows")
    cell = model.layers[0].forward
    weights = np.concatenate((cell.input, cell.recurrent, cell.bias[..., None]), axis=2).reshape(12, -1)
    half = weights.shape[1]
    signed = bars.positive - bars.negative
    np.testing.assert_allclose(signed[:, :half], BICMOS.unit_conductance * weights, rtol=1e-14)
    np.testing.assert_array_equal(signed[:, half:], -signed[:, :half])
    np.testing.assert_array_equal((bars.positive > 0) & (bars.negative > 0), False)


def test_columns_of_a_gate_have_one_total_conductance_whatever_their_weights():
    network, trims = machine().network, BICMOS.trims
    bars = network.part("l0_rows")
    share = BICMOS.unit_conductance * BICMOS.volts_per_unit / BICMOS.thermal_volts
    gains = (trims.input_gain, trims.forget_gain, 0.5 * trims.candidate_gain, trims.output_gain)
    for number, (letter, gain) in enumerate(zip("ifgo", gains, strict=True)):
        rows = slice(3 * number, 3 * number + 3)
        for side, weights in (("p", bars.positive), ("n", bars.negative)):
            rest = network.part(f"l0_z{letter}_term_{side}").conductance
            np.testing.assert_allclose(weights[rows].sum(axis=1) + rest, gain * share, rtol=1e-12)


@pytest.mark.parametrize("technology", [BICMOS, la.electrical.SKY130_CHIP], ids=["BICMOS", "SKY130_CHIP"])
def test_weights_of_zero_are_no_bank(tmp_path, technology):
    """A head before training: its deck was refused as a bank without an element, which nobody could leave out."""
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1, outputs=1)
    still = replace(lstm, head=replace(lstm.head, weights=np.zeros((1, 1)), bias=None))
    machine = la.compile(still, technology)
    assert "y_rows" not in {part.label for part in machine.network.parts}
    machine.write.spice(tmp_path / "still.cir", np.zeros((1, 1)))
    assert machine.check().findings


@pytest.mark.parametrize("follower", [15.000001e-6, 15e-6, 14.999999e-6])
def test_currents_of_one_name_share_a_tail(follower):
    """Tails are named by six digits: three references, and twice 1.5 of them, were refused as two of one name."""
    technology = replace(BICMOS, follower_current=follower)
    names = [each.name for each in library(replace(technology, calibration=textbook(technology))).subcircuits]
    assert names.count("tail_3") == 1


def test_an_lstm_without_bias_has_no_bias_row():
    built = la.compile(lstm(bias=False), BICMOS)
    assert not [group.label for group in built.network.unknowns.groups if "one" in group.label]


def test_every_cell_has_the_terminals_of_its_subcircuit():
    bank = machine(hidden=5).network.part("l0_cells")
    assert bank.pins.shape == (len(TERMINALS), 5)
    assert bank.circuit.outputs == OUTPUTS
    names = ["0", *machine(hidden=5).network.unknowns.names()[1:]]
    assert [names[node] for node in bank.pins[:, 4]][:2] == ["l0_zi_p_4", "l0_zi_n_4"]
    assert [names[node] for node in bank.pins[:, 4]][-1] == "l0_h_start_n_4"


def test_one_cell_text_serves_any_size():
    one, many = (machine(hidden=hidden).network.part("l0_cells").library for hidden in (1, 8))
    assert one == many
    cell = one["lstm_cell"]
    devices = {name: sum(card.startswith(name[0]) for card in text.cards) for text in one.subcircuits for name in "qm"}
    assert devices
    assert sum(card.startswith("c") for card in cell.cards) == 8, "four sampled values, two sides each"
    assert sum(card.endswith(" bias") for card in cell.cards) == 1, "a bias generator of its own"


def test_the_cell_has_the_transistors_that_the_design_counts():
    """39 bipolar and 37 MOS transistors a unit: docs/bicmos.md#cell."""
    library = machine().network.part("l0_cells").library

    def count(name, letter):
        cards = library[name].cards
        inside = sum(count(card.split()[-1], letter) for card in cards if card.startswith("x"))
        return inside + sum(card.startswith(letter) for card in cards)

    assert (count("lstm_cell", "q"), count("lstm_cell", "m")) == (39, 37)


def test_the_deck_has_no_expression_and_no_behavioural_source():
    built = machine()
    text = "".join(deck(netlist(built.network, built.schedule(np.zeros((2, 2))), NGSPICE), TRANSISTORS, "chip.cir"))
    cards = [line for line in text.splitlines() if line and line[0] not in "*+."]
    assert {line[0] for line in cards} <= set("rciqmxv")
    shared = {line.split("=")[0].split()[1] for line in text.splitlines() if line.startswith(".param ")}
    for line in cards:
        assert "{" not in line or line.split("{")[1].rstrip("}\n") in shared, line


# What is chosen at compile time.


@pytest.mark.parametrize(
    ("largest", "scale"), [(0.0, 1.0), (2.0, 1.0), (2.1, 2.0), (3.9, 2.0), (7.0, 2.0), (50.0, 2.0)]
)
def test_the_state_scale_is_the_least_power_of_two_that_fits(largest, scale):
    assert fitted(BICMOS, largest).state_scale == scale <= LARGEST_SCALE


def test_inputs_choose_the_state_scale():
    model = airline.forecaster(4)
    x = model.encode(airline.series()[1])
    assert la.compile(model.lstm, BICMOS, inputs=x).technology.state_scale == 1.0
    built = la.compile(model.lstm, BICMOS, inputs=2.0 * x)
    assert 2.0 < np.abs(model.lstm.trace(2.0 * x).layers[0].c).max() < 4.0
    assert built.technology.state_scale == 2.0
    assert not built.scaling.clips
    assert "of 4, " in dict(built.network.provenance)["scaling"]
    with pytest.warns(LimitWarning, match=r"^\|c\|, units must be at most 2, got 2\.\d+ at any unit: compile with "):
        kept = la.compile(model.lstm, BICMOS, inputs=2.0 * x, fit=Fit.KEEP)
    assert kept.technology.state_scale == 1.0
    assert kept.scaling.clips == ("c",)


def test_the_bias_row_is_one_pair_of_wires():
    unknowns = machine().network.unknowns
    assert [unknowns[f"l0_rows_one_{side}"].size for side in "pn"] == [1, 1]


def test_the_state_scale_halves_the_volts_of_c_and_the_current_that_adds_to_it():
    one, two = machine(), machine(technology=replace(BICMOS, state_scale=2.0))
    scale = {built: built.network.unknowns.scales()[built.network.unknowns["l0_c_p"]][0] for built in (one, two)}
    assert scale[two] / scale[one] == pytest.approx(0.5, rel=0.02)
    assert two.network.part("l0_cells").library["tail_0p5"].cards == ("q1 n vb e qn 0.5", "r1 e vss 50000.0")


def test_proportional_bias_scales_current_and_rows_with_the_absolute_temperature():
    warmth = (85.0 + 273.15) / (27.0 + 273.15)
    hot, fixed, cold = (
        machine(technology=at(**c)) for c in ({"temperature": 85.0, "bias": Bias.PTAT}, {"temperature": 85.0}, {})
    )
    assert hot.network.part("l0_cells").temperature == fixed.network.part("l0_cells").temperature == 85.0
    card = {built: built.network.part("l0_cells").library["lstm_cell"].cards[0] for built in (hot, fixed, cold)}
    assert card[fixed] == card[cold] == "iref vcc iref 1e-05"
    assert float(card[hot].split()[-1]) == pytest.approx(1e-5 * warmth, rel=1e-9)
    x = np.array([[0.5, -1.0]])
    volts = {
        built: np.subtract(*(entry.efforts for entry in built.schedule(x).imposed if entry.label in ("x_p", "x_n")))
        for built in (hot, cold)
    }
    np.testing.assert_allclose(volts[cold][-1], x[0], rtol=1e-12)
    np.testing.assert_allclose(volts[hot], warmth * volts[cold], rtol=1e-9)
    np.testing.assert_array_equal(hot.network.part("l0_rows").positive, cold.network.part("l0_rows").positive)
    assert at(temperature=85.0, bias=Bias.PTAT).unit_of_c == pytest.approx(warmth * BICMOS.unit_of_c, rel=1e-12)
    assert at(temperature=85.0).unit_of_c == BICMOS.unit_of_c


def test_clocks_swing_over_the_supply_and_their_complements_against_them():
    built = machine(technology=at(supply=4.5))
    course = built.schedule(np.zeros((2, 2)))
    drive = {entry.label: entry.efforts[:, 0] for entry in course.imposed}
    computing = np.array([name in ("reset", "compute0") for name in course.names])
    np.testing.assert_array_equal(drive["clk_compute0"], 4.5 * computing)
    np.testing.assert_array_equal(drive["clk_compute0_b"], 4.5 * ~computing)
    assert built.network.part("supply").effort.tolist() == [4.5]
    both = (drive["clk_compute0"] > 0) & (drive["clk_copy"] > 0)
    assert not both.any(), "master and slave are never open together"


def test_a_state_is_imposed_through_the_reset():
    state = la.State(h=(np.array([0.1, -0.2, 0.0]),), c=(np.array([1.0, 0.0, -2.0]),))
    drive = {entry.label: entry.efforts[0] for entry in machine().schedule(np.zeros((1, 2)), state).imposed}
    volts = BICMOS.trims.cell_volts / BICMOS.trims.cell_follower
    np.testing.assert_allclose(drive["l0_c_start_p"] - drive["l0_c_start_n"], volts * state.c[0], atol=1e-12)
    np.testing.assert_allclose((drive["l0_c_start_p"] + drive["l0_c_start_n"]) / 2.0, BICMOS.cell_reset)


# What is refused.


def test_weights_beyond_the_termination_are_refused_with_the_figures():
    big = la.random_lstm(np.random.default_rng(1), inputs=2, hidden=3, scale=16.0)
    with pytest.raises(
        InvalidValueError, match=r"column l0_z. must have sum \|w\| below 38.4, got 43 at unit 1: scale"
    ):
        la.compile(big, BICMOS)


@pytest.mark.parametrize(("letter", "limit"), [("i", 38.4), ("f", 37.6), ("g", 19.1), ("o", 38.3)])
def test_the_limits_are_those_of_the_design(letter, limit):
    """What the weights of a column may be in all: docs/bicmos.md#columns."""
    bars, network = machine().network.part("l0_rows"), machine().network
    row = 3 * "ifgo".index(letter)
    total = bars.positive[row].sum() + network.part(f"l0_z{letter}_term_p").conductance[0]
    assert total / BICMOS.unit_conductance == pytest.approx(limit, abs=0.06)


def test_what_a_cell_cannot_do_is_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"head must stand on a layer of its own pass .*, got a pass of its own"):
        la.compile(lstm(outputs=1, bidirectional=True), BICMOS)
    with pytest.raises(UnsupportedError, match="timing must be CLOCKED for transistor cells, got GATED_LEAK: use BEH"):
        la.compile(lstm(), BICMOS, timing=la.GATED_LEAK)


@pytest.mark.parametrize(
    ("form", "got"),
    [
        (
            Form.GRU,
            "a product before a sum, the complement of a gate, a weight of a unit .*, another memory than c and h",
        ),
        (Form.PEEPHOLE, "a weight of a unit for itself alone, as a peephole"),
        (Form.PROJECTED, "a product before a sum"),
        (Form.COUPLED, "the complement of a gate"),
    ],
)
def test_another_form_is_refused_with_what_a_cell_lacks(form, got):
    with pytest.raises(
        UnsupportedError, match=rf"a layer in transistor cells must be one LSTM, .*, got {got}: use BEH"
    ):
        la.compile(lstm(form=form), BICMOS)


def test_each_layer_copies_before_the_layer_above_computes():
    clock = la.compile(lstm(layers=3), BICMOS).compiled.cycle
    lines = [line for interval in clock.step for line in sorted(interval.high)]
    assert lines == ["compute0", "copy0", "compute1", "copy1", "compute2", "copy"]
    assert set(clock.lines) == {"reset", *lines}
    pauses = [interval.duration for interval in clock.step if not interval.high]
    assert pauses == [BICMOS.gap] * 7
    headed = la.compile(lstm(layers=2, outputs=1), BICMOS).compiled.cycle
    lines = [line for interval in headed.step for line in sorted(interval.high)]
    assert lines == ["compute0", "copy0", "compute1", "copy", "compute2"]


def test_the_layer_above_is_driven_by_the_rows_of_the_layer_below():
    network = la.compile(lstm(layers=2), BICMOS).network
    above = network.part("l1_rows").inputs
    for side in ("p", "n"):
        assert set(network.unknowns[f"l0_h_{side}"]) <= set(above)
    assert network.part("cells").pins.shape[1] == 2 * 3


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ({"temperature": 200.0}, "temperature must be -55 to 150 degrees Celsius, got 200.0"),
        ({"supply": 0.0}, "supply must be positive and at most 10 V, got 0.0: give volts"),
    ],
)
def test_impossible_conditions_are_refused(conditions, text):
    with pytest.raises(InvalidValueError, match=text):
        at(**conditions)


def test_sizes_must_be_positive():
    with pytest.raises(
        InvalidValueError, match=r"BICMOS cell_load must be positive, got -1.0: give SI units above zero"
    ):
        replace(BICMOS, cell_load=-1.0)


@pytest.mark.parametrize(
    ("record", "field", "value", "text"),
    [
        (SKY130_PASSIVES.capacitor, "largest", 0.0, "cap_mim_m3_1 largest must be positive, got 0.0"),
        (SKY130_PASSIVES.capacitor, "largest", 0.02, "cap_mim_m3_1 largest must be above narrower, 0.025 um, got 0.02"),
        (SKY130_PASSIVES.resistor, "widths", (), r"res_xhigh_po widths must ascend, got \(\): give the legal ones"),
        (SKY130_PASSIVES.resistor, "widths", (2.85, 0.69), "res_xhigh_po widths must ascend"),
        (SKY130_PASSIVES.well, "reverse", -2.0, "well reverse must be positive, got -2.0"),
        (SKY130_SERVICES, "mirror", (20.0, 0.0), "services mirror must be positive, got 0.0"),
    ],
)
def test_a_process_has_sizes_above_zero(record, field, value, text):
    """A capacitor of which no square is small enough was drawn for ever."""
    with pytest.raises(InvalidValueError, match=text):
        replace(record, **{field: value})


# Calibrations.


def test_a_calibration_is_for_its_sizes_only():
    other = replace(BICMOS, cell_load=26e3)
    with pytest.raises(
        InvalidValueError, match=r"calibration must be made for these sizes, digest \w{12}, got \w{12}, "
    ):
        la.compile(lstm(), other)
    with pytest.raises(InvalidValueError, match=r"calibration must be made for these sizes"):
        la.compile(lstm(), BICMOS, calibration=textbook(other))
    assert la.compile(lstm(), other, calibration=textbook(other)).technology.trims == textbook(other)
    with pytest.raises(
        UnsupportedError, match="technology must be Bicmos to take a calibration, got Behavioural: leave"
    ):
        la.compile(lstm(), la.electrical.BEHAVIOURAL, calibration=textbook(BICMOS))


def with_models(*texts):
    return replace(BICMOS, devices=replace(BICMOS.devices, models=texts))


def test_a_calibration_is_for_its_device_models_only():
    npn, *mos = BICMOS.devices.models
    other = with_models(npn.replace("bf=150", "bf=140"), *mos)
    assert other.digest == BICMOS.digest
    text = r"calibration must be made with these device models, digest \w{12}, got 7ff250d4ef15: calibrate this"
    with pytest.raises(InvalidValueError, match=text):
        la.compile(lstm(), other)
    with pytest.raises(InvalidValueError, match=text):
        la.compile(lstm(), other, calibration=textbook(BICMOS))
    assert la.compile(lstm(), other, calibration=textbook(other)).technology.trims == textbook(other)


def test_the_models_are_in_the_provenance_and_in_the_library():
    built = machine()
    said = dict(built.network.provenance)
    assert said["models"] == f"textbook, digest {BICMOS.trims.models}"
    assert built.network.part("l0_cells").library.models == BICMOS.devices.models


def test_a_tail_too_small_for_its_current_is_refused():
    small = replace(BICMOS, tail_area=1e-4)
    text = "tail_area must leave 0.05 V to the resistor of a tail of 1 reference currents, got 0.0001: choose a larger"
    with pytest.raises(InvalidValueError, match=text):
        la.compile(lstm(), small, calibration=textbook(small))
    half = replace(BICMOS, tail_area=10.0)
    cards = la.compile(lstm(), half, calibration=textbook(half)).network.part("l0_cells").library["tail_20"].cards
    assert cards[0] == "q1 n vb e qn 10"
    lost = thermal_voltage(27.0) * np.log(2.0)
    assert float(cards[1].split()[-1]) == pytest.approx((0.25 - lost) / 200e-6, rel=1e-6)


def test_a_certificate_can_tell_models_apart():
    npn, *mos = BICMOS.devices.models
    other = with_models(npn.replace("bf=150", "bf=140"), *mos)
    built = [machine().network, machine(technology=other, calibration=textbook(other)).network]
    assert len({device_models_digest((network,)) for network in built}) == 2
    assert device_models_digest((la.compile(lstm(), la.electrical.BEHAVIOURAL).network,)) == ""


def test_a_corner_that_the_process_does_not_have_is_refused():
    with pytest.raises(InvalidValueError, match="corner of textbook must be left out: its models are text, got ss"):
        machine(technology=at(corner="ss"))
    with pytest.raises(InvalidValueError, match=r"slope must be 0.5 to 2, got 3.0: take it from study.wafer_slope"):
        at(slope=3.0)


def test_conditions_name_and_provenance_do_not_ask_for_a_new_calibration():
    assert (
        at(temperature=85.0, bias=Bias.PTAT, supply=4.5).digest == replace(BICMOS, name="MINE").digest == BICMOS.digest
    )


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_shipped_calibrations_are_near_the_textbook(scale):
    technology = replace(BICMOS, state_scale=scale)
    trims, book = technology.trims, textbook(technology)
    for name in ("input_gain", "forget_gain", "candidate_gain", "output_gain", "cell_follower", "hidden_follower"):
        assert getattr(trims, name) == pytest.approx(getattr(book, name), rel=0.03)
    for name in ("emitter_resistance", "cell_volts", "divider_ratio", "hidden_load"):
        assert getattr(trims, name) == pytest.approx(getattr(book, name), rel=0.15), name
    assert trims.simulator == "ngspice-39"


def test_the_textbook_is_what_ideal_pairs_give():
    book = textbook(BICMOS)
    assert book.cell_volts == pytest.approx(0.25)
    assert book.hidden_load == pytest.approx(50e3)
    assert book.divider_ratio * book.cell_volts == pytest.approx(2.0 * thermal_voltage(27.0))


@pytest.mark.parametrize(
    ("name", "value", "must"), [("input_gain", 0.0, "be positive"), ("divider_ratio", 1.5, "be below 1")]
)
def test_an_impossible_calibration_is_refused(name, value, must):
    with pytest.raises(InvalidValueError, match=f"{name} must {must}, got {value}: calibrate anew"):
        replace(BICMOS.trims, **{name: value})


def test_a_machine_is_saved_and_loaded(tmp_path):
    built = machine(technology=at(temperature=0.0, bias=Bias.PTAT), calibration=BICMOS.trims)
    built.save(tmp_path / "chip.npz")
    again = la.load_machine(tmp_path / "chip.npz")
    assert again.technology == built.technology
    assert again.network.equals(built.network, rtol=0.0)
    assert isinstance(again.technology.calibration, Calibration)


def test_the_deck_reads_back_cells_and_all(tmp_path):
    built = machine()
    built.write.spice(tmp_path / "chip.cir", np.zeros((2, 2)))
    assert la.read_spice(tmp_path / "chip.cir").network.equals(built.network, rtol=1e-14)


# What limits it.


def test_the_check_names_what_is_beyond_its_limit():
    assert machine().check().holds
    strong = la.random_lstm(np.random.default_rng(4), inputs=1, hidden=16, scale=6.0)
    text = r"^current into a row driver, uA must be at most 200, got \d+ at unit \d+: a larger row_current, a smaller "
    with pytest.warns(LimitWarning, match=text):
        check = la.compile(strong, BICMOS).check()
    found = {finding.rule.name: finding for finding in check.warnings}
    assert set(found) == {"ROW_SINK"}
    assert found["ROW_SINK"].value > found["ROW_SINK"].limit == 200.0
    assert "a larger row_current" in str(check)


def test_the_check_sees_a_starved_supply_and_a_large_state():
    text = r"^least collector over base, V must be at least -0\.3, got -0\.906 at any unit: more supply"
    with pytest.warns(LimitWarning, match=text):
        low = machine(technology=at(supply=3.6)).check()
    assert {finding.rule.name for finding in low.warnings} == {"HEADROOM"}
    wide = replace(BICMOS, linear_range=6.0)
    wide = replace(wide, calibration=textbook(wide))
    with pytest.warns(LimitWarning) as warned:
        check = la.compile(lstm(), wide).check()
    assert "STEERED" in {finding.rule.name for finding in check.warnings}
    told = [str(warning.message) for warning in warned]
    assert len(told) == len(check.warnings)
    assert any(line.startswith("f c pair, share of its current must be at most 0.8, got ") for line in told)
    assert {warning.filename for warning in warned} == {__file__}


def test_the_check_knows_the_c_of_the_inputs_it_was_compiled_with():
    """A counter: c is the number of steps; 4 fit at the largest state scale."""
    bias = np.array([[8.0], [8.0], [8.0], [0.0]])
    cell = Cell(input=np.full((4, 1, 1), 1e-9), recurrent=np.zeros((4, 1, 1)), bias=bias)
    counter = la.LSTM(layers=(Layer(forward=cell),), name="counter")
    fits = la.compile(counter, BICMOS, inputs=np.zeros((3, 1))).check()
    assert fits.holds
    assert fits.worst(la.study.Rule.CELL_RANGE).value == pytest.approx(3.0, rel=0.01)
    with pytest.warns(LimitWarning) as warned:
        beyond = la.compile(counter, BICMOS, inputs=np.zeros((12, 1))).check()
    assert any("|c|, units must be at most 4, got 12 at any unit: " in str(warning.message) for warning in warned)
    assert {finding.rule.name for finding in beyond.warnings} == {"CELL_RANGE", "STEERED", "HEADROOM"}
    assert "the c that its inputs lead to" in beyond.basis
