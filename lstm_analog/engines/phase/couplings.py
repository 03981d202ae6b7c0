"""The couplings of a network in a clock phase: how the flow into each unknown depends on the efforts of others.

They come from the laws of the parts. A bank that is linear with constant coefficients becomes these coefficients: a
`DiagonalCoupling` between single unknowns, a `DenseCoupling` (a matrix) between many, and an offset. Every other bank
stays a part whose law is evaluated (`Curved`). Where parameters have an axis of chips, an axis of length 1 for the
batch follows it.
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
    """Links: the flow into unknown `rows[j]` is `values[..., j]` times the effort of `columns[j]`, j from 0 to m - 1.

    `elements` (m,) are the numbers of the parts' elements that carry it, counted through all banks of the network. They
    are elements of the bank called `label`, or of several banks if it is empty.
    """

    label: str
    rows: Indices
    columns: Indices
    values: Floats
    elements: Indices

    def only(self, chosen: Indices) -> "DiagonalCoupling":
        """Return the links number `chosen` (k,) of these."""
        return replace(
            self,
            rows=self.rows[chosen],
            columns=self.columns[chosen],
            values=self.values[..., chosen],
            elements=self.elements[chosen],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseCoupling:
    """The flow of the bank `label` into `rows` (m,) is `matrix` (..., m, n) times the efforts of `columns` (n,).

    Rows of -1 take no flow.
    """

    label: str
    rows: Indices
    columns: Indices
    matrix: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Curved:
    """A bank `part` of m elements some of whose partial derivatives change with efforts.

    `fed` (terminals, m) are the unknowns that its flow enters, -1 for none; `blocks` say which flows depend on which
    efforts.
    """

    part: Part
    fed: Indices
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Couplings:
    """All couplings of a network of N unknowns while certain clock lines are high.

    Attributes
    ----------
    high : tuple of bool
        Which clock lines are high.
    groups, scales : arrays, (N,)
        The number of each unknown's group, and the effort that is one unit of its signal.
    dynamic, balanced, imposed : flags, (N,)
        Which unknowns have storage, which are junctions, and which are set by sources; the rest are set by followers.
    capacity : float array, (..., N)
        Capacity of each unknown with storage, 1 elsewhere.
    offset : float array, (..., N)
        Flow into each unknown through linear banks where all efforts are zero.
    links, dense, curved : tuples of DiagonalCoupling, DenseCoupling, Curved
        Constant coefficients, constant matrices, and parts whose law is evaluated.
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


_WITH_BATCH_AXIS: WeakKeyDictionary[Network, Network] = WeakKeyDictionary()
"""A cache of `with_batch_axis`."""


def with_batch_axis(network: Network) -> Network:
    """Return a copy of `network` with an axis of length 1 for the batch behind the chip axes; the same each time."""
    if network not in _WITH_BATCH_AXIS:
        _WITH_BATCH_AXIS[network] = replace(network, parts=tuple(beside_batches(part) for part in network.parts))
    return _WITH_BATCH_AXIS[network]


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
        some, matrices = _constant_couplings(part, high, couples, receiving(fed, size), counted - fed.shape[1])
        links += some
        dense += matrices
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
    """Return the unknowns that the flow of `part` of `network` changes, (terminals, m); -1 at sources and followers.

    These supply whatever flows into them. `kinds` are those of the network's unknowns. A bank of followers has rows,
    too: those that it sets, its flow there being what their efforts should be less what they are.
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
    parts, shifted = {part.label: part for part in changed}, found.offset.any()
    for label, part in parts.items():
        takes = receiving(fed_rows(network, kinds, part), rest.size)
        if flow(part, rest, found.high).any() or (shifted and found.offset[..., takes].any()):
            return couplings(network, found.high)
        links[label], dense[label] = _constant_couplings(part, found.high, blocks(part, found.high), takes, 0)
    return replace(
        found,
        links=tuple(
            replace(one, values=links[one.label].pop(0).values) if one.label in links else one for one in found.links
        ),
        dense=tuple(dense[one.label].pop(0) if one.label in dense else one for one in found.dense),
        curved=tuple(replace(one, part=parts.get(one.part.label, one.part)) for one in found.curved),
    )


def receiving(fed: Indices, size: int) -> Flags:
    """Return which of `size` unknowns are among the rows `fed` that take a flow, of which some are -1, (N,)."""
    found = np.zeros(size + 1, dtype=bool)  # the last entry takes the rows that are -1
    found[fed] = True
    return found[:size]


def _constant_couplings(
    part: Part, high: High, couples: tuple[Block, ...], takes: Flags, first: int
) -> tuple[list[DiagonalCoupling], list[DenseCoupling]]:
    """Return the couplings of the linear bank `part` with the clock lines `high`, one for each of its blocks `couples`.

    `takes` (N,) says which unknowns take its flow, `first` is the number of the first element of the bank.
    """
    links, dense = [], []
    for block, value in zip(couples, partials(part, np.zeros(takes.size), high), strict=True):
        entering = takes[block.rows]
        if entering.any() and block.form is BlockForm.DENSE:
            rows = np.where(entering, block.rows, -1)
            dense.append(DenseCoupling(label=part.label, rows=rows, columns=block.columns, matrix=value))
        elif entering.any():
            whole = DiagonalCoupling(
                label=part.label,
                rows=block.rows,
                columns=block.columns,
                values=value,
                elements=np.arange(first, first + block.rows.size),
            )
            links.append(whole if entering.all() else whole.only(np.flatnonzero(entering)))
    return links, dense


def _with_offset(offset: Floats, fed: Indices, inflow: Floats) -> Floats:
    """Return `offset` (..., N) plus the flow `inflow` (..., terminals, m) of a bank into the unknowns `fed`."""
    if not inflow.any():
        return offset
    wide = np.array(np.broadcast_to(offset, np.broadcast_shapes(offset.shape, (*inflow.shape[:-2], offset.shape[-1]))))
    for row, value in zip(fed, np.moveaxis(inflow, -2, 0), strict=True):
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
