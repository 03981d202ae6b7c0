"""The equations of a network in one clock phase, derived from the laws of its parts.

Every unknown is imposed, algebraic (followers, junctions) or dynamic (storages, internal states). `complete` computes
the algebraic ones from the others, stage by stage. At a completed effort `rates` gives d(dynamic)/dt, and `jacobian`
its derivative with the algebraic unknowns eliminated.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.pattern import Pattern, block_columns, block_rows, pattern, positions, scatter, small
from lstm_analog.engines.phase.couplings import fed_rows
from lstm_analog.engines.phase.graph import generations
from lstm_analog.engines.stage import AlgebraicStage, Partials, RowInflow, solve_sparse
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Block, BlockForm, High, Kind, Order, blocks, capacity, take
from lstm_analog.network.parts import Part


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """The equations of a network with the clock lines `high`; efforts are (batch, unknowns) arrays.

    `dynamic` (n,) are the unknowns with a rate, which is `inflow` over `capacity` (n,). `stages` solve the `algebraic`
    ones, in order. `ya` makes the matrix d(flow into dynamic rows) / d(algebraic efforts) of the `partials`, and so on.
    """

    network: Network
    high: High
    dynamic: Indices
    algebraic: Indices
    capacity: Floats
    stages: tuple[AlgebraicStage, ...]
    inflow: RowInflow
    partials: Partials
    yy: Pattern
    ya: Pattern
    ay: Pattern
    aa: Pattern

    def complete(self, effort: Floats) -> None:
        """Set the algebraic unknowns of `effort` (batch, unknowns) from the imposed and dynamic ones."""
        for stage in self.stages:
            stage.solve(effort)

    def rates(self, effort: Floats) -> Floats:
        """Return d(dynamic)/dt at a completed `effort`, shape (batch, dynamic), effort unit per second."""
        return self.inflow.flows(effort) / self.capacity

    def jacobian(self, effort: Floats) -> "scipy.sparse.csc_array":
        """Return d rates / d dynamic at a completed `effort`, block diagonal over the batch.

        The algebraic unknowns a are eliminated: J = F_yy - F_ya F_aa^-1 F_ay, rows divided by the capacity.
        """
        values = self.partials(effort)
        reduced = self.yy.fill(values)
        if self.stages:
            reduced = reduced - self.ya.fill(values) @ self._eliminated(values)
        inverse = scipy.sparse.diags_array(1.0 / np.tile(self.capacity, len(effort)))
        return scipy.sparse.csc_array(inverse @ reduced)

    def _eliminated(self, values: Floats) -> "scipy.sparse.csc_array":
        """Return F_aa^-1 F_ay as a sparse matrix.

        If the Jacobian of every stage is diagonal, F_aa = D + N, where N leads from one stage to the next and is
        nilpotent: one iteration a stage of X <- D^-1 (F_ay - N X) is exact.
        """
        matrix, right = self.aa.fill(values), self.ay.fill(values)
        if not all(stage.pattern.diagonal for stage in self.stages):
            return solve_sparse(matrix, right)
        own = scipy.sparse.diags_array(1.0 / matrix.diagonal())
        rest = matrix - scipy.sparse.diags_array(matrix.diagonal())
        result = own @ right
        for _ in self.stages[1:]:
            result = own @ (right - rest @ result)
        return scipy.sparse.csc_array(result)


def system(network: Network, high: High) -> System:
    """Return the equations of `network` with the clock lines `high`.

    Raises
    ------
    InvalidShapeError
        If a part carries chip axes: these belong to the engines that batch over chips.
    """
    check_one_chip(network)
    kinds = network.kinds()
    algebraic = np.concatenate([kinds[Kind.FOLLOWED], kinds[Kind.BALANCED]])
    found = [capacity(part) for part in network.parts]
    dynamic = np.concatenate([nodes for nodes, _ in found])
    size = network.unknowns.size
    fed = [fed_rows(network, kinds, part) for part in network.parts]
    couplings = [block for part, row in zip(network.parts, fed, strict=True) for block in _fed_blocks(part, high, row)]
    partial_values = Partials(parts=network.parts, high=high)
    at_y, at_a = positions(size, dynamic), positions(size, algebraic)
    return System(
        network=network,
        high=high,
        dynamic=dynamic,
        algebraic=algebraic,
        capacity=np.concatenate([amount for _, amount in found]),
        stages=tuple(_stage(network, fed, high, nodes) for nodes in generations(couplings, algebraic, size)),
        inflow=_row_inflow(network, fed, high, dynamic),
        partials=partial_values,
        yy=_pattern(couplings, at_y, at_y),
        ya=_pattern(couplings, at_y, at_a),
        ay=_pattern(couplings, at_a, at_y),
        aa=_pattern(couplings, at_a, at_a),
    )


def _fed_blocks(part: Part, high: High, fed: Indices) -> list[Block]:
    """Return the blocks of `part`, with -1 in place of rows that are not in `fed`: flows that no unknown takes."""
    taking = np.unique(fed)
    return [replace(each, rows=np.where(np.isin(each.rows, taking), each.rows, -1)) for each in blocks(part, high)]


def _row_inflow(network: Network, fed: list[Indices], high: High, nodes: Indices) -> RowInflow:
    """Return the inflow of `nodes`; `fed` are the rows of each part, (terminals, elements), -1 where none takes it."""
    place = positions(network.unknowns.size, nodes)
    parts, targets = [], []
    for part, row in zip(network.parts, fed, strict=True):
        inside = np.where(row >= 0, place[row], -1)
        elements = np.flatnonzero((inside >= 0).any(axis=0))
        if elements.size:
            parts.append(part if elements.size == row.shape[1] else take(part, elements))
            targets.append(inside[:, elements].ravel())
    joined = np.concatenate([np.empty(0, np.int64), *targets])
    return RowInflow(parts=tuple(parts), high=high, scatter=scatter(joined, nodes.size))


def _pattern(couplings: list[Block], row_place: Indices, column_place: Indices) -> Pattern:
    """Return the pattern of `couplings` in a matrix with the unknowns at these places (unknowns,), -1 for outside."""
    shape = (int(row_place.max(initial=-1)) + 1, int(column_place.max(initial=-1)) + 1)
    none = [np.empty(0, np.int64)]
    entry_rows = np.concatenate(none + [block_rows(block) for block in couplings])
    columns = np.concatenate(none + [block_columns(block) for block in couplings])
    inside = np.where(entry_rows >= 0, row_place[entry_rows], -1)
    return pattern(inside, column_place[columns], shape)


def _stage(network: Network, fed: list[Indices], high: High, nodes: Indices) -> AlgebraicStage:
    inflow = _row_inflow(network, fed, high, nodes)
    place = positions(network.unknowns.size, nodes)
    kinds = network.kinds()
    couplings = [block for part in inflow.parts for block in _fed_blocks(part, high, fed_rows(network, kinds, part))]
    partial_values, own = Partials(parts=inflow.parts, high=high), _pattern(couplings, place, place)
    orders = {block.order for block in couplings if _touches(block, place)}
    inverse = None
    if orders == {Order.CONSTANT}:
        matrix = own.fill(partial_values(np.zeros((1, network.unknowns.size))))
        unit = scipy.sparse.csc_array(scipy.sparse.eye_array(nodes.size))
        inverse = small(scipy.sparse.csr_array(solve_sparse(matrix, unit)))
    affine = Order.NONLINEAR not in orders
    return AlgebraicStage(
        nodes=nodes, inflow=inflow, partials=partial_values, pattern=own, affine=affine, inverse=inverse
    )


def _touches(block: Block, place: Indices) -> bool:
    """Return whether `block` couples unknowns that both have a `place` (unknowns,), -1 being none."""
    inside_rows, inside_columns = (block.rows >= 0) & (place[block.rows] >= 0), place[block.columns] >= 0
    if block.form is BlockForm.DENSE:
        return bool(inside_rows.any() and inside_columns.any())
    return bool((inside_rows & inside_columns).any())
