"""Find signals beyond the ranges for which a machine was made, with place, magnitude and limit.

`warn_of_stops` warns of tanks that reached their stops in a run, where signals are cut off.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.measuring import head_rows, sums_and_products
from lstm_analog.compiler.scaling import MARGIN, Ranges, Scaling, reach
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines.record import within
from lstm_analog.errors import InvalidValueError, KeptWarning, StopsWarning, UnsupportedError, explain, warn_caller
from lstm_analog.model import LSTM, LayerTrace, State
from lstm_analog.model.sequences import in_time
from lstm_analog.network.trajectory import Extremes, Trajectory
from lstm_analog.study.keeping import Keep, not_kept
from lstm_analog.study.run import Run
from lstm_analog.study.spread import Place

FAR = 100.0
"""Largest input of ideal parts, over full scale or the largest input for which the machine was compiled: they have no
rails that would limit it. Larger: absurd voltages go unnoticed; smaller: real inputs, up to 30, are refused."""


class Limit(Enum):
    """The kind of limit that a signal exceeds; the value is its text."""

    ROOM = "what its technology has room for"
    IDEAL = "what ideal parts are taken to be made for"
    INPUTS = "what it was compiled for, with a margin"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Beyond:
    """The `signal` exceeds a `limit` of the kind `reason`; it is largest at `place`, with the magnitude `value`.

    It is `harmful` if the machine was not made for it. A pre-activation beyond its range is harmless, because curves
    are flat there; so is a signal beyond those for which the machine was compiled but within the technology's range.
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
    """The signal `label`: its `values` (batch, time, n), the name of its range in `Ranges`, and whether it is `fed`."""

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
    """Return the signals of `lstm` beyond the ranges for which a machine in `technology` was made.

    `layers` are its traces for `x`, (batch, time, inputs) or (time, inputs), from `state`; `lengths` are the numbers of
    valid steps of each sequence. `scaling` has the ranges for which the machine was compiled. A technology whose ranges
    are not known has only the limit of ideal parts.
    """
    inputs, labels = in_time(x, lengths, backward=False), [chain.label for chain in lstm.chains]
    own = _own(lstm, inputs, layers, lengths, rows=bool(np.isfinite(room_of(technology).rows)))
    return _beyond((*_fed(labels, inputs, state), *own), technology, scaling)


def harmful(technology: object, lstm: LSTM | None, x: Floats, state: State) -> tuple[Beyond, ...]:
    """Return the signals for one sequence `x` (time, inputs) from `state` beyond the ranges of `technology`.

    They are those of `lstm`, or only inputs and states if it is None. Ranges for which a machine was compiled do not
    count.
    """
    if lstm is not None:
        layers = lstm.trace(x, state).layers
        found = beyond(technology, None, lstm, x=x, state=state, lengths=None, layers=layers)
    else:
        found = _beyond(_fed(None, x, state), technology, None)
    return tuple(each for each in found if each.harmful)


@checked
def beyond_fed(run: Run) -> tuple[Beyond, ...]:
    """Return the inputs and start states of `run` beyond the ranges for which its machine was made."""
    technology, scaling = (None, None) if run.setup is None else (run.setup.technology, run.setup.scaling)
    return _beyond(_fed(None, in_time(run.x, run.lengths, backward=False), run.initial_state), technology, scaling)


def room_of(technology: object) -> Ranges:
    """Return the ranges that `technology` allows, by `reach`; infinite if they are not known."""
    try:
        return reach(technology)
    except UnsupportedError:
        return Ranges(x=np.inf, z=np.inf, c=np.inf, h=np.inf, rows=np.inf)


def farthest(scaling: Scaling | None) -> float:
    """Return the largest input of ideal parts in a machine compiled with this `scaling`."""
    return FAR * (1.0 if scaling is None else scaling.ranges.x)


def _fed(labels: list[str] | None, x: Floats, state: State) -> Iterator[_Signal]:
    """Yield the inputs, and the start states of the chains, by their `labels` or else by number."""
    labels = [f"chain {number}" for number in range(len(state.h))] if labels is None else labels
    yield _Signal(label="x", range_="x", values=_batch(x), fed=True)
    for chain, h, c in zip(labels, state.h, state.c, strict=False):
        for name, start in (("h", h), ("c", c)):
            yield _Signal(
                label=f"{chain}_{name} to start from",
                range_=name,
                values=_batch(np.atleast_1d(start)[..., None, :]),
                fed=True,
            )


def _own(
    lstm: LSTM, x: Floats, layers: tuple[LayerTrace, ...], lengths: Indices | None, *, rows: bool
) -> Iterator[_Signal]:
    """Yield pre-activations, c and h, and if `rows` the sums over weights of one sign, those of the head, products."""
    below = x
    for number in dict.fromkeys(chain.layer for chain in lstm.chains):
        places = [(chain, trace) for chain, trace in zip(lstm.chains, layers, strict=True) if chain.layer == number]
        for chain, trace in places:
            largest = np.abs(trace.z).max(axis=-2)  # of the gates of a unit
            yield _Signal(label=f"{chain.label}_z", range_="z", values=_batch(largest), fed=False)
            for name, values in (("c", trace.c), ("h", trace.h)):
                yield _Signal(label=f"{chain.label}_{name}", range_=name, values=_batch(values), fed=False)
            if rows:
                sums, products = sums_and_products(chain, below, trace)
                yield _Signal(label=f"{chain.label} rows of one sign", range_="rows", values=_batch(sums), fed=False)
                yield _Signal(label=f"{chain.label} products", range_="h", values=_batch(products), fed=False)
        below = np.concatenate([trace.h for _, trace in places], axis=-1)
    if rows and lstm.head is not None:
        sums = head_rows(lstm.head, [trace for _, trace in places], [chain.backward for chain, _ in places], lengths)
        yield _Signal(label="rows of the head", range_="rows", values=_batch(sums), fed=False)


def _batch(values: Floats) -> Floats:
    return values.reshape(int(np.prod(values.shape[:-2])), *values.shape[-2:])


def _beyond(signals: Iterable[_Signal], technology: object, scaling: Scaling | None) -> tuple[Beyond, ...]:
    room = room_of(technology)
    return tuple(found for signal in signals if (found := _judged(signal, room, scaling)) is not None)


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
    """Yield each limit of `signal`, its kind, and whether it is harmful to exceed it; the most harmful first."""
    yield vars(room)[signal.range_], Limit.ROOM, signal.range_ != "z"
    if signal.fed:
        yield farthest(scaling), Limit.IDEAL, True
    if scaling is not None:
        yield MARGIN * vars(scaling.ranges)[signal.range_], Limit.INPUTS, False


_SHOWN = 4
"""Tanks that a warning names; the others are counted."""


def warn_of_stops(run: Run) -> None:
    """Warn with a `StopsWarning` of the tanks of `run` that reached their stops.

    All tanks are checked, kept or not, except those that `Settle` did not need to compute. If an engine neither records
    extremes nor keeps the tanks, there is a `KeptWarning` instead. Excursions between the points of a run are not seen.
    """
    found = list[str]()
    for each in run.passes:
        try:
            found += beyond_stops(each.trajectory)
        except InvalidValueError as reason:
            warn_caller(KeptWarning(str(reason)))
    if found:
        more = f"; {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        do = "see machine.check(run); take a smaller pressure_unit (compile with inputs chooses it), or a longer stroke"
        must = "keep its tanks between their stops"
        text = explain("the run", must=must, got="; ".join(found[:_SHOWN]) + more, do=do)
        warn_caller(StopsWarning(text))


def beyond_stops(trajectory: Trajectory) -> Iterator[str]:
    """Yield a text for each unknown beyond a stop in `trajectory`, with its name, extreme effort and the stop.

    Of several chips the one farthest beyond its own stop counts. Raises `InvalidValueError` if the engine neither
    recorded extremes nor kept the tanks.
    """
    network = trajectory.network
    names, scales = network.unknowns.names(), network.unknowns.scales()
    for number, limit in enumerate(within(network).ranges):
        found = trajectory.extremes[number] if trajectory.extremes else _extremes(trajectory, limit.nodes)
        for values, ends, side in ((found.highest, limit.high, 1.0), (found.lowest, limit.low, -1.0)):
            shape = (-1, limit.nodes.size)
            far, stop = (each.reshape(shape) for each in np.broadcast_arrays(values, ends))
            past = side * (far - stop)
            for place in np.flatnonzero(past.max(axis=0) > 0.0):
                chip, node = past[:, place].argmax(), int(limit.nodes[place])
                went, end = (float(each[chip, place] / scales[node]) for each in (far, stop))
                yield f"{names[node]} at {went:.6g} units (stop at {end:.6g})"


def _extremes(trajectory: Trajectory, nodes: Indices) -> Extremes:
    """Return the extremes of `nodes` in a `trajectory` of an engine that records none but keeps everything."""
    times = np.union1d(trajectory.time, trajectory.schedule.ends)
    if not trajectory.holds(nodes, times):
        raise not_kept(trajectory, "what has stops", Keep.EVERYTHING)
    efforts = trajectory.sample(times, nodes)
    axes = tuple(range(efforts.ndim - 2 - len(trajectory.schedule.lead), efforts.ndim - 1))
    return Extremes(nodes=nodes, lowest=efforts.min(axis=axes), highest=efforts.max(axis=axes))
