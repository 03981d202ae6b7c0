"""In which order the waveforms of a phase can be found: held unknowns, levels, weak edges torn.

A coupling counts by what a change of one unit of signal at its column does to its row within the segment. What does
next to nothing is dropped; a storage that nothing moves is held. The rest is a graph, a dense block being one node of
it, not one edge a weight. Its strongly connected components come apart where weak edges are torn: those that no order
of the rest lets run forward. Components of one kind that depend on earlier ones only are a level, solved side by side.
What is torn is swept from a first guess, its effort at the start; a junction may jump from there, so an edge from it
runs forward where it can.
"""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.order import strong_components
from lstm_analog.engines.waveform.couplings import Couplings, DiagonalCoupling
from lstm_analog.network.laws import BlockForm, Order

WEAK = 5e-2
"""Strength below which an edge is torn if that opens a loop (measured: three sweeps at 1e-6, five at 1e-3)."""
LARGEST = 24
"""Unknowns up to which a component is solved as a whole."""
_RANK = {Order.CONSTANT: 0, Order.AFFINE: 1, Order.NONLINEAR: 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """Components solved side by side: `members` (m, k), the `dynamic` ones of each first.

    `order` says how their own flows depend on their own efforts, `sweep` which levels are swept together.
    """

    members: Indices
    dynamic: int
    order: Order
    sweep: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """The `levels` of a phase in order and the `links` that count, all of them as one.

    `torn` says which of them are torn, (m,), `weakness` is the largest strength of these. `slow` tells that they act on
    storages alone that do not discharge within the segment, so that only the integral of what they carry counts.
    `reach` (N,) is what a steady unit of flow does to each unknown within the segment. `obstacle` says why the phase
    cannot be solved this way, empty if it can.
    """

    levels: tuple[Level, ...]
    links: DiagonalCoupling
    torn: Flags
    weakness: float
    slow: bool
    reach: Floats
    obstacle: str


@dataclass(frozen=True, kw_only=True, eq=False)
class _DependencyEdges:
    """The dependency graph: `tails` act on `heads`, of `rank` 0 constant, 1 affine, 2 any; `weak` or not."""

    tails: Indices
    heads: Indices
    rank: Indices
    weak: Flags
    total: int


def structure(couplings: Couplings, duration: float, drop: float) -> Structure:
    """Return the order in which a segment of `duration` (s) of the phase of `couplings` is solved.

    An infinite `duration` asks for the order at rest. Effects below `drop` (units of signal) are left out.
    """
    reach = _reach(couplings, duration)
    moving = ~couplings.imposed & ~_held(couplings, min(duration, 1e300), drop)
    links, strength = _counting(couplings, moving, reach, drop)
    edges = _edges(couplings, links, strength < WEAK, moving)
    loops = _components(edges, np.ones(edges.tails.size, dtype=bool))
    loose = edges.weak & (loops[edges.tails] == loops[edges.heads]) & (edges.tails != edges.heads)
    jumping = loose & np.append(couplings.balanced, np.zeros(edges.total - moving.size, dtype=bool))[edges.tails]
    knots = _components(edges, ~loose | jumping)
    loose &= ~jumping | (knots[edges.tails] == knots[edges.heads])
    parts = _components(edges, ~loose)
    outer, inner = _depth(edges, loops, np.zeros_like(loose))[loops], _depth(edges, parts, loose)[parts]
    levels = _levels(couplings, edges, moving, parts, (outer, inner))
    torn = (strength < WEAK) & moving[links.columns] & (loops[links.columns] == loops[links.rows])
    torn &= (parts[links.columns] != parts[links.rows]) & (inner[links.columns] >= inner[links.rows])
    pressed = links.rows[torn]
    return Structure(
        levels=levels,
        links=links,
        torn=torn,
        weakness=float(strength[torn].max(initial=0.0)),
        slow=bool(couplings.dynamic[pressed].all() and (rates(couplings)[pressed] < 1.0 / duration).all()),
        reach=reach,
        obstacle=_obstacle(couplings, levels, parts),
    )


def at_rest(couplings: Couplings, duration: float) -> Couplings:
    """Return `couplings` as they are at rest: storages that nothing moves in `duration` (s) are as if imposed."""
    held = _held(couplings, duration, 1e-12)
    return replace(couplings, imposed=couplings.imposed | held, dynamic=np.zeros_like(held))


def rates(couplings: Couplings) -> Floats:
    """Return at what rate (1/s) linear `couplings` discharge each unknown, 0 for those without storage, (N,)."""
    least = couplings.capacity.reshape(-1, couplings.dynamic.size).min(axis=0)
    return np.where(couplings.dynamic & ~couplings.imposed, _own(couplings) / least, 0.0)


def _own(couplings: Couplings) -> Floats:
    own = np.zeros(couplings.dynamic.size)
    for link in couplings.links:
        itself = link.rows == link.columns
        values = link.values.reshape(-1, link.rows.size).max(axis=0)  # of the chip that holds it least
        np.add.at(own, link.rows[itself], -values[itself])
    return own


def _reach(couplings: Couplings, duration: float) -> Floats:
    """Return what a steady unit of flow does to each unknown within `duration`, effort a flow, (N,)."""
    own = _own(couplings)
    balanced = np.where(own > 0.0, 1.0 / np.where(own > 0.0, own, 1.0), np.inf)
    least = couplings.capacity.reshape(-1, own.size).min(axis=0)
    return np.where(couplings.dynamic, np.minimum(duration / least, balanced), balanced)


def _held(couplings: Couplings, duration: float, drop: float) -> Flags:
    """Return which storages move by less than `drop` units in `duration`, whatever the others do, (N,)."""
    size = couplings.dynamic.size
    pull = np.zeros(size)
    for link in couplings.links:
        ratio = couplings.scales[link.columns] / couplings.scales[link.rows]
        np.add.at(pull, link.rows, np.abs(link.values).reshape(-1, link.rows.size).max(axis=0) * ratio)
    free = np.zeros(size + 1, dtype=bool)
    for dense in couplings.dense:
        free[dense.rows] = True
    for curved in couplings.curved:
        free[curved.fed] = True
    least = couplings.capacity.reshape(-1, size).min(axis=0)
    held: Flags = couplings.dynamic & ~free[:-1] & (pull * duration <= drop * least)
    return held


def _counting(couplings: Couplings, moving: Flags, reach: Floats, drop: float) -> tuple[DiagonalCoupling, Floats]:
    """Return the links into what moves that do more than `drop`, and the strength of each, (m,)."""
    lead = np.broadcast_shapes(*(link.values.shape[:-1] for link in couplings.links))
    rows, columns, strengths, values = [], [], [], []
    for link in couplings.links:
        size = np.abs(link.values).reshape(-1, link.rows.size).max(axis=0)
        with np.errstate(invalid="ignore"):
            strength = size * reach[link.rows] * couplings.scales[link.columns] / couplings.scales[link.rows]
        counts = moving[link.rows] & (link.columns > 0) & (size > 0.0)
        counts &= ~(strength <= drop) | (link.rows == link.columns)
        rows.append(link.rows[counts])
        columns.append(link.columns[counts])
        strengths.append(strength[counts])
        values.append(np.broadcast_to(link.values[..., counts], (*lead, rows[-1].size)))
    none = np.empty(0, dtype=np.int64)
    links = DiagonalCoupling(
        rows=np.concatenate([none, *rows]),
        columns=np.concatenate([none, *columns]),
        values=np.concatenate([np.empty((*lead, 0)), *values], axis=-1),
    )
    return links, np.concatenate([np.empty(0), *strengths])


def _edges(couplings: Couplings, links: DiagonalCoupling, weak: Flags, moving: Flags) -> _DependencyEdges:
    size = moving.size
    alive = np.append(moving, False)  # rows that do not count are -1
    total = size
    both = alive[links.columns]
    found: list[tuple[Indices, Indices, int, Flags]] = [(links.columns[both], links.rows[both], 0, weak[both])]
    for bank in couplings.dense:
        columns, rows = bank.columns[alive[bank.columns]], bank.rows[alive[bank.rows]]
        tails, heads = np.append(columns, np.full(rows.size, total)), np.append(np.full(columns.size, total), rows)
        found.append((tails, heads, 0, np.zeros(tails.size, dtype=bool)))
        total += 1
    for curved in couplings.curved:
        taking = np.append(np.zeros(size, dtype=bool), False)
        taking[curved.fed[curved.fed >= 0]] = True
        for block in curved.blocks:
            rows = np.where(taking[block.rows], block.rows, -1)
            rank = _RANK[block.order]
            if block.form is BlockForm.DENSE:
                rank, hub = 3, total  # a hub stands for rank 3: not to be solved within a component
                columns, rows = block.columns[alive[block.columns]], rows[alive[rows]]
                tails, heads = np.append(columns, np.full(rows.size, hub)), np.append(np.full(columns.size, hub), rows)
                total += 1
            else:
                both = alive[block.columns] & alive[rows]
                tails, heads = block.columns[both], rows[both]
            found.append((tails, heads, rank, np.zeros(tails.size, dtype=bool)))
    none = np.empty(0, dtype=np.int64)
    return _DependencyEdges(
        tails=np.concatenate([none, *(entry[0] for entry in found)]),
        heads=np.concatenate([none, *(entry[1] for entry in found)]),
        rank=np.concatenate([none, *(np.full(entry[0].size, entry[2]) for entry in found)]),
        weak=np.concatenate([none.astype(bool), *(entry[3] for entry in found)]),
        total=total,
    )


def _components(edges: _DependencyEdges, wanted: Flags) -> Indices:
    return strong_components(edges.tails[wanted], edges.heads[wanted], edges.total)


def _depth(edges: _DependencyEdges, component: Indices, torn: Flags) -> Indices:
    """Return the longest way to each component through the others, (components,)."""
    tails, heads = component[edges.tails], component[edges.heads]
    between = (tails != heads) & ~torn
    way = np.unique(np.stack((tails[between], heads[between])), axis=1)
    depth = np.zeros(int(component.max(initial=-1)) + 1, dtype=np.int64)
    while way.size:
        further = depth.copy()
        np.maximum.at(further, way[1], depth[way[0]] + 1)
        if np.array_equal(further, depth):
            break
        depth = further
    return depth


def _levels(
    couplings: Couplings, edges: _DependencyEdges, moving: Flags, parts: Indices, depth: tuple[Indices, Indices]
) -> tuple[Level, ...]:
    members = np.flatnonzero(moving)
    count = int(parts.max(initial=-1)) + 1
    size = np.bincount(parts[members], minlength=count)
    dynamic = np.bincount(parts[members], weights=couplings.dynamic[members], minlength=count).astype(np.int64)
    rank = np.zeros(count, dtype=np.int64)
    inside = parts[edges.tails] == parts[edges.heads]
    np.maximum.at(rank, parts[edges.heads[inside]], edges.rank[inside])
    place = parts[members]
    first = np.full(count, moving.size)
    np.minimum.at(first, place, members)
    static = ~couplings.dynamic[members]
    rows = np.stack((depth[0][members], depth[1][members], size[place], dynamic[place], rank[place]))
    _, group = np.unique(rows, axis=1, return_inverse=True)
    order = np.lexsort((members, static, first[place], group.ravel()))
    levels = []
    for number in range(int(group.max(initial=-1)) + 1):
        chosen = order[group.ravel()[order] == number]
        outer, _, width, states, kind = rows[:, chosen[0]].tolist()
        own = next((order_ for order_, value in _RANK.items() if value == kind), Order.NONLINEAR)
        level = Level(members=members[chosen].reshape(-1, width), dynamic=states, order=own, sweep=outer)
        levels.append(level)
    return tuple(levels)


def _obstacle(couplings: Couplings, levels: tuple[Level, ...], parts: Indices) -> str:
    largest = max((level.members.shape[1] for level in levels), default=0)
    if largest > LARGEST:
        return f"{largest} unknowns act on each other strongly, {LARGEST} at most are solved as a whole"
    hubs = np.unique(parts[couplings.dynamic.size :])
    inside = np.isin(parts[np.concatenate([level.members.ravel() for level in levels])], hubs) if levels else hubs
    return "a dense block acts back on its own inputs" if inside.any() else ""
