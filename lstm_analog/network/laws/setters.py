"""Parts that set an unknown: sources, junctions, storages, and followers."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws.base import (
    Block,
    High,
    Kind,
    Order,
    blocks,
    capacity,
    diagonal,
    flow,
    nothing,
    partials,
    rows,
    sets,
)
from lstm_analog.network.parts import Followers, Junctions, Sources, Storages


@sets.register
def _(part: Sources) -> tuple[Kind, Indices]:
    return Kind.IMPOSED, part.nodes


@sets.register
def _(part: Junctions) -> tuple[Kind, Indices]:
    return Kind.BALANCED, part.nodes


@sets.register
def _(part: Storages) -> tuple[Kind, Indices]:
    return Kind.STORED, part.nodes


@capacity.register
def _(part: Storages) -> tuple[Indices, Floats]:
    return part.nodes, part.capacitance


@rows.register
def _(part: Sources | Junctions | Storages) -> Indices:
    return nothing(0, 0)


@flow.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High) -> Floats:
    return np.empty((*effort.shape[:-1], 0, 0))


@blocks.register
def _(part: Sources | Junctions | Storages, high: High) -> tuple[Block, ...]:
    return ()


@partials.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High) -> tuple[Floats, ...]:
    return ()


# The row of a follower is its own equation, value - e = 0.


@sets.register
def _(part: Followers) -> tuple[Kind, Indices]:
    return Kind.FOLLOWED, part.nodes


@rows.register
def _(part: Followers) -> Indices:
    return part.nodes[None]


@flow.register
def _(part: Followers, effort: Floats, high: High) -> Floats:
    value = np.clip(_unclipped(part, effort), part.low, part.high)
    return (value - effort[..., part.nodes])[..., None, :]


@blocks.register
def _(part: Followers, high: High) -> tuple[Block, ...]:
    unclipped = bool(np.isinf(part.low).all() and np.isinf(part.high).all())
    order = Order.CONSTANT if unclipped else Order.NONLINEAR
    return (
        diagonal(part.nodes, part.nodes, Order.CONSTANT),
        *(diagonal(part.nodes, term.inputs, order) for term in part.terms),
    )


@partials.register
def _(part: Followers, effort: Floats, high: High) -> tuple[Floats, ...]:
    free = _unclipped(part, effort)
    inside = (free >= part.low) & (free <= part.high)
    return -np.ones(part.nodes.size), *(np.where(inside, term.gain, 0.0) for term in part.terms)


def _unclipped(part: Followers, effort: Floats) -> Floats:
    total = part.offset
    for term in part.terms:
        total = total + term.gain * effort[..., term.inputs]
    return total
