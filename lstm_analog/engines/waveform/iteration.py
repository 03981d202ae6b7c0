"""The iteration of Newton's method for a level, as calls of numpy: what is decided for each component is a number.

It is 1 for yes and 0 for no, in arrays (m,).
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native import Repeat, Unless
from lstm_analog.engines.native.calls import largest, largest_each
from lstm_analog.engines.waveform.levels import Task
from lstm_analog.engines.waveform.linearised import Linearised
from lstm_analog.expressions import Call, where_less

_ITERATIONS = 30
"""Iterations after which Newton's method has failed in a segment, which is then tried again shorter or finer."""
_SLOW = 0.4
"""Ratio of successive changes above which the Jacobian is computed anew; larger: more iterations, fewer Jacobians."""
_SLOW_ALONE = 0.05
"""The same ratio for members without storage, each point by itself, where a new Jacobian costs little."""
_SLOWEST = 0.9
"""Largest ratio of successive changes from which the error that is left is extrapolated."""
_OVERSHOOT = 0.5
"""Share of the last change that a step may take back before half of the last change is undone."""
_ONE = np.ones(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Iteration:
    """Newton's method for the level of `task` with m components of k members, until efforts are within `tolerance`.

    Attributes
    ----------
    task : Task
        The level.
    efforts : float array, (k, points, *lead, m)
        What is solved for.
    equations : Linearised
        The equations about the efforts at which they were linearised last.
    change, flows : float arrays, (k, points, *lead, m)
        The step, and the flows left over that it was made of, which are overwritten.
    tolerance : float array, (m, k)
        The error of each effort that may be left.
    """

    task: Task
    efforts: Floats
    equations: Linearised
    change: Floats
    flows: Floats
    tolerance: Floats

    @cached_property
    def stale(self) -> Floats:
        """Whether each component is to be linearised again, (m,)."""
        return self._each()

    @cached_property
    def _before(self) -> Floats:
        """Size of the change before, in tolerances, of each component, (m,); 0 if there was none with these slopes."""
        return self._each()

    @cached_property
    def _size(self) -> Floats:
        """Size of the change, in tolerances, of each component, (m,)."""
        return self._each()

    @cached_property
    def _ratio(self) -> Floats:
        """Ratio of these sizes, (m,), up to `_SLOWEST`."""
        return self._each()

    @cached_property
    def _left(self) -> Floats:
        """What is left, in tolerances, of each component, (m,)."""
        return self._each()

    @cached_property
    def _open(self) -> Floats:
        """The largest of what is left, (1,)."""
        return np.empty(1)

    def _each(self) -> Floats:
        return np.zeros(self.change.shape[-1])

    def calls(self, stepping: list[Call]) -> list[Call]:
        """Return the calls that move the efforts until the change that is left is within the tolerance, or `Unsolved`.

        `stepping` writes the step at the present efforts to `change`. With the same slopes each change is r times the
        one before, so that r/(1 - r) of the last is left. Where r is large the slopes are computed again.
        """
        due, weights = np.empty(1), np.ascontiguousarray(1.0 / self.tolerance.T)
        refreshing = Unless(value=due, limit=0.0, calls=tuple(self.equations.refreshing(self.stale)))
        changes = self.change.reshape(len(self.change), -1, self.change.shape[-1])  # (k, points x lead, m)
        sizing = partial(largest_each, self._size, changes, weights)
        calls: list[Call] = [
            partial(largest, due, self.stale[None], _ONE),
            refreshing,
            *stepping,
            sizing,
            *self._moving(),
        ]
        repeat = Repeat(calls=tuple(calls), value=self._open, limit=1.0, most=_ITERATIONS)
        return [partial(np.copyto, self._before, 0.0), repeat]

    def _moving(self) -> list[Call]:
        """Return the calls that move the efforts by the change, or what is made of it, but no rounding at rest."""
        moving: list[Call] = [*self._judging(), Unless(value=self._open, limit=1.0, calls=tuple(self._correcting()))]
        moving.append(partial(np.add, self.efforts, self.change, self.efforts))
        if self.task.frame.count > 1:
            return moving
        excess, halting, slow, room = np.empty(1), np.empty(1), self._each(), self._each()
        error, sizes = np.empty_like(self.change), np.empty_like(self.change)
        rounding: list[Call] = [
            *self.equations.rounding(self.efforts, error),
            partial(np.absolute, self.change, sizes),
            partial(np.subtract, sizes, error, sizes),
            partial(np.maximum, sizes, 0.0, out=sizes),
            partial(largest, excess, sizes.reshape(1, -1), _ONE),
        ]
        return [
            partial(np.multiply, self._before, _SLOW_ALONE, slow),
            partial(np.less, slow, self._size, slow),
            partial(np.less, 0.0, self._before, room),
            partial(np.multiply, slow, room, slow),
            partial(largest, halting, slow[None], _ONE),
            partial(np.copyto, excess, 1.0),
            Unless(value=halting, limit=0.0, calls=tuple(rounding)),
            partial(np.copyto, self._open, 0.0),
            Unless(value=excess, limit=0.0, calls=tuple(moving)),
        ]

    def _judging(self) -> list[Call]:
        """Return the calls that compute the ratio of the changes, and what is left."""
        ratio, room, before, size, left = self._ratio, self._each(), self._before, self._size, self._left
        return [
            partial(np.multiply, before, _SLOWEST, room),
            partial(np.minimum, size, room, out=ratio),
            partial(where_less, 0.0, before, before, 1.0, room),
            partial(np.divide, ratio, room, ratio),
            partial(where_less, 0.0, before, ratio, _SLOWEST, ratio),
            partial(np.multiply, size, ratio, left),
            partial(np.subtract, 1.0, ratio, room),
            partial(np.divide, left, room, left),
            partial(where_less, 0.0, self.stale, size, left, left),
            partial(largest, self._open, left[None], _ONE),
        ]

    def _correcting(self) -> list[Call]:
        """Return the calls that change the step of components of which it is not believed, and note what comes next.

        Where a change is larger than the last one, or takes most of it back, half of the last one is undone instead
        (natural monotonicity, Deuflhard 2004): an op-amp far from its solution saturates, and its slope there says
        little; an orifice is steep about a drop of zero, where full steps swing from side to side. Where changes shrink
        slowly the efforts stay, and the slopes are computed again.
        """
        worse, slow, room, wrong = self._each(), self._each(), self._each(), np.empty(1)
        change, stale, before, size = self.change, self.stale, self._before, self._size
        last, product = np.zeros_like(change), self.flows
        limit = _SLOW if self.task.level.dynamic else _SLOW_ALONE
        correcting: tuple[Call, ...] = (
            partial(where_less, 0.0, slow, 0.0, change, change),
            partial(np.multiply, last, -0.5, product),
            partial(where_less, 0.0, worse, product, change, change),
        )
        halving: tuple[Call, ...] = (
            partial(np.negative, change, product),
            partial(where_less, 0.0, worse, product, last, last),
        )
        return [
            *self._distrusting(worse, slow, last, limit),
            partial(np.maximum, worse, slow, out=room),
            partial(largest, wrong, room[None], _ONE),
            Unless(value=wrong, limit=0.0, calls=correcting),
            partial(np.copyto, last, change),
            Unless(value=wrong, limit=0.0, calls=halving),
            partial(where_less, 0.0, slow, 0.0, size, room),
            partial(where_less, 0.0, worse, before, room, before),
            partial(np.copyto, stale, slow),
        ]

    def _distrusting(self, worse: Floats, slow: Floats, last: Floats, limit: float) -> list[Call]:
        """Return the calls that write to `worse` and `slow` (m,) whether the change is so, of each component."""
        known, room, before, size = self._each(), self._each(), self._before, self._size
        flat, across = self.flows.reshape(-1, known.size), np.empty((1, known.size))
        return [
            partial(np.less, 1.0, self._left, known),
            partial(np.less, 0.0, before, room),
            partial(np.multiply, known, room, known),
            partial(np.subtract, 1.0, self.stale, room),
            partial(np.multiply, known, room, known),
            partial(np.multiply, self.change, last, self.flows),
            partial(np.matmul, np.ones((1, len(flat))), flat, across),
            partial(np.less, across[0], 0.0, worse),
            partial(np.multiply, before, _OVERSHOOT, room),
            partial(np.less, room, size, room),
            partial(np.multiply, worse, room, worse),
            partial(np.less, before, size, room),
            partial(np.maximum, worse, room, out=worse),
            partial(np.multiply, worse, known, worse),
            partial(np.subtract, known, worse, known),
            partial(np.less, limit, self._ratio, slow),
            partial(np.multiply, slow, known, slow),
        ]
