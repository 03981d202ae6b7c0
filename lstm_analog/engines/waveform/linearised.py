"""The equations of a level linearised about its waveforms, with their inverse, for Newton's method.

Members without storage (a) are tied to the others at each point by itself, so they are eliminated there: with slopes
S = d flow / d effort and flows r that are left over, r_a + S_aa da + S_ad dd = 0 gives da = -S_aa^-1 (r_a + S_ad dd).
What is left is a system over all points for the members with storage (d) only; for two op-amps and their four nodes it
has a sixteenth of the numbers. Its inverse is stored: while the slopes hardly change, an iteration is one product with
it (the chord method).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.engines.waveform.levels import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Linearised:
    """The linearised equations of m components with d members with storage, which come first, and a without.

    Attributes
    ----------
    task : Task
        The level.
    slopes : function
        Returns d own flows / d own efforts at the present efforts, (k, k, points, *lead, m), k = d + a.
    among : float array, (a, a, points, *lead, m)
        -S_aa^-1: the efforts a that balance a flow into each other.
    lift : float array, (a, d, points, *lead, m)
        -S_aa^-1 S_ad: what the efforts d do to the efforts a.
    drop : float array, (d, a, points, *lead, m)
        S_da: what the efforts a do to the flows d.
    inverse : float array, (*lead, m, d points, d points)
        The inverse of the collocation equations of d that are left.
    steep : float array, (k, k, points, *lead, m)
        The sizes of the slopes at rest; empty where there are several points.
    filled : flags, (m,)
        Of which components these are valid.
    """

    task: Task
    slopes: Callable[[], Floats]
    among: Floats
    lift: Floats
    drop: Floats
    inverse: Floats
    steep: Floats
    filled: Flags

    def refresh(self, members: Flags) -> None:
        """Linearise the components `members` (m,) about the present efforts; `LinAlgError` if that is singular."""
        dynamic, own = self.task.level.dynamic, self.slopes()[..., members]
        self.filled[members] = True
        if self.steep.size:
            self.steep[..., members] = np.abs(own)
        mutual = np.moveaxis(own[dynamic:, dynamic:], (0, 1), (-2, -1))
        if mutual.size:
            same = bool((mutual == mutual[:1]).all())
            found = -np.linalg.inv(mutual[:1] if same else mutual)
            self.among[..., members] = np.moveaxis(found, (-2, -1), (0, 1))
            self.drop[..., members] = own[:dynamic, dynamic:]
            self.lift[..., members] = _times(self.among[..., members], own[dynamic:, :dynamic])
        if dynamic:
            left = own[:dynamic, :dynamic]
            if mutual.size:
                left = left + _times(self.drop[..., members], self.lift[..., members])
            self.inverse[..., members, :, :] = np.linalg.inv(_collocation(self.task, left, members))

    def step(self, residual: Floats) -> Floats:
        """Return the Newton step, what to add to the efforts, for the flows `residual` (k, points, *lead, m) left over.

        The result overwrites `residual`.
        """
        dynamic = self.task.level.dynamic
        moved, others = residual[:dynamic], residual[dynamic:]
        if len(others):
            others[...] = _applied(self.among, others)
        if dynamic:
            if len(others):
                moved[:, 1:] += _applied(self.drop, others)[:, 1:]
            inward, outward = _orders(residual.ndim)
            flat = moved.transpose(inward)
            found = np.matmul(self.inverse, flat.reshape(*flat.shape[:-2], -1, 1))
            moved[...] = found.reshape(flat.shape).transpose(outward)
            if len(others):
                others += _applied(self.lift, moved)
        return residual

    def rounding(self, efforts: Floats) -> Floats:
        """Return the error of `efforts` (k, points, *lead, m) at rest that rounding of the flows causes.

        It is 4 eps |S^-1| |S| |e|: behind a gain of 1e5 that is 1e-11 of an effort, and no iteration gets below it.
        """
        flows = _applied(self.steep, np.abs(efforts))
        found: Floats = 4.0 * np.finfo(np.float64).eps * _applied(np.abs(self.among), flows)
        return found


@lru_cache
def _orders(axes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the orders of so many `axes` that bring the first two behind the others, and back."""
    return (*range(2, axes), 0, 1), (axes - 2, axes - 1, *range(axes - 2))


def linearised(task: Task, slopes: Callable[[], Floats], shape: tuple[int, ...]) -> Linearised:
    """Return empty buffers for the level of `task`; `slopes` fills them, `shape` is (points, *lead, m)."""
    dynamic, others = task.level.dynamic, len(task.targets) - task.level.dynamic
    size = dynamic * shape[0]
    return Linearised(
        task=task,
        slopes=slopes,
        among=np.zeros((others, others, *shape)),
        lift=np.zeros((others, dynamic, *shape)),
        drop=np.zeros((dynamic, others, *shape)),
        inverse=np.zeros((*shape[1:], size, size)),
        steep=np.zeros((len(task.targets), len(task.targets), *shape) if task.frame.count == 1 else 0),
        filled=np.zeros(shape[-1], dtype=bool),
    )


def _times(one: Floats, other: Floats) -> Floats:
    """Return the product of matrices along the first two axes."""
    product: Floats = np.einsum("ab...,bc...->ac...", one, other)
    return product


def _applied(matrix: Floats, vector: Floats) -> Floats:
    """Return the product of matrices along the first two axes and vectors along the first."""
    product: Floats = np.einsum("ab...,b...->a...", matrix, vector)
    return product


def _collocation(task: Task, own: Floats, members: Flags) -> Floats:
    """Return the matrix C D - `own` of the members with storage, (*lead, m, d points, d points), starts being given.

    `own` (d, d, points, *lead, m) are the slopes of the components `members` (m,), perhaps without the first point.
    """
    dynamic, count = task.level.dynamic, task.frame.count
    matrix = np.zeros((*own.shape[3:], dynamic, count, dynamic, count))
    each = np.arange(count - own.shape[2], count)
    for row in range(dynamic):
        for column in range(dynamic):
            matrix[..., row, each, column, each] = -np.moveaxis(own[row, column], 0, -1)
        capacity = task.inflow.wiring.capacity[..., members, row]
        matrix[..., row, :, row, :] += capacity[..., None, None] * task.frame.slope
        matrix[..., row, 0, :, :] = 0.0
        matrix[..., row, 0, row, 0] = 1.0
    return matrix.reshape(*own.shape[3:], dynamic * count, dynamic * count)
