"""Read a deck that `spice.write_spice` wrote, possibly edited by hand, back into its network and schedule.

The values on cards count: change a resistor, a weight, a `.param` or an input, and the network changes. Values are read
as the simulator of the deck's dialect reads them (`numbers`), and so are remarks and continuations
(`lines`). Unknown text is refused, with its line (`spice_checks`). Clocks are read from the interval lines; a clock
source that differs from them is refused. `.options` and `.tran` become an `Accuracy`; `.save` and `.meas` are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import FileFormatError, LstmAnalogError, NetworkError
from lstm_analog.export.accuracy import Accuracy
from lstm_analog.export.banks import Maker, makers
from lstm_analog.export.cards import Cards
from lstm_analog.export.cells import MARK, split_library
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.header_reader import (
    bare_schedule,
    dialect_called,
    divided,
    domain_called,
    marks_of,
    parameters_of,
    provenance_of,
)
from lstm_analog.export.hierarchy import UNITS
from lstm_analog.export.hierarchy_reader import NODES, Section, flat_sections, read_sections
from lstm_analog.export.lines import card_words
from lstm_analog.export.netlist import rise_time
from lstm_analog.export.numbers import parse_number
from lstm_analog.export.spice_checks import (
    accuracy_of,
    check_cards,
    check_clocks,
    check_devices,
    check_driven,
    check_marks,
    check_settings,
    check_size,
    points,
    refusal,
)
from lstm_analog.files import read_bytes
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, Part
from lstm_analog.network.schedule import Imposed, Schedule


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Deck:
    """The content of a netlist: the network, its schedule, and the simulator's settings."""

    network: Network
    schedule: Schedule
    accuracy: Accuracy


@dataclass(frozen=True, kw_only=True)
class _Context:
    """What reading a section takes from the header: dialect, makers of banks, names, parameters and clock lines."""

    dialect: Dialect
    makers: Mapping[str, Maker]
    names: list[str]
    numbers: dict[str, int]
    parameters: dict[str, float]
    lines: tuple[str, ...]

    def node(self, name: str) -> int:
        if name not in self.numbers:
            raise refusal("node", "belong to a group of the header", name, "declare its group, or correct the name")
        return self.numbers[name]

    def number(self, text: str) -> float:
        return parse_number(text, self.parameters)


@checked
def read_spice(path: str | Path, own: Mapping[str, Maker] | None = None) -> Deck:
    """Return the network, schedule and settings of the deck at `path`, which may be of any dialect.

    Your own kinds of parts are known if they declare a law. For a kind whose cards your own function writes, `own` has
    the inverse by the name of the kind: a function from a label and its `Cards` to the bank.

    Raises `FileAccessError` if the file cannot be read; `FileFormatError` if it is no deck of this package, or a line
    says something unknown.
    """
    return deck_in(read_bytes(path), path, own)


def deck_in(content: bytes, path: str | Path, own: Mapping[str, Maker] | None = None) -> Deck:
    """Return the content of the deck at `path` from its bytes `content`; `own` is as in `read_spice`.

    Raises `FileFormatError` as it does.
    """
    try:
        return _deck(content, makers(own or {}))
    except LstmAnalogError as error:
        raise FileFormatError(f"file {str(path)!r}: {error}") from error


def _deck(content: bytes, makers: Mapping[str, Maker]) -> Deck:
    text, found = read_sections(content)
    check_size(text, found[0].lines)
    try:
        return _assembled(found, makers)
    except (NetworkError, FileFormatError):
        raise
    except (LstmAnalogError, ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise refusal("netlist", "read back as a network", error, "undo the last edit") from error


def _assembled(sections: list[Section], makers: Mapping[str, Maker]) -> Deck:
    by_unit = any(line.startswith(f"{MARK} {UNITS} ") for line in sections[0].lines)
    sections = flat_sections(sections, dialect_called(marks_of(sections[0])["dialect"][0][0])) if by_unit else sections
    header, parts = sections[0], [section for section in sections if section.head[:1] == ("part",)]
    marks = marks_of(header)
    check_marks(marks, [section.head for section in sections])
    unknowns = Unknowns(
        groups=tuple(Group(label=label, size=int(size), scale=float(scale)) for label, size, scale in marks["group"])
    )
    lines = tuple(marks["lines"][0])
    names = unknowns.names()
    dialect = dialect_called(marks["dialect"][0][0])
    given, devices = divided(header)
    context = _Context(
        dialect=dialect,
        makers=makers,
        names=names,
        numbers={name: number for number, name in enumerate(names)},
        parameters=parameters_of(given),
        lines=lines,
    )
    bare = bare_schedule(marks, lines)
    network = Network(
        domain=domain_called(marks["domain"][0][0]),
        unknowns=unknowns,
        parts=tuple(_part(section, context) for section in parts),
        lines=lines,
        provenance=tuple(provenance_of(line) for line in header.lines if line.startswith(f"{MARK} provenance ")),
    )
    check_devices(network, devices, dialect, by_unit=by_unit)
    rise = rise_time(network, bare)
    check_clocks(sections[-2].lines, lines, bare, rise)
    settings = tuple(line for line in sections[-1].lines if line.split()[0] not in (".meas", ".measure"))
    check_settings(settings, dialect)
    imposed = [entry for section in parts if (entry := _imposed(section, context, bare, rise)) is not None]
    schedule = Schedule(names=bare.names, high=bare.high, durations=bare.durations, imposed=tuple(imposed))
    marked = {name: float(value) for name, value in marks.get("tolerance", [])}
    accuracy = accuracy_of(settings, bare, dialect, marked)
    return Deck(network=network.verify(), schedule=schedule.fit(network), accuracy=accuracy)


def _part(section: Section, context: _Context) -> Part:
    _, kind, label, count, *rest = section.head
    options = dict(option.split("=", 1) for option in rest)
    if kind not in context.makers:
        raise refusal("part", f"be one of {', '.join(sorted(context.makers))}", kind, "correct the part line")
    if kind == "Junctions":
        return context.makers[kind](label, _cards(context, options, "", [_junction_nodes(section, context)], {}))
    library, lines = split_library(section.lines)
    cards = [card_words(line) for line in lines]
    if kind != "Transconductors" and len(cards) != int(count):
        raise refusal(f"part {label}", f"have {count} cards", len(cards), "restore the missing or remove the new")
    read = replace(_read(kind, cards, int(count), options, context), library=library)
    part = context.makers[kind](label, read)
    check_cards(part, cards, context.names, context.lines, context.dialect)
    return part


def _read(kind: str, cards: list[list[str]], count: int, options: dict[str, str], context: _Context) -> Cards:
    if kind == "Transconductors":
        return _dense(cards, count, options, context)
    return _at_rest(cards, options, context) if kind == "Sources" else _like_cards(cards, options, context)


def _junction_nodes(section: Section, context: _Context) -> list[int]:
    for line in section.lines:
        if not line.startswith(f"{MARK} nodes "):
            raise refusal(f"part {section.head[2]}", "have no cards", line, "remove it")
    return [context.node(name) for line in section.lines for name in line.split()[2:]]


def _cards(
    context: _Context, options: dict[str, str], letter: str, pins: list[list[int]], values: dict[str, Floats]
) -> Cards:
    line = context.lines.index(options["line"]) if "line" in options else ALWAYS
    columns = tuple(np.array(column, dtype=np.int64) for column in pins)
    return Cards(letter=letter, pins=columns, line=line, device="", values=values, options=options)


def _at_rest(cards: list[list[str]], options: dict[str, str], context: _Context) -> Cards:
    if "driven" in options:
        value = np.array([context.number(text) for text in options["rest"].split(",")])
    else:
        value = np.array([context.number(words[3]) for words in cards])
    return _cards(context, options, "v", [[context.node(words[1]) for words in cards]], {"rest": value})


def _dense(cards: list[list[str]], rows: int, options: dict[str, str], context: _Context) -> Cards:
    if rows < 1 or not cards or len(cards) % rows or any(len(words) != 6 for words in cards):
        raise refusal("weights", f"fill {rows} equal rows", f"{len(cards)} cards", "restore the missing card")
    across = len(cards) // rows
    pins = [[context.node(words[2]) for words in cards[::across]], [context.node(words[3]) for words in cards[:across]]]
    values = np.array([context.number(words[5]) for words in cards]).reshape(rows, across)
    return _cards(context, options, "g", pins, {"g": values})


def _like_cards(cards: list[list[str]], options: dict[str, str], context: _Context) -> Cards:
    letter, passing = cards[0][0][0], context.dialect.passing.strip()
    before = [word for word in cards[0] if "=" not in word and word != passing]
    pins = NODES.get(letter, len(before) - 2 - ("line" in options))
    columns = [[context.node(words[1 + k]) for words in cards] for k in range(pins)]
    if letter in NODES:
        values = {_VALUE[letter]: np.array([context.number(words[1 + pins]) for words in cards])}
    else:
        texts = [dict(word.split("=", 1) for word in words if "=" in word) for words in cards]
        values = {key: np.array([context.number(row[key]) for row in texts]) for key in texts[0]}
    return _cards(context, options, letter, columns, values)


_VALUE = {"c": "c", "r": "r", "e": "gain"}


def _imposed(section: Section, context: _Context, bare: Schedule, rise: float) -> Imposed | None:
    if "driven=yes" not in section.head:
        return None
    middles = bare.ends - 0.5 * bare.durations
    columns = []
    for line in section.lines:
        waveform = points(card_words(line), context.parameters)
        columns.append(np.interp(middles, *waveform))
        check_driven(line, waveform, columns[-1], bare, rise)
    return Imposed(label=section.head[2], efforts=np.stack(columns, axis=-1))
