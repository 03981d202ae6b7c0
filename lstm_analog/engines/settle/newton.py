"""Solves components by Newton's method: loops of several unknowns, and flows not linear in their own effort.

All n components of a stage are solved at once, each with its dense p x p Jacobian, from the partial derivatives of the
laws. Where plain Newton steps do not converge, pseudo-transient continuation is tried (Kelley and Keyes 1998): each
unknown is held back by an additional conductance, the drag, which is reduced as the steps get small.
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
class _LoopBank:
    """The m elements of a bank that feed the components, as `part`, and where their flows and partials are added.

    `rows` (terminals, m) are places in the flat (p, n) residual. `entries` are pairs: the number of a block of
    partials, and the places (m,) of its entries in the flat (n, p, p) Jacobian. What belongs to no component goes to an
    additional last place.
    """

    part: Part
    rows: Indices
    entries: tuple[tuple[int, Indices], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Loop:
    """The equations of n components of p unknowns each, `nodes` (p, n), fed by the `banks`, with clock lines `high`."""

    nodes: Indices
    high: High
    banks: tuple[_LoopBank, ...]

    def residual(self, effort: Floats) -> Floats:
        """Return the flows into the nodes at `effort` (..., unknowns), (..., n, p); zero at the fixed point."""
        unknowns, count = self.nodes.shape
        total = np.zeros((*effort.shape[:-1], unknowns * count + 1))
        for bank in self.banks:
            into = flow(bank.part, effort, self.high)
            for terminal, places in enumerate(bank.rows):
                _add(total, places, into[..., terminal, :])
        return np.swapaxes(total[..., :-1].reshape(*effort.shape[:-1], unknowns, count), -1, -2)

    def jacobian(self, effort: Floats) -> Floats:
        """Return d residual / d own efforts at `effort` (..., unknowns), (..., n, p, p)."""
        unknowns, count = self.nodes.shape
        total = np.zeros((*effort.shape[:-1], count * unknowns * unknowns + 1))
        for bank in self.banks:
            values = partials(bank.part, effort, self.high)
            for block, places in bank.entries:
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
    """Return the rate (1/s) of the slowest mode of the loops of `stage` near rest, infinite for loops without storage.

    It is negative if a loop runs away. `capacity` (..., unknowns) is 0 at unknowns without storage, which are
    eliminated.
    """
    store = capacity[..., stage.nodes.T]
    stored = (store > 0).reshape(-1, stage.nodes.shape[0]).all(axis=0)
    if not stored.any():
        return np.inf
    loop, still = _loop(stage, capacity.shape[-1]), np.zeros((1, capacity.shape[-1]))
    lead = np.broadcast_shapes(*(flow(bank.part, still, loop.high).shape[:-2] for bank in loop.banks))
    matrix = loop.jacobian(np.broadcast_to(still, (*lead, still.shape[-1])))
    rest = ~stored
    blocks_ = [matrix[..., rows_, :][..., columns] for rows_ in (stored, rest) for columns in (stored, rest)]
    reduced = blocks_[0] - blocks_[1] @ np.linalg.solve(blocks_[3], blocks_[2])
    rates = np.linalg.eigvals(reduced / np.expand_dims(store[..., stored], -1 - stage.nodes.ndim)[..., None])
    return float(-rates.real.max())


def _loop(stage: ComponentStage, size: int) -> _Loop:
    """Return the equations of the components of `stage` in a network of `size` unknowns."""
    names = {id(feed.part): feed for feed in stage.feeds}
    place = np.full(size, -1)
    place[stage.nodes.ravel()] = np.arange(stage.nodes.size)
    banks = tuple(_loop_bank(feed.part, feed.high, place, stage.nodes.shape) for feed in names.values())
    return _Loop(nodes=stage.nodes, high=stage.feeds[0].high, banks=banks)


def _loop_bank(part: Part, high: High, place: Indices, shape: tuple[int, ...]) -> _LoopBank:
    """Return the elements of `part` that feed a loop of `shape` (p, n); `place` (unknowns,) is flat in it, else -1."""
    inside = place[rows(part)]
    chosen = np.flatnonzero((inside >= 0).any(axis=0))
    feeding = take(part, chosen)
    end = shape[0] * shape[1]
    entries = []
    for number, block in enumerate(blocks(feeding, high)):
        row, column = place[block.rows], place[block.columns]
        if block.form is BlockForm.DENSE:
            _refuse_dense(part, row, column, shape[1])
            continue
        own = (row >= 0) & (column >= 0) & (row % shape[1] == column % shape[1])
        at = ((row % shape[1]) * shape[0] + row // shape[1]) * shape[0] + column // shape[1]
        entries.append((number, np.where(own, at, end * shape[0])))
    fed = np.where(inside[:, chosen] >= 0, inside[:, chosen], end)
    return _LoopBank(part=beside_batches(feeding), rows=fed, entries=tuple(entries))


def _refuse_dense(part: Part, row: Indices, column: Indices, count: int) -> None:
    """Raise `UnsupportedError` if a dense block of `part` leads from one of the `count` components back into it."""
    if np.isin(row[row >= 0] % count, column[column >= 0] % count).any():
        do = "put a storage into the loop, or run it with Waveform"
        raise UnsupportedError(explain(f"bank {part.label}", must="stand in no loop", got="one", do=do))


def _solve(loop: _Loop, efforts: Array) -> None:
    """Set the nodes of `loop` in `efforts` (..., unknowns, batch) to their fixed point, first without a drag."""
    effort = np.swapaxes(efforts, -1, -2).astype(np.float64)
    start = effort[..., loop.nodes.T].copy()
    if not _descend(loop, effort, 0.0, _STEPS):
        effort[..., loop.nodes.T] = start
        if not _descend(loop, effort, 1.0, _DRAGGED_STEPS):
            do = "run it with Waveform"
            raise SimulationError(explain("Newton's method in a loop", must="converge", got="no fixed point", do=do))
    efforts[..., loop.nodes.ravel(), :] = np.swapaxes(effort[..., loop.nodes.ravel()], -1, -2)


def _descend(loop: _Loop, effort: Floats, drag: float, steps: int) -> bool:
    """Move the efforts of `loop` in `effort` (..., unknowns) to the fixed point; return whether `steps` sufficed.

    `drag` is the additional conductance that holds each unknown back, in units of its own; it falls while steps are
    small, and grows after a large one.
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
