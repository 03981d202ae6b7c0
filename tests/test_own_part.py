"""A user's part and technology, added from outside in under 40 lines, does all that a part of the package does."""

import re
import runpy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import FileFormatError
from lstm_analog.export import DIALECTS, check_dialect
from lstm_analog.network import laws

FILE = Path(__file__).resolve().parent.parent / "notebooks" / "own_part.py"


@cache
def made():
    return runpy.run_path(str(FILE))


def test_it_takes_less_than_40_lines():
    """Imports, the part, the technology and the op-amp: all but the cell that runs the machine."""
    cells = FILE.read_text(encoding="utf-8").split("# %%\n")
    (run,) = (number for number, cell in enumerate(cells) if "# ## Run it" in cell)
    added = "".join(cells[: run + 1] + cells[run + 2 :])
    lines = [line for line in added.splitlines() if line.strip() and not line.startswith("#")]
    assert 30 < len(lines) < 40


def test_the_law_is_the_measured_curve_and_its_slope():
    volts, amperes = made()["VOLTS"], made()["MICROAMPERES"] * 1e-6
    part = made()["Measured"](label="d", nodes=[1], number=2.0)
    grid = np.linspace(-3.91, 3.87, 40)
    efforts = np.stack((np.zeros(40), grid), axis=-1)
    current = -laws.flow(part, efforts, ())[:, 0, 0]
    np.testing.assert_allclose(current, 2.0 * np.interp(grid, volts, amperes), rtol=1e-12, atol=1e-18)
    step = np.array([0.0, 1e-6])
    slope = (laws.flow(part, efforts + step, ()) - laws.flow(part, efforts - step, ()))[:, 0, 0] / 2e-6
    np.testing.assert_allclose(laws.partials(part, efforts, ())[0][:, 0], slope, rtol=1e-6)


def test_a_network_bears_the_name_of_its_own_technology(tmp_path):
    """Not that of the behavioural circuit with which it begins."""
    machine, path = made()["machine"], tmp_path / "own.cir"
    assert machine.network.said("technology") == ("Loaded",)
    assert "Loaded" in str(machine)
    machine.write.spice(path, made()["x"])
    assert "BEHAVIOURAL" not in path.read_text()


def test_scipy_and_ngspice_agree_and_the_part_counts():
    machine, x = made()["machine"], made()["x"]
    ours = machine.run(x).h
    theirs = machine.run(x, engine=la.engines.Ngspice()).h
    plain = la.compile(made()["lstm"], la.electrical.BEHAVIOURAL).run(x).h
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)
    assert np.abs(ours - plain).max() > 1e-3


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_writes_it_and_reads_it_back(tmp_path, dialect):
    machine, path = made()["machine"], tmp_path / "own.cir"
    machine.write.spice(path, made()["x"], dialect=dialect)
    assert check_dialect(path, dialect) == ()
    assert la.read_spice(path).network.equals(machine.network, rtol=1e-15)
    text = path.read_text()
    path.write_text(re.sub(r"=0\.5\n", "=0.75\n", text, count=1) if "_device_number=0.5" in text else text)
    edited = la.read_spice(path).network.part("l0_rows_device")
    assert (edited.number == 0.75).all()
    other = {"Measured": lambda label, read: made()["Measured"](label=label, nodes=read.pins[0], number=3.0)}
    assert (la.read_spice(path, own=other).network.part("l0_rows_device").number == 3.0).all()
    path.write_text(path.read_text().replace("part Measured", "part Unmeasured"))
    with pytest.raises(FileFormatError, match=r"part must be one of .*, Measured.*, got 'Unmeasured'"):
        la.read_spice(path)


def test_it_is_saved_and_loaded_by_who_knows_it(tmp_path):
    machine = made()["machine"]
    machine.save(tmp_path / "own.npz")
    kinds = (made()["Measured"], made()["Loaded"])
    again = la.load_machine(tmp_path / "own.npz", own=kinds)
    assert again.network.equals(machine.network, rtol=0.0)
    assert again.technology == machine.technology
    with pytest.raises(FileFormatError, match=r"got \"'Measured'\": .*the classes in it that are your own, as own="):
        la.load_machine(tmp_path / "own.npz")
    with pytest.raises(FileFormatError):
        la.load_machine(tmp_path / "own.npz", own=kinds[:1])


def test_rumoca_runs_it_as_scipy_does():
    machine, x = made()["machine"], made()["x"][:2]
    theirs = machine.run(x, engine=la.engines.Rumoca()).h
    np.testing.assert_allclose(theirs, machine.run(x).h, rtol=0, atol=1e-6)


def test_verilog_a_has_its_equation(tmp_path):
    """Four bends for each row."""
    made()["machine"].write.verilog_a(tmp_path / "own.va")
    rows = made()["machine"].network.part("l0_rows_device").nodes.size
    assert (tmp_path / "own.va").read_text().count("abs(") == 4 * rows


def test_an_op_amp_of_ones_own_is_a_data_sheet():
    board = made()["board"]
    ideal = made()["lstm"](made()["x"]).h[:1]
    assert board.technology == replace(la.electrical.OPAMP, name="MINE", amplifier=made()["slow"])
    assert 0 < np.abs(board.run(made()["x"][:1]).h - ideal).max() < 0.01
