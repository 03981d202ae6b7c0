"""Orders the stages that lead a network to its state at the end of a clock phase, for `Settle`.

Each unknown is one of these:

* imposed: a source sets it, or it is a storage that nothing moves;
* settled: it takes the value at which the flows into it balance;
* slow: a storage for which the phase lasts less than `settled` time constants. Where the flows that move it are linear
  in it, it takes its exponential. Elsewhere it is taken to be at rest, and the run checks how far from there it was at
  the start; if that was far, or if the phase is shorter than one time constant, the phase is run over time;
* controlled: a storage that settles through ports, which others may shut, or through parts that are not linear in its
  effort. It is taken to be at rest, and the run checks whether it is slow at the efforts found there; if it is, the run
  does what it does for slow storages.

`engines.phase` finds twice which unknowns are solved together and in which order: over the time of the phase, to see
which storages settle; and at rest, to solve all that settles, storages that take their exponential being imposed. So
the stages of a phase are: all that settles, these storages as they were at the start; their exponentials; and once more
what depends on them.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.phase.couplings import Couplings, couplings, with_batch_axis
from lstm_analog.engines.phase.strength import at_rest
from lstm_analog.engines.phase.structure import Structure, structure
from lstm_analog.engines.settle.stages import (
    OWN,
    ComponentStage,
    Mode,
    component_stage,
    lasting,
    least_rate,
    slowest_rates,
    stages,
)
from lstm_analog.engines.stage import not_finite
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High

_REMEMBERED = 16
"""Analyses of phases that stay cached, those of about three networks; each takes as long as some hundred steps."""
_NEGLIGIBLE = 2e-13
"""Strength of a coupling below which it is left out, as that of an open switch, and error that sweeps may leave."""
_SINGULAR = 1e-14
"""Share of the largest singular value of a loop's conductances up to which the smallest is zero but for rounding."""
_SHORT = 1.0
"""Time constants below which a phase is run over time at once, not tried at rest; trades speed only."""
_WEAK = 1e-5
"""Strength up to which a coupling that closes a loop is torn, and the loop solved repeatedly; larger: more sweeps."""
_WEAK_IN_LARGE = 1e-2
"""`_WEAK` where loops would be too large, as one through a crossbar; larger: fewer refusals, more sweeps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """The analysis of a clock phase of a network.

    Attributes
    ----------
    couplings : Couplings
        Those of the network while the clock lines of the phase are high.
    duration : float
        How long it lasts (s); infinite: for good.
    settled : float
        Time constants from which on a storage is at rest.
    over_time : bool
        Whether the whole phase is run over time; then the attributes that follow are empty.
    stages : tuple of ComponentStage
        In the order in which they run; some run more than once.
    unsettled : index array, (k,)
        The storages that are taken to be at rest though the phase is too short for it.
    left : float array, (k,)
        For each of these, the share of its distance from rest at the start that is left at the end.
    controlled : tuple of ComponentStage
        Storages that are taken to be at rest, but at some efforts may settle too slowly for that.
    """

    couplings: Couplings
    duration: float
    settled: float
    over_time: bool = False
    stages: tuple[ComponentStage, ...] = ()
    unsettled: Indices = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    left: Floats = field(default_factory=lambda: np.empty(0))
    controlled: tuple[ComponentStage, ...] = ()

    def lasting(self, ratio: float) -> "Phase":
        """Return the phase as if it lasted `ratio` times as long; what settles by the analysis still does."""
        if ratio == 1.0:
            return self
        stages = tuple(lasting(stage, ratio) for stage in self.stages)
        return replace(self, stages=stages, duration=self.duration * ratio, left=self.left**ratio)

    @property
    def may_be_over_time(self) -> bool:
        """Whether the run has to check if storages came near rest, and else runs the phase over time."""
        return bool(self.unsettled.size or self.controlled)


@dataclass(frozen=True, kw_only=True, eq=False)
class _SlowStorages:
    """The storages that do not settle.

    Attributes
    ----------
    exponentials : list of ComponentStage
        Those that take their exponential.
    constants : float array, (unknowns,)
        T/tau of the others, which are taken to be at rest; infinite at all other unknowns.
    controlled : tuple of ComponentStage
        Those of which only the run can tell whether they settle.
    tangled : bool
        Whether exponentials leave out what storages do to themselves: through a dense bank, or through a coupling
        stronger than `_WEAK` that was torn.
    """

    exponentials: list[ComponentStage]
    constants: Floats
    controlled: tuple[ComponentStage, ...] = ()
    tangled: bool = False


@lru_cache(maxsize=_REMEMBERED)
def phase(network: Network, high: High, duration: float, settled: float) -> Phase:
    """Return the analysis of `network` with the clock lines `high` for `duration` seconds (infinite: for good).

    A storage settles if the slowest mode of the unknowns that it acts on, and that act on it, has at least `settled`
    time constants in `duration`.

    Raises
    ------
    UnsupportedError
        If a loop cannot be solved: it is too large, has a dense bank in it, or settles on some chips only; if a storage
        is tied to nothing where the run begins.
    """
    found = couplings(with_batch_axis(network.verify()), high)
    slow = _slow_storages(network, found, duration, settled)
    held = np.zeros(found.dynamic.size, dtype=bool)
    for stage in slow.exponentials:
        held[stage.nodes] = True
    rest = at_rest(replace(found, imposed=found.imposed | held), duration)
    order = _ordered(rest, np.inf)
    unsettled = np.flatnonzero(np.isfinite(slow.constants))
    if slow.tangled or (unsettled.size and (order.obstacle or slow.constants.min() < _SHORT)):
        return Phase(couplings=found, duration=duration, settled=settled, over_time=True)
    _check_order(order)
    settling = [_marked(one, slow) for level in order.levels for one in stages(rest, order, level, duration)]
    for stage in settling:
        _check_tied(network, stage)
    every = [*_swept(settling, order), *slow.exponentials, *_swept(_dependent(settling, held), order)]
    return Phase(
        couplings=found,
        duration=duration,
        settled=settled,
        stages=tuple(every),
        unsettled=unsettled,
        left=np.exp(-slow.constants[unsettled]),
        controlled=slow.controlled,
    )


def _slow_storages(network: Network, found: Couplings, duration: float, settled: float) -> _SlowStorages:
    """Return the storages for which `duration` (s) is less than `settled` time constants, at efforts of zero."""
    exponentials: list[ComponentStage] = []
    controlled: list[ComponentStage] = []
    constants = np.full(found.dynamic.size, np.inf)
    if not np.isfinite(duration):
        return _SlowStorages(exponentials=exponentials, constants=constants)
    order, still = _ordered(found, duration), np.zeros((1, found.dynamic.size))
    for level in order.levels:
        if not level.dynamic:
            continue
        rates = slowest_rates(component_stage(found, order, level, duration), still).reshape(-1, len(level.members))
        if np.isnan(rates).any():
            raise not_finite(network.unknowns.names()[level.members[np.isnan(rates).any(axis=0).argmax(), 0]])
        least, most = ((pick(rates, axis=0) * duration) for pick in (np.min, np.max))
        slow = least < settled
        divided = np.flatnonzero(slow & (most >= settled))
        if divided.size:  # a chip must do what it does alone: those that settle are run apart from those that do not
            name = network.unknowns.names()[level.members[divided[0], 0]]
            must, do = f"settle in {settled:g} time constants on all chips or on none", "run each chip by itself"
            raise UnsupportedError(explain(f"the loop at {name}", must=must, got="some", do=do))
        part = replace(level, members=level.members[slow])
        for stage in stages(found, order, part, duration) if slow.any() else ():
            if stage.mode is Mode.EXPONENTIAL:
                exponentials.append(stage)
            else:
                constants[stage.nodes] = np.tile(least[slow], level.dynamic)
        carried = np.isin(level.members[:, 0], [node for stage in exponentials for node in stage.nodes])
        if not carried.all():
            others = component_stage(found, order, replace(level, members=level.members[~carried]), duration)
            controlled += [others] if least_rate(others) * duration < settled else []
    tangled = any(_is_tangled(stage, order) for stage in exponentials)
    return _SlowStorages(exponentials=exponentials, constants=constants, controlled=tuple(controlled), tangled=tangled)


def _is_tangled(stage: ComponentStage, order: Structure) -> bool:
    """Return whether a dense bank leads from members of `stage` back into it, or a strong torn coupling into it."""
    dense = any(sheet.source >= OWN for sheet in stage.wiring.sheets)
    return dense or (order.weakness > _WEAK and bool(np.isin(order.links.rows[order.torn], stage.nodes).any()))


def _ordered(found: Couplings, duration: float) -> Structure:
    """Return the order in `duration` (s), at rest if that is infinite; more couplings are torn only where needed."""
    order = structure(found, duration, _NEGLIGIBLE, _WEAK)
    return structure(found, duration, _NEGLIGIBLE, _WEAK_IN_LARGE) if order.obstacle else order


def _check_order(order: Structure) -> None:
    """Raise `UnsupportedError` if the `order` has an obstacle: too large a loop, or a dense bank in one."""
    if order.obstacle:
        must, do = "be solved loop by loop", "put a storage into the loop, or run it with Waveform"
        raise UnsupportedError(explain("the network", must=must, got=order.obstacle, do=do))


def _check_tied(network: Network, stage: ComponentStage) -> None:
    """Raise `UnsupportedError` if no conductance holds a component of a linear `stage`: its equations are singular.

    So are storages where a run begins that are tied to nothing, or only to each other.
    """
    level, own = stage.level, stage.wiring.own
    if stage.mode is not Mode.LINEAR or any(load.own for load in stage.wiring.loads):
        return
    largest = np.abs(own).max(axis=-1, keepdims=True)
    relative = np.linalg.svd(own / np.where(largest > 0.0, largest, 1.0), compute_uv=False)
    singular = relative[..., -1] <= _SINGULAR * relative[..., 0]
    loose = level.members[singular.reshape(-1, len(level.members)).any(axis=0), 0]
    if loose.size:
        name, must = network.unknowns.names()[loose[0]], "be held where the run begins"
        got, do = "no conductance", "tie it to something in the first interval, as a reset does"
        what = f"storage {name}" if level.members.shape[1] == 1 else f"the loop at {name}"
        raise UnsupportedError(explain(what, must=must, got=got, do=do))


def _marked(stage: ComponentStage, slow: _SlowStorages) -> ComponentStage:
    """Return `stage`, as one that does not settle if some of its storages may be `slow`.

    It then reads these storages, too: the run compares where they were with where they come to.
    """
    doubtful = [np.flatnonzero(np.isfinite(slow.constants)), *(one.nodes for one in slow.controlled)]
    own = np.intersect1d(stage.nodes, np.concatenate(doubtful))
    return replace(stage, inputs=np.union1d(stage.inputs, own), settles=False) if own.size else stage


def _dependent(some: list[ComponentStage], marked: Flags) -> list[ComponentStage]:
    """Return those of the stages `some`, in order, that read `marked` unknowns or what another of these has set."""
    changed, found = marked.copy(), []
    for stage in some:
        if changed[stage.inputs].any():
            changed[stage.nodes] = True
            found.append(stage)
    return found


def _swept(some: list[ComponentStage], order: Structure) -> list[ComponentStage]:
    """Return the stages `some`, and behind them, repeated, those with torn couplings and those that depend on them.

    A torn coupling reads the effort that the unknown had before. Each repetition reduces the error by the factor
    `order.weakness`; there are as many as bring it below `_NEGLIGIBLE`.
    """
    torn = order.links.rows[order.torn]
    heads = [stage for stage in some if np.isin(stage.nodes, torn).any()]
    if not heads:
        return some
    marked = np.zeros(heads[0].couplings.dynamic.size, dtype=bool)
    marked[torn] = True
    following = {id(stage) for stage in _dependent(some, marked)} | {id(stage) for stage in heads}
    repeated = [stage for stage in some if id(stage) in following]
    sweeps = int(np.ceil(np.log(_NEGLIGIBLE) / np.log(order.weakness)))
    return [*some, *(repeated * sweeps)]
