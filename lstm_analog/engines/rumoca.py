"""The engine `Rumoca`: writes the network as a Modelica file, has rumoca compile and run it, reads the efforts back.

rumoca (PyPI, pin 0.10.2) runs in a process of its own: it is alpha software, and cannot be interrupted otherwise.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_points, check_save, check_time_limit
from lstm_analog.engines.external import reading_results, run_sequences, run_simulator, temporary_folder
from lstm_analog.engines.operating import start_efforts
from lstm_analog.errors import FileFormatError, InvalidValueError, SimulationError, SimulatorMissingError, explain
from lstm_analog.export import effort_names, write_modelica
from lstm_analog.files import read_bytes, read_file, text_in
from lstm_analog.network.bank import put_plain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.npy import read_array

_MODEL, _FILE = "machine", "machine.mo"
_MISSING = 86
"""Exit code by which the worker process says that rumoca is not installed; rumoca itself does not use it."""
_SAME = 1e-9
"""Difference of two times, as a share of the shortest interval, below which they count as one."""
_REMEDY = "read its message; against failed steps, take another tolerance or solver"
_WORKER = f"""
import json, sys
try:
    import numpy, rumoca
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit({_MISSING})
task = json.load(sys.stdin)
try:
    model = rumoca.Session().load("{_FILE}", model=task["model"])
    result = model.simulate(t=(0.0, task["end"]), config=rumoca.SimConfig(**task["settings"]))
except rumoca.RumocaError as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
numpy.save("out.npy", numpy.column_stack([result.time, *(result[name] for name in task["names"])]))
"""


class Solver(Enum):
    """rumoca's integrators: explicit, or implicit for stiff networks.

    Full plumbing at the default tolerances is 4e-10 of the unit from scipy by RUNGE_KUTTA, 2e-8 by BDF, at equal speed.
    BDF of rumoca 0.10.2 now and then gives up over its own interpolation ("left endpoint sampler"); another tolerance
    helps.
    """

    RUNGE_KUTTA = "rk-like"
    BDF = "bdf"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Rumoca:
    """rumoca on the exported file, restarted by events at the clock edges; one process a sequence of the batch.

    Made for small machines: compiling and running grow as about the square of the parts (16 units: 30 s).

    Attributes
    ----------
    solver : Solver
        How it integrates.
    rtol : float
        Relative tolerance of a step.
    atol : float
        Absolute tolerance of a step in units of the smallest signal (`Group.scale`); it governs the error.
    points : int
        Points kept of the whole run, evenly, besides the start and the end of every interval.
    time_limit : float
        Seconds after which the run of a sequence is given up.
    interpreter : str
        The Python that has rumoca; empty for this one.
    save : Save, optional
        Which unknowns and intervals are kept of its points, named intervals at their ends only: all unless given, but
        what `Machine.run` is told to keep.
    """

    solver: Solver = Solver.RUNGE_KUTTA
    rtol: float = 1e-10
    atol: float = 1e-11
    points: int = 1
    time_limit: float = 600.0
    interpreter: str = ""
    save: Save | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check that the tolerances are positive, the points whole and the time limit one that can be waited for."""
        put_plain(self)
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not 0 < value < np.inf:
                raise InvalidValueError(explain(name, must="be positive and finite", got=value, do="give e.g. 1e-10"))
        check_points(self.points)
        check_time_limit(self.time_limit)
        check_save(self.save)

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (..., points, unknowns), telling `progress` by sequence.

        Raises
        ------
        SimulatorMissingError
            If rumoca is not installed.
        SimulationError
            If the operating point is not found, or rumoca fails, stops early or takes too long, in its own words.
        """
        starts = start_efforts(network, schedule).reshape(-1, network.unknowns.size)

        def one(number: int, alone: Schedule) -> tuple[Floats, Floats]:
            write = partial(write_modelica, network=network, schedule=alone, name=_MODEL, start=starts[number])
            return self._simulate(write, _MODEL, network, alone)

        return run_sequences(network, schedule, one, engine=repr(self), save=self.save, progress=progress)

    def run_file(self, path: str | Path, name: str, network: Network, schedule: Schedule) -> Trajectory:
        """Return the efforts of the model `name` in the file at `path`, which may have been edited.

        It was written from `network` under `schedule`, one sequence. Raises as `run`, `FileAccessError`, or
        `FileFormatError` where it is no text.
        """
        text = text_in(read_bytes(path), f"file {str(path)!r}").encode()
        time, efforts = self._simulate(lambda copy: copy.write_bytes(text), name, network, schedule)
        shape = (*schedule.lead, *efforts.shape)
        return Trajectory(
            network=network, schedule=schedule, time=time, efforts=efforts.reshape(shape), engine=repr(self)
        )

    def _simulate(
        self, write: Callable[[Path], object], name: str, network: Network, schedule: Schedule
    ) -> tuple[Floats, Floats]:
        """Return times and efforts of the model `name` in the file that `write` makes in a folder of its own.

        rumoca reads all files of a folder, so there is no other.
        """
        end = float(schedule.ends[-1])
        least = float(network.unknowns.scales()[1:].min())
        settings = {"solver": self.solver.value, "rtol": self.rtol, "atol": self.atol * least, "dt": end / self.points}
        names = effort_names(network)[1:]
        task = {"model": name, "end": end, "settings": settings, "names": names}
        with temporary_folder() as folder:
            write(folder / _FILE)
            message, out = self._call(folder, task), folder / "out.npy"
            with reading_results("rumoca", [out], message, must="run the file", do=_REMEDY):
                table = _read_table(out, 1 + len(names))
        time, kept = _edges_merged(table[:, 0], schedule)
        if not np.isin(schedule.ends, time[kept]).all():
            got, do = f"{table[-1, 0]:.6g} s or a gap {message}", "loosen the tolerances"
            raise SimulationError(explain("rumoca", must=f"reach every end up to {end:.6g} s", got=got, do=do))
        table[:, 0] = 0.0
        return time[kept], table[kept]

    def _call(self, folder: Path, task: dict[str, object]) -> str:
        """Have the worker process do the `task` in `folder`; return what it wrote to its error stream in a line."""
        python = self.interpreter or sys.executable
        try:
            done = run_simulator(
                [python, "-P", "-c", _WORKER],
                name="rumoca",
                folder=folder,
                time_limit=self.time_limit,
                stdin=json.dumps(task).encode("ascii"),
            )
        except (OSError, ValueError) as error:  # a name that no file can have
            must, do = f"run in {python!r}", "give the path of a Python with rumoca"
            raise SimulatorMissingError(explain("rumoca", must=must, got=error, do=do)) from error
        lines = done.stderr.decode("utf-8", errors="replace").splitlines()
        text = " | ".join(line.strip() for line in lines)[-1000:]
        if done.returncode == _MISSING:
            do = "pip install rumoca==0.10.2, or use engine Integrate"
            raise SimulatorMissingError(explain("rumoca", must="be installed", got=text, do=do))
        return text or f"exit code {done.returncode}"


def _read_table(path: Path, columns: int) -> Floats:
    """Return the table of `columns` in the file at `path`, or raise `FileFormatError`."""
    table = floats(read_array(read_file(path), "results"), "results")
    if table.ndim != 2 or table.shape[1] != columns or not table.size:
        raise FileFormatError(explain("results", must=f"have {columns} columns", got=table.shape, do=_REMEDY))
    return table.copy()


def _edges_merged(time: Floats, schedule: Schedule) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return `time` with the exact ends of intervals, and which points to keep: of two at a clock edge the first."""
    ends, same = schedule.ends, _SAME * float(schedule.durations.min())
    nearest = ends[np.minimum(np.searchsorted(ends, time - same), ends.size - 1)]
    exact = np.where(np.abs(time - nearest) <= same, nearest, time)
    return exact, np.append(True, np.diff(exact) > 0)
