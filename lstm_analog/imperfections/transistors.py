"""Mismatch between the devices of a chip of transistor cells.

Cells that differ need different SPICE texts, so each becomes a bank of its own with a flat text: literal values, and
its own models where a model parameter differs. Only one chip is drawn at a time, as a text has no axis of chips.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, UnsupportedError, explain
from lstm_analog.imperfections.base import Streams, alter, change, check_strength, holding
from lstm_analog.imperfections.devices import DeviceSpread
from lstm_analog.network.cells import NODES, SHUNT, Cells, Subcircuit, flat
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors

_DIGITS = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NUMBER = re.compile(_DIGITS)
"""A number without a suffix; numbers with SPICE's m, k or meg are rejected."""
_THRESHOLD = re.compile(rf"(?<=\bvto=){_DIGITS}(?=[ )])")
_THRESHOLDS = re.compile(r"\bv(?:to|t0|th0)\b")
"""Names of a threshold in SPICE models."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class JunctionArea:
    """Areas of bipolar transistors have a normal relative error of `share`: 0.01 shifts V_BE by 0.26 mV."""

    share: float

    def __post_init__(self) -> None:
        """Check that the spread is not below zero."""
        check_strength("junction area", self.share)


@checked_record
@dataclass(frozen=True, kw_only=True)
class ResistorSpread:
    """All resistors of a chip, in weights, terminations and cells, have a normal relative error of `share`.

    The shunt is not on the chip: the test bench measures the supply current by it.
    """

    share: float

    def __post_init__(self) -> None:
        """Check that the spread is not below zero."""
        check_strength("resistor spread", self.share)


@checked_record
@dataclass(frozen=True, kw_only=True)
class MosThreshold:
    """Threshold voltages of MOS transistors have a normal error of standard deviation `volts`.

    Models must set `vto=` to a number without suffix, and no other threshold.
    """

    volts: float

    def __post_init__(self) -> None:
        """Check that the spread is not below zero."""
        check_strength("threshold spread", self.volts, "give volts")


@alter.register
def _(imperfection: JunctionArea, network: Network, streams: Streams) -> Network:
    return _apart(network, imperfection.share, lambda part: _scaled(part, "q", imperfection.share, "area", streams))


@alter.register
def _(imperfection: ResistorSpread, network: Network, streams: Streams) -> Network:
    if not imperfection.share:
        return holding(network, Cells)

    def spread(part: Conductors) -> Conductors:
        if part.label == SHUNT:
            return part
        normal = streams.normal(f"resistors {part.label}", part.a.shape)
        return replace(part, conductance=part.conductance / _factor(imperfection.share, normal))

    weights = alter(DeviceSpread(share=imperfection.share), network, streams)
    around = change(weights, Conductors, spread)
    return _apart(around, imperfection.share, lambda part: _scaled(part, "r", imperfection.share, "resistors", streams))


@alter.register
def _(imperfection: MosThreshold, network: Network, streams: Streams) -> Network:
    return _apart(network, imperfection.volts, lambda part: _shifted(part, imperfection.volts, streams))


def _apart(network: Network, strength: float, by: Callable[[Cells], Cells]) -> Network:
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
    known = _named(part)
    for number in range(part.pins.shape[1]):
        models = (_called(line, f"{name}_{number}") for name, line in known.items())
        names = [_model(card) for card in circuit.cards]
        cards = tuple(
            _remodelled(card, f"{name}_{number}") if name in known else card
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


def _scaled(part: Cells, letter: str, share: float, cause: str, streams: Streams) -> Cells:
    """Return the cell `part` with the area or resistance of its cards of `letter` changed by a normal `share`.

    The numbers are those of `cause` in `streams`.
    """
    circuit = part.circuit
    chosen = [number for number, card in enumerate(circuit.cards) if card.startswith(letter)]
    cards = list(circuit.cards)
    for number, factor in zip(chosen, _factor(share, _normal(streams, cause, part, len(chosen))), strict=True):
        words, value = _valued(circuit, cards[number])
        cards[number] = " ".join((*words, _text(value * float(factor))))
    if not chosen:
        must, do = f"have {letter} cards", "devices of files of models have no such value of their own"
        raise UnsupportedError(explain(f"cells {part.label}", must=must, got="none", do=do))
    return _with(part, part.library.texts, cards)


def _named(part: Cells) -> dict[str, str]:
    """Return the `.model` lines of the library of `part` by the name of the model."""
    return {line.split()[1]: line for line in part.library.texts}


def _valued(circuit: Subcircuit, card: str) -> tuple[list[str], float]:
    """Return the words of a q or r `card` of `circuit` before its value, and the value: area (default 1) or ohms."""
    words = card.split()
    bipolar = words[0].startswith("q")
    place = 1 + NODES[words[0][0]] + bipolar
    value = words[place:] or ["1"] * bipolar
    if len(value) != 1 or not _NUMBER.fullmatch(value[0]):
        must, do = "end in one plain number", "write nothing but digits behind its nodes and its model, 4e3 for 4k"
        raise UnsupportedError(explain(f"card of {circuit.name}", must=must, got=card, do=do))
    return words[:place], float(value[0])


def _shifted(part: Cells, volts: float, streams: Streams) -> Cells:
    """Return the cell `part` with a model per MOS transistor, its threshold in error by `volts`, from `streams`."""
    circuit = part.circuit
    models = _named(part)
    chosen = [number for number, card in enumerate(circuit.cards) if card.startswith("m")]
    cards, own = list(circuit.cards), dict[str, str]()
    for place, (number, error) in enumerate(zip(chosen, _normal(streams, "threshold", part, len(chosen)), strict=True)):
        old = _model(cards[number])
        if old not in models:
            must, do = f"be one of {', '.join(models) or 'its own'}", "put its .model into the library"
            raise NetworkError(explain(f"the model of {cards[number].split()[0]}", must=must, got=old, do=do))
        new = f"{old}_{place}"
        own[new] = _called(_beside(models[old], volts * float(error)), new)
        cards[number] = _remodelled(cards[number], new)
    left = {_model(card) for card in cards}
    return _with(part, [*(line for name, line in models.items() if name in left), *own.values()], cards)


def _normal(streams: Streams, cause: str, part: Cells, count: int) -> Floats:
    if streams.chips is not None:
        do = "draw chip after chip: Streams(seed=, first=)"
        raise UnsupportedError(explain("streams chips", must="be None for transistor cells", got=streams.chips, do=do))
    return streams.normal(f"{cause} {part.label}", (count,))


def _factor(share: float, normal: Floats) -> Floats:
    """Return 1 + `share` * `normal`, at least 0.01, as a missing device would be another fault."""
    return np.maximum(1.0 + share * normal, 0.01)


def _with(part: Cells, models: Sequence[str], cards: Sequence[str]) -> Cells:
    circuit = replace(part.circuit, cards=tuple(cards))
    return replace(part, library=replace(part.library, models=(*models, *part.library.files), subcircuits=(circuit,)))


def _beside(model: str, shift: float) -> str:
    """Return the `model` card with `shift` (V) added to its threshold; `UnsupportedError` unless it is a number."""
    moved, found = _THRESHOLD.subn(lambda digits: _text(float(digits[0]) + shift), model)
    if found != 1 or len(_THRESHOLDS.findall(model)) != 1:
        must, do = "give its threshold once, as vto= and a plain number", "write vto=0.7, without blanks and suffix"
        raise UnsupportedError(explain(f"model {model.split()[1]}", must=must, got=model[:80], do=do))
    return moved


def _called(model: str, name: str) -> str:
    """Return the `model` card under another `name`."""
    head, _, kind = model.split(maxsplit=2)
    return f"{head} {name} {kind}"


def _model(card: str) -> str:
    """Return the name of the model that a `card` uses, empty if none."""
    return card.split()[1 + NODES[card[0]]] if card[0] in "qm" else ""


def _remodelled(card: str, name: str) -> str:
    """Return the `card` with the name of its model, if it uses one, replaced by `name`."""
    if not _model(card):
        return card
    words, place = card.split(), 1 + NODES[card[0]]
    return " ".join((*words[:place], name, *words[place + 1 :]))


def _text(value: float) -> str:
    return repr(float(f"{value:.10g}"))
