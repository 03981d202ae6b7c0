"""The bill of materials: every part of the network is on it, and its tubes have the conductances of the network."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, WATER, Detail
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.errors import FileAccessError, UnsupportedError
from lstm_analog.imperfections import Streams, ViscosityChange
from lstm_analog.machine import Machine, compile
from lstm_analog.model import Gate, random_lstm
from lstm_analog.study.bill import Bill
from lstm_analog.study.tubes import R40, nominal_bore

UNITS = 3
NAMES = {"i": "INPUT", "f": "FORGET", "g": "CELL", "o": "OUTPUT"}


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
    # per unit: 5 bridges of 2 ports, 8 relays, 4 tanks, their solenoids and 2 filling cocks:
    # docs/hydraulics.md#parts-of-a-unit
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


def cut_list(built: Machine, folder: Path) -> list[dict[str, str]]:
    built.bill_of_materials().write_cut_list(folder / "cuts.csv")
    with (folder / "cuts.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def poiseuille(row: dict[str, str]) -> float:
    """Return the conductance of the tubes of a row by what stands in it alone, Hagen 1839 and Poiseuille 1846."""
    bore, length, viscosity = (float(row[name]) for name in ("bore (m)", "length (m)", "viscosity (Pa s)"))
    return int(row["in parallel"]) * np.pi * bore**4 / (128 * viscosity * length)


@pytest.mark.parametrize(
    "technology", [OIL, WATER, replace(OIL, detail=Detail.DYNAMIC)], ids=["oil", "water", "dynamic"]
)
def test_the_cut_list_has_the_conductances_and_the_graph_the_sizes_of_the_cut_list(technology, tmp_path: Path) -> None:
    built = machine(technology)
    rows, graph = cut_list(built, tmp_path), built.graph()
    found = {(row["from"], row["to"], row["bank"]): row for row in rows}
    drawn = {(a, b, d["label"]): d for a, b, d in graph.edges(data=True) if "bore" in d}
    assert found.keys() == drawn.keys()
    assert len(found) == len(rows) == len({row["tube"] for row in rows})
    for place, row in found.items():
        assert poiseuille(row) == pytest.approx(drawn[place]["conductance"], rel=1e-12)
        assert (float(row["bore (m)"]), float(row["length (m)"])) == (drawn[place]["bore"], drawn[place]["length"])
        assert int(row["in parallel"]) == drawn[place].get("count", 1)
        assert np.isclose(R40 * 10 ** np.floor(np.log10(float(row["bore (m)"]))), float(row["bore (m)"])).any()
    conductive = [d for _, _, d in graph.edges(data=True) if d["kind"] in ("Crossbars", "Switches", "Inertances")]
    hoses = [d for d in conductive if "bore" not in d and d["role"] == "conductance"]
    assert {d["label"] for d in hoses} == {"l0_c_reset", "l0_h_reset"}


def test_the_weights_of_the_lstm_come_back_from_the_cut_list_alone(tmp_path: Path) -> None:
    built, cell = machine(), random_lstm(np.random.default_rng(1), 2, UNITS).layers[0].forward
    found = np.zeros((4, UNITS, 2 + UNITS + 1))
    places = {"x_0": 0, "x_1": 1, **{f"l0_h_held_{k}": 2 + k for k in range(UNITS)}, "rail_hi_0": 2 + UNITS}
    for row in cut_list(built, tmp_path):
        named = re.fullmatch(r"l0_z([ifgo])_(pos|neg)_(\d)", row["to"])
        if named:
            gate, side, unit = named.groups()
            sign = 1.0 if side == "pos" else -1.0
            found[Gate[NAMES[gate]], int(unit), places[row["from"]]] += sign * poiseuille(row) / OIL.unit_conductance
    expected = np.concatenate((cell.input, cell.recurrent, cell.bias[..., None]), axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_the_cut_list_adds_up_to_the_bill(tmp_path: Path) -> None:
    built = machine()
    bill, rows = built.bill_of_materials(), cut_list(built, tmp_path)
    count = [int(row["in parallel"]) for row in rows]
    lengths = [float(row["length (m)"]) for row in rows]
    assert sum(count) == bill.tubes
    assert np.dot(count, lengths) == pytest.approx(bill.tube_length, rel=1e-12)
    kinds = [item for item in bill.items if item.part in ("capillary", "tank line tube")]
    for item in kinds:
        bore, least, most = map(float, re.findall(r"[\d.]+", item.size))
        own = [
            (n, length)
            for n, length, row in zip(count, lengths, rows, strict=True)
            if (row["use"], f"{float(row['bore (m)']) * 1e3:.4g}") == (item.part, f"{bore:.4g}")
            and row["bank"] in item.where.split(", ")
        ]
        assert sum(n for n, _ in own) == item.count
        assert (f"{min(length for _, length in own):.3f}", f"{max(length for _, length in own):.3f}") == (
            f"{least:.3f}",
            f"{most:.3f}",
        )
    assert sum(item.count for item in kinds) == bill.tubes


def test_real_bores_are_cut_so_that_they_conduct_what_the_network_says(tmp_path: Path) -> None:
    """Lines and capillaries that were changed in the network are drawn as they are there, not as they were designed."""
    built = machine().with_imperfection(ViscosityChange(factor=0.8), Streams(seed=1))
    graph = built.graph()
    for row in cut_list(built, tmp_path):
        edge = next(d for d in graph.get_edge_data(row["from"], row["to"]).values() if d["label"] == row["bank"])
        assert poiseuille(row) == pytest.approx(edge["conductance"], rel=1e-12)


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


def test_the_mean_flow_is_over_the_steps_alone_and_by_trapezia() -> None:
    """The reset counted in it, and each stretch of charging with the flow at its end, so that it was too little."""
    built = machine()
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (3, 2))
    run = built.run(x, engine=Waveform(points=16))
    supply = built.bill_of_materials(run).supply
    done, extra = run.passes[0], 20.0 * run.trajectory.schedule.durations[0]
    schedule, time = done.trajectory.schedule, done.trajectory.time
    longer = replace(
        done.trajectory,
        schedule=replace(schedule, durations=schedule.durations + extra * np.eye(1, schedule.durations.size)[0]),
        time=time + extra * (time >= schedule.ends[0]),
    )
    waited = built.bill_of_materials(replace(run, passes=(replace(done, trajectory=longer),))).supply
    np.testing.assert_allclose(waited.mean, supply.mean, rtol=1e-9)
    finely = built.bill_of_materials(built.run(x, engine=Waveform(points=128))).supply
    np.testing.assert_allclose(supply.mean - supply.bleed, finely.mean - finely.bleed, rtol=5e-3)


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
    with pytest.raises(FileAccessError, match=r"must be writable"):
        machine().bill_of_materials().write_cut_list(tmp_path / "missing" / "cuts.csv")


def test_circuit_has_no_bill() -> None:
    with pytest.raises(UnsupportedError, match=r"^the machine must be hydraulic, got electrical: .*study.running_cost"):
        machine(BEHAVIOURAL).bill_of_materials()
