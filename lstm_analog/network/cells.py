"""Cells: transistor-level circuits as instances of a SPICE `.subckt`, which only a SPICE simulator can run.

Their text knows no expression, no parameter and no dialect: R, C, I, Q, M and X cards with literal values, and models.
Every simulator that calls itself SPICE reads it alike.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.arrays import Indices, indices, plain
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.labels import check_label

_CARD = re.compile(r"[rciqmx][a-z0-9_]*( [a-z0-9_.=+-]+)+")
NODES = MappingProxyType({"r": 2, "c": 2, "i": 2, "q": 3, "m": 4})
"""How many nodes a card has, by its first letter; an x card has as many as its subcircuit has terminals."""
SHUNT = "shunt"
"""The label of the conductor through which cells are supplied, to measure their current; it is not on the chip."""
_MODEL = re.compile(r"\.model [a-z][a-z0-9_]* [a-z]+\([a-z0-9_.=+ -]+\)")


@dataclass(frozen=True, kw_only=True)
class Subcircuit:
    """A `.subckt` called `name`: its `terminals` in order, and its `cards`, one element each, lower case.

    `outputs` are the terminals whose effort it determines; all others must be held from outside.
    """

    name: str
    terminals: tuple[str, ...]
    outputs: tuple[str, ...]
    cards: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the names, that outputs are terminals, and that each card is an element with literal values."""
        for label in (self.name, *self.terminals):
            check_label(label)
        if len(set(self.terminals)) != len(self.terminals) or not set(self.outputs) <= set(self.terminals):
            must, do = "have terminals that differ, outputs among them", "correct the names"
            raise InvalidValueError(explain(f"subcircuit {self.name}", must=must, got=self.outputs, do=do))
        wrong = [card for card in self.cards if not _CARD.fullmatch(card)]
        if wrong or not self.cards:
            must, do = "be r, c, i, q, m and x cards in lower case with literal values", "let Python do the arithmetic"
            got = ascii(wrong[0])[:80] if wrong else "none"
            raise InvalidValueError(explain(f"cards of subcircuit {self.name}", must=must, got=got, do=do))


@dataclass(frozen=True, kw_only=True)
class Library:
    """The `.model` lines and the subcircuits that cells are made of; each stands before those that contain it."""

    models: tuple[str, ...]
    subcircuits: tuple[Subcircuit, ...]

    def __post_init__(self) -> None:
        """Check the models, that names differ, and that x cards find their subcircuit above them."""
        for line in self.models:
            if not _MODEL.fullmatch(line):
                must, do = "be '.model name kind(key=value ...)' in lower case", "write literal values"
                raise InvalidValueError(explain("model", must=must, got=ascii(line)[:80], do=do))
        known: dict[str, int] = {}
        for circuit in self.subcircuits:
            if circuit.name in known:
                raise InvalidValueError(explain("subcircuits", must="differ", got=circuit.name, do="rename one"))
            _check_users(circuit, known)
            known[circuit.name] = len(circuit.terminals)

    def __getitem__(self, name: str) -> Subcircuit:
        """Return the subcircuit `name`, or raise `InvalidValueError` with the names there are."""
        for circuit in self.subcircuits:
            if circuit.name == name:
                return circuit
        known = ", ".join(circuit.name for circuit in self.subcircuits)
        raise InvalidValueError(explain("subcircuit", must=f"be one of {known}", got=name, do="add it to the library"))


def flat(library: Library, name: str) -> Subcircuit:
    """Return the subcircuit `name` of `library` with every x card replaced by the cards of its subcircuit.

    Of an x card `xa`, the inner card `r1` becomes `r_xa_r1` and the inner node `e` becomes `xa_e`.
    """
    circuit = library[name]
    cards = tuple(card for given in circuit.cards for card in _expanded(library, given))
    return Subcircuit(name=circuit.name, terminals=circuit.terminals, outputs=circuit.outputs, cards=cards)


def _expanded(library: Library, card: str) -> Iterator[str]:
    head, *pins, name = card.split()
    if not head.startswith("x"):
        yield card
        return
    inside = flat(library, name)
    wires = dict(zip(inside.terminals, pins, strict=True)) | {"0": "0"}
    for words in map(str.split, inside.cards):
        nodes = NODES[words[0][0]]
        ends = (wires.get(node, f"{head}_{node}") for node in words[1 : 1 + nodes])
        yield " ".join((f"{words[0][0]}_{head}_{words[0]}", *ends, *words[1 + nodes :]))


def _check_users(circuit: Subcircuit, known: dict[str, int]) -> None:
    for card in circuit.cards:
        head, *pins, name = card.split()
        if head.startswith("x") and known.get(name) != len(pins):
            must, do = "call a subcircuit above it, with all its terminals", "order the library, or correct the card"
            raise InvalidValueError(explain(f"card of {circuit.name}", must=must, got=card, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Transistor-level cells: instances of a `.subckt`, which simulators of transistors run.

    Attributes
    ----------
    label : str
        The bank's name.
    device : str
        The subcircuit of `library` that each element is.
    library : Library
        That subcircuit, those that it contains, and their models.
    temperature : float
        Temperature of all transistors and resistors (C).
    pins : (terminals, m)
        The unknown at each terminal of the subcircuit; one column for each of the m cells.
    """

    label: str
    device: str
    library: Library
    temperature: float
    pins: Indices

    def __post_init__(self) -> None:
        """Check the label, that the device is in the library, the temperature, and the shape of the pins."""
        check_label(self.label)
        terminals = len(self.circuit.terminals)
        if not -273.15 < self.temperature < 1e3:
            do = "give degrees Celsius"
            raise InvalidValueError(explain(f"{self.label}.temperature", must="be one", got=self.temperature, do=do))
        pins = plain(self.pins, f"{self.label}.pins")
        if pins.ndim != 2 or pins.shape[0] != terminals:
            must, do = f"have shape ({terminals}, cells)", f"give a row each to {', '.join(self.circuit.terminals)}"
            raise InvalidShapeError(explain(f"{self.label}.pins", must=must, got=pins.shape, do=do))
        put(self, "pins", indices(pins.ravel(), f"{self.label}.pins").reshape(pins.shape))

    @property
    def circuit(self) -> Subcircuit:
        """The subcircuit of each cell."""
        return self.library[self.device]

    @property
    def outputs(self) -> Indices:
        """The unknowns that the cells determine, (outputs m,)."""
        circuit = self.circuit
        return self.pins[[circuit.terminals.index(name) for name in circuit.outputs]].ravel()
