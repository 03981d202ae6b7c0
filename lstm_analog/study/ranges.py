"""Signals beyond what a machine was made for: each named with its place, its figure and the limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.scaling import MARGIN, Ranges, Scaling, reach, row_sums
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import UnsupportedError
from lstm_analog.model import LSTM, LayerTrace, State
from lstm_analog.model.sequences import in_time
from lstm_analog.study.run import Run
from lstm_analog.study.spread import Place

FAR = 100.0
"""Times full scale, or the largest input that a machine was compiled with, that what is fed to ideal parts may be: they
have no rail that would say so. Inputs of 30 are met; at 1e6 a volt a unit is a megavolt."""


class Limit(Enum):
    """What a signal is beyond; the value is how a text says it."""

    ROOM = "what its technology has room for"
    IDEAL = "what ideal parts are taken to be made for"
    INPUTS = "what it was compiled for, with a margin"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Beyond:
    """The `signal`, largest at `place` with the magnitude `value`, beyond a `limit`: `reason` says which.

    It is `harmful` where the machine was not made for it; a pre-activation without room only meets a flat curve, and a
    signal within the room may be larger than those that the machine was compiled for.
    """

    signal: str
    place: Place
    value: float
    limit: float
    reason: Limit
    harmful: bool

    def __str__(self) -> str:
        at = f"(batch {self.place.batch}, step {self.place.step}, unit {self.place.unit})"
        return f"{self.signal} of {self.value:.4g} at {at} is beyond {self.limit:.4g}, {self.reason.value}"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Signal:
    """The signal `label`: its `values` (batch, time, n), its range in `Ranges`, and whether it comes from outside."""

    label: str
    range_: str
    values: Floats
    fed: bool


def beyond(
    technology: object,
    scaling: Scaling | None,
    lstm: LSTM,
    *,
    x: Floats,
    state: State,
    lengths: Indices | None,
    layers: tuple[LayerTrace, ...],
) -> tuple[Beyond, ...]:
    """Return the signals of `lstm` that a machine in `technology` was not made for.

    `layers` are what it makes of `x`, (batch, time, inputs) or (time, inputs), from `state`; `lengths` are how many
    steps of each sequence count. `scaling` says for which ranges the machine was compiled. A technology whose room is
    not known has no limit but that of ideal parts.
    """
    room = room_of(technology)
    inputs, labels = in_time(x, lengths, backward=False), [chain.label for chain in lstm.chains]
    signals = [*_fed(labels, inputs, state), *_own(lstm, inputs, layers, rows=np.isfinite(room.rows))]
    return tuple(found for signal in signals if (found := _judged(signal, room, scaling)) is not None)


def harmful(technology: object, lstm: LSTM | None, x: Floats, state: State) -> tuple[Beyond, ...]:
    """Return the signals that no machine in `technology` is made for, of one sequence `x` (time, inputs) from `state`.

    Those of `lstm`; if that is not at hand, what is fed alone. What a machine was compiled with does not count.
    """
    if lstm is not None:
        layers = lstm.trace(x, state).layers
        found = beyond(technology, None, lstm, x=x, state=state, lengths=None, layers=layers)
    else:
        labels, room = [f"chain {number}" for number in range(len(state.h))], room_of(technology)
        found = tuple(each for signal in _fed(labels, x, state) if (each := _judged(signal, room, None)) is not None)
    return tuple(each for each in found if each.harmful)


@checked
def beyond_fed(run: Run) -> tuple[Beyond, ...]:
    """Return of what `run` was fed, inputs and states to start from, what its machine was not made for."""
    technology, scaling = (None, None) if run.setup is None else (run.setup.technology, run.setup.scaling)
    labels, room = [f"chain {number}" for number in range(len(run.state.h))], room_of(technology)
    fed = _fed(labels, in_time(run.x, run.lengths, backward=False), run.state)
    return tuple(found for signal in fed if (found := _judged(signal, room, scaling)) is not None)


def room_of(technology: object) -> Ranges:
    """Return the `reach` of `technology`, without limits where it is not known."""
    try:
        return reach(technology)
    except UnsupportedError:
        return Ranges(x=np.inf, z=np.inf, c=np.inf, rows=np.inf)


def farthest(scaling: Scaling | None) -> float:
    """Return how large what is fed to ideal parts may be, if the machine was compiled with inputs of this `scaling`."""
    return FAR * (1.0 if scaling is None else scaling.ranges.x)


def _fed(labels: list[str], x: Floats, state: State) -> Iterator[_Signal]:
    """Yield the inputs, and the states of the chains of `labels` before the first step.

    h has the room of c: both are memories.
    """
    yield _Signal(label="x", range_="x", values=_batch(x), fed=True)
    for chain, h, c in zip(labels, state.h, state.c, strict=False):
        for name, start in (("h", h), ("c", c)):
            yield _Signal(
                label=f"{chain}_{name} to start from",
                range_="c",
                values=_batch(np.atleast_1d(start)[..., None, :]),
                fed=True,
            )


def _own(lstm: LSTM, x: Floats, layers: tuple[LayerTrace, ...], *, rows: bool) -> Iterator[_Signal]:
    """Yield pre-activations, cells and outputs, and the sums over weights of one sign where these have a limit."""
    below = x
    for number in dict.fromkeys(chain.layer for chain in lstm.chains):
        places = [(chain, trace) for chain, trace in zip(lstm.chains, layers, strict=True) if chain.layer == number]
        for chain, trace in places:
            largest = np.abs(trace.z).max(axis=-2)  # of the gates of a unit
            yield _Signal(label=f"{chain.label}_z", range_="z", values=_batch(largest), fed=False)
            for name, values in (("c", trace.c), ("h", trace.h)):
                yield _Signal(label=f"{chain.label}_{name}", range_="c", values=_batch(values), fed=False)
            if rows:
                sums = row_sums(chain, below, trace.h)
                yield _Signal(label=f"{chain.label} rows of one sign", range_="rows", values=_batch(sums), fed=False)
        below = np.concatenate([trace.h for _, trace in places], axis=-1)


def _batch(values: Floats) -> Floats:
    return values.reshape(int(np.prod(values.shape[:-2])), *values.shape[-2:])


def _judged(signal: _Signal, room: Ranges, scaling: Scaling | None) -> Beyond | None:
    if not signal.values.size:
        return None
    size = np.abs(signal.values)
    place = tuple(int(number) for number in np.unravel_index(size.argmax(), size.shape))
    largest = float(size[place])
    for limit, reason, harmful in _limits(signal, room, scaling):
        if largest > limit:
            where = Place(batch=place[0], step=place[1], unit=place[2])
            return Beyond(signal=signal.label, place=where, value=largest, limit=limit, reason=reason, harmful=harmful)
    return None


def _limits(signal: _Signal, room: Ranges, scaling: Scaling | None) -> Iterator[tuple[float, Limit, bool]]:
    """Yield the limits of `signal`, what each is, and whether it is harmful to be beyond it, the most harmful first."""
    yield vars(room)[signal.range_], Limit.ROOM, signal.range_ != "z"
    if signal.fed:
        yield farthest(scaling), Limit.IDEAL, True
    if scaling is not None:
        yield MARGIN * vars(scaling.ranges)[signal.range_], Limit.INPUTS, False
