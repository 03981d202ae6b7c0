"""Mismatch of transistors from files of models, by the area that they are drawn with.

Such models are no texts that could be changed; an error stands on the card of its transistor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from lstm_analog.doors import checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections.base import Streams, alter, check_strength
from lstm_analog.imperfections.cell_cards import (
    LEAST,
    apart,
    model_on,
    named_models,
    normals,
    number_text,
    with_cards,
)
from lstm_analog.network.cells import Cells, called
from lstm_analog.network.graph import Network


@checked_record
@dataclass(frozen=True, kw_only=True)
class ThresholdByArea:
    """Thresholds of the MOS transistors of a `model` in files of models have a normal error that falls with their area.

    Its standard deviation is `coefficient`/sqrt(W L m), the coefficient in V um, W and L in um, of m transistors in
    parallel: M. Pelgrom, A. Duinmaijer, A. Welbers, Matching Properties of MOS Transistors, IEEE J. Solid-State
    Circuits 24 (1989) 1433. It stands on the card, as `delvto`, which BSIM4 has in ngspice.
    """

    model: str
    coefficient: float

    def __post_init__(self) -> None:
        """Check that the coefficient is not below zero."""
        check_strength("threshold coefficient", self.coefficient, "give V um, 0.01 for 10 mV um")


@checked_record
@dataclass(frozen=True, kw_only=True)
class CurrentByArea:
    """Currents of the bipolar transistors of a `model` in files of models have a normal error that falls with area.

    Its standard deviation is `share`/sqrt(m), relative, of m emitters in parallel. The currents of collector and base
    both go with it, for it stands on the card, as another m.
    """

    model: str
    share: float

    def __post_init__(self) -> None:
        """Check that the spread is not below zero."""
        check_strength("spread of currents", self.share)


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
    chosen = [number for number, card in enumerate(circuit.cards) if model in (model_on(card), _device(card))]
    if not chosen or model in inside:
        must, do = f"have transistors of {model} from files of models", "use MosThreshold or JunctionArea for others"
        raise UnsupportedError(explain(f"cells {part.label}", must=must, got="none", do=do))
    cards = list(circuit.cards)
    for number, normal in zip(chosen, normals(streams, f"area {model}", part, len(chosen)), strict=True):
        cards[number] = changed(cards[number], float(normal))
    return with_cards(part, part.library.texts, cards)


def _device(card: str) -> str:
    """Return the name of the subcircuit that an x `card` calls, empty for other cards."""
    return called(card)[2] if card.startswith("x") else ""


def _values(card: str) -> dict[str, str]:
    """Return the values `key=value` of a `card`."""
    return dict(word.split("=") for word in card.split() if "=" in word)


def _valued_anew(card: str, key: str, value: float) -> str:
    """Return the `card` with the value of `key` replaced, or added."""
    return " ".join([*(word for word in card.split() if not word.startswith(f"{key}=")), f"{key}={number_text(value)}"])
