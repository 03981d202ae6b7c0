"""Builds a segment: its buffers, the steps of each level, and the steps that read and write the state."""

from dataclasses import replace
from functools import partial
from math import ceil, prod
from typing import Any

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, rows_apart, span
from lstm_analog.engines.native import compiled, is_available
from lstm_analog.engines.native.calls import largest
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import FieldLayout, LevelFields, Outline, Wanted, outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.estimate import estimate
from lstm_analog.engines.waveform.fields import BatchParts, Field, Waves, constant_field
from lstm_analog.engines.waveform.guesses import Guessing, guesses, starting, with_drift
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.engines.waveform.levels import Frame, Task, linear_steps
from lstm_analog.engines.waveform.newton import newton_steps, start_error
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
from lstm_analog.network.laws import Idle

_KNOWN_DEGREE = 30
"""Least degree with which the bases of terms are worked out, once; larger: more memory, and longer to build."""
_SPARED_SHARE = 0.05
"""Error that a stored product of a dense matrix may have before it is multiplied anew, as a share of the tolerance.

Larger: fewer products, larger errors.
"""
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
    coarse: Segment | None,
) -> Segment:
    """Return the segment of `duration` (s) in the phase of `couplings`, solved in `order`; `layout` are its fields.

    `guessing` describes its points and the guesses at torn edges; a grid of degree 0 asks for the state of rest. The
    first guesses are what the segment `coarse` finds, or that nothing moves if there is none. All segments of a
    run share the `state`. `output` says what the segment must yield, for which `wanted` unknowns (N,), within
    `tolerance`. Efforts that must stay in `ranges` are watched.
    """
    watched = np.isin(np.arange(wanted.size), np.concatenate([[], *(limits.nodes for limits in ranges)]))
    grid, every = guessing.grid, _refinement(guessing.grid, output, ranges)
    plan = outline(layout, every * grid.degree + 1, guessing.terms, output, wanted, watched, guessing.at_end)
    parts = BatchParts(lead=state.effort.shape[:-1], size=_part_size(plan, grid, state.effort, output, bool(ranges)))
    frame, judged = _frame(duration, grid, every, parts, state.effort.dtype), _judged(plan, output)
    fields, drawn, arena, before = _buffers(plan, frame, state.effort, judged)
    found = guesses(plan, fields, frame, guessing, couplings.scales)
    slack = _slack(guessing, output, tolerance) * couplings.scales
    steps, starts, after = _steps(plan, fields, frame, state, couplings, tolerance, slack)
    writing = [*_moving(plan, fields, couplings.groups, state), *after]
    if found and guessing.still and guessing.effect is not None and frame.dtype == np.float64:
        writing = with_drift(writing, couplings, order, layout.places, fields, state, grid, duration, slack)
    units = [couplings.scales[fields[k].nodes] for k in judged]
    judging, verdict = estimate(arena, units, fields[1:], couplings.scales, grid, every, tolerance, parts, starts)
    return Segment(
        grid=grid,
        steps=compiled(before if found else parts.calls([*before, *(call for _, calls in steps for call in calls)])),
        drawn=drawn,
        judging=compiled(judging),
        verdict=verdict,
        starting=starting(found, coarse, guessing, couplings.scales),
        sweeps=tuple(LevelSweep(steps=compiled(calls), guess=found.get(k)) for k, calls in steps if found),
        after=compiled(writing),
        watches=tuple(watch for limits in ranges for watch in _watches(limits, plan, fields)),
        coarse=coarse,
    )


def _refinement(grid: Grid, output: Wanted, ranges: tuple[Idle, ...]) -> int:
    """Return how many times the degree of `grid` the bases of terms are worked out with.

    It is 1 at rest, and where `output` or `ranges` ask for waveforms between the edges: there the points of the segment
    have to resolve them.
    """
    return 1 if not grid.degree or output is Wanted.POINTS or ranges else ceil(_KNOWN_DEGREE / grid.degree)


def _slack(guessing: Guessing, output: Wanted, tolerance: Tolerance) -> float:
    """Return how far efforts may be off, in units of signal, so that a product stored for nearly the same will do.

    It is 0 where no such product is used: only where guesses stand still do weights hardly change between segments.
    """
    if not guessing.still or guessing.limit == np.inf:
        return 0.0
    return _SPARED_GUESS * guessing.limit if output is Wanted.GUESSES else _SPARED_SHARE * tolerance.units


def _judged(plan: Outline, output: Wanted) -> list[int]:
    """Return the numbers of the fields whose error is estimated from their values at the points.

    These are storages without terms, and other unknowns only if their points are recorded: the error of these at the
    end is that of the storages which they follow from.
    """
    every = output is Wanted.POINTS
    candidates = (k for each in plan.layout.levels for k in (each.numbers if every else each.storages))
    return [k for k in candidates if plan.points[k] and not plan.has_terms[k]]


def _watches(limits: Idle, plan: Outline, fields: list[Field]) -> list[GuardedWaveform]:
    """Return the waveforms that must stay within `limits`, field by field."""
    found = []
    places_of = plan.layout.places
    for number, chosen in places_of.by_field(limits.nodes):
        low, high = limits.low[..., chosen], limits.high[..., chosen]
        places = span(places_of.place[limits.nodes[chosen]])
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
) -> tuple[list[tuple[int, list[Call]]], list[tuple[list[Call], Floats]], list[Call]]:
    """Return the steps of each sweep, by its number, what `start_error` returns, and the steps when it is accepted.

    The terms of `fields` that have some are noted in these.
    """
    after, starts = list[Call](), list[tuple[list[Call], Floats]]()
    guessing, parts = bool(plan.layout.guessed), frame.parts
    inflow = partial(
        Inflow,
        fields=fields,
        state=state,
        high=couplings.high,
        after=after,
        parts=parts,
        slack=slack,
        guessing=guessing,
    )
    steps: dict[int, list[Call]] = {each.level.sweep: [] for each in plan.layout.levels}
    for each in plan.layout.levels:
        if not any(plan.computed[number] for number in each.numbers):
            continue
        task, own = _task(plan, each, fields, frame, inflow(wiring=each.wiring)), steps[each.level.sweep]
        if each.is_newton and frame.dtype != np.float64:
            raise NotLinearError(int(couplings.groups[each.level.members[0, 0]]))
        if each.is_newton:
            allowed = tolerance.units * couplings.scales[each.level.members]
            own += newton_steps(task, NEWTON_SHARE * allowed, couplings)
            starts += [start_error(task, allowed)] if each.level.dynamic and frame.count > 1 else []
            continue
        found = linear_steps(task)
        own += found.whole
        part_steps = parts.last if task.points is None and not task.has_terms else parts.each
        (part_steps if parts.divided else own).extend(found.each)
        for number, terms in zip(each.numbers, found.terms, strict=True):
            fields[number] = replace(fields[number], terms=terms)
    return sorted(steps.items()), starts, after


def _frame(duration: float, grid: Grid, every: int, parts: BatchParts, dtype: np.dtype[Any]) -> Frame:
    """Return the points of a segment of `duration` (s), with bases of `every` times the degree of `grid`."""
    grids, none = (grid, grid.of(every * grid.degree)), np.zeros((1, 1))
    derivative, finer = (chebyshev.differentiation(each) / duration if grid.degree else none for each in grids)
    gap = float(chebyshev.points(grid)[1]) * duration if grid.degree else 0.0
    return Frame(derivative=derivative, finer_derivative=finer, every=every, gap=gap, parts=parts, dtype=dtype)


def _part_size(plan: Outline, grid: Grid, effort: Floats, output: Wanted, watched: bool) -> int:
    """Return how many sequences the parts have in which the waveforms of a batch, (*lead, N) efforts, are found.

    Only the kernel gains from parts. Levels that need Newton's method keep what they know from solve to solve, and
    guesses, limits (`watched`) and points that are recorded are looked at after a solve: these are not divided.
    """
    lead, levels = effort.shape[:-1], plan.layout.levels
    whole = len(lead) != 1 or output is Wanted.POINTS or watched or plan.layout.guessed or not is_available()
    width = sum(len(each.level.members) * plan.points[number] for each in levels for number in each.numbers)
    if whole or not width or any(each.is_newton for each in levels):
        return lead[-1] if lead else 1
    return int(min(lead[-1], max(1, _PART // (width * (grid.degree + 1) * effort.itemsize))))


def _moving(plan: Outline, fields: list[Field], groups: Indices, state: NetworkState) -> list[Call]:
    """Return the steps that write efforts at the end into the `state`: of storages, and of all that is asked for."""
    found = [fields[number] for each in plan.layout.levels for number in each.numbers if plan.computed[number]]
    moved = np.unique(np.concatenate([[0], *(groups[field.nodes] for field in found)]))
    return [*(putting(state.effort, span(field.nodes), field.end) for field in found), state.mark_changed(moved)]


def _buffers(
    plan: Outline, frame: Frame, effort: Floats, judged: list[int]
) -> tuple[list[Field], tuple[Field, ...], Floats, list[Call]]:
    """Return the fields of the levels, those with values, these values side by side, and the steps that read the state.

    Field 0 is the state itself. The `judged` fields lie last, so that their values are one array.
    """
    nodes = [np.arange(effort.shape[-1]), *plan.layout.solved()]
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
        if values is not None and not plan.has_terms[number]:
            frame.parts.written(end, values[-1])
        fields.append(Field(nodes=part, start=start, end=end, values=values, terms=None))
        if not isinstance(run, slice) and plan.started[number]:
            before.append(partial(np.take, effort, part, -1, start, "clip"))
    return fields, tuple(field for field, size in zip(fields, sizes, strict=True) if size), arena, before


def _task(plan: Outline, each: LevelFields, fields: list[Field], frame: Frame, inflow: Inflow) -> Task:
    """Return what is to be solved in a level, `each` of the `plan`."""
    dynamic, end_only = each.level.dynamic, not any(plan.points[number] for number in each.numbers)
    points = None if end_only and not dynamic else slice(1 if dynamic == len(each.numbers) else 0, None)
    count = 1 if points is None else frame.count - points.start
    return Task(
        level=each.level,
        inflow=inflow,
        targets=tuple(fields[number] for number in each.numbers),
        frame=frame,
        has_terms=plan.has_terms[each.first],
        points=points,
        end_only=end_only and not plan.sources(with_terms=True).intersection(each.numbers),
        computed=tuple(plan.computed[number] for number in each.numbers),
        waves=Waves(fields, plan.layout.places, count, points, frame.parts),
    )
