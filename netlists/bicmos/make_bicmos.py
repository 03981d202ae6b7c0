#!/usr/bin/env python
"""Makes the transistor deck of this folder, its results beside it: `python netlists/bicmos/make_bicmos.py`.

Needs ngspice. `tests/test_bicmos_netlist.py` uses `machine`, `X` and `results` to make them again and compare.
"""

import json
import re
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import lstm_analog as la
from lstm_analog.export import suited
from lstm_analog.study.report import versions

HERE = Path(__file__).parent
NAME = "chip_1"
SEED = 0
X = np.random.default_rng(100).uniform(-1.0, 1.0, (6, 2)).round(3)


def model() -> la.LSTM:
    """Return the LSTM of the deck: one unit, two inputs."""
    return la.random_lstm(np.random.default_rng(SEED), inputs=2, hidden=1, scale=3.0, name="random_1")


def machine() -> la.Machine:
    """Return the chip of the deck."""
    return la.compile(model(), la.electrical.BICMOS, settling=12.0, inputs=X)


def results() -> dict[str, Any]:
    """Return what ngspice and the digital LSTM make of `X`, in units, and what it takes, ready for JSON."""
    lstm, built = model(), machine()
    digital = lstm.trace(X).layers[0]
    run = built.run(X, engine=la.engines.Ngspice())
    layout, power = built.compiled.layout.layers[0], la.study.power(run)
    ends = run.trajectory.schedule.ends[built.compiled.cycle.ends(layout.h.interval, len(X))]
    scale = built.network.unknowns.scales()[built.network.unknowns[layout.c.group]][0]
    return {
        "lstm": {"seed": SEED, "inputs": 2, "hidden": 1, "scale": 3.0, "digest": lstm.digest},
        "technology": built.technology.name,
        "state_scale": built.technology.state_scale,
        "settling": built.compiled.settling,
        "accuracy": asdict(suited(built.network)),
        "x": X.tolist(),
        "sampling": {
            "seconds": ends.tolist(),
            "h": {"plus": f"{layout.h.group}_0", "minus": f"{layout.h.against}_0", "volts_per_unit": 1.0},
            "c": {"plus": f"{layout.c.group}_0", "minus": f"{layout.c.against}_0", "volts_per_unit": float(scale)},
        },
        "h": {"digital": digital.h[:, 0].tolist(), "ngspice": run.h[:, 0].tolist()},
        "c": {"digital": digital.c[:, 0].tolist(), "ngspice": run.c[:, 0].tolist()},
        "supply_watt": power.supply,
        "tolerance": {"digital": 0.01, "ngspice": 5e-4},
        "versions": {**asdict(versions()), "ngspice": ngspice_version()},
    }


def ngspice_version() -> str:
    """Return what ngspice calls itself, e.g. `ngspice-39`."""
    said = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True).stdout
    return next(word for word in said.split() if word.startswith("ngspice-"))


def main() -> None:
    """Write the deck and its results."""
    machine().write.spice(HERE / f"{NAME}.cir", X)
    text = json.dumps(results(), indent=1)
    rows = re.sub(r"\[[^][{}]+\]", lambda found: " ".join(found[0].split()), text)
    (HERE / f"{NAME}.json").write_text(rows + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
