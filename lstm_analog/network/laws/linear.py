"""Linear conductances, switched or not, and dense banks of transconductances."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws.base import (
    Block,
    Form,
    High,
    Order,
    blocks,
    diagonal,
    flow,
    is_on,
    partials,
    rows,
    through,
)
from lstm_analog.network.parts import Conductors, Crossbars, Ports, Switches, Transconductors


def _between(a: Indices, b: Indices) -> tuple[Block, ...]:
    return tuple(diagonal(row, column, Order.CONSTANT) for row, column in ((a, a), (a, b), (b, a), (b, b)))


def _ohm(conductance: Floats) -> tuple[Floats, ...]:
    return -conductance, conductance, conductance, -conductance


@rows.register
def _(part: Conductors | Switches | Ports) -> Indices:
    return np.stack((part.a, part.b))


@flow.register
def _(part: Conductors, effort: Floats, high: High) -> Floats:
    return through(part.conductance * (effort[..., part.a] - effort[..., part.b]))


@blocks.register
def _(part: Conductors | Switches, high: High) -> tuple[Block, ...]:
    return _between(part.a, part.b)


@partials.register
def _(part: Conductors, effort: Floats, high: High) -> tuple[Floats, ...]:
    return _ohm(part.conductance)


def _position(part: Switches, high: High) -> Floats:
    return part.closed if is_on(part.line, high) else part.opened


@flow.register
def _(part: Switches, effort: Floats, high: High) -> Floats:
    return through(_position(part, high) * (effort[..., part.a] - effort[..., part.b]))


@partials.register
def _(part: Switches, effort: Floats, high: High) -> tuple[Floats, ...]:
    return _ohm(_position(part, high))


@rows.register
def _(part: Transconductors) -> Indices:
    return part.rows[None]


@flow.register
def _(part: Transconductors, effort: Floats, high: High) -> Floats:
    return _into(part.transconductance, effort[..., part.inputs])[..., None, :]


def _into(matrix: Floats, drive: Floats) -> Floats:
    """Return the products of `matrix` (..., m, n) and `drive` (..., n), shape (..., m)."""
    return drive @ matrix.T if matrix.ndim == 2 else (matrix @ drive[..., None])[..., 0]


@blocks.register
def _(part: Transconductors, high: High) -> tuple[Block, ...]:
    return (Block(rows=part.rows, columns=part.inputs, form=Form.DENSE, order=Order.CONSTANT),)


@partials.register
def _(part: Transconductors, effort: Floats, high: High) -> tuple[Floats, ...]:
    return (part.transconductance,)


@rows.register
def _(part: Crossbars) -> Indices:
    return np.stack((part.plus, part.minus))


@flow.register
def _(part: Crossbars, effort: Floats, high: High) -> Floats:
    drive = effort[..., part.inputs]
    ends = ((part.plus, part.positive, part.plus_load), (part.minus, part.negative, part.minus_load))
    flows = [
        _into(conductance, drive) - (conductance.sum(axis=-1) + load) * effort[..., node]
        for node, conductance, load in ends
    ]
    return np.stack(np.broadcast_arrays(*flows), axis=-2)


@blocks.register
def _(part: Crossbars, high: High) -> tuple[Block, ...]:
    return tuple(
        block
        for node in (part.plus, part.minus)
        for block in (
            Block(rows=node, columns=part.inputs, form=Form.DENSE, order=Order.CONSTANT),
            diagonal(node, node, Order.CONSTANT),
        )
    )


@partials.register
def _(part: Crossbars, effort: Floats, high: High) -> tuple[Floats, ...]:
    plus = part.positive.sum(axis=-1) + part.plus_load
    minus = part.negative.sum(axis=-1) + part.minus_load
    return part.positive, -plus, part.negative, -minus
