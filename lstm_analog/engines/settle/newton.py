"""Components that need Newton's method: loops of several unknowns, flows that are not linear in the own effort.

All components of a stage are solved at once, each with its small dense Jacobian, from the partial derivatives of the
laws. Where plain Newton steps do not arrive, steps of pseudo-transient continuation do (Kelley and Keyes 1998): each
unknown is held back by a conductance that fades.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.settle.stages import ComponentStage
from lstm_analog.errors import SimulationError, UnsupportedError, explain
from lstm_analog.expressions import Call
from lstm_analog.network.chips import beside_batches
from lstm_analog.network.laws import BlockForm, High, blocks, flow, partials, rows, take
from lstm_analog.network.parts import Part

_STEPS = 12
"""Plain Newton steps before steps with a drag (pseudo-transient continuation) are tried instead."""
_DRAGGED_STEPS = 400
"""Steps with a drag before the loop is refused with a `SimulationError`."""
_TOLERANCE = 1e-12
"""Last Newton step, relative to the largest effort, at which a loop is solved; the error left is its square."""
_DRAG_RATIO = 4.0
"""Factor by which the drag falls after a small step and grows after a large one; larger: fewer steps, less robust."""
_NO_DRAG = 1e-9
"""Drag, relative to an unknown's own conductance, below which a step is a plain one; its inverse is the largest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Share:
    """The elements `part` of a bank that feed the components; where in (p, n) their flows and partials go.

    `rows` (terminals, m) and `entries`, a pair (block, places (m,)) each, count flat; the end takes what is left over.
    """

    part: Part
    rows: Indices
    entries: tuple[tuple[int, Indices], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Loop:
    nodes: Indices
    high: High
    shares: tuple[_Share, ...]

    def residual(self, effort: Floats) -> Floats:
        """Return the flows into the nodes at `effort` (..., unknowns), (..., n, p)."""
        unknowns, count = self.nodes.shape
        total = np.zeros((*effort.shape[:-1], unknowns * count + 1))
        for share in self.shares:
            into = flow(share.part, effort, self.high)
            for terminal, places in enumerate(share.rows):
                _add(total, places, into[..., terminal, :])
        return np.swapaxes(total[..., :-1].reshape(*effort.shape[:-1], unknowns, count), -1, -2)

    def jacobian(self, effort: Floats) -> Floats:
        """Return d residual / d own efforts at `effort` (..., unknowns), (..., n, p, p)."""
        unknowns, count = self.nodes.shape
        total = np.zeros((*effort.shape[:-1], count * unknowns * unknowns + 1))
        for share in self.shares:
            values = partials(share.part, effort, self.high)
            for block, places in share.entries:
                _add(total, places, values[block])
        return total[..., :-1].reshape(*effort.shape[:-1], count, unknowns, unknowns)


def _add(total: Floats, places: Indices, values: Floats) -> None:
    """Add `values` (..., m) into `total` at `places` (m,), which may repeat."""
    wide = np.broadcast_to(values, (*total.shape[:-1], places.size))
    np.add.at(np.moveaxis(total, -1, 0), places, np.moveaxis(wide, -1, 0))


def newton(stage: ComponentStage, efforts: Array) -> Call:
    """Return the call that solves the components of `stage` in `efforts` (..., unknowns, batch)."""
    return partial(_solve, _loop(stage, efforts.shape[-2]), efforts)


def slowest(stage: ComponentStage, capacity: Floats) -> float:
    """Return the slowest rate (1/s) at which a loop of `stage` settles near rest; infinite if nothing is stored there.

    `capacity` (..., unknowns) is what each unknown stores; unknowns without are eliminated.
    """
    store = capacity[..., stage.nodes.T]
    stored = (store > 0).reshape(-1, stage.nodes.shape[0]).all(axis=0)
    if not stored.any():
        return np.inf
    loop, still = _loop(stage, capacity.shape[-1]), np.zeros((1, capacity.shape[-1]))
    lead = np.broadcast_shapes(*(flow(share.part, still, loop.high).shape[:-2] for share in loop.shares))
    matrix = loop.jacobian(np.broadcast_to(still, (*lead, still.shape[-1])))
    rest = ~stored
    blocks_ = [matrix[..., rows_, :][..., columns] for rows_ in (stored, rest) for columns in (stored, rest)]
    reduced = blocks_[0] - blocks_[1] @ np.linalg.solve(blocks_[3], blocks_[2])
    rates = np.linalg.eigvals(reduced / np.expand_dims(store[..., stored], -1 - stage.nodes.ndim)[..., None])
    return float(-rates.real.max())


def _loop(stage: ComponentStage, size: int) -> _Loop:
    names = {id(feed.part): feed for feed in stage.feeds}
    place = np.full(size, -1)
    place[stage.nodes.ravel()] = np.arange(stage.nodes.size)
    shares = tuple(_share(feed.part, feed.high, place, stage.nodes.shape) for feed in names.values())
    return _Loop(nodes=stage.nodes, high=stage.feeds[0].high, shares=shares)


def _share(part: Part, high: High, place: Indices, shape: tuple[int, ...]) -> _Share:
    inside = place[rows(part)]
    chosen = np.flatnonzero((inside >= 0).any(axis=0))
    taken = take(part, chosen)
    end = shape[0] * shape[1]
    entries = []
    for number, block in enumerate(blocks(taken, high)):
        row, column = place[block.rows], place[block.columns]
        if block.form is BlockForm.DENSE:
            _refuse_dense(part, row, column, shape[1])
            continue
        own = (row >= 0) & (column >= 0) & (row % shape[1] == column % shape[1])
        at = ((row % shape[1]) * shape[0] + row // shape[1]) * shape[0] + column // shape[1]
        entries.append((number, np.where(own, at, end * shape[0])))
    fed = np.where(inside[:, chosen] >= 0, inside[:, chosen], end)
    return _Share(part=beside_batches(taken), rows=fed, entries=tuple(entries))


def _refuse_dense(part: Part, row: Indices, column: Indices, count: int) -> None:
    if np.isin(row[row >= 0] % count, column[column >= 0] % count).any():
        do = "put a storage into the loop, or run it with Waveform"
        raise UnsupportedError(explain(f"bank {part.label}", must="stand in no loop", got="one", do=do))


def _solve(loop: _Loop, efforts: Array) -> None:
    effort = np.swapaxes(efforts, -1, -2).astype(np.float64)
    start = effort[..., loop.nodes.T].copy()
    if not _descend(loop, effort, 0.0, _STEPS):
        effort[..., loop.nodes.T] = start
        if not _descend(loop, effort, 1.0, _DRAGGED_STEPS):
            do = "run it with Waveform"
            raise SimulationError(explain("Newton's method in a loop", must="converge", got="no fixed point", do=do))
    efforts[..., loop.nodes.ravel(), :] = np.swapaxes(effort[..., loop.nodes.ravel()], -1, -2)


def _descend(loop: _Loop, effort: Floats, drag: float, steps: int) -> bool:
    """Move the loop's efforts in `effort` to the fixed point; return whether they arrived within `steps`.

    `drag` is what holds each unknown back, in units of its own conductance; it fades as the moves get small.
    """
    diagonal = np.arange(loop.nodes.shape[0])
    for _ in range(steps):
        matrix, flows = loop.jacobian(effort), loop.residual(effort)
        matrix[..., diagonal, diagonal] *= 1.0 + drag
        try:
            step = np.linalg.solve(matrix, -flows[..., None])[..., 0]
        except np.linalg.LinAlgError as error:
            must, do = "determine every unknown", "tie each loop to something that holds it, in every phase"
            raise SimulationError(explain("the network", must=must, got=f"a matrix: {error}", do=do)) from error
        effort[..., loop.nodes.T] += step
        size, moved = max(1.0, float(np.abs(effort).max())), float(np.abs(step).max())
        if moved <= _TOLERANCE * size and drag < _NO_DRAG:
            return True
        drag = drag / _DRAG_RATIO if moved < size else min(drag * _DRAG_RATIO, 1.0 / _NO_DRAG)
    return False
