"""Switches with a threshold: which of their states change at given efforts, and a log of when they did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.phase.couplings import switching_parts
from lstm_analog.engines.system import System
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind, surplus
from lstm_analog.network.parts import Part
from lstm_analog.network.trajectory import Switchings

_TOGETHER = 1e-9
"""Difference of surpluses, in effort units, up to which thresholds count as passed at once; trades accuracy."""
_ROUNDS = 64
"""How often switches may set each other off at one time before the run stops with a `SimulationError`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Thresholds:
    """The states of `network` that switch by themselves, and a log of the switchings of a run so far."""

    network: Network
    _log: list[tuple[float, int, int, bool]] = field(default_factory=list)

    @cached_property
    def _parts(self) -> list[Part]:
        return switching_parts(self.network)

    @cached_property
    def nodes(self) -> Indices:
        """The unknowns that are such states, (k,)."""
        return self.network.kinds()[Kind.SWITCHED]

    def surplus(self, effort: Floats) -> Floats:
        """Return by how much the control of each state exceeds the threshold at which it changes, (batch, k).

        In effort units, at a completed `effort` (batch, unknowns). Where it is negative the state stays as it is.
        """
        none = np.empty((len(effort), 0))
        return np.concatenate([none, *(surplus(part, effort) for part in self._parts)], axis=-1)

    def switch(self, effort: Floats, which: Flags, time: float) -> None:
        """Change the states `which` (batch, k) in `effort` (batch, unknowns), and log that it was at `time` (s)."""
        for row, column in np.argwhere(which).tolist():
            node = int(self.nodes[column])
            effort[row, node] = 1.0 - effort[row, node]
            self._log.append((time, node, row, bool(effort[row, node])))

    def switch_first(self, effort: Floats, time: float) -> None:
        """Change the states with the largest surplus in `effort` (batch, unknowns), which ended a run at `time` (s)."""
        surplus = self.surplus(effort)
        self.switch(effort, surplus >= surplus.max() - _TOGETHER, time)

    def forget(self) -> None:
        """Clear the log: what switched on the way to the operating point is no part of the run."""
        self._log.clear()

    def switchings(self) -> Switchings:
        """Return the log."""
        columns = zip(*self._log, strict=True) if self._log else ((), (), (), ())
        time, nodes, sequences, closed = (np.array(each) for each in columns)
        return Switchings(time=time, nodes=nodes, sequences=sequences, closed=closed)


def threshold_event(equations: System, thresholds: Thresholds, effort: Floats) -> Callable[[float, Floats], float]:
    """Return an event for `scipy.integrate.solve_ivp`: the largest surplus of `thresholds`, which ends a run at zero.

    It is a function of the dynamic unknowns of `equations`. `effort` (batch, unknowns) is its buffer, and has the
    imposed ones.
    """

    def beyond(_time: float, states: Floats) -> float:
        effort[:, equations.dynamic] = states.reshape(len(effort), -1)
        equations.complete(effort)
        return float(thresholds.surplus(effort).max())

    beyond.terminal, beyond.direction = True, 1.0  # type: ignore[attr-defined]
    return beyond


def switch_until_rest(equations: System, thresholds: Thresholds, effort: Floats, time: float) -> bool:
    """Complete `effort` by the `equations` and change states beyond their `thresholds`, until there are none.

    All of it happens at the same `time` (s). Returns whether any state changed. Raises `SimulationError` if switches
    set each other off without end.
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
    """Raise `SimulationError` if switches have changed so many `turns` at one time that they never come to rest."""
    if turns >= _ROUNDS:
        must, do = "come to rest at one moment", "tie what controls them to a storage"
        raise SimulationError(explain("switches that set each other off", must=must, got=f"{turns} rounds", do=do))
