"""Cells of a chip as flat texts, one bank each, in which an imperfection changes single cards."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections.base import Streams, holding
from lstm_analog.network.cells import NODES, Cells, flat
from lstm_analog.network.graph import Network

LEAST = 0.01
"""The least factor by which an error changes a value: a missing device would be another fault."""


def apart(network: Network, strength: float, by: Callable[[Cells], Cells]) -> Network:
    """Return `network` with each cell in its own bank, replaced `by` a function; unchanged if `strength` is zero."""
    holding(network, Cells)
    if not strength:
        return network
    parts = (each for part in network.parts for each in (map(by, _alone(part)) if isinstance(part, Cells) else (part,)))
    return replace(network, parts=tuple(parts))


def _alone(part: Cells) -> Iterator[Cells]:
    """Yield each cell of `part` as a bank of one with a flat text and its own models; a bank of one as it is."""
    circuit = flat(part.library, part.device)
    if part.pins.shape[1] == 1 and part.library.subcircuits == (circuit,):
        yield part
        return
    known = named_models(part)
    for number in range(part.pins.shape[1]):
        models = (called_anew(line, f"{name}_{number}") for name, line in known.items())
        names = [model_on(card) for card in circuit.cards]
        cards = tuple(
            remodelled(card, f"{name}_{number}") if name in known else card
            for card, name in zip(circuit.cards, names, strict=True)
        )
        own = replace(circuit, name=f"{part.device}_{number}", cards=cards)
        yield replace(
            part,
            label=f"{part.label}_{number}",
            device=own.name,
            library=replace(part.library, models=(*models, *part.library.files), subcircuits=(own,)),
            pins=part.pins[:, [number]],
        )


def named_models(part: Cells) -> dict[str, str]:
    """Return the `.model` lines of the library of `part` by the name of the model."""
    return {line.split()[1]: line for line in part.library.texts}


def normals(streams: Streams, cause: str, part: Cells, count: int) -> Floats:
    """Return `count` normal numbers of `cause` in the cell `part` from `streams`, which must be of a single chip."""
    if streams.chips is not None:
        do = "draw chip after chip: Streams(seed=, first=)"
        raise UnsupportedError(explain("streams chips", must="be None for transistor cells", got=streams.chips, do=do))
    return streams.normal(f"{cause} {part.label}", (count,))


def with_cards(part: Cells, models: Sequence[str], cards: Sequence[str]) -> Cells:
    """Return the cell `part` with the texts of `models` beside its files of models, and with `cards`."""
    circuit = replace(part.circuit, cards=tuple(cards))
    return replace(part, library=replace(part.library, models=(*models, *part.library.files), subcircuits=(circuit,)))


def called_anew(model: str, name: str) -> str:
    """Return the `model` card under another `name`."""
    head, _, kind = model.split(maxsplit=2)
    return f"{head} {name} {kind}"


def model_on(card: str) -> str:
    """Return the name of the model that a `card` uses, empty if none."""
    return card.split()[1 + NODES[card[0]]] if card[0] in "qm" else ""


def remodelled(card: str, name: str) -> str:
    """Return the `card` with the name of its model, if it uses one, replaced by `name`."""
    if not model_on(card):
        return card
    words, place = card.split(), 1 + NODES[card[0]]
    return " ".join((*words[:place], name, *words[place + 1 :]))


def number_text(value: float) -> str:
    """Return `value` with ten digits, as it stands on a card."""
    return repr(float(f"{value:.10g}"))
