"""Run a chip of transistor cells over corners of its process, temperatures and supplies.

Points are run as chips of a yield study are: in lots, by any executor, kept in a folder. All points of a lot are of one
wafer, so that what is set for the wafer is found once for each lot.
"""

from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

from numpy.typing import ArrayLike

from lstm_analog.compiler import Compiled, lower
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.model_files import models_of
from lstm_analog.compiler.passes import signal_network
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.doors import checked
from lstm_analog.engines import Engine, EngineLike, Ngspice
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.model import LSTM, State
from lstm_analog.model.sequences import StateLike, sequences
from lstm_analog.study.calibration import calibrate, transistor_technology, wafer_slope
from lstm_analog.study.corner_table import CornerPoint, CornerTable, WaferSetting, points_of
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import AHEAD, Handling, lots_of
from lstm_analog.study.lot_workers import ExecutorLike
from lstm_analog.study.lots import Trial
from lstm_analog.study.metrics import LargestError
from lstm_analog.study.run import Run, run_through
from lstm_analog.study.yield_result import joined

TEMPERATURES, SUPPLIES = (0.0, 27.0, 85.0), (4.5, 5.0, 5.5)
"""The temperatures (C) and supply voltages (V) of `corners` unless others are given."""
SECTIONS = ("tt", "ff", "ss", "fs", "sf")
"""The corners of `corners` unless others are given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wafer:
    """Wafers of one corner, and what is set for them, as `engine` finds it with phases of `settling` time constants.

    `technology` is the design, its conditions at the corner, at the temperature and supply at which wafers are set.
    """

    technology: Bicmos
    setting: WaferSetting
    engine: Engine
    settling: float

    @cached_property
    def design(self) -> Bicmos:
        """The technology with what is set for its wafers, which is found when it is first asked for."""
        made = self.technology
        if self.setting is WaferSetting.SLOPE:
            slope = wafer_slope(made, self.engine, settling=self.settling)
            return replace(made, conditions=replace(made.conditions, slope=slope))
        if self.setting is WaferSetting.RECALIBRATED:
            simulator = type(self.engine).__name__
            found = calibrate(made, self.engine, settling=self.settling, simulator=simulator)
            return replace(made, calibration=found)
        return made


@dataclass(frozen=True, kw_only=True, eq=False)
class CornerChips:
    """The chip of an LSTM at one of several numbered points; a `Design` whose chip k is the one at point k.

    `models` is the digest of its device models, by which results in a folder are those of the same models. There are as
    many `points` of each of the `wafers`, in the order of these; the chip is at the point of number `place`.
    """

    lstm: LSTM
    models: str
    wafers: tuple[Wafer, ...]
    points: tuple[CornerPoint, ...]
    place: int = 0

    @property
    def passes(self) -> tuple[Compiled, ...]:
        """The network of the chip at its point; what is set for its wafer is found first."""
        wafer = self.wafers[self.place * len(self.wafers) // len(self.points)]
        point, sizes = self.points[self.place], wafer.design
        met = replace(sizes.conditions, temperature=point.temperature, supply=point.supply)
        return (lower(replace(sizes, conditions=met), signal_network(self.lstm), CLOCKED, wafer.settling),)

    @property
    def chips(self) -> int:
        """No axis of chips: points are run one after the other."""
        return 0

    def with_imperfection(self, imperfection: object, streams: Streams) -> "CornerChips":
        """Return the chip at the point whose number is `streams.first`; there is no `imperfection`.

        Raises `UnsupportedError` if `streams` are of several chips: points differ in more than the values of parts.
        """
        if streams.chips is not None:
            must, do = "be run one after the other", "draw one chip"
            raise UnsupportedError(explain("points", must=must, got=f"{streams.chips} together", do=do))
        return replace(self, place=streams.first)

    def run(
        self,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        engine: Engine | str | None = None,
        keep: Keep | None = None,
    ) -> Run:
        """Return its run over `x` from rest by `engine`; `state`, `lengths` and `keep` are those of a `Design`."""
        fed, simulated = sequences(x, self.lstm.input_size), chosen_engine(engine, Ngspice())
        start = State.zeros(self.lstm.state_sizes, fed.shape[:-2])
        return run_through(self.passes, fed, start, None, lambda one, times: simulated.run(one.network, times))


@checked
def corners(
    lstm: LSTM,
    technology: Bicmos | str,
    x: ArrayLike,
    *,
    settling: float,
    sections: tuple[str, ...] = SECTIONS,
    temperatures: tuple[float, ...] = TEMPERATURES,
    supplies: tuple[float, ...] = SUPPLIES,
    settings: tuple[WaferSetting, ...] = (WaferSetting.NOMINAL, WaferSetting.SLOPE),
    engine: EngineLike = None,
    executor: ExecutorLike = None,
    folder: str | Path | None = None,
) -> CornerTable:
    """Return the largest error of h of the chip of `lstm` in `technology` over `x`, at all corners and conditions.

    The error is that against `lstm(x)`, of y if it has a head. A point takes one run of the simulator; a factor takes
    two or three sweeps for each corner, a calibration a minute or more, so `RECALIBRATED` runs on request only.

    Parameters
    ----------
    lstm : LSTM
        The model.
    technology : Bicmos or str
        The design, or the name of a preset: `Machine.technology` of a compiled one, whose state scale is then kept. Its
        conditions say whether the bias follows the temperature, and where the factor and calibrations are found.
    x : (batch, time, inputs) or (time, inputs)
        Inputs, from a state of zero.
    settling : float
        Length of a compute phase in time constants.
    sections : tuple of str
        Names of the corners of the process.
    temperatures, supplies : tuple of float
        Temperatures (C) and supply voltages (V).
    settings : tuple of WaferSetting
        What is set for wafers, each with all points.
    engine : Engine, str or None
        A simulator of transistors, or its name; ngspice if None.
    executor : Executor or function that makes one, optional
        Runs the wafers, each with all its points, as in `yield_of`; by default this process does.
    folder : path, optional
        Where the results of each wafer are kept, so that an interrupted study goes on; one of another study is refused.

    Raises
    ------
    InvalidTypeError
        If the technology is not of transistor cells.
    InvalidValueError
        If a list is empty or has a value twice, the process has no such corner, or the calibration is for other models.
    LibraryMissingError
        If the models are not to be found.
    SimulationError, UnsupportedError
        If an executor fails. Points that the simulator cannot solve are `failures`.
    FileAccessError, FileFormatError
        If the folder cannot be used or has another study.
    """
    sizes, simulated = transistor_technology(technology), chosen_engine(engine, Ngspice())
    _check_axes(sections, temperatures, supplies, settings)
    chips = CornerChips(
        lstm=lstm,
        models=sizes.models_digest,
        wafers=_wafers(sizes, settings, sections, simulated, settling),
        points=points_of(settings, sections, temperatures, supplies),
    )
    how = Handling(
        lot_size=len(temperatures) * len(supplies),
        executor=executor,
        ahead=AHEAD,
        timeout=None,
        folder=None if folder is None else Path(folder),
    )
    with closing(lots_of(_trial(chips, x, simulated), len(chips.points), how)) as lots:
        errors, failures = joined(lots)
    return CornerTable(
        settings=settings,
        corners=sections,
        temperatures=temperatures,
        supplies=supplies,
        errors=errors.reshape(len(settings), len(sections), len(temperatures), len(supplies)),
        failures=failures,
    )


def _wafers(
    sizes: Bicmos, settings: tuple[WaferSetting, ...], sections: tuple[str, ...], engine: Engine, settling: float
) -> tuple[Wafer, ...]:
    """Return the wafers of `sizes` with each of `settings`, at each of the corners `sections`, or raise."""
    for section in sections:
        models_of(sizes.devices, section)
    return tuple(
        Wafer(
            technology=replace(sizes, conditions=replace(sizes.conditions, corner=section)),
            setting=setting,
            engine=engine,
            settling=settling,
        )
        for setting, section in product(settings, sections)
    )


def _trial(chips: CornerChips, x: ArrayLike, engine: Engine) -> Trial[CornerChips]:
    expected = chips.lstm(x)
    return Trial(
        machine=chips,
        imperfections=(),
        seed=0,
        x=sequences(x, chips.lstm.input_size),
        state=None,
        lengths=None,
        engine=engine,
        metric=LargestError(expected=expected.h if expected.y is None else expected.y),
    )


def _check_axes(*axes: tuple[object, ...]) -> None:
    for what, axis in zip(("sections", "temperatures", "supplies", "settings"), axes, strict=True):
        if not axis or len(set(axis)) < len(axis):
            do = "give each value once"
            raise InvalidValueError(explain(what, must="be at least one, all different", got=axis, do=do))
