"""Turns a stage into a list of numpy calls with their arrays bound; a run makes these calls and decides nothing.

Efforts are (..., unknowns, batch), chips leading. Every call writes into an array that was allocated for it.
"""

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.engines.settle.buffers import Buffers, Matrices
from lstm_analog.engines.settle.feeds import Feed, Way
from lstm_analog.engines.settle.newton import newton
from lstm_analog.engines.settle.stages import ComponentStage, Mode
from lstm_analog.expressions import Call, sigmoid
from lstm_analog.network.parts import DATUM, Pairs, Ports, law
from lstm_analog.network.parts.ports import CONTROL, opened
from lstm_analog.network.shapes import Shape

_SPLIT = sigmoid(2.0 * CONTROL)
"""Share of the upper one in the total conductance of two exponential ports that open against each other."""
_ORDER = (Way.DENSE, Way.PRODUCT, Way.DIAGONAL, Way.CONSTANT)
"""Order in which feeds are added: a matrix product comes first, since the first is written in place, not added."""
_LARGE = 2**17
"""Entries up to which a matrix is copied with its weights multiplied in; larger: more memory, fewer products a step."""


def calls(stage: ComponentStage, efforts: Array, matrices: Matrices) -> tuple[Call, ...]:
    """Return the calls that set the nodes of `stage` in `efforts` (..., unknowns, batch).

    `matrices` are those that the stages of the run share.
    """
    buffers = Buffers(efforts=efforts, matrices=matrices)
    if stage.mode is Mode.NEWTON:
        return (newton(stage, efforts),)
    nodes = stage.nodes[0]
    view = buffers.view(nodes)
    target = buffers.room(nodes.size) if view is None else view
    if stage.mode is Mode.COPY:
        buffers.call(np.copyto, target, buffers.read(stage.inputs))
    elif stage.mode is Mode.LEVEL:
        _level(buffers, stage.feeds, target)
    else:
        if view is None:
            buffers.call(np.take, efforts, nodes, -2, target, "clip")
        _advance(buffers, stage, target)
    if view is None:
        buffers.call(efforts.__setitem__, (..., nodes, slice(None)), target)
    return tuple(buffers.calls)


def _own(feed: Feed) -> bool:
    """Return whether `feed` is a coefficient of each row's own effort."""
    return feed.way is Way.DIAGONAL and bool((feed.columns == feed.rows).all())


def _from_datum(feed: Feed) -> bool:
    """Return whether `feed` is a coefficient of the datum, which is zero."""
    return feed.way is Way.DIAGONAL and bool((feed.columns == DATUM).all())


def _own_conductance(feeds: tuple[Feed, ...]) -> Floats:
    """Return the constant part of the nodes' own conductance, -d flow / d own effort, (..., n)."""
    total: Floats = np.zeros(feeds[0].rows.size)
    for feed in feeds:
        if _own(feed) and feed.values is not None:
            total = total - feed.values
    return total


def _level(buffers: Buffers, feeds: tuple[Feed, ...], target: Array) -> None:
    """Write e = inflow / conductance to `target`."""
    conductance, ports = _own_conductance(feeds), [feed for feed in feeds if feed.way is Way.CONTROLLED]
    if not ports:
        _inflow(buffers, feeds, 1.0 / conductance, target)
    elif not conductance.any() and len(ports) == 2 and len(feeds) == 2 and _opposed(*feeds):
        _bridge(buffers, *feeds, target)
    else:
        total = _flow_and_conductance(buffers, feeds, conductance, np.ones_like(conductance), target)
        buffers.call(np.divide, target, total, target)


def _flow_and_conductance(
    buffers: Buffers, feeds: tuple[Feed, ...], constant: Floats, weight: Floats, target: Array
) -> Array:
    """Write the inflow at own effort zero to `target` and return the own conductance, both times `weight` (..., n).

    `constant` (..., n) is the part of the conductance that nothing controls; the ports add theirs.
    """
    _inflow(buffers, feeds, weight, target)
    total, product = buffers.room(constant.shape[-1]), buffers.room(constant.shape[-1])
    buffers.call(np.copyto, total, buffers.number(constant * weight))
    for feed in feeds:
        if isinstance(feed.part, Ports) and feed.way is Way.CONTROLLED:
            opened = _conductance(buffers, feed.part, weight)
            buffers.call(np.add, total, opened, total)
            buffers.call(np.multiply, opened, buffers.read(feed.columns), product)
            buffers.call(np.add, target, product, target)
    return total


def _advance(buffers: Buffers, stage: ComponentStage, target: Array) -> None:
    """Advance slow storages e in `target` by the time T of the phase, as if their inflow stood still.

    e <- e exp(-aT) + inflow/C T phi(aT) with phi(u) = (1 - exp(-u))/u, and a the own conductance over C.
    """
    conductance, inflow = _own_conductance(stage.feeds), buffers.room(stage.nodes.size)
    if any(feed.way is Way.CONTROLLED for feed in stage.feeds):
        moved, filled = (
            _flow_and_conductance(buffers, stage.feeds, conductance, stage.pace, inflow),
            buffers.room(conductance.shape[-1]),
        )
        buffers.call(_filling, moved, filled)
        buffers.call(np.multiply, moved, target, moved)
        buffers.call(np.subtract, inflow, moved, inflow)
        buffers.call(np.multiply, inflow, filled, inflow)
    else:
        moved = conductance * stage.pace
        filled = np.empty_like(moved)
        _filling(moved, filled)
        _inflow(buffers, stage.feeds, stage.pace * filled, inflow, folded=False)
        buffers.call(np.multiply, target, buffers.number(np.exp(-moved)), target)
    buffers.call(np.add, target, inflow, target)


def _filling(moved: Array, out: Array) -> None:
    """Write phi(u) = (1 - exp(-u))/u of u = `moved` >= 0 to `out`."""
    np.maximum(moved, np.finfo(moved.dtype).tiny, out=moved)
    np.negative(moved, out)
    np.expm1(out, out)
    np.divide(out, moved, out)
    np.negative(out, out)


def _inflow(buffers: Buffers, feeds: tuple[Feed, ...], weight: Floats, target: Array, *, folded: bool = True) -> None:
    """Write the inflow at own effort zero, without that of ports, times `weight` (..., n), to `target`.

    If `folded`, the weights are multiplied into a copy of each matrix once, so that a step costs one product. Without,
    the product is multiplied by the weights in each step, which saves a copy for each of many short phases. A large
    matrix is not copied for its weights: beside its product, multiplying by them costs nothing.
    """
    others = [feed for feed in feeds if not (_own(feed) or _from_datum(feed))]
    entering = [feed for way in _ORDER for feed in others if feed.way is way]
    for number, feed in enumerate(entering):
        part = buffers.room(target.shape[-2]) if number else target
        if feed.way is Way.DENSE and not (folded and _is_copied(buffers, feed)):
            _enter(buffers, feed, np.ones(1), part)
            buffers.call(np.multiply, part, buffers.number(weight), part)
        else:
            _enter(buffers, feed, weight, part)
        if number:
            buffers.call(np.add, target, part, target)
    if not entering:
        buffers.call(np.copyto, target, 0.0)


def _is_copied(buffers: Buffers, feed: Feed) -> bool:
    """Return whether the matrix of `feed` is copied: it is small, or its numbers have another precision."""
    return feed.values is None or feed.values.size <= _LARGE or feed.values.dtype != buffers.efforts.dtype


def _enter(buffers: Buffers, feed: Feed, weight: Floats, out: Array) -> None:
    """Write the flow of `feed` times `weight` (..., n) to `out`."""
    if isinstance(feed.part, Pairs):
        _product(buffers, feed.part, weight, out)
        return
    values: Floats = np.zeros(0) if feed.values is None else feed.values
    if feed.way is Way.DENSE:
        buffers.call(np.matmul, buffers.matrix(values, weight), buffers.side_by_side(feed.columns), out)
    elif feed.way is Way.DIAGONAL:
        buffers.scaled(buffers.read(feed.columns), values * weight, out)
    else:
        buffers.call(np.copyto, out, buffers.number(values * weight))


def _product(buffers: Buffers, part: Pairs, weight: Floats, out: Array) -> None:
    """Write `weight` times the flow of `part` to `out`."""
    buffers.law(part, law(part).into["out"], weight, out)


def _conductance(buffers: Buffers, part: Ports, weight: Floats) -> Array:
    """Return `weight` times the conductance of `part`."""
    value = buffers.room(part.p.size)
    buffers.law(part, opened(part.shape), weight, value)
    return value


def _opposed(top: Feed, bottom: Feed) -> bool:
    """Return whether two ports open exponentially against each other, so that they split as a sigmoid."""
    a, b = top.part, bottom.part
    return (
        isinstance(a, Ports)
        and isinstance(b, Ports)
        and a.shape is b.shape is Shape.EXP
        and a.free
        and b.free
        and np.array_equal(a.p, b.p)
        and np.array_equal(a.n, b.n)
        and np.array_equal(a.scale, -b.scale)
        and np.array_equal(a.offset, -b.offset)
        and np.array_equal(a.conductance, b.conductance)
    )


def _bridge(buffers: Buffers, top: Feed, bottom: Feed, target: Array) -> None:
    """Write bottom + sigmoid(2u) (top - bottom) to `target`: e^u / (e^u + e^-u) = (1 + tanh u)/2."""
    if not isinstance(top.part, Ports):
        return
    share = buffers.room(target.shape[-2])
    buffers.law(top.part, _SPLIT, np.ones(1), share)
    high, low = buffers.read(top.columns), buffers.read(bottom.columns)
    if (bottom.columns == DATUM).all():
        buffers.call(np.multiply, share, high, target)
        return
    span = buffers.room(target.shape[-2])
    buffers.call(np.subtract, high, low, span)
    buffers.call(np.multiply, span, share, span)
    buffers.call(np.add, span, low, target)
