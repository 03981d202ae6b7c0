"""What a machine takes to run: power and energy a step, step time, parts by kind, and the room they need."""

from dataclasses import dataclass
from pathlib import Path

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidTypeError, UnsupportedError, explain
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.parts import Cells
from lstm_analog.network.varying import check_steady
from lstm_analog.study.circuit_cost import cell_cost, circuit_cost
from lstm_analog.study.consumption import Consumer, Consumption, PartCount, merged
from lstm_analog.study.figures import CellFigures, CircuitFigures, Figures, PlumbingFigures, figures_of
from lstm_analog.study.keeping import check_whole
from lstm_analog.study.pipeline import pipeline
from lstm_analog.study.plumbing_cost import plumbing_cost
from lstm_analog.study.run import PassRun, Run
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import write_rows

RUNNING_COST = ("what", "number", "value", "unit", "source")
"""The columns of a running cost as CSV."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RunningCost(Summarised):
    """What a machine takes to run, on average over the steps of a run; the reset before them does not count.

    Attributes
    ----------
    technology : str
        The name of its technology.
    consumers : tuple of Consumer
        What draws power, and how much; with several passes all of them, as each waits for the others. Gates of switches
        and solenoids draw it while the clock of their pass runs.
    parts : tuple of PartCount
        The parts by kind, and the room that they take.
    unit : str
        The unit of that room: m2 of a chip or board, m3 of plumbing.
    heat : float
        Power (W) that the conductances of the network turn to heat; the consumers deliver it, with more.
    step_time, latency : float
        Time (s) of a step, and from the first input to the first output. A head that reads the last step works once a
        sequence: its time is shared out among the steps of the run.
    """

    technology: str
    consumers: tuple[Consumer, ...]
    parts: tuple[PartCount, ...]
    unit: str
    heat: float
    step_time: float
    latency: float

    @property
    def power(self) -> float:
        """The power of all consumers (W)."""
        return sum(each.power for each in self.consumers)

    @property
    def energy(self) -> float:
        """The energy of a step (J)."""
        return self.power * self.step_time

    @property
    def number(self) -> int:
        """The number of all parts."""
        return sum(each.number for each in self.parts)

    @property
    def room(self) -> float:
        """The room of all parts, without what lies between them, in `unit`."""
        return sum(each.room for each in self.parts)

    def summary(self) -> Rows:
        """Return rows with the totals."""
        told = ", ".join(f"{each.what} {each.power:.3g} W" for each in self.consumers)
        counted = ", ".join(f"{each.number} {each.what}" for each in self.parts)
        return (
            ("technology", self.technology),
            ("power", f"{self.power:.3g} W"),
            ("of it", told),
            ("energy a step", f"{self.energy:.3g} J"),
            ("step time", f"{self.step_time:.4g} s, first output after {self.latency:.4g} s"),
            ("parts", f"{self.number}"),
            ("by kind", counted),
            ("room of the parts", f"{self.room:.3g} {self.unit}"),
        )

    def __str__(self) -> str:
        """Return the totals, then a line for each consumer and each kind of part with the source of its constant."""
        lines = [f"{self.technology}: {self.power:.3g} W, {self.energy:.3g} J a step of {self.step_time:.4g} s"]
        lines += [f"{each.power:10.3g} W   {each.what} ({each.source})" for each in self.consumers]
        lines += [
            f"{each.number:10}     {each.what}, {each.room:.3g} {self.unit} ({each.source})" for each in self.parts
        ]
        return "\n".join([*lines, f"{self.room:10.3g} {self.unit}  of parts, without what lies between them"])

    def write(self, path: str | Path) -> None:
        """Write consumers, parts and totals as CSV to the file `path`, whole or not at all.

        Raises `FileAccessError` if it cannot be written.
        """
        rows: list[tuple[object, ...]] = [RUNNING_COST]
        rows += [(each.what, "", each.power, "W", each.source) for each in self.consumers]
        rows += [(each.what, each.number, each.room, self.unit, each.source) for each in self.parts]
        totals = (("power", self.power, "W"), ("energy a step", self.energy, "J"), ("step time", self.step_time, "s"))
        rows += [(name, "", value, unit, "total") for name, value, unit in totals]
        write_rows(path, (*rows, ("parts", self.number, self.room, self.unit, "total")))


@checked
def running_cost(run: Run, figures: Figures | None = None) -> RunningCost:
    """Return what the machine of `run` takes to run, by its network over the run and the constants `figures`.

    The constants are those of `figures_of` the technology unless given. Currents while storages are charged are those
    at the points that the engine keeps: with one an interval, as of `Settle`, they are left out; `Waveform(points=64)`
    has them.

    Raises
    ------
    InvalidShapeError
        If the machine is several chips.
    InvalidTypeError
        If the figures are those of another kind of technology.
    InvalidValueError
        If the run has not kept all unknowns in all intervals.
    UnsupportedError
        If the technology has no known constants, the run does not say of what technology it is, or parameters of the
        network change from step to step.
    """
    if run.setup is None:
        do = "run it by Machine.run"
        raise UnsupportedError(explain("the run", must="say its technology", got="none", do=do))
    technology = run.setup.technology
    known = figures_of(technology) if figures is None else figures
    for each in run.passes:
        check_whole(each.trajectory)
        check_one_chip(each.trajectory.network)
        check_steady(each.trajectory.network)
    times = [float(each.trajectory.schedule.durations[1:].sum()) for each in run.passes]
    pairs = zip(run.passes, times, strict=True)
    found = merged([_consumption(run, each, technology, known, time / sum(times)) for each, time in pairs])
    clock = pipeline(tuple(each.compiled for each in run.passes))
    return RunningCost(
        technology=str(getattr(technology, "name", type(technology).__name__)),
        consumers=found.consumers,
        parts=found.parts,
        unit="m3" if isinstance(known, PlumbingFigures) else "m2",
        heat=found.heat,
        step_time=sum(times) / run.x.shape[-2],
        latency=clock.latency(run.x.shape[-2]),
    )


def _consumption(run: Run, one: PassRun, technology: object, figures: Figures, running: float) -> Consumption:
    """Return what the pass `one` of `run` takes, whose clock is `running` for that share of the time.

    It is built in `technology`, with the constants `figures`.
    """
    network = one.trajectory.network
    cells = any(isinstance(part, Cells) for part in network.parts)
    if network.filling is not None and isinstance(figures, PlumbingFigures):
        return plumbing_cost(run, one, technology, figures, running)
    if cells and isinstance(figures, CellFigures):
        return cell_cost(one, figures, running)
    if network.filling is None and not cells and isinstance(figures, CircuitFigures):
        return circuit_cost(one.trajectory, figures, running)
    got, do = type(figures).__name__, "leave them out, or give those of figures_of(technology)"
    raise InvalidTypeError(explain("figures", must="be those of the technology", got=got, do=do))
