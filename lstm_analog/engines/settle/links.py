"""The graph of which unknown acts on which in a clock phase, and how strongly; what follows from it.

An edge (a coupling) leads from unknown a, the tail, to unknown b, the head, if the flow into b depends on the effort of
a. Its strength is d flow into b / d effort of a, in units of conductance. An edge from b to itself is b's own
conductance with the sign changed: the larger it is, the less the others move b. A dense bank is one extra node, not an
edge for each weight.

From the graph follow the loops (strongly connected components), the order in which they are solved (levels), and which
unknowns are always equal (`same`).
"""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.order import strong_components
from lstm_analog.engines.settle.feeds import Feed, Way
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import BlockForm, High, Order, blocks, partials
from lstm_analog.network.parts import Part

NEGLIGIBLE = 1e-13
"""Coupling into a row, as a share of the row's own conductance, below which it is left out: an open switch."""

_Entry = tuple[Indices, Indices, Floats, bool]
"""Some edges: tails (k,), heads (k,), strengths (..., k), and whether the strengths are the same at all efforts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CouplingGraph:
    """The graph of couplings: k edges between `size` nodes, the unknowns first and the dense banks behind them.

    Attributes
    ----------
    size : int
        Number of nodes.
    tails, heads : index arrays, (k,)
        Edge j says that the flow into `heads[j]` depends on the effort of `tails[j]`.
    least, most : float arrays, (k,)
        Strength d flow / d effort where all efforts are zero, least and most of all chips; infinite at dense banks.
    constant : flags, (k,)
        Whether the strength is the same at all efforts.
    """

    size: int
    tails: Indices
    heads: Indices
    least: Floats
    most: Floats
    constant: Flags

    @property
    def own(self) -> Flags:
        """Which edges lead from an unknown to itself, (k,)."""
        return np.equal(self.tails, self.heads)

    def only(self, chosen: Flags) -> "CouplingGraph":
        """Return the graph with the `chosen` edges (k,) only."""
        names = ("tails", "heads", "least", "most", "constant")
        tails, heads, least, most, constant = (getattr(self, name)[chosen] for name in names)
        return replace(self, tails=tails, heads=heads, least=least, most=most, constant=constant)

    def own_conductance(self, count: int) -> tuple[Floats, Floats]:
        """Return -d flow / d own effort of the first `count` unknowns, least and most of all chips, (count,) each."""
        low, high = np.zeros(count), np.zeros(count)
        own = self.only(self.own)
        np.subtract.at(low, own.heads, own.most)
        np.subtract.at(high, own.heads, own.least)
        return low, high

    def relative_strengths(self, conductance: Floats, scales: Floats) -> Floats:
        """Return the change of each head, in units of signal, that one unit of signal at the tail causes at rest, (k,).

        That is |strength| / `conductance` of the head, each unknown counted in its `scales`, both (unknowns,). It is
        infinite for edges that are not constant, and where the head has no conductance.
        """
        result, scaled = np.full(self.tails.size, np.inf), np.zeros(self.size)
        scaled[: conductance.size] = conductance * scales
        chosen = np.flatnonzero(self.constant & (scaled[self.heads] > 0.0))
        strength = np.maximum(np.abs(self.least), np.abs(self.most))[chosen]
        result[chosen] = strength * scales[self.tails[chosen]] / scaled[self.heads[chosen]]
        return result

    def components(self) -> Indices:
        """Return the number of the strongly connected component, the loop, of each node, (size,)."""
        return strong_components(self.tails, self.heads, self.size)

    def levels(self, component: Indices) -> Indices:
        """Return the level of each node, (size,): the number of components before its own on the longest path.

        `component` (size,) is the component of each node.
        """
        tails, heads = component[self.tails], component[self.heads]
        between = tails != heads
        pairs = np.unique(np.stack((tails[between], heads[between]), axis=1), axis=0)
        level = np.zeros(int(component.max(initial=0)) + 1, dtype=np.int64)
        while True:
            deeper = level.copy()
            np.maximum.at(deeper, pairs[:, 1], level[pairs[:, 0]] + 1)
            if np.array_equal(deeper, level):
                return level[component]
            level = deeper


def links(network: Network, found: tuple[Feed, ...], high: High) -> CouplingGraph:
    """Return the graph of the couplings of `network` through the feeds `found` with the clock lines `high`."""
    size, hubs = network.unknowns.size, 0
    entries: list[_Entry] = []
    for feed in found:
        fed = np.flatnonzero(feed.rows >= 0)
        if feed.way is Way.DENSE:
            entries += _dense(feed.columns, feed.rows[fed], size + hubs)
            hubs += 1
        elif feed.way is Way.DIAGONAL and feed.values is not None:
            entries.append((feed.columns[fed], feed.rows[fed], feed.values[..., fed], True))
    for part, targets in _lawful(found, size):
        rest = partials(part, np.zeros(size), high)
        for block, value in zip(blocks(part, high), rest, strict=True):
            fed = np.flatnonzero(targets[block.rows])
            if block.form is BlockForm.DENSE:
                entries += _dense(block.columns, block.rows[fed], size + hubs)
                hubs += 1
            else:
                entries.append((block.columns[fed], block.rows[fed], value[..., fed], block.order is Order.CONSTANT))
    return _joined(entries, size + hubs)


def _dense(inputs: Indices, targets: Indices, hub: int) -> list[_Entry]:
    """Return the edges of a dense bank, the node `hub`: from its `inputs` to it, from it to its `targets`."""
    there = (inputs, np.full(inputs.size, hub), np.full(inputs.size, np.inf), False)
    return [there, (np.full(targets.size, hub), targets, np.full(targets.size, np.inf), False)]


def _lawful(found: tuple[Feed, ...], size: int) -> list[tuple[Part, Flags]]:
    """Return the banks whose flow is not linear with constant coefficients, and which unknowns each feeds, (size,)."""
    parts: dict[str, Part] = {}
    fed: dict[str, Flags] = {}
    for feed in found:
        if feed.way in (Way.PRODUCT, Way.CONTROLLED, Way.LAW):
            parts[feed.part.label] = feed.part
            fed.setdefault(feed.part.label, np.zeros(size, dtype=bool))[feed.rows[feed.rows >= 0]] = True
    return [(parts[label], fed[label]) for label in parts]


def _joined(entries: list[_Entry], size: int) -> CouplingGraph:
    """Return the graph of all `entries` between `size` nodes."""
    none = np.empty(0)
    entries = [entry for entry in entries if entry[0].size]
    wide = [value.reshape(-1, value.shape[-1]) for _, _, value, _ in entries]
    return CouplingGraph(
        size=size,
        tails=np.concatenate([none.astype(np.int64), *(tails for tails, _, _, _ in entries)]),
        heads=np.concatenate([none.astype(np.int64), *(heads for _, heads, _, _ in entries)]),
        least=np.concatenate([none, *(value.min(axis=0) for value in wide)]),
        most=np.concatenate([none, *(value.max(axis=0) for value in wide)]),
        constant=np.concatenate(
            [none.astype(bool), *(np.full(tails.size, constant) for tails, _, _, constant in entries)]
        ),
    )


def significant(found: tuple[Feed, ...], network: Network, conductance: Floats) -> tuple[Feed, ...]:
    """Return the feeds `found` without coefficients that are negligible beside their row's own conductance.

    `conductance` (unknowns,) is that of each row, the C/T of its storage included. Efforts of `network` are compared in
    units of signal. A row whose coefficient is dropped becomes -1.
    """
    scales = network.unknowns.scales()

    def reduced(feed: Feed) -> Feed:
        if feed.way is not Way.DIAGONAL or feed.values is None:
            return feed
        size = np.abs(feed.values).reshape(-1, feed.rows.size).max(axis=0)
        matters = size * scales[feed.columns] >= NEGLIGIBLE * conductance[feed.rows] * scales[feed.rows]
        return replace(feed, rows=np.where(matters, feed.rows, -1))

    return tuple(rest for feed in found if ((rest := reduced(feed)).rows >= 0).any())


def same(coupled: CouplingGraph, free: Flags, conductance: tuple[Floats, Floats]) -> Indices:
    """Return for each unknown of the graph `coupled` the number of the one it always equals, or its own, (unknowns,).

    An unknown that a conductance ties to one other, and that nothing else acts on, has at rest the effort of that
    other: a storage behind a closed switch. `free` (unknowns,) are those for which this may be: they settle and have no
    constant inflow. `conductance` are the own conductances, least and most of all chips. A follower is no such case.
    """
    count, between = free.size, ~coupled.own
    others = coupled.only(between)
    number = np.bincount(others.heads, minlength=coupled.size)[:count]
    single = others.only(others.constant & (others.heads < count))
    low, high = (one[single.heads] for one in conductance)
    equal = np.maximum(np.abs(single.least - low), np.abs(single.most - high)) <= NEGLIGIBLE * high
    equal &= high > 0
    chosen = single.only(equal & free[single.heads] & (number[single.heads] == 1))
    names = np.arange(count)
    names[chosen.heads] = chosen.tails
    mutual = names[names] == np.arange(count)
    names[mutual] = np.flatnonzero(mutual)
    for _ in range(count):
        further = names[names]
        if np.array_equal(further, names):
            return names
        names = further
    return names
