"""In which order the algebraic unknowns of a network can be solved: components first, then generations."""

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.laws import Block, BlockForm


def generations(blocks: list[Block], members: Indices, size: int) -> list[Indices]:
    """Return the `members` (of `size` unknowns) in groups so that each depends on itself and earlier groups only.

    Who depends on whom, the `blocks` say; rows below 0 do not count. Members that act on each other in a loop stand in
    one group. A dense block is one node of the dependency graph, not one edge a weight.
    """
    if not members.size:
        return []
    tails, heads, total = _edges(blocks, members, size)
    component = strong_components(tails, heads, total)
    between = component[tails] != component[heads]
    level = _levels(component[tails][between], component[heads][between], int(component.max()) + 1)
    of_member = level[component[members]]
    return [members[of_member == number] for number in np.unique(of_member)]


def strong_components(tails: Indices, heads: Indices, size: int) -> Indices:
    """Return the number of the strongly connected component of each of `size` nodes, edges `tails` -> `heads`."""
    from scipy.sparse import csgraph, csr_array

    graph = csr_array((np.ones(tails.size), (tails, heads)), shape=(size, size))
    return np.asarray(csgraph.connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


def _levels(tails: Indices, heads: Indices, count: int) -> Indices:
    """Return how many edges the longest way to each of `count` nodes has, along edges `tails` -> `heads` of no loop."""
    order = np.argsort(tails, kind="stable")
    starts = np.searchsorted(tails[order], np.arange(count + 1))
    degrees, missing = np.diff(starts), np.bincount(heads, minlength=count)
    level, ready = np.zeros(count, dtype=np.int64), np.flatnonzero(missing == 0)
    number = 0
    while ready.size:
        level[ready] = number
        first = np.repeat(starts[ready] - np.append(0, np.cumsum(degrees[ready])[:-1]), degrees[ready])
        reached = heads[order[first + np.arange(first.size)]]
        np.subtract.at(missing, reached, 1)
        ready = np.unique(reached[missing[reached] == 0])
        number += 1
    return level


def _edges(blocks: list[Block], members: Indices, size: int) -> tuple[Indices, Indices, int]:
    inside = np.zeros(size + 1, dtype=bool)  # one more, where the rows that do not count (-1) point
    inside[members] = True
    tails, heads = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    total = size
    for block in blocks:
        if block.form is BlockForm.DENSE:
            columns, rows = block.columns[inside[block.columns]], block.rows[inside[block.rows]]
            tails += [columns, np.full(rows.size, total)]
            heads += [np.full(columns.size, total), rows]
            total += 1
        else:
            both = inside[block.columns] & inside[block.rows]
            tails.append(block.columns[both])
            heads.append(block.rows[both])
    return np.concatenate(tails), np.concatenate(heads), total
