"""How a network finds its fixed point while the clock stands in one phase.

An unknown is imposed, held, the same as another, settled, or too slow for its phase. Which, the phase decides by
numbers: a coupling counts in proportion to what holds its row, the storage's own C/T included. The rest is cut into
strongly connected components; like components of a level are one stage.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.settle.feeds import Feed, Way, feeds, renamed
from lstm_analog.engines.settle.links import CouplingGraph, audible, links, same
from lstm_analog.engines.settle.newton import slowest
from lstm_analog.engines.settle.order import WEAK, cut, sequence
from lstm_analog.engines.settle.stages import ComponentStage, Mode, Store, copies, grouped
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, capacity

_REMEMBERED = 16
"""Analysed phases that stay cached, those of about three networks; an analysis costs some hundred steps of a run."""

_LOOSE = 1e-2
"""Coupling in a loop, in time constants a phase, that a storage which does not settle may have: more is refused."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """The `stages` of a clock phase of a network of `size` unknowns, in order."""

    size: int
    stages: tuple[ComponentStage, ...]


@lru_cache(maxsize=_REMEMBERED)
def phase(network: Network, high: High, duration: float, settled: float) -> Phase:
    """Return how `network` settles with the clock lines `high` for `duration` seconds (infinite: for good).

    A storage settles if its ties move it by `settled` time constants or more; if less, it takes its exponential.

    Raises
    ------
    UnsupportedError
        If a storage or a loop of storages does not settle and has no exponential.
    """
    store = Store(network=network, amount=_capacities(network), duration=duration)
    found = feeds(network, network.verify().parts, high)
    found, coupled = _heard(store, found, high)
    slow = _slow(store, coupled, settled)
    names = same(coupled, _free(store, found, slow), coupled.held(slow.size))
    parts = tuple(renamed(part, names) for part in network.parts)
    found, coupled = _heard(store, feeds(network, parts, high), high)
    return Phase(size=slow.size, stages=_stages(store, found, coupled, slow, names, settled))


def _capacities(network: Network) -> Floats:
    found = [capacity(part) for part in network.parts]
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    result = np.zeros((*lead, network.unknowns.size))
    for nodes, amount in found:
        result[..., nodes] = amount
    return result


def _heard(store: Store, found: tuple[Feed, ...], high: High) -> tuple[tuple[Feed, ...], CouplingGraph]:
    hold = links(store.network, found, high).held(store.network.unknowns.size)[1]
    heard = audible(found, store.network, hold + store.hold)
    return heard, links(store.network, heard, high)


def _slow(store: Store, coupled: CouplingGraph, settled: float) -> Flags:
    """Return which unknowns do not settle: storages moved too little by themselves and those they form a loop with.

    A leak closes no loop here: through open switches all cells hang together, and what then acts on a cell is no tie.
    """
    size, scales = store.network.unknowns.size, store.network.unknowns.scales()
    component = coupled.only(coupled.shares(coupled.held(size)[0] + store.hold, scales) > WEAK).components()
    inner = coupled.only((component[coupled.tails] == component[coupled.heads]) & np.isfinite(coupled.least))
    pull, largest, others = np.zeros((3, size))
    weakest, strongest = (pick(np.abs(inner.least), np.abs(inner.most)) for pick in (np.minimum, np.maximum))
    np.add.at(pull, inner.heads, weakest)
    np.add.at(largest, inner.heads, strongest)
    np.add.at(others, inner.heads, np.where(inner.own, 0.0, weakest))
    slow: Flags = (store.hold > 0) & (pull < settled * store.hold)
    divided = np.flatnonzero(slow & (largest >= settled * store.least_hold))
    if divided.size:  # a chip must do what it does alone: those that settle are run apart from those that do not
        _refuse(store, int(divided[0]), f"settle in {settled:g} time constants on all chips or on none", "some")
    wrong = np.flatnonzero(slow & (others > _LOOSE * store.hold))
    if wrong.size:
        got = f"{others[wrong[0]] / store.hold[wrong[0]]:.3g}"
        _refuse(store, int(wrong[0]), f"settle in {settled:g} time constants or be tied by {_LOOSE:g}", got)
    return slow


def _refuse(store: Store, node: int, must: str, got: str, do: str = "run it with Waveform") -> NoReturn:
    name = store.network.unknowns.names()[node]
    raise UnsupportedError(explain(f"the loop at {name}", must=must, got=got, do=do))


def _free(store: Store, found: tuple[Feed, ...], slow: Flags) -> Flags:
    free, kinds = np.zeros(slow.size, dtype=bool), store.network.kinds()
    free[kinds[Kind.BALANCED]] = free[kinds[Kind.STORED]] = True
    free &= ~slow
    for feed in found:
        if feed.way is not Way.DIAGONAL:
            free[feed.rows[feed.rows >= 0]] = False
    return free


def _stages(
    store: Store, found: tuple[Feed, ...], coupled: CouplingGraph, slow: Flags, names: Indices, settled: float
) -> tuple[ComponentStage, ...]:
    size = slow.size
    hold = coupled.held(size)[0] + store.hold
    where = cut(coupled, slow, hold, store.network.unknowns.scales())
    component = where.whole.components()
    made = grouped(store, found, component[:size], where.whole.levels(component)[:size], slow)
    _check_tied(store, made, hold)
    _check_loops(store, made, settled)
    found_here = np.concatenate([np.empty(0, np.int64), *(stage.nodes.ravel() for stage in made)])
    same_as = {id(stage): copies(names, stage.nodes) for stage in made}
    ordered = (each for stage in sequence(made, where) for each in (stage, *same_as[id(stage)]))
    return (*copies(names, np.setdiff1d(names, found_here)), *ordered)


def _check_tied(store: Store, stages: list[ComponentStage], hold: Floats) -> None:
    """Refuse storages that something fills and no conductance `hold`s (unknowns,) where a run begins, at rest."""
    for stage in stages:
        ported = any(feed.way is Way.CONTROLLED for feed in stage.feeds)
        loose = stage.nodes[hold[stage.nodes] == 0.0]
        if stage.mode is Mode.LEVEL and not ported and loose.size:
            name, must = store.network.unknowns.names()[loose[0]], "be held where the run begins"
            got, do = "no conductance", "tie it to something in the first interval, as a reset does"
            raise UnsupportedError(explain(f"storage {name}", must=must, got=got, do=do))


def _check_loops(store: Store, stages: list[ComponentStage], settled: float) -> None:
    """Refuse loops of storages whose slowest mode does not settle: each may be tied firmly, and all of them loosely."""
    for stage in stages:
        if stage.mode is Mode.NEWTON and np.isfinite(store.duration):
            constants = slowest(stage, store.amount) * store.duration
            if constants < 0.0:
                do = "turn its feedback round, or load it: near rest it runs away"
                _refuse(store, int(stage.nodes[0, 0]), "come to rest", f"{constants:.3g} time constants", do)
            if constants < settled:
                _refuse(store, int(stage.nodes[0, 0]), f"settle in {settled:g} time constants", f"{constants:.3g}")
