"""Analyses one clock phase of a network for `Settle`: the stages that lead to its state at the end of the phase.

Each unknown is one of these:

* imposed: a source sets it;
* equal to another unknown, which it copies: a storage behind a closed switch;
* settled: it takes the value at which the flows into it balance;
* slow: a storage that its phase moves by less than `settled` time constants takes its exponential.

Couplings that are negligible beside their row's own conductance, the C/T of its storage included, are left out. The
rest is divided into loops (strongly connected components); like components of a level are solved as one stage.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NoReturn

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.settle.feeds import Feed, Way, feeds
from lstm_analog.engines.settle.links import CouplingGraph, links, same, significant
from lstm_analog.engines.settle.newton import slowest
from lstm_analog.engines.settle.order import WEAK, sequence, tear
from lstm_analog.engines.settle.stages import ComponentStage, Mode, Store, copies, grouped, paced
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind, capacity

_REMEMBERED = 16
"""Analysed phases that stay cached, those of about three networks; an analysis costs some hundred steps of a run."""

_LOOSE = 1e-2
"""Coupling in a loop, in time constants a phase, that a storage which does not settle may have: more is refused."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """The analysis of a clock phase of a network of `size` unknowns: its `stages` in the order in which they run."""

    size: int
    stages: tuple[ComponentStage, ...]

    def lasting(self, ratio: float) -> "Phase":
        """Return the phase as if it lasted `ratio` times as long: slow storages move on, what settles stays so."""
        return self if ratio == 1.0 else replace(self, stages=tuple(paced(stage, ratio) for stage in self.stages))


@lru_cache(maxsize=_REMEMBERED)
def phase(network: Network, high: High, duration: float, settled: float) -> Phase:
    """Return how `network` settles with the clock lines `high` for `duration` seconds (infinite: for good).

    A storage settles if the conductances at it make `duration` at least `settled` time constants; otherwise it takes
    its exponential.

    Raises
    ------
    UnsupportedError
        If a storage or a loop of storages does not settle and has no exponential.
    """
    store = Store(network=network, amount=_capacities(network), duration=duration)
    found = feeds(network.verify(), np.arange(network.unknowns.size), high)
    found, coupled = _significant(store, found, high)
    slow = _slow(store, coupled, settled)
    names = same(coupled, _free(store, found, slow), coupled.own_conductance(slow.size))
    found, coupled = _significant(store, feeds(network, names, high), high)
    return Phase(size=slow.size, stages=_stages(store, found, coupled, slow, names, settled))


def _capacities(network: Network) -> Floats:
    """Return the capacity at each unknown of `network`, 0 where nothing is stored, (..., unknowns)."""
    found = [capacity(part) for part in network.parts]
    lead = np.broadcast_shapes(*(amount.shape[:-1] for _, amount in found))
    result = np.zeros((*lead, network.unknowns.size))
    for nodes, amount in found:
        result[..., nodes] = amount
    return result


def _significant(store: Store, found: tuple[Feed, ...], high: High) -> tuple[tuple[Feed, ...], CouplingGraph]:
    """Return the feeds `found` without negligible coefficients, and the graph of the couplings that are left."""
    own = links(store.network, found, high).own_conductance(store.network.unknowns.size)[1]
    rest = significant(found, store.network, own + store.most_conductance)
    return rest, links(store.network, rest, high)


def _slow(store: Store, coupled: CouplingGraph, settled: float) -> Flags:
    """Return which unknowns do not settle, (unknowns,): storages whose time constant is too long for the phase.

    The conductance of a storage is its own and that of the couplings inside its loop. Leaks close no loop here: open
    switches join all cells, but what flows through them makes no cell settle. Refused are storages that settle on some
    chips only, and slow ones in loops, which have no exponential.
    """
    size, scales = store.network.unknowns.size, store.network.unknowns.scales()
    conductance = coupled.own_conductance(size)[0] + store.most_conductance
    component = coupled.only(coupled.relative_strengths(conductance, scales) > WEAK).components()
    inner = coupled.only((component[coupled.tails] == component[coupled.heads]) & np.isfinite(coupled.least))
    least, most, others = np.zeros((3, size))  # sums of conductances: of all, of all on the strongest chip, of others
    weakest, strongest = (pick(np.abs(inner.least), np.abs(inner.most)) for pick in (np.minimum, np.maximum))
    np.add.at(least, inner.heads, weakest)
    np.add.at(most, inner.heads, strongest)
    np.add.at(others, inner.heads, np.where(inner.own, 0.0, weakest))
    slow: Flags = (store.most_conductance > 0) & (least < settled * store.most_conductance)
    divided = np.flatnonzero(slow & (most >= settled * store.least_conductance))
    if divided.size:  # a chip must do what it does alone: those that settle are run apart from those that do not
        _refuse(store, int(divided[0]), f"settle in {settled:g} time constants on all chips or on none", "some")
    wrong = np.flatnonzero(slow & (others > _LOOSE * store.most_conductance))
    if wrong.size:
        got = f"{others[wrong[0]] / store.most_conductance[wrong[0]]:.3g}"
        _refuse(store, int(wrong[0]), f"settle in {settled:g} time constants or be tied by {_LOOSE:g}", got)
    return slow


def _refuse(store: Store, node: int, must: str, got: str, do: str = "run it with Waveform") -> NoReturn:
    name = store.network.unknowns.names()[node]
    raise UnsupportedError(explain(f"the loop at {name}", must=must, got=got, do=do))


def _free(store: Store, found: tuple[Feed, ...], slow: Flags) -> Flags:
    """Return which unknowns may equal another, (unknowns,): those that settle and that only conductances act on."""
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
    """Return the stages in order: loops opened, like components grouped, copies behind what they copy."""
    size = slow.size
    conductance = coupled.own_conductance(size)[0] + store.most_conductance
    torn = tear(coupled, slow, conductance, store.network.unknowns.scales())
    component = torn.whole.components()
    made = grouped(store, found, component[:size], torn.whole.levels(component)[:size], slow)
    _check_tied(store, made, conductance)
    _check_loops(store, made, settled)
    found_here = np.concatenate([np.empty(0, np.int64), *(stage.nodes.ravel() for stage in made)])
    same_as = {id(stage): copies(names, stage.nodes) for stage in made}
    ordered = (each for stage in sequence(made, torn) for each in (stage, *same_as[id(stage)]))
    return (*copies(names, np.setdiff1d(names, found_here)), *ordered)


def _check_tied(store: Store, stages: list[ComponentStage], conductance: Floats) -> None:
    """Refuse storages that are fed and whose own `conductance` (unknowns,) is zero at rest, where a run begins."""
    for stage in stages:
        ported = any(feed.way is Way.CONTROLLED for feed in stage.feeds)
        loose = stage.nodes[conductance[stage.nodes] == 0.0]
        if stage.mode is Mode.LEVEL and not ported and loose.size:
            name, must = store.network.unknowns.names()[loose[0]], "be held where the run begins"
            got, do = "no conductance", "tie it to something in the first interval, as a reset does"
            raise UnsupportedError(explain(f"storage {name}", must=must, got=got, do=do))


def _check_loops(store: Store, stages: list[ComponentStage], settled: float) -> None:
    """Refuse loops of storages whose slowest mode does not settle, though each storage by itself would."""
    for stage in stages:
        if stage.mode is Mode.NEWTON and np.isfinite(store.duration):
            constants = slowest(stage, store.amount) * store.duration
            if constants < 0.0:
                do = "turn its feedback round, or load it: near rest it runs away"
                _refuse(store, int(stage.nodes[0, 0]), "come to rest", f"{constants:.3g} time constants", do)
            if constants < settled:
                _refuse(store, int(stage.nodes[0, 0]), f"settle in {settled:g} time constants", f"{constants:.3g}")
