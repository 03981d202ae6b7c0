"""The arguments and results of a reverse pass."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices

Parameters = Mapping[str, Mapping[str, Floats]]
"""An array for each parameter of each bank: by the label of the bank, then by the name of the parameter."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slope:
    """The derivatives of r results by efforts of `nodes` at the ends of `intervals`.

    Attributes
    ----------
    nodes : index array, (n,)
        The unknowns, each once.
    intervals : index array, (k,)
        The numbers of the intervals, each once.
    values : float array, (r, batch, k, n)
        The derivatives; all sequences are on the axis of the batch.
    """

    nodes: Indices
    intervals: Indices
    values: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivities:
    """The derivatives of r results of a run.

    Attributes
    ----------
    parameters : mapping of str to mapping of str to float array, (r, m) or (r, m, n)
        By each parameter of each bank, summed over the sequences. The names of the parameters are those that
        `network.laws.lever_values` gives them.
    imposed : mapping of str to float array, (r, batch, intervals, sources)
        By what the schedule imposes, by the label of the bank of sources. Where an effort stays the same over several
        intervals, the first has the sum of all, and the others zero.
    by_interval : float array, (r, 1 + intervals), or None
        The first-order effect of given changes of parameters, by the interval in which they act; the first is that on
        the operating point. None if no changes were given. Changes of capacities and of sources are not in it.
    """

    parameters: Parameters
    imposed: Mapping[str, Floats]
    by_interval: Floats | None


def joined(pieces: list[Sensitivities]) -> Sensitivities:
    """Return the derivatives of the results of all `pieces`, in their order."""
    first = pieces[0]
    steps = [each.by_interval for each in pieces if each.by_interval is not None]
    return Sensitivities(
        parameters={
            label: {name: np.concatenate([each.parameters[label][name] for each in pieces]) for name in values}
            for label, values in first.parameters.items()
        },
        imposed={label: np.concatenate([each.imposed[label] for each in pieces]) for label in first.imposed},
        by_interval=np.concatenate(steps) if steps else None,
    )
