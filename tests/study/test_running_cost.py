"""What machines take to run: the network's own energy is conserved, and each constant does what it says."""

import csv
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import DeviceSpread, ReadNoise, Streams
from lstm_analog.model import Cell, Head, Layer
from lstm_analog.network.laws import flow
from lstm_analog.network.parts import Followers, Pairs, Sources, Storages, Transconductors
from lstm_analog.network.schedule import Schedule
from lstm_analog.study import digital_costs, figures, figures_of, running_cost
from lstm_analog.study.board import board
from lstm_analog.study.circuit_cost import _gates
from lstm_analog.study.digital import count_products
from lstm_analog.study.figures import BOARD, INTEGRATED, LABORATORY, WORKSHOP, SourcedValue
from lstm_analog.study.flows import moments_of, outflow

X = np.random.default_rng(3).uniform(-1.0, 1.0, (3, 2))
UNITS = 3


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, UNITS)


@pytest.fixture(scope="module")
def ran(lstm):
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    return machine.run(X, engine=Waveform(), keep=la.Keep.EVERYTHING)


@pytest.fixture(scope="module")
def oiled(lstm):
    return la.compile(lstm, la.hydraulic.OIL).run(X, keep=la.Keep.EVERYTHING)


@pytest.fixture(scope="module")
def amplified(lstm):
    return la.compile(lstm, la.electrical.OPAMP).run(X[:2], engine="settle", keep=la.Keep.EVERYTHING)


def consumer(found, what):
    return next(each.power for each in found.consumers if each.what == what)


def number(found, what):
    return next((each.number for each in found.parts if each.what == what), 0)


# Laws.


def balance(run):
    """Return what all sources deliver, what conductances turn to heat, and what capacitors take up after the reset."""
    network, trajectory = run.trajectory.network, run.trajectory
    given = heat = 0.0
    for some in moments_of(trajectory):
        out = outflow(network, some.efforts, some.high)
        heat += some.weights @ (some.efforts * out).sum(axis=1)
        for part in network.parts:
            if isinstance(part, Sources | Followers):
                given += some.weights @ (some.efforts[:, part.nodes] * out[:, part.nodes]).sum(axis=1)
            if isinstance(part, Pairs | Transconductors):
                nodes = part.out if isinstance(part, Pairs) else part.rows
                given += some.weights @ (some.efforts[:, nodes] * flow(part, some.efforts, some.high)[:, 0]).sum(axis=1)
    start = np.searchsorted(trajectory.time, trajectory.schedule.ends[0])
    banks = [part for part in network.parts if isinstance(part, Storages)]
    stored = sum((0.5 * part.capacitance * trajectory.efforts[..., part.nodes] ** 2).sum(axis=-1) for part in banks)
    return given, heat, stored[-1] - stored[start]


def test_what_sources_give_is_stored_or_turned_to_heat(lstm):
    """Tellegen's theorem, but for an error of the first order where the clock switches: it goes with the points."""
    machine, left = la.compile(lstm, la.electrical.BEHAVIOURAL), []
    for points in (64, 1024):
        run = machine.run(X, engine=Waveform(points=points), keep=la.Keep.EVERYTHING)
        given, heat, stored = balance(run)
        left.append(abs(given - heat - stored) / heat)
        duration = run.trajectory.schedule.durations[1:].sum()
        assert running_cost(run).heat == pytest.approx(heat / duration, rel=1e-12)
    assert left[0] < 0.02
    assert left[1] < 0.1 * left[0]


def test_moments_are_all_the_time_after_the_reset(ran):
    weights = sum(float(some.weights.sum()) for some in moments_of(ran.trajectory))
    assert weights == pytest.approx(3 * ran.compiled.cycle.step_time, rel=1e-12)


def test_heat_of_conductances_is_less_than_what_is_drawn(ran, oiled, amplified):
    for each in (ran, oiled, amplified):
        found = running_cost(each)
        assert 0.0 < found.heat < found.power


# Constants, one by one.


def test_gates_take_their_charge_once_a_step(ran):
    """Master and slave of c and h: four switches a unit, each closed once a step."""
    figures = figures_of(la.electrical.BEHAVIOURAL)
    energy = 4 * UNITS * figures.gate.value * figures.swing.value**2
    assert consumer(running_cost(ran), "gates of switches") == pytest.approx(energy / ran.compiled.cycle.step_time)


def test_a_line_that_stays_high_charges_its_gates_once(ran):
    network, lines = ran.trajectory.network, ran.trajectory.network.lines
    high = np.zeros((6, len(lines)), dtype=bool)
    high[[1, 2, 4], lines.index("compute0")] = True
    schedule = Schedule(names=("interval",) * 6, high=high, durations=np.full(6, 0.2), imposed=())
    figures = figures_of(la.electrical.BEHAVIOURAL)
    energy = 2 * 2 * UNITS * figures.gate.value * figures.swing.value**2
    assert _gates(schedule, network, figures).power == pytest.approx(energy / 1.0, rel=1e-9, abs=0.0)


def test_tails_of_transconductors_are_their_currents_for_one_unit(ran, lstm):
    cell = lstm.layers[0].forward
    weights = sum(np.abs(array).sum() for array in (cell.input, cell.recurrent, cell.bias))
    expected = 2.0 * 5.0 * weights * la.electrical.BEHAVIOURAL.volts_per_unit / la.electrical.BEHAVIOURAL.row_resistance
    assert consumer(running_cost(ran), "tails of transconductors") == pytest.approx(expected)


def test_op_amps_take_more_the_faster_they_are_and_the_more_they_hold(lstm):
    rests = {}
    for bandwidth, capacitance in ((10e6, 10e-12), (20e6, 10e-12), (10e6, 30e-12)):
        made = la.electrical.OPAMP
        amplifier = replace(made.amplifier, gain_bandwidth=bandwidth)
        made = replace(made, amplifier=amplifier, hold=replace(made.hold, capacitance=capacitance))
        found = running_cost(la.compile(lstm, made).run(X[:1], engine="settle", keep=la.Keep.EVERYTHING))
        rests[bandwidth, capacitance] = consumer(found, "op-amps at rest")
        each = INTEGRATED.amplifier_current.value + INTEGRATED.amplifier_rate.value * bandwidth * capacitance
        assert rests[bandwidth, capacitance] == pytest.approx(10.0 * each * number(found, "op-amps"))
    assert rests[10e6, 10e-12] < rests[20e6, 10e-12] < rests[10e6, 30e-12]


def test_parts_of_a_board_are_those_that_are_bought(lstm):
    machine = la.compile(lstm, la.electrical.OPAMP_BENCH)
    found = running_cost(machine.run(X[:1], engine="settle", keep=la.Keep.EVERYTHING))
    assert number(found, "multipliers") == 3 * UNITS, "i g, f c, o tanh(c); no input current of an op-amp is one"
    assert number(found, "pairs") == 5 * UNITS
    own = (4 * 2 + 1 + 4) * UNITS  # two a row, the adder, four sample-and-holds
    assert number(found, "op-amps") == own + (5 + 3) * UNITS, "one around each pair, one for each denominator"
    bought = Counter(
        bank.part.symbol.partition(":")[2]
        for bank in board(machine.compiled, la.electrical.OPAMP_BENCH).components
        for _ in bank.elements
    )
    assert {what: number(found, what) for what in ("op-amps", "buffers", "multipliers", "pairs")} == {
        "op-amps": bought["OPA192"],
        "buffers": bought["BUF634U"],
        "multipliers": bought["AD734"],
        "pairs": bought["MAT01"],
    }
    decoupling = 2 * sum(bought[symbol] for symbol in ("OPA192", "BUF634U", "AD734", "ADG1212"))
    assert number(found, "capacitors") == bought["C"] - decoupling
    fixed = (
        bought["R"] + bought["R_Potentiometer"] - 5 * UNITS - 2 * UNITS
    )  # those of LM334, and of a half of each tanh
    assert number(found, "resistors") + number(found, "conductances of weights") == fixed
    assert consumer(found, "op-amps at rest") == pytest.approx(24.0 * 1e-3 * bought["OPA192"])
    assert consumer(found, "multipliers at rest") == pytest.approx(3 * UNITS * 24.0 * BOARD.multiplier_current.value)
    area = 3 * UNITS * BOARD.multiplier_area.value
    assert next(each.room for each in found.parts if each.what == "multipliers") == pytest.approx(area)
    assert found.unit == "m2"


def test_plumbing_takes_its_pump_and_the_solenoids_that_are_open(oiled, lstm):
    found, bill = running_cost(oiled), la.compile(lstm, la.hydraulic.OIL).bill_of_materials(oiled)
    assert consumer(found, "pump") == pytest.approx(bill.supply.mean_power / WORKSHOP.efficiency.value)
    cycle = oiled.compiled.cycle
    open_time = sum(interval.duration for interval in cycle.step if interval.settles) / cycle.step_time
    assert consumer(found, "solenoids") == pytest.approx(5.0 * 2 * UNITS * open_time)
    assert number(found, "tubes") == bill.tubes
    assert next(each.room for each in found.parts if each.what == "tank") == pytest.approx(4 * UNITS * 3.0 * 1e-4)
    assert found.unit == "m3"


def test_figures_can_be_replaced(oiled):
    usual = running_cost(oiled)
    better = replace(WORKSHOP, solenoid=SourcedValue(value=0.5, unit="W", source="a latching valve"))
    found = running_cost(oiled, better)
    assert consumer(found, "solenoids") == pytest.approx(0.1 * consumer(usual, "solenoids"))
    assert "a latching valve" in str(found)
    assert figures_of(la.hydraulic.WATER) is LABORATORY


# Sums.


def test_energy_is_power_by_the_time_of_a_step(ran, lstm):
    found = running_cost(ran)
    assert found.step_time == pytest.approx(ran.compiled.cycle.step_time, rel=1e-12)
    assert found.power == pytest.approx(sum(each.power for each in found.consumers))
    assert found.energy == pytest.approx(found.power * found.step_time)
    assert found.latency == la.compile(lstm, "behavioural").pipeline.latency(3)


def test_solenoids_are_shut_while_another_pass_runs():
    """Those of each pass were taken to be open as long as if it were alone: with two passes twice the power."""
    lstm = la.random_lstm(np.random.default_rng(5), 2, 1, layers=2, bidirectional=True)
    run = la.compile(lstm, la.hydraulic.OIL).run(X[:1, :2], engine="settle", keep=la.Keep.EVERYTHING)
    alone = [consumer(running_cost(replace(run, passes=(each,))), "solenoids") for each in run.passes]
    assert len(alone) == 2
    assert consumer(running_cost(run), "solenoids") == pytest.approx(sum(alone) / 2.0)


def test_the_energy_of_steps_is_that_of_the_sequence_when_a_head_reads_the_last_step():
    """The pass of the head was left out: two steps took the energy of 2/3 of the time that they last."""
    rng = np.random.default_rng(5)
    head = Head(weights=rng.normal(size=(1, UNITS)), bias=np.zeros(1), final=True)
    lstm = replace(la.random_lstm(rng, 2, UNITS), head=head)
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).run(X[:2], engine="settle", keep=la.Keep.EVERYTHING)
    clocks = [each.trajectory.schedule.durations[1:].sum() for each in run.passes]
    found = running_cost(run)
    assert clocks[1] == pytest.approx(clocks[0] / 2.0)  # one step of as long a clock
    assert 2.0 * found.energy == pytest.approx(found.power * sum(clocks))


def test_passes_add_up():
    rng = np.random.default_rng(5)
    cells = [Cell(input=rng.normal(size=(4, 2, 2)), recurrent=rng.normal(size=(4, 2, 2))) for _ in range(3)]
    deep = Cell(input=rng.normal(size=(4, 2, 4)), recurrent=rng.normal(size=(4, 2, 2)))
    lstm = la.LSTM(layers=(Layer(forward=cells[0], backward=cells[1]), Layer(forward=deep)), name="two_ways")
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    run = machine.run(X, keep=la.Keep.EVERYTHING)
    found = running_cost(run)
    alone = [running_cost(replace(run, passes=(each,))) for each in run.passes]
    assert len(alone) > 1
    gates = [consumer(each, "gates of switches") for each in alone]
    halves = sum(gates) / 2.0  # two passes of as many steps, each with its clock at rest while the other runs
    assert consumer(found, "gates of switches") == pytest.approx(halves)
    assert found.power == pytest.approx(sum(each.power for each in alone) - halves)
    assert found.number == sum(each.number for each in alone)
    assert found.step_time == pytest.approx(1.0 / machine.pipeline.throughput)


def test_a_table_is_written_and_read_back(ran, tmp_path):
    found = running_cost(ran)
    found.write(tmp_path / "cost.csv")
    with (tmp_path / "cost.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["source"] for row in rows)
    totals = {row["what"]: row for row in rows if row["source"] == "total"}
    assert float(totals["power"]["value"]) == found.power
    assert float(totals["energy a step"]["value"]) == found.energy
    assert int(totals["parts"]["number"]) == found.number
    assert repr(found).startswith("RunningCost")
    assert "1 fF/um2" in str(found)


def rows_of(name):
    """Return the rows of the page for the constants `name`, without those of the record that it was made from."""
    record = getattr(figures, name)
    origin = {"IDEALISED": figures.INTEGRATED, "LABORATORY": figures.WORKSHOP}.get(name)
    known = {each.name: getattr(record, each.name) for each in fields(record)}
    return [
        f"| {name} | {field} | {each.value:g} | {each.unit} | {each.source} |"
        for field, each in known.items()
        if origin is None or each != getattr(origin, field)
    ]


@pytest.mark.parametrize("name", ["INTEGRATED", "IDEALISED", "BOARD", "CELLS", "WORKSHOP", "LABORATORY"])
def test_every_constant_is_on_the_page_with_its_source(name):
    page = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text(encoding="utf-8")
    assert not [row for row in rows_of(name) if row not in page]


# What is refused.


def test_what_is_no_whole_run_of_one_machine_is_refused(lstm, ran):
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    with pytest.raises(InvalidValueError, match="the run must keep all unknowns in all intervals"):
        running_cost(machine.run(X, keep=la.Keep.SIGNALS))
    chips = machine.with_imperfection(DeviceSpread(share=0.01), Streams(seed=1, chips=2))
    with pytest.raises(InvalidShapeError, match="must have no chip axis"):
        running_cost(chips.run(X, keep=la.Keep.EVERYTHING))
    noisy = machine.with_imperfection(ReadNoise(sigma=0.01), Streams(seed=1))
    with pytest.raises(UnsupportedError, match="the network must be the same in all steps"):
        running_cost(noisy.run(X, engine="settle", keep=la.Keep.EVERYTHING))
    with pytest.raises(UnsupportedError, match=r"the run must say its technology, got none: run it by Machine\.run"):
        running_cost(replace(ran, setup=None))


def test_figures_of_another_technology_are_refused(ran):
    with pytest.raises(InvalidTypeError, match="figures must be those of the technology, got PlumbingFigures"):
        running_cost(ran, WORKSHOP)
    with pytest.raises(UnsupportedError, match="technology must have known constants, got str: register"):
        figures_of("tin")
    with pytest.raises(InvalidValueError, match=r"constant \(V\) must be zero or positive, got -1.0: give it"):
        SourcedValue(value=-1.0, unit="V", source="nowhere")


# The digital alternative.


def test_products_are_counted_with_all_that_a_cell_has():
    rng = np.random.default_rng(1)
    cell = Cell(
        input=rng.normal(size=(4, 3, 2)),
        recurrent=rng.normal(size=(4, 3, 1)),
        peephole=rng.normal(size=(3, 3)),
        projection=rng.normal(size=(1, 3)),
    )
    lstm = la.LSTM(layers=(Layer(forward=cell),), head=Head(weights=rng.normal(size=(5, 1))), name="all")
    assert count_products(lstm) == 4 * 3 * (2 + 1) + 3 * 3 + 3 + 5


def test_processors_take_their_figures_for_each_product(lstm):
    slow, fast, bound = digital_costs(lstm)
    assert slow.products == 4 * UNITS * (2 + UNITS)
    assert slow.time == pytest.approx(slow.products * 134e-9, rel=1e-3)
    assert slow.energy == pytest.approx(slow.time * 39.6e-3)
    assert fast.energy == pytest.approx(fast.products * 0.65e-12, rel=1e-2, abs=0.0)
    assert fast.energy < bound.energy < slow.energy
    assert np.isnan(bound.time)
    assert "time not known" in str(bound)
    assert "EdgeMark" in str(slow)
