"""The couplings of a network in a clock phase: how the flow into each unknown depends on the efforts of others.

They come from the laws of the parts. A bank that is linear with constant coefficients becomes these coefficients: a
`DiagonalCoupling` between single unknowns, a `DenseCoupling` (a matrix) between many, and an offset. Every other bank
stays a part whose law is evaluated (`Curved`). Axes of chips have been given an axis of length 1 for the batch.
"""

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.chips import beside_batches
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Block, BlockForm, High, Kind, Order, blocks, capacity, flow, partials, rows, sets
from lstm_analog.network.parts import Part


@dataclass(frozen=True, kw_only=True, eq=False)
class DiagonalCoupling:
    """The flow into unknown `rows[j]` is `values[..., j]` times the effort of `columns[j]`, for j from 0 to m - 1.

    `elements` (m,) are the numbers of the parts' elements that carry it, counted through the whole network. The flow is
    that of the bank of the `label`, if it is that of one.
    """

    label: str
    rows: Indices
    columns: Indices
    values: Floats
    elements: Indices

    def only(self, chosen: Indices) -> "DiagonalCoupling":
        """Return the couplings `chosen` (k,) of these."""
        return replace(
            self,
            rows=self.rows[chosen],
            columns=self.columns[chosen],
            values=self.values[..., chosen],
            elements=self.elements[chosen],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseCoupling:
    """The flow into `rows` (m,) is the `matrix` (..., m, n) times the efforts of `columns` (n,); -1 takes no flow.

    It is that of the bank of the `label`.
    """

    label: str
    rows: Indices
    columns: Indices
    matrix: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Curved:
    """A nonlinear `part` of m elements; `fed` (terminals, m) are the unknowns that its flow enters, -1 for none.

    `blocks` say which flows depend on which efforts.
    """

    part: Part
    fed: Indices
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Couplings:
    """All couplings of a network of N unknowns with the clock lines `high`.

    Attributes
    ----------
    high : tuple of bool
        Which clock lines are high.
    groups, scales : arrays, (N,)
        The number of each unknown's group, and its unit of signal.
    dynamic, balanced, imposed : flags, (N,)
        Which unknowns have storage, which are junctions, and which are set from outside.
    capacity : float array, (..., N)
        Capacity of each unknown with storage, 1 elsewhere.
    offset : float array, (..., N)
        Flow into each unknown through linear banks where all efforts are zero.
    links, dense, curved : tuples
        Constant coefficients, constant matrices, and nonlinear parts.
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


_SPREAD: WeakKeyDictionary[Network, Network] = WeakKeyDictionary()
"""The networks with an axis for the batch, of networks that are in use."""


def with_batch_axis(network: Network) -> Network:
    """Return a copy of `network` with an axis of length 1 for the batch behind the chip axes; the same each time."""
    if network not in _SPREAD:
        _SPREAD[network] = replace(network, parts=tuple(beside_batches(part) for part in network.parts))
    return _SPREAD[network]


def couplings(network: Network, high: High) -> Couplings:
    """Return the couplings of `network` with the clock lines `high`.

    Raises `UnsupportedPartError` for a part that switches by itself.
    """
    _check_no_thresholds(network)
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
    counted = 0
    for part in network.parts:
        couples, fed = blocks(part, high), fed_rows(network, kinds, part)
        counted += fed.shape[1]
        if not (fed >= 0).any():
            continue
        if any(block.order is not Order.CONSTANT for block in couples):
            curved.append(Curved(part=part, fed=fed, blocks=couples))
            continue
        offset = _with_offset(offset, fed, flow(part, rest, high))
        receiving = _receiving(fed, size)
        for block, value in zip(couples, partials(part, rest, high), strict=True):
            _sort_in(part.label, block, value, receiving, counted - fed.shape[1], links, dense)
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


def fed_rows(network: Network, kinds: dict[Kind, Indices], part: Part) -> Indices:
    """Return the rows of `part` of `network` that take its flow, (terminals, m); -1 where another sets the effort.

    `kinds` are those of the network's unknowns.

    A flow into a source or a follower is supplied by it; the row of a follower is its own equation.
    """
    setting = sets(part)
    takes = np.zeros(network.unknowns.size, dtype=bool)
    if setting is not None and setting[0] is Kind.FOLLOWED:
        takes[setting[1]] = True
    else:
        takes[kinds[Kind.BALANCED]] = takes[kinds[Kind.STORED]] = True
    target = rows(part)
    return np.where(takes[target], target, -1)


def switching_parts(network: Network) -> list[Part]:
    """Return the parts of `network` that switch by themselves."""
    found = ((part, sets(part)) for part in network.parts)
    return [part for part, setting in found if setting is not None and setting[0] is Kind.SWITCHED]


def _check_no_thresholds(network: Network) -> None:
    """Raise `UnsupportedPartError` if a part of `network` switches by itself, which only some engines follow."""
    for part in switching_parts(network):
        must, do = "not switch by itself in this engine", "run it with Integrate or Ngspice"
        raise UnsupportedPartError(explain(f"part {part.label}", must=must, got=type(part).__name__, do=do))


def recoupled(found: Couplings, network: Network, changed: list[Part]) -> Couplings:
    """Return the couplings `found` with the parameters of the banks `changed`, which `network` has now.

    All are worked out anew if a changed bank carries flow where all efforts are zero, or may have done so before: an
    unknown that it feeds has an offset.
    """
    rest = np.zeros(network.unknowns.size)
    kinds = {Kind.BALANCED: np.flatnonzero(found.balanced), Kind.STORED: np.flatnonzero(found.dynamic)}
    links: dict[str, list[DiagonalCoupling]] = {}
    dense: dict[str, list[DenseCoupling]] = {}
    parts = {part.label: part for part in changed}
    for label, part in parts.items():
        receiving = _receiving(fed_rows(network, kinds, part), rest.size)
        if flow(part, rest, found.high).any() or found.offset[..., receiving].any():
            return couplings(network, found.high)
        links[label], dense[label] = [], []
        for block, value in zip(blocks(part, found.high), partials(part, rest, found.high), strict=True):
            _sort_in(label, block, value, receiving, 0, links[label], dense[label])
    return replace(
        found,
        links=tuple(
            replace(one, values=links[one.label].pop(0).values) if one.label in links else one for one in found.links
        ),
        dense=tuple(dense[one.label].pop(0) if one.label in dense else one for one in found.dense),
        curved=tuple(replace(one, part=parts.get(one.part.label, one.part)) for one in found.curved),
    )


def _receiving(fed: Indices, size: int) -> Flags:
    """Return which of `size` unknowns are among the rows `fed`, of which some are -1."""
    found = np.zeros(size + 1, dtype=bool)  # the last entry takes the rows that are -1
    found[fed] = True
    return found[:size]


def _sort_in(
    label: str,
    block: Block,
    value: Floats,
    receiving: Flags,
    first: int,
    links: list[DiagonalCoupling],
    dense: list[DenseCoupling],
) -> None:
    """Append `block` with its coefficients `value` to `links` or `dense`, for the unknowns `receiving` (N,) its flow.

    `first` is the number of the first element of its part.
    """
    entering = receiving[block.rows]
    if not entering.any():
        return
    if block.form is BlockForm.DENSE:
        rows = np.where(entering, block.rows, -1)
        dense.append(DenseCoupling(label=label, rows=rows, columns=block.columns, matrix=value))
        return
    elements = np.arange(first, first + block.rows.size)
    whole = DiagonalCoupling(label=label, rows=block.rows, columns=block.columns, values=value, elements=elements)
    links.append(whole if entering.all() else whole.only(np.flatnonzero(entering)))


def _with_offset(offset: Floats, fed: Indices, still: Floats) -> Floats:
    """Return `offset` (..., N) plus the flow `still` (..., terminals, m) of a bank into the unknowns `fed`."""
    if not still.any():
        return offset
    wide = np.array(np.broadcast_to(offset, np.broadcast_shapes(offset.shape, (*still.shape[:-2], offset.shape[-1]))))
    for row, value in zip(fed, np.moveaxis(still, -2, 0), strict=True):
        inside = row >= 0
        np.add.at(np.moveaxis(wide, -1, 0), row[inside], np.moveaxis(value[..., inside], -1, 0))
    return wide


def _capacity(network: Network) -> Floats:
    """Return the capacity at each unknown of `network`, 1 where nothing is stored, (..., N)."""
    found = [capacity(part) for part in network.parts]
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    result = np.ones((*lead, network.unknowns.size))
    for nodes, amount in found:
        result[..., nodes] = amount
    return result
