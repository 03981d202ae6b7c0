"""Join the lines of a deck as a simulator does, without remarks, and split statements into words.

Measured in ngspice 39: `;` and `//` begin a remark anywhere, `$` behind a blank; a line of blanks, of `*` and of `$`
may stand before a continuation, one of `;` cuts it off.
"""

import re
from collections.abc import Iterator

_BLANKS = re.compile(r"\s*=\s*")
_WORD = re.compile(r"(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|'[^']*'|\S)+")
_SPREAD = re.compile(r"\s=|=\s|[{'][^}']*\s")
"""What shows that words of a statement may hold blanks; without it they are found by splitting, which is faster."""
_DOLLAR = re.compile(r"(?:^|[\s,])\$")
_WAVEFORM = re.compile(r"(.*?)\spwl\s*\(([^()]*)\)\s*")
_NEUTRAL = re.compile(r"(?:tc|tc1|tc2)=[{']?[-+]?0*\.?0+[}']?|m=[{']?1\.?0*[}']?")
"""Words on a card that change nothing: temperature coefficients of zero, one copy."""
_NAMED = re.compile(r"(?:r|resistance)=(.+)|(?:c|capacitance)=(.+)")
REMARKS = (";", "$", "//")
"""The marks that begin a remark within a line in some dialect."""


def remark_place(line: str, mark: str) -> int:
    """Return the place in `line` of the first remark that begins with `mark`; the length of `line` if there is none."""
    place = line.find(mark)
    if mark == "$" and place >= 0:
        found = _DOLLAR.search(line)
        place = found.end() - 1 if found else -1
    return place if place >= 0 else len(line)


def without_remark(line: str, marks: tuple[str, ...]) -> str:
    """Return the `line` up to the first remark that begins with one of `marks`."""
    for mark in marks:
        if mark in line:
            line = line[: remark_place(line, mark)]
    return line


def joined(text: str, marks: tuple[str, ...], keep: str = "") -> Iterator[tuple[int, str]]:
    """Yield the statements of the deck `text` after its title, continuations joined, with the number of their line.

    Remarks that begin with `marks` are left out, and so are lines of remarks, except those that begin with `keep`.
    """
    first, pieces = 0, list[str]()
    for number, raw in enumerate(split_lines(text)[1:], start=2):
        kept = bool(keep) and raw.startswith(keep)
        line = raw if kept else without_remark(raw, marks).strip()
        if not kept and (not line or line.startswith(("*", "//"))):
            continue
        if line.startswith("+") and pieces:
            pieces.append(line[1:])
            continue
        if pieces:
            yield first, " ".join(pieces)
        first, pieces = number, [line]
    if pieces:
        yield first, " ".join(pieces)


def split_lines(text: str) -> list[str]:
    """Return the lines of `text`; only a newline ends a line, as in simulators."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def cut_off(text: str) -> Iterator[int]:
    """Yield the numbers of continuation lines of `text` that follow a line of `;`, so that ngspice drops them."""
    after = False
    for number, line in enumerate(map(str.strip, split_lines(text)), start=1):
        if after and line.startswith("+"):
            yield number
        after = line.startswith(";") or (after and not line)


def words_of(line: str) -> list[str]:
    """Return the words of the statement `line`; `name = value` is one, as is an expression in braces or quotes.

    >>> words_of("r1 a 0 { 2 * b } tc = 0")
    ['r1', 'a', '0', '{ 2 * b }', 'tc=0']
    """
    return _WORD.findall(_BLANKS.sub("=", line)) if _SPREAD.search(line) else line.split()


def card_words(line: str) -> list[str]:
    """Return the words of the lower-case card `line` in a standard form: without `r=`, `dc`, `tc=0`, `m=1`.

    >>> card_words("r1 a 0 r = 10k tc = 0")
    ['r1', 'a', '0', '10k']
    >>> card_words("v1 a 0 pwl(0 0,1 1)")
    ['v1', 'a', '0', 'pwl(', '0', '0', '1', '1', ')']
    """
    found = _WAVEFORM.fullmatch(line) if line[:1] == "v" else None
    if found:
        return [*words_of(found[1]), "pwl(", *found[2].replace(",", " ").split(), ")"]
    words = words_of(line)
    if line[:1] == "v" and len(words) > 3:
        return [*words[:3], *([words[3].removeprefix("dc=")] if words[3] != "dc" else []), *words[4:]]
    if line[:1] in ("r", "c") and len(words) > 3:
        named = _NAMED.fullmatch(words[3])
        value = (named[1] if line[0] == "r" else named[2]) if named else None
        return [*words[:3], value or words[3], *(word for word in words[4:] if not _NEUTRAL.fullmatch(word))]
    return words
