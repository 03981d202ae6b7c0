"""What changes while a machine runs: parameters from step to step, the clock, what is imposed, what is read.

A cause in time is a record like the others. Applied to a network it changes no value: the network names it in its
provenance, with the streams it is drawn from, and a run asks for what it does here. One that changes parameters
(`fluctuate`) gives each step a network of its own; one that acts from outside (`disturb`) changes the schedule; a
converter at the output (`convert`) what is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidTypeError, explain
from lstm_analog.imperfections.banks import DeviceBank, device_banks, tiled, with_devices
from lstm_analog.imperfections.base import AboveZero, InRange, Streams
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.varying import IN_TIME

_MOST_STEPS = 1e9
OUTSIDE = "outside"
"""The key under which the provenance of a network names each cause that acts on its schedule or on what is read."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FedBank:
    """The source bank `label` that inputs s are fed to as `offset` + `gain` s, `gain` (sources,) in effort units.

    Banks of one `signal` are driven by the same converters.
    """

    signal: str
    label: str
    gain: Floats
    offset: float


@dataclass(frozen=True, kw_only=True, eq=False)
class StepPlan:
    """How a schedule is cut into steps, and what feeds it.

    Attributes
    ----------
    first : index array, (steps,)
        The interval that each step begins with; the first counts from the reset on.
    duration : float
        Length of a step (s).
    fed : tuple of FedBank
        The banks that inputs are fed to.
    driven : frozenset of str
        The labels of all banks that the run drives: inputs, the state that it starts from.
    """

    first: Indices
    duration: float
    fed: tuple[FedBank, ...]
    driven: frozenset[str]


@checked_record
@dataclass(frozen=True, kw_only=True)
class AtStep:
    """Hold a network whose parameters change from step to step as it is in step `number`, counted from 0.

    `step_time` is the length of a step (s); `Machine.at_step` gives that of the machine. A network that is held can be
    written as a netlist and run by every engine.
    """

    number: Annotated[int, InRange("step number", 0.0, _MOST_STEPS, "count steps from 0")]
    step_time: Annotated[float, AboveZero("step_time", "give seconds")]


@singledispatch
def fluctuate(
    imperfection: object, banks: tuple[DeviceBank, ...], streams: Streams, step_time: float
) -> Iterator[Sequence[Floats]]:
    """Return an iterator over the errors by an `imperfection` of the conductances of `banks`, drawn from `streams`.

    There is one for each step of `step_time` (s), an array (..., m, n) for each bank. Raises `InvalidTypeError` for
    what does not change them.
    """
    raise _unknown(imperfection, "change conductances from step to step")


@singledispatch
def disturb(imperfection: object, schedule: Schedule, network: Network, steps: StepPlan, streams: Streams) -> Schedule:
    """Return the `schedule` of `network`, cut into `steps`, as an `imperfection` makes it, drawn from `streams`.

    Raises `InvalidTypeError` for one that does not act on it.
    """
    raise _unknown(imperfection, "act on the schedule")


@singledispatch
def convert(imperfection: object, values: Floats, streams: Streams) -> Floats:
    """Return `values` (..., outputs), in units of signal, as an `imperfection` drawn from `streams` has them read.

    Chips lead.

    Raises `InvalidTypeError` for one that does not act on what is read.
    """
    raise _unknown(imperfection, "act on what is read")


def _unknown(imperfection: object, must: str) -> InvalidTypeError:
    do = "take one of lstm_analog.imperfections"
    return InvalidTypeError(explain("imperfection", must=must, got=type(imperfection).__name__, do=do))


def varying(network: Network, imperfection: object, streams: Streams) -> Network:
    """Return `network` marked as changed from step to step by an `imperfection`, with the chips that `streams` draw."""
    return _marked(tiled(network, streams), IN_TIME, imperfection)


def acted_on(network: Network, imperfection: object) -> Network:
    """Return `network` marked as acted on by an `imperfection` from outside."""
    return _marked(network, OUTSIDE, imperfection)


def _marked(network: Network, key: str, imperfection: object) -> Network:
    return replace(network, provenance=(*network.provenance, (key, type(imperfection).__name__)))


def step_networks(network: Network, causes: Sequence[tuple[object, Streams]], step_time: float) -> Iterator[Network]:
    """Yield `network` as it is in step after step of `step_time` (s) by `causes` and what each is drawn from.

    No conductance falls below zero. The errors of several causes add up.
    """
    banks = device_banks(network)
    errors = [fluctuate(imperfection, banks, streams, step_time) for imperfection, streams in causes]
    while True:
        several = [next(each) for each in errors]
        yield with_devices(network, [_erring(bank, found) for bank, *found in zip(banks, *several, strict=True)])


def _erring(bank: DeviceBank, errors: Sequence[Floats]) -> Floats:
    """Return the conductances of `bank` with all `errors`, which may be written to."""
    first, *others = errors
    total = np.add(first, bank.conductance, out=first)
    for error in others:
        total += error
    return np.maximum(total, 0.0, out=total)
