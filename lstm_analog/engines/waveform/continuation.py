"""Finds the state of rest of components where plain Newton steps fail: by pseudo-transient continuation.

The storages of a component are followed through time by linearly implicit Euler steps that get longer, until they are
plain Newton steps (Kelley and Keyes 1998). Only storages are held back, as in the circuit: if junctions are, too, 2 of
144 machines of op-amps drawn at random are not solved, else all are.
"""

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.engines.native import Unsolved
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.expressions import Call, make

_STEPS = 400
"""Steps of continuation after which a level at rest counts as unsolved."""
_LAST_STEP = 1e-12
"""Step, relative to the largest effort, after which continuation ends; the error that remains is about its square."""
_RATIO = 4.0
"""Factor by which the drag falls after a good step and grows after a bad one; larger: fewer steps, less robust."""
_NO_DRAG = 1e-9
"""Drag, in own conductances, below which a step is a plain Newton step; its inverse is the largest."""
_CURVED = 0.5
"""Share of the flow before a step by which the flow after it may differ from that expected; larger: longer steps."""


def storing_of(couplings: Couplings, members: Indices, shape: tuple[int, ...]) -> Floats:
    """Return the capacities, by `couplings`, of `members` (m, k) in the `shape` (k, 1, *lead, m); 0 for junctions.

    Where a component has no storage, all of its members are taken to be some, and their capacities are NaN.
    """
    stored: Flags = ~couplings.balanced[members]
    capacity = np.where(stored, couplings.capacity[..., members], 0.0)
    capacity = np.where(stored.any(axis=1, keepdims=True), capacity, np.nan)
    return np.moveaxis(np.broadcast_to(capacity, (*shape[2:], shape[0])), -1, 0)[:, None]


def continue_to_rest(
    starting: Call,
    efforts: Floats,
    flows: Floats,
    residual: tuple[Call, ...],
    slopes: Floats,
    linearising: tuple[Call, ...],
    storing: Floats,
) -> None:
    """Find the `efforts` at rest, or raise `Unsolved`.

    The drag of a component is its fastest own rate in steps; a step is taken back, and the drag grows, if flows turn
    out other than expected by the slopes. With the largest drag storages stand still, and what follows them is found.

    Efforts, `flows` and the capacities `storing` are (k, 1, *lead, m), `slopes` (k, k, 1, *lead, m). The call
    `starting` sets the efforts, the calls `residual` compute the flows and `linearising` the slopes.
    """
    each, drag = np.arange(len(efforts)), np.ones(efforts.shape[1:])
    starting()
    make((*linearising, *residual))
    own = np.abs(slopes[each, each])
    weights = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0.0)
    rate = np.divide(own, storing, out=np.zeros_like(own), where=storing > 0.0).max(axis=0)
    held = np.where(np.isnan(storing), own, storing * rate)
    for _ in range(_STEPS):
        before, given, matrix = efforts.copy(), flows.copy(), np.moveaxis(slopes, (0, 1), (-2, -1)).copy()
        held_back = matrix.copy()
        held_back[..., each, each] -= np.moveaxis(drag * held, 0, -1)
        try:
            step = np.linalg.solve(held_back, -np.moveaxis(flows, 0, -1)[..., None])
        except np.linalg.LinAlgError as error:
            raise Unsolved from error
        expected = given + np.moveaxis((matrix @ step)[..., 0], -1, 0)
        efforts += np.moveaxis(step[..., 0], -1, 0)
        make((*linearising, *residual))
        moved = np.abs(step[..., 0]).max(axis=-1) / np.maximum(1.0, np.abs(before).max(axis=0))
        off, allowed = (np.abs(flow * weights).max(axis=0) for flow in (flows - expected, given))
        bad = ~((off <= _CURVED * allowed) | (moved <= _LAST_STEP)) & (drag < 1.0 / _NO_DRAG)
        if not bad.any() and ((moved <= _LAST_STEP) & (drag < _NO_DRAG)).all():
            return
        if bad.any():
            np.copyto(efforts, before, where=bad)
            make((*linearising, *residual))
        drag = np.where(bad, np.minimum(drag * _RATIO, 1.0 / _NO_DRAG), np.maximum(drag / _RATIO, _NO_DRAG / _RATIO))
    raise Unsolved
