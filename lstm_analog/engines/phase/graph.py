"""The graph of which unknown acts on which: its loops, and in which order they can be solved.

An edge leads from an unknown, its tail, to an unknown whose balance it enters, its head. A dense block is one extra
node, a hub, between its columns and its rows, not one edge a weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.network.laws import Block, BlockForm


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockGraph:
    """The e edges of some blocks between `total` nodes: all unknowns, then a hub for each dense block.

    Edge j leads from `tails[j]` to `heads[j]` and is one of block number `block[j]`, (e,) each.
    """

    tails: Indices
    heads: Indices
    block: Indices
    total: int

    def components(self, wanted: Flags) -> Indices:
        """Return the number of the strongly connected component of each node by the `wanted` edges (e,), (total,)."""
        return strong_components(self.tails[wanted], self.heads[wanted], self.total)


def block_graph(blocks: Sequence[Block], inside: Flags) -> BlockGraph:
    """Return the graph of the `blocks` between the unknowns `inside`, flags (N,); rows below 0 do not count."""
    none, total = np.empty(0, np.int64), inside.size
    tails, heads = [none], [none]
    for block in blocks:
        entering = (block.rows >= 0) & inside[block.rows]
        if block.form is BlockForm.DENSE:
            first, last, hub = block.columns[inside[block.columns]], block.rows[entering], total
            tails.append(np.append(first, np.full(last.size, hub)))
            heads.append(np.append(np.full(first.size, hub), last))
            total += 1
        else:
            both = inside[block.columns] & entering
            tails.append(block.columns[both])
            heads.append(block.rows[both])
    number = np.repeat(np.arange(-1, len(blocks)), [some.size for some in tails])
    return BlockGraph(tails=np.concatenate(tails), heads=np.concatenate(heads), block=number, total=total)


def generations(blocks: Sequence[Block], members: Indices, size: int) -> list[Indices]:
    """Return the `members` (of `size` unknowns) in groups, each of which depends on itself and on earlier groups only.

    Who depends on whom, the `blocks` say; rows below 0 do not count. Members that act on each other in a loop are in
    one group.
    """
    inside = np.zeros(size, dtype=bool)
    inside[members] = True
    graph = block_graph(blocks, inside)
    component = strong_components(graph.tails, graph.heads, graph.total)
    depth = depths(component, graph.tails, graph.heads)[component[members]]
    return [members[depth == number] for number in np.unique(depth)]


def strong_components(tails: Indices, heads: Indices, size: int) -> Indices:
    """Return the number of the strongly connected component of each of `size` nodes, edges `tails` -> `heads`."""
    from scipy.sparse import csgraph, csr_array

    graph = csr_array((np.ones(tails.size), (tails, heads)), shape=(size, size))
    return np.asarray(csgraph.connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


def depths(component: Indices, tails: Indices, heads: Indices) -> Indices:
    """Return the depth of each component: the number of edges on the longest way to it, (components,).

    `component` (nodes,) is the component of each node. Edges `tails` -> `heads` inside a component do not count; those
    between components close no loop.
    """
    tails, heads = component[tails], component[heads]
    between = tails != heads
    tails, heads, count = tails[between], heads[between], int(component.max(initial=-1)) + 1
    order = np.argsort(tails, kind="stable")
    starts = np.searchsorted(tails[order], np.arange(count + 1))
    degrees, missing = np.diff(starts), np.bincount(heads, minlength=count)
    depth, ready = np.zeros(count, dtype=np.int64), np.flatnonzero(missing == 0)
    number = 0
    while ready.size:  # all components to which no edge leads from one that has no depth yet
        depth[ready] = number
        first = np.repeat(starts[ready] - np.append(0, np.cumsum(degrees[ready])[:-1]), degrees[ready])
        reached = heads[order[first + np.arange(first.size)]]
        np.subtract.at(missing, reached, 1)
        ready = np.unique(reached[missing[reached] == 0])
        number += 1
    return depth
