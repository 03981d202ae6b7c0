"""Runs clock phases over time, for what does not come to rest in them: by the pieces and segments of `Waveform`."""

from contextlib import ExitStack
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.engines.waveform.resolution import OutOfReachError
from lstm_analog.engines.waveform.run import WaveformRun
from lstm_analog.engines.waveform.segment import Tolerance
from lstm_analog.engines.waveform.subdivision import Subdivision, subdivision
from lstm_analog.engines.waveform.workspace import workspace
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High

_TOLERANCE = Tolerance(rtol=1e-7, atol=1e-9)
"""Tolerance of a phase that is run over time: a tenth of that of `Waveform`, for the phases around it have none."""


class Transients:
    """Takes `efforts` (*lead, unknowns) of a `network` through phases over time; `stack` closes its workspace."""

    def __init__(self, network: Network, efforts: Array, stack: ExitStack) -> None:
        self._network, self._stack, self._efforts = network, stack, efforts
        self._divisions: dict[tuple[High, float], Subdivision] = {}

    @cached_property
    def _run(self) -> WaveformRun:
        wanted = np.ones(self._network.unknowns.size, dtype=bool)
        lent = workspace(self._network, self._efforts.shape[:-1], _TOLERANCE, wanted)
        return WaveformRun(space=self._stack.enter_context(lent), points=1)

    def __call__(self, high: High, duration: float) -> None:
        """Advance the efforts by a phase of `duration` (s) with the clock lines `high`.

        Raises `SimulationError` if `Waveform` cannot solve it.
        """
        key = (high, duration)
        try:
            if key not in self._divisions:
                self._divisions[key] = subdivision(self._run.space, high, duration)
            self._efforts[...] = self._run.advance(self._efforts, self._divisions[key])
        except (OutOfReachError, np.linalg.LinAlgError) as reason:
            what, must = f"a phase of {duration:g} s", "come to rest or be run over time"
            do = "run it with Waveform or Integrate"
            raise SimulationError(explain(what, must=must, got=f"({reason})", do=do)) from reason
