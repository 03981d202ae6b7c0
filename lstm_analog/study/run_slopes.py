"""Derivatives of results of a run by the parameters of its machine, by its inputs and by its initial state.

The reverse pass of `engines.sensitivity`, pass by pass through time: the last first, as each reads the one before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, Spot, drives_of
from lstm_analog.engines import Settle
from lstm_analog.engines.sensitivity import Parameters, Sensitivities, Slope, sensitivities
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import State
from lstm_analog.model.sequences import in_time
from lstm_analog.study.keeping import check_whole
from lstm_analog.study.run import PassRun, Run


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputSlopes:
    """How r results depend on the outputs of a run: the derivatives by `y`, `h` and the final `state`.

    Each has a leading axis of results before the shape that the output has in `Run.outputs`; None if a result does not
    depend on it. Converters at the output count as straight lines.
    """

    y: Floats | None = None
    h: Floats | None = None
    state: State | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class RunSensitivities:
    """The derivatives of r results of a run: by the parameters of the network of each of `passes`, by x and by `state`.

    `x` is (r, batch, time, inputs) or (r, time, inputs), `state` of arrays (r, batch, units) or (r, units) a chain.
    """

    passes: tuple[Sensitivities, ...]
    x: Floats
    state: State


def run_sensitivities(
    run: Run, slopes: OutputSlopes, changes: tuple[Parameters, ...] | None = None
) -> RunSensitivities:
    """Return the derivatives of results of a `run` by `Settle` that kept everything; `slopes` are those by its outputs.

    With `changes` of the parameters of each pass, `Sensitivities.by_interval` tells when they act.

    Raises `InvalidValueError` if the run has not kept everything; `UnsupportedError` if another engine ran it, and as
    `engines.sensitivity.sensitivities`.
    """
    engine = None if run.setup is None else run.setup.engine
    if not isinstance(engine, Settle):
        got = "one without setup" if engine is None else type(engine).__name__
        raise UnsupportedError(explain("a run with derivatives", must="be one by Settle", got=got, do="run it again"))
    given = [each for each in (slopes.h, *(slopes.state.h if slopes.state else ())) if each is not None]
    if slopes.y is None and given and run.y is not None:  # the pass of a head alone is gone through all the same
        slopes = replace(slopes, y=np.zeros((len(given[0]), *run.y.shape)))
    found: list[Sensitivities] = []
    states: list[State] = []
    first = sum(len(each.layers) for each in run.passes)
    above: OutputSlopes = slopes
    for number, done in reversed(list(enumerate(run.passes))):
        check_whole(done.trajectory)
        count = len(done.layers)
        first -= count
        own = slice(first, first + count)
        ended = None if slopes.state is None else State(h=slopes.state.h[own], c=slopes.state.c[own])
        signals = tuple(_signal_slopes(done, above, ended))
        asked = None if changes is None else changes[number]
        found.append(sensitivities(done.trajectory, signals, settled=engine.settled, changes=asked))
        states.append(_start(done, found[-1].imposed))
        fed = _input(done, found[-1].imposed)
        above = _below(run, number, fed, slopes.h if count == 0 else None)
    state = State(h=tuple(a for s in reversed(states) for a in s.h), c=tuple(a for s in reversed(states) for a in s.c))
    return RunSensitivities(passes=tuple(reversed(found)), x=fed, state=state)


def _below(run: Run, number: int, fed: Floats, added: Floats | None) -> OutputSlopes:
    """Return how results depend on the outputs of the pass before pass `number` of `run`, whose input has slopes `fed`.

    `added` are the slopes by the h of the run, if a pass that is a head alone has been gone through.
    """
    if number == 0:
        return OutputSlopes()
    before, final = run.passes[number - 1], run.passes[number].compiled.layout.final
    if final and before.layers:
        h = np.zeros((*fed.shape[:-2], before.x.shape[-2], fed.shape[-1]))
        ends = np.cumsum([0, *(each.h.shape[-1] for each in before.top)])
        for chain, start, end in zip(before.top, ends[:-1], ends[1:], strict=True):
            _put_last(h[..., start:end], fed[..., 0, start:end], before.lengths, backward=chain.place.backward)
    else:
        h = fed
    return OutputSlopes(h=h if added is None else h + added)


def _put_last(signal: Floats, values: Floats, lengths: Indices | None, *, backward: bool) -> None:
    """Add `values` (..., n) to `signal` (..., time, n) at the last step of a chain, the first if it is `backward`."""
    if backward or lengths is None:
        signal[..., 0 if backward else -1, :] += values
    else:
        signal[..., np.arange(lengths.size), lengths - 1, :] += values


def _signal_slopes(done: PassRun, above: OutputSlopes, ended: State | None) -> Iterator[Slope]:
    """Yield the slopes of results by the efforts that the outputs of a pass are read from.

    These are h of its top layer and y, by `above`, and its final state, by `ended`.
    """
    layout, top = done.compiled.layout, range(len(done.layers))[done.compiled.layout.top]
    given = [each for each in (above.y, above.h) if each is not None] + ([] if ended is None else [*ended.h, *ended.c])
    shares = dict[int, Floats]()
    if above.h is not None and done.layers:
        ends = np.cumsum([done.layers[number].h.shape[-1] for number in top])[:-1]
        shares = dict(zip(top, np.split(above.h, ends, axis=-1), strict=True))
    for number, (place, chain) in enumerate(zip(layout.layers, done.layers, strict=True)):
        last = (None, None) if ended is None else (ended.h[number], ended.c[number])
        for spot, along, end in ((place.h, shares.get(number), last[0]), (place.c, None, last[1])):
            if spot is None or (along is None and end is None):
                continue
            size = done.compiled.network.unknowns[spot.group].size
            signal = np.zeros((len(given[0]), *done.trajectory.schedule.batch, done.x.shape[-2], size))
            if along is not None:
                signal += along
            if end is not None:
                _put_last(signal, end, done.lengths, backward=chain.place.backward)
            yield from _read_slopes(done, spot, in_time(signal, done.lengths, backward=place.backward))
    if layout.head is not None and above.y is not None:
        y = above.y[..., None, :] if layout.head.final else above.y
        yield from _read_slopes(done, layout.head.y, in_time(y, done.lengths, backward=layout.backward))


def _read_slopes(done: PassRun, spot: Spot, signal: Floats) -> Iterator[Slope]:
    """Yield the slopes by the efforts at `spot`, given those by its `signal` (r, *batch, time, n), steps in order."""
    unknowns, steps = done.compiled.network.unknowns, done.x.shape[-2]
    ends = done.compiled.cycle.ends(spot.interval, steps)
    units = unknowns.scales()[unknowns[spot.group]]
    values = signal.reshape(len(signal), -1, *signal.shape[-2:]) * (np.array(spot.gain or 1.0) / units)
    yield Slope(nodes=unknowns[spot.group], intervals=ends, values=values)
    if spot.against is not None:
        yield Slope(nodes=unknowns[spot.against], intervals=ends, values=-values)


def _input(done: PassRun, imposed: Mapping[str, Floats]) -> Floats:
    """Return the slopes by the input of a pass, (r, *batch, time, inputs), given those by what was `imposed`."""
    steps, length = done.x.shape[-2], len(done.compiled.cycle.step)
    first = np.concatenate(([0], 1 + length * np.arange(1, steps)))
    total: Floats = np.zeros(1)
    for bank in done.compiled.layout.inputs:
        by_interval = _by_signal(done.compiled, imposed, bank.label)
        by_step = np.add.reduceat(by_interval, first, axis=-2)
        shaped = by_step.reshape(len(by_step), *done.trajectory.schedule.batch, *by_step.shape[-2:])
        total = total + in_time(shaped, done.lengths, backward=bank.backward)
    return total


def _start(done: PassRun, imposed: Mapping[str, Floats]) -> State:
    """Return the slopes by the initial state of a pass, given those by what was `imposed`."""

    def found(label: str | None, size: int) -> Floats:
        if label is None:
            return np.zeros((results, *batch, size))
        slopes: Floats = _by_signal(done.compiled, imposed, label).sum(axis=-2).reshape(results, *batch, size)
        return slopes

    batch, results = done.trajectory.schedule.batch, len(next(iter(imposed.values())))
    chains = list(zip(done.compiled.layout.layers, done.initial_state.h, done.initial_state.c, strict=True))
    return State(
        h=tuple(found(place.reset_h, h.shape[-1]) for place, h, _ in chains),
        c=tuple(found(place.reset_c, c.shape[-1]) for place, _, c in chains),
    )


def _by_signal(compiled: Compiled, imposed: Mapping[str, Floats], signal: str) -> Floats:
    """Return the slopes by a `signal` that drives sources, (r, batch, intervals, n)."""
    found: Floats = np.sum([imposed[drive.label] * drive.gain for drive in drives_of(compiled, signal)], axis=0)
    return found
