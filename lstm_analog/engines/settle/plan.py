"""Finds the stages that need not run in an interval of a schedule.

Going forward: a stage need not run again if it computes the same as in the interval before, from the same inputs. Going
backward: a stage need not run if nothing it sets is recorded or read later.
"""

from lstm_analog.arrays import Flags
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.stages import ComponentStage, Mode


def moved(phase: Phase, before: Phase | None, imposed: Flags) -> tuple[bool, ...]:
    """Return which stages of `phase` may set other efforts than in the interval before, whose phase was `before`.

    `imposed` (unknowns,) are the sources that have changed. An exponential always moves.
    """
    known = frozenset() if before is None else frozenset(stage.key for stage in before.stages)
    changed, result = imposed.copy(), []
    for stage in phase.stages:
        other = stage.mode is Mode.EXPONENTIAL or stage.key not in known or bool(changed[stage.inputs].any())
        if other:
            changed[stage.nodes] = True
        result.append(other)
    return tuple(result)


def needed(phase: Phase, moving: tuple[bool, ...], wanted: Flags) -> tuple[tuple[ComponentStage, ...], Flags]:
    """Return the stages of `phase` to run for the unknowns `wanted` at its end, and the unknowns needed at its start.

    `moving` says which stages may set new efforts; flags are (unknowns,).
    """
    open_, chosen = wanted.copy(), []
    for stage, moves in zip(reversed(phase.stages), reversed(moving), strict=True):
        if moves and open_[stage.nodes].any():
            chosen.append(stage)
            open_[stage.nodes] = False
            open_[stage.inputs] = True
    return tuple(reversed(chosen)), open_
