"""Finds the stages that need not run in an interval of a schedule.

Going forward: a stage need not run again if it computes the same as in the interval before, from the same inputs. Going
backward: a stage need not run if nothing it sets is recorded or read later.
"""

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.stages import ComponentStage, Key


def moved(phase: Phase, before: Phase | None, imposed: Flags) -> tuple[bool, ...]:
    """Return which stages of `phase` may set other efforts than in the interval before, whose phase was `before`.

    `imposed` (unknowns,) are the sources that have changed. What does not settle always moves. A phase that may have
    been run over time has left its storages near their fixed points only: stages that set them compute them again.
    """
    known = frozenset() if before is None else _computed(before)
    changed, result = imposed.copy(), []
    for stage in phase.stages:
        other = not stage.settles or stage.key not in known or bool(changed[stage.inputs].any())
        if other:
            changed[stage.nodes] = True
        result.append(other)
    return tuple(result)


def _computed(before: Phase) -> frozenset[Key]:
    """Return the keys of the stages whose efforts are, at the end of the phase `before`, what these stages compute."""
    near = np.zeros(before.size, dtype=bool)
    if before.may_be_over_time:
        near[before.storages] = True
    return frozenset(stage.key for stage in before.stages if not near[stage.nodes].any())


def needed(phase: Phase, moving: tuple[bool, ...], wanted: Flags) -> tuple[tuple[ComponentStage, ...], Flags, Floats]:
    """Return the stages of `phase` to run for the unknowns `wanted` at its end, and the unknowns needed at its start.

    `moving` says which stages may set new efforts; flags are (unknowns,).

    The third are weights (unknowns,), estimates of how much of an error at each unknown, when a stage sets it, reaches
    those wanted: 1 along most ways, less where the way leads through an open switch into a slow storage (`gain` of the
    stage). Amplification on the way does not count. They tell which storages need not be checked.
    """
    open_, chosen = wanted.copy(), []
    weights, largest = wanted.astype(np.float64), np.zeros(wanted.size)
    for stage, moves in zip(reversed(phase.stages), reversed(moving), strict=True):
        if moves and open_[stage.nodes].any():
            chosen.append(stage)
            open_[stage.nodes] = False
            open_[stage.inputs] = True
            own = weights[stage.nodes]
            largest[stage.nodes] = np.maximum(largest[stage.nodes], own)
            weights[stage.nodes] = 0.0
            weights[stage.inputs] = np.maximum(weights[stage.inputs], stage.gain * own.max())
            if not stage.settles:
                weights[stage.nodes] = own
    return tuple(reversed(chosen)), open_, largest
