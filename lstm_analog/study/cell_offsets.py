"""Offsets of transistor cells: small currents, drawn from one side of a signal inside each cell, that trimming turns.

Mismatch of the pairs of a product, and of followers, adds a constant to c that no bias of a weighted sum can make up
for, as those act through a gate. A current at the loads of c does; a second at the inputs of tanh(c) sets what is read.
On a chip each is a converter of a few bits beside the tails of the cell, switched to one side or the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos_cell import OFFSETS, is_unit
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections.cell_cards import apart, number_text, with_cards
from lstm_analog.network.cells import Cells
from lstm_analog.network.graph import Network

_CARD = "ioffset_"
"""Begins the names of the cards of these currents."""
_REFERENCE = "iref "
"""Begins the card of the reference current of a cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellOffsets:
    """Currents at the signal `node` of all k cells of the network of pass `number`.

    `rows` (k,) count the cells, `names` (k,) name the currents, as `l0_c_3 sum` for unit 3. A current above zero is
    drawn from the side `_n`, below zero from `_p`. `largest` is the reference current of a cell (A).
    """

    number: int
    node: str
    rows: Indices
    names: tuple[str, ...]
    largest: float


def cell_offsets(passes: tuple[Compiled, ...]) -> tuple[CellOffsets, ...]:
    """Return the offsets of the cells of `passes`.

    Raises `UnsupportedError` unless these are transistor cells, each with a source of its reference current.
    """
    found = tuple(each for number, compiled in enumerate(passes) for each in _offsets(number, compiled))
    if not found:
        must = "be of transistor cells with a reference current each for offsets to be turned"
        do = "leave offsets out, or compile in SKY130_MOS"
        got = ", ".join(dict.fromkeys(str(compiled.network.said("technology")[0]) for compiled in passes))
        raise UnsupportedError(explain("the machine", must=must, got=got, do=do))
    return found


def with_offsets(network: Network, offsets: CellOffsets, trims: Floats) -> Network:
    """Return `network` with the currents `trims` (k,), in reference currents, added to those at `offsets`.

    Each cell then has a bank of its own. Raises `UnsupportedError` for trims of several chips.
    """
    if trims.ndim != 1:
        must, do = "be those of one chip of transistor cells", "trim chip after chip"
        raise UnsupportedError(explain("offsets", must=must, got=f"shape {trims.shape}", do=do))
    left = iter(offsets.largest * trims)
    return apart(network, 1.0, lambda part: _drawn(part, offsets.node, float(next(left))) if is_unit(part) else part)


def _offsets(number: int, compiled: Compiled) -> Iterator[CellOffsets]:
    cells = [part for part in compiled.network.parts if isinstance(part, Cells) and is_unit(part)]
    names = compiled.network.unknowns.names()
    units = [
        names[node].replace("_p_", "_") for part in cells for node in part.pins[part.circuit.terminals.index("c_p")]
    ]
    references = [card for part in cells[:1] for card in part.circuit.cards if card.startswith(_REFERENCE)]
    for node, told in OFFSETS.items() if references else ():
        yield CellOffsets(
            number=number,
            node=node,
            rows=np.arange(len(units)),
            names=tuple(f"{unit} {told}" for unit in units),
            largest=float(references[0].split()[-1]),
        )


def _drawn(part: Cells, node: str, current: float) -> Cells:
    """Return the cell `part` with `current` (A) more drawn from the signal `node`: from `_n`, below zero from `_p`."""
    head, cards = f"{_CARD}{node} ", list(part.circuit.cards)
    for card in [card for card in cards if card.startswith(head)]:
        cards.remove(card)
        _, side, _, amperes = card.split()
        current += float(amperes) if side == f"{node}_n" else -float(amperes)
    if current:
        cards.append(f"{head}{node}_{'n' if current > 0.0 else 'p'} vss {number_text(abs(current))}")
    return with_cards(part, part.library.texts, cards)
