"""Runs a schedule from the operating point, interval after interval, and records what is asked for.

Where there is a kernel and only ends are recorded, `RunAhead` runs the intervals; those that it cannot run, and without
it all, an `IntervalSolver` does.
"""

from collections.abc import Callable
from itertools import compress

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import Unsolved, is_available
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.ahead import RunAhead
from lstm_analog.engines.waveform.interval import IntervalSolver
from lstm_analog.engines.waveform.partition import interval_kinds
from lstm_analog.engines.waveform.pieces import OutOfReachError
from lstm_analog.engines.waveform.state import ImposedWaveform, imposed_waveforms
from lstm_analog.engines.waveform.workspace import Regime, Workspace
from lstm_analog.network.schedule import Schedule


def run_intervals(
    solver: IntervalSolver,
    schedule: Schedule,
    intervals: range,
    start: Floats | None,
    record: Recorder,
    progress: Progress | None,
) -> Floats:
    """Run `intervals` of the `schedule` by the `solver` from the efforts `start`, or from the operating point if None.

    Writes into `record` what that asks for, tells `progress` of each interval, and returns the efforts at the end,
    (*lead, N). `Workspace.worst` and `Workspace.nonfinite` are those of this run then. Raises `OutOfReachError` if the
    network cannot be run this way.
    """
    space, count, by_programs = solver.space, len(schedule.names), is_available() and solver.points == 1
    space.state.forget()
    space.worst[0], space.nonfinite[0] = 0.0, not by_programs  # by which what is recorded is looked at, too
    sources = imposed_waveforms(space.sources, schedule, space.state.effort.dtype)
    if start is None:
        for source in sources:
            source.impose(space.state, 0)
        _set_operating_point(space, schedule)
        _record(space, record, 0, space.state.effort[..., None, :])
    else:
        np.copyto(space.state.effort, start)
    tell = None if progress is None else lambda number: progress(number + 1, count)
    _run_each(solver, schedule, intervals, sources, record, tell, by_programs)
    return space.state.effort.copy()


def _run_each(
    solver: IntervalSolver,
    schedule: Schedule,
    intervals: range,
    sources: list[ImposedWaveform],
    record: Recorder,
    tell: Callable[[int], None] | None,
    by_programs: bool,
) -> None:
    """Run `intervals` of the `schedule`, `by_programs` where there are any, and `tell` the number of each."""
    kinds, kind_of = interval_kinds(solver.space, schedule, sources, record)
    ahead = RunAhead(solver.space, sources, record, kinds) if by_programs else None
    number, solved = intervals.start, None
    while number < intervals.stop:
        if ahead:
            number, solved = ahead.run(kind_of, range(number, intervals.stop), tell)
            if number == intervals.stop:
                break
        kind = kinds[kind_of[number]]
        if solved is None:
            for source in compress(sources, kind.sources):
                source.impose(solver.space.state, number)
        elif solver.change_stopped(kind.partition, solved, kind.recorded) and not solved:
            continue  # there may be a program of the finer partition
        path = solver.solve(kind.partition, kind.recorded, solved or 0)
        if path is not None:
            _record(solver.space, record, number + 1, path)
        if tell:
            tell(number)
        number += 1
    if ahead:
        ahead.note_extremes()


def _record(space: Workspace, record: Recorder, number: int, path: Floats) -> None:
    """Write the `path` (*lead, points, N) of interval `number` to `record`, the start of the run being 0."""
    record.write(number, path)
    if not space.nonfinite[0] and not np.isfinite(path).all():
        space.nonfinite[0] = 1


def _set_operating_point(space: Workspace, schedule: Schedule) -> None:
    """Set the state of `space` to its operating point in the first interval of `schedule`.

    It is found level by level, first without the parts that are idle between limits, with them if a limit is passed;
    where that fails, as `Integrate` finds it, by steps in time of the whole network.
    """
    high, duration = schedule.phase(0), float(schedule.durations[0])
    state = space.state
    try:
        start = state.effort.copy()
        for idle in (True, False):
            np.copyto(state.effort, start)
            resting = space.rest(Regime(high=high, idle=idle), duration)
            resting.solve()
            if resting.within_limits():
                break
        resting.commit()
    except (OutOfReachError, Unsolved, np.linalg.LinAlgError):
        if state.effort.ndim > 2:
            raise OutOfReachError("the operating point of one of them is not found level by level") from None
        effort = state.effort.astype(np.float64)  # rounding of single precision is no rest
        operating_point(system(space.network, high), effort, duration)
        np.copyto(state.effort, effort)
