"""The reference engine on the last year of a series: the line that says that two engines agree."""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines import Integrate
from lstm_analog.machine import Machine

YEAR = 12
"""Months that are integrated: the reference takes some hundred times as long as the default engine."""


def agreement(machine: Machine, x: Floats, engine: Integrate) -> str:
    """Return a line about the outputs h that the default engine and `engine` give of `machine` in the last year of `x`.

    `x` (months, inputs); both start from the state that the default engine reaches in the months before.
    """
    before, year = machine.run(x[:-YEAR]).outputs.state, x[-YEAR:]
    apart = np.abs(machine.run(year, state=before).h - machine.run(year, state=before, engine=engine).h).max()
    return f"  default engine and Integrate:    {apart:.2g} of full scale apart, in h over the last {YEAR} months"
