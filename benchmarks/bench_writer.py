"""How fast networks are written, and whether memory is flat: `python benchmarks/bench_writer.py [units ...]`.

H units with as many inputs, four steps. The text goes nowhere, so that no disk is measured; one size goes to a file
as well. Wanted: 1,000,000 cards a second, and a peak that does not grow with the deck. Then what else is written: decks
of other technologies, Modelica, and EPANET's file of all manifolds of a layer of plumbing.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from measure import apart, conditions, forget_peak, once, peak, table

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import start_efforts
from lstm_analog.export import NGSPICE, statics, suited, write_epanet
from lstm_analog.export.modelica import modelica
from lstm_analog.export.netlist import netlist
from lstm_analog.export.spice import deck
from lstm_analog.network.analogy import as_circuit
from lstm_analog.study.epanet import tubes_of

SIZES = (64, 128, 256, 512, 1024)
OTHERS = 128
"""Units of what else is written."""
TO_FILE = 256
"""Units up to which the deck is also written to a file (33 MB)."""
FULL = replace(la.hydraulic.OIL, detail=Detail.FULL)
TECHNOLOGIES = {
    "ngspice, OPAMP": la.electrical.OPAMP,
    "ngspice, BICMOS": la.electrical.BICMOS,
    "ngspice, OIL in full detail": FULL,
}
Told = tuple[int, int, float]
"""Lines, bytes and seconds."""


def made(units: int, technology: object) -> tuple[la.Machine, np.ndarray]:
    """Return a machine and its inputs."""
    machine = la.compile(la.random_lstm(np.random.default_rng(units), units, units), technology)
    return machine, np.random.default_rng(1).uniform(-1, 1, (4, units))


def told(write: Callable[[], Iterator[str]]) -> Told:
    """Return how much text `write` makes, and how fast."""
    found = [0, 0]

    def count() -> None:
        for text in write():
            found[0] += text.count("\n")
            found[1] += len(text)

    seconds = once(count)
    return found[0], found[1], seconds


def spice(machine: la.Machine, x: np.ndarray) -> Callable[[], Iterator[str]]:
    """Return what writes the deck of `machine` fed with `x`."""
    circuit = as_circuit(machine.network, machine.schedule(x))
    network, schedule = circuit.network, circuit.schedule
    return lambda: deck(netlist(network, schedule, NGSPICE), suited(network), "bench.cir")


def one(units: int) -> dict[str, float]:
    """Write one deck to nowhere, counting lines and bytes, in this process."""
    machine, x = made(units, la.electrical.BEHAVIOURAL)
    write = spice(machine, x)
    forget_peak()
    before = peak()
    lines, size, seconds = told(write)
    found = {"lines": lines, "bytes": size, "seconds": seconds, "memory": peak() - before}
    return found | {"file": to_file(partial(machine.write.spice, x=x))[2] if units <= TO_FILE else float("nan")}


def to_file(write: Callable[[Path], object]) -> Told:
    """Return how much text `write` puts into a file, and how fast."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench"
        seconds = once(lambda: write(path))
        text = path.read_bytes()
    return text.count(b"\n"), len(text), seconds


def manifolds(units: int) -> Told:
    """Write EPANET's file of the manifolds of a layer."""
    machine, x = made(units, la.hydraulic.OIL)
    network, schedule = machine.network, machine.schedule(x)
    rows = [group.label for group in network.unknowns.groups if group.label.endswith(("_pos", "_neg"))]
    chambers = np.concatenate([network.unknowns[label] for label in rows])
    problem = statics(network, np.zeros(network.unknowns.size), schedule.phase(1), chambers)
    return to_file(partial(write_epanet, problem=problem, tubes=tubes_of(la.hydraulic.OIL, la.hydraulic.OIL.fluid)))


def others(units: int) -> Iterator[tuple[str, Told]]:
    """Yield what else is written, and how fast."""
    for name, technology in TECHNOLOGIES.items():
        yield name, told(spice(*made(units, technology)))
    for name, technology in (("Modelica, BEHAVIOURAL", la.electrical.BEHAVIOURAL), ("Modelica, OIL", la.hydraulic.OIL)):
        machine, x = made(units, technology)
        fed = machine.schedule(x)
        start = start_efforts(machine.network, fed)
        yield name, told(partial(modelica, machine.network, fed, "bench", start, "bench.mo"))
    yield "EPANET, manifolds of OIL", manifolds(units)


def rate(found: Told) -> str:
    """Return lines a second."""
    return f"{found[0] / found[2]:,.0f}"


def main(sizes: list[int]) -> None:
    """Print a row a size, and one for all else."""
    rows = []
    for units in sizes or SIZES:
        found = apart(__file__, units)
        text = (int(found["lines"]), found["bytes"] / 1e6, found["seconds"])
        rows.append((units, *text, rate(text), found["memory"], found["file"]))
    print(conditions())
    print(table(("H = inputs", "lines", "MB", "s", "lines/s", "memory added, MB", "to a file, s"), rows))
    units = min(sizes or [OTHERS])
    found = [(units, name, text[0], text[1] / 1e6, text[2], rate(text)) for name, text in others(units)]
    print("What else is written:")
    print(table(("H = inputs", "what", "lines", "MB", "s", "lines/s"), found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(int(sys.argv[2]))))
    else:
        main([int(word) for word in sys.argv[1:]])
