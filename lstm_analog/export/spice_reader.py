"""Reads a deck that `spice.write_spice` wrote, edited by hand or not, back into its network and schedule.

What a card says counts: change a resistor, a weight, a `.param`, an input, and the network changes. What this reader
does not know it refuses, with the line. The clocks are read from the interval lines; a clock source that says otherwise
is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, LstmAnalogError, NetworkError, explain
from lstm_analog.export.cards import BANKS, Cards
from lstm_analog.export.numbers import parse_number
from lstm_analog.export.spice import MARK, clock_node, staircase
from lstm_analog.files import read_bytes
from lstm_analog.network.domain import DOMAINS
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, Part
from lstm_analog.network.schedule import Imposed, Schedule

_LETTERS = {
    "Sources": "v",
    "Storages": "c",
    "Conductors": "r",
    "Transconductors": "g",
    "Junctions": "",
    "Followers": "ex",
}
_PINS = {"v": 2, "c": 2, "r": 2, "g": 4, "e": 4}


@dataclass(frozen=True, kw_only=True, eq=False)
class Deck:
    """What a netlist says: the network and how it is driven."""

    network: Network
    schedule: Schedule


@dataclass(frozen=True, kw_only=True)
class _Section:
    """The lines between two `part`, `clocks` or `analysis` marks, continuations joined; `head` are the mark's words."""

    head: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Context:
    """What every section needs: names, parameters, clock lines."""

    numbers: dict[str, int]
    parameters: dict[str, float]
    lines: tuple[str, ...]

    def node(self, name: str) -> int:
        if name not in self.numbers:
            raise _refusal("node", "belong to a group of the header", name, "declare its group, or correct the name")
        return self.numbers[name]

    def number(self, text: str) -> float:
        return parse_number(text, self.parameters)


def read_spice(path: str | Path) -> Deck:
    """Return the network and schedule of the deck at `path`.

    Raises
    ------
    FileAccessError
        If the file cannot be read.
    FileFormatError
        If it is no deck of this package, or a line says something unknown.
    """
    try:
        text = read_bytes(path).decode("ascii")
    except UnicodeDecodeError:
        raise _refusal("netlist", "be ASCII text", "other bytes", "give a deck written by write_spice") from None
    sections = list(_sections(text))
    header, parts = sections[0], [section for section in sections if section.head[:1] == ("part",)]
    try:
        return _deck(header, parts, sections)
    except (NetworkError, FileFormatError):
        raise
    except (LstmAnalogError, ValueError, IndexError, KeyError) as error:
        raise _refusal("netlist", "read back as a network", error, "undo the last edit") from error


def _deck(header: _Section, parts: list[_Section], sections: list[_Section]) -> Deck:
    marks = _marks(header)
    if not (marks.get("domain") and marks.get("group") and marks.get("interval") and parts):
        raise _refusal("netlist", "carry the marks of write_spice", "none", "give a deck written by this package")
    unknowns = Unknowns(
        groups=tuple(Group(label=words[0], size=int(words[1]), scale=float(words[2])) for words in marks["group"])
    )
    lines = tuple(marks["lines"][0])
    context = _Context(
        numbers={name: number for number, name in enumerate(unknowns.names())},
        parameters=_parameters(header),
        lines=lines,
    )
    bare = _bare_schedule(marks, lines)
    network = Network(
        domain=DOMAINS[marks["domain"][0][0]],
        unknowns=unknowns,
        parts=tuple(_part(section, context) for section in parts),
        lines=lines,
        provenance=tuple((words[0], " ".join(words[1:])) for words in marks.get("provenance", [])),
    )
    _check_clocks(next(section for section in sections if section.head == ("clocks",)), lines, bare)
    imposed = [entry for section in parts if (entry := _imposed(section, context, bare)) is not None]
    schedule = Schedule(names=bare.names, high=bare.high, durations=bare.durations, imposed=tuple(imposed))
    return Deck(network=network.verify(), schedule=schedule.fit(network))


def _sections(text: str) -> Iterator[_Section]:
    head: tuple[str, ...] = ()
    lines: list[str] = []
    for raw in text.splitlines():
        words = tuple(raw.split()[1:])
        if raw.startswith(MARK) and words[:1] in (("part",), ("clocks",), ("analysis",)):
            yield _Section(head=head, lines=tuple(lines))
            head, lines = words, []
        elif raw.startswith("+") and lines:
            lines[-1] += raw[1:]
        elif raw.startswith(MARK) or not (raw.startswith("*") or not raw.strip()):
            lines.append(raw)
    yield _Section(head=head, lines=tuple(lines))


def _marks(header: _Section) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for words in (line.split()[1:] for line in header.lines if line.startswith(MARK)):
        found.setdefault(words[0] if words else "", []).append(words[1:])
    return found


def _parameters(header: _Section) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in header.lines:
        if line.lower().startswith(".param"):
            name, _, text = line[len(".param") :].partition("=")
            found[name.strip()] = parse_number(text.strip(), found)
    return found


def _bare_schedule(marks: dict[str, list[list[str]]], lines: tuple[str, ...]) -> Schedule:
    kinds = [(name, float(duration), set(high.split(","))) for name, duration, high in marks["interval"]]
    order = [kinds[int(number)] for words in marks["order"] for number in words]
    return Schedule(
        names=tuple(name for name, _, _ in order),
        high=np.array([[line in high for line in lines] for _, _, high in order]).reshape(len(order), len(lines)),
        durations=np.array([duration for _, duration, _ in order]),
        imposed=(),
    )


def _part(section: _Section, context: _Context) -> Part:
    _, kind, label, count, *rest = section.head
    options = dict(option.split("=", 1) for option in rest)
    if kind not in BANKS:
        raise _refusal("part", f"be one of {', '.join(BANKS)}", kind, "correct the part line")
    if kind == "Junctions":
        names = [name for line in section.lines for name in line.split()[2:]]
        return BANKS[kind](label, _cards(context, options, "", [[context.node(name) for name in names]], {}))
    cards = [line.split() for line in section.lines if not line.startswith(MARK)]
    _check_cards(cards, kind, label)
    if kind == "Transconductors":
        return BANKS[kind](label, _dense(cards, int(count), options, context))
    if len(cards) != int(count):
        raise _refusal(f"part {label}", f"have {count} cards", len(cards), "restore the missing or remove the new")
    if kind == "Sources":
        return BANKS[kind](label, _at_rest(cards, options, context))
    return BANKS[kind](label, _like_cards(cards, options, context))


def _check_cards(cards: list[list[str]], kind: str, label: str) -> None:
    letters = _LETTERS.get(kind, "x")
    for words in cards:
        if words[0][0].lower() not in letters or not words[0][1:].lower().startswith(f"{label}_"):
            must = f"start with {' or '.join(letters)} and {label}_"
            raise _refusal(f"card of part {label}", must, words[0], "move it, or undo the edit")


def _cards(
    context: _Context, options: dict[str, str], letter: str, pins: list[list[int]], values: dict[str, Floats]
) -> Cards:
    line = context.lines.index(options["line"]) if "line" in options else ALWAYS
    columns = tuple(np.array(column, dtype=np.int64) for column in pins)
    return Cards(letter=letter, pins=columns, line=line, device="", values=values, options=options)


def _at_rest(cards: list[list[str]], options: dict[str, str], context: _Context) -> Cards:
    rest = np.array([context.number(text) for text in options["rest"].split(",")])
    constant = [context.number(words[3]) if words[3] != "pwl(" else np.nan for words in cards]
    value = np.where(np.isnan(constant), rest, constant)
    return _cards(context, options, "v", [[context.node(words[1]) for words in cards]], {"rest": value})


def _dense(cards: list[list[str]], rows: int, options: dict[str, str], context: _Context) -> Cards:
    if rows == 0 or len(cards) % rows:
        raise _refusal("weights", f"fill {rows} equal rows", f"{len(cards)} cards", "restore the missing card")
    table = np.array(cards).reshape(rows, -1, 6)
    names_of_rows, names_of_inputs = table[:, :1, 2], table[:1, :, 3]
    if not ((table[:, :, 2] == names_of_rows).all() and (table[:, :, 3] == names_of_inputs).all()):
        do = "a weight may change, its place may not"
        raise _refusal("weights", "stand in order of rows and inputs", "a moved card", do)
    pins = [[context.node(name) for name in names_of_rows[:, 0]], [context.node(name) for name in names_of_inputs[0]]]
    values = np.array([context.number(text) for text in table[:, :, 5].ravel()]).reshape(rows, -1)
    return _cards(context, options, "g", pins, {"g": values})


def _like_cards(cards: list[list[str]], options: dict[str, str], context: _Context) -> Cards:
    letter = cards[0][0][0].lower()
    fixed = _PINS.get(letter)
    named = [word for word in cards[0] if "=" in word]
    device_pins = len(cards[0]) - len(named) - 2 - ("line" in options)
    pins = fixed or device_pins
    columns = [[context.node(words[1 + k]) for words in cards] for k in range(pins)]
    if fixed:
        values = {_VALUE[letter]: np.array([context.number(words[1 + pins]) for words in cards])}
    else:
        texts = [dict(word.split("=", 1) for word in words if "=" in word) for words in cards]
        values = {key: np.array([context.number(row[key]) for row in texts]) for key in texts[0]}
    return _cards(context, options, letter, columns, values)


_VALUE = {"c": "c", "r": "r", "e": "gain"}


def _imposed(section: _Section, context: _Context, bare: Schedule) -> Imposed | None:
    if section.head[1] != "Sources" or not any("pwl(" in line for line in section.lines):
        return None
    middles = bare.ends - 0.5 * bare.durations
    rows = [_waveform(line, middles, context) for line in section.lines]
    return Imposed(label=section.head[2], efforts=np.stack(rows, axis=-1))


def _waveform(line: str, times: Floats, context: _Context) -> Floats:
    words = line.split()
    if words[3] != "pwl(":
        return np.full(times.size, context.number(words[3]))
    points = np.array([context.number(word) for word in words[4:] if word != ")"]).reshape(-1, 2)
    values: Floats = np.interp(times, points[:, 0], points[:, 1])
    return values


def _check_clocks(section: _Section, lines: tuple[str, ...], bare: Schedule) -> None:
    written = {line.split()[1]: "".join(line.split()[3:]) for line in section.lines}
    for number, line in enumerate(lines):
        expected = staircase(bare.high[:, number].astype(float), bare).replace("+", "").split()
        if written.get(clock_node(line)) != "".join(expected):
            do = "change the interval and order lines of the header, and write the deck anew"
            raise _refusal(f"clock {line}", "say what the interval lines say", "another waveform", do)


def _refusal(what: str, must: str, got: object, do: str) -> FileFormatError:
    return FileFormatError(explain(what, must=must, got=ascii(str(got))[:200], do=do))
