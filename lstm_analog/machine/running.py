"""The passes of a machine run one after the other by one engine, which keeps what it is told to."""

from dataclasses import replace

import numpy as np

from lstm_analog.compiler import Compiled
from lstm_analog.engines import Engine, Progress
from lstm_analog.engines.record import cut
from lstm_analog.errors import InvalidTypeError, explain
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory
from lstm_analog.study.keeping import has_save
from lstm_analog.study.run import Solve


def solver(
    passes: tuple[Compiled, ...], kept: tuple[Save, ...], steps: int, engine: Engine, progress: Progress | None
) -> Solve:
    """Return what runs each of `passes` in turn over `steps` by `engine`, of each of which what is `kept` is kept.

    Of an engine that has no `save` the rest is dropped when it has run. `progress` is told the intervals of all passes.
    """
    counts = [len(compiled.cycle.intervals(steps)) for compiled in passes]
    rest = iter(zip(np.cumsum([0, *counts]).tolist(), kept, strict=False))

    def solve(compiled: Compiled, fed: Schedule) -> Trajectory:
        before, save = next(rest)
        tell = None if progress is None else lambda now, _: progress(before + now, sum(counts))
        chosen = replace(engine, save=save) if has_save(engine) else engine  # type: ignore[type-var]
        trajectory = chosen.run(compiled.network, fed, tell)
        return cut(trajectory, save) if trajectory.saved == EVERYTHING else trajectory

    return solve


def check_engine(engine: object) -> None:
    """Raise `InvalidTypeError` unless `engine` is one."""
    if isinstance(engine, type) or not callable(getattr(engine, "run", None)):
        do = "give e.g. Waveform(), Settle() or Ngspice()"
        raise InvalidTypeError(explain("engine", must="be an engine", got=ascii(engine)[:80], do=do))
