"""Parts whose flow another effort controls: pairs, ports, op-amps."""

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
    into_rows,
    is_on,
    partials,
    rows,
    sets,
    through,
)
from lstm_analog.network.laws.resistance import opening, opening_slope, throttled, throttled_slope
from lstm_analog.network.parts import Factor, OpAmps, Pairs, Ports
from lstm_analog.network.shapes import curve, slope


def _control(part: Factor | Ports, effort: Floats) -> Floats:
    return part.scale * (effort[..., part.p] - effort[..., part.n]) + part.offset


@rows.register
def _(part: Pairs) -> Indices:
    return part.out[None]


@flow.register
def _(part: Pairs, effort: Floats, high: High) -> Floats:
    if not is_on(part.line, high):
        return np.zeros((*effort.shape[:-1], 1, part.out.size))
    product = part.current
    for factor in part.factors:
        product = product * curve(factor.shape, _control(factor, effort))
    return product[..., None, :]


@blocks.register
def _(part: Pairs, high: High) -> tuple[Block, ...]:
    if not is_on(part.line, high):
        return ()
    ends = ((factor.p, factor.n) for factor in part.factors)
    return tuple(diagonal(part.out, end) for pair in ends for end in pair)


@partials.register
def _(part: Pairs, effort: Floats, high: High) -> tuple[Floats, ...]:
    if not is_on(part.line, high):
        return ()
    controls = [_control(factor, effort) for factor in part.factors]
    curves = [curve(factor.shape, u) for factor, u in zip(part.factors, controls, strict=True)]
    result: list[Floats] = []
    for k, factor in enumerate(part.factors):
        others = np.prod(np.broadcast_arrays(part.current, *curves[:k], *curves[k + 1 :]), axis=0)
        gain = others * slope(factor.shape, controls[k]) * factor.scale
        result += [gain, -gain]
    return tuple(result)


@flow.register
def _(part: Ports, effort: Floats, high: High) -> Floats:
    drop = effort[..., part.a] - effort[..., part.b]
    if not is_on(part.line, high):
        return np.zeros((*drop.shape[:-1], 2, drop.shape[-1]))
    passing = drop if part.laminar else throttled(drop, part.transition)
    return through(part.conductance * curve(part.shape, opening(part, _control(part, effort))) * passing)


@blocks.register
def _(part: Ports, high: High) -> tuple[Block, ...]:
    if not is_on(part.line, high):
        return ()
    own = Order.AFFINE if part.laminar else Order.NONLINEAR
    orders = ((part.a, own), (part.b, own), (part.p, Order.NONLINEAR), (part.n, Order.NONLINEAR))
    return tuple(diagonal(row, column, order) for row in (part.a, part.b) for column, order in orders)


@partials.register
def _(part: Ports, effort: Floats, high: High) -> tuple[Floats, ...]:
    if not is_on(part.line, high):
        return ()
    control = _control(part, effort)
    opened, drop = opening(part, control), effort[..., part.a] - effort[..., part.b]
    own, passing = part.conductance * curve(part.shape, opened), drop
    if not part.laminar:
        own, passing = own * throttled_slope(drop, part.transition), throttled(drop, part.transition)
    pilot = part.conductance * slope(part.shape, opened) * part.scale * passing
    if not part.free:
        pilot = pilot * opening_slope(part, control)
    return -own, own, -pilot, pilot, own, -own, pilot, -pilot


@sets.register
def _(part: OpAmps) -> tuple[Kind, Indices]:
    return Kind.STORED, part.state


@capacity.register
def _(part: OpAmps) -> tuple[Indices, Floats]:
    return part.state, part.capacitance


@rows.register
def _(part: OpAmps) -> Indices:
    return np.stack((part.state, part.out))


def _steering(part: OpAmps, effort: Floats) -> Floats:
    plus, minus = effort[..., part.plus], effort[..., part.minus]
    difference = plus - minus + part.offset + 0.5 * part.common_mode * (plus + minus)
    return np.tanh(part.transconductance * difference / part.current_limit)


def beyond(value: Floats, limit: Floats) -> Floats:
    """Return by how much `value` is outside ±`limit`, 0 inside."""
    return value - np.clip(value, -limit, limit)


def _lead(part: OpAmps, effort: Floats) -> Floats:
    """Return by how much the inner output is ahead of the outer one: what drives the output current."""
    return part.swing * np.tanh(effort[..., part.state] / part.swing) - effort[..., part.out]


@flow.register
def _(part: OpAmps, effort: Floats, high: High) -> Floats:
    x, lead = effort[..., part.state], _lead(part, effort)
    over = beyond(x, part.clamp)
    if not part.unlimited:
        over = over + beyond(lead, part.output_limit / part.output_conductance)
    charge = part.current_limit * _steering(part, effort) - part.conductance * x - part.clamp_conductance * over
    return into_rows(charge, part.output_conductance * lead)


@blocks.register
def _(part: OpAmps, high: High) -> tuple[Block, ...]:
    limited = () if part.unlimited else (diagonal(part.state, part.out),)
    return (
        diagonal(part.state, part.plus),
        diagonal(part.state, part.minus),
        diagonal(part.state, part.state),
        diagonal(part.out, part.state),
        diagonal(part.out, part.out, Order.CONSTANT),
        *limited,
    )


@partials.register
def _(part: OpAmps, effort: Floats, high: High) -> tuple[Floats, ...]:
    x = effort[..., part.state]
    gain = part.transconductance * (1.0 - _steering(part, effort) ** 2)
    leak = part.conductance + np.where(np.abs(x) > part.clamp, part.clamp_conductance, 0.0)
    slope, half = 1.0 - np.tanh(x / part.swing) ** 2, 0.5 * part.common_mode
    limited: tuple[Floats, ...] = ()
    if not part.unlimited:
        over = np.abs(_lead(part, effort)) > part.output_limit / part.output_conductance
        taken = np.where(over, part.clamp_conductance, 0.0)
        leak, limited = leak + taken * slope, (taken,)
    return (
        gain * (1.0 + half),
        -gain * (1.0 - half),
        -leak,
        part.output_conductance * slope,
        -part.output_conductance,
        *limited,
    )
