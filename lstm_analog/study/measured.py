"""Signals measured on a bench: a table of time and nodes becomes a run that `compare` and `Trimmer.correct` take."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler import Compiled
from lstm_analog.compiler.compiled import LayerLayout
from lstm_analog.compiler.passes import only
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.imperfections.base import InRange
from lstm_analog.model import Outputs, State
from lstm_analog.model.sequences import StateLike
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.study.alignment import Alignment, Expected, Recording, align_by_clock, align_by_signals
from lstm_analog.study.lots import AnyDesign, check_design
from lstm_analog.study.run import Run
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import read_columns

Table = str | Path | Mapping[str, ArrayLike]
"""A csv file, or columns by name, the times first."""

CLOCK_ERROR = 1e-3
"""Default of how far the clock of the instrument may be from that of the board; crystals are within 1e-4. Larger: more
places are tried, and a wrong one is more easily taken for the right one."""
_EARLY = 0.02
"""Signals are read so much of a phase before the end of an interval, for edges found late. Larger: the alignment may be
worse, signals have settled less: by exp(-0.98 x 24) instead of exp(-24) with 24 time constants."""
_WIDEST = 0.5
"""Largest time between rows, as a share of the shortest phase. Larger: coarser traces are taken, and read between rows
in which signals have not settled."""

_POINTS = 16
"""Points of an interval by which transitions are found. More: slower; fewer: edges are seen less sharply."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Measured(Summarised):
    """A measured run of a machine.

    Attributes
    ----------
    run : Run
        The run whose trajectory has the measured nodes at the ends of all intervals, and no other; `run.h` as usual.
    own : Run
        The run of the machine itself over the same inputs.
    groups : tuple of str
        Labels of the unknowns that were measured.
    offset : float
        The time of the instrument when the run begins (s).
    rate : float
        Seconds of the instrument in a second of the machine's clock. Without a clock line it is uncertain by up to half
        a phase over the length of the run, which is much for a run of few steps.
    """

    run: Run
    own: Run
    groups: tuple[str, ...]
    offset: float
    rate: float

    def signals(self, place: LayerLayout) -> Set[str]:
        """Return which of the signals z, c and h of a chain at `place` were measured."""
        spots = {"z": place.z, "c": () if place.c is None else (place.c,), "h": (place.h,)}
        known = set(self.groups)
        return {name for name, each in spots.items() if each and all(known.issuperset(spot.groups) for spot in each)}

    @property
    def residual(self) -> float:
        """The root mean square difference of the measured h from that of the machine itself."""
        return float(np.sqrt(np.mean((self.run.h - self.own.h) ** 2)))

    @property
    def outputs(self) -> Outputs:
        """The measured h, and y if it was measured; without a state, of which an instrument knows a part at best."""
        head = self.run.compiled.layout.head
        y = self.run.y if head is not None and set(head.y.groups) <= set(self.groups) else None
        return Outputs(h=self.run.h, state=State(h=(), c=()), y=y, c=None)

    def summary(self) -> Rows:
        """Return rows with what was measured, how it is aligned, and how far it is from the machine itself."""
        return (
            ("measured", ", ".join(self.groups)),
            ("x", self.run.x),
            ("offset", f"{self.offset:.6g} s"),
            ("rate", f"1 {self.rate - 1.0:+.3g}"),
            ("residual", f"{self.residual:.3g} in h, RMS"),
        )


def _check_gain(gain: float) -> None:
    if not 0.0 < abs(gain) < np.inf:
        do = "give 10 for a probe of 1 : 10"
        raise InvalidValueError(explain("gain", must="be finite and not zero", got=gain, do=do))


@checked
def measured(
    machine: AnyDesign,
    table: Table,
    x: ArrayLike,
    *,
    columns: Mapping[str, str],
    gain: Annotated[float, _check_gain] = 1.0,
    state: StateLike | None = None,
    clock_error: Annotated[float, InRange("clock_error", 0.0, 0.1, "give e.g. 1e-3")] = CLOCK_ERROR,
) -> Measured:
    """Return the run of a board that an instrument recorded, aligned with the clock of the `machine` that it is.

    If one of the columns is a clock line, its edges align the trace. Otherwise it is shifted to where it looks most
    like the signals of the machine itself, whatever their gains and offsets. Signals are then read where a run of the
    machine reads them, linearly between rows.

    Parameters
    ----------
    machine : Machine
        The machine without imperfections and without an axis of chips, in one pass through time.
    table : path or mapping
        A csv file, its first column the time (s). What an instrument writes above the header is skipped; a row of units
        below it must be in s, V or Pa. Or columns by name, the times first; of a data frame, `dict(frame)`.
    x : (time, inputs)
        What the board was fed.
    columns : mapping of str to str
        Names in the header, and for each the unknown that it is, as `{"CH1": "l0_h_0"}`: all of h of the top layer, and
        of every other group of which one is named. At most one may be a clock line, as `{"CH4": "copy"}`.
    gain : float
        What a value of the table is to be multiplied by: 10 for a probe of 1 : 10. Clock lines may have any level.
    state : State, optional
        The state from which the board started; from rest unless given.
    clock_error : float
        How far the rate of one clock may be from that of the other, 0 to 0.1; not used with a clock line.

    Raises
    ------
    FileAccessError, FileFormatError
        As `read_columns` does, for files without these columns, or with what is no finite number.
    InvalidTypeError, InvalidShapeError
        For an argument of the wrong kind or shape.
    InvalidValueError
        For an unknown that there is not or that is missing, or a trace whose times do not increase, that has gaps, is
        too short, or cannot be aligned within `clock_error`.
    UnsupportedError
        For a machine of several passes.
    """
    check_design(machine)
    compiled = only(machine.passes, "machine")
    clocks = [name for name, node in columns.items() if node in compiled.network.lines]
    if len(clocks) > 1:
        raise InvalidValueError(explain("columns", must="have one clock line at most", got=clocks, do="leave one"))
    groups = _groups(compiled, [node for name, node in columns.items() if name not in clocks])
    own = _own(machine, x, state, groups)
    phase = min(each.duration for each in compiled.cycle.step if each.settles)
    time, values, level = _read(table, columns, clocks, groups, compiled)
    _check_time(time, phase)
    trace = Recording(time=time, values=gain * values)
    where = (
        _by_clock(trace, level, own, columns[clocks[0]])
        if clocks
        else _by_signals(trace, own, groups, phase, clock_error)
    )
    named = "measured" if isinstance(table, Mapping) else f"measured: {Path(table).name}"
    run = _run(own, trace, where, groups, phase, named)
    return Measured(run=run, own=own, groups=groups, offset=where.offset, rate=where.rate)


def _run(own: Run, trace: Recording, where: Alignment, groups: tuple[str, ...], phase: float, named: str) -> Run:
    """Return the run that `trace` recorded, aligned by `where`, over the inputs of `own`; its engine is so `named`."""
    expected = own.trajectory
    times = where.of_instrument(expected.schedule.ends - _EARLY * phase)
    _check_covered(trace, times)
    trajectory = Trajectory(
        network=expected.network,
        schedule=expected.schedule,
        time=expected.schedule.ends,
        efforts=trace.at(times),
        engine=named,
        saved=Save(groups=groups),
    )
    return replace(own, passes=(replace(own.passes[0], trajectory=trajectory),), setup=None)


def _groups(compiled: Compiled, nodes: list[str]) -> tuple[str, ...]:
    """Return the labels of the groups of `nodes`; raise unless each is there and whole, and h of the top layer too."""
    unknowns, layout = compiled.network.unknowns, compiled.layout
    by_node = {name: group.label for group in unknowns.groups for name in _names(compiled, group.label)}
    strange = [node for node in nodes if node not in by_node]
    if strange:
        lines = ", ".join(compiled.network.lines)
        must, do = f"be unknowns of the machine or a clock line, {lines}", "see machine.network.unknowns.names()"
        raise InvalidValueError(explain("columns", must=must, got=ascii(strange)[:200], do=do))
    if len(set(nodes)) < len(nodes):
        raise InvalidValueError(explain("columns", must="name an unknown once", got=nodes, do="leave one out"))
    wanted = [label for place in layout.layers[layout.top] for label in place.h.groups]
    groups = tuple(dict.fromkeys((*wanted, *(by_node[node] for node in nodes))))
    missing = [name for label in groups for name in _names(compiled, label) if name not in nodes]
    if missing:
        must = f"have all of {', '.join(groups)}"
        got, do = f"no {', '.join(missing)}"[:200], "record them too, and merge the tables"
        raise InvalidValueError(explain("columns", must=must, got=got, do=do))
    return groups


def _names(compiled: Compiled, label: str) -> list[str]:
    """Return the names of the unknowns in the group `label`."""
    names = compiled.network.unknowns.names()
    return [names[node] for node in compiled.network.unknowns[label]]


def _own(machine: AnyDesign, x: ArrayLike, state: StateLike | None, groups: tuple[str, ...]) -> Run:
    """Return the run of `machine` that keeps its `groups`, and everything in the last step."""
    last = Save(last=len(machine.passes[0].cycle.step))
    own = machine.run(x, state=state, engine=Waveform(points=_POINTS, save=Save(groups=groups, more=(last,))))
    if own.x.ndim != 2:
        got, do = f"shape {own.x.shape}", "give one sequence, (time, inputs)"
        raise InvalidShapeError(explain("x", must="be what the board was fed", got=got, do=do))
    return own


def _read(
    table: Table, columns: Mapping[str, str], clocks: list[str], groups: tuple[str, ...], compiled: Compiled
) -> tuple[Floats, Floats, Floats]:
    """Return the times (rows,), the values of `groups` (rows, n) and the level of the clock, (rows, clocks)."""
    by_node = {node: name for name, node in columns.items()}
    names = [by_node[node] for label in groups for node in _names(compiled, label)]
    wanted = [*names, *clocks]
    if isinstance(table, Mapping):
        missing = [name for name in wanted if name not in table]
        if missing:
            got, do = f"no {', '.join(map(ascii, missing))}"[:200], "name the columns as the table does"
            raise InvalidValueError(explain("table", must="have the columns", got=got, do=do))
        read = [floats(table[name], f"column {name!a}") for name in (next(iter(table)), *wanted)]
        for name, column in zip(("of times", *map(ascii, wanted)), read, strict=True):
            if column.shape != (read[0].size,):
                must, do = f"have shape ({read[0].size},)", "give a number a row"
                raise InvalidShapeError(explain(f"column {name}", must=must, got=column.shape, do=do))
        found = np.column_stack(read)
    else:
        found = read_columns(table, wanted)
    return found[:, 0], found[:, 1 : 1 + len(names)], found[:, 1 + len(names) :]


def _check_time(time: Floats, phase: float) -> None:
    """Raise unless `time` increases in steps that are short against a `phase` (s)."""
    steps = np.diff(time)
    if not steps.size:
        raise InvalidShapeError(explain("trace", must="have at least 2 rows", got=time.size, do="record the whole run"))
    if not (steps > 0.0).all():
        row = int(np.argmin(steps > 0.0)) + 1
        got, do = f"{time[row]:.6g} s in row {row} of the numbers", "save it as recorded, with enough digits"
        raise InvalidValueError(explain("times of the trace", must="increase", got=got, do=do))
    widest = int(steps.argmax())
    if steps[widest] > _WIDEST * phase:
        must = f"have a row every {_WIDEST * phase:.3g} s at least, half a phase"
        got = f"{steps[widest]:.3g} s without one from {time[widest]:.6g} s on"
        raise InvalidValueError(explain("trace", must=must, got=got, do="record without gaps, at a higher rate"))


def _check_covered(trace: Recording, times: Floats) -> None:
    if times[0] < trace.time[0] or times[-1] > trace.time[-1]:
        must = f"cover {times[0]:.6g} to {times[-1]:.6g} s, where the clock says that the run is"
        got = f"{trace.time[0]:.6g} to {trace.time[-1]:.6g} s"
        raise InvalidValueError(explain("trace", must=must, got=got, do="record the whole run"))


def _by_clock(trace: Recording, level: Floats, own: Run, line: str) -> Alignment:
    schedule, lines = own.trajectory.schedule, own.compiled.network.lines
    return align_by_clock(trace, level[:, 0], schedule.durations, schedule.high[:, lines.index(line)])


def _by_signals(trace: Recording, own: Run, groups: tuple[str, ...], phase: float, clock_error: float) -> Alignment:
    """Return where `trace` looks most like the `groups` in the run of the machine itself."""
    trajectory, step = own.trajectory, own.compiled.cycle.step_time
    nodes = np.concatenate([trajectory.network.unknowns[label] for label in groups])
    ends, unit = trajectory.schedule.ends - _EARLY * phase, trajectory.network.unknowns.scales()[nodes]
    settled = ends[trajectory.schedule.durations >= phase]
    scaled = replace(trace, values=trace.values / unit)
    coarse, fine = (
        Expected(time=times, values=trajectory.sample(times, nodes) / unit, phase=phase, step=step)
        for times in (settled, trajectory.time[(trajectory.time >= settled[0]) & (trajectory.time <= settled[-1])])
    )
    return align_by_signals(scaled, coarse, fine, clock_error)
