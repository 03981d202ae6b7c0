"""Divide the text of a deck into sections; those of a deck by units become the sections of the flat deck.

A deck by units is as `hierarchy` writes it, perhaps edited by hand. Cards of all instances are gathered bank by bank,
with the nodes and parameters of each instance, and the swing of op-amps from their supplies. `spice_reader` reads them
then, with all its checks. What has no place in the flat deck is refused by name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lstm_analog.export.cells import MARK
from lstm_analog.export.devices import AFTER_SWING, RAILS, SWING
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.emit import fill
from lstm_analog.export.hierarchy import CIRCUIT, CLOCK, TOP, UNITS
from lstm_analog.export.lines import cut_off, joined, words_of
from lstm_analog.export.numbers import parse_number
from lstm_analog.export.rules import RULES
from lstm_analog.export.source_waveforms import clock_node
from lstm_analog.export.spice_checks import refusal
from lstm_analog.export.units import inner_name
from lstm_analog.export.vacask_reader import in_spice
from lstm_analog.files import text_in

SECTIONS = frozenset({"part", "clocks", "analysis", CIRCUIT, TOP})
"""The marks that begin a section; the last two in decks by units."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """The lines after one of the marks `SECTIONS`, up to the next; `head` are the words of the mark.

    Continuations are joined, statements are in lower case, marks unchanged. The first section, the header, has no head.
    """

    head: tuple[str, ...]
    lines: tuple[str, ...]


def read_sections(content: bytes) -> tuple[str, list[Section]]:
    """Return the text of the deck in the bytes `content`, and its sections, the header first; of VACASK's, its cards.

    Raises `FileFormatError` if it is no text, a statement is not in ASCII, or a continuation is cut off (`cut_off`).
    """
    text = in_spice(text_in(content, "netlist"))
    return text, list(_sections(text))


def _sections(text: str) -> Iterator[Section]:
    head: tuple[str, ...] = ()
    lines: list[str] = []
    for number in cut_off(text):
        do = "begin the remark above with *"
        raise refusal(f"line {number}", "follow what it continues: ngspice drops it", "a line of ; before it", do)
    for number, line in joined(text, _remarks(text), keep=MARK):
        words = tuple(line.split()[1:])
        if not line.isascii():
            do = "write u for micro; other letters may stand in remarks"
            raise refusal(f"netlist must be ASCII text: line {number}", "be so", line, do)
        if line.startswith(MARK) and words[:1] and words[0] in SECTIONS:
            yield Section(head=head, lines=tuple(lines))
            head, lines = words, []
        else:
            lines.append(line if line.startswith(MARK) else line.lower())
    yield Section(head=head, lines=tuple(lines))


def _remarks(text: str) -> tuple[str, ...]:
    """Return the marks that begin a remark in the dialect of the deck `text`."""
    declared = re.search(rf"^{re.escape(MARK)} dialect (\w+)\s*$", text, re.MULTILINE)
    return RULES[declared[1]].comments if declared and declared[1] in RULES else ()


NODES: Mapping[str, int] = {"r": 2, "c": 2, "v": 2, "e": 4, "g": 4}
"""How many nodes a card has by its letter; an x card has as many as stand before its device."""
_UNIT_MARK = f"{MARK} {UNITS} "


@dataclass(frozen=True, kw_only=True)
class _Call:
    """A subcircuit with its `cards`, or an instance: the `name` of the circuit, `nodes`, and parameters by name."""

    name: str
    nodes: tuple[str, ...]
    values: Mapping[str, str]
    cards: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Gathered:
    """The `cards` of a flat deck in a `dialect` by bank and number, as they are found.

    `kinds` are the kinds of part by bank, `swing` what op-amps swing to.
    """

    dialect: Dialect
    kinds: Mapping[str, str]
    swing: str
    cards: dict[str, dict[tuple[int, ...], str]] = field(default_factory=dict)

    def add(self, card: str, wires: Mapping[str, str], values: Mapping[str, str], unit: int) -> None:
        """Add a `card` of instance number `unit`, whose nodes and parameters are `wires` and `values`."""
        head, *words = words_of(card)
        label, numbers = self._place(card, head)
        numbers = (numbers[0] + unit, *numbers[1:])
        count = NODES.get(head[0]) or self._device_at(words)
        if head[0] == "v":
            words = card.split(maxsplit=3)[1:]
        nodes = [wires.get(node, node) for node in words[:count]]
        rest = [self._value(word, values) for word in words[count:]]
        if self.kinds[label] == "OpAmps":
            nodes, rest = self._fed(card, nodes, rest)
        text = " ".join((f"{head[0]}{label}_{'_'.join(map(str, numbers))}", *nodes, *rest))
        if self.cards.setdefault(label, {}).setdefault(numbers, text) != text or len(words) < count:
            raise refusal(f"card {head}", "stand once, with its nodes", card, "restore the deck as it was written")

    def _place(self, card: str, head: str) -> tuple[str, tuple[int, ...]]:
        label, numbers = head[1:], tuple[int, ...]()
        while label not in self.kinds:
            label, _, number = label.rpartition("_")
            if not label or not number.isdecimal():
                raise refusal("card", "belong to a bank", card, "restore it: a value may change, no card is added")
            numbers = (int(number), *numbers)
        if not numbers:
            raise refusal("card", "have a number", card, "restore its name")
        return label, numbers

    def _device_at(self, words: list[str]) -> int:
        """Return how many of the `words` after the name of an x card are nodes."""
        return len([word for word in words if "=" not in word and word != self.dialect.passing.strip()]) - 1

    def _value(self, word: str, values: Mapping[str, str]) -> str:
        """Return the `word` with a parameter of the unit replaced by its value."""
        key, equals, text = word.rpartition("=") if "=" in word else ("", "", word)
        for name, value in values.items():
            if text == fill(self.dialect.parameter, {"name": name}):
                return f"{key}{equals}{value}"
            if re.search(rf"\b{re.escape(name)}\b", text):
                must, do = f"be {name} alone, for it differs from unit to unit", "change it at the instances"
                raise refusal("value in a unit", must, word, do)
        return word

    def _fed(self, card: str, nodes: list[str], rest: list[str]) -> tuple[list[str], list[str]]:
        """Return nodes and the rest of an op-amp without its supplies, their voltage as its swing."""
        if tuple(nodes[-2:]) != RAILS:
            raise refusal("supplies of an op-amp", f"be {' and '.join(RAILS)}", card, "restore its nodes")
        keys = [word.partition("=")[0] for word in rest]
        place = keys.index(AFTER_SWING) if AFTER_SWING in keys else len(keys)
        return nodes[:-2], [*rest[:place], f"{SWING}={self.swing}", *rest[place:]]


def flat_sections(sections: list[Section], dialect: Dialect) -> list[Section]:
    """Return the `sections` of the flat deck that a deck by units in `dialect` stands for.

    Raises `FileFormatError` for a line that has no counterpart there.
    """
    header = sections[0]
    units = dict(line.removeprefix(_UNIT_MARK).split() for line in header.lines if line.startswith(_UNIT_MARK))
    marks = [section.head[0] for section in sections[1:]]
    parts = [section for section in sections if section.head[:1] == ("part",)]
    circuits = {each.name: each for each in _circuits(sections, dialect)}
    if marks != [*["part"] * len(parts), *[CIRCUIT] * len(circuits), TOP, "analysis"]:
        do = "restore the order in which the deck was written"
        raise refusal("deck by units", "have banks, circuits that differ, the top and analysis", ", ".join(marks), do)
    top = sections[-2].lines
    kinds = {section.head[2]: section.head[1] for section in parts}
    found = _Gathered(dialect=dialect, kinds=kinds, swing=_swing(top))
    clocks = _gather(found, circuits, {label: int(count) for label, count in units.items()}, header, top)
    filled = [replace(each, lines=(*each.lines, *_in_order(found.cards.get(each.head[2], {})))) for each in parts]
    bare = replace(header, lines=tuple(line for line in header.lines if not line.startswith(_UNIT_MARK)))
    return [bare, *filled, Section(head=("clocks",), lines=clocks), sections[-1]]


def _in_order(cards: Mapping[tuple[int, ...], str]) -> Iterator[str]:
    yield from (cards[number] for number in sorted(cards))


def _circuits(sections: Iterable[Section], dialect: Dialect) -> Iterator[_Call]:
    for section in sections:
        if section.head[:1] == (CIRCUIT,):
            first, *cards = section.lines or ("",)
            name = section.head[-1]
            if not first.startswith(f".subckt {name} ") or cards[-1:] != [f".ends {name}"]:
                do = "restore its first and last line"
                raise refusal(f"circuit {name}", f"be from .subckt {name} to .ends {name}", first, do)
            word, *rest = words_of(first)
            yield replace(_call([*rest[1:], rest[0]], dialect, word), cards=tuple(cards[:-1]))


def _call(words: list[str], dialect: Dialect, line: str) -> _Call:
    """Return what the `words` after the name of an instance say: nodes, circuit, parameters; `line` is its name."""
    plain = [word for word in words if "=" not in word and word != dialect.passing.strip()]
    values = dict(word.split("=", 1) for word in words if "=" in word)
    if not plain:
        raise refusal(f"instance {line}", "call a circuit", " ".join(words), "restore it")
    return _Call(name=plain[-1], nodes=tuple(plain[:-1]), values=values)


def _gather(
    found: _Gathered, circuits: Mapping[str, _Call], units: Mapping[str, int], header: Section, top: tuple[str, ...]
) -> tuple[str, ...]:
    """Put the cards of all instances of `circuits` at the `top`, and those beside them, into `found`.

    Returns the cards of the clock lines that the `header` names. `units` are the numbers of units by layer.
    """
    expected = _instances(circuits, units)
    calls = dict[str, _Call]()
    for line in top:
        name, *words = words_of(line)
        if name in expected:
            if name in calls:
                raise refusal(f"instance {name}", "stand once", "two", "remove one")
            calls[name] = _call(words, found.dialect, name)
        elif name not in [f"v{rail}" for rail in RAILS]:
            found.add(line, {}, {}, 0)
    lines = next((line.split()[2:] for line in header.lines if line.startswith(f"{MARK} lines")), None)
    if lines is None:
        raise refusal("netlist", "carry the marks of write_spice", "no lines", "give a deck written by this package")
    names, clocks = [f"v{clock_node(line)}" for line in lines], dict[str, str]()
    for name, (circuit, unit) in expected.items():
        (wires, values), layer = _bound(name, circuit, calls), circuit.name.removesuffix("_unit")
        inside = _inner_nodes(header, layer, units.get(layer, 0), unit)
        for card in circuit.cards:
            word = card.split(maxsplit=1)[0]
            if circuit.name == CLOCK and word in names:
                clocks[word] = _rewired(card, wires)
            else:
                found.add(card, inside | wires, values, unit)
    return tuple(clocks[word] for word in names if word in clocks)


def _rewired(card: str, wires: Mapping[str, str]) -> str:
    word, a, b, rest = card.split(maxsplit=3)
    return f"{word} {wires.get(a, a)} {wires.get(b, b)} {rest}"


def _instances(circuits: Mapping[str, _Call], units: Mapping[str, int]) -> dict[str, tuple[_Call, int]]:
    """Return circuit and number of the unit by the name of each instance that the top must have."""
    missing = [name for name in (CLOCK, *(f"{label}_unit" for label in units)) if name not in circuits]
    if missing:
        raise refusal("deck by units", "have every circuit", f"no {missing[0]}", "restore it")
    named = dict[str, tuple[_Call, int]]()
    for name, circuit in circuits.items():
        count = units.get(name.removesuffix("_unit"), 0) if name.endswith("_unit") else 0
        named |= {f"x{name}_{unit}": (circuit, unit) for unit in range(count)} if count else {f"x{name}": (circuit, 0)}
    return named


def _bound(name: str, circuit: _Call, calls: Mapping[str, _Call]) -> tuple[dict[str, str], dict[str, str]]:
    if name not in calls:
        raise refusal("top", "have every instance", f"no {name}", "restore it")
    call, count = calls[name], len(circuit.nodes)
    if call.name != circuit.name or len(call.nodes) != count or not call.values.keys() <= circuit.values.keys():
        must = f"call {circuit.name} with {count} nodes and of its parameters"
        got = f"{call.name}, {len(call.nodes)} nodes, {', '.join(call.values) or 'none'}"
        raise refusal(f"instance {name}", must, got, "restore it")
    return dict(zip(circuit.nodes, call.nodes, strict=True)), {**circuit.values, **call.values}


def _inner_nodes(header: Section, layer: str, units: int, unit: int) -> dict[str, str]:
    """Return the nodes of the deck by their names inside number `unit` of the `units` of a `layer`."""
    groups = (line.split()[2:4] for line in header.lines if line.startswith(f"{MARK} group "))
    return {
        inner_name(f"{label}_{number}", units): f"{label}_{number + unit}"
        for label, size in groups
        if units and label.startswith(f"{layer}_") and int(size) % units == 0
        for number in range(0, int(size), units)
    }


def _swing(top: tuple[str, ...]) -> str:
    """Return what op-amps swing to by the supplies at the `top`, as text; empty without supplies."""
    found = [words for words in map(words_of, top) if words[0] in [f"v{rail}" for rail in RAILS]]
    if not found:
        return ""
    volts = {words[1]: parse_number(words[-1], {}) for words in found}
    if [words[:3] for words in found] != [[f"v{rail}", rail, "0"] for rail in RAILS] or sum(volts.values()) != 0.0:
        must, do = "be vvdd and vvss, equal and opposite", "op-amps swing alike to both sides: change both"
        raise refusal("supplies", must, "; ".join(" ".join(words) for words in found), do)
    return repr(volts[RAILS[0]])
