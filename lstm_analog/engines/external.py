"""Runs external simulators as processes of their own, bounded in time and output, and reports how they failed.

A simulator knows one circuit and one input, so a batch is run as its sequences, one after another (`run_sequences`).
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from math import ceil
from pathlib import Path
from threading import Thread
from typing import IO, TypeAlias

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress
from lstm_analog.engines.record import keep_only
from lstm_analog.errors import (
    FileAccessError,
    FileFormatError,
    InvalidTypeError,
    InvalidValueError,
    SimulationError,
    SimulatorMissingError,
    explain,
)
from lstm_analog.interruption import ending_in_order, undisturbed
from lstm_analog.network.analogy import as_circuit
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Extremes, Save, Trajectory

MOST_OUTPUT = 2**18
"""Bytes kept of each output stream of a simulator, from its start: its messages; the rest is read and dropped."""

_CHUNK = 2**16
"""Bytes that are read at once of a simulator's output; trades speed only."""
_NO_PROGRAM = 126
"""The exit code of a shell for a file that it cannot execute."""
_MISSED = 1e-4
"""Share of the last interval that may be missing at its end; larger: what rounding cannot explain is accepted."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder, and remove it with all that is in it afterwards, also when a signal ends Python.

    Raises `FileAccessError` if there is no place for temporary files.
    """
    with ending_in_order(), ExitStack() as ending:
        try:
            with undisturbed():
                name = ending.enter_context(tempfile.TemporaryDirectory(prefix="lstm_analog-"))
        except OSError as error:
            do = "set TMPDIR to a folder that can be written"
            got = error.strerror or error
            raise FileAccessError(explain("temporary folder", must="be there", got=got, do=do)) from error
        yield Path(name)


def run_simulator(
    command: Sequence[str | Path],
    *,
    name: str,
    folder: Path,
    time_limit: float,
    stdin: bytes = b"",
    settings: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """Run the `command` of the simulator `name` in `folder`, with `stdin` as its standard input.

    Returns the first `MOST_OUTPUT` bytes of each output stream. `settings` are added to its environment. It leads a
    process group. When it ends, `time_limit` (s) is over or Python is interrupted, the whole group is killed. If Python
    itself is killed, each process ends after the processor time of `time_limit` on all processors (not on Windows).

    Raises `SimulationError` when the time is over, `FileAccessError` if there is no such program or it is for another
    machine, `OSError` if it cannot be started.
    """
    with tempfile.TemporaryFile() as fed, ExitStack() as ending:
        fed.write(stdin)
        fed.seek(0)
        with undisturbed():
            process = subprocess.Popen(
                _bounded(command, time_limit),
                cwd=folder,
                env={**os.environ, **(settings or {})},
                stdin=fed,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            streams = [_Stream(source) for source in (process.stdout, process.stderr) if source is not None]
            ending.callback(_end_all, process, streams)
        try:
            code = process.wait(time_limit)
        except subprocess.TimeoutExpired:
            do = "raise time_limit, or run fewer steps"
            raise SimulationError(explain(name, must=f"end within {time_limit} s", got="no end yet", do=do)) from None
    if code == _NO_PROGRAM:
        got = ascii(bytes(streams[1].kept).decode("utf-8", errors="replace").strip().rpartition(": ")[2])
        raise FileAccessError(explain(name, must="be a program of this machine", got=got, do="install it for this one"))
    return subprocess.CompletedProcess(process.args, code, bytes(streams[0].kept), bytes(streams[1].kept))


def _bounded(command: Sequence[str | Path], time_limit: float) -> list[str]:
    """Return `command` behind a shell that limits the processor time of it and of what it starts.

    So they end even if Python is killed. The limit is `time_limit` (s) times the processors; a lower one that holds
    already stays. Raises `FileAccessError` for a program that is not there.
    """
    found = shutil.which(command[0])
    if found is None:
        raise FileAccessError(explain(f"program {str(command[0])!r}", must="be there", got="none", do="install it"))
    words = [found, *map(str, command[1:])]
    if os.name != "posix":
        return words
    most = ceil(time_limit * (os.cpu_count() or 1))
    return ["/bin/sh", "-c", f'ulimit -t {most} 2>/dev/null; exec "$@"', found, *words]


def _end_all(process: "subprocess.Popen[bytes]", streams: Sequence["_Stream"]) -> None:
    """Kill the process group of `process`, and read what is left on its `streams`."""
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in streams:
        stream.close()


class _Stream:
    """Reads one output stream of a simulator to its end in a thread, and keeps the first `MOST_OUTPUT` bytes."""

    def __init__(self, source: IO[bytes]) -> None:
        self.kept = bytearray()
        self._source = source
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Wait for the end of the stream, and close it."""
        self._reader.join()
        self._source.close()

    def _read(self) -> None:
        while chunk := os.read(self._source.fileno(), _CHUNK):
            self.kept += chunk[: MOST_OUTPUT - len(self.kept)]


def run_batch_mode(
    name: str,
    program: str,
    options: Sequence[str],
    *,
    folder: Path,
    time_limit: float,
    marks: re.Pattern[str],
    install: str,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Run the `program` of the simulator `name` with `options`, and return its complaints in a line.

    They are the lines of its output in which `marks` is found, each once; without any, its exit code. `folder`,
    `time_limit` and `settings` are those of `run_simulator`; `install` says how it is installed. Raises
    `SimulatorMissingError` if the program is not there, `SimulationError` if it cannot be run or takes too long.
    """
    found = shutil.which(program)
    if found is None:
        raise SimulatorMissingError(explain(name, must="be installed", got=f"no {program!r}", do=install))
    try:
        command = [found, *options]
        ended = run_simulator(command, name=name, folder=folder, time_limit=time_limit, settings=settings)
    except OSError as error:
        do = "give the path of one that is built for this machine"
        raise SimulationError(explain(name, must=f"run as {found!r}", got=error, do=do)) from error
    lines = (ended.stderr + b"\n" + ended.stdout).decode("utf-8", errors="replace").splitlines()
    said = dict.fromkeys(line.strip() for line in lines if marks.search(line))
    return " | ".join(said)[:1000] or f"exit code {ended.returncode}"


@contextmanager
def reading_results(
    name: str, files: Sequence[Path], complaints: str, *, must: str, do: str = "read its message"
) -> Iterator[None]:
    """Raise `SimulationError` with the `complaints` of the simulator `name` unless it left the `files`, readable.

    That is if one of them is missing, or its content is refused inside the `with` statement. The error says that the
    simulator `must` do something, and what the user is to `do`.
    """
    if not all(file.exists() for file in files):
        raise SimulationError(explain(name, must=must, got=complaints, do=do))
    try:
        yield
    except (FileFormatError, InvalidTypeError, InvalidValueError) as error:
        raise SimulationError(explain(name, must=must, got=f"{complaints}; {error}", do=do)) from error


OneSequence: TypeAlias = Callable[[int, Schedule], tuple[Floats, Floats]]
"""Runs one sequence, given its number and its schedule; returns times (points,) and efforts (points, unknowns)."""


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

    They are at the times of all sequences, linear between the points of each. `engine` is the name of what runs, `save`
    what is kept of its points; `progress` is told after each sequence.
    """
    count, runs = int(np.prod(schedule.lead)), list[Trajectory]()
    for number in range(count):
        alone = schedule.sequence(number)
        time, efforts = one(number, alone)
        runs.append(
            keep_only(Trajectory(network=network, schedule=alone, time=time, efforts=efforts, engine=engine), save)
        )
        if progress is not None:
            progress(number + 1, count)
    return _together(runs, schedule)


def run_as_circuit(
    network: Network, schedule: Schedule, one: Callable[[Network, Schedule], tuple[Floats, Floats]]
) -> OneSequence:
    """Return a `OneSequence` for `network` under `schedule` that has `one` run a circuit in volts.

    `one` is given the circuit, which is the electrical analogue of plumbing, and the schedule of one sequence; it
    returns times (points,) and voltages (points, unknowns).
    """
    circuit = as_circuit(network, schedule)

    def run_one(number: int, _alone: Schedule) -> tuple[Floats, Floats]:
        time, voltages = one(circuit.network, circuit.schedule.sequence(number))
        return time, circuit.effort * voltages

    return run_one


def whole_waveform(
    time: Floats, voltages: Floats, schedule: Schedule, name: str, complaints: str
) -> tuple[Floats, Floats]:
    """Return `time` (points,) and `voltages` (points, nodes) with a column of zeros, the datum, before them.

    Of several points at one time only the first is kept. Raises `SimulationError` with the `complaints` of the
    simulator `name` if it stopped before the end of `schedule`.
    """
    check_end(time, schedule, name, complaints)
    later = np.append(True, np.diff(time) > 0)
    return time[later], np.column_stack((np.zeros(later.sum()), voltages[later]))


def check_end(time: Floats, schedule: Schedule, name: str, complaints: str) -> None:
    """Raise `SimulationError` with the `complaints` of the simulator `name` if `time` ends before `schedule`."""
    if not time.size or time[-1] < schedule.ends[-1] - _MISSED * schedule.durations[-1]:
        do = "loosen the tolerances"
        raise SimulationError(explain(name, must=f"reach {schedule.ends[-1]:.6g} s", got=complaints, do=do))


def _together(runs: list[Trajectory], schedule: Schedule) -> Trajectory:
    """Return the `runs` of the sequences of a `schedule` as one batch, at the times of all of them."""
    first = runs[0]
    time = first.time if len(runs) == 1 else np.unique(np.concatenate([run.time for run in runs]))
    efforts = np.stack([_resample(time, run) for run in runs]).reshape(*schedule.lead, time.size, -1)
    beside = [_together([run.more[place] for run in runs], schedule) for place in range(len(first.more))]
    far = [_all_extremes([run.extremes[place] for run in runs]) for place in range(len(first.extremes))]
    return replace(first, schedule=schedule, time=time, efforts=efforts, more=tuple(beside), extremes=tuple(far))


def _all_extremes(found: list[Extremes]) -> Extremes:
    lowest, highest = np.min([one.lowest for one in found], axis=0), np.max([one.highest for one in found], axis=0)
    return replace(found[0], lowest=lowest, highest=highest)


def _resample(time: Floats, run: Trajectory) -> Floats:
    if np.array_equal(time, run.time):
        return run.efforts
    return np.stack([np.interp(time, run.time, column) for column in run.efforts.T], axis=-1)
