"""Imperfections of relays, solenoid valves and ports.

docs/hydraulics.md#imperfections lists them.
"""

from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.base import (
    TRANSITION,
    AboveZero,
    InRange,
    Streams,
    alter,
    change,
    change_part,
    holding,
    plumbing,
    strength,
    unused_label,
    with_unknowns,
)
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Followers, Inertances, Ports, Spools, Storages, Switches
from lstm_analog.network.roles import is_filling, valves
from lstm_analog.network.shapes import Shape

_LAGS = "give rad/s, infinity for none, and a damping ratio, 0.7 for the flattest response"
_Valve = TypeVar("_Valve", Switches, Inertances)


@checked_record
@dataclass(frozen=True, kw_only=True)
class RelayGain:
    """The output of every relay is `gain` times its nominal value; 1 is perfect."""

    gain: Annotated[float, AboveZero("relay gain", "give about 1")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class RelayLag:
    """Relays follow their input with a second-order lag of `frequency` w (rad/s) and `damping` ratio zeta.

    X'' = w^2 (e - X) - 2 zeta w X' for each pressure e that acts on a relay, which follows X: a diaphragm with its
    valve, as a mass on a spring in a viscous liquid (Merritt 1967). At zeta = 0.707 the bandwidth, -3 dB, is w/(2 pi).
    Each lag is a bank of `Spools` with its own state; infinite w means no lag. The damping is that in the present
    liquid: a later change of viscosity changes it.
    """

    frequency: Annotated[float, AboveZero("relay lag frequency", _LAGS, finite=False)]
    damping: Annotated[float, AboveZero("relay lag damping", _LAGS)]


@checked_record
@dataclass(frozen=True, kw_only=True)
class SeatLeak:
    """Closed solenoid valves leak `share` of their open conductance; `banks` are their labels, empty for all.

    Filling cocks, which set the memories before the first step, are bubble-tight and leak only if named.
    """

    share: Annotated[float, InRange("seat leak", 0.0, 1.0, "give a share of the open conductance")]
    banks: tuple[str, ...] = ()


@checked_record
@dataclass(frozen=True, kw_only=True)
class Deadband:
    """Stiction: an exponential port responds only to the excess of its control over that of a sigmoid at `z`.

    So a sigmoid bridge sees sign(x) max(|x| - `z`, 0) of its pre-activation x. A tanh bridge has twice the pilot area
    and the same friction: it loses half as much of its pre-activation.
    """

    z: Annotated[float, strength("deadband", "give pre-activation units")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class Rangeability:
    """Equal-percentage trim has a limited `ratio` of openings: controls stop at ±ln(ratio)/2; infinity is no limit."""

    ratio: float

    def __post_init__(self) -> None:
        must, do = "be above 1", "give largest over least conductance, e.g. 50"
        if not self.ratio > 1.0:
            raise InvalidValueError(explain("rangeability", must=must, got=self.ratio, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class OrificePorts:
    """Ports are sharp-edged orifices above `transition` (Pa); areas exp(±z/4), half as steep, again give sigmoid(z)."""

    transition: Annotated[float, TRANSITION]


@alter.register
def _(imperfection: RelayGain, network: Network, streams: Streams) -> Network:
    def droop(part: Followers) -> Followers:
        return replace(part, terms=tuple(replace(term, gain=term.gain * imperfection.gain) for term in part.terms))

    return change(plumbing(network), Followers, droop)


@alter.register
def _(imperfection: RelayLag, network: Network, streams: Streams) -> Network:
    relays = [part for part in holding(plumbing(network), Followers).parts if isinstance(part, Followers)]
    if np.isinf(imperfection.frequency):
        return network
    for relay in relays:
        network = _lagging(network, relay, imperfection)
    return network


def _lagging(network: Network, relay: Followers, lag: RelayLag) -> Network:
    """Return `network` with a spool of that `lag` before each input of a `relay`; its displaced volume is neglected."""
    terms, added = [], []
    stores = (float(part.capacitance.min()) for part in network.parts if isinstance(part, Storages))
    least = min(stores, default=1.0)
    for number, term in enumerate(relay.terms):
        label = unused_label(network, f"{relay.label}_lag{number}")
        scale = float(network.unknowns.scales()[term.inputs].max())
        network, position = with_unknowns(network, f"{label}_at", term.inputs.size, scale)
        network, speed = with_unknowns(network, f"{label}_speed", term.inputs.size, scale)
        spools = Spools(
            label=label,
            p=term.inputs,
            n=np.full_like(term.inputs, DATUM),
            position=position,
            speed=speed,
            capacitance=np.array(least),
            frequency=np.array(lag.frequency),
            damping=np.array(lag.damping),
        )
        terms.append(replace(term, inputs=position))
        added.append(spools)
    lagged = replace(relay, terms=tuple(terms))
    return replace(network, parts=(*(lagged if part is relay else part for part in network.parts), *added))


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
        control = 0.5 if part.laminar else 0.25  # of an orifice the trim is half as steep, the control z/4
        deadband = part.deadband + control * imperfection.z
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
        halved = {name: 0.5 * getattr(part, name) for name in ("scale", "offset", "deadband")}
        return replace(part, **halved, transition=np.array(imperfection.transition))

    def sharp(part: Ports) -> Ports:
        return sharpened(part) if part.shape is Shape.EXP and part.laminar else part

    return change(plumbing(network), Ports, sharp) if np.isfinite(imperfection.transition) else network
