"""The engine `Ngspice`: writes the network as a SPICE deck, has ngspice run it, reads the waveforms back."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

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
from lstm_analog.export import NGSPICE, Accuracy, suited, write_spice
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

_ONE_THREAD = MappingProxyType({"OMP_THREAD_LIMIT": "1"})
"""Keeps ngspice from starting threads at each evaluation of its BSIM4 transistors: fifty times slower (measured)."""
_COMPLAINTS = re.compile("(?i)error|fatal|warning|singular|too small|no such|aborted|undefined")
"""What marks a line of ngspice's output as a complaint."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Ngspice:
    """ngspice in batch mode, trapezoidal rule, on the exported deck; one process a sequence of the batch.

    Attributes
    ----------
    accuracy : Accuracy, optional
        Its tolerances and least number of steps, `export.suited` to the network unless given. `chgtol` (C) must stay
        below reltol x capacitance x 1 V: ngspice does not look at errors of charges below it.
    time_limit : float
        Seconds after which the run of a sequence is given up.
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
        with temporary_folder() as folder:
            deck, raw = folder / "deck.cir", folder / "out.raw"
            write_spice(deck, network, schedule, NGSPICE, self.accuracy or suited(network))
            complaints = self.call(deck, "-r", str(raw))
            with reading_results("ngspice", [raw], complaints, must="simulate the deck"):
                time, voltages = read_raw(raw, network.unknowns.names()[1:])
        return whole_waveform(time, voltages, schedule, "ngspice", complaints)

    def call(self, deck: Path, *options: str) -> str:
        """Have ngspice read `deck`, in its folder and in batch mode with `options`; return its complaints in a line.

        Raises `SimulatorMissingError` if ngspice is not installed, `SimulationError` if it cannot be run or takes too
        long.
        """
        return run_batch_mode(
            "ngspice",
            self.program,
            ["-b", "-n", *options, str(deck)],
            folder=deck.parent,
            time_limit=self.time_limit,
            marks=_COMPLAINTS,
            install="install it (Debian: apt-get install ngspice), or use engine Integrate",
            settings=_ONE_THREAD,
        )
