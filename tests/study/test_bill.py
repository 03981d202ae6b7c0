"""The bill of materials: every part of the network is on it, and its tubes have the conductances of the network."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, WATER
from lstm_analog.engines import Integrate
from lstm_analog.errors import FileAccessError, UnsupportedError
from lstm_analog.machine import Machine, compile
from lstm_analog.model import random_lstm
from lstm_analog.study.bill import R40, Bill, cut_lengths, nominal_bore
from lstm_analog.study.operation import plant
from lstm_analog.study.tubes import Use, tubes

UNITS = 3


def machine(technology: object = OIL, timing=CLOCKED) -> Machine:
    return compile(random_lstm(np.random.default_rng(1), 2, UNITS), technology, timing=timing)


def counts(bill: Bill) -> dict[str, int]:
    result: dict[str, int] = {}
    for item in bill.items:
        result[item.part] = result.get(item.part, 0) + item.count
    return result


def test_every_part_is_counted() -> None:
    built = machine()
    bank, found = built.network.part("l0_rows"), counts(built.bill_of_materials())
    weights = np.count_nonzero(bank.positive) + np.count_nonzero(bank.negative)
    dummies = sum(np.count_nonzero(load > 1e-20) for load in (bank.plus_load, bank.minus_load))
    assert found["capillary"] == weights + dummies
    assert found["tank line tube"] == 20 * 4 * UNITS
    # per unit: 5 bridges of 2 ports, 8 relays, 4 tanks, their solenoids and 2 filling cocks (reference B3, B4)
    assert found["equal-percentage port"] == 10 * UNITS
    assert found["relay"] == 8 * UNITS
    assert found["solenoid valve"] == 4 * UNITS
    assert found["filling cock"] == 2 * UNITS
    assert found["tank"] == 4 * UNITS
    assert found["manifold or chamber"] == 13 * UNITS
    assert found["pressure rail"] == 2 + 2 + 2 * UNITS


def test_gated_leak_has_its_drains_and_flow_controls() -> None:
    found = counts(machine(timing=GATED_LEAK).bill_of_materials())
    assert found["drain valve"] == found["flow-control valve"] == UNITS
    assert found["tank"] == 3 * UNITS


@pytest.mark.parametrize("technology", [OIL, WATER], ids=lambda technology: technology.name)
def test_cut_tubes_of_nominal_bore_have_the_conductances_of_the_network(technology) -> None:
    built = machine(technology)
    for bank in tubes(plant(built.compiled, technology, None)):
        if bank.use is not Use.PORT:
            nominal, lengths = nominal_bore(bank.bore), cut_lengths(bank)
            made = np.pi * nominal**4 / (128 * technology.fluid.viscosity * lengths)
            np.testing.assert_allclose(made, bank.conductance)
            assert (lengths >= bank.length * (1 - 1e-8)).all()
            assert (lengths <= bank.length * 1.1**4).all()


def test_series_is_iso_3() -> None:
    assert R40.size == 40
    np.testing.assert_allclose(R40, 10 ** (np.arange(40) / 40), rtol=0.015)
    assert nominal_bore(np.array([1.0e-3, 1.0001e-3, 9.6e-3, 0.951e-3])) == pytest.approx([1e-3, 1.06e-3, 10e-3, 1e-3])


def test_totals() -> None:
    built = machine()
    bill = built.bill_of_materials()
    found = counts(bill)
    assert bill.tubes == found["capillary"] + found["tank line tube"]
    assert bill.tubes * 0.3 < bill.tube_length < bill.tubes * 0.3 * 1.27
    assert bill.step_time == built.compiled.cycle.step_time
    assert bill.supply.peak_power == pytest.approx(bill.supply.peak * 200e3)
    run = built.run(np.array([[0.5, -0.5]]), engine=Integrate(rtol=1e-6, atol=1e-8))
    assert built.bill_of_materials(run).supply.mean_power < bill.supply.mean_power
    assert f"tubes: {bill.tubes}" in str(bill)


def test_tubes_that_are_not_sold_are_marked() -> None:
    bill = machine(replace(OIL, unit_conductance=1e-18)).bill_of_materials()
    assert any(item.size.endswith("not for sale") for item in bill.items)


def test_table_is_written_and_read_back(tmp_path: Path) -> None:
    bill, path = machine().bill_of_materials(), tmp_path / "bill.csv"
    bill.write(path)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    parts = [row for row in rows if row["where"] != "total"]
    assert [(r["part"], r["size"], int(r["count"]), r["where"]) for r in parts] == [
        (item.part, item.size, item.count, item.where) for item in bill.items
    ]
    assert {row["part"]: row["size"] for row in rows[len(parts) :]} == dict(bill.totals)
    assert bill.to_dict()["tubes"] == bill.tubes


def test_bill_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"must be writable"):
        machine().bill_of_materials().write(tmp_path / "missing" / "bill.csv")


def test_circuit_has_no_bill() -> None:
    with pytest.raises(UnsupportedError, match=r"^the machine must be hydraulic, got electrical"):
        machine(BEHAVIOURAL).bill_of_materials()
