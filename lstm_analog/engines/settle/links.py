"""Who acts on whom in a clock phase, how strongly, and what follows: components, their levels, names that coincide."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.order import strong_components
from lstm_analog.engines.settle.feeds import Feed, Way
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import BlockForm, High, Order, blocks, partials
from lstm_analog.network.parts import Part

NOTHING = 1e-13
"""Coupling into a row, as a share of the row's own conductance, below which it is left out: an open switch."""

_Entry = tuple[Indices, Indices, Floats, bool]
"""Tails, heads, strengths (..., k), and whether these are the same anywhere."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CouplingGraph:
    """Couplings of `size` unknowns and dense banks: by `tails` on `heads`, (k,), from `least` to `most` over the chips.

    The strengths are partial derivatives where all efforts are zero; `constant` ones are the same anywhere.
    """

    size: int
    tails: Indices
    heads: Indices
    least: Floats
    most: Floats
    constant: Flags

    @property
    def own(self) -> Flags:
        """Which couplings are of an unknown on itself."""
        return np.equal(self.tails, self.heads)

    def only(self, chosen: Flags) -> "CouplingGraph":
        """Return the `chosen` couplings."""
        names = ("tails", "heads", "least", "most", "constant")
        tails, heads, least, most, constant = (getattr(self, name)[chosen] for name in names)
        return replace(self, tails=tails, heads=heads, least=least, most=most, constant=constant)

    def held(self, count: int) -> tuple[Floats, Floats]:
        """Return by what each of `count` unknowns is held, -d flow / d own effort, the least and the most, (count,)."""
        low, high = np.zeros(count), np.zeros(count)
        own = self.only(self.own)
        np.subtract.at(low, own.heads, own.most)
        np.subtract.at(high, own.heads, own.least)
        return low, high

    def shares(self, hold: Floats, scales: Floats) -> Floats:
        """Return of what holds its head the share that each coupling is, (k,); infinite if not constant or not held.

        `hold` and `scales` (unknowns,) are what holds each unknown, and its unit.
        """
        result, held = np.full(self.tails.size, np.inf), np.zeros(self.size)
        held[: hold.size] = hold * scales
        chosen = np.flatnonzero(self.constant & (held[self.heads] > 0.0))
        strength = np.maximum(np.abs(self.least), np.abs(self.most))[chosen]
        result[chosen] = strength * scales[self.tails[chosen]] / held[self.heads[chosen]]
        return result

    def components(self) -> Indices:
        """Return the number of the strongly connected component of each unknown and dense bank, (size,)."""
        return strong_components(self.tails, self.heads, self.size)

    def levels(self, component: Indices) -> Indices:
        """Return how many components stand before each unknown and dense bank on the longest path, (size,).

        `component` (size,) is the component of each.
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
    """Return the couplings of `network` through the feeds `found` with the lines `high`."""
    size, hubs = network.unknowns.size, 0
    entries: list[_Entry] = []
    for feed in found:
        fed = np.flatnonzero(feed.rows >= 0)
        if feed.way is Way.DENSE:
            entries += _dense(feed.columns, feed.rows[fed], size + hubs)
            hubs += 1
        elif feed.way is Way.DIAGONAL and feed.values is not None:
            entries.append((feed.columns[fed], feed.rows[fed], feed.values[..., fed], True))
    for part, taking in _lawful(found, size):
        rest = partials(part, np.zeros(size), high)
        for block, value in zip(blocks(part, high), rest, strict=True):
            fed = np.flatnonzero(taking[block.rows])
            if block.form is BlockForm.DENSE:
                entries += _dense(block.columns, block.rows[fed], size + hubs)
                hubs += 1
            else:
                entries.append((block.columns[fed], block.rows[fed], value[..., fed], block.order is Order.CONSTANT))
    return _joined(entries, size + hubs)


def _dense(inputs: Indices, targets: Indices, hub: int) -> list[_Entry]:
    """Return the couplings through a dense bank, which is the node `hub`: its inputs on it, it on its rows."""
    there = (inputs, np.full(inputs.size, hub), np.full(inputs.size, np.inf), False)
    return [there, (np.full(targets.size, hub), targets, np.full(targets.size, np.inf), False)]


def _lawful(found: tuple[Feed, ...], size: int) -> list[tuple[Part, Flags]]:
    """Return the banks whose feeds are not written out as constants, and which unknowns they feed."""
    parts: dict[str, Part] = {}
    taking: dict[str, Flags] = {}
    for feed in found:
        if feed.way in (Way.PRODUCT, Way.CONTROLLED, Way.LAW):
            parts[feed.part.label] = feed.part
            taking.setdefault(feed.part.label, np.zeros(size, dtype=bool))[feed.rows[feed.rows >= 0]] = True
    return [(parts[label], taking[label]) for label in parts]


def _joined(entries: list[_Entry], size: int) -> CouplingGraph:
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


def audible(found: tuple[Feed, ...], network: Network, hold: Floats) -> tuple[Feed, ...]:
    """Return the feeds `found` without the coefficients that are `NOTHING` beside the `hold` (unknowns,) of their row.

    Efforts of `network` are compared in units of their scale.
    """
    scales = network.unknowns.scales()

    def heard(feed: Feed) -> Feed:
        if feed.way is not Way.DIAGONAL or feed.values is None:
            return feed
        size = np.abs(feed.values).reshape(-1, feed.rows.size).max(axis=0)
        loud = size * scales[feed.columns] >= NOTHING * hold[feed.rows] * scales[feed.rows]
        return replace(feed, rows=np.where(loud, feed.rows, -1))

    return tuple(kept for feed in found if ((kept := heard(feed)).rows >= 0).any())


def same(coupled: CouplingGraph, free: Flags, hold: tuple[Floats, Floats]) -> Indices:
    """Return by whose name each unknown of those `coupled` may go, (unknowns,): one tied to but one other is its equal.

    `free` are those that may have it so: they settle and have no constant inflow. `hold` are their least and largest
    conductances. So a store is the equal of what a closed switch ties it to. A follower is not: it takes no flow from
    its input.
    """
    count, foreign = free.size, ~coupled.own
    others = coupled.only(foreign)
    number = np.bincount(others.heads, minlength=coupled.size)[:count]
    single = others.only(others.constant & (others.heads < count))
    low, high = (held[single.heads] for held in hold)
    equal = (np.abs(single.least - low) <= NOTHING * high) & (np.abs(single.most - high) <= NOTHING * high) & (high > 0)
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
