"""Write a network as one `.subckt` for other testbenches, and a testbench of its own beside it.

Names cannot collide with those outside: parameters and nodes are local, device names begin with the subcircuit's.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.export.accuracy import Accuracy
from lstm_analog.export.cells import temperature_lines
from lstm_analog.export.devices import device_texts, prefixed
from lstm_analog.export.dialects import DeckLanguage, Dialect
from lstm_analog.export.interfaces import GROUND, Interface, SubcircuitInterface, wire
from lstm_analog.export.netlist import Netlist, checked_netlist
from lstm_analog.export.rules import rules_of
from lstm_analog.export.source_waveforms import clocks, sources, wrapped
from lstm_analog.export.spice import analysis, bank, parameters
from lstm_analog.export.spice_header import safe_name
from lstm_analog.files import whole_files, write_texts
from lstm_analog.network.cells import NODES
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Sources
from lstm_analog.network.schedule import Schedule


@checked
def bench_path(path: str | Path) -> Path:
    """Return the path of the testbench of the subcircuit at `path`: in the same folder, `_tb` after its name.

    >>> bench_path("cell.cir").name
    'cell_tb.cir'

    Raises `InvalidValueError` for a path that names no file.
    """
    if not Path(path).name:
        got, do = ascii(str(path))[:80], "give e.g. cell.cir"
        raise InvalidValueError(explain("path", must="name a file", got=got, do=do))
    return Path(path).with_name(f"{Path(path).stem}_tb{Path(path).suffix}")


@checked
def write_subcircuit(
    path: str | Path, network: Network, schedule: Schedule, dialect: Dialect, accuracy: Accuracy, interface: Interface
) -> None:
    """Write `network` to `path` as one subcircuit in `dialect`, and a testbench beside it (`bench_path`).

    The pins are those of the `interface` and the clock lines, as `<line>_clk` of 0 V and 1 V. Other sources stay inside
    and must be constant in `schedule`. The testbench includes the file, drives its pins by `schedule` and runs with
    `accuracy`.

    Raises `InvalidValueError` if names of pins collide, or a source that stays inside changes with time;
    `UnsupportedError` if the datum is a pin and a device of the network refers to node 0, or if the dialect is
    VACASK's; and otherwise as `write_spice`.
    """
    made = checked_netlist(network, schedule, dialect, accuracy)
    if dialect.language is DeckLanguage.VACASK:
        do = "write the Verilog-A module (write.verilog_a), or a whole deck"
        raise UnsupportedError(explain("subcircuit", must="be in a dialect of SPICE", got=dialect.name, do=do))
    place = Path(path)
    if safe_name(place.name) != place.name:
        must, do = "be letters, digits, point, dash and underscore, for the testbench includes it", "rename the file"
        raise InvalidValueError(explain("file name", must=must, got=ascii(place.name)[:80], do=do))
    wires = wire(network, interface, rules_of(dialect.name).reserved)
    made = replace(made, names=wires.names)
    _check_inside(made, wires)
    with whole_files(place.parent) as (stage,):
        cell, bench = stage / place.name, bench_path(stage / place.name)
        for file, lines in ((cell, _subcircuit(made, wires)), (bench, _testbench(made, wires, accuracy, place.name))):
            write_texts(file, lines)


def _check_inside(made: Netlist, wires: SubcircuitInterface) -> None:
    """Raise if a source would have to change inside, or a device refers to node 0 where the datum is a pin."""
    devices = [part.label for part, read in made.banks if read.device and not read.library]
    if devices and made.names[DATUM] != GROUND:
        must, do = "be circuits of cells and resistors alone to have a datum of their own", "leave the datum out"
        raise UnsupportedError(explain("parts", must=must, got=", ".join(devices)[:80], do=do))
    for entry in made.schedule.imposed:
        values = entry.efforts.reshape(len(made.schedule.names), -1)
        if entry.label not in wires.outside and (values != values[:1]).any():
            must, do = "not change with time, for it stays inside", "make it an input"
            raise InvalidValueError(explain(f"source {entry.label}", must=must, got="a waveform", do=do))


def _subcircuit(made: Netlist, wires: SubcircuitInterface) -> Iterator[str]:
    network, dialect, name, datum = made.network, made.dialect, wires.name, made.names[DATUM]
    banks = [(part, prefixed(replace(read, library=()), f"{name}_")) for part, read in made.banks]
    yield f"* {name}: {network.domain.name} network as a subcircuit, written by lstm_analog for {dialect.name}\n"
    yield dialect.preamble
    yield from (f"* {key}: {value}\n" for key, value in network.provenance)
    yield f"* pins: inputs and outputs in V, clock lines of 0 V and 1 V, supplies; the datum is node {datum}\n"
    yield from device_texts(network, dialect, f"{name}_")
    yield from (f"{line}\n" for _, read in made.banks for line in _renamed(read.library, f"{name}_"))
    yield f".subckt {name}\n"
    yield from wrapped("+", wires.pins)
    yield from (line for part, read in banks for line in parameters(part, read))
    for part, read in banks:
        if part.label not in wires.outside:
            yield from bank(made, part, read)
    yield f".ends {name}\n"


def _renamed(lines: tuple[str, ...], prefix: str) -> Iterator[str]:
    """Yield the `lines` of a library with `prefix` before the names of its models and subcircuits."""
    declared = {words[1] for words in map(str.split, lines) if words[0] in (".model", ".subckt")}
    for line in lines:
        head, *rest = line.split()
        last = sum("=" not in word for word in rest) - 1
        place = 0 if head.startswith(".") else NODES.get(head[0], last)  # of an x card the subcircuit comes last
        yield " ".join([head, *(f"{prefix}{w}" if n == place and w in declared else w for n, w in enumerate(rest))])


def _testbench(made: Netlist, wires: SubcircuitInterface, accuracy: Accuracy, file: str) -> Iterator[str]:
    end, dialect, datum = made.schedule.ends[-1], made.dialect, made.names[DATUM]
    yield f"* testbench of {wires.name}, {end:.6g} s, written by lstm_analog for {dialect.name}\n"
    yield dialect.preamble
    yield f'.include "{file}"\n'
    yield from (f"{line}\n" for line in temperature_lines(made.network, dialect))
    if datum != GROUND:
        yield f"v{datum} {datum} {GROUND} 0.0\n"
    for part in made.network.parts:
        if isinstance(part, Sources) and part.label in wires.outside:
            yield from sources(made, part)
    yield from clocks(made)
    yield "xdut\n"
    yield from wrapped("+", [*wires.pins, wires.name])
    yield from analysis(made, accuracy, wires.pins)
