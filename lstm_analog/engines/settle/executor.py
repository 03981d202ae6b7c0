"""Executes a program: binds its stages to arrays once, then makes calls only.

Points of which the kernel can do all are run by it, one after the other; the others are run here, call by call.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.engines.base import Progress
from lstm_analog.engines.phase.couplings import Couplings, couplings, recoupled, with_batch_axis
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.settle.phase import Phase
from lstm_analog.engines.settle.points import ProgramPoints
from lstm_analog.engines.settle.program import RunProgram
from lstm_analog.engines.settle.resting import RestCheck
from lstm_analog.engines.settle.stages import ComponentStage, Key, refitted
from lstm_analog.engines.settle.transient import Transients
from lstm_analog.engines.settle.workspace import SettledSpace, workspace
from lstm_analog.expressions import Call, make
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, rows
from lstm_analog.network.parts import Part


def execute(program: RunProgram, recorder: Recorder, dtype: DTypeLike, progress: Progress | None) -> list[int]:
    """Run a `program` in numbers of `dtype` and write its results into `recorder`, with leading axes (chips, batch).

    Returns the numbers of the intervals that were run over time, for want of rest. `progress` is called for each
    interval. Memory grows with the number of intervals only by what is recorded. Nodes with limits are monitored
    wherever the program sets them.
    """
    network, schedule = program.network, program.schedule
    with workspace(
        network, (*recorder.lead, network.unknowns.size), dtype, recorder.watches, schedule.varying is None
    ) as space:
        space.begin(network)
        carried = _run(program, space, ProgramPoints(program, space, recorder.records, progress))
        for watch, monitor in zip(recorder.watches, space.monitors, strict=True):
            watch.note(monitor.lowest, monitor.highest)
    return carried


def _run(program: RunProgram, space: SettledSpace, run: ProgramPoints) -> list[int]:
    checks = [RestCheck(each, space.efforts) if each.uncertain else None for each in program.instructions]
    space.keep(program.instructions)
    carried: list[int] = []
    for points, transients in _stretches(program, space):
        for point in run.left(points):
            number = int(program.order[point])
            instruction, check = program.instructions[number], checks[number]
            run.impose(instruction, point)
            if check is None:
                make(space.calls_of(instruction))
            elif _advance(instruction.phase, space.calls_of(instruction), check, transients, space):
                carried.append(point - 1)
            run.keep(instruction, point)
    return carried


def _advance(
    phase: Phase, calls: tuple[Call, ...], check: RestCheck, transients: Transients, space: SettledSpace
) -> bool:
    """Advance the efforts by an interval of a `phase` by `calls`, or over time if a `check` finds no rest.

    Returns whether it was over time.
    """
    if not phase.over_time and check.come_to_rest(calls):
        return False
    transients(phase.high, phase.duration)
    for monitor in space.monitors:
        monitor.note(space.efforts)
    return True


def _stretches(program: RunProgram, space: SettledSpace) -> Iterator[tuple[range, Transients]]:
    """Yield the points of each stretch of the schedule, the start in the first, the stages bound to the `space`.

    The second is what runs a phase over time there. Stages that are fed by banks whose parameters differ from those of
    the stretch before are bound again.
    """
    stages = {stage.key: stage for instruction in program.instructions for stage in instruction.stages}
    labels, present = {part.label for part in program.network.parts}, program.network.parts
    known: dict[High, Couplings] = {}
    for network, intervals in program.schedule.stretches(program.network):
        parts = tuple(part for part in network.parts if part.label in labels)
        changed = [part for part, before in zip(parts, present, strict=True) if part is not before]
        present = parts
        now = replace(program.network, parts=parts) if changed else program.network
        with ExitStack() as stack:
            transients = Transients(now, space.efforts, stack)
            if changed and not known:
                highs = {stage.couplings.high for stage in stages.values()}
                known = {high: couplings(with_batch_axis(program.network), high) for high in highs}
            fresh = _refitted(stages, now, changed, known) if changed else {}
            stages |= fresh
            space.bind(stages, fresh)
            yield range(intervals.start + bool(intervals.start), intervals.stop + 1), transients


def _refitted(
    stages: dict[Key, ComponentStage], network: Network, changed: list[Part], known: dict[High, Couplings]
) -> dict[Key, ComponentStage]:
    """Return those of `stages` which banks that have `changed` feed, with the parameters that `network` has now.

    `known` are the couplings by clock lines as they were, and as they are.
    """
    fed = np.zeros(network.unknowns.size, dtype=bool)
    for part in changed:
        fed[rows(part)] = True
    spread, labels = with_batch_axis(network), {part.label for part in changed}
    wide = [part for part in spread.parts if part.label in labels]
    known.update({high: recoupled(before, spread, wide) for high, before in known.items()})
    affected = {key: stage for key, stage in stages.items() if fed[stage.level.members].any()}
    return {key: refitted(stage, known[stage.couplings.high]) for key, stage in affected.items()}
