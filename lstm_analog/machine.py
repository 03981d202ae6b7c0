"""The facade a user holds: a compiled machine, and what it did with some inputs."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled, Timing, decode, lower, schedule, signal_network
from lstm_analog.compiler.compiled import LayerLayout
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.engines import Engine, Integrate, Progress
from lstm_analog.model import LSTM, State
from lstm_analog.model.lstm import sequences, starting_state
from lstm_analog.model.reference import LayerTrace, activate
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a machine did with `x` from `state`: the trajectory, and the LSTM's signals read off it.

    `x` has shape (batch, time, inputs) or (time, inputs); `h`, `c` and `layers` have the same leading axes.
    """

    compiled: Compiled
    x: Floats
    state: State
    trajectory: Trajectory

    @cached_property
    def layers(self) -> tuple[LayerTrace, ...]:
        """Pre-activations, gates, c and h of every layer after each step, in signal units, bottom layer first.

        Gates are not nodes of every circuit: they are the curves of the measured pre-activations.
        """
        return tuple(self._layer(layout) for layout in self.compiled.layout.layers)

    @property
    def h(self) -> Floats:
        """The output of the top layer, shape (..., time, units)."""
        return self.layers[-1].h

    @property
    def c(self) -> Floats:
        """The cells of the top layer, shape (..., time, units)."""
        return self.layers[-1].c

    @property
    def gates(self) -> Floats:
        """The gates of the top layer, shape (..., time, 4, units), in the order of `Gate`."""
        return self.layers[-1].gates

    def _layer(self, layout: LayerLayout) -> LayerTrace:
        steps = self.x.shape[-2]
        z, c, h = (
            np.stack([decode(self.compiled, self.trajectory, spot, steps) for spot in spots], axis=-2)
            for spots in (layout.z, (layout.c,), (layout.h,))
        )
        return LayerTrace(z=z, gates=activate(z), c=c[..., 0, :], h=h[..., 0, :])


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """An LSTM as a physical machine: run it, look at its network, write it out."""

    compiled: Compiled
    sizes: tuple[int, ...]
    input_size: int

    def schedule(self, x: ArrayLike, state: State | None = None) -> Schedule:
        """Return the clock and the imposed efforts that feed `x` (batch, time, inputs) or (time, inputs) from `state`."""
        inputs = sequences(x, self.input_size)
        return schedule(self.compiled, inputs, starting_state(state, self.sizes, inputs.shape[:-2]))

    def run(
        self,
        x: ArrayLike,
        *,
        state: State | None = None,
        engine: Engine | None = None,
        progress: Progress | None = None,
    ) -> Run:
        """Run the machine over `x` (batch, time, inputs) or (time, inputs) from `state`, else from rest.

        `engine` is `Integrate()` unless given; `progress(done, total)` is told the intervals done.
        """
        inputs = sequences(x, self.input_size)
        start = starting_state(state, self.sizes, inputs.shape[:-2])
        chosen = Integrate() if engine is None else engine
        trajectory = chosen.run(self.compiled.network, schedule(self.compiled, inputs, start), progress)
        return Run(compiled=self.compiled, x=inputs, state=start, trajectory=trajectory)


def compile(lstm: LSTM, technology: object, *, timing: Timing = CLOCKED, settling: float = 20.0) -> Machine:
    """Return `lstm` as a machine built in `technology`.

    `timing` says how the memories are clocked; `settling` is the phase length in time constants of the slowest pole: 20
    leave an error of about 1e-6 of full scale (design.md, section 5).
    """
    compiled = lower(technology, signal_network(lstm), timing, settling)
    origin = (("model", lstm.name), ("digest", lstm.digest), *compiled.network.provenance)
    network = replace(compiled.network, provenance=origin)
    return Machine(compiled=replace(compiled, network=network), sizes=lstm.sizes, input_size=lstm.input_size)
