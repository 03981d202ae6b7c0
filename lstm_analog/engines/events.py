"""States that switch by themselves: which do at given efforts, and when they did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.phase.couplings import switching_parts
from lstm_analog.engines.system import System
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind, surplus
from lstm_analog.network.parts import Part
from lstm_analog.network.trajectory import Switchings

if TYPE_CHECKING:
    from scipy.integrate import OdeSolution

TOGETHER = 1e-9
"""Difference, in effort units, up to which thresholds count as passed at the same moment; trades accuracy of ties."""
_LOOKS = 8
"""Looks at thresholds within a step of the integrator; larger: slower, narrower peaks are seen in long steps."""
_ROWS = 64
"""Efforts that are completed at once where thresholds are looked at; trades speed only."""
_ROUNDS = 64
"""How often switches may set each other off at one moment before the run stops with a `SimulationError`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Thresholds:
    """The states of `network` that switch by themselves, `nodes` (k,), and when each did so far."""

    network: Network
    _noted: list[tuple[float, int, int, bool]] = field(default_factory=list)

    @cached_property
    def _parts(self) -> list[Part]:
        return switching_parts(self.network)

    @cached_property
    def nodes(self) -> Indices:
        """The unknowns that are states, (k,)."""
        return self.network.kinds()[Kind.SWITCHED]

    def surplus(self, effort: Floats) -> Floats:
        """Return how far each is beyond the threshold that it passes next at a completed `effort`, (batch, k).

        In effort units; the efforts are (batch, unknowns). Below zero a state stays as it is.
        """
        none = np.empty((len(effort), 0))
        return np.concatenate([none, *(surplus(part, effort) for part in self._parts)], axis=-1)

    def switch(self, effort: Floats, which: Flags, time: float) -> None:
        """Switch the states `which` (batch, k) in `effort` (batch, unknowns), and note that it was at `time` (s)."""
        for row, column in np.argwhere(which).tolist():
            node = int(self.nodes[column])
            effort[row, node] = 1.0 - effort[row, node]
            self._noted.append((time, node, row, bool(effort[row, node])))

    def forget(self) -> None:
        """Forget what was noted, as of the way to where a run begins."""
        self._noted.clear()

    def switchings(self) -> Switchings:
        """Return what was noted."""
        columns = zip(*self._noted, strict=True) if self._noted else ((), (), (), ())
        time, nodes, sequences, closed = (np.array(each) for each in columns)
        return Switchings(time=time, nodes=nodes, sequences=sequences, closed=closed)


def passing(equations: System, thresholds: Thresholds, effort: Floats) -> Callable[[float, Floats], float]:
    """Return the function whose zero scipy finds: the largest surplus of `thresholds` under the `equations`.

    It works on `effort` (batch, unknowns), whose other unknowns stay.
    """

    def beyond(_time: float, states: Floats) -> float:
        effort[:, equations.dynamic] = states.reshape(len(effort), -1)
        equations.complete(effort)
        return float(thresholds.surplus(effort).max())

    beyond.terminal, beyond.direction = True, 1.0  # type: ignore[attr-defined]
    return beyond


def overlooked(equations: System, thresholds: Thresholds, effort: Floats, path: "OdeSolution") -> float | None:
    """Return when on the `path` a threshold was first passed within a step and back again; None if none was.

    scipy compares the ends of steps only. The `path` of states is looked at between them, and at the vertices of
    parabolas through what is found. The unknowns of `effort` (batch, unknowns) that are no states stay.
    """

    def surplus(times: Floats) -> Floats:
        efforts = np.repeat(effort[None], times.size, axis=0)
        efforts[..., equations.dynamic] = path(times).T.reshape(times.size, len(effort), -1)
        rows = efforts.reshape(-1, effort.shape[-1])
        for start in range(0, len(rows), _ROWS):  # of one size, for which calls are bound
            some = np.resize(rows[start : start + _ROWS], (_ROWS, rows.shape[-1]))
            equations.complete(some)
            rows[start : start + _ROWS] = some[: len(rows) - start]
        return thresholds.surplus(rows).reshape(times.size, -1)

    steps = path.ts
    between = steps[:-1, None] + np.diff(steps)[:, None] * np.arange(_LOOKS) / _LOOKS
    times = np.unique(np.append(between.ravel(), steps[-1]))
    found = surplus(times)
    peaks = _peaks(times, found)
    looked = np.append(times[1:-1], peaks)
    passed = looked[(np.append(found[1:-1], surplus(peaks) if peaks.size else found[:0], axis=0) > 0.0).any(axis=1)]
    if not passed.size:
        return None
    first, before = passed.min(), times[times < passed.min()][-1]
    return float(scipy.optimize.brentq(lambda time: surplus(np.array([time])).max(), before, first))


def _peaks(times: Floats, surplus: Floats) -> Floats:
    """Return the times at which parabolas through neighbours in `surplus` (times, k) may rise above zero."""
    slopes = np.diff(surplus, axis=0) / np.diff(times)[:, None]
    bend = np.diff(slopes, axis=0) / (times[2:] - times[:-2])[:, None]
    slope = slopes[:-1] + bend * np.diff(times)[:-1, None]
    peaked = (slopes[:-1] >= 0.0) & (slopes[1:] <= 0.0) & (bend < 0.0)
    rise = np.where(peaked, slope**2 / np.where(peaked, -4.0 * bend, 1.0), 0.0)
    row, column = np.nonzero(peaked & (surplus[1:-1] + 2.0 * rise > 0.0))
    return np.unique(times[row + 1] - slope[row, column] / (2.0 * bend[row, column]))


def switched(equations: System, thresholds: Thresholds, effort: Floats, time: float) -> bool:
    """Complete `effort` by the `equations`, and switch what is beyond `thresholds` at the `time` (s), until nothing is.

    Returns whether anything was. Raises `SimulationError` if switches set each other off without end.
    """
    turn = 0
    while True:
        check_chatter(turn)
        equations.complete(effort)
        beyond = thresholds.surplus(effort) > 0.0
        if not beyond.any():
            return turn > 0
        thresholds.switch(effort, beyond, time)
        turn += 1


def check_chatter(turns: int) -> None:
    """Raise `SimulationError` if switches have passed thresholds so many `turns` at one moment that they never rest."""
    if turns >= _ROUNDS:
        must, do = "come to rest at one moment", "tie what controls them to a storage"
        raise SimulationError(explain("switches that set each other off", must=must, got=f"{turns} rounds", do=do))
