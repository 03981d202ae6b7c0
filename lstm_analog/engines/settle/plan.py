"""What has to be computed in each interval of a schedule, and no more.

Walked forward: a stage whose inputs are those of the interval before, and that computes the same, need not run again.
Walked backward: a stage need not run if what it gives is neither kept nor read later.
"""

from lstm_analog.arrays import Flags
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.stages import ComponentStage, Mode


def moved(phase: Phase, before: Phase | None, imposed: Flags) -> tuple[bool, ...]:
    """Return which stages of `phase` may give something else than in the interval before, whose phase was `before`.

    `imposed` (unknowns,) are the sources that have changed.
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
    """Return the stages of `phase` to run for the unknowns `wanted` at its end, and those wanted at its beginning.

    `moving` says which stages may give something new.
    """
    open_, chosen = wanted.copy(), []
    for stage, moves in zip(reversed(phase.stages), reversed(moving), strict=True):
        if moves and open_[stage.nodes].any():
            chosen.append(stage)
            open_[stage.nodes] = False
            open_[stage.inputs] = True
    return tuple(reversed(chosen)), open_
