"""Finds the order in which the waveforms of a phase are computed, from a graph of which unknown acts on which.

1. The strength of a coupling is the change of its row, in units of signal, that one unit of signal at its column causes
   within the segment. Couplings of negligible strength are dropped. Storages that nothing moves keep their effort.
2. The rest is a directed graph: an edge leads from an unknown to each unknown whose balance it enters. A dense block is
   one extra node (a hub) between its columns and its rows, not an edge for each weight.
3. Unknowns in a loop (a strongly connected component) must be solved together. To make loops smaller, weak edges are
   torn: the waveform at the tail of a torn edge is guessed, the levels are solved, and solved again from what was found
   until it no longer changes (a sweep each; waveform relaxation).
4. Components of like shape that depend on earlier ones only form a level, and are solved side by side.

The first guess is that the tail stays at its effort at the start of the segment. A junction has no storage and may jump
there, which makes that guess bad; so an edge from a junction is torn only where it closes a loop with strong edges, and
one between two junctions, such as an op-amp's output and the divider that loads it, only in a loop of many unknowns.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.phase.couplings import Couplings, DiagonalCoupling
from lstm_analog.engines.phase.graph import block_edges, depths, strong_components
from lstm_analog.engines.phase.strength import (
    all_links,
    rates,
    sensitivity_within,
    significant,
    unmoved_within,
    without_leaves,
)
from lstm_analog.network.laws import BlockForm, Order

WEAK = 5e-2
"""Strength below which an edge is torn if that opens a loop; larger: smaller components, more sweeps."""
LARGEST = 24
"""Unknowns up to which a component is solved as one system; a larger one is left to `Integrate`."""
_TIED = 8
"""Unknowns up to which a component keeps its weak edges between junctions; larger: fewer sweeps, larger components."""
_RANK = {Order.CONSTANT: 0, Order.AFFINE: 1, Order.NONLINEAR: 2}


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """Components solved side by side: `members` (m, k) are m components of k unknowns each.

    The first `dynamic` unknowns of each component have storage. `order` says how flows into a component depend on its
    own efforts: by constant coefficients, affinely or nonlinearly. Levels of the same `sweep` number are solved again
    together until their guesses rest.
    """

    members: Indices
    dynamic: int
    order: Order
    sweep: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """The order in which the waveforms of a phase are computed: `levels`, each depends on earlier ones and on guesses.

    Attributes
    ----------
    levels : tuple of Level
        In the order in which they are solved.
    kept : index array, (m,)
        Which links between single unknowns are not negligible, as places among all of the phase's.
    links : DiagonalCoupling
        These links.
    torn : flags, (m,)
        Which of them read a guess.
    weakness : float
        Largest strength of a torn link: units of signal at its row for one unit at its column.
    slow : bool
        Whether torn links act only on storages that do not discharge within the segment, so that only the integral of
        an error of the guess matters.
    obstacle : str
        Why the phase cannot be solved so; empty if it can.
    """

    levels: tuple[Level, ...]
    kept: Indices
    links: DiagonalCoupling
    torn: Flags
    weakness: float
    slow: bool
    obstacle: str

    @cached_property
    def content(self) -> tuple[object, ...]:
        """What is solved in which order and reads which guesses, to be compared: all but strengths and numbers."""
        levels = (
            (level.members.shape, level.members.tobytes(), level.dynamic, level.order, level.sweep)
            for level in self.levels
        )
        return (self.kept.tobytes(), self.torn.tobytes(), *levels)

    @property
    def may_ring(self) -> bool:
        """Whether there may be a mode that rings: several storages that act on each other strongly, or a curved one.

        Waveforms of all other orders are those of single filters, one behind the other.
        """
        return any(level.dynamic > 1 or (level.dynamic and level.order is not Order.CONSTANT) for level in self.levels)

    def refreshed(self, couplings: Couplings) -> "Structure":
        """Return the same order with the numbers of other `couplings` of the same unknowns, parts and clock lines."""
        return replace(self, links=all_links(couplings).only(self.kept))


@dataclass(frozen=True, kw_only=True, eq=False)
class _DependencyEdges:
    """The dependency graph, as e edges between `total` nodes: unknowns first, then a hub for each dense block.

    Unknown `tails` (e,) enters the balance of unknown `heads` (e,). `rank` (e,) says how: 0 by a constant coefficient,
    1 affinely, 2 nonlinearly, 3 into a dense nonlinear block. `weak` (e,) are the edges that may be torn.
    """

    tails: Indices
    heads: Indices
    rank: Indices
    weak: Flags
    total: int

    def components(self, wanted: Flags) -> Indices:
        """Return the number of the strongly connected component of each node by the `wanted` edges (e,), (total,)."""
        return strong_components(self.tails[wanted], self.heads[wanted], self.total)


def structure(couplings: Couplings, duration: float, drop: float, weak: float = WEAK) -> Structure:
    """Return the order in which a segment of `duration` (s) of the phase of `couplings` is solved.

    An infinite `duration` asks for the order at rest. Couplings of a strength below `drop` (units of signal) are left
    out; those below `weak` are torn where that opens a loop.

    `loops` are the components with all edges, `parts` those that are left once edges are torn; a level is one depth of
    loops and, within a loop, one depth of parts. Tearing is decided edge by edge, so that an edge may be torn in vain:
    one that leads forward in the order found reads no guess.
    """
    sensitivity = sensitivity_within(couplings, duration)
    moving = ~couplings.imposed & ~unmoved_within(couplings, min(duration, 1e300), drop)
    every = all_links(couplings)
    kept, strength = significant(couplings, every, moving, sensitivity, drop)
    if not couplings.dynamic.any():  # at rest
        some = without_leaves(couplings, every.only(kept))
        kept, strength = kept[some], strength[some]
    links = every.only(kept)
    edges = _edges(couplings, links, strength < weak, moving)
    loops = edges.components(np.ones(edges.tails.size, dtype=bool))
    torn_edges = edges.weak & (loops[edges.tails] == loops[edges.heads]) & (edges.tails != edges.heads)
    junctions = np.append(couplings.balanced, np.zeros(edges.total - moving.size, dtype=bool))
    tied = torn_edges & junctions[edges.tails] & junctions[edges.heads]
    whole = edges.components(~torn_edges | tied)
    torn_edges &= ~tied | (np.bincount(whole) > _TIED)[whole[edges.heads]]
    from_junction = torn_edges & junctions[edges.tails]
    left = edges.components(~torn_edges | from_junction)  # loops that need no weak edge but those from junctions
    torn_edges &= ~from_junction | (left[edges.tails] == left[edges.heads])
    parts = edges.components(~torn_edges)
    outer = depths(loops, edges.tails, edges.heads)[loops]
    inner = depths(parts, edges.tails[~torn_edges], edges.heads[~torn_edges])[parts]
    levels = _levels(couplings, edges, moving, parts, (outer, inner))
    # a weak edge that leads forward in the order found needs no guess
    torn = (strength < weak) & moving[links.columns] & (loops[links.columns] == loops[links.rows])
    torn &= (parts[links.columns] != parts[links.rows]) & (inner[links.columns] >= inner[links.rows])
    heads = links.rows[torn]
    return Structure(
        levels=levels,
        kept=kept,
        links=links,
        torn=torn,
        weakness=float(strength[torn].max(initial=0.0)),
        slow=bool(couplings.dynamic[heads].all() and (rates(couplings)[heads] < 1.0 / duration).all()),
        obstacle=_obstacle(couplings, levels, parts),
    )


def _edges(couplings: Couplings, links: DiagonalCoupling, weak: Flags, moving: Flags) -> _DependencyEdges:
    """Return the dependency graph among the `moving` unknowns (N,); `weak` (m,) are the `links` that may be torn."""
    both = moving[links.columns]
    tails, heads = [links.columns[both]], [links.rows[both]]
    ranks, total = [0], moving.size
    blocks = [(BlockForm.DENSE, dense.columns, dense.rows, 0) for dense in couplings.dense]
    for curved in couplings.curved:
        fed = np.zeros(moving.size, dtype=bool)
        fed[curved.fed[curved.fed >= 0]] = True
        for block in curved.blocks:
            rank = 3 if block.form is BlockForm.DENSE else _RANK[block.order]  # 3: no component can contain it
            blocks.append((block.form, block.columns, np.where(fed[block.rows], block.rows, -1), rank))
    for form, columns, rows, rank in blocks:
        tail, head = block_edges(form, columns, rows, moving, total)
        tails.append(tail)
        heads.append(head)
        ranks.append(rank)
        total += form is BlockForm.DENSE
    tail = np.concatenate(tails)
    may_tear = np.zeros(tail.size, dtype=bool)
    may_tear[: tails[0].size] = weak[both]
    rank_of = np.concatenate([np.full(some.size, rank) for some, rank in zip(tails, ranks, strict=True)])
    return _DependencyEdges(tails=tail, heads=np.concatenate(heads), rank=rank_of, weak=may_tear, total=total)


def _levels(
    couplings: Couplings, edges: _DependencyEdges, moving: Flags, parts: Indices, depth: tuple[Indices, Indices]
) -> tuple[Level, ...]:
    """Return the levels: components of equal depth, size, number of storages and kind of equations, in order of depth.

    `parts` is the component of each node, `depth` the depths of its loop and of its component, each (total,).
    """
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
    """Return why the `levels` cannot be solved, or an empty text: too large a component, or a dense block in a loop."""
    if not levels:
        return ""
    largest = max(level.members.shape[1] for level in levels)
    if largest > LARGEST:
        return f"{largest} unknowns act on each other strongly, {LARGEST} at most are solved as a whole"
    hubs = np.unique(parts[couplings.dynamic.size :])
    inside = np.isin(parts[np.concatenate([level.members.ravel() for level in levels])], hubs)
    return "a dense block acts back on its own inputs" if inside.any() else ""
