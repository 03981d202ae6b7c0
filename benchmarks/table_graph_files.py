#!/usr/bin/env python
"""A solver written from the graph file alone against `Integrate`: `python benchmarks/table_graph_files.py [words]`.

Random models of 2 units and 2 inputs, 3 steps, at twice PyTorch's weights, phases of 6 time constants: the farthest
that any node is from `Integrate` at rtol 1e-10 at the end of any interval, in units of signal, from the JSON and from
the GraphML. With `words`, only rows whose technology or form holds one of them. The solver is
`tests/export/file_solver.py`; `tests/export/test_file_solver.py` has a sample.
"""

import runpy
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
from measure import conditions, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.errors import UnsupportedError
from lstm_analog.model import Form

SOLVER = runpy.run_path(str(Path(__file__).resolve().parent.parent / "tests" / "export" / "file_solver.py"))
TECHNOLOGIES = MappingProxyType(
    {
        **{f"OIL, {detail.name.lower()}": replace(OIL, detail=detail) for detail in Detail},
        "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
        "OPAMP_IDEAL": la.electrical.OPAMP_IDEAL,
        "OPAMP": la.electrical.OPAMP,
    }
)
X = np.random.default_rng(1).uniform(-1, 1, (3, 2))


def differences(machine: la.Machine) -> Iterator[float]:
    """Yield the largest difference from the JSON and from the GraphML of `machine`."""
    network = machine.network
    expected = la.engines.Integrate(rtol=1e-10, atol=1e-12).run(network, machine.schedule(X)).efforts[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("a.json", machine.write.json), ("a.graphml", machine.write.graphml)):
            write(Path(folder) / name, X)
            found = SOLVER["FileNetwork"](Path(folder) / name)
            columns = [found.place[node] for node in network.unknowns.names()]
            yield float(np.abs((found.solve()[:, columns] - expected) / network.unknowns.scales()).max())


def row(technology: str, form: Form, timing: la.compiler.Timing) -> list[str]:
    """Return the cells of one row; the refusal for what the technology does not have."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, scale=2.0, form=form)
    named = [technology, form.name, timing.name]
    try:
        machine = la.compile(lstm, TECHNOLOGIES[technology], timing=timing, settling=6.0)
    except UnsupportedError as error:
        return [*named, str(error), ""]
    return [*named, *(f"{value:.1e}" for value in differences(machine))]


def rows(words: list[str]) -> Iterator[list[str]]:
    """Yield the rows that hold one of `words`, all if there are none."""
    for technology, form, timing in product(TECHNOLOGIES, (Form.LSTM, Form.GRU), (la.CLOCKED, la.GATED_LEAK)):
        if not words or any(word in f"{technology} {form.name}" for word in words):
            print(".", end="", file=sys.stderr, flush=True)
            yield row(technology, form, timing)


if __name__ == "__main__":
    print(conditions())
    print(table(("technology", "form", "timing", "JSON", "GraphML"), rows(sys.argv[1:])))
