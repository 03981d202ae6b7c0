"""Split the text of a deck into its sections for `spice_reader`, with continuations joined and remarks removed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lstm_analog.export.cells import MARK
from lstm_analog.export.hierarchy import CIRCUIT, TOP
from lstm_analog.export.lines import cut_off, joined
from lstm_analog.export.rules import RULES
from lstm_analog.export.spice_checks import refusal
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
