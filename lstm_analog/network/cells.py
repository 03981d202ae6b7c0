"""Cells: transistor-level circuits as instances of a SPICE `.subckt`, which only a SPICE simulator can run.

Their text knows no expression, no parameter and no dialect: R, C, I, Q, M and X cards with literal values, and models,
or statements that include them from files. Every simulator that calls itself SPICE reads it alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from types import MappingProxyType

from lstm_analog.arrays import Indices, indices, plain
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.device_models import ModelDevice, ModelLibrary
from lstm_analog.network.labels import check_label, repeated

_CARD = re.compile(r"[rciqmx][a-z0-9_]*( [a-z0-9_.=+-]+)+")
NODES = MappingProxyType({"r": 2, "c": 2, "i": 2, "q": 3, "m": 4})
"""How many nodes a card has, by its first letter; an x card has as many as its subcircuit has terminals."""
SHUNT = "shunt"
"""The label of the conductor through which cells are supplied, to measure their current; it is not on the chip."""
_MODEL = re.compile(r"\.model [a-z][a-z0-9_]* [a-z]+\([a-z0-9_.=+ -]+\)")


@checked_record
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
        for name in ("terminals", "outputs", "cards"):
            put(self, name, tuple(getattr(self, name)))
        for label in (self.name, *self.terminals):
            check_label(label)
        if len(set(self.terminals)) != len(self.terminals) or not set(self.outputs) <= set(self.terminals):
            must, do = "have terminals that differ, outputs among them", "correct the names"
            raise InvalidValueError(explain(f"subcircuit {self.name}", must=must, got=self.outputs, do=do))
        wrong = [card for card in self.cards if not _CARD.fullmatch(card) or len(card.split()) <= NODES.get(card[0], 1)]
        if wrong or not self.cards:
            must = "be r, c, i, q, m and x cards in lower case with all their nodes and literal values"
            do = "let Python do the arithmetic"
            got = ascii(wrong[0])[:80] if wrong else "none"
            raise InvalidValueError(explain(f"cards of subcircuit {self.name}", must=must, got=got, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class Library:
    """The models and the subcircuits that cells are made of; each subcircuit stands before those that contain it.

    Attributes
    ----------
    models : tuple of str and ModelLibrary
        `.model` lines, and libraries in files, in the order in which a simulator reads them.
    subcircuits : tuple of Subcircuit
        The subcircuits.
    devices : tuple of ModelDevice
        Subcircuits that the libraries in files define, such as a foundry's transistors.
    """

    models: tuple[str | ModelLibrary, ...]
    subcircuits: tuple[Subcircuit, ...]
    devices: tuple[ModelDevice, ...] = ()

    def __post_init__(self) -> None:
        """Check the models, that names differ, and that x cards find their subcircuit above them."""
        for name in ("models", "subcircuits", "devices"):
            put(self, name, tuple(getattr(self, name)))
        for line in self.texts:
            if not _MODEL.fullmatch(line):
                must, do = "be '.model name kind(key=value ...)' in lower case", "write literal values"
                raise InvalidValueError(explain("model", must=must, got=ascii(line)[:80], do=do))
        if self.devices and not self.files:
            must, do = "come with the library that defines them", "add it to the models: network.model_library"
            raise InvalidValueError(explain("devices", must=must, got=self.devices[0].name, do=do))
        known = {device.name: len(device.terminals) for device in self.devices}
        devices = frozenset(known)
        for circuit in self.subcircuits:
            if circuit.name in known:
                raise InvalidValueError(explain("subcircuits", must="differ", got=circuit.name, do="rename one"))
            _check_users(circuit, known, devices)
            known[circuit.name] = len(circuit.terminals)

    @property
    def texts(self) -> tuple[str, ...]:
        """The `.model` lines."""
        return tuple(model for model in self.models if isinstance(model, str))

    @property
    def files(self) -> tuple[ModelLibrary, ...]:
        """The libraries in files."""
        return tuple(model for model in self.models if isinstance(model, ModelLibrary))

    @property
    def models_digest(self) -> str:
        """The SHA-256 over all models in order: texts, and sections and digests of files."""
        told = [model if isinstance(model, str) else f"{model.section} {model.digest}" for model in self.models]
        return sha256("\n".join(told).encode()).hexdigest()

    def __getitem__(self, name: str) -> Subcircuit:
        """Return the subcircuit `name`, or raise `InvalidValueError` with the names there are."""
        for circuit in self.subcircuits:
            if circuit.name == name:
                return circuit
        known = ", ".join(circuit.name for circuit in self.subcircuits)
        raise InvalidValueError(explain("subcircuit", must=f"be one of {known}", got=name, do="add it to the library"))


def called(card: str) -> tuple[str, tuple[str, ...], str, tuple[str, ...]]:
    """Return the parts of an x `card`: its name, its nodes, the subcircuit that it calls, and its values `key=value`.

    >>> called("xq1 c b e s npn m=2")
    ('xq1', ('c', 'b', 'e', 's'), 'npn', ('m=2',))
    """
    head, *words = card.split()
    values = tuple(word for word in words if "=" in word)
    *nodes, name = [word for word in words if "=" not in word] or [""]
    return head, tuple(nodes), name, values


def nodes_of(card: str) -> tuple[str, ...]:
    """Return the nodes of a `card` of a subcircuit.

    >>> nodes_of("m1 d g s b nmos w=1u"), nodes_of("xq1 c b e s npn m=2")
    (('d', 'g', 's', 'b'), ('c', 'b', 'e', 's'))
    """
    head, *words = card.split()
    return tuple(words[: NODES[head[0]]]) if head[0] in NODES else called(card)[1]


def flat(library: Library, name: str) -> Subcircuit:
    """Return the subcircuit `name` of `library` with every x card replaced by the cards of its subcircuit.

    Of an x card `xa`, the inner card `r1` becomes `r_xa_r1` and the inner node `e` becomes `xa_e`. Devices that files
    of models define stay x cards. Raises `InvalidValueError` if a name then stands for two nodes or two cards.
    """
    circuit = library[name]
    nodes = [*{*circuit.terminals, *chain.from_iterable(map(nodes_of, circuit.cards))}]
    cards: list[str] = []
    for card in circuit.cards:
        head, pins, inner, _ = called(card)
        if not head.startswith("x") or any(inner == device.name for device in library.devices):
            cards.append(card)
            continue
        inside = flat(library, inner)
        wires = dict(zip(inside.terminals, pins, strict=True)) | {"0": "0"}
        own = {*chain.from_iterable(map(nodes_of, inside.cards))} - wires.keys()
        wires |= {node: f"{head}_{node}" for node in own}
        nodes += [wires[node] for node in own]
        cards += [_rewired(each, head, wires) for each in inside.cards]
    if wrong := repeated(nodes) + repeated(card.split()[0] for card in cards):
        must, do = "differ when those of its subcircuits stand beside them", "rename a node or a card"
        raise InvalidValueError(explain(f"names in cell {name}", must=must, got=", ".join(wrong), do=do))
    return Subcircuit(name=circuit.name, terminals=circuit.terminals, outputs=circuit.outputs, cards=tuple(cards))


def _rewired(card: str, head: str, wires: Mapping[str, str]) -> str:
    """Return the `card` of the circuit that the x card `head` calls, its nodes called by `wires`."""
    (name, *words), nodes = card.split(), nodes_of(card)
    return " ".join((f"{name[0]}_{head}_{name}", *(wires[node] for node in nodes), *words[len(nodes) :]))


def _check_users(circuit: Subcircuit, known: dict[str, int], devices: frozenset[str]) -> None:
    """Raise unless each x card of `circuit` calls one of the `known` names; values are for `devices` alone."""
    for card in circuit.cards:
        head, pins, name, values = called(card)
        if head.startswith("x") and (known.get(name) != len(pins) or (values and name not in devices)):
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
            must = "be above -273.15 and below 1000"
            raise InvalidValueError(explain(f"{self.label}.temperature", must=must, got=self.temperature, do=do))
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
