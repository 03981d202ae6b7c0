"""The text of a deck cut into its sections, as `spice_reader` needs it: marks, continuations, remarks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lstm_analog.export.lines import cut_off, joined
from lstm_analog.export.rules import RULES
from lstm_analog.export.spice import MARK
from lstm_analog.export.spice_checks import refusal
from lstm_analog.files import text_in


@dataclass(frozen=True, kw_only=True)
class Section:
    """The lines between two `part`, `clocks` or `analysis` marks, continuations joined; `head` are the mark's words.

    Statements are in lower case, marks as they stand.
    """

    head: tuple[str, ...]
    lines: tuple[str, ...]


def read_sections(content: bytes) -> tuple[str, list[Section]]:
    """Return the text of the deck whose file has this `content`, and its sections, the header first.

    Raises `FileFormatError` if it is no text, or a statement is not in ASCII or cut off from what it continues.
    """
    text = text_in(content, "netlist")
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
        if line.startswith(MARK) and words[:1] in (("part",), ("clocks",), ("analysis",)):
            yield Section(head=head, lines=tuple(lines))
            head, lines = words, []
        else:
            lines.append(line if line.startswith(MARK) else line.lower())
    yield Section(head=head, lines=tuple(lines))


def _remarks(text: str) -> tuple[str, ...]:
    """Return what begins a remark in the dialect that the deck `text` declares."""
    declared = re.search(rf"^{re.escape(MARK)} dialect (\w+)\s*$", text, re.MULTILINE)
    return RULES[declared[1]].comments if declared and declared[1] in RULES else ()
