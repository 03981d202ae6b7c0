"""Imperfections of tubes.

docs/hydraulics.md#imperfections lists them.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections.base import (
    TRANSITION,
    TUBES,
    AboveZero,
    InRange,
    Streams,
    alter,
    change,
    change_part,
    filling,
    plumbing,
    strength,
)
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars

_BORE = 4.0
"""Exponent of the bore in the law of Hagen-Poiseuille."""


class Tubes(Enum):
    """Tubes of a crossbar: those that end in some of its manifold pairs, or that start at some of its inputs."""

    MANIFOLDS = "manifolds"
    INPUTS = "inputs"


@checked_record
@dataclass(frozen=True, kw_only=True)
class BoreTolerance:
    """Bores scatter: the logarithm of each is normal with the standard deviation `sigma` (0.01 is 1 %).

    Conductances are proportional to the fourth power, dG/G = 4 dd/d. Applies to weight tubes and dummies of crossbars.
    """

    sigma: Annotated[float, InRange("bore tolerance", 0.0, 1.0, "give the standard deviation of d over d")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class HotTubes:
    """Some tubes of the crossbar `bank` are `kelvin` warmer than the rest and conduct more, by the law of the liquid.

    `which` says by which end the tubes are chosen, `elements` the numbers of the manifold pairs or inputs. Liquid and
    temperature of the rest are those of the network. Orifices and end losses have one law for all tubes of a manifold
    pair: such banks are refused by `INPUTS`.
    """

    kelvin: Annotated[float, InRange("hot tubes", -100.0, 100.0, "give the difference to the rest, in kelvin")]
    bank: str
    which: Tubes
    elements: tuple[int, ...]


@checked_record
@dataclass(frozen=True, kw_only=True)
class OrificeWeights:
    """Weights are orifices, not capillaries: flow goes with the square root of pressure drops above `transition` (Pa).

    Areas are proportional to the weights; infinity leaves capillaries.
    """

    transition: Annotated[float, TRANSITION]


@checked_record
@dataclass(frozen=True, kw_only=True)
class EndLoss:
    """Entrance and exit losses of weight tubes: `share` of the friction at `flow` (m3/s), and proportional to flow."""

    share: Annotated[float, strength("end loss", "give a share of the friction, e.g. 0.01")]
    flow: Annotated[float, AboveZero("end loss flow", "say at which flow the share was found")]


@alter.register
def _(imperfection: BoreTolerance, network: Network, streams: Streams) -> Network:
    def drawn(part: Crossbars, name: str) -> Floats:
        conductance: Floats = getattr(part, name)
        own = part.positive.shape[-2:] if name in ("positive", "negative") else part.plus.shape
        scatter = streams.normal(f"bore {part.label}.{name}", own)
        return conductance * np.exp(_BORE * imperfection.sigma * scatter)

    def vary(part: Crossbars) -> Crossbars:
        made: dict[str, Any] = {name: drawn(part, name) for name in TUBES}
        return replace(part, **made)

    network = plumbing(network)
    return change(network, Crossbars, vary) if imperfection.sigma else network


@alter.register
def _(imperfection: HotTubes, network: Network, streams: Streams) -> Network:
    fluid, chosen = filling(network).fluid, np.array(imperfection.elements, dtype=np.int64)
    hot = fluid.at(fluid.temperature + imperfection.kelvin)
    thicker, heavier = hot.viscosity / fluid.viscosity, hot.density / fluid.density

    def warmed(part: Crossbars) -> Crossbars:
        by_inputs = imperfection.which is Tubes.INPUTS
        size = part.inputs.size if by_inputs else part.plus.size
        _check_elements(imperfection, size)
        if by_inputs and not part.linear:
            must, do = "be laminar and without end losses", "choose the hot tubes by their manifolds"
            raise UnsupportedError(explain(f"tubes of {part.label}", must=must, got="others", do=do))

        def times(factor: float) -> Floats:
            factors = np.ones(size)
            factors[chosen] = factor
            return factors

        gain = times(fluid.viscosity / hot.viscosity)
        if by_inputs:
            return replace(part, positive=part.positive * gain, negative=part.negative * gain)
        tubes: dict[str, Any] = {name: getattr(part, name) * gain[:, None] for name in ("positive", "negative")}
        loads: dict[str, Any] = {name: getattr(part, name) * gain for name in ("plus_load", "minus_load")}
        losses = {"transition": thicker**2 / heavier, "end_flow": thicker / heavier}  # as in `liquids`
        changed: dict[str, Any] = {name: getattr(part, name) * times(factor) for name, factor in losses.items()}
        return replace(part, **tubes, **loads, **changed)

    return change_part(network, imperfection.bank, Crossbars, warmed)


@alter.register
def _(imperfection: OrificeWeights, network: Network, streams: Streams) -> Network:
    def drilled(part: Crossbars) -> Crossbars:
        return replace(part, transition=np.minimum(part.transition, imperfection.transition))

    return change(plumbing(network), Crossbars, drilled)


@alter.register
def _(imperfection: EndLoss, network: Network, streams: Streams) -> Network:
    end_flow = imperfection.flow / imperfection.share if imperfection.share else np.inf

    def rough(part: Crossbars) -> Crossbars:
        return replace(part, end_flow=1.0 / (1.0 / part.end_flow + 1.0 / end_flow))

    return change(plumbing(network), Crossbars, rough) if imperfection.share else network


def _check_elements(imperfection: HotTubes, size: int) -> None:
    wrong = [element for element in imperfection.elements if not 0 <= element < size]
    if wrong:
        what = f"hot tubes of {imperfection.bank}"
        must = f"be numbered 0 to {size - 1}"
        raise InvalidValueError(explain(what, must=must, got=wrong, do=f"count its {imperfection.which.value}"))
