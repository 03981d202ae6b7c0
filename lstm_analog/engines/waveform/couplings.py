"""Who acts on whom in a clock phase, and how, as the laws of the parts say; with chip axes made to fit a batch.

A bank whose blocks are all constant is no more than coefficients: `DiagonalCoupling` between single unknowns,
`DenseCoupling` between many, and an offset. Every other bank stays a part whose law is evaluated (`Curved`).
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.system import fed_rows
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Block, BlockForm, High, Kind, Order, blocks, capacity, flow, partials
from lstm_analog.network.parts import Part


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagonalCoupling:
    """Flow into `rows` (m,) is `values` (..., m) times the efforts of `columns` (m,)."""

    rows: Indices
    columns: Indices
    values: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseCoupling:
    """Flow into `rows` (m,), -1 where it is not taken, is the `matrix` (..., m, n) times the efforts of `columns`."""

    rows: Indices
    columns: Indices
    matrix: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Curved:
    """A `part` whose law is not linear; `fed` (terminals, m) are the rows that take its flow, else -1."""

    part: Part
    fed: Indices
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Couplings:
    """The couplings of a network with the clock lines `high`; `groups` and `scales` (N,) are those of its unknowns.

    `dynamic`, `balanced` and `imposed` say which of its unknowns have a rate, which are junctions and which come from
    outside, (N,); `capacity` and `offset`, the flow at no effort at all, have shape (..., N).
    """

    high: High
    groups: Indices
    scales: Floats
    dynamic: Flags
    balanced: Flags
    imposed: Flags
    capacity: Floats
    offset: Floats
    links: tuple[DiagonalCoupling, ...]
    dense: tuple[DenseCoupling, ...]
    curved: tuple[Curved, ...]


def couplings(network: Network, high: High) -> Couplings:
    """Return the couplings of `network` with the clock lines `high`."""
    size, kinds = network.unknowns.size, network.kinds()
    dynamic, balanced, imposed = np.zeros((3, size), dtype=bool)
    dynamic[kinds[Kind.STORED]] = True
    balanced[kinds[Kind.BALANCED]] = True
    imposed[kinds[Kind.IMPOSED]] = imposed[0] = True
    links: list[DiagonalCoupling] = []
    dense: list[DenseCoupling] = []
    curved: list[Curved] = []
    offset = np.zeros(size)
    rest = np.zeros(size)
    sizes = [group.size for group in network.unknowns.groups]
    for part in network.parts:
        couples, fed = blocks(part, high), fed_rows(network, kinds, part)
        if not couples or not (fed >= 0).any():
            continue
        if any(block.order is not Order.CONSTANT for block in couples):
            curved.append(Curved(part=part, fed=fed, blocks=couples))
            continue
        offset = _with_offset(offset, fed, flow(part, rest, high))
        for block, value in zip(couples, partials(part, rest, high), strict=True):
            _sort_in(block, value, np.unique(fed[fed >= 0]), links, dense)
    return Couplings(
        high=high,
        groups=np.repeat(np.arange(1 + len(network.unknowns.groups)), [1, *sizes]),
        scales=network.unknowns.scales(),
        dynamic=dynamic,
        balanced=balanced,
        imposed=imposed,
        capacity=_capacity(network),
        offset=offset,
        links=tuple(links),
        dense=tuple(dense),
        curved=tuple(curved),
    )


def _sort_in(
    block: Block, value: Floats, taking: Indices, links: list[DiagonalCoupling], dense: list[DenseCoupling]
) -> None:
    taken = np.isin(block.rows, taking)
    if not taken.any():
        return
    if block.form is BlockForm.DENSE:
        dense.append(DenseCoupling(rows=np.where(taken, block.rows, -1), columns=block.columns, matrix=value))
    elif taken.all():
        links.append(DiagonalCoupling(rows=block.rows, columns=block.columns, values=value))
    else:
        links.append(DiagonalCoupling(rows=block.rows[taken], columns=block.columns[taken], values=value[..., taken]))


def _with_offset(offset: Floats, fed: Indices, still: Floats) -> Floats:
    if not still.any():
        return offset
    wide = np.array(np.broadcast_to(offset, np.broadcast_shapes(offset.shape, (*still.shape[:-2], offset.shape[-1]))))
    for row, value in zip(fed, np.moveaxis(still, -2, 0), strict=True):
        inside = row >= 0
        np.add.at(np.moveaxis(wide, -1, 0), row[inside], np.moveaxis(value[..., inside], -1, 0))
    return wide


def _capacity(network: Network) -> Floats:
    found = [capacity(part) for part in network.parts]
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    result = np.ones((*lead, network.unknowns.size))
    for nodes, amount in found:
        result[..., nodes] = amount
    return result
