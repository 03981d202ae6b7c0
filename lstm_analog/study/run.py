"""What a machine did with some inputs."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.compiled import Compiled, LayerLayout, decode
from lstm_analog.model import SIGMOID, TANH, Gate, LayerTrace, State
from lstm_analog.model.reference import activate
from lstm_analog.network.trajectory import Trajectory

GATES = (SIGMOID, SIGMOID, TANH, SIGMOID)


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
        return LayerTrace(order=Gate, z=z, gates=activate(GATES, z), c=c[..., 0, :], h=h[..., 0, :])
