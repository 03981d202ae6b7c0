"""What a machine is fed in a run: the schedule of its inputs, with all that acts on it in time."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, drives_of, schedule
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.imperfections import FedBank, StepPlan, run_schedule
from lstm_analog.model import State
from lstm_analog.network.schedule import Schedule


def feeding(
    compiled: Compiled, x: Floats, state: State, lengths: Indices | None, batch: tuple[int, ...], chips: int
) -> Schedule:
    """Return the schedule that feeds `compiled` with `x` (..., *batch, time, inputs) from `state` over `lengths` steps.

    An axis before the `batch`, of x or of an array of the state, is that of the `chips`: each has its own. What acts on
    the network in time is in the schedule; `imperfections.run_schedule` says what it raises. Raises `InvalidShapeError`
    for more than one step of a head that reads the final state.
    """
    if compiled.layout.final and x.shape[-2] != 1:
        must, do = (
            "have one step, for the pass is a head that reads the final state",
            "give the x of its own run.passes",
        )
        raise InvalidShapeError(explain("x", must=must, got=f"shape {x.shape}", do=do))
    arrays = (x[..., 0, :], *state.h, *state.c)
    by_chip = any(array.ndim > 1 + len(batch) for array in arrays)
    plain = schedule(compiled, x, state, lengths, chips=chips if by_chip else 0)
    return run_schedule(plain, compiled.network, _steps(compiled, x.shape[-2], plain))


def _steps(compiled: Compiled, steps: int, plain: Schedule) -> StepPlan:
    """Return how the `plain` schedule of so many `steps` of `compiled` is cut, and what it drives."""
    banks = (bank.label for bank in compiled.layout.inputs)
    fed = tuple(bank for label in banks for bank in fed_banks(compiled, label))
    driven = frozenset(entry.label for entry in plain.imposed)
    first = step_starts(compiled, steps)
    return StepPlan(first=first, duration=compiled.cycle.step_time, fed=fed, driven=driven)


def step_starts(compiled: Compiled, steps: int) -> Indices:
    """Return the intervals with which each of so many `steps` of `compiled` begins; the first with the reset."""
    first = 1 + len(compiled.cycle.step) * np.arange(steps)
    first[0] = 0
    return first


def fed_banks(compiled: Compiled, signal: str) -> Iterator[FedBank]:
    """Yield the source banks of `compiled` that an input `signal` is fed to."""
    for drive in drives_of(compiled, signal):
        gain = np.full(compiled.network.unknowns[drive.label].size, drive.gain)
        yield FedBank(signal=signal, label=drive.label, gain=gain, offset=drive.offset)
