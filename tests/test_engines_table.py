"""The table engine x preset x timing x chips in benchmarks/engines.md: no empty cell, no figure above its bound."""

import random
import re

import pytest
import stored_table
import today

FIGURE = r"[0-9.]+e[+-]\d+"


@pytest.fixture(scope="module")
def script():
    """Return the module that made the table."""
    with stored_table.script("table_engines") as module:
        yield module


@pytest.fixture(scope="module")
def stored():
    """Return the cells of the stored table by machine and engine."""
    return stored_table.cells("engines.md")


def test_it_has_every_machine_and_engine_and_no_empty_cell(script, stored):
    assert [*stored] == [*script.ROWS]
    for machine, found in stored.items():
        assert [*found] == ["LSTM", *script.ENGINES], machine
        assert all(found.values()), machine


def test_a_cell_is_a_figure_within_its_bound_or_a_refusal_whose_advice_works(script, stored):
    for machine, found in stored.items():
        for engine in script.ENGINES:
            text = found[engine]
            if re.fullmatch(FIGURE, text):
                assert float(text) <= script.COST.get(machine, script.BOUND[engine]), (machine, engine)
            else:
                done = re.fullmatch(rf'"(?s:.+), got (?s:.+): (?s:.+)": done, ({FIGURE})', text)
                assert done, (machine, engine, text)
                assert float(done[1]) <= script.COST.get(machine, max(script.BOUND.values())), (machine, engine)


@pytest.mark.parametrize("number", range(2))
def test_rows_drawn_by_lot_still_say_so(script, stored, number):
    """Rows of the day, all engines. Not of transistors: one of their transients takes as long as all the rest."""
    names = [name for name in script.ROWS if not name.startswith("BICMOS")]
    name = random.Random(today.SEED).sample(names, 2)[number]
    for engine in script.ENGINES:
        cell = script.cell(script.ROWS[name], engine)
        if isinstance(cell, float):
            assert cell <= script.BOUND[engine], (name, engine)
            assert re.fullmatch(FIGURE, stored[name][engine]), (name, engine)
        else:
            assert re.sub(FIGURE, "", cell) == re.sub(FIGURE, "", stored[name][engine]), (name, engine)
