"""What messages about models advise works: a sample of `benchmarks/table_messages.py`, which tries all of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stored_table import BENCHMARKS, script

ROOT = Path(__file__).resolve().parent.parent


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "table_messages.py"), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=300)


def test_what_messages_advise_works():
    done = run("60", "2")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    count = re.search(r"advice executed (\d+) times with success, 0 failures", done.stdout)
    assert int(count[1]) >= 5


def test_the_stored_table_has_no_failure():
    page = (BENCHMARKS / "messages.md").read_text(encoding="utf-8")
    assert ", 0 failures." in page
    assert "NOT JUDGED" not in page


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("x: or load_model(path), which keeps", ["load_model(path)"]),
        ("x: load(path, only=('a', 'b')) for", ["load(path, only=('a', 'b'))", "only=('a', 'b')"]),
        ("x: take one, only='a' (or 'b', 'c'), and", ["only='a'", "only='b'", "only='c'"]),
        ("x: give them: load(path, weights={'W': ...})", []),
        ("x: leave them out", ["left out"]),
    ],
)
def test_advice_is_found(message, advice):
    with script("table_messages") as table:
        assert [text for text, _ in table.advised(message, {"path": "p"}, None)] == advice
