"""Converters at the inputs and outputs of a machine: steps, range, and steps that are not even.

In plumbing they are the valve drivers that set the input pressures, and the gauges that are read.
"""

from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.banks import tiled
from lstm_analog.imperfections.base import InRange, Streams, alter, strength
from lstm_analog.imperfections.in_time import FedBank, StepPlan, acted_on, convert, disturb
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Imposed, Schedule

_MOST_BITS = 32.0


@checked_record
@dataclass(frozen=True, kw_only=True)
class InputConverter:
    """Inputs take one of 2^`bits` values, evenly from `low` to `high`, in the units of x; beyond they are clipped.

    The integral nonlinearity of a converter is a bow, zero at both ends, its height in the middle normal with a
    standard deviation of `inl` steps. Every input has a converter, every chip others. In a machine of several passes
    they stand at the inputs of the first: what a later pass reads comes from a memory.
    """

    bits: Annotated[int, InRange("input converter bits", 1.0, _MOST_BITS, "give a whole number, 12 for 4096 values")]
    low: float
    high: float
    inl: Annotated[float, strength("input converter inl", "give steps, 0.5 for half of one")] = 0.0

    def __post_init__(self) -> None:
        _check_range("input", self)


@checked_record
@dataclass(frozen=True, kw_only=True)
class OutputConverter:
    """The answer of a machine, y, or h where it has no head, is read as one of 2^`bits` values from `low` to `high`.

    The range is in the units of the answer; `bits` and `inl` are as in `InputConverter`. `Run.outputs`, and with them
    yields, are behind the converter; `Run.h`, `Run.y`, files and the state that a run leaves are before it.
    """

    bits: Annotated[int, InRange("output converter bits", 1.0, _MOST_BITS, "give a whole number, 12 for 4096 values")]
    low: float
    high: float
    inl: Annotated[float, strength("output converter inl", "give steps, 0.5 for half of one")] = 0.0

    def __post_init__(self) -> None:
        _check_range("output", self)


_Converter: TypeAlias = InputConverter | OutputConverter


def _check_range(what: str, converter: _Converter) -> None:
    if not -np.inf < converter.low < converter.high < np.inf:
        got, do = f"{converter.low:g} to {converter.high:g}", "give the range, low below high"
        raise InvalidValueError(explain(f"{what} converter range", must="be finite and increase", got=got, do=do))


@alter.register
def _(imperfection: InputConverter | OutputConverter, network: Network, streams: Streams) -> Network:
    return acted_on(tiled(network, streams) if imperfection.inl else network, imperfection)


@disturb.register
def _(
    imperfection: InputConverter, schedule: Schedule, network: Network, steps: StepPlan, streams: Streams
) -> Schedule:
    fed = {bank.label: bank for bank in steps.fed}
    by_chip = bool(streams.chips and imperfection.inl)

    def converted(entry: Imposed) -> Imposed:
        bank = fed.get(entry.label)
        return entry if bank is None else _driven(imperfection, bank, entry, streams, schedule)

    imposed = tuple(map(converted, schedule.imposed))
    return replace(schedule, imposed=imposed, chips=schedule.chips or (streams.chips or 0) * by_chip)


def _driven(converter: InputConverter, bank: FedBank, entry: Imposed, streams: Streams, schedule: Schedule) -> Imposed:
    """Return what `entry` imposes on `bank` behind the `converter`."""
    bow = _bows(converter, f"input converter {bank.signal}", bank.gain.size, streams, len(schedule.batch) + 1)
    efforts = bank.offset + bank.gain * _codes(converter, (entry.efforts - bank.offset) / bank.gain, bow)
    return Imposed(label=entry.label, efforts=efforts)


@convert.register
def _(imperfection: OutputConverter, values: Floats, streams: Streams) -> Floats:
    bow = _bows(imperfection, "output converter", values.shape[-1], streams, values.ndim - 2)
    return _codes(imperfection, values, bow)


def _bows(converter: _Converter, name: str, count: int, streams: Streams, between: int) -> Floats:
    """Return the heights of the bows of `count` converters of that `name`, in steps; 0 if they have none.

    Chips lead, if there are several, with so many axes `between` them and the converters.
    """
    if not converter.inl:
        return np.zeros(1)
    bows = converter.inl * streams.normal(name, (count,))
    return bows if streams.chips is None else bows.reshape(streams.chips, *(1 for _ in range(between)), count)


def _codes(converter: _Converter, values: Floats, bow: Floats) -> Floats:
    """Return `values` as a `converter` gives them, its `bow` in steps."""
    steps = 2.0**converter.bits - 1.0
    step = (converter.high - converter.low) / steps
    code = np.rint(np.clip((values - converter.low) / step, 0.0, steps))
    share = code / steps
    return converter.low + step * (code + 4.0 * bow * share * (1.0 - share))
