"""Compare forecasts, and the default engine with the reference engine on the last year of a series."""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines import Integrate
from lstm_analog.machine import Machine

YEAR = 12
"""Number of months to integrate: the reference takes some hundred times as long as the default engine."""


def agreement(machine: Machine, x: Floats, engine: Integrate) -> str:
    """Return a line of text that compares the outputs h of `machine` by the default engine and by `engine`.

    The inputs are the last year of `x` (months, inputs); both start from the state of the default engine before it.
    """
    before, year = machine.run(x[:-YEAR]).outputs.state, x[-YEAR:]
    apart = np.abs(machine.run(year, state=before).h - machine.run(year, state=before, engine=engine).h).max()
    return f"  default engine and Integrate:    {apart:.2g} of full scale apart, in h over the last {YEAR} months"


def rms(values: Floats) -> float:
    """Return the root mean square of `values` (...)."""
    return float(np.sqrt(np.mean(values**2)))
