"""Algebraic unknowns that are solved together, and the evaluation of flows and partial derivatives of parts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import scipy

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.pattern import Pattern, Scatter
from lstm_analog.errors import SimulationError, explain
from lstm_analog.expressions import Call, make
from lstm_analog.network.laws import Block, BlockForm, High, Order, blocks, flow_into, partials, partials_into, rows
from lstm_analog.network.parts import Part

if TYPE_CHECKING:
    from scipy.sparse.linalg import SuperLU

_NEWTON_STEPS = 50
"""Newton steps at the junctions before the run stops with a `SimulationError`."""
_NEWTON_TOLERANCE = 1e-13
"""Newton step, relative to the largest effort, at which junctions are solved; larger: fewer steps, less accurate."""
_HALVINGS = 30
"""Halvings of a Newton step, after which it is taken although the residual does not fall."""
_FALL = 0.1
"""Share of the predicted fall of the residual that a Newton step must reach (Armijo 1966); larger: shorter steps."""
_ROUNDING = 1e-9
"""Newton step, relative to the largest effort, below which the residual need not fall, for it is rounding."""
_COLUMNS = 64
"""Columns of a sparse right-hand side that are solved for at once; larger: more memory, fewer calls of SuperLU."""
_SHAPES = 4
"""Sizes of batches for which calls and their arrays are kept; larger: more memory, fewer bindings."""
_ROOM = 2**24
"""Bytes of an array of flows or of partial derivatives up to which it is kept; larger: more memory, fewer bindings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bound:
    """The `calls` that compute `values` (batch, k) from `effort` (batch, unknowns), two arrays of their own."""

    effort: Floats
    values: Floats
    calls: tuple[Call, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RowInflow:
    """The summed flow into some rows: `parts`, the elements that feed them; `scatter` adds up their flows."""

    parts: tuple[Part, ...]
    high: High
    scatter: Scatter
    _bound: dict[tuple[int, ...], _Bound] = field(default_factory=dict, init=False)

    def flows(self, effort: Floats) -> Floats:
        """Return the summed flow into each row at `effort` (batch, unknowns), (batch, rows)."""
        return self.scatter(_evaluate(self._bound, effort, self._bind))

    def _bind(self, shape: tuple[int, ...]) -> _Bound:
        effort, sizes = np.zeros(shape), [rows(part).shape for part in self.parts]
        values, outs = _side_by_side(shape[0], sizes)
        each = zip(self.parts, outs, strict=True)
        calls = tuple(call for part, out in each for call in flow_into(part, effort, self.high, out))
        return _Bound(effort=effort, values=values, calls=calls)


@dataclass(frozen=True, kw_only=True, eq=False)
class Partials:
    """All partial derivatives d flow / d effort of some parts in one row; a `Pattern` makes a matrix of them."""

    parts: tuple[Part, ...]
    high: High
    _bound: dict[tuple[int, ...], _Bound] = field(default_factory=dict, init=False)

    def __call__(self, effort: Floats) -> Floats:
        """Return the flat partial derivatives at `effort` (batch, unknowns), (batch, entries).

        The next call overwrites them.
        """
        return _evaluate(self._bound, effort, self._bind)

    def _bind(self, shape: tuple[int, ...]) -> _Bound:
        """Return the calls of the partials that vary; those that are constant are computed here, once."""
        effort, calls = np.zeros(shape), list[Call]()
        found = [blocks(part, self.high) for part in self.parts]
        values, outs = _side_by_side(shape[0], [_entries(block) for some in found for block in some])
        for part, some in zip(self.parts, found, strict=True):
            own, outs = outs[: len(some)], outs[len(some) :]
            moving = {number: own[number] for number, block in enumerate(some) if block.order is not Order.CONSTANT}
            calls += partials_into(part, effort, self.high, moving) if moving else ()
            if len(moving) < len(some):
                for out, value in zip(own, partials(part, effort, self.high), strict=True):
                    out[...] = value
        return _Bound(effort=effort, values=values, calls=tuple(calls))


def _evaluate(
    known: dict[tuple[int, ...], _Bound], effort: Floats, bind: Callable[[tuple[int, ...]], _Bound]
) -> Floats:
    """Return the values at `effort`; the next call overwrites them.

    `bind` makes the calls for a shape of efforts; for a few shapes they are kept in `known`.
    """
    bound = known.get(effort.shape)
    if bound is None:
        bound = bind(effort.shape)
        if bound.values.nbytes <= _ROOM:
            if len(known) >= _SHAPES:
                known.clear()
            known[effort.shape] = bound
    np.copyto(bound.effort, effort)
    make(bound.calls)
    return bound.values


def _side_by_side(batch: int, shapes: list[tuple[int, ...]]) -> tuple[Floats, list[Floats]]:
    """Return a zero array (`batch`, total) for arrays of such `shapes`, and the view (batch, *shape) of each."""
    ends = np.cumsum([0, *(prod(shape) for shape in shapes)]).tolist()
    values = np.zeros((batch, ends[-1]))
    spans = zip(ends, ends[1:], shapes, strict=False)
    return values, [values[:, start:end].reshape(batch, *shape) for start, end, shape in spans]


def _entries(block: Block) -> tuple[int, ...]:
    """Return the shape of the partials of `block`."""
    return (block.rows.size, block.columns.size) if block.form is BlockForm.DENSE else (block.rows.size,)


def not_finite(name: str) -> SimulationError:
    """Return the error of a law whose flow into the unknown `name`, or a derivative of it, is infinite or no number."""
    must = "be finite with its derivatives where a run begins: at zero, and at what sources impose"
    do = "bound the law there, as by maximum or clip of lstm_analog.expressions"
    return SimulationError(explain(f"flow into {name}", must=must, got="inf or nan", do=do))


def factors(matrix: "scipy.sparse.csc_array") -> "SuperLU":
    """Return the LU factors of `matrix`, or raise `SimulationError` if it is singular."""
    from scipy.sparse.linalg import splu

    try:
        return splu(matrix)
    except RuntimeError as error:
        must, do = "determine every unknown", "tie each junction to something that holds it, in every phase"
        raise SimulationError(explain("the network", must=must, got=f"a matrix: {error}", do=do)) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class AlgebraicStage:
    """Algebraic unknowns solved together, `nodes` (k,), by Newton's method on the flows into them.

    `inflow` are these flows; `pattern` makes their Jacobian of the `partials`, `inverse` is that of a constant one.
    Where the flows are `affine` in the own efforts, one step is exact. Pseudo-transient continuation, by which
    operating points are found, takes two to three times as many steps here (diodes), and 16 where one is enough.
    """

    nodes: Indices
    inflow: RowInflow
    partials: Partials
    pattern: Pattern
    affine: bool
    inverse: "scipy.sparse.csr_array | Floats | None"

    def solve(self, effort: Floats) -> None:
        """Set the stage's efforts in `effort` (batch, unknowns) so that its flows vanish.

        Raises `SimulationError` if Newton's method does not converge.
        """
        if self.inverse is not None:
            effort[:, self.nodes] -= (self.inverse @ self.inflow.flows(effort).T).T
            return
        flows = self.inflow.flows(effort)
        for _ in range(_NEWTON_STEPS):
            values = self.partials(effort)
            step = self._step(flows, values)
            # small efforts of a stage may be differences of large ones, and are known to their rounding
            small = _NEWTON_TOLERANCE * max(1.0, float(np.abs(effort).max()))
            if self.affine or np.abs(step).max() <= small:
                effort[:, self.nodes] -= step
                return
            flows = self._damped_step(effort, flows, step, values)
        got, do = f"a last step of {np.abs(step).max():.3g}", "check the parts around these nodes"
        raise SimulationError(explain("Newton's method at the junctions", must="converge", got=got, do=do))

    def _step(self, flows: Floats, values: Floats) -> Floats:
        if self.pattern.diagonal:
            return flows / self.pattern.scatter(values)
        step: Floats = factors(self.pattern.fill(values)).solve(flows.ravel()).reshape(flows.shape)
        return step

    def _damped_step(self, effort: Floats, flows: Floats, step: Floats, values: Floats) -> Floats:
        """Move `effort` by as much of the Newton `step` as reduces the residual, and return the flows there.

        A step is halved while the residual does not fall enough (Armijo 1966): for each unknown alone if the Jacobian
        is diagonal, else for each entry of the batch. The residual is the flows over the diagonal of the Jacobian, made
        of the partial `values`. A step as small as rounding is taken whole.
        """
        start = effort[:, self.nodes].copy()
        own = np.ones_like(flows) if self.pattern.diagonal else self._diagonal(values, flows.shape)
        before, rounding = self._residual(flows / own), _ROUNDING * max(1.0, float(np.abs(effort).max()))
        part = np.ones_like(before)
        for _ in range(_HALVINGS):
            effort[:, self.nodes] = start - part * step
            after = self.inflow.flows(effort)
            worse = (self._residual(after / own) > (1.0 - _FALL * part) * before) & (np.abs(part * step) > rounding)
            if not worse.any():
                break
            part = np.where(worse if self.pattern.diagonal else worse.any(axis=1, keepdims=True), 0.5 * part, part)
        return after

    def _residual(self, flows: Floats) -> Floats:
        """Return the size of `flows` (batch, k): of each if the Jacobian is diagonal, else the largest, (batch, 1)."""
        size = np.abs(flows)
        return size if self.pattern.diagonal else size.max(axis=1, keepdims=True)

    def _diagonal(self, values: Floats, shape: tuple[int, ...]) -> Floats:
        own = np.abs(self.pattern.fill(values).diagonal()).reshape(shape)
        return np.where(own > 0.0, own, 1.0)


def solve_sparse(matrix: "scipy.sparse.csc_array", right: "scipy.sparse.csc_array") -> "scipy.sparse.csc_array":
    """Return `matrix`^-1 `right` as a sparse matrix; columns of `right` that are not zero are solved in blocks."""
    factorised, columns = factors(matrix), np.flatnonzero(np.diff(right.indptr))
    pieces = [
        scipy.sparse.csc_array(factorised.solve(right[:, columns[k : k + _COLUMNS]].toarray()))
        for k in range(0, columns.size, _COLUMNS)
    ]
    if not pieces:
        return right
    place = scipy.sparse.csr_array(
        (np.ones(columns.size), (np.arange(columns.size), columns)), (columns.size, right.shape[1])
    )
    return scipy.sparse.csc_array(scipy.sparse.hstack(pieces) @ place)
