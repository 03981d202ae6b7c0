"""Write a network as one Verilog-A module, for simulators that compile models: device equations with their numbers.

Verilog-A is a further dialect of `devices`: an inner voltage becomes a real variable, a current a contribution. Clocks
are pins of 0 V and 1 V.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, UnsupportedPartError, explain
from lstm_analog.export.cards import Cards, cards
from lstm_analog.export.devices import body
from lstm_analog.export.dialects import VACASK
from lstm_analog.export.interfaces import GROUND, Interface, SubcircuitInterface, wire
from lstm_analog.export.modules import BRANCH, KEYWORDS, contributions, current, inlined, potential, volt
from lstm_analog.export.numbers import number_text
from lstm_analog.export.source_waveforms import clock_node
from lstm_analog.files import write_texts
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import repeated
from lstm_analog.network.parts import ALWAYS, DATUM, Junctions, Part, Sources, Transconductors
from lstm_analog.network.varying import check_steady

VERILOG_A = replace(VACASK, name="verilog_a")
"""The language of modules of their own: that of the devices in decks of VACASK."""

_WEIGHTS = 4
"""Number of terms of a weighted sum on a line."""


@checked
def write_verilog_a(path: str | Path, network: Network, interface: Interface) -> None:
    """Write `network` to `path` as a Verilog-A module whose ports the `interface` names.

    Sources that are no port keep their effort. Raises `InvalidValueError` for names that collide, `InvalidShapeError`
    for chip axes, `NetworkError` for a network that is not well formed, `UnsupportedPartError` for transistor-level
    cells, `UnsupportedError` for a datum that is a pin.
    """
    check_one_chip(network)
    check_steady(network)
    wires = wire(network.verify(), interface, KEYWORDS)
    write_texts(path, _module(network, wires))


def _module(network: Network, wires: SubcircuitInterface) -> Iterator[str]:
    parts = [(part, cards(part)) for part in network.parts if not isinstance(part, Junctions)]
    statements = [line for part, read in parts for line in _statements(part, read, network, wires)]
    if wires.names[DATUM] != GROUND:
        must, do = "be node 0 of the simulator", "leave it out of the interface"
        raise UnsupportedError(explain("a module's datum", must=must, got=wires.names[DATUM], do=do))
    branches = [line[2 : line.index(")")] for line in statements if line.startswith("V(")]
    variables = sorted(line.split(" = ")[0] for line in statements if " = " in line)
    inside = [name for name in wires.names[1:] if name not in wires.pins]
    if wrong := repeated([*wires.pins, *inside, *branches, *variables]):
        must, do = "have a name of its own for each node and variable", "rename a bank of parts or a group of nodes"
        raise UnsupportedError(explain("a module", must=must, got=", ".join(wrong), do=do))
    ports = ", ".join(wires.pins)
    yield f"// {wires.name}: {network.domain.name} network as a Verilog-A module, written by lstm_analog\n"
    yield from (f"// {key}: {value}\n" for key, value in network.provenance)
    yield f'`include "disciplines.vams"\n\nmodule {wires.name}({ports});\n  inout {ports};\n  electrical {ports};\n'
    yield from (f"  electrical {name};\n" for name in inside)
    yield from (f"  branch ({name.removesuffix(BRANCH)}) {name};\n" for name in branches)
    yield from (f"  real {name};\n" for name in variables)
    yield "\n  analog begin\n"
    yield from (f"    {line}\n" for line in statements if line)
    yield "  end\nendmodule\n"


def _statements(part: Part, read: Cards, network: Network, wires: SubcircuitInterface) -> Iterator[str]:
    names = wires.names
    if read.library:
        do = "export it as SPICE"
        raise UnsupportedPartError(explain(f"part {part.label}", must="have an equation", got="transistors", do=do))
    yield f"// {part.label}"
    if isinstance(part, Sources):
        if part.label not in wires.outside:
            for node, effort in zip(part.nodes, part.effort, strict=True):
                yield potential(names[node], number_text(effort))
    elif isinstance(part, Transconductors):
        yield from _sums(part, names)
    elif read.device:
        yield from _device(part, read, network, names)
    else:
        yield from _plain(read, names)


def _sums(part: Transconductors, names: Sequence[str]) -> Iterator[str]:
    for row, weights in zip(part.rows, part.transconductance, strict=True):
        terms = [f"{weight!r}*{volt(names[i])}" for i, weight in zip(part.inputs, weights.tolist(), strict=True)]
        total = "\n      +".join("+".join(terms[k : k + _WEIGHTS]) for k in range(0, len(terms), _WEIGHTS))
        yield current(GROUND, names[row], total) if terms else ""


def _plain(read: Cards, names: Sequence[str]) -> Iterator[str]:
    """Yield the contributions of resistors, capacitors and linear buffers."""
    (values,) = read.values.values()
    forms = {"r": "{drop}/{value}", "c": "{value}*ddt({drop})"}
    for value, *nodes in zip(values, *read.pins, strict=True):
        ends = [names[node] for node in nodes]
        if read.letter == "e":
            yield potential(ends[0], f"{number_text(value)}*{volt(ends[2])}")
        else:
            drop = volt(ends[0]) if ends[1] == GROUND else f"({volt(ends[0])}-{volt(ends[1])})"
            text = forms[read.letter].format(drop=drop, value=number_text(value))
            yield current(ends[0], ends[1], text)


def _device(part: Part, read: Cards, network: Network, names: Sequence[str]) -> Iterator[str]:
    made = body(part, read, VERILOG_A)
    pins = made.pins.split()
    statements = contributions(made.lines, pins, read.device)
    clock = [clock_node(network.lines[read.line])] if read.line != ALWAYS else []
    for number, nodes in enumerate(zip(*read.pins, strict=True)):
        ends = dict(zip(pins, [*(names[node] for node in nodes), *clock], strict=True))
        values = {key: number_text(value[number]) for key, value in read.values.items()}
        yield from (inlined(statement, ends, values, f"{part.label}_{number}_") for statement in statements)
