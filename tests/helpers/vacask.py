"""VACASK, an open simulator of Verilog-A, on modules of the package: a testbench from a schedule, a run, its waveforms.

Used by the tests and by scripts in `netlists/` and `benchmarks/`. Nothing here is read from the package's text but the
module's header, so what a pin is called and in which order pins stand is taken as a stranger would take it.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstm_analog import engines
from lstm_analog.arrays import Floats
from lstm_analog.engines import Progress
from lstm_analog.engines.vacask import _installed
from lstm_analog.export import Interface, suited, write_verilog_a
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory

Waves = Mapping[str, Floats]
"""Voltages (points,) by node: a pin by its name, a node inside as `xdut:<name>`."""


@dataclass(frozen=True, kw_only=True)
class Vacask:
    """An engine: the network as a module with the pins of `interface`, one sequence at a time.

    Clocks and inputs rise and fall within `edge`, a fraction of the shortest interval.
    """

    interface: Interface
    edge: float = 0.1

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (points, unknowns)."""
        circuit = as_circuit(network, schedule)
        with tempfile.TemporaryDirectory(prefix="lstm_analog-") as folder:
            module = Path(folder) / "module.va"
            write_verilog_a(module, circuit.network, self.interface)
            bench = module.with_suffix(".sim")
            lines = bench_lines(module, circuit.network, circuit.schedule, self.interface, self.edge)
            bench.write_text("".join(lines), encoding="ascii")
            time, waves = run(bench)
        efforts = np.column_stack([np.zeros_like(time), *self._columns(circuit.network, waves)])
        return Trajectory(
            network=network, schedule=schedule, time=time, efforts=circuit.effort * efforts, engine=repr(self)
        )

    def _columns(self, network: Network, waves: Waves) -> Iterator[Floats]:
        """Yield the waveform of each unknown. OpenVAF merges a node that is held at 0 V with the datum."""
        pins = {group: pin for pin, group in (*self.interface.inputs, *self.interface.outputs)}
        merged = {node for part in network.parts if isinstance(part, Sources) for node in part.nodes[part.effort == 0]}
        names = [
            f"{pins[group.label]}{k}" if group.label in pins else f"xdut:{group.label}_{k}"
            for group in network.unknowns.groups
            for k in range(group.size)
        ]
        for node, name in enumerate(names, start=1):
            yield np.zeros_like(next(iter(waves.values()))) if name not in waves and node in merged else waves[name]


def run(bench: Path) -> tuple[Floats, Waves]:
    """Return times and waveforms of the testbench `bench`; what VACASK writes stays beside it."""
    engines.Vacask(time_limit=300.0).run_deck(bench, [])
    time, waves = read(bench.with_name("wave.raw"))
    later = np.append(True, np.diff(time) > 0)
    return time[later], {name: wave[later] for name, wave in waves.items()}


def bench_lines(module: Path, network: Network, schedule: Schedule, wired: Interface, edge: float) -> Iterator[str]:
    """Yield the lines of a testbench of the file `module`, to stand beside it: sources, and the analysis `wave`.

    The relative tolerance is a hundredth of ngspice's: a gated leak of two units (BEHAVIOURAL) is 1.5e-6, 2.8e-7 and
    2.6e-8 from scipy at 1e-6, 1e-7 and 1e-8. A shunt of 1e-15 S at each node leaves a pivot where all else is 1e-22 S,
    as behind shut valves; without it the step falls to nothing at an edge. It takes 1e-9 of 10 pF in 10 us. For
    nr_residualcheck see `export.VACASK`.
    """
    found = re.search(r"(?m)^module (\w+)\((.*)\);$", module.read_text(encoding="ascii"))
    assert found is not None
    name, pins, close = found[1], found[2].split(", "), suited(network)
    step, end = float(schedule.durations.max()) / close.steps, float(schedule.ends[-1])
    yield f"testbench of {name}, {end:.6g} s: run it with vacask, which writes wave.raw\n"
    yield f'load "{module.name}"\nmodel vsource vsource\nmodel dut {name}\nxdut ({" ".join(pins)}) dut\n'
    for pin, values in _driven(network, schedule, wired):
        wave = ", ".join(map(repr, _staircase(values, schedule, edge)))
        yield f'v{pin} ({pin} 0) vsource type="pwl" wave=[{wave}]\n'
    yield f"control\n  options reltol={0.01 * close.reltol:.3g}"
    yield f" vntol={close.vntol} abstol={close.abstol} chgtol={close.chgtol} gshunt=1e-15 nr_residualcheck=0\n"
    yield f"  save default\n  analysis wave tran step={step:.6g} stop={end!r} maxstep={step:.6g}\nendc\n"


def _driven(network: Network, schedule: Schedule, wired: Interface) -> Iterator[tuple[str, Floats]]:
    """Yield each input and clock pin with what it holds in each interval, (intervals,)."""
    imposed = {entry.label: entry.efforts.reshape(len(schedule.names), -1) for entry in schedule.imposed}
    for pin, label in wired.inputs:
        yield from ((f"{pin}{k}", values) for k, values in enumerate(imposed[label].T))
    yield from ((f"{line}_clk", schedule.high[:, k].astype(float)) for k, line in enumerate(network.lines))


def _staircase(values: Floats, schedule: Schedule, edge: float) -> Iterator[float]:
    """Yield times and voltages of a source that holds each of `values` for its interval, edges centred on the ends."""
    half = 0.5 * edge * float(schedule.durations.min())
    yield from (0.0, float(values[0]))
    for change in np.flatnonzero(np.diff(values)):
        end = float(schedule.ends[change])
        yield from (end - half, float(values[change]), end + half, float(values[change + 1]))


def read(path: Path) -> tuple[Floats, Waves]:
    """Return times and waveforms of the raw file at `path`: names in a header, then doubles point by point."""
    head, _, body = path.read_bytes().partition(b"Binary:\n")
    lines = head.decode("ascii").splitlines()
    names = [line.split()[1] for line in lines[lines.index("Variables:") + 1 :]]
    table = np.frombuffer(body).reshape(-1, len(names))
    return table[:, 0], dict(zip(names[1:], table[:, 1:].T, strict=True))


def misplaced(module: Path) -> list[tuple[str, str]]:
    """Return row and column of each derivative of a stored charge that openvaf-r puts where `module` has none.

    Its own listing of the Jacobian, which `--dump-mir` prints, against the ddt() that the text says. In a module of
    hundreds of nodes it sometimes puts one into another column (docs/engines.md#vacask).
    """
    text = module.read_text(encoding="ascii")
    ports = re.findall(r"(?m)^module \w+\((.*)\);$", text)[0].split(", ")
    nodes = [*ports, *re.findall(r"(?m)^  electrical (\w+);$", text)]
    stored = {(a, b) for a, said in re.findall(r"I\((\w+)\) <\+ ([^;]*ddt\([^;]*);", text) for b in _nodes(said)}
    command = [
        str(Path(_installed()).with_name("openvaf-r")),
        "--dump-mir",
        "-O",
        "0",
        "-o",
        "dumped.osdi",
        module.name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=module.parent)
    numbers = {unknown: int(node) for unknown, node in re.findall(r"(\w+): node(\d+),", done.stdout + done.stderr)}
    entry = r"row: (\w+),\s+col: (\w+),\s+resist: \w+,\s+react: (\w+)"
    found = [
        (nodes[numbers[row]], nodes[numbers[column]])
        for row, column, value in re.findall(entry, done.stdout + done.stderr)
        if value != _ZERO and row in numbers and column in numbers
    ]
    assert found
    return [place for place in found if place not in stored]


_ZERO = "v3"
"""What openvaf-r calls the constant 0 in its listing."""


def _nodes(said: str) -> list[str]:
    return re.findall(r"V\((\w+)\)", said)
