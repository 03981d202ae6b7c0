"""Say which LSTM signal each group of a pass carries, in the provenance of its network, which every export shows.

Exports know networks, not LSTMs: from these entries they name the weights of a row and the direction of time.
"""

from collections.abc import Iterator
from types import MappingProxyType

from lstm_analog.compiler.compiled import Compiled, LayerLayout, fed_by
from lstm_analog.network.labels import SIGNAL

_ENDS = ("", "_p", "_n")
"""Suffixes of the labels of a group, and of the two sides of a pair of wires."""
_INNER = MappingProxyType(
    {
        "h": "h",
        "c": "c",
        "q": "new recurrent",
        "rq": "reset recurrent",
        "rh": "reset h",
        "fh": "forget h",
        "zh": "projection",
        "p": "unprojected",
        **dict.fromkeys(("rows_one", "recur_one", "new_one", "late_one"), "bias"),
    }
)
"""Names of signals that a cell may have, and of the biases of its weighted sums, by their label in `compiler.cells`."""
_COPIES = ("", "_new", "_line", "_new_line", "_held", "_fresh")
"""Suffixes of the label of a memory where a row of weights reads it: master, driver of its wires, relay of its tank."""
_TAILS = tuple(
    (f"{name}{copy}{side}", word)
    for name, word in _INNER.items()
    for copy in _COPIES
    for side in (*_ENDS, "_pos", "_neg")
)
"""The ends of the labels of groups of a cell, whether they exist or not, and the word of each."""


def legend(compiled: Compiled) -> tuple[tuple[str, str], ...]:
    """Return entries of provenance for the groups of `compiled`: `signal`, `<group> <word>`; and `time`, `<text>`."""
    present = {group.label for group in compiled.network.unknowns.groups}
    words: dict[str, str] = {}
    for label, word in _words(compiled):
        if label in present:
            words.setdefault(label, word)  # what a layout lists comes first: zh is a plain RNN's row, or a projection
    return (*((SIGNAL, f"{label} {word}") for label, word in words.items()), *_direction(compiled))


def _words(compiled: Compiled) -> Iterator[tuple[str, str]]:
    """Yield labels of groups, whether they exist or not, and the word of each."""
    layout = compiled.layout
    for bank in layout.inputs:
        word = "x backward" if bank.backward and len(layout.inputs) > 1 else "x"
        yield from ((label, word) for label in fed_by(compiled, bank.label))
    for place in layout.layers:
        where = _chain(place) if len(layout.layers) > 1 else ""
        for gate, spot in zip(place.gates, place.z, strict=True):
            yield from ((label, f"{where}{gate.name.lower()}") for label in spot.groups)
        base = place.h.group.removesuffix("_p").removesuffix("_h")
        yield from ((f"{base}_{tail}", f"{where}{word}") for tail, word in _TAILS)
    if layout.head is not None:
        yield from ((label, "y") for label in layout.head.y.groups)
        yield from ((f"y_rows_one{end}", "y bias") for end in _ENDS)
    yield "rail_hi", "bias"  # in plumbing a bias is a tube from this rail


def _chain(place: LayerLayout) -> str:
    return f"l{place.layer} backward " if place.backward else f"l{place.layer} "


def _direction(compiled: Compiled) -> Iterator[tuple[str, str]]:
    """Yield the entry that names the nodes which are given the sequence in reverse, if there are any."""
    chains = [f"l{place.layer}r_*" for place in compiled.layout.layers if place.backward]
    banks = [label for bank in compiled.layout.inputs if bank.backward for label in fed_by(compiled, bank.label)]
    if chains or banks:
        head = ["y_*"] if compiled.layout.head is not None and compiled.layout.backward else []
        nodes = ", ".join([*(f"{label}_*" for label in banks), *chains, *head])
        yield (
            "time",
            f"nodes {nodes} take the sequence from its end: their step k of T is step T + 1 - k of the sequence",
        )
