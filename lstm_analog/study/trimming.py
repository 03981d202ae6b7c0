"""Make a `Trimmer`: measure what each bias of a machine does to its answers, once for all its copies."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.engines import Engine, EngineLike, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.base import AboveZero, InRange, check_range
from lstm_analog.study.biases import Adjustable, bias_columns, gains_of
from lstm_analog.study.cell_offsets import cell_offsets
from lstm_analog.study.lots import ONE_AT_A_TIME, AnyDesign, check_design
from lstm_analog.study.metrics import Answer, y_or_h
from lstm_analog.study.trimmed import Trimmer, answers_of
from lstm_analog.study.trims import turn_biases

ROUNDS = 6
"""Default number of corrections. More: smaller errors, each round a run of every chip; `benchmarks/trimming.py`."""
DAMPING = 1e-2
"""Default damping, as a share of the mean of diag(J^T J). Larger: chips of large errors are safer, all converge slower;
smaller: the noise of measurements is amplified. Of Levenberg 1944 and Marquardt 1963; `benchmarks/trimming.py`."""
STEP = 1e-4
"""Default turn of a bias by which its effect is measured, as a share of Gmax. Larger: curvature, smaller: rounding."""
_TOGETHER = 250
"""Biases whose effects are measured together, one a chip. More: faster, and more memory."""


@checked
def trimmer(
    machine: AnyDesign,
    x: ArrayLike,
    *,
    resolution: float,
    largest: Annotated[float, AboveZero("largest", "give a share of Gmax, 1 for Gmax")],
    sums: tuple[str, ...] | None = None,
    gains: bool = False,
    offsets: bool = False,
    step: float = STEP,
    rounds: Annotated[int, InRange("rounds", 1, np.inf, "give 6")] = ROUNDS,
    damping: Annotated[float, AboveZero("damping", "give 0.01")] = DAMPING,
    answer: Answer = y_or_h,
    engine: EngineLike = None,
) -> Trimmer[AnyDesign]:
    """Return what trims copies of `machine` by their answers to `x`; it runs the machine once for each bias.

    Judge the chips by other inputs than `x`: how well they follow these says little of those.

    Parameters
    ----------
    machine : Machine
        The machine without imperfections and without an axis of chips.
    x : (batch, time, inputs) or (time, inputs)
        The inputs that chips are measured with.
    resolution : float
        The step by which a device can be turned, as a share of Gmax, the largest conductance of its bank as compiled; 0
        for any value.
    largest : float
        The largest conductance to which a device can be turned, as a share of Gmax. The least is 0; through it the
        other device of the pair takes over, and the weight changes its sign.
    sums : tuple of str, optional
        Labels of the weighted sums whose biases are turned, as `("l0_zg",)` for the candidate gate of layer 0; all that
        have biases unless given.
    gains : bool
        Whether the gain of each of these sums is turned as well, as by the resistor that makes its voltage of its
        current. `resolution` and `largest` are then also those of a gain, as compiled 1.
    offsets : bool
        Whether two small currents in each transistor cell are turned as well, at the loads of c and at the input of
        tanh(c). `resolution` and `largest` are then also those of a current, as shares of the cell's reference current.
    step : float
        Turn by which the effect of each bias, gain or current is measured, as a share of the same. Larger: curvature;
        smaller: the rounding of the engine, 1e-4 of h in ngspice, where 0.01 is right.
    rounds : int
        Number of corrections, at least 1.
    damping : float
        Share of the mean of diag(J^T J) that is added to its diagonal, above 0.
    answer : function
        Gives the measured answers (chips, ...) from `Outputs` with a leading axis of chips: y, or h without a head,
        unless given.
    engine : Engine or name, optional
        Engine that runs the chips, `Settle()` by default.

    Raises
    ------
    InvalidTypeError, InvalidShapeError, InvalidValueError
        If an argument is wrong, or the machine has an axis of chips.
    UnsupportedError
        If the machine has no biases that can be turned, or gains or offsets are asked for that it does not have.
    """
    check_design(machine)
    _check_turns(resolution, largest, step)
    biases, chosen = bias_columns(machine.passes, sums), chosen_engine(engine, Settle())
    columns: tuple[Adjustable, ...] = (*biases, *map(gains_of, biases)) if gains else biases
    columns += cell_offsets(machine.passes) if offsets else ()
    inputs = floats(x, "x")
    expected = answers_of(machine, inputs, answer, chosen)[0]
    jacobian = _jacobian(machine, columns, step, expected, inputs, answer, chosen)
    normal = jacobian @ jacobian.T
    count = len(normal)
    damped = normal + (damping * np.trace(normal) / count or 1.0) * np.eye(count)
    return Trimmer(
        machine=machine,
        x=inputs,
        expected=expected,
        columns=columns,
        correction=floats(np.linalg.solve(damped, jacobian), "correction"),
        largest=largest,
        resolution=resolution,
        rounds=rounds,
        answer=answer,
        engine=chosen,
    )


def _jacobian(
    machine: AnyDesign,
    columns: tuple[Adjustable, ...],
    step: float,
    expected: Floats,
    x: Floats,
    answer: Answer,
    engine: Engine,
) -> Floats:
    """Return the change of each answer for a turn of each bias by Gmax, (K, n); chips with one bias turned each."""
    count = sum(each.rows.size for each in columns)
    together = 1 if isinstance(engine, ONE_AT_A_TIME) else _TOGETHER
    turns = np.array_split(step * np.eye(count), -(-count // together))
    rows = [answers_of(turn_biases(machine, columns, each), x, answer, engine) - expected for each in turns]
    return np.concatenate(rows) / step


def _check_turns(resolution: float, largest: float, step: float) -> None:
    """Raise `InvalidValueError` unless devices can be turned to several values."""
    check_range("resolution", resolution, 0.0, largest, "give a share of Gmax")
    if not 0.0 < step <= 1.0:
        must, do = "be above 0 and at most 1", "give 1e-4, 0.01 with ngspice"
        raise InvalidValueError(explain("step", must=must, got=step, do=do))
