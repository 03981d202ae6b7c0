"""Linearises an instruction of `Settle`, all stages of a kind of point, at all points that it leads to."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.sensitivity.linearised import LinearStage, linear_stage, unsettled
from lstm_analog.engines.settle.binding import Matrices
from lstm_analog.engines.settle.program import Instruction
from lstm_analog.engines.settle.solving import calls
from lstm_analog.engines.settle.stages import ComponentStage, Mode
from lstm_analog.errors import SimulationError, UnsupportedError, explain

_NEAR = 1e-6
"""Difference from rest, in units of signal, above which an interval has been run over time; larger: less exact."""


def linear_stages(instruction: Instruction, before: Floats, after: Floats, sources: Indices) -> list[LinearStage]:
    """Return the stages of `instruction` linearised at k points that led from efforts `before` to `after`.

    These are (k, batch, unknowns). The unknowns `sources` have the efforts after throughout. Stages before the first
    one of storages that do not settle are linearised at the efforts from which these set out; the stages that follow
    are at the efforts after.

    Raises `UnsupportedError` if an interval was run over time, or has storages that do not settle and are not single.
    """
    points, size = len(after), after.shape[-1]
    start, end, some = before.reshape(-1, size), after.reshape(-1, size), instruction.stages
    start[:, sources] = end[:, sources]
    if instruction.phase.over_time:
        raise unsettled("a phase that is run over time")
    if instruction.checked.size:
        _check_rest(instruction, start, end)
    slow = [place for place, stage in enumerate(some) if stage.mode is Mode.EXPONENTIAL]
    early = some[: slow[0]] if slow else ()
    now = _efforts_after(early, start) if slow else end
    result = [linear_stage(stage, now, now, points) for stage in early]
    for stage in some[len(early) :]:
        if stage.mode is Mode.EXPONENTIAL:
            start, now = now, now.copy()
            now[:, stage.nodes] = end[:, stage.nodes]
            result.append(linear_stage(stage, start, now, points))
        else:
            result.append(linear_stage(stage, end, end, points))
    return result


def _efforts_after(stages: tuple[ComponentStage, ...], before: Floats) -> Floats:
    """Return the efforts (k batch, unknowns) after `stages` that started from those `before`.

    Newton's method damps the steps of all points together, and may solve for half of them where it fails for all.
    """
    efforts, matrices = np.array(before, order="F"), Matrices()
    try:
        for stage in stages:
            for call in calls(stage, efforts, matrices):
                call()
    except SimulationError:
        if len(before) == 1:
            raise
        halves = np.array_split(before, 2)
        return np.concatenate([_efforts_after(stages, half) for half in halves])
    return np.ascontiguousarray(efforts)


def _check_rest(instruction: Instruction, before: Floats, after: Floats) -> None:
    """Raise `UnsupportedError` unless storages that count as at rest were so `after` an interval from `before`."""
    phase = instruction.phase
    nodes = phase.unsettled[instruction.checked]
    away = np.abs(_efforts_after(instruction.stages, before) - after)[:, nodes] / phase.couplings.scales[nodes]
    if away.max(initial=0.0) > _NEAR:
        must, do = "come to rest or be single storages", "compile the machine with a longer settling"
        raise UnsupportedError(explain("an interval", must=must, got="one that was run over time", do=do))
