"""A network as one Verilog-A module, for simulators that compile models: the devices' equations, inlined with numbers.

Verilog-A is one more dialect of `devices`: what makes a voltage inside a device becomes a real variable, what drives a
current a contribution. Clocks are pins of 0 V and 1 V; nothing else is in the module but what the network says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.cards import Cards, cards
from lstm_analog.export.courses import clock_node
from lstm_analog.export.devices import body
from lstm_analog.export.dialects import NGSPICE
from lstm_analog.export.interfaces import Interface, Wires, wire
from lstm_analog.export.numbers import number_text
from lstm_analog.files import whole_file
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import ALWAYS, Junctions, Part, Sources, Transconductors

VERILOG_A = replace(
    NGSPICE,
    name="verilog_a",
    voltage="V(<a>,<b>) <+ <text>;",
    current="I(<a>,<b>) <+ <text>;",
    resistor="I(<a>,<b>) <+ (v(<a>)-v(<b>))/{<value>};",
    capacitor="I(<a>,<b>) <+ {<value>}*ddt(v(<a>)-v(<b>));",
    switch=(),
)
"""How devices are asked for their equations; no simulator reads it as it stands."""

_STATEMENT = re.compile(r"([VI])\((\w+),(\w+)\) <\+ (.*);")
_NODE = re.compile(r"\bv\((\w+)\)")
_PARAMETER = re.compile(r"\{([\w/*()]+)\}")
_WORD = re.compile(r"[a-z]\w*")
_Statement = tuple[str, str, str, str]
"""V or I, from, to, and what it is."""
_KEYWORDS = frozenset({"cell", "module", "analog", "real", "electrical", "ground", "begin", "end", "input", "output"})
_WEIGHTS = 4
"""Terms of a weighted sum on a line."""


def write_verilog_a(path: str | Path, network: Network, interface: Interface) -> None:
    """Write `network` to `path` as a Verilog-A module whose ports the `interface` names.

    Sources that are no port keep their effort. Raises `InvalidValueError` for names that meet, `InvalidShapeError` for
    chip axes, `NetworkError` for what is not well formed, `UnsupportedPartError` for transistor-level cells.
    """
    check_one_chip(network)
    wires = wire(network.verify(), interface, _KEYWORDS)
    with whole_file(path) as stream:
        for text in _module(network, wires):
            stream.write(text.encode("ascii"))


def _module(network: Network, wires: Wires) -> Iterator[str]:
    parts = [(part, cards(part)) for part in network.parts if not isinstance(part, Junctions)]
    statements = [line for part, read in parts for line in _statements(part, read, network, wires)]
    variables = sorted({line.split(" = ")[0] for line in statements if " = " in line})
    ports = ", ".join(wires.pins)
    yield f"// {wires.name}: {network.domain.name} network as a Verilog-A module, written by lstm_analog\n"
    yield from (f"// {key}: {value}\n" for key, value in network.provenance)
    yield f'`include "disciplines.vams"\n\nmodule {wires.name}({ports});\n  inout {ports};\n  electrical {ports};\n'
    inside = [name for name in wires.names[1:] if name not in wires.pins]
    yield from (f"  electrical {name};\n" for name in inside)
    yield from (f"  real {name};\n" for name in variables)
    yield "\n  analog begin\n"
    yield from (f"    {line}\n" for line in statements)
    yield "  end\nendmodule\n"


def _statements(part: Part, read: Cards, network: Network, wires: Wires) -> Iterator[str]:
    names = wires.names
    if read.library:
        do = "export it as SPICE"
        raise UnsupportedPartError(explain(f"part {part.label}", must="have an equation", got="transistors", do=do))
    yield f"// {part.label}"
    if isinstance(part, Sources):
        if part.label not in wires.outside:
            for node, effort in zip(part.nodes, part.effort, strict=True):
                yield f"V({names[node]}) <+ {number_text(effort)};"
    elif isinstance(part, Transconductors):
        yield from _sums(part, names)
    elif read.device:
        yield from _device(part, read, network, names)
    else:
        yield from _plain(read, names)


def _sums(part: Transconductors, names: Sequence[str]) -> Iterator[str]:
    for row, weights in zip(part.rows, part.transconductance, strict=True):
        terms = [f"{weight!r}*V({names[i]})" for i, weight in zip(part.inputs, weights.tolist(), strict=True)]
        total = "\n      +".join("+".join(terms[k : k + _WEIGHTS]) for k in range(0, len(terms), _WEIGHTS))
        yield f"I({names[row]}) <+ -({total});"


def _plain(read: Cards, names: Sequence[str]) -> Iterator[str]:
    """Yield the contribution of resistors, capacitors and linear buffers."""
    (values,) = read.values.values()
    forms = {"r": "{drop}/{value}", "c": "{value}*ddt({drop})"}
    for value, *nodes in zip(values, *read.pins, strict=True):
        ends = [names[node] for node in nodes]
        if read.letter == "e":
            yield f"V({ends[0]}) <+ {number_text(value)}*V({ends[2]});"
        else:
            drop = _volt(ends[0]) if ends[1] == "0" else f"({_volt(ends[0])}-{_volt(ends[1])})"
            text = forms[read.letter].format(drop=drop, value=number_text(value))
            yield _contribution("I", ends[0], ends[1], text)


def _device(part: Part, read: Cards, network: Network, names: Sequence[str]) -> Iterator[str]:
    made = body(part, read, VERILOG_A)
    statements = tuple(_parsed(line, read.device) for line in made.lines)
    pins = made.pins.split()
    _check_inner(statements, pins, read.device)
    clock = [clock_node(network.lines[read.line])] if read.line != ALWAYS else []
    for number, nodes in enumerate(zip(*read.pins, strict=True)):
        ends = dict(zip(pins, [*(names[node] for node in nodes), *clock], strict=True))
        values = {key: number_text(value[number]) for key, value in read.values.items()}
        yield from (_inlined(statement, f"{part.label}_{number}", ends, values) for statement in statements)


def _parsed(line: str, device: str) -> _Statement:
    found = _STATEMENT.fullmatch(line)
    if found is None:
        do = "build it of the emitters in export/emit.py"
        raise UnsupportedPartError(explain(f"device {device}", must="consist of sources, r and c", got=line, do=do))
    kind, a, b, text = found.groups()
    return kind, a, b, text


def _check_inner(statements: tuple[_Statement, ...], pins: list[str], device: str) -> None:
    """Refuse an inner node that no source sets: it would be an unknown of its own, which an equation cannot replace."""
    known = {"0", *pins, *(a for kind, a, _, _ in statements if kind == "V")}
    loose = {node for _, a, b, _ in statements for node in (a, b)} - known
    if loose:
        must, do = "have inner nodes that a voltage source sets", "make the node a pin and an unknown of the network"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=", ".join(sorted(loose)), do=do))


def _inlined(statement: _Statement, label: str, ends: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return a `statement` for one element: pins by `ends`, parameters by `values`, inner nodes as variables."""
    kind, a, b, text = statement
    wired = {**ends, "0": "0"}
    text = _NODE.sub(lambda node: _volt(wired[node[1]]) if node[1] in wired else f"{label}_{node[1]}", text)
    text = _PARAMETER.sub(lambda found: f"({_WORD.sub(lambda name: values[name[0]], found[1])})", text)
    if kind == "V" and a not in ends:
        return f"{label}_{a} = {text};"
    return _contribution(kind, ends.get(a, "0"), ends.get(b, "0"), text)


def _volt(node: str) -> str:
    return "0.0" if node == "0" else f"V({node})"


def _contribution(kind: str, a: str, b: str, text: str) -> str:
    """Return the contribution `text` from `a` to `b`, the datum left out: V(a,0) is V(a), I(0,b) is -I(b).

    A current between two nodes is one out of either, as Kirchhoff has it: openvaf-py 0.1.5 loses what else there is on
    a node if a branch leads from it to a port.
    """
    if b == "0":
        return f"{kind}({a}) <+ {text};"
    if kind == "V":
        return f"V({a},{b}) <+ {text};"
    into = f"{kind}({b}) <+ -({text});"
    return into if a == "0" else f"{kind}({a}) <+ {text};\n    {into}"
