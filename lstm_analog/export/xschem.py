"""Draw a transistor cell as a schematic for xschem (.sch): symbols of its standard library, nets by labels at the pins.

The format is that of the "XSCHEM file format specification" in its manual, file version 1.2: an instance is a line `C
{symbol} x y rotation flip {attributes}`, a text a line `T`. A label at a pin connects it, so that there are no wires.
"""

from collections.abc import Iterator
from itertools import count, groupby
from pathlib import Path
from types import MappingProxyType

from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.files import write_texts
from lstm_analog.network.cells import NODES, Cells, flat
from lstm_analog.network.graph import Network

_HEADER = "v {xschem version=3.4.5 file_version=1.2}\nG {}\nK {}\nV {}\nS {}\nE {}\n"
_COLUMN, _ROW, _COLUMNS = 320, 160, 12
"""Distances between devices, and how many stand in a row."""
_TITLE = 70
"""How far above its first row a title stands."""


_TWO = ((0, -30), (0, 30))
_SYMBOLS = MappingProxyType(
    {
        "r": ("res", _TWO),
        "c": ("capa", _TWO),
        "i": ("isource", _TWO),
        "npn": ("npn", ((20, -30), (-20, 0), (20, 30))),
        "pnp": ("pnp", ((20, 30), (-20, 0), (20, -30))),
        "nmos": ("nmos4", ((20, -30), (-20, 0), (20, 30), (20, 0))),
        "pmos": ("pmos4", ((20, 30), (-20, 0), (20, -30), (20, 0))),
    }
)
"""By the letter of a card, or the kind of model of a transistor: the symbol in the library `devices`, and x and y of
its pins in the order of a card."""


@checked
def write_xschem(path: str | Path, network: Network) -> None:
    """Write the transistor cell of `network` to `path` as a schematic, whole or not at all.

    All its subcircuits are drawn in one sheet, each with a title; devices and nets have the names of
    `network.cells.flat`. Raises `UnsupportedError` unless all cells are of one kind, `FileAccessError` if the file
    cannot be written.
    """
    banks = [part for part in network.parts if isinstance(part, Cells)]
    if len(banks) != 1:
        got, do = (
            f"{len(banks)} kinds of cells",
            "compile in electrical.BICMOS, without imperfections of its transistors",
        )
        raise UnsupportedError(explain("a schematic", must="be of one kind of transistor cell", got=got, do=do))
    if banks[0].library.files:
        must, do = "have its models as text", "compile in electrical.BICMOS"
        raise UnsupportedError(explain("a schematic", must=must, got="models in a file", do=do))
    write_texts(path, _sheet(banks[0]))


def _sheet(part: Cells) -> Iterator[str]:
    circuit = flat(part.library, part.device)
    kinds = {words[1]: words[2].partition("(")[0] for words in map(str.split, part.library.texts)}
    numbers = count(1)
    yield _HEADER
    yield f"T {{{part.device}: one unit, at {part.temperature:g} C, written by lstm_analog}} 0 -260 0 0 0.6 0.6 {{}}\n"
    for row, terminal in enumerate(circuit.terminals):
        yield f"C {{devices/iopin.sym}} -400 {40 * row} 0 1 {{name=p{next(numbers)} lab={terminal}}}\n"
    models = "\n".join(part.library.texts)
    yield f'C {{devices/code.sym}} -400 -200 0 0 {{name=MODELS only_toplevel=false value="{models}"}}\n'
    top, column, height = 0, 0, 0
    for block, cards in groupby(sorted(circuit.cards, key=_block), key=_block):
        drawn = list(cards)
        width, deep = min(len(drawn), _COLUMNS), 1 + (len(drawn) - 1) // _COLUMNS
        if column + width > _COLUMNS:
            top, column, height = top + _ROW * height + _TITLE, 0, 0
        left = _COLUMN * column
        yield f"T {{{block or part.device}}} {left - 40} {top - _TITLE} 0 0 0.5 0.5 {{}}\n"
        for place, card in enumerate(drawn):
            at = left + _COLUMN * (place % _COLUMNS), top + _ROW * (place // _COLUMNS)
            yield from _device(card, kinds, at, numbers)
        column, height = column + width, max(height, deep)


def _block(card: str) -> str:
    """Return the subcircuit of the cell that `card` is from, e.g. xig for `q_xig_xu1_q1`; empty if it is from none."""
    words = card.partition(" ")[0].split("_")
    return words[1] if len(words) > 1 and words[1].startswith("x") else ""


def _device(card: str, kinds: dict[str, str], place: tuple[int, int], numbers: "count[int]") -> Iterator[str]:
    """Yield the symbol of `card` at `place` (x, y), with a label at each pin; `kinds` are those of models by name.

    Raises `UnsupportedError` for a card that no symbol stands for.
    """
    name, *words = card.split()
    nodes, rest = words[: NODES[name[0]]], words[NODES[name[0]] :]
    symbol = _SYMBOLS.get(kinds.get(rest[0], name[0]) if rest else "")
    attributes = _attributes(name[0], rest) if symbol else ""
    if symbol is None or not attributes:
        must, do = "have a value, or a model of the library and a MOS transistor w and l", "complete it"
        raise UnsupportedError(explain("a card for xschem", must=must, got=ascii(card)[:80], do=do))
    (x, y), (drawn, pins) = place, symbol
    yield f"C {{devices/{drawn}.sym}} {x} {y} 0 0 {{name={name} {attributes}}}\n"
    for (right, down), node in zip(pins, nodes, strict=True):
        flip = int(right > 0)
        yield f"C {{devices/lab_pin.sym}} {x + right} {y + down} 0 {flip} {{name=l{next(numbers)} lab={node}}}\n"


def _attributes(letter: str, rest: list[str]) -> str:
    """Return the attributes of a symbol for what stands behind the nodes on a card of this `letter`; empty if too few.

    xschem writes them back in the symbol's `format`, so that all of the card is in the netlist that it makes.
    """
    values = {word.partition("=")[0]: word for word in rest if "=" in word}
    copies = values.get("m", "m=1")
    if letter == "q":
        area = " ".join([*([] if rest[1:2] and "=" not in rest[1] else ["1"]), *rest[1:]]).removeprefix("1 area=")
        return f"model={rest[0]} area={_quoted(area)}"
    if letter == "m":
        extra = " ".join(word for word in rest[1:] if word not in {values.get(key) for key in ("w", "l", "m")})
        return (
            f'model={rest[0]} {values["w"]} {values["l"]} {copies} extra="{extra}"' if {"w", "l"} <= set(values) else ""
        )
    if letter == "i":
        return f"value={_quoted(' '.join(rest))}"
    return f"value={_quoted(' '.join(word for word in rest if word != values.get('m')))} {copies}"


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text
