"""Compute how far a clocked network has settled when its clock samples it, from the equations of the network.

In a phase of length T, a chain of equal poles of time constant tau leaves unsettled, of each unit of change,

    exp(-N) sum_{j<=k} N^j/j!,    N = T/tau,

where k + 1 is the number of poles on the longest path of storages to one that is held in the next interval, or that
acts there on a storage that was held so far, as the gates of a leak do.
This is a bound, because it includes poles that an earlier interval has settled already. In the gated leak, z rests long
before h is computed from it: the path has two poles there, and the error falls as with one.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.compiler.timing import Interval, compute_line
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines.phase.graph import strong_components
from lstm_analog.engines.system import System, system
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.imperfections.base import AboveZero, InRange
from lstm_analog.network.parts import Cells
from lstm_analog.study.keeping import Keep, not_kept
from lstm_analog.study.run import PassRun, Run

HELD = 1e-3
"""A storage holds its value in a phase if its rate there is below this fraction of its fastest rate in a step. Rates
are compared with each other, not with the length of a phase, so that a slow clock does not count as holding."""
NEGLIGIBLE = 1e-6
"""Fraction of a storage's fastest rate below which the coupling of another storage is ignored, in signal units: an open
switch has 1e-14, a gate has more unless its pre-activation is beyond 14."""
EQUAL = 0.7
"""Poles of at least this fraction of the slowest time constant count as equal to it, so that the law is a bound."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Settling:
    """The interval of a step that leaves the largest error.

    Attributes
    ----------
    interval : str
        Its name.
    time_constant : float
        The slowest time constant that acts on values held afterwards (s).
    ratio : float
        The length of the interval in time constants, T/tau.
    poles : int
        k + 1, the equal poles on the longest path.
    """

    interval: str
    time_constant: float
    ratio: float
    poles: int

    @property
    def error(self) -> float:
        """The part of each unit of change that the interval leaves unsettled."""
        return settling_error(self.ratio, self.poles)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Phase:
    """The couplings of storages in an `interval`: `edges`, and the `component` (n,) of storages coupled in a loop.

    `rates` (n,), per second, is the slowest pole of each storage's component; `poles` are all poles.
    """

    interval: Interval
    edges: "_RateEdges"
    component: Indices
    poles: "_Poles"
    rates: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _RateEdges:
    """Couplings of storages: `tails` (m,) act on `heads` (m,)."""

    tails: Indices
    heads: Indices

    def within(self, mask: Flags) -> "_RateEdges":
        kept = mask[self.tails] & mask[self.heads]
        return _RateEdges(tails=self.tails[kept], heads=self.heads[kept])


@checked
def settling_error(
    ratio: Annotated[float, AboveZero("ratio", "give T/tau")],
    poles: Annotated[int, InRange("poles", 1, np.inf, "count the poles in the chain")],
) -> float:
    """Return exp(-N) sum_{j<poles} N^j/j! with N = `ratio`: the rest of a unit step after `poles` equal poles.

    It is the regularised incomplete gamma function Q(poles, N).

    >>> round(settling_error(20.0, 5) * 1e6)
    17
    """
    return float(scipy.special.gammaincc(poles, ratio))


@checked
def settling(run: Run) -> Settling:
    """Return the settling of the interval of a step of `run` that leaves most, by the poles of its network.

    The equations are linearised at the efforts of the first sequence in the last step; parameters that change from step
    to step are those of that step. The equations of transistor cells are not known; they have the compiler's time
    constant and two poles, the masters of c and h.

    Raises `UnsupportedError` if no interval that settles is followed by one that holds a value, or the run is that of a
    head alone; `InvalidValueError` if the run has not kept all unknowns in its last step.
    """
    recurrent = [each for each in run.passes if each.layers]  # a head alone has one pole and holds nothing
    if not recurrent:
        must, do = "have a chain, whose values are held", "ask a run of the whole machine"
        raise UnsupportedError(explain("the run", must=must, got="a head alone", do=do))
    return max(map(_pass, recurrent), key=lambda result: result.error)


def _pass(run: PassRun) -> Settling:
    if any(isinstance(part, Cells) for part in run.trajectory.network.parts):
        return _designed(run)
    phases = _phases(run.compiled.cycle.step, _matrices(run))
    fastest = np.max([phase.rates for phase in phases], axis=0)
    following = phases[1:] + phases[:1]
    pairs = [(now, after) for now, after in zip(phases, following, strict=True) if now.interval.settles]
    found = [result for now, after in pairs if (result := _settle(now, after, fastest)) is not None]
    if not found:
        must, do = "be held after an interval that settles", "check the clock lines of the switches"
        raise UnsupportedError(explain("a storage of the network", must=must, got="none", do=do))
    return max(found, key=lambda result: result.error)


def _designed(run: PassRun) -> Settling:
    compiled, interval = run.compiled, compute_line(0)
    settled = compiled.cycle.step[compiled.cycle.position(interval)].duration / compiled.time_constant
    return Settling(interval=interval, time_constant=compiled.time_constant, ratio=settled, poles=2)


def _matrices(run: PassRun) -> list["scipy.sparse.coo_array"]:
    """Return d rates / d storages in each interval of the last step, (n, n) per second, in signal units."""
    cycle, schedule = run.compiled.cycle, run.trajectory.schedule
    numbers = [int(cycle.ends(interval.name, run.x.shape[-2])[-1]) for interval in cycle.step]
    found = dict[int, "scipy.sparse.coo_array"]()
    for network, intervals in schedule.stretches(run.trajectory.network):  # of which the last step has one, or more
        inside = [number for number in numbers if number in intervals]
        equations = {high: system(network, high) for high in map(schedule.phase, inside)}
        found |= {number: _matrix(run, number, equations[schedule.phase(number)]) for number in inside}
    return [found[number] for number in numbers]


def _matrix(run: PassRun, number: int, equations: System) -> "scipy.sparse.coo_array":
    trajectory = run.trajectory
    every, end = np.arange(trajectory.network.unknowns.size), trajectory.schedule.ends[[number]]
    if not trajectory.holds(every, end):
        raise not_kept(trajectory, "all unknowns in the last step", Keep.SIGNALS)
    moment = trajectory.sample(end, every).reshape(-1, 1, every.size)
    effort = moment[0].copy()
    equations.complete(effort)
    unit = scipy.sparse.diags_array(trajectory.network.unknowns.scales()[equations.dynamic])
    return scipy.sparse.coo_array(scipy.sparse.diags_array(1.0 / unit.diagonal()) @ equations.jacobian(effort) @ unit)


def _phases(intervals: tuple[Interval, ...], matrices: list["scipy.sparse.coo_array"]) -> list[_Phase]:
    """Return the phases of a step; couplings to a storage are relative to its fastest rate in any phase.

    That is its own rate, or its largest coupling if it has none, like a tank filled by inertia, or a spool's position.
    """
    own = np.max([np.abs(coupling.diagonal()) for coupling in matrices], axis=0)
    largest = np.max([abs(coupling).max(axis=1).toarray().ravel() for coupling in matrices], axis=0)
    reference = np.where(own > HELD * largest, own, largest)
    return [_phase(*each, reference) for each in zip(intervals, matrices, strict=True)]


def _phase(interval: Interval, coupling: "scipy.sparse.coo_array", reference: Floats) -> _Phase:
    heads, tails = coupling.coords
    holds = np.abs(coupling.diagonal()) <= HELD * reference  # what little flows into a storage that holds is its leak
    least = np.where(holds, HELD, NEGLIGIBLE) * reference
    kept = (heads != tails) & (np.abs(coupling.data) > least[heads])
    edges = _RateEdges(tails=tails[kept], heads=heads[kept])
    component, poles = _poles(coupling, edges)
    slowest = np.full(int(component.max(initial=-1)) + 1, np.inf)
    np.minimum.at(slowest, poles.components, poles.rates)
    return _Phase(interval=interval, edges=edges, component=component, poles=poles, rates=slowest[component])


def _settle(now: _Phase, after: _Phase, fastest: Floats) -> Settling | None:
    active = now.rates > HELD * fastest
    targets = active & ((after.rates <= HELD * fastest) | _released(now, after, fastest))
    if not targets.any():
        return None
    edges = now.edges.within(active)
    upstream = _upstream(edges, targets)
    edges, component = edges.within(upstream), now.component
    poles = now.poles.of(np.unique(component[upstream]))
    # A rate far below the fastest of the path is no pole but a sum that the path holds, as of two joined storages.
    slowest = float(poles.rates[poles.rates > HELD * poles.rates.max()].min())
    equal = (poles.rates >= slowest) & (poles.rates <= slowest / EQUAL)
    weight = np.bincount(poles.components[equal], minlength=int(component.max()) + 1)
    reach = _longest(component[edges.tails], component[edges.heads], weight)
    return Settling(
        interval=now.interval.name,
        time_constant=1.0 / slowest,
        ratio=now.interval.duration * slowest,
        poles=int(reach[component[targets]].max()),
    )


def _released(now: _Phase, after: _Phase, fastest: Floats) -> Flags:
    """Return which storages act, in the interval `after`, on storages that were held in `now`: the gates of a leak."""
    moving = (now.rates <= HELD * fastest) & (after.rates > HELD * fastest)
    edges, result = after.edges, np.zeros(moving.size, dtype=bool)
    result[edges.tails[moving[edges.heads]]] = True
    return result


def _upstream(edges: _RateEdges, targets: Flags) -> Flags:
    """Return the `targets` and the storages that act on them, directly or through others."""
    result, count = targets.copy(), 0
    while count != (count := int(result.sum())):
        result[edges.tails[result[edges.heads]]] = True
    return result


@dataclass(frozen=True, kw_only=True, eq=False)
class _Poles:
    """The poles of a network: the component of each, `components` (p,), and its rate, `rates` (p,) per second."""

    components: Indices
    rates: Floats

    def of(self, components: Indices) -> "_Poles":
        """Return the poles of the given `components`."""
        kept = np.isin(self.components, components)
        return _Poles(components=self.components[kept], rates=self.rates[kept])


def _poles(coupling: "scipy.sparse.coo_array", edges: _RateEdges) -> tuple[Indices, _Poles]:
    """Return the component of each storage, (n,), and the poles of all components.

    The pole of a storage outside loops is its own rate; those of a loop are the eigenvalues of its coupling matrix.
    """
    size, own = coupling.shape[0], np.abs(coupling.diagonal())
    component = strong_components(edges.tails, edges.heads, size)
    crowd = np.bincount(component)
    alone = np.flatnonzero(crowd[component] == 1)
    components, rates = [component[alone]], [own[alone]]
    matrix = scipy.sparse.csr_array(coupling)
    together = np.flatnonzero(crowd[component] > 1)
    order = together[np.argsort(component[together], kind="stable")]
    for group in np.split(order, np.flatnonzero(np.diff(component[order])) + 1) if order.size else []:
        components.append(component[group])
        rates.append(np.abs(np.linalg.eigvals(matrix[group][:, group].toarray()).real))
    return component, _Poles(components=np.concatenate(components), rates=np.concatenate(rates))


def _longest(tails: Indices, heads: Indices, weight: Indices) -> Indices:
    """Return the largest sum of `weight` over a path to each component, in as many passes as its longest has edges."""
    between = tails != heads
    tails, heads = tails[between], heads[between]
    result, before = weight.copy(), np.zeros_like(weight)
    while (result != before).any():
        before = result.copy()
        np.maximum.at(result, heads, before[tails] + weight[heads])
    return result
