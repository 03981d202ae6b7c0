"""Mismatch between the devices of a chip of transistor cells.

Cells that differ need different SPICE texts. So each cell becomes a bank of its own with a flat text, which has literal
values, and its own models where a parameter of a model differs. Models in files are not edited: the error of a
transistor that uses one stands on its card. One chip is drawn at a time, as a text has no axis of chips.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, UnsupportedError, explain
from lstm_analog.imperfections.base import Streams, alter, change, holding, strength
from lstm_analog.imperfections.cell_cards import (
    LEAST,
    apart,
    called_anew,
    model_on,
    named_models,
    normals,
    number_text,
    remodelled,
    with_cards,
)
from lstm_analog.imperfections.devices import DeviceSpread
from lstm_analog.network.cells import NODES, SHUNT, Cells, Subcircuit, called
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

    share: Annotated[float, strength("junction area")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class ResistorSpread:
    """All resistors of a chip, in weights, terminations and cells, have a normal relative error of `share`.

    The shunt is not on the chip: the test bench measures the supply current by it.
    """

    share: Annotated[float, strength("resistor spread")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class MosThreshold:
    """Threshold voltages of MOS transistors have a normal error of standard deviation `volts`.

    Models must set `vto=` to a number without suffix, and no other threshold.
    """

    volts: Annotated[float, strength("threshold spread", "give volts")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class ThresholdByArea:
    """Thresholds of the MOS transistors of a `model` in files of models have a normal error that falls with their area.

    Its standard deviation is `coefficient`/sqrt(W L m), the coefficient in V um, W and L in um, of m transistors in
    parallel: M. Pelgrom, A. Duinmaijer, A. Welbers, Matching Properties of MOS Transistors, IEEE J. Solid-State
    Circuits 24 (1989) 1433. It stands on the card, as `delvto`, which BSIM4 has in ngspice.
    """

    model: str
    coefficient: Annotated[float, strength("threshold coefficient", "give V um, 0.01 for 10 mV um")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class CurrentByArea:
    """Currents of the bipolar transistors of a `model` in files of models have a normal error that falls with area.

    Its standard deviation is `share`/sqrt(m), relative, of m emitters in parallel. The currents of collector and base
    both go with it, for it stands on the card, as another m.
    """

    model: str
    share: Annotated[float, strength("spread of currents")]


@alter.register
def _(imperfection: JunctionArea, network: Network, streams: Streams) -> Network:
    return apart(network, imperfection.share, lambda part: _scaled(part, "q", imperfection.share, "area", streams))


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
    return apart(around, imperfection.share, lambda part: _scaled(part, "r", imperfection.share, "resistors", streams))


@alter.register
def _(imperfection: MosThreshold, network: Network, streams: Streams) -> Network:
    return apart(network, imperfection.volts, lambda part: _shifted(part, imperfection.volts, streams))


def _scaled(part: Cells, letter: str, share: float, cause: str, streams: Streams) -> Cells:
    """Return the cell `part` with the area or resistance of its cards of `letter` changed by a normal `share`.

    The numbers are those of `cause` in `streams`.
    """
    circuit = part.circuit
    chosen = [number for number, card in enumerate(circuit.cards) if card.startswith(letter)]
    cards = list(circuit.cards)
    for number, factor in zip(chosen, _factor(share, normals(streams, cause, part, len(chosen))), strict=True):
        words, value = _valued(circuit, cards[number])
        cards[number] = " ".join((*words, number_text(value * float(factor))))
    if not chosen:
        must, do = f"have {letter} cards", "devices of files of models have no such value of their own"
        raise UnsupportedError(explain(f"cells {part.label}", must=must, got="none", do=do))
    return with_cards(part, part.library.texts, cards)


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
    models = named_models(part)
    chosen = [number for number, card in enumerate(circuit.cards) if card.startswith("m")]
    cards, own = list(circuit.cards), dict[str, str]()
    for place, (number, error) in enumerate(zip(chosen, normals(streams, "threshold", part, len(chosen)), strict=True)):
        old = model_on(cards[number])
        if old not in models:
            must, do = f"be one of {', '.join(models) or 'its own'}", "put its .model into the library"
            raise NetworkError(explain(f"the model of {cards[number].split()[0]}", must=must, got=old, do=do))
        new = f"{old}_{place}"
        own[new] = called_anew(_beside(models[old], volts * float(error)), new)
        cards[number] = remodelled(cards[number], new)
    left = {model_on(card) for card in cards}
    return with_cards(part, [*(line for name, line in models.items() if name in left), *own.values()], cards)


def _factor(share: float, normal: Floats) -> Floats:
    """Return 1 + `share` * `normal`, at least `LEAST`."""
    return np.maximum(1.0 + share * normal, LEAST)


def _beside(model: str, shift: float) -> str:
    """Return the `model` card with `shift` (V) added to its threshold; `UnsupportedError` unless it is a number."""
    moved, found = _THRESHOLD.subn(lambda digits: number_text(float(digits[0]) + shift), model)
    if found != 1 or len(_THRESHOLDS.findall(model)) != 1:
        must, do = "give its threshold once, as vto= and a plain number", "write vto=0.7, without blanks and suffix"
        raise UnsupportedError(explain(f"model {model.split()[1]}", must=must, got=model[:80], do=do))
    return moved


@alter.register
def _(imperfection: ThresholdByArea, network: Network, streams: Streams) -> Network:
    def changed(card: str, normal: float) -> str:
        values = _values(card)
        width, length = (float(values[name].removesuffix("u")) for name in "wl")
        sigma = imperfection.coefficient / sqrt(width * length * float(values.get("m", "1")))
        return _valued_anew(card, "delvto", float(values.get("delvto", "0")) + sigma * normal)

    return apart(network, imperfection.coefficient, lambda part: _redrawn(part, imperfection.model, changed, streams))


@alter.register
def _(imperfection: CurrentByArea, network: Network, streams: Streams) -> Network:
    def changed(card: str, normal: float) -> str:
        emitters = float(_values(card).get("m", "1"))
        return _valued_anew(card, "m", emitters * max(1.0 + imperfection.share / sqrt(emitters) * normal, LEAST))

    return apart(network, imperfection.share, lambda part: _redrawn(part, imperfection.model, changed, streams))


def _redrawn(part: Cells, model: str, changed: Callable[[str, float], str], streams: Streams) -> Cells:
    """Return the cell `part` with each card of `model` `changed` by a normal number of `streams`."""
    circuit, inside = part.circuit, named_models(part)
    used = [called(card)[2] if card.startswith("x") else model_on(card) for card in circuit.cards]
    chosen = [number for number, name in enumerate(used) if name == model]
    if not chosen or model in inside:
        must, do = f"have transistors of {model} from files of models", "use MosThreshold or JunctionArea for others"
        raise UnsupportedError(explain(f"cells {part.label}", must=must, got="none", do=do))
    cards = list(circuit.cards)
    for number, normal in zip(chosen, normals(streams, f"area {model}", part, len(chosen)), strict=True):
        cards[number] = changed(cards[number], float(normal))
    return with_cards(part, part.library.texts, cards)


def _values(card: str) -> dict[str, str]:
    """Return the values `key=value` of a `card`."""
    return dict(word.split("=") for word in card.split() if "=" in word)


def _valued_anew(card: str, key: str, value: float) -> str:
    """Return the `card` with the value of `key` replaced, or added."""
    return " ".join([*(word for word in card.split() if not word.startswith(f"{key}=")), f"{key}={number_text(value)}"])
