"""Turn a deck of cards into statements of VACASK, line by line; `vacask_reader` turns them back.

Instances name their nodes in brackets and their values by name; devices are Verilog-A modules (`modules`), embedded:

    r1 a 0 {p}           r1 (a 0) resistor r=p
    v1 a 0 pwl(          v1 (a 0) vsource type="pwl" wave=[
    x1 a b pair k0=2     x1 (a b) pair k0=2
    .param p=1           parameters p=1
    .model q npn(is=1f)  model q sp_bjt (type=1 is=1f)

Syntax: `lib/dfllexer.l` and `lib/dflparser.y` of VACASK 0.3.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType

from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export import mosfets
from lstm_analog.export.numbers import number_text, parse_number
from lstm_analog.export.vacask_models import REQUIRED

MASTERS: Mapping[str, tuple[str, str, int]] = MappingProxyType(
    {
        "r": ("resistor", "r", 2),
        "c": ("capacitor", "c", 2),
        "v": ("vsource", "dc", 2),
        "i": ("isource", "dc", 2),
        "e": ("vcvs", "gain", 4),
        "g": ("vccs", "gain", 4),
    }
)
"""By the letter of a card: the model, the name of its value, and its number of nodes."""
MODELS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "npn": ("sp_bjt", "type=1", ""),
        "pnp": ("sp_bjt", "type=-1", ""),
        "nmos": (mosfets.NAME, "type=1", "level=1"),
        "pmos": (mosfets.NAME, "type=-1", "level=1"),
    }
)
"""By the kind of a .model: VACASK's model, what it begins with there, and the value that the .model begins with."""
SUBSTRATE = "0"
"""The node of a bipolar transistor's substrate, which a card of three nodes leaves out."""
NAME = r"[a-z][a-z0-9_]*"
"""The pattern of a name."""
DIGITS = r"-?(?:(?:0|[1-9]\d*)\.\d*|\.\d+|0|[1-9]\d{0,8})"
"""The pattern of the digits of a number; whole ones have at most nine, for they are 32 bits wide."""
_ALIKE = re.compile(rf"{DIGITS}(?:e[+-]?\d+|meg|[kmunpf])?")
"""A number that means the same to SPICE and VACASK."""
_LEVEL_1 = re.compile(rf"\.model {NAME} [np]mos\(")
EDGES = "tran_fbr=0.02"
"""What decks of transistors set: at least 50 steps between corners of sources, so in each clock edge.

With VACASK's own 4 the capacitance of a gate, which changes within an edge, is integrated so coarsely that a held
voltage is 5e-4 V off (`benchmarks/table_simulators.py`); with 50 it is 1e-5 V from ngspice at a sixtieth of its step.
"""
SETTINGS = ("options", "analysis")
"""The statements of the analysis that have values by name."""


def in_vacask(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of the deck in `texts`, written in the dialect `VACASK`, as statements of that simulator.

    Raises `UnsupportedError` for a card or a model that has no counterpart.
    """
    lines = (line for text in texts for line in text.splitlines())
    yield f"{next(lines)}\n"
    started, first, loaded, celsius, models = False, True, False, "", set[str]()
    for line in lines:
        started = started or line.startswith("*| part ")
        if not loaded and _LEVEL_1.match(line):
            yield mosfets.TEXT
            loaded = True
        if line.startswith(".model "):
            models.add(line.split()[1])
        if line.startswith(".temp "):
            celsius = line.split()[1]
        elif line.startswith("+") and not line.startswith("+ v("):
            yield f"{_points(line, first)}\n"
            first = False
        elif line != "save":
            yield f"{_statement(line, models) if started or line[:1] in ('*', '.') else line}\n"
            first = True
        if line == "control" and celsius:
            if loaded and float(celsius) != mosfets.CELSIUS:
                must, do = f"be at {mosfets.CELSIUS:g} C in VACASK", "write them for ngspice"
                raise UnsupportedError(explain("level 1 transistors", must=must, got=celsius, do=do))
            yield f"  options temp={celsius} {EDGES}\n"


def _points(line: str, first: bool) -> str:
    """Return a `line` of a waveform after `pwl(`, the `first` or a later one, as part of a list."""
    words = line.split()[1:]
    return "]" if words == [")"] else f"  {'' if first else ', '}{', '.join(words)}"


def _statement(line: str, models: Container[str]) -> str:
    head, *rest = line.split() or [""]
    if line[:1] == "*":
        return f"//{line[1:]}"
    if head in ("", "control"):
        return head
    if head == ".param":
        name, _, value = rest[0].partition("=")
        return f"parameters {name}={_value(value)}"
    if head in SETTINGS:
        return f"  {line}"
    if head == "+":
        return f"  save {' '.join(rest)}"
    if head == ".model":
        return _model(line)
    if head == ".subckt":
        return f"subckt {rest[0]}({' '.join(rest[1:])})"
    if head in (".ends", ".end"):
        return {".ends": "ends", ".end": "endc"}[head]
    return _instance(line, models)


def _instance(line: str, models: Container[str]) -> str:
    """Return the instance on the card `line`; transistors of other than `models` are subcircuits, from files."""
    head, *rest = line.split()
    letter = head[0]
    if letter in MASTERS:
        master, key, count = MASTERS[letter]
        nodes, values = rest[:count], rest[count:]
        if values == ["pwl("]:
            return f'{head} ({" ".join(nodes)}) vsource type="pwl" wave=['
        if len(values) == 1 and "=" not in values[0]:
            return f"{head} ({' '.join(nodes)}) {master} {key}={_value(values[0])}"
    if letter == "x":
        names = [word for word in rest if "=" not in word]
        return _named(head, names[:-1], names[-1], rest[len(names) :])
    if letter == "q" and len(rest) in (4, 5):
        values = [word if "=" in word else f"area={word}" for word in rest[4:]]
        return _named(head, [*rest[:3], SUBSTRATE], rest[3], _copies(values))
    if letter == "m" and len(rest) >= 5:
        if rest[4] in models:
            return _named(head, rest[:4], rest[4], _copies(rest[5:]))
        missing = set(REQUIRED) - {word.partition("=")[0] for word in rest[5:]}
        if missing:
            got, do = f"no {', '.join(sorted(missing))}", "give them, simulators differ in what they take else"
            raise UnsupportedError(explain(f"card {head}", must=f"give {', '.join(REQUIRED)}", got=got, do=do))
        return _named(head, rest[:4], rest[4], rest[5:])
    raise _unsupported(line)


def _copies(values: list[str]) -> list[str]:
    """Return the `values` of a device, the number of its copies by VACASK's name."""
    return [re.sub("^m=", "$mfactor=", value) for value in values]


def _named(head: str, nodes: list[str], master: str, values: list[str]) -> str:
    pairs = [value.split("=", 1) for value in values]
    texts = [f"{key}={_value(text)}" for key, text in pairs]
    return " ".join((head, f"({' '.join(nodes)})", master, *texts))


def _model(line: str) -> str:
    found = re.fullmatch(rf"\.model ({NAME}) (\w+)\((.*)\)", line)
    if found is None or found[2] not in MODELS:
        raise _unsupported(line)
    master, start, level = MODELS[found[2]]
    values = found[3].split()
    if level and values[:1] != [level]:
        raise _unsupported(line)
    pairs = [value.split("=", 1) for value in values[bool(level) :]]
    strange = {key for key, _ in pairs} - mosfets.PARAMETERS if level else set()
    if strange:
        must, do = f"give some of {', '.join(sorted(mosfets.PARAMETERS))}", "write it for ngspice"
        raise UnsupportedError(explain(f"model {found[1]} in VACASK", must=must, got=", ".join(sorted(strange)), do=do))
    texts = [f"{key}={_value(text)}" for key, text in pairs]
    return f"model {found[1]} {master} ({' '.join((start, *texts))})"


def _value(text: str) -> str:
    """Return the value `text` of a card, a number or a parameter in braces, as VACASK reads it."""
    if text[:1] == "{":
        return text[1:-1]
    return text if _ALIKE.fullmatch(text) else number_text(parse_number(text, {}))


def _unsupported(line: str) -> UnsupportedError:
    must = "be an R, C, V, I, E, G, Q, M or X card with values of its own, or a Gummel-Poon or level 1 MOS model"
    do = "write it for ngspice, or load VACASK's own models and convert what they stand for"
    return UnsupportedError(explain("line for VACASK", must=must, got=ascii(line)[:80], do=do))
