"""The equations of a level linearised about its waveforms, with their inverse, for Newton's method.

Members without storage (a) are balanced at each point by itself, so they are eliminated there: with slopes
S = d flow / d effort and the residual r, r_a + S_aa da + S_ad dd = 0 gives da = -S_aa^-1 (r_a + S_ad dd). There remains
a system over all points for the members with storage (d) only, with the Schur complement S_dd - S_da S_aa^-1 S_ad; for
two op-amps and their four nodes it has a sixteenth of the numbers. Its inverse is stored: while the slopes hardly
change, an iteration is one product with it (the chord method). Where one iteration is exact, the system is solved
instead.
"""

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from lstm_analog.arrays import Flags, Floats, span
from lstm_analog.engines.native.calls import (
    add_products,
    entries,
    invert_collocation,
    invert_negative,
    solve_collocation,
    write_products,
)
from lstm_analog.engines.phase.wiring import Load
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.engines.waveform.levels import Task
from lstm_analog.expressions import Call, adding, reading, where_less
from lstm_analog.network.laws import High, Order, partials_into, rows

_CACHED = 2**23
"""Numbers in the inverse of a level up to which it is cached for the next solve; larger: more memory (8 bytes each)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slopes:
    """The derivatives of the flows into a level by its own efforts, `values` (k, k, points, *lead, m).

    The `calls` compute them; `present` (k, k) tells which may be other than zero.
    """

    values: Floats
    calls: tuple[Call, ...]
    present: Flags


def _slopes(task: Task, waves: Waves, shape: tuple[int, ...]) -> Slopes:
    """Return the slopes of the level of `task` at the efforts `waves`; those of one member by another have the `shape`.

    It is (points, *lead, m), without the first point if all members have storage.
    """
    wiring = task.inflow.wiring
    constant, loads, width = wiring.own, [load for load in wiring.loads if load.own], len(task.targets)
    values = np.zeros((width, width, *shape))
    present: Flags = np.any(constant.reshape(-1, width, width), axis=0)
    for own in (own for load in loads for own in load.own):
        present[own.row, own.column] = True
    calls: list[Call] = [
        partial(np.copyto, values[row, column], constant[..., row, column]) for row, column in np.argwhere(present)
    ]
    for load in loads:
        calls += _adding_partials(load, waves, task.inflow.high, values)
    return Slopes(values=values, calls=tuple(calls), present=present)


def _adding_partials(load: Load, waves: Waves, high: High, values: Floats) -> list[Call]:
    """Return the calls that add the partials of `load` at `waves` to the slopes `values`."""
    count = rows(load.part).shape[-1]
    found = {number: np.empty((*values.shape[2:-1], count)) for number in sorted({own.block for own in load.own})}
    calls = list(partials_into(load.part, cast(Floats, waves), high, found))
    for own in load.own:
        value, fetching = reading(found[own.block], span(own.elements))
        calls += [*fetching, adding(values[own.row, own.column], span(own.into), value)]
    return calls


@dataclass(frozen=True, kw_only=True, eq=False)
class Linearised:
    """The linearised equations of m components with d members with storage, which come first, and a without.

    Attributes
    ----------
    task : Task
        The level.
    slopes : Slopes
        S at the present efforts, with k = d + a.
    among : float array, (a, a, points, *lead, m)
        -S_aa^-1: how efforts a answer to flows into each other.
    lift : float array, (a, d, points, *lead, m)
        -S_aa^-1 S_ad: how efforts a follow the efforts d.
    drop : float array, (d, a, points, *lead, m)
        S_da; zero at the first point, where efforts d are given.
    schur : float array, (d, d, points, *lead, m)
        S_dd + S_da lift; without the first point if a is 0.
    inverse : float array, (d points, d points, *lead, m)
        The inverse of the collocation equations of the members d; empty where these are solved instead.
    magnitudes : float array, (k, k, points, *lead, m)
        |S| at rest; empty where there are several points.
    cached : bool
        Whether the inverse is kept for the next solve; else its memory is shared.
    """

    task: Task
    slopes: Slopes
    among: Floats
    lift: Floats
    drop: Floats
    schur: Floats
    inverse: Floats
    magnitudes: Floats
    cached: bool

    def refreshing(self, stale: Floats) -> list[Call]:
        """Return the calls that linearise about the present efforts the components whose `stale` (m,) is above zero.

        Where the equations of a component are singular its results are NaN.
        """
        dynamic, own, calls = len(self.schur), self.slopes.values, list(self.slopes.calls)
        if self.magnitudes.size:
            sizes = np.empty_like(own)
            calls += [partial(np.absolute, own, sizes), _copied_where(stale, sizes, self.magnitudes)]
        if len(self.among):
            calls.append(partial(invert_negative, self.among, own[dynamic:, dynamic:], stale))
        if dynamic:
            calls.append(partial(np.copyto, self.schur, own[:dynamic, :dynamic]))
        if self.lift.size:
            calls += self._eliminating(stale)
        if self.inverse.size:
            capacity, derivative = self.task.inflow.wiring.capacity, self.task.frame.derivative
            calls.append(partial(invert_collocation, self.inverse, self.schur, capacity, derivative, stale))
        return calls

    def _eliminating(self, stale: Floats) -> list[Call]:
        """Return the calls that eliminate the members without storage of the components whose `stale` (m,) is 1."""
        dynamic, own, lifted = len(self.schur), self.slopes.values, np.empty_like(self.lift)
        mutual, down, columns = entries(self._closed), entries(self.slopes.present[:dynamic, dynamic:]), range(dynamic)
        return [
            *(partial(write_products, lifted[:, k], self.among, own[dynamic:, k], mutual) for k in columns),
            _copied_where(stale, lifted, self.lift),
            _copied_where(stale, own[:dynamic, dynamic:, 1:], self.drop[:, :, 1:]),
            *(partial(add_products, self.schur[:, k], self.drop, self.lift[:, k], down) for k in columns),
        ]

    def stepping(self, flows: Floats, change: Floats) -> list[Call]:
        """Return the calls that write the Newton step for the residual `flows` to `change`, to be added to efforts.

        Both are (k, points, *lead, m); the residual is overwritten.
        """
        dynamic, present, calls = len(self.schur), self.slopes.present, list[Call]()
        if len(self.among):
            calls.append(partial(write_products, change[dynamic:], self.among, flows[dynamic:], entries(self._closed)))
        if self.lift.size:
            down = entries(present[:dynamic, dynamic:])
            calls.append(partial(add_products, flows[:dynamic], self.drop, change[dynamic:], down))
        if dynamic:
            calls.append(self._moving(flows[:dynamic], change[:dynamic]))
        if self.lift.size:
            up = entries(self._closed @ present[dynamic:, :dynamic])
            calls.append(partial(add_products, change[dynamic:], self.lift, change[:dynamic], up))
        return calls

    def _moving(self, flows: Floats, change: Floats) -> Call:
        """Return the call that writes the step of the members with storage to `change`, both (d, points, *lead, m)."""
        if not self.inverse.size:
            capacity, derivative = self.task.inflow.wiring.capacity, self.task.frame.derivative
            return partial(solve_collocation, change, self.schur, capacity, derivative, flows)
        shape = (len(self.inverse), *flows.shape[2:])
        later = np.arange(len(self.inverse)) % flows.shape[1] > 0  # the first point has no residual and no change
        present = entries(later[:, None] & later)
        return partial(write_products, change.reshape(shape), self.inverse, flows.reshape(shape), present)

    def rounding(self, efforts: Floats, out: Floats) -> list[Call]:
        """Return the calls that write to `out` the error of `efforts` at rest that rounding of the flows causes.

        Both are (k, points, *lead, m). It is 4 eps |S^-1| |S| |e|: behind a gain of 1e5 that is 1e-11 of an effort, and
        no iteration gets below it.
        """
        sizes, flows, mutual = np.empty_like(out), np.empty_like(out), np.empty_like(self.among)
        return [
            partial(np.absolute, efforts, sizes),
            partial(write_products, flows, self.magnitudes, sizes, entries(self.slopes.present)),
            partial(np.absolute, self.among, mutual),
            partial(write_products, out, mutual, flows, entries(self._closed)),
            partial(np.multiply, out, 4.0 * np.finfo(np.float64).eps, out),
        ]

    @property
    def _closed(self) -> Flags:
        """Which entries of -S_aa^-1 may be other than zero: those of a polynomial in S_aa (Cayley and Hamilton)."""
        direct = self.slopes.present[len(self.schur) :, len(self.schur) :]
        found = direct | np.eye(len(direct), dtype=bool)
        for _ in range(len(direct)):
            found = found @ found
        return found


def _copied_where(stale: Floats, source: Floats, out: Floats) -> Call:
    return partial(where_less, 0.0, stale, source, out, out)


def linearised(task: Task, waves: Waves, shape: tuple[int, ...]) -> Linearised:
    """Return buffers for the equations of the level of `task`, whose waveforms have this `shape` (points, *lead, m).

    `waves` are the efforts that its laws read. Inverses that are not kept for the next solve share their memory.
    """
    dynamic, others = task.level.dynamic, len(task.targets) - task.level.dynamic
    first = task.points.start if task.points else 0
    slopes = _slopes(task, waves, (shape[0] - first, *shape[1:]))
    size, exact = dynamic * shape[0], task.level.order is not Order.NONLINEAR
    numbers = 0 if exact else size * size * int(np.prod(shape[1:]))
    room = np.zeros(numbers) if numbers <= _CACHED else task.inflow.state.scratch(numbers)
    return Linearised(
        task=task,
        slopes=slopes,
        among=np.zeros((others, others, *shape)),
        lift=np.zeros((others, dynamic, *shape)),
        drop=np.zeros((dynamic, others, *shape)),
        schur=np.zeros((dynamic, dynamic, *slopes.values.shape[2:])),
        inverse=room.reshape(size, size, *shape[1:]) if numbers else np.zeros((0, 0)),
        magnitudes=np.zeros((len(task.targets), len(task.targets), *shape) if task.frame.count == 1 else 0),
        cached=not exact and numbers <= _CACHED,
    )
