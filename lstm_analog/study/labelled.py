"""Return the outputs of a run as xarray arrays with named axes."""

from typing import TYPE_CHECKING

import numpy as np

from lstm_analog.errors import LibraryMissingError, explain
from lstm_analog.model import Outputs

if TYPE_CHECKING:
    import xarray


def dataset(outputs: Outputs) -> "xarray.Dataset":
    """Return h, c and y of `outputs` as an `xarray.Dataset`: axes batch, time, and output, unit or reading.

    An axis of chips is called chip. Signals that were not kept are left out. Raises `LibraryMissingError` without
    xarray.
    """
    try:
        import xarray
    except ImportError as error:
        do = "pip install 'lstm_analog[xarray]'"
        raise LibraryMissingError(explain("xarray", must="be installed", got="none", do=do)) from error
    lead = ("chip", "batch", "time")[4 - outputs.h.ndim :]
    found = {"h": (*lead, "output"), "c": (*lead, "unit"), "y": (*lead, "reading")}
    signals = {"h": outputs.h, "c": outputs.c, "y": outputs.y}
    named = {}
    for name, signal in signals.items():
        if signal is not None and signal.size:
            axes = found[name] if signal.ndim == len(found[name]) else tuple(a for a in found[name] if a != "time")
            named[name] = (axes, np.asarray(signal))
    return xarray.Dataset(named)
