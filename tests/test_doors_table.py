"""The table door x hostile case in benchmarks/doors.md: none has failed; some cells made again, some runs killed."""

import re
import subprocess
import sys
from pathlib import Path

import stored_table
import today

ROOT = Path(__file__).resolve().parent.parent
CELL = r"(answered|refused) \d+ MB \d+\.\d\d s"


def run(script, *words):
    """Return what a script of `benchmarks/` says, the tree being that of the tests."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def test_no_door_fails():
    stored = stored_table.cells("doors.md")
    assert len(stored) > 40
    for door, row in stored.items():
        for case, cell in row.items():
            left_out = case in ("bomb", "forged size") and not cell
            assert left_out or re.fullmatch(CELL, cell), (door, case)


def test_cells_drawn_by_lot_still_hold():
    """Cells of the day."""
    assert " cells: " in run("table_doors.py", "sample", "25", str(today.SEED)).splitlines()[-1]


def test_nothing_is_left_of_runs_that_were_killed():
    assert run("kill_runs.py", "2", "3").splitlines()[-1].startswith("2 runs killed, seed 3: ")
