"""`Machine.write.epanet`: read back and solved by wntr, which knows nothing of this package."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wntr

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, WATER, Detail
from lstm_analog.engines import Settle
from lstm_analog.errors import (
    FileAccessError,
    InvalidShapeError,
    InvalidValueError,
    UnsupportedError,
    UnsupportedPartError,
)
from lstm_analog.machine import Machine, compile
from lstm_analog.model import LSTM, random_lstm

pytestmark = [pytest.mark.filterwarnings("ignore:Changing the headloss formula"), pytest.mark.epanet]

GRAVITY = 32.2 * 0.3048
"""EPANET's (m/s2)."""
SINGLE = 5e-6
"""Units of signal: wntr reads EPANET's results in single precision, of heads of a dozen metres or more."""


def lstm(layers: int = 1) -> LSTM:
    return random_lstm(np.random.default_rng(1), 2, 3, scale=2.0, layers=layers)


def x(steps: int = 3) -> np.ndarray:
    return np.random.default_rng(2).uniform(-1.0, 1.0, (steps, 2))


def pressures(path: Path, built: Machine) -> dict[str, float]:
    """Return the pressures above the datum (Pa) of all nodes but the stubs of valves, by wntr from the file alone."""
    model = wntr.network.WaterNetworkModel(str(path))
    found = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(path.with_suffix("")))
    fluid, datum = built.technology.fluid, built.technology.datum
    heads = found.node["head"].iloc[0]
    known = set(built.network.unknowns.names())
    return {name: fluid.density * GRAVITY * float(heads[name]) - datum for name in heads.index if name in known}


@pytest.mark.parametrize(
    ("technology", "layers"),
    [(OIL, 1), (replace(OIL, detail=Detail.DYNAMIC), 1), (WATER, 2)],
    ids=["ideal", "dynamic", "water, two layers"],
)
def test_wntr_finds_the_answers_of_the_lstm_in_the_file(tmp_path: Path, technology: object, layers: int) -> None:
    model = lstm(layers)
    built, unit = compile(model, technology), technology.pressure_unit
    digital = model.trace(x()).layers
    for layer in range(layers):
        path = tmp_path / f"{layer}.inp"
        built.write.epanet(path, x(), interval=f"compute{layer}")
        found = pressures(path, built)
        for signal, expected in (("h", digital[layer].h[-1]), ("c", digital[layer].c[-1])):
            tanks = np.array([found[f"l{layer}_{signal}_new_{number}"] for number in range(3)])
            assert tanks / unit == pytest.approx(expected, abs=SINGLE)


@pytest.mark.parametrize("interval", ["reset", "compute0", "hold0", "copy"])
def test_every_chamber_of_a_phase_is_in_the_file_and_at_its_pressure(tmp_path: Path, interval: str) -> None:
    built = compile(lstm(), replace(OIL, detail=Detail.FULL))
    built.write.epanet(tmp_path / "a.inp", x(), interval=interval)
    found = pressures(tmp_path / "a.inp", built)
    run = built.run(x(), engine=Settle()).trajectory
    end = [number for number, name in enumerate(run.schedule.names) if name == interval][-1] + 1
    names = built.network.unknowns.names()
    manifolds = {name for name in names if "_pos_" in name or "_neg_" in name}
    assert manifolds <= found.keys()
    for name, pressure in found.items():
        assert pressure / OIL.pressure_unit == pytest.approx(
            run.efforts[end, names.index(name)] / OIL.pressure_unit, abs=SINGLE
        )


def test_its_pipes_are_the_tubes_of_the_cut_list(tmp_path: Path) -> None:
    built = compile(lstm(), OIL)
    built.bill_of_materials().write_cut_list(tmp_path / "cuts.csv")
    with (tmp_path / "cuts.csv").open(newline="") as stream:
        rows = {(row["from"], row["to"]): row for row in csv.DictReader(stream)}
    built.write.epanet(tmp_path / "a.inp", x())
    model = wntr.network.WaterNetworkModel(str(tmp_path / "a.inp"))
    pipes = [pipe for name, pipe in model.pipes() if name.startswith("p")]
    assert len(pipes) == len([row for row in rows.values() if row["bank"] in ("l0_rows", "l0_c_take", "l0_h_take")])
    for pipe in pipes:
        row = rows[pipe.start_node_name, pipe.end_node_name]
        assert pipe.length == float(row["length (m)"])
        bundled = float(row["bore (m)"]) * int(row["in parallel"]) ** 0.25
        assert pipe.diameter == pytest.approx(bundled, rel=1e-14)


def test_what_epanet_cannot_have_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.inp"
    built = compile(lstm(), OIL)
    with pytest.raises(InvalidValueError, match=r"interval must be one of reset, setup, .*, got 'lunch': name another"):
        built.write.epanet(path, x(), interval="lunch")
    with pytest.raises(InvalidShapeError, match=r"an EPANET file must have one sequence, got batch \(2,\): "):
        built.write.epanet(path, np.zeros((2, 3, 2)))
    with pytest.raises(UnsupportedError, match="the machine must be hydraulic, got electrical: compile in a hydraulic"):
        compile(lstm(), BEHAVIOURAL, timing=CLOCKED).write.epanet(path, x())
    with pytest.raises(UnsupportedPartError, match="for EPANET must be shut in a steady state"):
        compile(lstm(), OIL, timing=GATED_LEAK).write.epanet(path, x(), interval="leak0")
    with pytest.raises(FileAccessError, match="must be writable"):
        built.write.epanet(tmp_path / "none" / "a.inp", x())
    assert list(tmp_path.iterdir()) == []
