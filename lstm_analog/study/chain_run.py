"""The signals of one chain in a run, read from its trajectory; a chain is one direction of a layer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Spot, decode
from lstm_analog.model.gates import GateOrder
from lstm_analog.model.reference import activate
from lstm_analog.model.sequences import in_time, last_of
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study.keeping import Keep, not_kept
from lstm_analog.summaries import Rows, Summarised


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ChainRun(Summarised):
    """The signals of one chain in a run, after each step, in signal units and in the order of time.

    Each is read from the `trajectory` of `compiled` at the `place` of the chain when it is accessed; one that was not
    kept raises `InvalidValueError`. There are `steps` steps, of which the first `lengths` (batch,) are valid. Signals
    have a leading axis of `chips`, unless that is 0.
    """

    compiled: Compiled
    place: LayerLayout
    trajectory: Trajectory
    steps: int
    lengths: Indices | None
    chips: int

    def summary(self) -> Rows:
        """Return rows with the chain and its size."""
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
        """The enumeration of its gates."""
        return type(self.place.gates[0])

    @cached_property
    def z(self) -> Floats:
        """The pre-activations, (..., time, gates, units)."""
        return np.stack([self._signal(spot) for spot in self.place.z], axis=-2)

    @cached_property
    def gates(self) -> Floats:
        """The gates, (..., time, gates, units), computed from z, because not every circuit has a node for them."""
        inside = in_time(np.ones_like(self.z[..., 0, :1]), self.lengths, backward=False)
        return activate(self.place.activations, self.z) * inside[..., None, :]

    @cached_property
    def c(self) -> Floats:
        """The states c, (..., time, units); only an LSTM has them."""
        return np.zeros((*self.h.shape[:-1], 0)) if self.place.c is None else self._signal(self.place.c)

    @cached_property
    def h(self) -> Floats:
        """The outputs, (..., time, outputs)."""
        return self._signal(self.place.h)

    @property
    def last(self) -> tuple[Floats, Floats]:
        """The last h and c of each sequence, (..., outputs) and (..., units)."""
        if self.lengths is not None:
            h, c = (last_of(signal, self.lengths, backward=self.place.backward) for signal in (self.h, self.c))
            return h, c
        h = self._read(self.place.h, last=True)[..., 0, :]
        return h, h[..., :0] if self.place.c is None else self._read(self.place.c, last=True)[..., 0, :]

    def _signal(self, spot: Spot) -> Floats:
        return in_time(self._read(spot, last=False), self.lengths, backward=self.place.backward)

    def _read(self, spot: Spot, *, last: bool) -> Floats:
        return read_signal(self.compiled, self.trajectory, spot, self.steps, self.chips, last=last)


def read_signal(
    compiled: Compiled, trajectory: Trajectory, spot: Spot, steps: int, chips: int, *, last: bool
) -> Floats:
    """Return the signal at `spot` after each of `steps` steps of `compiled`, or only after the `last`.

    Its shape is (chips, *batch, time, n), without the first axis if `chips` is 0. Steps are in the order of the
    trajectory. Raises `InvalidValueError` if the `trajectory` has not kept the signal.
    """
    ends = compiled.cycle.ends(spot.interval, steps)[-1 if last else 0 :]
    times = trajectory.schedule.ends[ends]
    if not all(trajectory.holds(compiled.network.unknowns[group], times) for group in spot.groups):
        what = f"{' and '.join(spot.groups)} at the {'last end' if last else 'ends'} of {spot.interval}"
        raise not_kept(trajectory, what, Keep.SIGNALS)
    found = decode(compiled, trajectory, spot, ends)
    axis = (chips,) if chips else ()
    return np.broadcast_to(found, (*axis, *trajectory.schedule.batch, *found.shape[-2:]))
