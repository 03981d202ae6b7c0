"""Turn a deck of cards into statements of VACASK, and such a deck back into cards, line by line.

Instances name their nodes in brackets and their values by name; devices are Verilog-A modules (`modules`), embedded:

    r1 a 0 {p}           r1 (a 0) resistor r=p
    v1 a 0 pwl(          v1 (a 0) vsource type="pwl" wave=[
    x1 a b pair k0=2     x1 (a b) pair k0=2
    .param p=1           parameters p=1
    .model q npn(is=1f)  model q sp_bjt (type=1 is=1f)

Syntax: `lib/dfllexer.l` and `lib/dflparser.y` of VACASK 0.3. A letter's case counts, M is mega, and a value may be an
expression; those of other spellings than here are refused when read, for none may be taken for another number.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from types import MappingProxyType

from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.export import mosfets
from lstm_analog.export.lines import split_lines
from lstm_analog.export.numbers import number_text, parse_number

_MASTERS: Mapping[str, tuple[str, str, int]] = MappingProxyType(
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
_MODELS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "npn": ("sp_bjt", "type=1", ""),
        "pnp": ("sp_bjt", "type=-1", ""),
        "nmos": (mosfets.NAME, "type=1", "level=1"),
        "pmos": (mosfets.NAME, "type=-1", "level=1"),
    }
)
"""By the kind of a .model: VACASK's model, what it begins with there, and the value that the .model begins with."""
_MOSFET = tuple(" ".join(line.split()) for line in mosfets.TEXT.splitlines() if line)
"""The lines of the module of level 1 transistors, without outer blanks."""
_SUBSTRATE = "0"
"""The node of a bipolar transistor's substrate, which a card of three nodes leaves out."""
_NAME = r"[a-z][a-z0-9_]*"
_DIGITS = r"-?(?:(?:0|[1-9]\d*)\.\d*|\.\d+|0|[1-9]\d{0,8})"
"""Whole numbers have at most nine: they are 32 bits wide."""
_ALIKE = re.compile(rf"{_DIGITS}(?:e[+-]?\d+|meg|[kmunpf])?")
"""A number that means the same to SPICE and VACASK."""
_NUMBER = re.compile(rf"({_DIGITS})(?:([eE][+-]?\d+)|(meg|[munpfkKMGTxX])(?!il)[a-zA-Z_]*)?")
_PREFIXES: Mapping[str, str] = MappingProxyType({"K": "k", "M": "meg", "x": "meg", "X": "meg", "G": "g", "T": "t"})
_INSTANCE = re.compile(rf"({_NAME}) \(([a-z0-9_ ]*)\) ({_NAME})((?: \$?{_NAME}=\S+)*)")
_WAVE = re.compile(rf'({_NAME}) \(([a-z0-9_]+ [a-z0-9_]+)\) vsource type="pwl" wave=\[ ?([^\[\]]*)\]')
_MODEL = re.compile(rf"model ({_NAME}) (\w+) \((type=-?1)((?: {_NAME}=\S+)*)\)")
_LEVEL_1 = re.compile(rf"\.model {_NAME} [np]mos\(")
_SUBCIRCUIT = re.compile(rf"subckt ({_NAME})\(([a-z0-9_ ]*)\)")
_TEMPERATURE = re.compile(r"(?m)^ *options temp=(\S+)$")
_SETTINGS = ("options", "analysis")


def in_vacask(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of the deck in `texts`, written in the dialect `VACASK`, as statements of that simulator.

    Raises `UnsupportedError` for a card or a model that has no counterpart.
    """
    lines = (line for text in texts for line in text.splitlines())
    yield f"{next(lines)}\n"
    started, first, loaded, celsius = False, True, False, ""
    for line in lines:
        started = started or line.startswith("*| part ")
        if not loaded and _LEVEL_1.match(line):
            yield mosfets.TEXT
            loaded = True
        if line.startswith(".temp "):
            celsius = line.split()[1]
        elif line.startswith("+") and not line.startswith("+ v("):
            yield f"{_points(line, first)}\n"
            first = False
        elif line != "save":
            yield f"{_statement(line) if started or line[:1] in ('*', '.') else line}\n"
            first = True
        if line == "control" and celsius:
            if loaded and float(celsius) != mosfets.CELSIUS:
                must, do = f"be at {mosfets.CELSIUS:g} C in VACASK", "write them for ngspice"
                raise UnsupportedError(explain("level 1 transistors", must=must, got=celsius, do=do))
            yield f"  options temp={celsius}\n"


def _points(line: str, first: bool) -> str:
    """Return a `line` of a waveform after `pwl(`, the `first` or a later one, as part of a list."""
    words = line.split()[1:]
    return "]" if words == [")"] else f"  {'' if first else ', '}{', '.join(words)}"


def _statement(line: str) -> str:
    head, *rest = line.split() or [""]
    if line[:1] == "*":
        return f"//{line[1:]}"
    if head in ("", "control"):
        return head
    if head == ".param":
        name, _, value = rest[0].partition("=")
        return f"parameters {name}={_value(value)}"
    if head in _SETTINGS:
        return f"  {line}"
    if head == "+":
        return f"  save {' '.join(rest)}"
    if head == ".model":
        return _model(line)
    if head == ".subckt":
        return f"subckt {rest[0]}({' '.join(rest[1:])})"
    if head in (".ends", ".end"):
        return {".ends": "ends", ".end": "endc"}[head]
    return _instance(line)


def _instance(line: str) -> str:
    head, *rest = line.split()
    letter = head[0]
    if letter in _MASTERS:
        master, key, count = _MASTERS[letter]
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
        return _named(head, [*rest[:3], _SUBSTRATE], rest[3], values)
    if letter == "m" and len(rest) >= 5:
        return _named(head, rest[:4], rest[4], rest[5:])
    raise _unsupported(line)


def _named(head: str, nodes: list[str], master: str, values: list[str]) -> str:
    pairs = [value.split("=", 1) for value in values]
    texts = [f"{'$mfactor' if key == 'm' else key}={_value(text)}" for key, text in pairs]
    return " ".join((head, f"({' '.join(nodes)})", master, *texts))


def _model(line: str) -> str:
    found = re.fullmatch(rf"\.model ({_NAME}) (\w+)\((.*)\)", line)
    if found is None or found[2] not in _MODELS:
        raise _unsupported(line)
    master, start, level = _MODELS[found[2]]
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


def in_spice(text: str) -> str:
    """Return the deck `text` as cards if it is one of `VACASK`, else as it is.

    Raises `FileFormatError` for a line that has no counterpart.
    """
    if not re.search(r"(?m)^//\| dialect vacask\s*$", text):
        return text
    temperatures = _TEMPERATURE.findall(text)
    if len(temperatures) > 1 or (temperatures and not re.search(r"(?m)^//\| part Cells ", text)):
        raise _strange("options temp", "stand once, where there are cells", ", ".join(temperatures))
    return "\n".join(_cards_of(split_lines(text), f".temp {temperatures[0]}" if temperatures else "")) + "\n"


def _cards_of(lines: list[str], temperature: str) -> Iterator[str]:
    """Yield the cards of a deck of `lines`; the statement of the `temperature` stands with the cells."""
    yield lines[0]
    started, kept, circuit, expected = False, False, "", iter(_MOSFET)
    for kind, text in _parted(lines[1:]):
        if kind is _Kind.REMARK:
            yield f"*{text}"
            started = started or text.startswith("| part ")
            yield from [temperature] if temperature and text.startswith("| part Cells ") else []
        elif not started:
            yield _header_line(text, kind)
        elif kind is _Kind.EMBEDDED or text.startswith(("embed ", "load ")):
            if text != next(expected, ""):
                raise _strange("module of level 1 transistors", "stand as written", text)
        elif text.startswith("save "):
            yield from [] if kept else ["save"]
            kept = True
        elif text == "ends" and circuit:
            yield f".ends {circuit}"
        elif text != temperature.replace(".temp ", "options temp="):
            circuit = found[1] if (found := _SUBCIRCUIT.fullmatch(text)) else circuit
            yield _card(text)


class _Kind(Enum):
    """What a line of a deck of VACASK is."""

    REMARK = auto()
    EMBEDDED = auto()
    STATEMENT = auto()


def _parted(lines: list[str]) -> Iterator[tuple[_Kind, str]]:
    """Yield the remarks, embedded lines and statements in `lines`, those of a waveform joined, without outer blanks."""
    embedded, waiting = False, ""
    for raw in lines:
        line, mark, remark = raw.partition("//")
        line = " ".join(line.split())
        if embedded:
            embedded = raw.strip() != ">>>VA"
            yield from [(_Kind.EMBEDDED, line)] if line else []
        elif waiting and line:
            waiting += f" {line}"
            if line == "]":
                yield _Kind.STATEMENT, waiting
                waiting = ""
        elif line.endswith("["):
            waiting = line
        elif line:
            yield _Kind.STATEMENT, line
            embedded = line.startswith("embed ")
        elif mark:
            yield _Kind.REMARK, remark
    if embedded or waiting:
        raise _strange("deck", "close what it opens", waiting or "embed")


def _header_line(text: str, kind: _Kind) -> str:
    """Return a line of the header: a parameter as a card, any other as it is, to be compared with what was written."""
    found = re.fullmatch(rf"parameters ({_NAME})=(\S+)", text)
    if found and kind is _Kind.STATEMENT:
        return f".param {found[1]}={_spice_value(found[2])}"
    if text[0] in "*+.":
        raise _strange("line", "be a statement of VACASK", text)
    return text


def _card(text: str) -> str:
    """Return the statement `text` of a section as a card, or as a line of the analysis."""
    if text in ("control", "endc"):
        return {"control": "control", "endc": ".end"}[text]
    if text.split()[0] in _SETTINGS:
        pairs = [word.partition("=") for word in text.split()]
        return " ".join(f"{key}={_spice_value(value)}" if sign else key for key, sign, value in pairs)
    if found := _SUBCIRCUIT.fullmatch(text):
        return f".subckt {found[1]} {found[2]}"
    if found := _MODEL.fullmatch(text):
        return _spice_model(*found.groups())
    if found := _WAVE.fullmatch(text):
        points = [_spice_value(word.strip()) for word in found[3].split(",")]
        return f"{found[1]} {found[2]} pwl( {' '.join(points)} )"
    if found := _INSTANCE.fullmatch(text):
        return _spice_card(text, found[1], found[2].split(), found[3], dict(_pairs(found[4])))
    raise _strange("line", "be an instance, a model or a subcircuit as written", text)


def _spice_model(name: str, master: str, start: str, values: str) -> str:
    kinds = [(kind, level) for kind, (model, first, level) in _MODELS.items() if (model, first) == (master, start)]
    if not kinds:
        raise _strange(f"model {name}", "be sp_bjt or sp_mos1", master)
    texts = [f"{key}={_spice_value(value)}" for key, value in _pairs(values)]
    (kind, level), *_ = kinds
    return f".model {name} {kind}({' '.join([level] * bool(level) + texts)})"


def _spice_card(text: str, head: str, nodes: list[str], master: str, values: Mapping[str, str]) -> str:
    words = {("m" if key == "$mfactor" else key): _spice_value(value) for key, value in values.items()}
    known, key, count = _MASTERS.get(head[0], (master, "", len(nodes)))
    if known != master or len(nodes) != count:
        raise _strange(f"instance {head}", f"be a {known} at {count} nodes", text)
    if key and list(words) == [key]:
        return " ".join((head, *nodes, words[key]))
    if head[0] == "q" and nodes[3:] == [_SUBSTRATE] and list(words) in ([], ["area"], ["m"]):
        last = [value if name == "area" else f"m={value}" for name, value in words.items()]
        return " ".join((head, *nodes[:3], master, *last))
    if head[0] in "xm":
        return " ".join((head, *nodes, master, *(f"{name}={value}" for name, value in words.items())))
    raise _strange(f"instance {head}", "give its value as written", text)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return names and values of `text`, in which none may stand twice."""
    found = [(name, value) for name, _, value in (word.partition("=") for word in text.split())]
    if len({name for name, _ in found}) < len(found):
        raise _strange("values", "be given once", text)
    return found


def _spice_value(text: str) -> str:
    """Return the value `text` of VACASK, a number or a parameter, as a card has it."""
    if re.fullmatch(_NAME, text):
        return f"{{{text}}}"
    found = _NUMBER.fullmatch(text)
    if found is None:
        do = "write digits with an exponent or one prefix of VACASK; let a parameter have what is computed"
        must = "be a number or the name of a parameter"
        raise FileFormatError(explain("value", must=must, got=ascii(text)[:60], do=do))
    digits, exponent, prefix = found.groups(default="")
    return f"{digits}{exponent.lower()}{_PREFIXES.get(prefix, prefix)}"


def _strange(what: str, must: str, got: str) -> FileFormatError:
    return FileFormatError(explain(what, must=must, got=ascii(got)[:80], do="restore it: only a value may change"))
