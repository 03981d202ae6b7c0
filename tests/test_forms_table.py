"""The table form x file x technology in benchmarks/forms.md: no cell empty, no error above its bound, still true."""

import re

import pytest
import stored_table


@pytest.fixture(scope="module")
def script():
    """Return the module that made the table."""
    with stored_table.script("table_forms") as module:
        yield module


@pytest.fixture(scope="module")
def stored():
    """Return the cells of the stored tables by form and column."""
    return stored_table.cells("forms.md")


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
                assert re.fullmatch(r'".* must .*, got .*: .*"|read as: .*', text), "a refusal or what it is read as"
                assert column not in script.TECHNOLOGIES or text.startswith('"'), "a machine is right or refused"
    assert counted >= 268, "most cells are numbers"


def test_parameters_are_read_as_another_form_only_where_they_say_no_more(stored):
    """Names, shapes and numbers are the same: PyTorch's and flax' own presets are taken, which their docs state."""
    unsaid = {
        "no bias": {"flax"},
        "read-out of the last": {"torch", "flax"},
        "backward only": {"flax"},
        "GRU, reset before": {"torch", "flax"},
        "backward, not turned": {"torch", "flax"},
        "hard sigmoid": {"torch", "flax"},
        "relu": {"torch", "flax"},
    }
    for form, found in stored.items():
        groups = {"flax" if column == "flax" else "torch" for column, text in found.items() if "read as" in text}
        assert groups == unsaid.get(form, set()), form
        assert "read as" not in found["from_torch"]


@pytest.mark.parametrize("number", range(19))
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


@pytest.mark.parametrize("number", range(19))
def test_the_circuit_still_computes_every_form(script, stored, number):
    row, column = script.ROWS[number], "BEHAVIOURAL, clocked, static"
    cell = script.attempt(lambda: script.technology_cell(row, script.TECHNOLOGIES[column]))
    assert isinstance(cell, float) or cell == stored[row.form][column]
    assert isinstance(cell, str) or cell <= script.DOUBLE
