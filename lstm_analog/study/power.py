"""Compute the power of a chip of transistor cells from a run, for each of its sources."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.compiler.bicmos_cell import is_unit
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.parts import Cells, Sources
from lstm_analog.study.flows import moments_of, outflow
from lstm_analog.study.run import Run, check_run


@checked_record
@dataclass(frozen=True, kw_only=True)
class Power:
    """Mean power over the steps of a run.

    Attributes
    ----------
    sources : tuple of (str, float)
        Label and power (W) of each bank of sources: the supply of the cells, the rails of columns and dividers, inputs
        and bias. It is negative if current flows back into a rail. Clocks and reset levels drive gates only and are
        left out.
    units : int
        The number of cells.
    step_time : float
        Length of a step (s).
    """

    sources: tuple[tuple[str, float], ...]
    units: int
    step_time: float

    @property
    def supply(self) -> float:
        """The power of the supply of the cells (W)."""
        return dict(self.sources)["supply"]

    @property
    def total(self) -> float:
        """The power of all sources (W); power that flows back into a rail is lost and not subtracted."""
        return sum(max(power, 0.0) for _, power in self.sources)

    @property
    def step_rate(self) -> float:
        """Steps per second."""
        return 1.0 / self.step_time

    @property
    def energy(self) -> float:
        """Energy (J) of the supply for each unit and step."""
        return self.supply * self.step_time / self.units

    def __str__(self) -> str:
        """Return one line with supply, total, step rate and energy."""
        return (
            f"{self.supply / self.units * 1e3:.3g} mW a unit from the supply, {self.total / self.units * 1e3:.3g} mW "
            f"with all rails and inputs; {self.step_rate / 1e6:.3g} million steps a second, "
            f"{self.energy * 1e9:.3g} nJ a unit and step"
        )


@checked
def power(run: Run) -> Power:
    """Return the mean power of the sources of `run`, from the end of the reset to the end of the last step.

    Raises `UnsupportedError` unless the machine is of transistor cells, because ideal sources have no supply, and
    `InvalidValueError` if the run has not kept all unknowns in all intervals.
    """
    check_run(run.compiled, run)
    network, trajectory = run.trajectory.network, run.trajectory
    cells = [part for part in network.parts if isinstance(part, Cells)]
    if not cells:
        do = "compile in electrical.BICMOS"
        raise UnsupportedError(explain("the machine", must="be built of transistor Cells", got="none", do=do))
    sources = [part for part in network.parts if isinstance(part, Sources)]
    energy, duration = np.zeros(network.unknowns.size), 0.0
    for some in moments_of(trajectory):
        energy += some.weights @ (some.efforts * outflow(network, some.efforts, some.high))
        duration += float(some.weights.sum())
    return Power(
        sources=tuple((part.label, float(energy[part.nodes].sum()) / duration) for part in sources),
        units=sum(part.pins.shape[1] for part in cells if is_unit(part)),
        step_time=run.compiled.cycle.step_time,
    )
