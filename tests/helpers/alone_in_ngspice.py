"""Circuits alone in ngspice: a deck of a few lines with the models of a process, and what it measures."""

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.network.cells import Subcircuit


def measured(folder: Path, technology: Bicmos, lines: Iterable[str]) -> dict[str, float]:
    """Return what `lines`, a deck in a `folder`, measure with the models of `technology` under its conditions."""
    models, celsius = (model.statement for model in technology.models), technology.conditions.temperature
    deck = folder / "alone.cir"
    text = "\n".join(("* alone", *models, f".temp {celsius:g}", *lines, ".end", ""))
    deck.write_text(text, encoding="ascii")
    env = os.environ | {"OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(["ngspice", "-b", "-n", deck], capture_output=True, text=True, check=False, env=env)
    return {name: float(value) for name, value in re.findall(r"^(\w+)\s+=\s+(\S+)", done.stdout, re.MULTILINE)}


def defined(*circuits: Subcircuit) -> list[str]:
    """Return the lines that define `circuits`."""
    return [line for one in circuits for line in (f".subckt {one.name} {' '.join(one.terminals)}", *one.cards, ".ends")]
