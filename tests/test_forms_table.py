"""The table form x file x technology in benchmarks/forms.md: no cell empty, no error above its bound, still true."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def script():
    """Return the module that made the table."""
    spec = importlib.util.spec_from_file_location("table_forms", BENCHMARKS / "table_forms.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def stored():
    """Return the cells of the stored tables by form and column."""
    cells, heads = {}, None
    for line in (BENCHMARKS / "forms.md").read_text(encoding="utf-8").splitlines():
        words = [word.strip() for word in line.strip("|").split(" | ")] if line.startswith("|") else None
        if words is None:
            heads = None
        elif heads is None:
            heads = words
        elif words[0] != "---":
            assert len(words) == len(heads), line
            cells.setdefault(words[0], {}).update(zip(heads[1:], words[1:], strict=True))
    return cells


def test_it_has_every_form_file_and_technology_and_no_empty_cell(script, stored):
    assert [*stored] == [row.form for row in script.ROWS]
    for form, found in stored.items():
        assert [*found] == [*script.FILES, *script.TECHNOLOGIES], form
        assert all(found.values()), form


def test_no_error_exceeds_its_bound(script, stored):
    counted = 0
    for row in script.ROWS:
        for column, text in stored[row.form].items():
            if re.fullmatch(r"[0-9.]+e[+-]\d+", text):
                assert float(text) <= script.bound(column, row), (row.form, column)
                counted += 1
            else:
                assert "ABOVE" not in text
                assert "ANOTHER" not in text
                assert "not installed" not in text
    assert counted >= 120, "most cells are numbers"


@pytest.mark.parametrize("number", range(17))
def test_the_files_still_say_so(script, stored, number):
    row = script.ROWS[number]
    now = script.file_cells(row)
    for column, cell in now.items():
        text = stored[row.form][column]
        if isinstance(cell, float):
            assert cell <= script.bound(column, row), column
            assert re.fullmatch(r"[0-9.]+e[+-]\d+", text), column
        elif column != "from_torch":
            assert cell == text, column
