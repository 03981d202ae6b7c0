#!/usr/bin/env python
"""Makes the decks of this folder, each with its checked results beside it: `python netlists/make_netlists.py`.

In `dialects/` one cell in every dialect, as a subcircuit and in Verilog-A. Needs ngspice. `tests/test_netlists.py` and
`tests/test_dialect_netlists.py` use what stands here to make them again and compare.
"""

import json
import re
import runpy
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog.arrays import Floats
from lstm_analog.compiler import Spot, Timing
from lstm_analog.export import suited
from lstm_analog.model import airline
from lstm_analog.study.comparison import ENGINE_TOLERANCE
from lstm_analog.study.interface import interface
from lstm_analog.study.report import versions

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Case:
    """One deck: which LSTM, its inputs `x` (time, inputs), the state it starts from, and how it is clocked."""

    lstm: Mapping[str, Any]
    timing: Timing
    settling: float
    x: Floats
    state: la.State | None


def model(words: Mapping[str, Any]) -> la.LSTM:
    """Return the LSTM that `words` name: a shipped forecaster by its units, a random one by seed, sizes and scale."""
    if "forecaster" in words:
        return airline.forecaster(words["forecaster"]).lstm
    rng = np.random.default_rng(words["seed"])
    return la.random_lstm(rng, words["inputs"], words["hidden"], scale=words["scale"], name=words["name"])


def machine(case: Case) -> la.Machine:
    """Return the machine of `case`."""
    return la.compile(model(case.lstm), la.electrical.BEHAVIOURAL, timing=case.timing, settling=case.settling)


def write(case: Case, path: Path) -> None:
    """Write the deck of `case` to `path`."""
    machine(case).write.spice(path, case.x, state=case.state)


def write_dialects(folder: Path) -> None:
    """Write the smallest case to `folder` in every dialect, as a subcircuit and in Verilog-A, each with a testbench."""
    case = CASES["unit_1"]
    built = machine(case)
    for dialect in la.export.DIALECTS:
        built.write.spice(folder / f"{dialect.name}.cir", case.x, state=case.state, dialect=dialect)
    built.write.spice(folder / "vacask.sim", case.x, state=case.state, dialect=la.VACASK)
    built.write.spice(folder / "cell.cir", case.x, state=case.state, as_subckt=True)
    built.write.verilog_a(folder / "cell.va")
    vacask = runpy.run_path(str(HERE.parent / "tests" / "helpers" / "vacask.py"))
    schedule, wired = built.schedule(case.x, case.state), interface(built.compiled)
    lines = vacask["bench_lines"](folder / "cell.va", built.network, schedule, wired, edge=0.1)
    (folder / "cell.sim").write_text("".join(lines), encoding="ascii")


def rules(folder: Path) -> dict[str, list[str]]:
    """Return what the rule check finds in each SPICE file of `folder`; subcircuit and testbench are ngspice's."""
    dialects = {f"{dialect.name}.cir": dialect for dialect in la.export.DIALECTS}
    files = sorted(folder.glob("*.cir"))
    return {
        file.name: [str(breach) for breach in la.export.check_dialect(file, dialects.get(file.name, la.NGSPICE))]
        for file in files
    }


def results(case: Case) -> dict[str, Any]:
    """Return what was given and what scipy, ngspice and the digital LSTM make of it, in units, ready for JSON."""
    lstm, built = model(case.lstm), machine(case)
    digital = lstm.trace(case.x, case.state)
    scipy_run = built.run(case.x, state=case.state, engine=la.engines.Integrate())
    spice_run = built.run(case.x, state=case.state, engine=la.engines.Ngspice())
    report = la.compare(scipy_run, lstm)
    given = case.state or la.State.zeros(lstm.state_sizes, ())
    top = digital.layers[-1]
    return {
        "lstm": {**case.lstm, "digest": lstm.digest},
        "technology": la.electrical.BEHAVIOURAL.name,
        "timing": case.timing.name,
        "settling": case.settling,
        "accuracy": asdict(suited(built.network)),
        "start": {"h": given.h[0].tolist(), "c": given.c[0].tolist()},
        "x": case.x.tolist(),
        "sampling": {name: _sampling(scipy_run, spot) for name, spot in _spots(built).items()},
        "h": {"digital": top.h.tolist(), "scipy": scipy_run.h.tolist(), "ngspice": spice_run.h.tolist()},
        "c": {"digital": top.c.tolist(), "scipy": scipy_run.c.tolist(), "ngspice": spice_run.c.tolist()},
        "tolerance": {
            "scipy": 1e-8,
            "ngspice": ENGINE_TOLERANCE,
            "clock": report.by_clock,
        },
        "versions": {**asdict(versions()), "ngspice": ngspice_version()},
    }


def _spots(built: la.Machine) -> dict[str, Spot]:
    top = built.compiled.layout.layers[-1]
    return {"h": top.h, "c": top.c}


def _sampling(run: la.Run, spot: Spot) -> dict[str, Any]:
    compiled, schedule = run.compiled, run.trajectory.schedule
    ends = schedule.ends[compiled.cycle.ends(spot.interval, run.x.shape[-2])]
    return {"group": spot.group, "seconds": ends.tolist()}


def ngspice_version() -> str:
    """Return what ngspice calls itself, e.g. `ngspice-39`."""
    text = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True).stdout
    return next(word for word in text.split() if word.startswith("ngspice-"))


def _random(hidden: int, scale: float, timing: Timing) -> Case:
    words = {"name": f"random_{hidden}", "seed": hidden, "inputs": 2, "hidden": hidden, "scale": scale}
    x = np.random.default_rng(100 + hidden).uniform(-1.5, 1.5, (6, 2))
    return Case(lstm=words, timing=timing, settling=20.0, x=x.round(3), state=None)


def _airline() -> Case:
    """Return the case of the test year 1958: January to December forecast one month ahead, the years before digital."""
    forecaster = airline.forecaster(4)
    x = forecaster.encode(airline.series()[1])
    first = airline.TEST_START - 1
    return Case(
        lstm={"forecaster": 4},
        timing=la.CLOCKED,
        settling=24.0,
        x=x[first : first + 12],
        state=forecaster.lstm(x[:first]).state,
    )


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "unit_1": _random(1, 1.0, la.CLOCKED),
        "units_3": _random(3, 3.0, la.CLOCKED),
        "units_3_gated_leak": _random(3, 3.0, la.GATED_LEAK),
        "airline_4": _airline(),
    }
)
"""The decks of this folder by name."""


def _with_rows(text: str) -> str:
    """Return JSON `text` with each innermost list on one line, to be read and compared."""
    return re.sub(r"\[[^][{}]+\]", lambda found: " ".join(found[0].split()), text)


def opamp_machine() -> la.Machine:
    """Return the machine of `opamp/unit_1.cir`: the LSTM of `unit_1` on op-amps."""
    return la.compile(model(CASES["unit_1"].lstm), la.electrical.OPAMP)


def write_opamp(folder: Path) -> None:
    """Write two steps of `unit_1` on op-amps to `folder`, with what the engines and the digital LSTM make of them."""
    built, x = opamp_machine(), CASES["unit_1"].x[:2]
    built.write.spice(folder / "unit_1.cir", x)
    runs = {"scipy": built.run(x, engine=la.engines.Integrate()), "ngspice": built.run(x, engine=la.engines.Ngspice())}
    said = {
        "technology": la.electrical.OPAMP.name,
        "x": x.tolist(),
        "h": {"digital": model(CASES["unit_1"].lstm)(x).h.tolist()}
        | {name: run.h.tolist() for name, run in runs.items()},
        "tolerance": {"engines": 1e-6, "digital": 1e-4},
        "versions": {**asdict(versions()), "ngspice": ngspice_version()},
    }
    (folder / "unit_1.json").write_text(_with_rows(json.dumps(said, indent=1)) + "\n", encoding="ascii")


def main() -> None:
    """Write every deck and its results, and the dialects with what the rule check finds in them."""
    folder = HERE / "dialects"
    folder.mkdir(exist_ok=True)
    write_dialects(folder)
    (folder / "rules.json").write_text(json.dumps(rules(folder), indent=1) + "\n", encoding="ascii")
    (HERE / "opamp").mkdir(exist_ok=True)
    write_opamp(HERE / "opamp")
    for name, case in CASES.items():
        write(case, HERE / f"{name}.cir")
        (HERE / f"{name}.json").write_text(_with_rows(json.dumps(results(case), indent=1)) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
