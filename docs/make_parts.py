"""Writes `parts.md`, the equations of all parts as their laws say them: `python docs/make_parts.py`."""

import inspect
import re
from pathlib import Path

from lstm_analog.expressions import Expression, effort, parameter, substituted
from lstm_analog.expressions.languages import LATEX, written
from lstm_analog.network import parts
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC
from lstm_analog.network.parts import (
    CheckValves,
    Conductors,
    Diodes,
    Factor,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Ports,
    Spools,
    Stops,
    Switches,
    Term,
    ThresholdSwitches,
    law,
)
from lstm_analog.network.parts.base import CARRIER, THERMAL_ENERGY, Law
from lstm_analog.network.parts.passages import TUBE
from lstm_analog.network.shapes import Shape

HERE = Path(__file__).parent
HEAD = """# The equations of the parts

Each part of a network declares its law once, beside its record in `lstm_analog/network/parts/`. From that one
expression come its flow and its derivatives in every engine, and its text in SPICE, Verilog-A, Modelica, graph files,
and here (`python docs/make_parts.py`; a test holds this page against the laws).

`e` is the effort at a terminal (voltage or pressure). A flow *a to b* leaves a and enters b; a flow *to* a terminal
comes from the datum. `C` is the capacity of a state that the part itself stores: C times its rate is all that flows
into it. `S` is the one-sided spectral density of a flow's white noise, in flow units squared per Hz, `kT` the thermal
energy of the surroundings and `q_e` the charge of an electron. The `l` in script is 1 while the clock line of the part
is high or if it has none, else 0. `b` is how far a control is beyond the threshold at which a state of two values, 0
and 1, switches next; it does as `b` rises through zero. Dense banks (`Transconductors`, `Crossbars`) are sums of such
elements; transistor cells are models of SPICE.
"""


def samples() -> dict[str, tuple[type, Law]]:
    """Return by title a kind of part and its law; of those with many forms the most used one."""
    one = {"a": [1], "b": [2]}
    ports = Ports(label="p", line=0, shape=Shape.EXP, **one, p=[3], n=[4], conductance=1.0, scale=1.0, offset=0.0)
    tiers = tuple(
        Factor(shape=s, p=[k], n=[0], scale=1.0, offset=0.0) for k, s in ((2, Shape.SIGMOID), (3, Shape.TANH))
    )
    relays = Followers(label="f", terms=(Term(inputs=[2], gain=1.0),), nodes=[1], offset=0.0, low=-1.0, high=1.0)
    names = ("transconductance", "current_limit", "conductance", "capacitance", "swing", "clamp")
    numbers = dict.fromkeys((*names, "clamp_conductance", "output_conductance"), 1.0)
    made = {
        "Conductors": Conductors(label="c", **one, conductance=1.0),
        "Switches": Switches(label="s", line=0, **one, closed=1.0, opened=0.1),
        "Followers, of one term": relays,
        "Pairs, of a sigmoid below a tanh": Pairs(label="p", line=0, factors=tiers, out=[1], current=1.0),
        "Ports, exponential": ports,
        "OpAmps": OpAmps(label="o", state=[1], plus=[2], minus=[3], out=[4], offset=0.0, **numbers),
        "Inertances": Inertances(
            label="i", line=0, **one, state=[3], inertance=1.0, closed=1.0, opened=0.1, closing=1.0
        ),
        "Spools": Spools(label="s", p=[1], n=[2], position=[3], speed=[4], capacitance=1.0, frequency=1.0, damping=1.0),
        "Stops": Stops(label="s", nodes=[1], low=-1.0, high=1.0, conductance=1.0, band=0.1),
        "ThresholdSwitches": ThresholdSwitches(
            label="t", **one, p=[1], n=[0], state=[3], upper=1.0, lower=0.0, closed=1.0, opened=0.1
        ),
        "Diodes": Diodes(label="d", **one, saturation=1.0, slope=1.0),
        "CheckValves": CheckValves(label="v", **one, conductance=1.0, cracking=0.1, leak=0.1),
    }
    found = {title: (type(part), law(part)) for title, part in made.items()}
    return found | {"A tube of Crossbars": (parts.Crossbars, TUBE)}


def main() -> None:
    """Write the page."""
    (HERE / "parts.md").write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *(section(title, *entry) for title, entry in samples().items())])


def section(title: str, kind: type, given: Law) -> str:
    """Return the section of a `kind` of part with the law `given`."""
    said = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    lines = [
        f"## {title}",
        "",
        said,
        "",
        "```math",
        "\\begin{aligned}",
        " \\\\\n".join(equations(given)),
        "\\end{aligned}",
    ]
    lines += ["```", "", "| parameter | unit | it does nothing at |", "|---|---|---|"]
    for name, unit in given.units.items():
        both = dict.fromkeys(domain.units[unit] for domain in (ELECTRICAL, HYDRAULIC))
        lines.append(f"| `{name}` | {' or '.join(both)} | {given.neutral.get(name, '')} |")
    return "\n".join([*lines, ""])


def equations(given: Law) -> list[str]:
    """Return the equations of the law `given` in LaTeX, what it names first."""
    sides = {f"q_{{\\mathrm{{{a} \\to {b}}}}}": value for (a, b), value in given.through.items()}
    sides |= {f"q_{{\\to \\mathrm{{{named(end)}}}}}": value for end, value in given.into.items()}
    sides |= {f"C_{{\\mathrm{{{named(end)}}}}}": value for end, value in given.stored.items()}
    sides |= {f"e_{{\\mathrm{{{named(end)}}}}}": value for end, value in given.sets.items()}
    sides |= {f"b_{{\\mathrm{{{named(end)}}}}}": guard.surplus(effort(end)) for end, guard in given.switched.items()}
    sides |= {f"S_{{\\mathrm{{{noisy(ends)}}}}}": value for ends, value in given.noise.items()}
    spelt: dict[Expression, Expression] = {effort(end): effort(named(end)) for end in given.terminals}
    spelt |= {parameter(name): parameter(named(name)) for name in given.units}
    spelt |= {THERMAL_ENERGY: parameter("kT"), CARRIER: parameter("q_e")}
    lets, texts = written([substituted(value, spelt) for value in sides.values()], LATEX, subscripted)
    return [f"{left} &= {right}" for left, right in (*lets.items(), *zip(sides, texts, strict=True))]


def named(name: str) -> str:
    """Return `name` for roman letters: underscores as blanks, a number behind it as a subscript."""
    return re.sub(r"(\d+)$", r"}_{\1", name.replace("_", r"\ "))


def noisy(ends: tuple[str, ...]) -> str:
    """Return between which `ends` a flow fluctuates, for roman letters."""
    return " \\to ".join(map(named, ends)) if len(ends) > 1 else f"\\to {named(*ends)}"


def subscripted(name: str) -> str:
    """Return the `name` of something named in a law: a letter, its number as a subscript, or words."""
    letter = re.fullmatch(r"([a-z])(\d*)", name)
    words = name.replace("_", r"\ ")
    return f"\\mathit{{{words}}}" if letter is None else f"{letter[1]}_{{{letter[2]}}}" if letter[2] else name


if __name__ == "__main__":
    main()
