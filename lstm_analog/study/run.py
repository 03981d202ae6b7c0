"""What a machine did with some inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Spot, decode, schedule
from lstm_analog.compiler.scaling import Scaling
from lstm_analog.engines import Engine
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.model import Outputs, State
from lstm_analog.model.gates import GateOrder
from lstm_analog.model.reference import activate
from lstm_analog.model.sequences import in_time, state_after
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.keeping import Keep, check_whole, not_kept

_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class ChainRun:
    """What one chain, a direction of a layer, did: signals after each step in signal units, in the order of time.

    They are read off the `trajectory` of `compiled`, over `steps` of which `lengths` count, at the `place` of the chain
    when they are asked for; one that was not kept raises `InvalidValueError`. The axis of so many `chips` leads them,
    unless that is 0.
    """

    compiled: Compiled
    place: LayerLayout
    trajectory: Trajectory
    steps: int
    lengths: Indices | None
    chips: int

    @property
    def order(self) -> GateOrder:
        """The kind of its gates."""
        return type(self.place.gates[0])

    @cached_property
    def z(self) -> Floats:
        """The pre-activations, (..., time, gates, units)."""
        return np.stack([self._signal(spot) for spot in self.place.z], axis=-2)

    @cached_property
    def gates(self) -> Floats:
        """The gates, (..., time, gates, units): not nodes of every circuit, but the curves of the measured z."""
        inside = in_time(np.ones_like(self.z[..., 0, :1]), self.lengths, backward=False)
        return activate(self.place.activations, self.z) * inside[..., None, :]

    @cached_property
    def c(self) -> Floats:
        """The cells, (..., time, units); a GRU has none."""
        return np.zeros((*self.h.shape[:-1], 0)) if self.place.c is None else self._signal(self.place.c)

    @cached_property
    def h(self) -> Floats:
        """The outputs, (..., time, outputs)."""
        return self._signal(self.place.h)

    @property
    def last(self) -> tuple[Floats, Floats]:
        """The last h and c of each sequence, (..., outputs) and (..., units)."""
        if self.lengths is not None:
            state = state_after([self], [self.place.backward], self.lengths)
            return state.h[0], state.c[0]
        h = self._read(self.place.h, last=True)[..., 0, :]
        return h, h[..., :0] if self.place.c is None else self._read(self.place.c, last=True)[..., 0, :]

    def _signal(self, spot: Spot) -> Floats:
        return in_time(self._read(spot, last=False), self.lengths, backward=self.place.backward)

    def _read(self, spot: Spot, *, last: bool) -> Floats:
        return _read(self.compiled, self.trajectory, spot, self.steps, self.chips, last=last)


@dataclass(frozen=True, kw_only=True, eq=False)
class PassRun:
    """What a machine did in one pass through time.

    Attributes
    ----------
    compiled : Compiled
        What was run.
    x : float array, (batch, time, inputs) or (time, inputs)
        What it was fed, in the order of time: of a later pass what the earlier one has left. Where chips differ in it,
        their axis leads.
    state : State
        Where its chains started.
    lengths : index array, (batch,), or None
        How many steps of each sequence count, all if None.
    trajectory : Trajectory
        What the engine computed, as far as it was kept.
    chips : int
        How many chips the machine has, whose axis leads all signals, or 0 for one machine without that axis.
    """

    compiled: Compiled
    x: Floats
    state: State
    lengths: Indices | None
    trajectory: Trajectory
    chips: int = 0

    @cached_property
    def layers(self) -> tuple[ChainRun, ...]:
        """What each of its chains did."""
        return tuple(
            ChainRun(
                compiled=self.compiled,
                place=place,
                trajectory=self.trajectory,
                steps=self._steps,
                lengths=self.lengths,
                chips=self.chips,
            )
            for place in self.compiled.layout.layers
        )

    @property
    def state_after(self) -> State:
        """What its chains are left with."""
        left = [layer.last for layer in self.layers]
        return State(h=tuple(h for h, _ in left), c=tuple(c for _, c in left))

    @property
    def top(self) -> tuple[ChainRun, ...]:
        """The chains of its top layer."""
        return self.layers[self.compiled.layout.top]

    @property
    def h(self) -> Floats:
        """The outputs of its top layer, forward before backward, shape (..., time, outputs)."""
        return np.concatenate([layer.h for layer in self.top], axis=-1)

    @property
    def final(self) -> Floats:
        """The outputs of its top layer after the last step of each direction, shape (..., outputs)."""
        return np.concatenate([layer.last[0] for layer in self.top], axis=-1)

    @cached_property
    def y(self) -> Floats | None:
        """The outputs of the head, if the pass has one: (..., time, K), or (..., K) if it answers once a sequence."""
        head = self.compiled.layout.head
        if head is None:
            return None
        y = _read(self.compiled, self.trajectory, head.y, self._steps, self.chips, last=False)
        y = in_time(y, self.lengths, backward=self.compiled.layout.backward)
        return y[..., 0, :] if head.final else y

    @property
    def _steps(self) -> int:
        return int(self.x.shape[-2])


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """How a run came about: the `technology` of the machine, the `scaling` of its units if any, and the `engine`."""

    technology: object
    scaling: Scaling | None
    engine: Engine


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a machine did with `x` from `state`, `lengths` steps of each sequence: the signals of all its `passes`.

    `x` has shape (batch, time, inputs) or (time, inputs); `h`, `c` and `layers` have the same leading axes. Where the
    machine is several chips, one axis of chips leads all that it answers, whatever the passes, layers and head.
    With its `setup`, None where nobody said it, `compare` can run it again.
    """

    passes: tuple[PassRun, ...]
    x: Floats
    state: State
    lengths: Indices | None = None
    setup: Setup | None = None

    @property
    def compiled(self) -> Compiled:
        """What was run, if one pass was enough; else `UnsupportedError`."""
        return self._only.compiled

    @property
    def trajectory(self) -> Trajectory:
        """What the engine computed, if one pass was enough; else `UnsupportedError`."""
        return self._only.trajectory

    @cached_property
    def layers(self) -> tuple[ChainRun, ...]:
        """The signals of every chain after each step, bottom layer first, forward before backward."""
        return tuple(layer for each in self.passes for layer in each.layers)

    @property
    def h(self) -> Floats:
        """The outputs of the top layer, forward before backward, shape (..., time, outputs)."""
        return np.concatenate([layer.h for layer in self._top], axis=-1)

    @property
    def c(self) -> Floats:
        """The cells of the top layer, shape (..., time, units); a GRU has none."""
        return np.concatenate([layer.c for layer in self._top], axis=-1)

    @property
    def gates(self) -> Floats:
        """The gates of the top layer, shape (..., time, gates, units), in the order of its kind of cell."""
        return np.concatenate([layer.gates for layer in self._top], axis=-1)

    @property
    def y(self) -> Floats | None:
        """The outputs of the head, if there is one: (..., time, K), or (..., K) if it answers once a sequence."""
        return self.passes[-1].y

    @property
    def outputs(self) -> Outputs:
        """What calling the LSTM returns, as the machine has it: `outputs.state` carries the run on."""
        states = [each.state_after for each in self._recurrent]
        h, c = tuple(a for s in states for a in s.h), tuple(a for s in states for a in s.c)
        return Outputs(h=self.h, state=State(h=h, c=c), y=self.y)

    @property
    def _recurrent(self) -> list[PassRun]:
        """The passes that are not a head alone."""
        return [each for each in self.passes if each.layers]

    @property
    def _top(self) -> tuple[ChainRun, ...]:
        if not self._recurrent:
            raise UnsupportedError(explain("the run", must="have h, c and gates", got="a head alone", do="take its y"))
        return self._recurrent[-1].top

    @property
    def _only(self) -> PassRun:
        return only(self.passes, "run")


def number_of_chips(passes: tuple[Compiled, ...]) -> int:
    """Return how many chips the networks of `passes` describe, 0 if none carries an axis of chips."""
    return max(each.network.chips for each in passes)


def feeding(
    compiled: Compiled, x: Floats, state: State, lengths: Indices | None, batch: tuple[int, ...], chips: int
) -> Schedule:
    """Return the schedule that feeds `compiled` with `x` (..., *batch, time, inputs) from `state` over `lengths` steps.

    An axis before the `batch`, of x or of an array of the state, is that of the `chips`: each has its own.
    """
    arrays = (x[..., 0, :], *state.h, *state.c)
    by_chip = any(array.ndim > 1 + len(batch) for array in arrays)
    return schedule(compiled, x, state, lengths, chips=chips if by_chip else 0)


Solve = Callable[[Compiled, Schedule], Trajectory]
"""Runs one pass: an engine, told what and how."""


def run_through(passes: tuple[Compiled, ...], x: Floats, state: State, lengths: Indices | None, solve: Solve) -> Run:
    """Return what `solve` makes of `passes`, one after the other, fed with `x` from `state` over `lengths` steps.

    Each pass is fed what the one before has left, sampled at the end of each step: a sample memory stands between, one
    on each chip.
    """
    done: list[PassRun] = []
    first, signal, batch = 0, x, x.shape[-3:-2]
    chips = number_of_chips(passes)
    for compiled in passes:
        count = len(compiled.layout.layers)
        start = State(h=state.h[first : first + count], c=state.c[first : first + count])
        first, within = first + count, lengths
        if done and compiled.layout.head is not None and compiled.layout.head.final:
            signal, within = done[-1].final[..., None, :], None
        trajectory = solve(compiled, feeding(compiled, signal, start, within, batch, chips))
        done.append(
            PassRun(compiled=compiled, x=signal, state=start, lengths=within, trajectory=trajectory, chips=chips)
        )
        signal = done[-1].h if count else signal
    return Run(passes=tuple(done), x=x, state=state, lengths=lengths)


def check_run(compiled: Compiled, run: object) -> None:
    """Raise an error unless `run` is None or all of what a machine like `compiled` did.

    Raises
    ------
    InvalidTypeError
        If it is no run.
    InvalidValueError
        If its network has other unknowns, or it kept only some of them or of the intervals.
    UnsupportedError
        If it went through time several times.
    """
    if run is None:
        return
    if not isinstance(run, Run):
        got, do = type(run).__name__, "give what Machine.run returned"
        raise InvalidTypeError(explain("the run", must="be of type Run", got=got, do=do))
    if run.trajectory.network.unknowns != compiled.network.unknowns:
        do = "give a run of this machine"
        raise InvalidValueError(explain("the run", must="have the unknowns of the machine", got="others", do=do))
    check_whole(run.trajectory)


def _read(compiled: Compiled, trajectory: Trajectory, spot: Spot, steps: int, chips: int, *, last: bool) -> Floats:
    """Return the signal at `spot` of each of `steps` of `compiled`, or of the `last`, as they went.

    Its shape is (chips, *batch, time, n), without the axis of `chips` where that is 0. Raises `InvalidValueError` if
    the `trajectory` has not kept it.
    """
    ends = compiled.cycle.ends(spot.interval, steps)[-1 if last else 0 :]
    times = trajectory.schedule.ends[ends]
    if not all(trajectory.holds(compiled.network.unknowns[group], times) for group in spot.groups):
        what = f"{' and '.join(spot.groups)} at the {'last end' if last else 'ends'} of {spot.interval}"
        raise not_kept(trajectory, what, Keep.SIGNALS)
    found = decode(compiled, trajectory, spot, ends)
    axis = (chips,) if chips else ()
    return np.broadcast_to(found, (*axis, *trajectory.schedule.batch, *found.shape[-2:]))


def only(passes: tuple[_Item, ...], what: str) -> _Item:
    """Return the one of `passes`, or raise `UnsupportedError`: `what` goes through time several times."""
    if len(passes) > 1:
        got, do = f"{len(passes)} passes", f"take {what}.passes[k]"
        raise UnsupportedError(explain(f"the {what}", must="go through time once", got=got, do=do))
    return passes[0]
