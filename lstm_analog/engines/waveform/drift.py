"""Makes the calls that add to storages what weak feedback did to them beyond its guess that all stands still.

A torn edge whose guess was close enough is not solved again. Where it acts on a storage that hardly discharges within
the segment, its effect to first order is known all the same: (G/C) times the integral of what was found less the guess.
That is the first correction of waveform relaxation, at the end of the segment only. Sums of known bases, which
the points need not resolve, are integrated by their values there all the same, within some per cent.
"""

from functools import partial

import numpy as np

from lstm_analog.arrays import ranks, span
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, adding, reading


def with_drift(
    writing: list[Call],
    couplings: Couplings,
    order: Structure,
    places: Places,
    fields: list[Field],
    state: NetworkState,
    grid: Grid,
    duration: float,
) -> list[Call]:
    """Return the calls `writing`, which write ends into `state`, and those that add what torn edges did in `duration`.

    `duration` is in seconds, the edges are those of `order` among the `couplings`. Their waveforms are those of the
    `fields`, which `places` finds, at the points of `grid`; they were guessed to stand still.
    """
    torn = order.links.only(np.flatnonzero(order.torn))
    gains = duration * torn.values / couplings.capacity[..., torn.rows]
    weights, finding, adding_up = chebyshev.integration(grid)[-1:], list[Call](), list[Call]()
    for number, some in places.by_field(torn.columns):
        start, values = fields[number].start, fields[number].values
        if values is None:  # it stands still
            continue
        integral, still = np.empty((1, start.size)), np.empty(start.shape)
        moved = integral.reshape(start.shape)
        finding.append(partial(np.matmul, weights, values[1:].reshape(grid.degree, -1), integral))
        finding.append(partial(np.multiply, start, float(weights.sum()), still))
        finding.append(partial(np.subtract, moved, still, moved))
        turns = ranks(torn.rows[some])
        for turn in range(1 + int(turns.max())):
            chosen = some[turns == turn]
            change, fetching = reading(moved, span(places.place[torn.columns[chosen]]))
            effect = np.empty(change.shape)
            finding += [*fetching, partial(np.multiply, change, gains[..., chosen], effect)]
            adding_up.append(adding(state.effort, span(torn.rows[chosen]), -1, effect))
    return [*finding, *writing, *adding_up]
