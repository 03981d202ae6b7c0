"""Write a device as a Verilog-A module of its own, embedded in a deck of VACASK, which compiles and loads it."""

from collections.abc import Sequence
from hashlib import sha256

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.contributions import (
    BRANCH,
    KEYWORDS,
    NODE,
    PARAMETER,
    Contribution,
    current,
    ordered,
    parse_contribution,
    potential,
    volt,
)
from lstm_analog.export.interfaces import GROUND

_DIGITS = 8
"""Hexadecimal digits of the digest in the name of a file; fewer: two devices of one name may share a file."""


def module_text(name: str, pins: str, values: Sequence[str], lines: Sequence[str]) -> str:
    """Return the device `name` with `pins`, parameters `values` (default 1) and contributions `lines` as a module.

    Raises `UnsupportedPartError` for a line that is no contribution, and for names that Verilog-A does not tell apart.
    """
    ends = pins.split()
    statements = ordered([parse_contribution(line, name) for line in lines], ends, name)
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
            *(f"    {_spelt(statement, ends)}" for statement in statements),
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


def _spelt(statement: Contribution, pins: Sequence[str]) -> str:
    kind, a, b, text = statement
    text = NODE.sub(lambda node: volt(node[1]) if node[1] in (*pins, GROUND) else node[1], text)
    text = PARAMETER.sub(lambda found: f"({found[1]})", text)
    if kind == "I":
        start, end = (node if node in pins else GROUND for node in (a, b))
        return current(start, end, text)
    return potential(a, text) if a in pins else f"{a} = {text};"


def _check_names(device: str, names: Sequence[str]) -> None:
    """Raise if one of the `names` in a `device` stands for two things, or is a word of Verilog-A."""
    twice = {name for name in names if names.count(name) > 1}
    wrong = sorted(twice | ({device, *names} & KEYWORDS))
    if wrong:
        must, do = "have names that differ from each other and from words of Verilog-A", "name them by CardNames"
        raise UnsupportedPartError(explain(f"device {device}", must=must, got=", ".join(wrong), do=do))
