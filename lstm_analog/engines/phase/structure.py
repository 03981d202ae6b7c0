"""Finds the order in which the waveforms of a phase are computed, from a graph of which unknown acts on which.

1. The strength of a coupling is the change of its row, in units of signal, that one unit of signal at its column causes
   within the segment. Couplings of negligible strength are dropped. Storages that nothing moves keep their effort.
2. The rest is a graph of which unknown acts on which (`graph`). Unknowns in a loop, a strongly connected component,
   must be solved together. To make loops smaller, weak edges are torn: the waveform at the tail of a torn edge is
   guessed, the levels are solved, and solved again from what was found until it no longer changes (a sweep each;
   waveform relaxation).
3. Components of like shape that depend on earlier ones only form a level, and are solved side by side.

The first guess is that the tail stays at its effort at the start of the segment. A junction has no storage and may jump
there, which makes that guess bad; so an edge from a junction is torn only where it closes a loop with edges that are
not torn, and one between two junctions, such as an op-amp's output and the divider that loads it, only in a loop of
many unknowns.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.phase.couplings import Couplings, DiagonalCoupling, receiving
from lstm_analog.engines.phase.graph import BlockGraph, block_graph, depths
from lstm_analog.engines.phase.strength import (
    all_links,
    rates,
    sensitivity_within,
    significant,
    unmoved_within,
    without_leaves,
)
from lstm_analog.network.laws import Block, BlockForm, Order, diagonal

WEAK = 5e-2
"""Strength below which an edge is torn if that opens a loop; larger: smaller components, more sweeps."""
LARGEST = 24
"""Unknowns up to which a component is solved as one system; a larger one is left to `Integrate`."""
_LARGEST_WHOLE = 8
"""Unknowns up to which a component keeps its weak edges between junctions; larger: fewer sweeps, larger components."""
_ORDERS = (Order.CONSTANT, Order.AFFINE, Order.NONLINEAR)
"""Of an edge or of all edges in a component, by what is harder to solve."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """Components solved side by side: `members` (m, k) are m components of k unknowns each.

    The first `dynamic` unknowns of each component have storage. `order` says how flows into a component depend on its
    own efforts. Levels that read each other's guesses have the same `sweep` number: they are solved again together
    until no guess changes any more.
    """

    members: Indices
    dynamic: int
    order: Order
    sweep: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """The order in which the waveforms of a phase are computed.

    Attributes
    ----------
    levels : tuple of Level
        In the order in which they are solved: each depends on earlier ones and on guesses only.
    kept : index array, (m,)
        Which of the links of the phase, as `all_links` counts them, are not negligible.
    links : DiagonalCoupling
        These m links.
    torn : flags, (m,)
        Which of the m links are torn, and read a guess.
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
        """A key of this order: equal where the same levels are solved and the same links kept and torn."""
        levels = (
            (level.members.shape, level.members.tobytes(), level.dynamic, level.order, level.sweep)
            for level in self.levels
        )
        return (self.kept.tobytes(), self.torn.tobytes(), *levels)

    @property
    def may_ring(self) -> bool:
        """Whether a mode may oscillate: in a component of several storages, or of one that is not linear in itself.

        In all other orders each waveform is that of a first-order filter behind others.
        """
        return any(level.dynamic > 1 or (level.dynamic and level.order is not Order.CONSTANT) for level in self.levels)

    def refreshed(self, couplings: Couplings) -> "Structure":
        """Return the same order with the numbers of other `couplings` of the same unknowns, parts and clock lines."""
        return replace(self, links=all_links(couplings).only(self.kept))


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
    blocks = _blocks(couplings, links)
    graph = block_graph(blocks, moving)
    loops = graph.components(np.ones(graph.tails.size, dtype=bool))
    torn_edges = _torn_edges(graph, strength[moving[links.columns]] < weak, loops, couplings.balanced)
    parts = graph.components(~torn_edges)
    outer = depths(loops, graph.tails, graph.heads)[loops]
    inner = depths(parts, graph.tails[~torn_edges], graph.heads[~torn_edges])[parts]
    ranks = np.array([_ORDERS.index(block.order) for block in blocks])[graph.block]
    levels = _levels(couplings.dynamic, np.flatnonzero(moving), _ranks(graph, parts, ranks), parts, (outer, inner))
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


def _blocks(couplings: Couplings, links: DiagonalCoupling) -> list[Block]:
    """Return the `links`, as block 0, and all other `couplings` as blocks; rows are -1 where a flow is not taken."""
    found = [diagonal(links.rows, links.columns, Order.CONSTANT)]
    form, order = BlockForm.DENSE, Order.CONSTANT
    found += [Block(rows=dense.rows, columns=dense.columns, form=form, order=order) for dense in couplings.dense]
    for curved in couplings.curved:
        takes = receiving(curved.fed, couplings.dynamic.size)
        for block in curved.blocks:
            # what is dense and not constant is solved by no linear system, so that Settle makes no exponential of it
            order = Order.NONLINEAR if block.form is form else block.order
            rows = np.where(takes[block.rows], block.rows, -1)
            found.append(Block(rows=rows, columns=block.columns, form=block.form, order=order))
    return found


def _torn_edges(graph: BlockGraph, weak: Flags, loops: Indices, balanced: Flags) -> Flags:
    """Return which edges of the `graph` are torn, (e,): those that are weak and in a loop, with two exceptions.

    `weak` are the flags of the first edges, those of block 0; no other is weak. `loops` (total,) are the components by
    all edges, `balanced` (N,) the junctions. The exceptions stand in the docstring of this module.
    """
    tails, heads = graph.tails, graph.heads
    junctions = np.append(balanced, np.zeros(graph.total - balanced.size, dtype=bool))
    torn = np.append(weak, np.zeros(tails.size - weak.size, dtype=bool))
    torn &= (loops[tails] == loops[heads]) & (tails != heads)
    between = torn & junctions[tails] & junctions[heads]
    whole = graph.components(~torn | between)
    torn &= ~between | (np.bincount(whole) > _LARGEST_WHOLE)[whole[heads]]
    from_junction = torn & junctions[tails]
    left = graph.components(~torn | from_junction)  # loops that need no weak edge but those from junctions
    torn &= ~from_junction | (left[tails] == left[heads])
    return torn


def _ranks(graph: BlockGraph, parts: Indices, ranks: Indices) -> Indices:
    """Return for each node the highest of the `ranks` (e,) of the edges within its component of `parts`, (total,)."""
    found = np.zeros(graph.total, dtype=np.int64)
    inside = parts[graph.tails] == parts[graph.heads]
    np.maximum.at(found, parts[graph.heads[inside]], ranks[inside])
    return found[parts]


def _levels(
    dynamic: Flags, members: Indices, rank: Indices, parts: Indices, depth: tuple[Indices, Indices]
) -> tuple[Level, ...]:
    """Return the levels: components of equal depth, size, number of storages and kind of equations, in order of depth.

    `dynamic` (N,) are the storages, `members` the unknowns that are solved. Of each node (total,): `rank` is the place
    in `_ORDERS` of its component's equations, `parts` its component, `depth` the depths of its loop and of its part.
    """
    if not members.size:
        return ()
    place, stored = parts[members], dynamic[members]
    size, states = np.bincount(place), np.bincount(place[stored], minlength=int(place.max()) + 1)
    first = np.full(size.size, dynamic.size)
    np.minimum.at(first, place, members)
    traits = np.stack((depth[0][members], depth[1][members], size[place], states[place], rank[members]))
    group = np.unique(traits, axis=1, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((members, ~stored, first[place], group))
    levels = []
    for chosen in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        sweep, _, width, count, kind = traits[:, chosen[0]].tolist()
        nodes = members[chosen].reshape(-1, width)
        levels.append(Level(members=nodes, dynamic=count, order=_ORDERS[kind], sweep=sweep))
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
