"""What real tubes and liquids do (`reference/hydraulic.md`, B7): each cause a record, each applied alone."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.base import (
    Streams,
    alter,
    change,
    change_part,
    check_range,
    check_strength,
    check_transition,
    plumbing,
)
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors, Crossbars, Inertances, Ports, Spools, Switches

WARMING = 0.04
"""Relative gain of a tube's conductance a kelvin: VG 32 around 40 C loses about 4 % of its viscosity (assumed)."""

_Valve = TypeVar("_Valve", Switches, Inertances)
_BORE = 4.0
"""Power of the bore in Hagen-Poiseuille."""


class Tubes(Enum):
    """Which tubes of a crossbar: all that end in some of its manifold pairs, or start at some of its inputs."""

    MANIFOLDS = "manifolds"
    INPUTS = "inputs"


@dataclass(frozen=True, kw_only=True)
class BoreTolerance:
    """Bores scatter: the logarithm of each is normal with the standard deviation `sigma` (0.01 is 1 %).

    Conductances go with the fourth power, dG/G = 4 dd/d. Weight tubes and dummies of crossbars.
    """

    sigma: float

    def __post_init__(self) -> None:
        """Check that sigma is a share."""
        check_range("bore tolerance", self.sigma, 0.0, 1.0, "give the standard deviation of d over d")


@dataclass(frozen=True, kw_only=True)
class HotTubes:
    """Some tubes of the crossbar `bank` are `kelvin` warmer than the rest: their conductance gains 4 % a kelvin.

    `which` tubes, and the numbers of the manifold pairs or inputs concerned in `elements`.
    """

    kelvin: float
    bank: str
    which: Tubes
    elements: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that conductances stay positive."""
        check_range("hot tubes", self.kelvin, -20.0, 20.0, "stay where the law is linear")


@dataclass(frozen=True, kw_only=True)
class OrificeWeights:
    """Orifices in place of capillaries as weights: flow goes with the root of a drop above `transition` (Pa).

    Areas go with the weights; infinity leaves capillaries.
    """

    transition: float

    def __post_init__(self) -> None:
        """Check that the transition is positive."""
        check_transition(self.transition)


@dataclass(frozen=True, kw_only=True)
class EndLoss:
    """Entrance and exit of every weight tube lose `share` of its friction at the `flow` (m3/s), and in proportion."""

    share: float
    flow: float

    def __post_init__(self) -> None:
        """Check that the loss is not below zero and the flow positive."""
        check_strength("end loss", self.share, "give a share of the friction, e.g. 0.01")
        if not (np.isfinite(self.flow) and self.flow > 0):
            do = "say at which flow the share was found"
            raise InvalidValueError(explain("end loss flow", must="be positive", got=self.flow, do=do))


@dataclass(frozen=True, kw_only=True)
class ViscosityChange:
    """The liquid's viscosity is `factor` times what it was, everywhere, and so is the friction of spools; 1 is none."""

    factor: float

    def __post_init__(self) -> None:
        """Check that the factor is positive."""
        if not (np.isfinite(self.factor) and self.factor > 0):
            do = "give new over old viscosity"
            raise InvalidValueError(explain("viscosity factor", must="be positive", got=self.factor, do=do))


@alter.register
def _(imperfection: BoreTolerance, network: Network, streams: Streams) -> Network:
    def drawn(part: Crossbars, name: str) -> Floats:
        conductance: Floats = getattr(part, name)
        own = part.positive.shape[-2:] if name in ("positive", "negative") else part.plus.shape
        scatter = streams.normal(f"bore {part.label}.{name}", own)
        result: Floats = conductance * np.exp(_BORE * imperfection.sigma * scatter)
        return result

    def vary(part: Crossbars) -> Crossbars:
        return replace(
            part,
            positive=drawn(part, "positive"),
            negative=drawn(part, "negative"),
            plus_load=drawn(part, "plus_load"),
            minus_load=drawn(part, "minus_load"),
        )

    return change(plumbing(network), Crossbars, vary)


@alter.register
def _(imperfection: HotTubes, network: Network, streams: Streams) -> Network:
    chosen, gain = np.array(imperfection.elements, dtype=np.int64), 1.0 + WARMING * imperfection.kelvin

    def warmed(part: Crossbars) -> Crossbars:
        size = part.plus.size if imperfection.which is Tubes.MANIFOLDS else part.inputs.size
        _check_elements(imperfection, size)
        factor = np.ones(size)
        factor[chosen] = gain
        if imperfection.which is Tubes.INPUTS:
            return replace(part, positive=part.positive * factor, negative=part.negative * factor)
        return replace(
            part,
            positive=part.positive * factor[:, None],
            negative=part.negative * factor[:, None],
            plus_load=part.plus_load * factor,
            minus_load=part.minus_load * factor,
        )

    return change_part(plumbing(network), imperfection.bank, Crossbars, warmed)


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


@alter.register
def _(imperfection: ViscosityChange, network: Network, streams: Streams) -> Network:
    factor = imperfection.factor

    def crossbar(part: Crossbars) -> Crossbars:
        names = ("positive", "negative", "plus_load", "minus_load")
        positive, negative, plus_load, minus_load = (getattr(part, name) / factor for name in names)
        return replace(
            part,
            positive=positive,
            negative=negative,
            plus_load=plus_load,
            minus_load=minus_load,
            transition=part.transition * factor**2,
            end_flow=part.end_flow * factor,
        )

    def port(part: Ports) -> Ports:
        # G0 = Cd A sqrt(2/(rho pcr)), pcr ~ mu^2: far above the transition the flow stays what it was.
        return replace(part, conductance=part.conductance / factor, transition=part.transition * factor**2)

    def valve(part: _Valve) -> _Valve:
        return replace(part, closed=part.closed / factor, opened=part.opened / factor)

    def conductor(part: Conductors) -> Conductors:
        return replace(part, conductance=part.conductance / factor)

    def spool(part: Spools) -> Spools:
        return replace(part, damping=part.damping * factor)

    thinned = change(change(plumbing(network), Crossbars, crossbar), Ports, port)
    slowed = change(change(change(thinned, Switches, valve), Inertances, valve), Spools, spool)
    return change(slowed, Conductors, conductor)


def _check_elements(imperfection: HotTubes, size: int) -> None:
    wrong = [element for element in imperfection.elements if not 0 <= element < size]
    if wrong:
        what = f"hot tubes of {imperfection.bank}"
        must = f"be numbered 0 to {size - 1}"
        raise InvalidValueError(explain(what, must=must, got=wrong, do=f"count its {imperfection.which.value}"))
