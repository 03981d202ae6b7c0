"""Looks whether storages that were taken to be at rest at the end of a phase, though they may not settle, were so."""

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.engines.settle.modes import Modes
from lstm_analog.engines.settle.program import AT_REST, Instruction
from lstm_analog.errors import SimulationError
from lstm_analog.expressions import Call, make


class RestCheck:
    """Tells whether storages that an `instruction` takes to be at rest, though they may not settle, were nearly so."""

    def __init__(self, instruction: Instruction, efforts: Array) -> None:
        """Take the `efforts` (*lead, unknowns) on which the `instruction` works."""
        phase, checked = instruction.phase, instruction.checked
        self.efforts, self.nodes, self.phase = efforts, phase.unsettled[checked], phase
        self.left = phase.left[checked] / phase.scales[self.nodes]
        self.controlled = instruction.controlled
        self.before = np.empty_like(efforts)

    def come_to_rest(self, calls: tuple[Call, ...]) -> bool:
        """Make the `calls`; return whether little is left, at the end, of how far the storages stood from rest.

        If not, or if no fixed point is found, the efforts are those at the start again.
        """
        np.copyto(self.before, self.efforts)
        try:
            make(calls)
            near = self._is_near()
        except (SimulationError, np.linalg.LinAlgError):
            near = False
        if not near:
            np.copyto(self.efforts, self.before)
        return near

    def _is_near(self) -> bool:
        away = np.abs(self.efforts[..., self.nodes] - self.before[..., self.nodes])
        if not (away * self.left).max(initial=0.0) <= AT_REST:
            return False
        return all(self._is_nearly_at_rest(modes) for modes in self.controlled)

    def _is_nearly_at_rest(self, modes: Modes) -> bool:
        """Return whether little is left of how far the storages of `modes` stood, by their rates at the end."""
        now, before = self.efforts, self.before
        constants = modes.slowest(now)[..., None] * self.phase.duration
        left = np.where(constants < self.phase.settled, np.exp(-np.clip(constants, 0.0, self.phase.settled)), 0.0)
        nodes = modes.storages
        away = np.abs(now[..., nodes] - before[..., nodes]) / self.phase.scales[nodes]
        return bool((away * left).max() <= AT_REST)
