"""What one chain of a machine, a direction of a layer, did: its signals, read off a trajectory when asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Spot, decode
from lstm_analog.model.gates import GateOrder
from lstm_analog.model.reference import activate
from lstm_analog.model.sequences import in_time, state_after
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.keeping import Keep, not_kept
from lstm_analog.summaries import Rows, Summarised


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChainRun(Summarised):
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

    def summary(self) -> Rows:
        """Return which chain it is, and its size."""
        way = "backward" if self.place.backward else "forward"
        return (
            ("layer", f"{self.place.layer}, {way}"),
            ("gates", " ".join(gate.letter for gate in self.place.gates)),
            ("steps", self.steps),
            *((("chips", self.chips),) if self.chips else ()),
            ("engine", self.trajectory.engine),
        )

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
        return read_signal(self.compiled, self.trajectory, spot, self.steps, self.chips, last=last)


def read_signal(
    compiled: Compiled, trajectory: Trajectory, spot: Spot, steps: int, chips: int, *, last: bool
) -> Floats:
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
