"""Remove the errors that the parts of a network have by design, each a `Cause`, by making the parts ideal.

A cause is a property that an ideal part would not have. Slow dynamics (bandwidths, resistances of switches, loads,
spools, fluid in lines) are no causes here: the settling law counts their poles, and the clock waits for them.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Stops,
    Switches,
)

_LESS = 1e-6
"""Factor that makes a leak negligible; a smaller one risks underflow in parts whose leak must be above zero."""
_MORE = 1e3
"""Factor that moves a limit of op-amps out of reach: a tanh has it, whose cubic error falls with the square."""
_LOSS = 1e-9
"""The inverse of the gain of an ideal op-amp: its error is that, times a noise gain of some tens."""
_SHORT = 1e3
"""The output conductance of an ideal op-amp (S), that of OPAMP_IDEAL: with more the equations are ill-conditioned."""


class Cause(Enum):
    """A property of a part that causes an error by design; the value is its name in a report."""

    GAIN = "gain of op-amps"
    OFFSET = "offset of op-amps"
    COMMON_MODE = "common-mode rejection of op-amps"
    SLEW = "slew rate of op-amps"
    RAILS = "rails of op-amps"
    OUTPUT = "output resistance and current limit of op-amps"
    BIAS = "bias currents"
    LEAK = "leaks of what is held: droop"
    RANGE = "range of relays"
    TRIM = "range of trim"
    STICTION = "deadband of valves"
    TURBULENCE = "flow that is not laminar, and end losses"
    STOPS = "stops of tanks"


@singledispatch
def idealised(part: Part, network: Network) -> dict[Cause, Part]:
    """Return `part` of `network` with one of its causes removed, for each of them; empty if it has none."""
    return {}


def idealise(network: Network, causes: Iterable[Cause]) -> Network:
    """Return `network` with `causes` removed from all parts that have them."""
    parts = network.parts
    for cause in causes:
        parts = tuple(idealised(part, network).get(cause, part) for part in parts)
    return replace(network, parts=parts)


def causes_of(network: Network) -> tuple[Cause, ...]:
    """Return the causes that any part of `network` has, in the order of `Cause`."""
    found = {cause for part in network.parts for cause in idealised(part, network)}
    return tuple(cause for cause in Cause if cause in found)


@idealised.register
def _(part: OpAmps, network: Network) -> dict[Cause, Part]:
    stiff = np.maximum(part.output_conductance, _SHORT)
    result: dict[Cause, Part] = {
        Cause.GAIN: replace(part, conductance=np.minimum(part.conductance, _LOSS * part.transconductance)),
        Cause.SLEW: replace(part, current_limit=part.current_limit * _MORE),
        Cause.RAILS: replace(part, swing=part.swing * _MORE, clamp=part.clamp * _MORE),
        Cause.OUTPUT: replace(part, output_conductance=stiff, output_limit=np.array(np.inf)),
    }
    if part.offset.any():
        result[Cause.OFFSET] = replace(part, offset=np.array(0.0))
    if part.common_mode.any():
        result[Cause.COMMON_MODE] = replace(part, common_mode=np.array(0.0))
    return result


@idealised.register
def _(part: Pairs, network: Network) -> dict[Cause, Part]:
    """Return pairs without current if they have no input: they are the bias currents of op-amps."""
    steered = any(factor.scale.any() for factor in part.factors)
    return {} if steered else {Cause.BIAS: replace(part, current=np.array(0.0))}


@idealised.register
def _(part: Switches | Inertances, network: Network) -> dict[Cause, Part]:
    return {} if part.line == ALWAYS else {Cause.LEAK: replace(part, opened=part.opened * _LESS)}


@idealised.register
def _(part: Conductors, network: Network) -> dict[Cause, Part]:
    """Return conductors with a negligible leak if all of them connect a held node (`_held`) to the datum."""
    if not (np.isin(part.a, _held(network)).all() and (part.b == DATUM).all()):
        return {}
    return {Cause.LEAK: replace(part, conductance=part.conductance * _LESS)}


def _held(network: Network) -> Indices:
    """Return the nodes behind the switches of `network`, which hold their effort while the switch is open."""
    behind = [part.b for part in network.parts if isinstance(part, Switches) and part.line != ALWAYS]
    return np.concatenate([np.empty(0, np.int64), *behind])


@idealised.register
def _(part: Followers, network: Network) -> dict[Cause, Part]:
    if not (np.isfinite(part.low).any() or np.isfinite(part.high).any()):
        return {}
    return {Cause.RANGE: replace(part, low=np.array(-np.inf), high=np.array(np.inf))}


@idealised.register
def _(part: Ports, network: Network) -> dict[Cause, Part]:
    result: dict[Cause, Part] = {}
    if np.isfinite(part.limit).any():
        result[Cause.TRIM] = replace(part, limit=np.array(np.inf))
    if part.deadband.any():
        result[Cause.STICTION] = replace(part, deadband=np.array(0.0))
    if not part.laminar:
        result[Cause.TURBULENCE] = replace(part, transition=np.array(np.inf))
    return result


@idealised.register
def _(part: Crossbars, network: Network) -> dict[Cause, Part]:
    if part.linear:
        return {}
    return {Cause.TURBULENCE: replace(part, transition=np.array(np.inf), end_flow=np.array(np.inf))}


@idealised.register
def _(part: Stops, network: Network) -> dict[Cause, Part]:
    return {Cause.STOPS: replace(part, low=np.array(-np.inf), high=np.array(np.inf))}
