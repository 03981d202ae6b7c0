"""The graph of which unknown acts on which: its loops, and in which order they can be solved.

An edge leads from an unknown, its tail, to an unknown whose balance it enters, its head. A dense block is one extra
node, a hub, between its columns and its rows, not one edge a weight.
"""

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.network.laws import Block, BlockForm


def generations(blocks: list[Block], members: Indices, size: int) -> list[Indices]:
    """Return the `members` (of `size` unknowns) in groups so that each depends on itself and earlier groups only.

    Who depends on whom, the `blocks` say; rows below 0 do not count. Members that act on each other in a loop stand in
    one group.
    """
    if not members.size:
        return []
    inside = np.zeros(size, dtype=bool)
    inside[members] = True
    tails, heads = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    total = size
    for block in blocks:
        tail, head = block_edges(block.form, block.columns, block.rows, inside, total)
        tails.append(tail)
        heads.append(head)
        total += block.form is BlockForm.DENSE
    tail, head = np.concatenate(tails), np.concatenate(heads)
    component = strong_components(tail, head, total)
    depth = depths(component, tail, head)[component[members]]
    return [members[depth == number] for number in np.unique(depth)]


def block_edges(form: BlockForm, columns: Indices, rows: Indices, inside: Flags, hub: int) -> tuple[Indices, Indices]:
    """Return the tails and heads (k,) of the edges of a block of a `form`, from its `columns` to its `rows`.

    Only the unknowns `inside`, flags (N,), count; rows below 0 do not. A dense block leads through the node `hub`.
    """
    entering = (rows >= 0) & inside[rows]
    if form is BlockForm.DENSE:
        sources, targets = columns[inside[columns]], rows[entering]
        return np.append(sources, np.full(targets.size, hub)), np.append(np.full(sources.size, hub), targets)
    both = inside[columns] & entering
    return columns[both], rows[both]


def strong_components(tails: Indices, heads: Indices, size: int) -> Indices:
    """Return the number of the strongly connected component of each of `size` nodes, edges `tails` -> `heads`."""
    from scipy.sparse import csgraph, csr_array

    graph = csr_array((np.ones(tails.size), (tails, heads)), shape=(size, size))
    return np.asarray(csgraph.connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


def depths(component: Indices, tails: Indices, heads: Indices) -> Indices:
    """Return how many edges the longest way to each component has, along edges `tails` -> `heads` that close no loop.

    `component` (nodes,) is the component of each node. Edges inside a component do not count.
    """
    tails, heads = component[tails], component[heads]
    between = tails != heads
    tails, heads, count = tails[between], heads[between], int(component.max(initial=-1)) + 1
    order = np.argsort(tails, kind="stable")
    starts = np.searchsorted(tails[order], np.arange(count + 1))
    degrees, missing = np.diff(starts), np.bincount(heads, minlength=count)
    depth, ready = np.zeros(count, dtype=np.int64), np.flatnonzero(missing == 0)
    number = 0
    while ready.size:
        depth[ready] = number
        first = np.repeat(starts[ready] - np.append(0, np.cumsum(degrees[ready])[:-1]), degrees[ready])
        reached = heads[order[first + np.arange(first.size)]]
        np.subtract.at(missing, reached, 1)
        ready = np.unique(reached[missing[reached] == 0])
        number += 1
    return depth
