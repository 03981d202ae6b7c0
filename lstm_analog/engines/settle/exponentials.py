"""What linear components make, in the time of a phase, of the flow into them and of where their storages were."""

from functools import partial

import numpy as np
import scipy

from lstm_analog.arrays import Array, Floats
from lstm_analog.engines.phase.wiring import Wiring
from lstm_analog.expressions import Call, where_less


def filling(moved: Array, out: Array) -> tuple[Call, ...]:
    """Return the calls that write phi(u) = (1 - exp(-u))/u of u = `moved` to `out`, and limit |u| from below.

    u is below 0 where a port gives what it should take.
    """
    least = np.finfo(moved.dtype).tiny
    return (
        partial(np.absolute, moved, out),
        partial(where_less, out, least, least, moved, out=moved),
        partial(np.negative, moved, out),
        partial(np.expm1, out, out),
        partial(np.divide, out, moved, out),
        partial(np.negative, out, out),
    )


def responses(wires: Wiring, states: int, duration: float) -> tuple[Floats, Floats]:
    """Return the matrices that make the efforts of each of m components fed through `wires` from flows and old efforts.

    The efforts are the first times the flows into the k members plus the second times the old efforts of storages,
    which the first `states` members are; `duration` (s) is that of the phase. Without storages the first is the inverse
    of the conductances, (..., m, k, k), and the second is empty. With some, only these are set: (..., m, states, k) and
    (..., m, states, states). With the members a without storage eliminated, C de/dt = S e + r has the solution
    e(T) = exp(MT) e(0) + T phi(MT) C^-1 r with M = C^-1 S and phi(X) = X^-1 (exp(X) - 1); both are blocks of one
    exponential (Van Loan 1978).
    """
    own = wires.own
    if not states:
        return -np.linalg.inv(own).astype(np.float64), np.zeros((1, 0, 0))
    width = own.shape[-1]
    among = -np.linalg.inv(own[..., states:, states:])
    carried = own[..., :states, states:] @ among  # (..., states, junctions): flow into junctions, passed on
    slopes = own[..., :states, :states] + carried @ own[..., states:, :states]
    per_capacity = 1.0 / wires.capacity[..., None]
    rates = slopes * per_capacity * duration
    lead = rates.shape[:-2]
    whole = np.zeros((*lead, 2 * states, 2 * states))
    whole[..., :states, :states] = rates
    whole[..., :states, states:] = np.eye(states)
    grown = scipy.linalg.expm(whole)
    keeps, filling = grown[..., :states, :states], grown[..., :states, states:] * duration
    into = np.concatenate(
        [
            np.broadcast_to(np.eye(states), (*lead, states, states)),
            np.broadcast_to(carried, (*lead, states, width - states)),
        ],
        axis=-1,
    )
    return filling @ (into * per_capacity), keeps
