"""Calibrate transistor cells by simulation: sweeps with least squares, then a trim on sequences of given LSTMs.

Both run the network that `compile` makes, so a `Calibration` is a property of a technology, not of an LSTM. They start
from the equations of ideal pairs (`textbook`).

`wafer_slope` finds the one factor that is set for all chips of some wafers, by sweeps at their corner. The slope factor
of pairs in weak inversion differs from wafer to wafer, and with it what a pair makes of its input. As all signals are
voltages over resistors, one change of the reference current and of the rows, the same for all cells and chips, puts it
right; the resistors and the calibration of the design stay.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos import LINEAR_TAIL, READING_TAIL, Bicmos
from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.compiled import lower
from lstm_analog.compiler.passes import signal_network
from lstm_analog.compiler.technologies import chosen_technology
from lstm_analog.compiler.timing import CLOCKED
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import Engine, EngineLike, Ngspice
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidTypeError, explain
from lstm_analog.imperfections.base import AboveZero, InRange
from lstm_analog.model import LSTM, State
from lstm_analog.model.sequences import sequences
from lstm_analog.study.calibration_sweep import Gains, measure_gains
from lstm_analog.study.lag import lagging
from lstm_analog.study.run import Run, run_through


def transistor_technology(technology: Bicmos | str) -> Bicmos:
    """Return `technology`, or the preset of that name; `InvalidTypeError` unless it is of transistor cells."""
    sizes = chosen_technology(technology)
    if not isinstance(sizes, Bicmos):
        got, do = ascii(technology)[:80], "give BICMOS, SKY130_MOS, or another record of that kind"
        raise InvalidTypeError(explain("technology", must="be of transistor cells", got=got, do=do))
    return sizes


def textbook(technology: Bicmos) -> Calibration:
    """Return the calibration of `technology` by the equations of ideal pairs, from which a real one starts.

    The pair of f c is made linear by a resistor `2 load - 2 V_T/I` between its emitters; I is each tail current, and
    V_T is n kT/q for pairs of slope factor n.
    """
    thermal, current = technology.pair_volts, technology.reference_current
    volts = technology.cell_load * current
    return Calibration(
        input_gain=1.0,
        forget_gain=1.0,
        candidate_gain=1.0,
        output_gain=1.0,
        emitter_resistance=2.0 * (technology.cell_load - thermal / (LINEAR_TAIL * current)),
        cell_volts=volts,
        divider_ratio=2.0 * thermal / volts,
        hidden_load=technology.volts_per_unit / (READING_TAIL * current),
        cell_follower=1.0,
        hidden_follower=1.0,
        residual=0.0,
        technology=technology.digest,
        models=technology.models_digest,
        corner=technology.conditions.corner,
        simulator="none: textbook values",
    )


_CLOSE = 1e-3
"""Largest deviation of a gain from 1 at which the sweeps end. Smaller: more sweeps."""
_STEP = 5e-3
"""Relative change of a value by which the trim finds its effect. Smaller: lost in the error of ngspice, 1e-4 of h."""
_UNSEEN = 1.25
"""Error of other LSTMs over that of the lessons, at most: up to 1.17 is found in `benchmarks/tables_bicmos.py`."""
_CELL_TOLERANCE = 5.0
"""Tolerance of c over that of h."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """An LSTM with inputs `x` (time, inputs) on which to trim: errors of h of its chains are divided by `tolerance`.

    Errors of c are divided by `_CELL_TOLERANCE` times that.
    """

    lstm: LSTM
    x: Floats
    tolerance: Annotated[float, AboveZero("tolerance", "give the error of h that counts as one")]

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", sequences(self.x, self.lstm.input_size))


@checked
def calibrate(
    technology: Bicmos | str,
    engine: EngineLike,
    *,
    settling: float,
    lessons: tuple[Lesson, ...] = (),
    sweeps: Annotated[int, InRange("sweeps", 1, np.inf, "give e.g. 4")] = 4,
    simulator: str,
) -> Calibration:
    """Return the calibration of cells of `technology`, found by `engine`, starting from `textbook` values.

    Parameters
    ----------
    technology : Bicmos or str
        The sizes, or the name of the preset; its own calibration is ignored.
    engine : Engine, str or None
        A simulator of transistors, or its name; ngspice if None.
    settling : float
        Length of a compute phase in time constants.
    lessons : tuple of Lesson
        Sequences on which to trim; if there are none, there is no trim.
    sweeps : int
        The largest number of sweeps, each with the values corrected by the one before.
    simulator : str
        Name and version of the simulator, for the record.
    """
    sizes, simulated = transistor_technology(technology), chosen_engine(engine, Ngspice())
    found = replace(sizes, calibration=replace(textbook(sizes), simulator=simulator))
    for _ in range(sweeps):
        gains = measure_gains(found, simulated, settling)
        found = replace(found, calibration=corrected(found.trims, gains))
        if gains.worst < _CLOSE:
            break
    if not lessons:
        return found.trims
    found = replace(found, calibration=trim(found, simulated, settling=settling, lessons=lessons))
    return replace(found.trims, residual=_residual(found, simulated, settling, lessons))


def corrected(calibration: Calibration, gains: Gains) -> Calibration:
    """Return `calibration` corrected for the `gains` that were measured with it, each at its origin."""
    return replace(
        calibration,
        input_gain=calibration.input_gain * gains.input,
        forget_gain=calibration.forget_gain * gains.forget,
        candidate_gain=calibration.candidate_gain * gains.candidate,
        output_gain=calibration.output_gain * gains.output,
        emitter_resistance=calibration.emitter_resistance * gains.keep,
        cell_volts=calibration.cell_volts * gains.add,
        divider_ratio=calibration.divider_ratio / (gains.tanh * gains.add),
        hidden_load=calibration.hidden_load / gains.hidden,
        cell_follower=calibration.cell_follower * gains.cell_reset,
        hidden_follower=calibration.hidden_follower * gains.hidden_reset,
    )


def trim(technology: Bicmos, engine: Engine, *, settling: float, lessons: tuple[Lesson, ...]) -> Calibration:
    """Return the calibration of `technology` after one Gauss-Newton step on the errors in `lessons`.

    `engine` runs them, with compute phases of `settling` time constants; the Jacobian is found by differences.
    """
    start = technology.trims
    before = _errors(technology, engine, settling, lessons)
    trials = (replace(technology, calibration=_moved(start, step)) for step in _STEP * np.eye(4))
    slopes = [(_errors(moved, engine, settling, lessons) - before) / _STEP for moved in trials]
    change, *_ = np.linalg.lstsq(np.stack(slopes, axis=1), -before, rcond=None)
    return _moved(start, np.asarray(change, dtype=np.float64))


def _residual(technology: Bicmos, engine: Engine, settling: float, lessons: tuple[Lesson, ...]) -> float:
    """Return the error of h and c after a single step that explains the errors over the sequences of `lessons`."""
    found = []
    for lesson in lessons:
        run, digital = _run(technology, engine, settling, lesson), lesson.lstm.trace(lesson.x).layers
        behind = lagging(lesson.lstm, lesson.x, run.initial_state, None, _STEP)
        error, late = (
            max(float(np.abs(h - layer.h).max()) for h, layer in zip(each, digital, strict=True))
            for each in ([layer.h for layer in run.layers], behind)
        )
        found.append(_STEP * error / late)
    return _UNSEEN * max(found)


def _moved(calibration: Calibration, step: Floats) -> Calibration:
    """Return `calibration` with the four values that are trimmed changed by the relative `step` (4,).

    They are the gains that the recurrence raises to a power. The gains of columns stay as the sweeps found them,
    because a few LSTMs do not determine them well.
    """
    factors = (1.0 + step).tolist()
    return replace(
        calibration,
        cell_volts=calibration.cell_volts * factors[0],
        emitter_resistance=calibration.emitter_resistance * factors[1],
        divider_ratio=calibration.divider_ratio * factors[2],
        hidden_load=calibration.hidden_load * factors[3],
    )


def _errors(technology: Bicmos, engine: Engine, settling: float, lessons: tuple[Lesson, ...]) -> Floats:
    """Return analog minus digital h and c of all chains of all lessons over their tolerances, as one flat array."""
    found = []
    for lesson in lessons:
        run = _run(technology, engine, settling, lesson)
        for analog, digital in zip(run.layers, lesson.lstm.trace(lesson.x).layers, strict=True):
            h, c = (analog.h - digital.h).ravel(), (analog.c - digital.c).ravel()
            found.append(np.concatenate((h, c / _CELL_TOLERANCE)) / lesson.tolerance)
    return np.concatenate(found)


def _run(technology: Bicmos, engine: Engine, settling: float, lesson: Lesson) -> Run:
    compiled = lower(technology, signal_network(lesson.lstm), CLOCKED, settling)
    state = State.zeros(lesson.lstm.state_sizes, lesson.x.shape[:-2])
    return run_through((compiled,), lesson.x, state, None, lambda one, fed: engine.run(one.network, fed))


_SLOPE_CLOSE = 1e-3
"""Change of the factor below which it is found. Smaller: more sweeps; h moves by less than this."""
_SLOPE_SWEEPS = 3
"""Most sweeps: the first finds the factor within 0.01, the second within 0.001."""


@checked
def wafer_slope(technology: Bicmos | str, engine: EngineLike, *, settling: float) -> float:
    """Return the `slope` to set in the conditions of `technology` for wafers of its corner.

    It makes the gains right, on average, with which the five pairs of a cell see their inputs, as measured by `engine`
    in sweeps with the calibration of the technology and phases of `settling` time constants. Raises `InvalidTypeError`
    if the technology is not of transistor cells, `InvalidValueError` if its calibration is for other sizes or models.
    """
    sizes, simulated = transistor_technology(technology), chosen_engine(engine, Ngspice())
    slope = sizes.conditions.slope
    for _ in range(_SLOPE_SWEEPS):
        turned = replace(sizes, conditions=replace(sizes.conditions, slope=slope))
        found = measure_gains(turned, simulated, settling)
        gains = (found.input, found.forget, found.candidate, found.output, found.tanh)
        before, slope = slope, slope * len(gains) / sum(gains)
        if abs(slope / before - 1.0) < _SLOPE_CLOSE:
            break
    return slope
