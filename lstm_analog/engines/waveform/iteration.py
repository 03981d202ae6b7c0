"""The iteration of Newton's method for a level, as calls of numpy.

Components converge one by one. What is decided for each is a number in an array (m,): 1 for yes, 0 for no.
"""

from functools import partial

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
"""Ratio of successive changes above which slopes are computed anew; larger: more iterations, fewer new slopes."""
_SLOW_ALONE = 0.05
"""The same ratio for levels without storage: each point is a system of its own there, and new slopes cost little."""
_FASTEST = 0.01
"""Least ratio of successive changes that is believed; larger: more iterations.

What falls fast hides what falls slowly: the last change must be small by itself, at most one tolerance of the segment.
"""
_SLOWEST = 0.9
"""Largest ratio of successive changes from which the remaining error is extrapolated; larger: more is trusted."""
_OVERSHOOT = 0.5
"""Share of the last change that a step may take back before half of the last is undone; larger: longer swings."""
_ONE = np.ones(1)


class Iteration:
    """Newton's method for the level of `task` with m components of k members, until efforts are within `tolerance`.

    It solves for the `efforts` (k, points, *lead, m) by `equations` linearised about earlier ones. `change` is the step
    and `flows` the residual that it is computed from, which is overwritten; both have the shape of the efforts. The
    `tolerance` (m, k) is the error of each effort that may remain.

    Whether each component is to be linearised again is `stale` (m,). Of the other numbers (m,), `_size` is the size of
    the change in tolerances, `_before` that of the one before, 0 if there was none with these slopes, `_ratio` their
    ratio and `_remaining` the estimated error after the change, in tolerances; `_worst` (1,) is the largest of these.
    """

    def __init__(
        self, *, task: Task, efforts: Floats, equations: Linearised, change: Floats, flows: Floats, tolerance: Floats
    ) -> None:
        self.task, self.efforts, self.equations, self.tolerance = task, efforts, equations, tolerance
        self.change, self.flows = change, flows
        self.stale, self._before, self._size, self._ratio, self._remaining = (self._each() for _ in range(5))
        self._worst = np.empty(1)

    def _each(self) -> Floats:
        return np.zeros(self.change.shape[-1])

    def calls(self, stepping: list[Call]) -> list[Call]:
        """Return the calls that move the efforts until they are within the tolerance; else they are `Unsolved`.

        `stepping` writes the step at the present efforts to `change`. With the same slopes each change is r times the
        one before, so that r/(1 - r) of the last one remains. Where r is large the slopes are computed again.
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
        repeat = Repeat(calls=tuple(calls), value=self._worst, limit=1.0, most=_ITERATIONS)
        return [partial(np.copyto, self._before, 0.0), repeat]

    def _moving(self) -> list[Call]:
        """Return the calls that judge the change, correct it and add it to the efforts.

        At rest an iteration stops, too, where changes no longer shrink and are no larger than rounding explains.
        """
        moving: list[Call] = [*self._judging(), Unless(value=self._worst, limit=1.0, calls=tuple(self._correcting()))]
        moving.append(partial(np.add, self.efforts, self.change, self.efforts))
        if self.task.frame.count > 1:
            return moving
        excess, slowest, slow, room = np.empty(1), np.empty(1), self._each(), self._each()
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
            partial(largest, slowest, slow[None], _ONE),
            partial(np.copyto, excess, 1.0),
            Unless(value=slowest, limit=0.0, calls=tuple(rounding)),
            partial(np.copyto, self._worst, 0.0),
            Unless(value=excess, limit=0.0, calls=tuple(moving)),
        ]

    def _judging(self) -> list[Call]:
        """Return the calls that compute the ratio of the changes, and what remains after this one.

        The ratio r is at least `_FASTEST` and at most `_SLOWEST`, which a first change is given. What remains is
        r/(1 - r) of the size, or with new slopes at most the size itself, for then convergence is quadratic.
        """
        ratio, room, before, size, left = self._ratio, self._each(), self._before, self._size, self._remaining
        return [
            partial(np.multiply, before, _SLOWEST, room),
            partial(np.minimum, size, room, out=ratio),
            partial(where_less, 0.0, before, before, 1.0, room),
            partial(np.divide, ratio, room, ratio),
            partial(where_less, 0.0, before, ratio, _SLOWEST, ratio),
            partial(np.maximum, ratio, _FASTEST, out=ratio),
            partial(np.multiply, size, ratio, left),
            partial(np.subtract, 1.0, ratio, room),
            partial(np.divide, left, room, left),
            partial(where_less, 0.0, self.stale, size, left, left),
            partial(largest, self._worst, left[None], _ONE),
        ]

    def _correcting(self) -> list[Call]:
        """Return the calls that replace the changes of components that are `worse` or `slow`, as `_distrusting` says.

        Where a change is worse, half of the last one is undone instead (natural monotonicity, Deuflhard 2004): an
        op-amp far from its solution saturates, and its slope there says little; an orifice is steep about a drop of
        zero, where full steps swing from side to side. Where changes shrink slowly the efforts stay, and the slopes are
        computed again.
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
        """Return the calls that write to `worse` and `slow` (m,) whether the change of each component is so.

        Only a change after another one with the same slopes can be, if more than a tolerance remains. It is worse if it
        is larger than the `last` one, or against it and larger than a share `_OVERSHOOT` of it. It is slow if it is not
        worse and its ratio is above `limit`.
        """
        known, room, before, size = self._each(), self._each(), self._before, self._size
        flat, across = self.flows.reshape(-1, known.size), np.empty((1, known.size))
        return [
            partial(np.less, 1.0, self._remaining, known),
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
