"""Runs of simulators that know one circuit and one input: a batch as its sequences, one after another."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress
from lstm_analog.engines.record import cut
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Extremes, Save, Trajectory

OneSequence: TypeAlias = Callable[[Network, Schedule], tuple[Floats, Floats]]
"""Runs a circuit in volts under one sequence; returns times (points,) and voltages (points, unknowns)."""


def run_sequences(
    network: Network,
    schedule: Schedule,
    one: OneSequence,
    *,
    engine: str,
    save: Save | None,
    progress: Progress | None,
) -> Trajectory:
    """Return the efforts of `network` under `schedule`, (..., points, unknowns), each sequence as `one` runs it.

    Plumbing is run as its electrical analogue. `engine` is the name of what runs, `save` what is kept of its points;
    `progress` is told after each sequence.
    """
    circuit, count, runs = as_circuit(network, schedule), int(np.prod(schedule.lead)), list[Trajectory]()
    for number in range(count):
        alone = schedule.sequence(number)
        time, voltages = one(circuit.network, circuit.schedule.sequence(number))
        efforts = circuit.effort * voltages
        runs.append(cut(Trajectory(network=network, schedule=alone, time=time, efforts=efforts, engine=engine), save))
        if progress is not None:
            progress(number + 1, count)
    return _together(runs, schedule)


def whole_waveform(time: Floats, voltages: Floats, schedule: Schedule, name: str, words: str) -> tuple[Floats, Floats]:
    """Return `time` (points,) and `voltages` (points, nodes) with the datum before them, one point a time, the first.

    Raises `SimulationError` with the `words` of the simulator `name` if it stopped before the end of `schedule`.
    """
    if not time.size or time[-1] < schedule.ends[-1] * (1.0 - 1e-6):
        do = "loosen the tolerances"
        raise SimulationError(explain(name, must=f"reach {schedule.ends[-1]:.6g} s", got=words, do=do))
    later = np.append(True, np.diff(time) > 0)
    return time[later], np.column_stack((np.zeros(later.sum()), voltages[later]))


def _together(runs: list[Trajectory], schedule: Schedule) -> Trajectory:
    """Return the `runs` of the sequences of a `schedule` as one, at the times of all of them."""
    first = runs[0]
    time = first.time if len(runs) == 1 else np.unique(np.concatenate([run.time for run in runs]))
    efforts = np.stack([_resample(time, run) for run in runs]).reshape(*schedule.lead, time.size, -1)
    beside = [_together([run.more[place] for run in runs], schedule) for place in range(len(first.more))]
    far = [_farthest([run.extremes[place] for run in runs]) for place in range(len(first.extremes))]
    return replace(first, schedule=schedule, time=time, efforts=efforts, more=tuple(beside), extremes=tuple(far))


def _farthest(found: list[Extremes]) -> Extremes:
    lowest, highest = np.min([one.lowest for one in found], axis=0), np.max([one.highest for one in found], axis=0)
    return replace(found[0], lowest=lowest, highest=highest)


def _resample(time: Floats, run: Trajectory) -> Floats:
    if np.array_equal(time, run.time):
        return run.efforts
    return np.stack([np.interp(time, run.time, column) for column in run.efforts.T], axis=-1)
