"""Turn a deck of VACASK, as `vacask` writes it and perhaps edited by hand, back into cards for `spice_reader`.

VACASK knows M as mega, tells upper from lower case, and computes values. What is spelt otherwise than here is refused,
so that no value is taken for another number and no statement is dropped.
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from types import MappingProxyType

from lstm_analog.errors import FileFormatError, explain
from lstm_analog.export import mosfets
from lstm_analog.export.lines import split_lines
from lstm_analog.export.vacask import DIGITS, EDGES, MASTERS, MODELS, NAME, SETTINGS, SUBSTRATE

_MOSFET = tuple(" ".join(line.split()) for line in mosfets.TEXT.splitlines() if line)
"""The lines of the module of level 1 transistors, without outer blanks."""
_NUMBER = re.compile(rf"({DIGITS})(?:([eE][+-]?\d+)|(meg|[munpfkKMGTxX])(?!il)[a-zA-Z_]*)?")
_PREFIXES: Mapping[str, str] = MappingProxyType({"K": "k", "M": "meg", "x": "meg", "X": "meg", "G": "g", "T": "t"})
_INSTANCE = re.compile(rf"({NAME}) \(([a-z0-9_ ]*)\) ({NAME})((?: \$?{NAME}=\S+)*)")
_WAVE = re.compile(rf'({NAME}) \(([a-z0-9_]+ [a-z0-9_]+)\) vsource type="pwl" wave=\[ ?([^\[\]]*)\]')
_MODEL = re.compile(rf"model ({NAME}) (\w+) \((type=-?1)((?: {NAME}=\S+)*)\)")
_SUBCIRCUIT = re.compile(rf"subckt ({NAME})\(([a-z0-9_ ]*)\)")
_TEMPERATURE = re.compile(rf"(?m)^ *options temp=(\S+) {re.escape(EDGES)}$")


def in_spice(text: str) -> str:
    """Return the deck `text` as cards if it is one of `VACASK`, else as it is.

    Raises `FileFormatError` for a line that has no counterpart.
    """
    if not re.search(r"(?m)^//\| dialect vacask\s*$", text):
        return text
    temperatures = _TEMPERATURE.findall(text)
    if len(temperatures) > 1 or (temperatures and not re.search(r"(?m)^//\| part Cells ", text)):
        raise _strange("options temp", "stand once, where there are cells", ", ".join(temperatures))
    return "\n".join(_cards_of(split_lines(text), *temperatures)) + "\n"


def _cards_of(lines: list[str], celsius: str = "") -> Iterator[str]:
    """Yield the cards of a deck of `lines`, the statement of the temperature `celsius`, if any, with the cells."""
    yield lines[0]
    started, kept, circuit, expected = False, False, "", iter(_MOSFET)
    for kind, text in _parted(lines[1:]):
        if kind is _Kind.REMARK:
            yield f"*{text}"
            started = started or text.startswith("| part ")
            yield from [f".temp {celsius}"] if celsius and text.startswith("| part Cells ") else []
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
        elif text != f"options temp={celsius} {EDGES}":
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
    found = re.fullmatch(rf"parameters ({NAME})=(\S+)", text)
    if found and kind is _Kind.STATEMENT:
        return f".param {found[1]}={_spice_value(found[2])}"
    if text[0] in "*+.":
        raise _strange("line", "be a statement of VACASK", text)
    return text


def _card(text: str) -> str:
    """Return the statement `text` of a section as a card, or as a line of the analysis."""
    if text in ("control", "endc"):
        return {"control": "control", "endc": ".end"}[text]
    if text.split(maxsplit=1)[0] in SETTINGS:
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
    kinds = [(kind, level) for kind, (model, first, level) in MODELS.items() if (model, first) == (master, start)]
    if not kinds:
        raise _strange(f"model {name}", "be sp_bjt or sp_mos1", master)
    texts = [f"{key}={_spice_value(value)}" for key, value in _pairs(values)]
    (kind, level), *_ = kinds
    return f".model {name} {kind}({' '.join([level] * bool(level) + texts)})"


def _spice_card(text: str, head: str, nodes: list[str], master: str, values: Mapping[str, str]) -> str:
    words = {("m" if key == "$mfactor" else key): _spice_value(value) for key, value in values.items()}
    known, key, count = MASTERS.get(head[0], (master, "", len(nodes)))
    if known != master or len(nodes) != count:
        raise _strange(f"instance {head}", f"be a {known} at {count} nodes", text)
    if key and list(words) == [key]:
        return " ".join((head, *nodes, words[key]))
    if head[0] == "q" and nodes[3:] == [SUBSTRATE] and list(words) in ([], ["area"], ["m"]):
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
    if re.fullmatch(NAME, text):
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
