"""A stage of `Settle` linearised at many points at once, for a reverse pass (the adjoint method: Cacuci 1981).

A settled stage solves F(e, u, p) = 0, the balances of its members, for their efforts e; u are the efforts that it reads
and p the parameters. With l the derivative of a result by e, the adjoint weights of the balances are w = -F_e^-T l, and
the result changes by w F_u du + w F_p dp.

A single storage that does not settle goes within the time T from e0 to e = e0 + de0/dt T phi(aT), where a is its
conductance over its capacity C, phi(v) = (1 - exp(-v))/v, and its inflow stands still. Its weight is a function of
time, w(t) = l exp(-a(T - t))/C. F_u and F_p are affine in its own effort, so the integral of w F_u is that of w,
l phi(aT) T/C, times F_u at the mean of its effort, weighted by w; that of w F_p likewise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, Span, numbered, span
from lstm_analog.engines.phase.wiring import Load
from lstm_analog.engines.settle.solving import filling
from lstm_analog.engines.settle.stages import OWN, ComponentStage, Mode, places_beside
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.expressions import make
from lstm_analog.network.laws import Block, BlockForm, blocks, partials

_SMALL = 1e-2
"""v = aT below which (phi(v) - exp(-v))/v is computed by its series of five terms, to 1e-13; larger: less accurate."""
_SERIES = (1 / 2, -1 / 3, 1 / 8, -1 / 30, 1 / 144)
"""The coefficients of that series, from the constant one on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JacobianBlock:
    """Some entries of F_u, d flow into members of a stage / d effort of other unknowns, at k points.

    Attributes
    ----------
    rows : slice or index array, (n,)
        The members, numbered as in `LinearStage.nodes`.
    columns : slice or index array, (n,), or (c,) if dense
        The unknowns.
    values : float array, (k or 1, n, 1, batch or 1), or (k or 1, n, c, batch or 1) if dense
        The derivatives: each row by its column, or by each of the c columns.
    dense : bool
        Whether each row is coupled to each column.
    distinct : bool
        Whether no column comes twice.
    """

    rows: Span
    columns: Span
    values: Floats
    dense: bool
    distinct: bool

    def add(self, point: int, weights: Floats, sums: Floats) -> None:
        """Add its transpose at `point` times `weights` (members, r, batch) to `sums` (unknowns, r, batch)."""
        values, given = self.values[point if len(self.values) > 1 else 0], weights[self.rows]
        if self.dense:
            found = np.einsum("ncb,nrb->crb", values, given) if values.shape[-1] > 1 else _product(values, given)
        else:
            found = values * given
        if self.distinct:
            sums[self.columns] += found
        else:
            np.add.at(sums, numbered(self.columns), found)


def _product(values: Floats, given: Floats) -> Floats:
    """Return the transpose of `values` (n, c, 1) times `given` (n, r, batch), as (c, r, batch)."""
    found: Floats = values[..., 0].T @ given.reshape(len(given), -1)
    return found.reshape(-1, *given.shape[1:])


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearStage:
    """A stage linearised at k points of a batch.

    Attributes
    ----------
    nodes : index array, (m s,)
        The unknowns that it sets: the first members of its m components, then the second, and so on.
    response : float array, (k or 1, s, s, m, 1, batch or 1)
        -F_e^-T of each component: it makes adjoint weights of derivatives by the efforts.
    kept : float array, (k or 1, m, 1, batch or 1), or None
        exp(-aT), d effort / d effort before, of storages that do not settle; None for a stage that settles.
    outer : tuple of JacobianBlock
        F_u, the derivatives by the efforts that the stage reads.
    effort : float array, (k batch, unknowns)
        The efforts at which derivatives by parameters are to be taken.
    rates : float array, (k, m, 1, batch), or None
        The mean of de/dt, weighted by w(t), of storages that do not settle; times -w it is the derivative by C, as
        their balance is flow less C de/dt.
    """

    nodes: Indices
    response: Floats
    kept: Floats | None
    outer: tuple[JacobianBlock, ...]
    effort: Floats
    rates: Floats | None

    def weigh(self, point: int, sums: Floats) -> Floats:
        """Return the adjoint weights (m s, r, batch) of the balances at `point`, and go back over the stage in `sums`.

        `sums` (unknowns, r, batch) are the derivatives of results by the efforts after the stage; they become those by
        the efforts before it.
        """
        given, response = sums[self.nodes], self.response[point if len(self.response) > 1 else 0]
        width = len(response)
        if width == 1:
            weights: Floats = response[0, 0] * given
        else:
            by_row = given.reshape(width, -1, *given.shape[1:])
            weights = (response * by_row).sum(axis=1).reshape(given.shape)
        sums[self.nodes] = 0.0 if self.kept is None else self.kept[point if len(self.kept) > 1 else 0] * given
        for each in self.outer:
            each.add(point, weights, sums)
        return weights


def linear_stage(stage: ComponentStage, before: Floats, after: Floats, points: int) -> LinearStage:
    """Return `stage` linearised where it led from the efforts `before` to `after`, (`points` x batch, unknowns).

    Raises `UnsupportedError` for storages that do not settle and act on each other.
    """
    shape = (points, len(after) // points)
    if stage.mode is Mode.EXPONENTIAL:
        return _slow_stage(stage, before, after, shape)
    own = _own(stage, after)
    response = -np.swapaxes(np.linalg.inv(own), -1, -2)  # F_e^-T
    return LinearStage(
        nodes=stage.nodes,
        response=_pointwise(np.moveaxis(response, 1, -1), shape)[..., None, :],
        kept=None,
        outer=tuple(_outer(stage, after, shape)),
        effort=after,
        rates=None,
    )


def unsettled(got: str) -> UnsupportedError:
    """Return the error that what does not settle must be single storages, and is what `got` says."""
    do = "compile it with a longer settling"
    return UnsupportedError(explain("what does not settle", must="be single storages", got=got, do=do))


def _slow_stage(stage: ComponentStage, before: Floats, after: Floats, shape: tuple[int, int]) -> LinearStage:
    """Return the linear stage of single storages that do not settle."""
    if stage.level.members.shape[1] > 1:
        raise unsettled("storages that act on each other")
    nodes, pace = stage.nodes, stage.duration / stage.wiring.capacity[..., 0]
    moved = -_own(stage, before)[..., 0, 0] * pace
    filled = np.empty_like(moved)
    make(filling(moved, filled))
    share = _mean_share(moved, filled)
    mean, change = after.copy(), after[:, nodes] - before[:, nodes]
    mean[:, nodes] = before[:, nodes] + change * share / filled**2
    return LinearStage(
        nodes=nodes,
        response=_pointwise((pace * filled)[:, None, None], shape)[..., None, :],
        kept=_pointwise(np.exp(-moved), shape)[..., None, :],
        outer=tuple(_outer(stage, mean, shape)),
        effort=mean,
        rates=_pointwise(change * np.exp(-moved) / (filled**2 * stage.duration), shape)[..., None, :],
    )


def _mean_share(moved: Floats, filled: Floats) -> Floats:
    """Return (phi(v) - exp(-v))/v of v = `moved` and phi(v) = `filled`."""
    series = sum(term * moved**power for power, term in enumerate(_SERIES))
    small = np.abs(moved) < _SMALL
    plain = (filled - np.exp(-moved)) / np.where(small, 1.0, moved)
    result: Floats = np.where(small, series, plain)
    return result


def _own(stage: ComponentStage, effort: Floats) -> Floats:
    """Return F_e, d flow / d effort in each component, at `effort` (k batch, unknowns): (k batch or 1, m, s, s)."""
    own = stage.wiring.slopes(effort, stage.couplings.high)
    return own if own.ndim > stage.wiring.own.ndim else own[None]


def _pointwise(values: Floats, shape: tuple[int, int]) -> Floats:
    """Return `values` (k batch or 1, *own) as (k or 1, *own, batch or 1), with the `shape` (k, batch)."""
    lead = shape if len(values) > 1 or shape == (1, 1) else (1, 1)
    return np.ascontiguousarray(np.moveaxis(values.reshape(*lead, *values.shape[1:]), 1, -1))


def _outer(stage: ComponentStage, effort: Floats, shape: tuple[int, int]) -> Iterator[JacobianBlock]:
    """Yield F_u of `stage` block by block at `effort` (k batch, unknowns), `shape` being (k, batch)."""
    members = stage.level.members
    for wire in stage.wiring.wires:
        rows = wire.row * len(members) + numbered(wire.into)
        yield _block(rows, numbered(wire.places), wire.values[None], shape)
    for sheet in stage.wiring.sheets:
        rows = sheet.row * len(members) + numbered(sheet.into)
        yield _block(rows, numbered(sheet.places), sheet.matrix[None], shape, dense=True)
    for load in stage.wiring.loads:
        yield from _through(stage, load, effort, shape)


def _through(stage: ComponentStage, load: Load, effort: Floats, shape: tuple[int, int]) -> Iterator[JacobianBlock]:
    """Yield the blocks of F_u of `stage` that come from the nonlinear part `load`, as in `_outer`."""
    high, size = stage.couplings.high, effort.shape[1]
    members, places = stage.level.members, places_beside(stage.level, size)
    fed = np.zeros(size, dtype=bool)
    for route in load.routes:
        fed[members[route.into, route.row]] = True
    number = np.where(fed, (places.field - OWN) * len(members) + places.place, -1)
    for block, given in zip(blocks(load.part, high), partials(load.part, effort, high), strict=True):
        value = given if given.ndim > (2 if block.form is BlockForm.DENSE else 1) else given[None]
        if block.form is BlockForm.DENSE:
            chosen = np.flatnonzero(number[block.rows] >= 0)
            if chosen.size:
                yield _block(number[block.rows[chosen]], block.columns, value[:, chosen], shape, dense=True)
            continue
        chosen = np.flatnonzero((number[block.rows] >= 0) & ~_within(block, places.field, places.place))
        chosen = chosen[block.columns[chosen] > 0]
        if chosen.size:
            yield _block(number[block.rows[chosen]], block.columns[chosen], value[:, chosen], shape)


def _within(block: Block, field: Indices, place: Indices) -> Flags:
    """Return which entries of a diagonal `block` couple members of one component, by `field` and `place` of each."""
    both = (field[block.rows] >= OWN) & (field[block.columns] >= OWN)
    inside: Flags = both & (place[block.rows] == place[block.columns])
    return inside


def _block(
    rows: Indices, columns: Indices, values: Floats, shape: tuple[int, int], *, dense: bool = False
) -> JacobianBlock:
    each = _pointwise(values, shape)
    return JacobianBlock(
        rows=span(rows),
        columns=span(columns),
        values=each if dense else each[..., None, :],
        dense=dense,
        distinct=np.unique(columns).size == columns.size,
    )
