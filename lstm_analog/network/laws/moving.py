"""Parts with states of their own: inertances and spools; and the stops of tanks."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws.base import (
    Block,
    High,
    Idle,
    Kind,
    Order,
    blocks,
    capacity,
    diagonal,
    flow,
    idle,
    into_rows,
    is_on,
    nothing,
    partials,
    rows,
    sets,
)
from lstm_analog.network.parts import Inertances, Spools, Stops


@sets.register
def _(part: Inertances) -> tuple[Kind, Indices]:
    return Kind.STORED, part.state


@capacity.register
def _(part: Inertances) -> tuple[Indices, Floats]:
    return part.state, part.inertance * part.closed**2


@rows.register
def _(part: Inertances) -> Indices:
    return np.stack((part.state, part.a, part.b))


def _gains(part: Inertances, high: High) -> tuple[Floats, Floats]:
    """Return the conductances by which the drop drives the state, and by which the state holds itself back."""
    if is_on(part.line, high):
        return part.closed, part.closed
    dying = part.inertance * part.closed**2 / part.closing
    return dying * part.opened / part.closed, dying


@flow.register
def _(part: Inertances, effort: Floats, high: High) -> Floats:
    drive, hold = _gains(part, high)
    x = effort[..., part.state]
    passing = part.closed * x
    pushing = drive * (effort[..., part.a] - effort[..., part.b]) - hold * x
    return into_rows(pushing, -passing, passing)


@blocks.register
def _(part: Inertances, high: High) -> tuple[Block, ...]:
    pairs = (
        *((part.state, column) for column in (part.a, part.b, part.state)),
        *((row, part.state) for row in (part.a, part.b)),
    )
    return tuple(diagonal(row, column, Order.CONSTANT) for row, column in pairs)


@partials.register
def _(part: Inertances, effort: Floats, high: High) -> tuple[Floats, ...]:
    drive, hold = _gains(part, high)
    return drive, -drive, -hold, -part.closed, part.closed


@sets.register
def _(part: Spools) -> tuple[Kind, Indices]:
    return Kind.STORED, np.concatenate((part.position, part.speed))


@capacity.register
def _(part: Spools) -> tuple[Indices, Floats]:
    return np.concatenate((part.position, part.speed)), np.concatenate((part.capacitance, part.capacitance), axis=-1)


@rows.register
def _(part: Spools) -> Indices:
    return np.stack((part.position, part.speed))


@flow.register
def _(part: Spools, effort: Floats, high: High) -> Floats:
    gain, speed = part.capacitance * part.frequency, effort[..., part.speed]
    force = effort[..., part.p] - effort[..., part.n] - effort[..., part.position] - 2.0 * part.damping * speed
    return into_rows(gain * speed, gain * force)


@blocks.register
def _(part: Spools, high: High) -> tuple[Block, ...]:
    columns = (part.p, part.n, part.position, part.speed)
    return (
        diagonal(part.position, part.speed, Order.CONSTANT),
        *(diagonal(part.speed, column, Order.CONSTANT) for column in columns),
    )


@partials.register
def _(part: Spools, effort: Floats, high: High) -> tuple[Floats, ...]:
    gain = part.capacitance * part.frequency
    return gain, gain, -gain, -gain, -2.0 * gain * part.damping


@sets.register
def _(part: Stops) -> None:
    return None


@capacity.register
def _(part: Stops) -> tuple[Indices, Floats]:
    return nothing(0), np.empty(0)


@rows.register
def _(part: Stops) -> Indices:
    return part.nodes[None]


@idle.register
def _(part: Stops) -> Idle:
    return Idle(nodes=part.nodes, low=part.low, high=part.high)


def _beyond(part: Stops, effort: Floats) -> tuple[Floats, Floats]:
    """Return how far the tanks are above their upper stop and below their lower one, zero between (effort unit)."""
    level = effort[..., part.nodes]
    return np.maximum(level - part.high, 0.0), np.maximum(part.low - level, 0.0)


@flow.register
def _(part: Stops, effort: Floats, high: High) -> Floats:
    def valve(beyond: Floats) -> Floats:
        opening = np.minimum(beyond, part.band)
        return 0.5 * opening**2 / part.band + (beyond - opening)

    above, below = _beyond(part, effort)
    result: Floats = part.conductance * (valve(below) - valve(above))
    return result[..., None, :]


@blocks.register
def _(part: Stops, high: High) -> tuple[Block, ...]:
    return (diagonal(part.nodes, part.nodes),)


@partials.register
def _(part: Stops, effort: Floats, high: High) -> tuple[Floats, ...]:
    above, below = _beyond(part, effort)
    return (-part.conductance * (np.minimum(above, part.band) + np.minimum(below, part.band)) / part.band,)
