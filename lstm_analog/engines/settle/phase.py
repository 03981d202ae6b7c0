"""In which order the unknowns of a network find their fixed point while the clock stands in one phase.

An unknown is imposed, held, the same as another, settled, or too slow for its phase. Which, the phase decides by
numbers: a coupling counts in proportion to what holds its row, the storage's own C/T included. The rest is cut into
strongly connected components; like components of a level are one stage. A slow storage inside a loop (a leak) tears it:
the others settle as if it stood still, it moves, and they settle again; what is left out is the leak's square.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.settle.feeds import Feed, Way, feeds, renamed
from lstm_analog.engines.settle.links import Flags, Links, audible, links, same
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, capacity
from lstm_analog.network.parts import Part


_RUNS = 16
"""Runs of neighbours up to which each is copied by itself; more are gathered at once."""


_REMEMBERED = 16
"""Phases kept, about three networks: working them out takes as long as a hundred steps of a small one."""

Key = tuple[object, ...]


class Mode(Enum):
    """How a stage gets its efforts: from another unknown, from its own balance, over time, or by Newton's method."""

    COPY = "copy"
    LEVEL = "level"
    EXPONENTIAL = "exponential"
    NEWTON = "newton"


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """Components solved side by side: `nodes` (p, n), n components of p unknowns each.

    `inputs` are the unknowns read, `feeds` what feeds the nodes; a copy reads its nodes' values from its inputs, for an
    exponential `pace` (..., n) is T/C. Stages of equal `key` compute the same.
    """

    mode: Mode
    nodes: Indices
    inputs: Indices
    feeds: tuple[Feed, ...]
    pace: Floats
    key: Key


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """The `stages` of a clock phase in order, for `parts` between the unknowns that go by their own name."""

    parts: tuple[Part, ...]
    high: High
    stages: tuple[Stage, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Store:
    """Capacities (..., unknowns) of a `network`, zero where nothing is stored, and how long the phase is (s)."""

    network: Network
    amount: Floats
    duration: float

    @property
    def hold(self) -> Floats:
        """What a storage holds itself by, C/T, the most over the chips, (unknowns,)."""
        most: Floats = self.amount.reshape(-1, self.amount.shape[-1]).max(axis=0)
        return most / self.duration


@lru_cache(maxsize=_REMEMBERED)
def phase(network: Network, high: High, duration: float, settled: float) -> Phase:
    """Return how `network` settles with the clock lines `high` for `duration` seconds (infinite: for good).

    A storage settles if its ties move it by `settled` time constants or more; if less, it takes its exponential.

    Raises
    ------
    UnsupportedError
        If a storage that does not settle is fed by what has no exponential.
    """
    store = _Store(network=network, amount=_capacities(network), duration=duration)
    found = feeds(network, network.parts, high)
    found, coupled = _heard(store, found, high)
    slow = _slow(store, coupled, settled)
    names = same(coupled, _free(store, found, slow), coupled.held(slow.size))
    parts = tuple(renamed(part, names) for part in network.parts)
    found, coupled = _heard(store, feeds(network, parts, high), high)
    stages = _stages(store, found, coupled, slow, names)
    return Phase(parts=parts, high=high, stages=stages)


def _capacities(network: Network) -> Floats:
    found = [capacity(part) for part in network.parts]
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    result = np.zeros((*lead, network.unknowns.size))
    for nodes, amount in found:
        result[..., nodes] = amount
    return result


def _heard(store: _Store, found: tuple[Feed, ...], high: High) -> tuple[tuple[Feed, ...], Links]:
    hold = links(store.network, found, high).held(store.network.unknowns.size)[1]
    heard = audible(found, store.network, hold + store.hold)
    return heard, links(store.network, heard, high)


def _slow(store: _Store, coupled: Links, settled: float) -> Flags:
    """Return which unknowns do not settle: storages moved too little by themselves and those they form a loop with."""
    component = coupled.components()
    inner = coupled.only((component[coupled.tails] == component[coupled.heads]) & np.isfinite(coupled.least))
    pull = np.zeros(store.network.unknowns.size)
    np.add.at(pull, inner.heads, np.minimum(np.abs(inner.least), np.abs(inner.most)))
    slow: Flags = (store.hold > 0) & (pull < settled * store.hold)
    return slow


def _free(store: _Store, found: tuple[Feed, ...], slow: Flags) -> Flags:
    free, kinds = np.zeros(slow.size, dtype=bool), store.network.kinds()
    free[kinds[Kind.BALANCED]] = free[kinds[Kind.STORED]] = True
    free &= ~slow
    for feed in found:
        if feed.way is not Way.DIAGONAL:
            free[feed.rows[feed.rows >= 0]] = False
    return free


def _stages(store: _Store, found: tuple[Feed, ...], coupled: Links, slow: Flags, names: Indices) -> tuple[Stage, ...]:
    """Return the stages in order; those that a torn loop has to repeat stand in it twice."""
    size, component = slow.size, coupled.components()
    cut = (component[coupled.tails] == component[coupled.heads]) & ~coupled.own & (coupled.heads < size)
    cut[cut] = slow[coupled.heads[cut]]
    torn = np.zeros(size, dtype=bool)
    torn[coupled.heads[cut]] = True
    whole = coupled.only(~cut)
    component = whole.components()
    made = _grouped(store, found, component[:size], whole.levels(component)[:size], slow)
    early = [stage for stage in made if not torn[stage.nodes].any()]
    late = [stage for stage in made if torn[stage.nodes].any()]
    again, fresh = [], torn.copy()
    for stage in early:
        if fresh[stage.inputs].any():
            fresh[stage.nodes] = True
            again.append(stage)
    once = [stage for stage in early if stage.mode is not Mode.EXPONENTIAL or stage not in again]
    settled = np.concatenate([np.empty(0, np.int64), *(stage.nodes.ravel() for stage in made)])
    given = np.setdiff1d(names, settled)
    order = [*once, *late, *again]
    return (*_copies(names, given), *(each for stage in order for each in (stage, *_copies(names, stage.nodes))))


def _grouped(
    store: _Store, found: tuple[Feed, ...], component: Indices, level: Indices, slow: Flags
) -> list[Stage]:
    """Return like components of a level as one stage each, by level."""
    size = component.size
    counts = np.stack([np.bincount(feed.rows[feed.rows >= 0], minlength=size) for feed in found], axis=1)
    members = np.flatnonzero(counts.any(axis=1))
    traits = np.column_stack((level[members], slow[members], counts[members]))
    kind = np.unique(traits, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((members, kind, component[members]))
    members, kind = members[order], kind[order]
    sizes = np.unique(component[members], return_inverse=True, return_counts=True)
    extent = sizes[2][sizes[1]]
    stages: list[tuple[int, Stage]] = []
    for unknowns in np.unique(extent).tolist():
        chosen = extent == unknowns
        nodes, kinds = members[chosen].reshape(-1, unknowns), kind[chosen].reshape(-1, unknowns)
        like = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1)
        for number in range(int(like.max(initial=-1)) + 1):
            alike = nodes[like == number]
            alike = alike[np.argsort(alike[:, 0])].T
            stages.append((int(level[alike[0, 0]]), _stage(store, found, alike, bool(slow[alike[0, 0]]))))
    return [stage for _, stage in sorted(stages, key=lambda entry: entry[0])]


def _stage(store: _Store, found: tuple[Feed, ...], nodes: Indices, slow: bool) -> Stage:
    fed = [feed.of(nodes[0]) if len(nodes) == 1 else (feed,) for feed in found if np.isin(feed.rows, nodes).any()]
    own = tuple(feed for several in fed for feed in several)
    lawful = len(nodes) > 1 or any(feed.way is Way.LAW or np.isin(feed.controls, nodes).any() for feed in own)
    if slow and lawful:
        where, do = store.network.unknowns.names()[nodes[0, 0]], "run it with Integrate, or lengthen the phase"
        must = "settle in its phase or be fed linearly in its own effort"
        raise UnsupportedError(explain(f"storage {where}", must=must, got="neither", do=do))
    mode = Mode.NEWTON if lawful else Mode.EXPONENTIAL if slow else Mode.LEVEL
    inputs = np.unique(np.concatenate([np.concatenate((feed.columns, feed.controls)) for feed in own]))
    inputs = np.union1d(inputs, nodes) if slow else np.setdiff1d(inputs, nodes)
    pace = store.duration / store.amount[..., nodes[0]] if slow else np.empty(0)
    key = (mode, nodes.tobytes(), inputs.tobytes(), pace.tobytes(), tuple(feed.name for feed in own))
    return Stage(mode=mode, nodes=nodes, inputs=inputs, feeds=own, pace=pace, key=key)


def _copies(names: Indices, sources: Indices) -> list[Stage]:
    """Return the stages that copy the `sources` to the unknowns of the same name, a run of neighbours each."""
    nodes = np.flatnonzero((names != np.arange(names.size)) & np.isin(names, sources))
    if not nodes.size:
        return []
    breaks = np.flatnonzero((np.diff(nodes) != 1) | (np.diff(names[nodes]) != 1)) + 1
    runs = np.split(nodes, breaks) if breaks.size < _RUNS else [nodes]
    none = np.empty(0)
    return [
        Stage(
            mode=Mode.COPY,
            nodes=run[None],
            inputs=names[run],
            feeds=(),
            pace=none,
            key=(Mode.COPY, run.tobytes(), names[run].tobytes()),
        )
        for run in runs
    ]
