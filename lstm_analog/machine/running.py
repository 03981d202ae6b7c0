"""Run the passes of a machine one after the other by one engine."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler import Compiled, Scaling
from lstm_analog.engines import Engine, Progress
from lstm_analog.engines.record import keep_only
from lstm_analog.model import State
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Trajectory
from lstm_analog.study.keeping import Keep, has_save, saves
from lstm_analog.study.ranges import warn_of_stops
from lstm_analog.study.run import Run, Setup, run_through


def run_passes(
    passes: tuple[Compiled, ...],
    fed: tuple[Floats, State, Indices | None],
    built: tuple[object, Scaling | None],
    engine: Engine,
    keep: Keep | None,
    most_bytes: float,
    progress: Progress | None,
) -> Run:
    """Return the run of `passes` by `engine`, one after the other; `fed` are x, state and lengths.

    `built` are the technology and the scaling of the machine; `keep`, `most_bytes` and `progress`, which counts the
    intervals of all passes, are as in `Machine.run`. Of an engine without `save`, what is not kept is dropped after
    each run. Warns with a `StopsWarning` of tanks that reach their stops.
    """
    x, _, lengths = fed
    kept = saves(passes, x.shape[-3:], ragged=lengths is not None, engine=engine, keep=keep, most_bytes=most_bytes)
    counts = [len(compiled.cycle.intervals(x.shape[-2])) for compiled in passes]
    rest = iter(zip(np.cumsum([0, *counts]).tolist(), kept, strict=False))

    def solve(compiled: Compiled, fed: Schedule) -> Trajectory:
        before, save = next(rest)
        tell = None if progress is None else lambda now, _: progress(before + now, sum(counts))
        chosen = replace(engine, save=save) if has_save(engine) else engine  # type: ignore[type-var]
        trajectory = chosen.run(compiled.network, fed, tell)
        return keep_only(trajectory, save) if trajectory.saved == EVERYTHING else trajectory

    run = run_through(passes, *fed, solve)
    warn_of_stops(run)
    technology, scaling = built
    return replace(run, setup=Setup(technology=technology, scaling=scaling, engine=engine))
