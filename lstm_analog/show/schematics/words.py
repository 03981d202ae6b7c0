"""Say in plain words what a node of a unit carries: "forget x c", not the label of a group; and label a drawing."""

from dataclasses import dataclass
from textwrap import fill

from lstm_analog.network.domain import Domain
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    OpAmps,
    Pairs,
    Ports,
    Spools,
    Switches,
)
from lstm_analog.network.shapes import Shape
from lstm_analog.show.schematics.cells import NodeCell, Placed, inputs_of
from lstm_analog.show.schematics.unit import Element, UnitParts
from lstm_analog.show.schematics.values import first, row_size, size_of

_PLAIN = {"cell": "candidate", "new": "candidate", "new recurrent": "candidate from h"}
"""Words for signals whose name in the legend has another meaning, too."""
_NEW = ("_new", "_new_p", "_new_n", "_fresh", "_new_line")
"""Suffixes of the labels of groups that hold what this step has computed."""
_DEEP = 12
"""Nodes gone through before a node is called by its label."""


class NodeWords:
    """What the nodes of `parts` carry, those of a unit by its `cells`."""

    def __init__(self, parts: UnitParts, cells: tuple[NodeCell, ...]) -> None:
        """Read the legend of the network."""
        network = parts.network
        self._legend = signals_of(network.said(SIGNAL))
        self._groups = [group.label for group in network.unknowns.groups for _ in range(group.size)]
        self._labels = {label for label in self._groups if "_" in label}
        self._owner = {node: cell for cell in cells for node in cell.nodes}
        self.names = network.unknowns.names()

    def group(self, node: int) -> str:
        """Return the label of the group of `node`."""
        return "datum" if node == DATUM else self._groups[node - 1]

    def title(self, node: int) -> str:
        """Return how `node` comes about; nothing if that can only be said by a label."""
        summed = node in self._owner and self.group(node) not in self._legend
        text = (self._composed(self._owner[node], 1) if summed else "") or self.of(node)
        return "" if any(label in text for label in self._labels) else text

    def of(self, node: int, deep: int = 0) -> str:
        """Return what `node` carries; `deep` counts the nodes that led here."""
        label = self.group(node)
        if label in ("rail_hi", "rail_lo"):
            return {"rail_hi": "+1", "rail_lo": "-1"}[label]
        if label in self._legend:
            word = _PLAIN.get(self._legend[label], self._legend[label])
            return f"new {word}" if label.endswith(_NEW) and word in ("c", "h") else word
        memory = self._legend.get(label.removesuffix("_sum"), "")
        if label.endswith("_sum") and memory:
            return f"new {memory}"
        if node not in self._owner or deep > _DEEP:
            return label
        return self._composed(self._owner[node], deep + 1) or label

    def _composed(self, cell: NodeCell, deep: int) -> str:
        """Return what the elements of a `cell` make of their inputs; empty if that is not known."""
        banks = [each.element for each in cell.placed]
        bridges = [e for e in banks if isinstance(e.bank, Ports)]
        if len(bridges) > 1:
            port, ends = bridges[0].bank, bridges[0].ends
            gate, supply = self.of(ends["p"], deep), self.of(ends["a"], deep)
            falling = isinstance(port, Ports) and first(port.scale) < 0
            return f"tanh({gate})" if supply == "+1" else f"{f'(1-{gate})' if falling else gate} x {supply}"
        products = [e for e in banks if isinstance(e.bank, Pairs) and inputs_of(e)]
        if products:
            return " + ".join(self._product(e, deep) for e in products)
        for e in banks:
            if isinstance(e.bank, Followers | OpAmps | Spools):
                text = " + ".join(dict.fromkeys(self.of(n, deep) for n in inputs_of(e) if n not in cell.nodes))
                return _negated(text) if isinstance(e.bank, OpAmps) and e.ends["plus"] == DATUM else text
        passages = [e for e in banks if isinstance(e.bank, Conductors | Switches) and e.ends["a"] in self._owner]
        if passages and not any(isinstance(e.bank, Crossbars | Cells) for e in banks):
            nodes = [e.ends["a"] for e in passages if e.ends["a"] not in cell.nodes and e.ends["b"] in cell.nodes]
            return " + ".join(self.of(node, deep) for node in nodes)
        return ""

    def _product(self, element: Element, deep: int) -> str:
        """Return the product that a stack of pairs forms of its controls."""
        bank, ends = element.bank, element.ends
        factors = []
        for number, factor in enumerate(bank.factors if isinstance(bank, Pairs) else (), start=1):
            word = self.of(ends[f"p{number}"] or ends[f"n{number}"], deep)
            falling = (first(factor.scale) < 0) is (ends[f"p{number}"] != DATUM)
            factors.append(_curve(factor.shape, word, falling=falling))
        sign = "-" if isinstance(bank, Pairs) and first(bank.current) < 0 else ""
        return sign + " x ".join(factors)


def _curve(shape: Shape, word: str, *, falling: bool) -> str:
    """Return the value of a curve of what is called `word`; a sigmoid is known by the name of its gate."""
    if shape is Shape.SIGMOID:
        return f"(1-{word})" if falling else word
    value = word if shape is Shape.LINEAR else f"{shape.value}({word})"
    return f"-{value}" if falling else value


def _negated(text: str) -> str:
    """Return the negative of a sum."""
    terms = text.split(" + ")
    return " + ".join(term.removeprefix("-") for term in terms) if all(t[:1] == "-" for t in terms) else f"-({text})"


_WRAPPED, _WORDS = 16, 5
"""Letters in a line of words, and words in a flag."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Captions:
    """What is written at cells, elements and flags: by `words`, sizes as in `domain`, labels without their `prefix`."""

    words: NodeWords
    domain: Domain
    prefix: str

    def short(self, label: str) -> str:
        """Return `label` without the prefix of the chain."""
        return label.removeprefix(self.prefix)

    def element(self, placed: Placed) -> str:
        """Return the label of the bank of a `placed` element, and its size; of a row, on the sides that stand there."""
        element = placed.element
        if isinstance(element.bank, Crossbars):
            size = row_size(element.bank, element.number, placed.signs, self.domain)
        else:
            size = size_of(element.bank, element.number, self.domain)
        return f"{self.short(element.bank.label)}\n{size}".strip()

    def nodes(self, nodes: tuple[int, ...]) -> str:
        """Return the names of `nodes`, two at most."""
        return ", ".join(dict.fromkeys(self.short(self.words.names[node]) for node in nodes[:2]))

    def title(self, cell: NodeCell) -> str:
        """Return how what `cell` carries comes about, in short lines."""
        return fill(self.words.title(cell.nodes[0]), _WRAPPED, break_long_words=False)

    def flag(self, nodes: tuple[int, ...]) -> str:
        """Return the words of a flag for `nodes`; the two sides of a differential signal are one."""
        found = [self.short(self.words.of(node)) for node in nodes]
        sides = [word.removesuffix("_p").removesuffix("_n") if "_" in word else word for word in found]
        words = list(dict.fromkeys(sides))
        return ", ".join(words) if len(words) <= _WORDS else f"{words[0]} ... {words[-1]}"
