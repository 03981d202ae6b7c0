"""Write a board of bought parts as a KiCad netlist, the s-expressions that KiCad 6 and later import and export.

The structure is that of the "intermediate netlist" in the manual of KiCad's schematic editor: design, components, the
pins of each kind of part, and nets. A pin without a net is not listed among the nets.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from lstm_analog.arrays import Indices, plain
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.files import whole_file
from lstm_analog.network.bank import put
from lstm_analog.network.labels import repeated

UNCONNECTED = -1
"""In place of a net: the pin is left open."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class BoughtPart:
    """A part that can be bought.

    * `prefix`: the letters of its references: R, C, U, Q, J.
    * `symbol`, `footprint`: its symbol and its footprint in KiCad's libraries, "<library>:<name>".
    * `maker`, `number`: its maker and part number; empty if they depend on the value, as of resistors.
    * `pins`: the number and the name of each pin.
    """

    prefix: str
    symbol: str
    footprint: str
    maker: str
    number: str
    pins: tuple[tuple[str, str], ...]


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class ComponentBank:
    """The components of one kind: the same `part`, each with its own nets.

    `elements` (m,) are the names of the elements of a network that they stand for, `values` (m,) and `numbers` (m,)
    their values and part numbers, `nets` (pins, m) the number of the net at each pin, or `UNCONNECTED`.
    """

    part: BoughtPart
    elements: tuple[str, ...]
    values: tuple[str, ...]
    numbers: tuple[str, ...]
    nets: Indices

    def __post_init__(self) -> None:
        """Check that there is a row of nets for each pin, a column for each component, and whole numbers in them."""
        nets = plain(self.nets, f"nets of {self.part.symbol}")
        put(self, "nets", nets.astype(np.int64) if nets.dtype.kind in "iu" or not nets.size else nets)
        expected = (len(self.part.pins), len(self.elements))
        sizes = {len(self.elements), len(self.values), len(self.numbers)}
        if self.nets.shape != expected or len(sizes) > 1 or self.nets.dtype.kind != "i":
            must, do = f"be whole numbers of shape {expected}", "give each pin of each component a net, or UNCONNECTED"
            got = f"{self.nets.dtype} of shape {self.nets.shape}"
            raise InvalidShapeError(explain(f"nets of {self.part.symbol}", must=must, got=got, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Board:
    """The `components` of a board, the names of its `nets`, and what it is made from, its `source`."""

    source: str
    nets: tuple[str, ...]
    components: tuple[ComponentBank, ...]

    def __post_init__(self) -> None:
        """Check that the names of nets and of elements differ, and that pins are on nets of the board."""
        elements = [name for bank in self.components for name in bank.elements]
        for what, names in (("nets", self.nets), ("elements", elements)):
            if twice := repeated(names):
                do = "rename one: KiCad takes two of one name for one"
                raise InvalidValueError(explain(what, must="have names that differ", got=ascii(twice)[:80], do=do))
        for bank in self.components:
            wrong = bank.nets[(bank.nets < UNCONNECTED) | (bank.nets >= len(self.nets))]
            if wrong.size:
                must, do = f"be below {len(self.nets)}, or UNCONNECTED", "number the nets of the board from zero"
                raise InvalidValueError(explain(f"nets of {bank.part.symbol}", must=must, got=wrong[0], do=do))


@checked
def write_kicad(path: str | Path, board: Board) -> None:
    """Write `board` to `path` as a KiCad netlist (.net), in UTF-8, whole or not at all.

    References count up within each prefix, in the order of the components. Raises `FileAccessError` if the file cannot
    be written.
    """
    with whole_file(path) as stream:
        stream.writelines(text.encode() for text in _texts(board))


def _texts(board: Board) -> Iterator[str]:
    references = list(_references(board.components))
    yield '(export (version "E")\n'
    yield f'  (design (source {_quoted(board.source)}) (date "") (tool "lstm_analog"))\n  (components\n'
    for bank, names in zip(board.components, references, strict=True):
        yield from _components(bank, names)
    yield "  )\n  (libparts\n"
    yield from dict.fromkeys(_kind(bank.part) for bank in board.components)
    yield "  )\n  (nets\n"
    yield from _nets(board, references)
    yield "  ))\n"


def _references(components: tuple[ComponentBank, ...]) -> Iterator[list[str]]:
    """Yield the references of each bank of `components`: R1, R2, ..."""
    used = Counter[str]()
    for bank in components:
        prefix, first = bank.part.prefix, used[bank.part.prefix] + 1
        used[prefix] += len(bank.elements)
        yield [f"{prefix}{number}" for number in range(first, used[prefix] + 1)]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _components(bank: ComponentBank, references: list[str]) -> Iterator[str]:
    library, _, symbol = bank.part.symbol.partition(":")
    for columns in zip(references, bank.values, bank.numbers, bank.elements, strict=True):
        reference, value, number, element = map(_quoted, columns)
        yield (
            f"    (comp (ref {reference}) (value {value}) (footprint {_quoted(bank.part.footprint)})\n"
            f'      (fields (field (name "MPN") {number}) (field (name "Manufacturer") {_quoted(bank.part.maker)})'
            f' (field (name "Element") {element}))\n'
            f"      (libsource (lib {_quoted(library)}) (part {_quoted(symbol)}) (description {value}))\n"
            f'      (sheetpath (names "/") (tstamps "/")) (tstamps "{uuid5(NAMESPACE_URL, element)}"))\n'
        )


def _kind(part: BoughtPart) -> str:
    library, _, symbol = part.symbol.partition(":")
    pins = "".join(
        f'\n        (pin (num {_quoted(number)}) (name {_quoted(name)}) (type "passive"))' for number, name in part.pins
    )
    return f"    (libpart (lib {_quoted(library)}) (part {_quoted(symbol)})\n      (pins{pins}))\n"


def _nets(board: Board, references: list[list[str]]) -> Iterator[str]:
    """Yield each net of `board` that has a pin, with its pins in the order of the components."""
    nodes: dict[int, list[str]] = {}
    for bank, names in zip(board.components, references, strict=True):
        for column, (pin, _) in zip(bank.nets.tolist(), bank.part.pins, strict=True):
            for net, name in zip(column, names, strict=True):
                nodes.setdefault(net, []).append(f'\n      (node (ref "{name}") (pin "{pin}") (pintype "passive"))')
    nodes.pop(UNCONNECTED, None)
    for code, net in enumerate(sorted(nodes), start=1):
        yield f'    (net (code "{code}") (name {_quoted(board.nets[net])})'
        yield from nodes[net]
        yield ")\n"
