"""Builds a segment: its buffers, the steps of each level, and the steps that read and write the state."""

from functools import partial
from math import ceil, prod

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, rows_apart, span
from lstm_analog.engines.native import compiled, is_available
from lstm_analog.engines.native.calls import largest
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import FieldLayout, Outline, Wanted, is_newton, outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.estimate import estimate, with_drift
from lstm_analog.engines.waveform.fields import BatchParts, Field, WaveformFactor, Waves, constant_field
from lstm_analog.engines.waveform.guesses import Guessing, guesses, starting
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.engines.waveform.levels import Frame, Task, linear_steps
from lstm_analog.engines.waveform.newton import newton_steps
from lstm_analog.engines.waveform.segment import (
    NEWTON_SHARE,
    GuardedWaveform,
    LevelSweep,
    NotLinearError,
    Segment,
    Tolerance,
    values_of,
)
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, putting, reading
from lstm_analog.network.laws import High, Idle

_KNOWN_DEGREE = 30
"""Least degree with which known bases are worked out, once; larger: more memory, and longer to build."""
_SPARED_SHARE = 0.05
"""Share of the tolerance that a product of a dense matrix may be off where it is not multiplied anew; larger: fewer."""
_SPARED_GUESS = 0.5
"""The same in coarse segments, as a share of the limit of the guesses that they make; larger: perhaps more sweeps."""
_PART = 2**17
"""Bytes of the waveforms of a part of a batch; larger: fewer parts, whose buffers may not fit the cache."""


def segment(
    couplings: Couplings,
    order: Structure,
    layout: FieldLayout,
    state: NetworkState,
    *,
    duration: float,
    guessing: Guessing,
    output: Wanted,
    wanted: Flags,
    ranges: tuple[Idle, ...],
    tolerance: Tolerance,
    first: Segment | None,
) -> Segment:
    """Return the segment of `duration` (s) in the phase of `couplings`, solved in `order`.

    `layout` are its fields. `guessing` says at which points, and what is guessed at torn edges, if that is not still
    from what the coarser segment `first` finds; a grid of degree 0 asks for the state of rest. All segments of a run
    share the `state`. `output` says what the segment must yield, for which `wanted` unknowns (N,), within `tolerance`.
    Efforts that must stay in `ranges` are watched.
    """
    watched = np.isin(np.arange(wanted.size), np.concatenate([[], *(limits.nodes for limits in ranges)]))
    grid, every = guessing.grid, _every(guessing.grid, output, ranges)
    plan = outline(layout, every * grid.degree + 1, guessing.terms, output, wanted, watched, guessing.at_end)
    parts = BatchParts(lead=state.effort.shape[:-1], size=_part_size(plan, grid, state.effort, output, bool(ranges)))
    frame, judged = _frame(duration, grid, every, parts, state.effort), _judged(plan, output)
    fields, drawn, arena, before = _buffers(plan, frame, state.effort, judged)
    found = guesses(plan, fields, frame, guessing, couplings.scales)
    slack = _slack(guessing, output, tolerance) * couplings.scales
    steps, after = _steps(plan, fields, frame, state, couplings, tolerance, slack)
    writing = [*_moving(plan, fields, couplings.groups, state), *after]
    if found and guessing.still and guessing.effect is not None and frame.dtype == np.float64:
        writing = with_drift(writing, couplings, order, plan.fields.places, fields, state, grid, duration, slack)
    units = [couplings.scales[fields[k].nodes] for k in judged]
    judging, verdict = estimate(arena, units, fields[1:], couplings.scales, grid.degree, every, tolerance, parts)
    return Segment(
        grid=grid,
        steps=compiled(before if found else parts.calls([*before, *(call for _, calls in steps for call in calls)])),
        drawn=drawn,
        judging=compiled(judging),
        verdict=verdict,
        starting=starting(found, first, guessing, couplings.scales),
        sweeps=tuple(LevelSweep(steps=compiled(calls), guess=found.get(k)) for k, calls in steps if found),
        after=compiled(writing),
        watches=tuple(watch for limits in ranges for watch in _watches(limits, plan, fields)),
        coarse=first,
    )


def _every(grid: Grid, output: Wanted, ranges: tuple[Idle, ...]) -> int:
    """Return of how many finer points each point of `grid` is one: 1 where `output` or `ranges` ask for points."""
    return 1 if not grid.degree or output is Wanted.POINTS or ranges else ceil(_KNOWN_DEGREE / grid.degree)


def _slack(guessing: Guessing, output: Wanted, tolerance: Tolerance) -> float:
    """Return how far efforts may be off, in units of signal, where that spares a product of a dense matrix; else 0.

    Weights that were multiplied before come where the guess is that what leaks stands still.
    """
    if not guessing.still or guessing.limit == np.inf:
        return 0.0
    return _SPARED_GUESS * guessing.limit if output is Wanted.GUESSES else _SPARED_SHARE * tolerance.units


def _judged(plan: Outline, output: Wanted) -> list[int]:
    """Return the numbers of the fields whose error is estimated from their values at the points.

    These are storages that are no sums of known bases, and other unknowns only if their points are recorded: their
    error at the end is that of the storages which they follow from.
    """
    candidates = {
        number
        for level, first in zip(plan.fields.levels, plan.fields.first, strict=True)
        for number in range(first, first + (level.members.shape[1] if output is Wanted.POINTS else level.dynamic))
    }
    return [k for k, asked in enumerate(plan.points) if k in candidates and asked and not plan.factored[k]]


def _watches(limits: Idle, plan: Outline, fields: list[Field]) -> list[GuardedWaveform]:
    """Return the waveforms that must stay within `limits`, field by field."""
    found = []
    for number, chosen in plan.fields.places.by_field(limits.nodes):
        low, high = limits.low[..., chosen], limits.high[..., chosen]
        places = span(plan.fields.places.place[limits.nodes[chosen]])
        waves = values_of(fields[number]) if number else fields[number].start
        efforts, fetching = reading(waves, places)
        room, beyond, other = np.empty(efforts.shape), np.empty(1), np.empty(1)
        flat: tuple[Floats, Floats] = room.reshape(1, -1), np.ones(1)
        calls: list[Call] = [*fetching]
        for most, (above, below) in ((beyond, (low, efforts)), (other, (efforts, high))):
            calls += [partial(np.subtract, above, below, room), partial(np.maximum, room, 0.0, out=room)]
            calls.append(partial(largest, most, *flat))
        calls.append(partial(np.maximum, beyond, other, out=beyond))
        found.append(GuardedWaveform(judging=compiled(calls), beyond=beyond))
    return found


def _steps(
    plan: Outline,
    fields: list[Field],
    frame: Frame,
    state: NetworkState,
    couplings: Couplings,
    tolerance: Tolerance,
    slack: Floats,
) -> tuple[list[tuple[int, list[Call]]], list[Call]]:
    """Return the steps of each sweep, those for when the segment is accepted, and note in `fields` which have terms."""
    after: list[Call] = []
    steps: dict[int, list[Call]] = {level.sweep: [] for level in plan.fields.levels}
    for place, level in enumerate(plan.fields.levels):
        task = _task(plan, place, fields, frame, state, couplings.high, after, slack)
        if task is None:
            continue
        if is_newton(level, task.inflow.wiring):
            _refuse_single(frame, couplings, level.members[0])
            steps[level.sweep] += newton_steps(task, NEWTON_SHARE * tolerance.units * couplings.scales[level.members])
        else:
            found, parts = linear_steps(task), frame.parts
            steps[level.sweep] += found.whole
            each = parts.last if task.at_end and not task.factored else parts.each
            (each if parts.divided else steps[level.sweep]).extend(found.each)
            _name_terms(fields, plan.fields.first[place], found.terms)
    return sorted(steps.items()), after


def _refuse_single(frame: Frame, couplings: Couplings, members: Indices) -> None:
    """Raise `NotLinearError` of the group of the first of `members` if efforts are not of double precision."""
    if frame.dtype != np.float64:
        raise NotLinearError(int(couplings.groups[members[0]]))


def _frame(duration: float, grid: Grid, every: int, parts: BatchParts, effort: Floats) -> Frame:
    slope, finer = (
        chebyshev.differentiation(each) / duration if grid.degree else np.zeros((1, 1))
        for each in (grid, grid.of(every * grid.degree))
    )
    return Frame(slope=slope, finer=finer, every=every, parts=parts, dtype=effort.dtype)


def _part_size(plan: Outline, grid: Grid, effort: Floats, output: Wanted, watched: bool) -> int:
    """Return how many sequences the parts have in which the waveforms of a batch, (*lead, N) efforts, are found.

    Only the kernel gains from parts. Levels that need Newton's method keep what they know from solve to solve, and
    guesses, limits (`watched`) and points that are recorded are looked at after a solve: these are not divided.
    """
    lead = effort.shape[:-1]
    whole = len(lead) != 1 or output is Wanted.POINTS or watched or plan.fields.guessed or not is_available()
    width = sum(
        level.members.shape[0] * plan.points[number]
        for level, first in zip(plan.fields.levels, plan.fields.first, strict=True)
        for number in range(first, first + level.members.shape[1])
    )
    if whole or not width or any(map(is_newton, plan.fields.levels, plan.fields.wirings)):
        return lead[-1] if lead else 1
    return int(min(lead[-1], max(1, _PART // (width * (grid.degree + 1) * effort.itemsize))))


def _moving(plan: Outline, fields: list[Field], groups: Indices, state: NetworkState) -> list[Call]:
    """Return the steps that write efforts at the end into the `state`: of storages, and of all that is asked for."""
    numbers = range(1, len(fields) - len(plan.fields.guessed))
    found = [fields[number] for number in numbers if plan.wanted[number]]
    moved = np.unique(np.concatenate([[0], *(groups[field.nodes] for field in found)]))
    return [*(putting(state.effort, span(field.nodes), field.end) for field in found), state.mark_changed(moved)]


def _buffers(
    plan: Outline, frame: Frame, effort: Floats, judged: list[int]
) -> tuple[list[Field], tuple[Field, ...], Floats, list[Call]]:
    """Return the fields of the levels, those with values, these values side by side, and the steps that read the state.

    Field 0 is the state itself. The `judged` fields lie last, so that their values are one array.
    """
    nodes: list[Indices] = [
        np.arange(effort.shape[-1]),
        *(column for level in plan.fields.levels for column in level.members.T),
    ]
    asked = [False, *plan.points[1 : len(nodes)]]
    own, lead = frame.parts.own, frame.lead
    sizes = [part.size * prod(own) * drawn for part, drawn in zip(nodes, asked, strict=True)]
    order = sorted(range(len(nodes)), key=lambda number: number in judged)
    ends = np.zeros(len(nodes), dtype=np.int64)
    ends[order] = np.cumsum([sizes[number] for number in order])
    arena = rows_apart(frame.count, sum(sizes), frame.dtype)
    fields: list[Field] = []
    before: list[Call] = []
    for number, part in enumerate(nodes):
        run = span(part)
        start = effort[..., run] if isinstance(run, slice) else np.zeros((*lead, part.size), frame.dtype)
        if not number:
            fields.append(constant_field(part, start, frame.count, frame.every, held=True))
            continue
        values = None
        if sizes[number]:
            values = arena[:, ends[number] - sizes[number] : ends[number]].reshape(frame.count, *own, part.size)
        end = np.zeros((*lead, part.size), frame.dtype) if values is None or frame.parts.divided else values[-1]
        if values is not None and not plan.factored[number]:
            frame.parts.written(end, values[-1])
        fields.append(Field(nodes=part, start=start, end=end, values=values, terms=None))
        if not isinstance(run, slice) and plan.started[number]:
            before.append(partial(np.take, effort, part, -1, start, "clip"))
    return fields, tuple(field for field, size in zip(fields, sizes, strict=True) if size), arena, before


def _task(
    plan: Outline,
    place: int,
    fields: list[Field],
    frame: Frame,
    state: NetworkState,
    high: High,
    after: list[Call],
    slack: Floats,
) -> Task | None:
    """Return what is to be solved in level number `place`, or None if nobody asks for it."""
    level, wires, first = plan.fields.levels[place], plan.fields.wirings[place], plan.fields.first[place]
    own = range(first, first + level.members.shape[1])
    wanted = tuple(plan.wanted[first : own.stop])
    if not any(wanted):
        return None
    at_end = not level.dynamic and not any(plan.points[field] for field in own)
    rows = None if at_end else slice(1 if level.dynamic == len(own) else 0, None)
    count = 1 if rows is None else frame.count - rows.start
    waves = Waves(fields, plan.fields.places, count, rows, frame.parts)
    return Task(
        level=level,
        inflow=Inflow(
            wiring=wires,
            fields=fields,
            state=state,
            high=high,
            after=after,
            parts=frame.parts,
            slack=slack,
            guessing=bool(plan.fields.guessed),
        ),
        targets=tuple(fields[field] for field in own),
        frame=frame,
        factored=plan.factored[first],
        at_end=at_end,
        ends_alone=not plan.read(factored=True).intersection(own) and not any(plan.points[field] for field in own),
        wanted=wanted,
        waves=waves,
    )


def _name_terms(fields: list[Field], first: int, terms: tuple[tuple[WaveformFactor, ...] | None, ...]) -> None:
    for number, found in enumerate(terms, start=first):
        field = fields[number]
        fields[number] = Field(nodes=field.nodes, start=field.start, end=field.end, values=field.values, terms=found)
