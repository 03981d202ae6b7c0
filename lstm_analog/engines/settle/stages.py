"""Groups the components of a phase into stages: components of like shape and level, solved side by side.

A component is a loop of p unknowns (strongly connected), most often a single unknown.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.settle.feeds import ChangedBanks, Feed, Way
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import idle

_RUNS = 16
"""Runs of neighbouring unknowns from which on a copy is one gather by index, not a stage a run; trades speed only."""


Key = tuple[object, ...]


class Mode(Enum):
    """How the efforts of a stage are found.

    COPY: they equal those of others. LEVEL: inflow over conductance. EXPONENTIAL: a slow storage, for the time of the
    phase. NEWTON: loops of several unknowns, and flows that are not linear in their own effort.
    """

    COPY = "copy"
    LEVEL = "level"
    EXPONENTIAL = "exponential"
    NEWTON = "newton"


@dataclass(frozen=True, kw_only=True, eq=False)
class ComponentStage:
    """Components solved side by side: n components of p unknowns each.

    Attributes
    ----------
    mode : Mode
        How they are solved.
    nodes : index array, (p, n)
        The unknowns that are set; p is 1 but for NEWTON.
    inputs : index array
        The unknowns that are read; for COPY, (n,), those that the nodes equal.
    feeds : tuple of Feed
        The flows into the nodes.
    pace : float array, (..., n)
        For EXPONENTIAL: T/C, effort per steady flow for the time T of the phase; empty otherwise.
    key : tuple
        Stages of equal key compute the same, also in another phase.
    """

    mode: Mode
    nodes: Indices
    inputs: Indices
    feeds: tuple[Feed, ...]
    pace: Floats
    key: Key


@dataclass(frozen=True, kw_only=True, eq=False)
class Store:
    """Capacities `amount` (..., unknowns) of a `network`, zero where none is stored, and the phase's `duration` (s)."""

    network: Network
    amount: Floats
    duration: float

    @property
    def most_conductance(self) -> Floats:
        """The conductance C/T by which a storage resists change in a phase of T, the most of all chips, (unknowns,)."""
        most: Floats = self.amount.reshape(-1, self.amount.shape[-1]).max(axis=0)
        return most / self.duration

    @property
    def least_conductance(self) -> Floats:
        """The same conductance C/T, the least of all chips, (unknowns,)."""
        least: Floats = self.amount.reshape(-1, self.amount.shape[-1]).min(axis=0)
        return least / self.duration


def refitted(stage: ComponentStage, changed: ChangedBanks) -> ComponentStage:
    """Return `stage` with the parameters that the banks `changed` have now.

    What was decided by the parameters before stays decided: what settles, what is negligible, in which order.
    """
    return replace(stage, feeds=tuple(feed.refitted(changed) for feed in stage.feeds))


def paced(stage: ComponentStage, ratio: float) -> ComponentStage:
    """Return `stage` for a phase `ratio` times as long: another pace where it takes an exponential."""
    if stage.mode is not Mode.EXPONENTIAL:
        return stage
    pace = stage.pace * ratio
    return replace(stage, pace=pace, key=_key(stage.mode, stage.nodes, stage.inputs, pace, stage.feeds))


def grouped(
    store: Store, found: tuple[Feed, ...], component: Indices, level: Indices, slow: Flags
) -> list[ComponentStage]:
    """Return the stages, in order of level: like components of a level are one stage.

    `component` and `level` (unknowns,) are the numbers of each unknown's component and level, `found` the feeds of the
    network in `store`; `slow` (unknowns,) tells which do not settle. Like components have as many unknowns, fed by the
    same banks.
    """
    if not found:
        return []
    size = component.size
    counts = np.stack([np.bincount(feed.rows[feed.rows >= 0], minlength=size) for feed in found], axis=1)
    members = np.flatnonzero(counts.any(axis=1))
    traits = np.column_stack((level[members], slow[members], counts[members]))
    kind = np.unique(traits, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((members, kind, component[members]))
    members, kind = members[order], kind[order]
    sizes = np.unique(component[members], return_inverse=True, return_counts=True)
    extent = sizes[2][sizes[1]]
    stages: list[tuple[int, ComponentStage]] = []
    for unknowns in np.unique(extent).tolist():
        chosen = extent == unknowns
        nodes, kinds = members[chosen].reshape(-1, unknowns), kind[chosen].reshape(-1, unknowns)
        like = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1)
        for number in range(int(like.max(initial=-1)) + 1):
            alike = nodes[like == number]
            alike = alike[np.argsort(alike[:, 0])].T
            stages.append((int(level[alike[0, 0]]), _stage(store, found, alike, bool(slow[alike[0, 0]]))))
    return [stage for _, stage in sorted(stages, key=lambda entry: entry[0])]


def _stage(store: Store, found: tuple[Feed, ...], nodes: Indices, slow: bool) -> ComponentStage:
    """Return the stage of the components `nodes` (p, n), all `slow` or none; refuse slow ones without exponential."""
    fed = [feed.of(nodes[0]) if len(nodes) == 1 else (feed,) for feed in found if np.isin(feed.rows, nodes).any()]
    own = tuple(feed for several in fed for feed in several)
    lawful = len(nodes) > 1 or any(feed.way is Way.LAW or np.isin(feed.controls, nodes).any() for feed in own)
    if slow and lawful:
        where, do = store.network.unknowns.names()[nodes[0, 0]], "run it with Waveform, or lengthen the phase"
        limited = any(idle(feed.part) is not None for feed in own)
        other = "stay between its stops" if limited else "be fed linearly in its own effort"
        must = f"settle in its phase or {other}"
        raise UnsupportedError(explain(f"storage {where}", must=must, got="neither", do=do))
    mode = Mode.NEWTON if lawful else Mode.EXPONENTIAL if slow else Mode.LEVEL
    inputs = np.unique(np.concatenate([np.concatenate((feed.columns, feed.controls)) for feed in own]))
    inputs = np.union1d(inputs, nodes) if slow else np.setdiff1d(inputs, nodes)
    pace = store.duration / store.amount[..., nodes[0]] if slow else np.empty(0)
    key = _key(mode, nodes, inputs, pace, own)
    return ComponentStage(mode=mode, nodes=nodes, inputs=inputs, feeds=own, pace=pace, key=key)


def _key(mode: Mode, nodes: Indices, inputs: Indices, pace: Floats, feeds: tuple[Feed, ...]) -> Key:
    return mode, nodes.tobytes(), inputs.tobytes(), pace.tobytes(), tuple(feed.name for feed in feeds)


def copies(names: Indices, sources: Indices) -> list[ComponentStage]:
    """Return the stages that copy each of the `sources` to the unknowns that equal it.

    `names` (unknowns,) is for each unknown the number of the one that it equals. A stage copies a run of neighbours, or
    all if there are many runs.
    """
    nodes = np.flatnonzero((names != np.arange(names.size)) & np.isin(names, sources))
    if not nodes.size:
        return []
    breaks = np.flatnonzero((np.diff(nodes) != 1) | (np.diff(names[nodes]) != 1)) + 1
    runs = np.split(nodes, breaks) if breaks.size < _RUNS else [nodes]
    none = np.empty(0)
    return [
        ComponentStage(
            mode=Mode.COPY,
            nodes=run[None],
            inputs=names[run],
            feeds=(),
            pace=none,
            key=(Mode.COPY, run.tobytes(), names[run].tobytes()),
        )
        for run in runs
    ]
