"""An independent simulator: writes the deck, has ngspice run it, reads the waveforms back."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_save, check_time_limit
from lstm_analog.engines.guest import own_folder, run_as_circuit, run_guest, run_sequences, whole_waveform
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import FileFormatError, SimulationError, SimulatorMissingError, explain
from lstm_analog.export import NGSPICE, Accuracy, suited, write_spice
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

_ONE_THREAD = MappingProxyType({"OMP_THREAD_LIMIT": "1"})
"""ngspice starts threads for each evaluation of its BSIM4 transistors: fifty times slower than without (measured)."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Ngspice:
    """ngspice in batch mode, trapezoidal rule, on the exported deck; one process a sequence of the batch.

    Attributes
    ----------
    accuracy : Accuracy, optional
        Its tolerances and least number of steps, `suited` to the network unless given; `chgtol` is to stay below reltol
        x capacitance x 1 V.
    time_limit : float
        Seconds after which a run is given up.
    program : str
        The program's name or path. Where ngspice cannot be installed, `ngspice_wasm.mjs` beside this module is one: it
        runs ngspice 45.2 in node, from the npm package eecircuit-engine 1.8.0, with a second or two to start. With KLU
        (NGSPICE_OPTIONS=klu in the environment) it runs chips and decks of `PORTABLE`; abrupt switches stop it.
    save : Save, optional
        Which unknowns and intervals are kept of its points, named intervals at their ends only: all unless given, but
        what `Machine.run` is told to keep.
    """

    accuracy: Accuracy | None = None
    time_limit: float = 600.0
    program: str = "ngspice"
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
            If ngspice is not installed.
        SimulationError
            If it fails, stops early or takes too long; the message carries its own words.
        """
        one = run_as_circuit(network, schedule, self._sequence)
        return run_sequences(network, schedule, one, engine=repr(self), save=self.save, progress=progress)

    def _sequence(self, network: Network, schedule: Schedule) -> tuple[Floats, Floats]:
        with own_folder() as folder:
            deck, raw = folder / "deck.cir", folder / "out.raw"
            write_spice(deck, network, schedule, NGSPICE, self.accuracy or suited(network))
            words = self.call(deck, "-r", str(raw))
            if not raw.exists():
                raise SimulationError(explain("ngspice", must="simulate the deck", got=words, do="read its message"))
            try:
                time, voltages = read_raw(raw, network.unknowns.names()[1:])
            except FileFormatError as error:
                do = "read its message"
                raise SimulationError(explain("ngspice", must="leave its results", got=words, do=do)) from error
        return whole_waveform(time, voltages, schedule, "ngspice", words)

    def call(self, deck: Path, *options: str) -> str:
        """Have ngspice read `deck`, in its folder and in batch mode with `options`; return its complaints in a line.

        Raises `SimulatorMissingError` if ngspice is not installed, `SimulationError` if it cannot be run or takes too
        long.
        """
        program = shutil.which(self.program)
        if program is None:
            do = "install it (Debian: apt-get install ngspice), or use engine Integrate"
            raise SimulatorMissingError(explain("ngspice", must="be installed", got=f"no {self.program!r}", do=do))
        command = [program, "-b", "-n", *options, str(deck)]
        try:
            done = run_guest(
                command, name="ngspice", folder=deck.parent, time_limit=self.time_limit, settings=_ONE_THREAD
            )
        except OSError as error:
            must, do = f"run as {program!r}", "give the path of an ngspice of this machine"
            raise SimulationError(explain("ngspice", must=must, got=error, do=do)) from error
        text = (done.errors + b"\n" + done.output).decode("utf-8", errors="replace")
        return " | ".join(_complaints(text))[:1000] or f"exit code {done.code}"


def _complaints(text: str) -> list[str]:
    marks = ("error", "fatal", "warning", "singular", "too small", "no such", "aborted", "undefined")
    return [line.strip() for line in text.splitlines() if any(mark in line.lower() for mark in marks)]
