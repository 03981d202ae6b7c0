"""The comparisons of benchmarks/ still run; at tiny sizes, and nothing is said about the figures."""

import importlib
import runpy
import sys
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "benchmarks" / "README.md"
LONG = {
    "bench_chips.py",
    "bench_opamp.py",
    "bench_plumbing.py",
    "bench_roofline.py",
    "bench_settle.py",
    "bench_solvers.py",
    "bench_transient.py",
    "bench_waveform.py",
}
"""Those of which a few rows will do here."""
SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("bench_*.py"))


def test_there_are_comparisons():
    assert SCRIPTS == [
        "bench_chips.py",
        "bench_compile.py",
        "bench_growth.py",
        "bench_opamp.py",
        "bench_plumbing.py",
        "bench_roofline.py",
        "bench_settle.py",
        "bench_solvers.py",
        "bench_threads.py",
        "bench_transient.py",
        "bench_waveform.py",
        "bench_writer.py",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_comparison_runs_and_prints_the_tables_that_the_readme_shows(script, monkeypatch, capsys):
    """In this process, where all is imported; what a script has in processes of its own, it starts."""
    path = str(ROOT / "benchmarks" / script)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(sys, "argv", [path, "1", *(["brief"] if script in LONG else [])])
    runpy.run_path(path, run_name="__main__")
    conditions, *lines = capsys.readouterr().out.splitlines()
    assert conditions.startswith("lstm_analog ")
    assert "/" not in conditions.split(";")[0], "no paths"
    tables = [list(group) for bars, group in groupby(lines, lambda line: line.startswith("|")) if bars]
    assert tables
    shown = README.read_text(encoding="utf-8")
    for heads, rule, *rows in tables:
        assert heads in shown, "a table of results that the script no longer makes is worse than none"
        assert rule.count("---") == heads.count("|") - 1
        assert rows
        assert all(row.startswith("| 1 |") and row.count("|") == heads.count("|") for row in rows)


def test_tables_are_written_under_their_heading(monkeypatch):
    """The second of the same heads goes to the second; other sections stay, a strange table is refused."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    retabled = importlib.import_module("retable").retabled
    old = "| H | s |\n| --- | --- |\n| 1 | 2 |\n"
    page = f"# B\n\n## `a.py`: a\n\nWords.\n\n{old}\nMore:\n\n{old}\n## `b.py`: b\n\n{old}"
    new = [old.replace("| 1 | 2 |", f"| 1 | {k} |\n| 2 | {k} |") for k in (5, 6)]
    done = f"# B\n\n## `a.py`: a\n\nWords.\n\nLast run: now.\n\n{new[0]}\nMore:\n\n{new[1]}\n## `b.py`: b\n\n{old}"
    assert retabled(page, "a.py", f"now\n{new[0]}text\n{new[1]}") == done
    assert retabled(done, "a.py", f"later\n{old}text\n{new[1]}") == done.replace("now", "later").replace(new[0], old)
    with pytest.raises(SystemExit, match=r"^a.py must print tables that README.md shows, got \| T \|"):
        retabled(page, "a.py", "now\n| T |\n| --- |\n| 1 |")
    with pytest.raises(SystemExit, match=r"^README.md must have a section about c.py"):
        retabled(page, "c.py", f"now\n{old}")
