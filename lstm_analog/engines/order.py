"""In which order the algebraic unknowns of a network can be solved: components first, then generations."""

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from lstm_analog.arrays import Indices
from lstm_analog.network.laws import Block, Form


def generations(blocks: list[Block], members: Indices, size: int) -> list[Indices]:
    """Return the `members` (of `size` unknowns) in groups so that each depends on itself and earlier groups only.

    Who depends on whom, the `blocks` say; rows below 0 do not count. Members that act on each other in a loop stand in
    one group. A dense block is one node of the dependency graph, not one edge a weight.
    """
    if not members.size:
        return []
    tails, heads, total = _edges(blocks, members, size)
    graph = sparse.csr_array((np.ones(tails.size), (tails, heads)), shape=(total, total))
    count, component = csgraph.connected_components(graph, directed=True, connection="strong")
    condensed: nx.DiGraph[int] = nx.DiGraph()
    condensed.add_nodes_from(range(count))
    between = component[tails] != component[heads]
    condensed.add_edges_from(zip(component[tails][between].tolist(), component[heads][between].tolist(), strict=True))
    level = np.empty(count, dtype=np.int64)
    for number, generation in enumerate(nx.topological_generations(condensed)):
        level[list(generation)] = number
    of_member = level[component[members]]
    return [members[of_member == number] for number in np.unique(of_member)]


def _edges(blocks: list[Block], members: Indices, size: int) -> tuple[Indices, Indices, int]:
    inside = np.zeros(size + 1, dtype=bool)  # one more, where the rows that do not count (-1) point
    inside[members] = True
    tails, heads = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    total = size
    for block in blocks:
        if block.form is Form.DENSE:
            columns, rows = block.columns[inside[block.columns]], block.rows[inside[block.rows]]
            tails += [columns, np.full(rows.size, total)]
            heads += [np.full(columns.size, total), rows]
            total += 1
        else:
            both = inside[block.columns] & inside[block.rows]
            tails.append(block.columns[both])
            heads.append(block.rows[both])
    return np.concatenate(tails), np.concatenate(heads), total
