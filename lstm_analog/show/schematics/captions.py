"""Words and labels of a drawing."""

from dataclasses import dataclass
from textwrap import fill

from lstm_analog.network.domain import Domain
from lstm_analog.show.schematics.cells import NodeCell
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.schematics.values import size_of
from lstm_analog.show.schematics.words import NodeWords

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

    def element(self, element: Element) -> str:
        """Return the label of the bank of `element`, and its size."""
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
