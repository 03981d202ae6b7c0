"""What real relays, solenoids and ports do (`reference/hydraulic.md`, B7): each cause a record, each applied alone."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

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
from lstm_analog.network.parts import Followers, Inertances, Ports, Switches
from lstm_analog.network.roles import is_filling, valves
from lstm_analog.network.shapes import Shape

_Valve = TypeVar("_Valve", Switches, Inertances)


@dataclass(frozen=True, kw_only=True)
class RelayGain:
    """Every relay gives `gain` times what it should; 1 is perfect."""

    gain: float

    def __post_init__(self) -> None:
        """Check that the gain is finite."""
        if not np.isfinite(self.gain):
            raise InvalidValueError(explain("relay gain", must="be finite", got=self.gain, do="give about 1"))


@dataclass(frozen=True, kw_only=True)
class SeatLeak:
    """Shut solenoids leak `share` of their open conductance; `banks` are the labels of those meant, empty for all.

    Filling cocks, which set the memories before the first step, are bubble-tight and do not leak unless named.
    """

    share: float
    banks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the leak is a share."""
        check_range("seat leak", self.share, 0.0, 1.0, "give a share of the open conductance")


@dataclass(frozen=True, kw_only=True)
class Deadband:
    """Stiction: an exponential port answers only to what its control has beyond `z`/2, the control of a sigmoid at `z`.

    So a sigmoid bridge sees sign(z) max(|z| - `z`, 0). A tanh bridge has twice the pilot area before the same friction:
    it loses half as much of its pre-activation.
    """

    z: float

    def __post_init__(self) -> None:
        """Check that the deadband is not below zero."""
        check_strength("deadband", self.z, "give pre-activation units")


@dataclass(frozen=True, kw_only=True)
class Rangeability:
    """Equal-percentage trim opens over a `ratio` only: the control stops at ±ln(ratio)/2; infinity is unlimited."""

    ratio: float

    def __post_init__(self) -> None:
        """Check that there is a range."""
        must, do = "be above 1", "give largest over least conductance, e.g. 50"
        if not self.ratio > 1.0:
            raise InvalidValueError(explain("rangeability", must=must, got=self.ratio, do=do))


@dataclass(frozen=True, kw_only=True)
class OrificePorts:
    """Sharp-edged ports above `transition` (Pa), their trim half as steep, areas exp(±z/4): sigmoid(z) again."""

    transition: float

    def __post_init__(self) -> None:
        """Check that the transition is positive."""
        check_transition(self.transition)


@alter.register
def _(imperfection: RelayGain, network: Network, streams: Streams) -> Network:
    def droop(part: Followers) -> Followers:
        return replace(part, terms=tuple(replace(term, gain=term.gain * imperfection.gain) for term in part.terms))

    return change(plumbing(network), Followers, droop)


@alter.register
def _(imperfection: SeatLeak, network: Network, streams: Streams) -> Network:
    def leaking(part: _Valve) -> _Valve:
        return replace(part, opened=part.opened + imperfection.share * part.closed)

    solenoids = [part.label for part in valves(plumbing(network)) if not is_filling(network, part)]
    for label in imperfection.banks or solenoids:
        if isinstance(network.part(label), Inertances):
            network = change_part(network, label, Inertances, leaking)
        else:
            network = change_part(network, label, Switches, leaking)
    return network


@alter.register
def _(imperfection: Deadband, network: Network, streams: Streams) -> Network:
    def sticking(part: Ports) -> Ports:
        deadband = part.deadband + 0.5 * imperfection.z
        return replace(part, deadband=deadband) if part.shape is Shape.EXP else part

    return change(plumbing(network), Ports, sticking)


@alter.register
def _(imperfection: Rangeability, network: Network, streams: Streams) -> Network:
    def stopped(part: Ports) -> Ports:
        limit = np.minimum(part.limit, 0.5 * np.log(imperfection.ratio))
        return replace(part, limit=limit) if part.shape is Shape.EXP else part

    return change(plumbing(network), Ports, stopped)


@alter.register
def _(imperfection: OrificePorts, network: Network, streams: Streams) -> Network:
    def sharpened(part: Ports) -> Ports:
        return replace(part, transition=np.array(imperfection.transition), scale=0.5 * part.scale)

    def sharp(part: Ports) -> Ports:
        return sharpened(part) if part.shape is Shape.EXP and part.laminar else part

    return change(plumbing(network), Ports, sharp) if np.isfinite(imperfection.transition) else network
