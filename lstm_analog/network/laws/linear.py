"""Linear conductances, switched or not, and dense banks of transconductances."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.laws.base import Block, Form, High, blocks, diagonal, flow, is_on, partials, rows, through
from lstm_analog.network.parts import Conductors, Ports, Switches, Transconductors


def _between(a: Indices, b: Indices) -> tuple[Block, ...]:
    return tuple(diagonal(row, column, constant=True) for row, column in ((a, a), (a, b), (b, a), (b, b)))


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
    drive = effort[..., part.inputs]
    if part.transconductance.ndim == 2:
        return (drive @ part.transconductance.T)[..., None, :]
    return (part.transconductance @ drive[..., None])[..., None, :, 0]


@blocks.register
def _(part: Transconductors, high: High) -> tuple[Block, ...]:
    return (Block(rows=part.rows, columns=part.inputs, form=Form.DENSE, constant=True),)


@partials.register
def _(part: Transconductors, effort: Floats, high: High) -> tuple[Floats, ...]:
    return (part.transconductance,)
