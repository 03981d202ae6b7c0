"""The pressures at which a hydraulic machine is checked: those of a run, or by design."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.hardware import DESIGN_UNITS
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import ALWAYS, DATUM, Crossbars, Spools
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.run import Run

_ROUNDING = 1e-9
"""How far from the end of an interval a point is taken to be that end, as a share of the shortest interval. Larger: a
point of the next interval is taken for it; smaller: a time that was rounded is not."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshots:
    """The pressures of a run at all its points, its sequences one after the other.

    `efforts` (snapshots, unknowns) are above the datum (Pa); at a clock edge there are two, for the interval that ends
    and for the next. `high` (snapshots, lines) says which clock lines are high, `ending` (snapshots,) whether the
    interval ends here. `weights` (snapshots,) are the times (s) of `point_weights`, zero where an interval begins.
    """

    efforts: Floats
    high: Flags
    ending: Flags
    weights: Floats

    def on(self, line: int) -> Flags:
        """Return whether parts on clock `line` are switched on, (snapshots,)."""
        return np.ones(len(self.high), dtype=bool) if line == ALWAYS else self.high[:, line]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plant:
    """A compiled machine with the technology it is built in, and the snapshots of a run or None.

    Machine and technology are those with the liquid of the network at its temperature (`Hydraulic.filled`).
    """

    compiled: Compiled
    technology: Hydraulic
    snapshots: Snapshots | None

    @property
    def design(self) -> float:
        """The pressure drop of each tube if there is no run (Pa)."""
        return DESIGN_UNITS * self.technology.pressure_unit

    @property
    def liquid(self) -> str:
        """Name and temperature of the liquid."""
        fluid = self.technology.fluid
        return f"{fluid.name} at {fluid.temperature:g} C"

    @cached_property
    def names(self) -> list[str]:
        """The name of every unknown; that of the datum is `datum`."""
        return ["datum", *self.compiled.network.unknowns.names()[1:]]

    def drop(self, a: Indices, b: Indices, line: int = ALWAYS) -> Floats:
        """Return the largest |e_a - e_b| (Pa) while `line` is on, (k,); `a` and `b` are (k,)."""
        if self.snapshots is None:
            return np.full(a.size, self.design)
        efforts = self.snapshots.efforts[self.snapshots.on(line)]
        result: Floats = np.abs(efforts[:, a] - efforts[:, b]).max(axis=0, initial=0.0)
        return result

    def drops(self, inputs: Indices, nodes: Indices) -> Floats:
        """Return the largest |e_input - e_node| (Pa) of each of `inputs` (n,) to each of `nodes` (m,), (m, n)."""
        result = np.zeros((nodes.size, inputs.size))
        if self.snapshots is None:
            return result + self.design
        for effort in self.snapshots.efforts:
            np.maximum(result, np.abs(effort[inputs] - effort[nodes, None]), out=result)
        return result

    def highest(self, nodes: Indices) -> Floats:
        """Return the highest pressure of each of `nodes` above the datum (Pa), (k,)."""
        if self.snapshots is None:
            return np.where(nodes == DATUM, 0.0, self.design)
        result: Floats = self.snapshots.efforts[:, nodes].max(axis=0)
        return result

    def lowest(self, nodes: Indices) -> Floats:
        """Return the lowest pressure of each of `nodes` above the datum (Pa), (k,)."""
        if self.snapshots is None:
            return np.where(nodes == DATUM, 0.0, -self.design)
        result: Floats = self.snapshots.efforts[:, nodes].min(axis=0)
        return result

    @cached_property
    def swing(self) -> Floats:
        """The largest difference of each unknown from the datum if there is no run (Pa), (unknowns,)."""
        result = np.full(self.compiled.network.unknowns.size, self.design)
        result[DATUM] = 0.0
        for part in self.compiled.network.parts:
            if isinstance(part, Crossbars):
                for nodes, tubes, load in part.sides:
                    total = tubes.sum(axis=-1)
                    share = total / np.maximum(total + load, np.finfo(float).tiny)
                    result[nodes] = self.design * share.reshape(-1, nodes.size).max(axis=0)
        for part in self.compiled.network.parts:
            if isinstance(part, Spools):
                result[part.position] = result[part.p] + result[part.n]
        return result

    def control(self, p: Indices, n: Indices, scale: Floats, offset: Floats) -> tuple[Floats, Floats]:
        """Return the least and the largest `scale` (e_p - e_n) + `offset`, (k,) each; `p`, `n` are (k,)."""
        if self.snapshots is None:
            reach = np.abs(scale) * (self.swing[p] + self.swing[n])
            return offset - reach, offset + reach
        values = scale * (self.snapshots.efforts[:, p] - self.snapshots.efforts[:, n]) + offset
        return values.min(axis=0), values.max(axis=0)


_INSTEAD = "of a circuit take study.running_cost(run), or write.kicad for a board"
"""What counts the parts of a machine that is no plumbing."""


def plant(compiled: Compiled, technology: object, run: Run | None) -> Plant:
    """Return `compiled`, built in `technology`, for a check at the pressures of `run`, or by design if it is None.

    It has the liquid of its network, bores as built, and its settling by the time constant that follows from these.
    The run must be one that `check_run` accepts. Raises `UnsupportedError` if the technology is not hydraulic,
    `InvalidShapeError` for a run of several chips.
    """
    if not isinstance(technology, Hydraulic) or compiled.network.domain != HYDRAULIC:
        got, do = compiled.network.domain.name, f"compile in a hydraulic technology; {_INSTEAD}"
        raise UnsupportedError(explain("the machine", must="be hydraulic", got=got, do=do))
    if run is not None:
        check_one_chip(compiled.network)
    real = as_used(technology, compiled.network)
    slower = real.time_constant / technology.time_constant
    timed = replace(compiled, time_constant=compiled.time_constant * slower, settling=compiled.settling / slower)
    return Plant(compiled=timed, technology=real, snapshots=None if run is None else _snapshots(run))


def as_used(technology: Hydraulic, network: Network) -> Hydraulic:
    """Return `technology`, with its bores and tanks as built, filled with the liquid of `network`."""
    return technology if network.filling is None else technology.filled(network.filling.fluid)


def _rounding(trajectory: Trajectory) -> float:
    """Return how far a point may be from the end of an interval and still stand for it (s): simulators round times."""
    return _ROUNDING * float(trajectory.schedule.durations.min())


def intervals_of(trajectory: Trajectory) -> Indices:
    """Return the number of the interval in which each point of `trajectory` lies, or which it ends, (points,)."""
    ends = trajectory.schedule.ends
    found = np.searchsorted(ends + _rounding(trajectory), trajectory.time, side="left")
    return np.minimum(found, ends.size - 1)


def point_weights(trajectory: Trajectory) -> Floats:
    """Return the time (s) that each point of `trajectory` stands for in a mean over its steps, (points,).

    By the trapezoidal rule, except that the first stretch of an interval has the efforts at its end, as those at its
    beginning are still of the interval before. Points of the reset before the first step have none.
    """
    interval = intervals_of(trajectory)
    spans, same = np.diff(trajectory.time), interval[1:] == interval[:-1]
    weights = np.zeros(trajectory.time.size)
    weights[1:] += np.where(same, 0.5, 1.0) * spans
    weights[:-1] += np.where(same, 0.5, 0.0) * spans
    return np.where(interval > 0, weights, 0.0)


def _snapshots(run: Run) -> Snapshots:
    trajectory, schedule = run.trajectory, run.trajectory.schedule
    before = intervals_of(trajectory)
    ended = np.abs(trajectory.time - schedule.ends[before]) <= _rounding(trajectory)
    edges = np.flatnonzero(ended & (before < len(schedule.names) - 1))
    point = np.concatenate((np.arange(trajectory.time.size), edges))
    interval = np.concatenate((before, before[edges] + 1))
    weights = np.concatenate((point_weights(trajectory), np.zeros(edges.size)))
    efforts = trajectory.efforts.reshape(-1, *trajectory.efforts.shape[-2:])[:, point]
    ending = np.zeros(point.size, dtype=bool)
    ending[[*edges, trajectory.time.size - 1]] = True
    copies = len(efforts)
    return Snapshots(
        efforts=efforts.reshape(-1, efforts.shape[-1]),
        high=np.tile(schedule.high[interval], (copies, 1)),
        ending=np.tile(ending, copies),
        weights=np.tile(weights, copies),
    )
