"""Makes the steps that solve one linear level of a segment: components with constant coefficients.

The equations of a component are collocated: they hold at every point t of the segment. With efforts e_it of member i,
capacity C_i, coefficients A_il among the members, inflow r_it from elsewhere, and the matrix D that differentiates,

    C_i sum_s D_ts e_is = sum_l A_il e_lt + r_it     for members with storage, at all t but the first (the start),
    0 = sum_l A_il e_lt + r_it                       for the others, at all t.

Solved once, they are a matrix (`response`) from the inflow and the starts to all efforts; a run multiplies by it.
Components that are alike share one. If the inflow is a sum of few terms, basis times weight, so are the efforts: the
response to each basis is worked out once, and a run computes weights only.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, aligned
from lstm_analog.engines.phase.structure import Level
from lstm_analog.engines.waveform.chebyshev import alike, basis_response, response, without_start
from lstm_analog.engines.waveform.fields import BatchParts, Field, WaveformFactor, Waves, two_axes
from lstm_analog.engines.waveform.inflow import Inflow, InflowTerm, summing
from lstm_analog.expressions import Call, combining


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The points of a segment, the axes `lead` of chips and batch that all efforts have, and the `parts` of the batch.

    `slope` (points, points) is the matrix from values at the points to derivatives there (1/s); at rest it is (1, 1)
    and zero. `finer` is that of the finer points at which known bases are worked out once; the points are number 0,
    `every`, 2 `every` ... of them. Efforts are numbers of `dtype`.
    """

    slope: Floats
    finer: Floats
    every: int
    parts: BatchParts
    dtype: np.dtype[Any]

    @property
    def lead(self) -> tuple[int, ...]:
        """The axes of chips and batch."""
        return self.parts.lead

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.slope)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One `level` to solve: m components of k members each, with the `inflow` into them, at the points of `frame`.

    The waveforms are written to the k fields `targets`, of which some are `wanted`. `factored` tells that they are sums
    of terms. `at_end` tells that only the end of the segment is asked for and no member has storage, so that one point
    will do, `ends_alone` that no more is asked for and no level reads the terms. Nonlinear parts read `waves`.
    """

    level: Level
    inflow: Inflow
    targets: tuple[Field, ...]
    frame: Frame
    factored: bool
    at_end: bool
    ends_alone: bool
    wanted: tuple[bool, ...]
    waves: Waves

    @property
    def rows(self) -> slice | None:
        """Points at which the inflow is needed: not the start if all members have storage; None for the end alone."""
        if self.at_end:
            return None
        return slice(1, None) if self.level.dynamic == len(self.targets) else slice(0, None)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearSteps:
    """The steps that solve a linear level: those for the `whole` batch, then those for `each` part of it, at points.

    `terms` has the terms of each of its targets, None without.
    """

    whole: list[Call]
    each: list[Call]
    terms: tuple[tuple[WaveformFactor, ...] | None, ...]


def linear_steps(task: Task) -> LinearSteps:
    """Return the steps that solve the linear level of `task`."""
    if not task.level.dynamic:
        return _balance(task)
    wiring = task.inflow.wiring
    own, capacity = wiring.own, wiring.capacity
    if alike(own, capacity):
        own, capacity = own[:1], capacity[:1]
    inverse = response(own, capacity, task.frame.finer if task.factored else task.frame.slope)
    if task.factored:
        return _factored(task, inverse)
    return LinearSteps(whole=[], each=_whole(task, inverse), terms=(None,) * len(task.targets))


def _first(task: Task, row: int) -> int:
    """Return the first point at which the inflow into `row` matters: 1 for storages, whose start is given."""
    return 1 if row < task.level.dynamic else 0


def _asked(task: Task, inverse: Floats, row: int) -> Floats | None:
    """Return what is asked of the flow into `row`: functions of its values at the finer points, (k, finer).

    They are the effect at the end on each target, and what there is at the end. None if more is asked.
    """
    if not task.ends_alone or len(inverse) > 1:
        return None
    effects = without_start(inverse[0, :, -1, row], _first(task, row))
    return np.vstack([effects, np.eye(effects.shape[1])[-1:]])


def _factored(task: Task, inverse: Floats) -> LinearSteps:
    """Return the steps of a level whose inflow is a sum of terms, and the terms of its targets.

    There is a term for each start of a member with storage, and one for each term of the inflow.
    """
    dynamic, lead, members = task.level.dynamic, task.frame.lead, len(task.level.members)
    steps: list[Call] = []
    inputs: list[tuple[int, InflowTerm]] = [
        (row, factor)
        for row in range(len(task.targets))
        for factor in task.inflow.factors(row, steps, _asked(task, inverse, row))
    ]
    weights = np.zeros((dynamic + len(inputs), *lead, members), task.frame.dtype)
    steps += [partial(np.copyto, weights[number], field.start) for number, field in enumerate(task.targets[:dynamic])]
    for number, (row, factor) in enumerate(inputs):
        steps += summing(factor, weights[dynamic + number], task.inflow.constant(row, factor))
    every: list[list[Floats]] = []
    for target in range(len(task.targets)):
        columns = []
        for number in range(dynamic):
            start = inverse[:, target, :, number, 0]
            columns.append(start[0] if len(start) == 1 else start.T)
        columns += [
            task.inflow.unit(row) * basis_response(inverse, target, row, factor.basis, _first(task, row))
            for row, factor in inputs
        ]
        every.append(columns)
    terms = tuple(
        tuple(
            WaveformFactor(
                basis=column,
                weight=weights[number],
                held=number < dynamic and target == number,
                still=number >= dynamic and inputs[number - dynamic][1].still,
                guessed=number >= dynamic and inputs[number - dynamic][1].guessed,
                every=task.frame.every,
            )
            for number, column in enumerate(columns)
        )
        for target, columns in enumerate(every)
    )
    whole, each = _drawn(task, every, weights)
    return LinearSteps(whole=[*steps, *whole], each=each, terms=terms)


def _drawn(task: Task, columns: list[list[Floats]], weights: Floats) -> tuple[list[Call], list[Call]]:
    """Return the steps that write the sums of `columns`, for each target, times `weights` (columns, *lead, m).

    Those that write ends are for the whole batch, the others, which write points that are asked for, for each part.
    """
    whole, each, drawn = list[Call](), list[Call](), any(field.values is not None for field in task.targets)
    share = task.frame.parts.read(weights) if drawn else weights
    for field, some in zip(task.targets, columns, strict=True):
        if field.values is None or task.frame.parts.divided:
            whole += _combining([column[-1:] for column in some], weights, field.end[None])
        if field.values is not None:
            each += _combining([column[:: task.frame.every] for column in some], share, field.values)
    return whole, each


def _combining(columns: list[Floats], weights: Floats, out: Floats) -> list[Call]:
    """Return the steps that write the sum of `columns` (each over the points) times `weights` (columns, *lead, m)."""
    if all(column.ndim == 1 for column in columns):
        return [_multiplying(np.stack(columns, axis=1), weights, out)]
    axes = (1,) * (weights.ndim - 2)
    return list(combining(out, [column.reshape(len(column), *axes, -1) for column in columns], weights))


def _multiplying(matrix: Floats, flows: Floats, out: Floats) -> Call:
    """Return the step that writes `matrix` (points, k) times `flows` (k, *lead, m) to `out` (points, *lead, m)."""
    return partial(np.matmul, matrix.astype(out.dtype, copy=False), flows.reshape(len(flows), -1), two_axes(out))


def _whole(task: Task, inverse: Floats) -> list[Call]:
    """Return the steps of a level whose inflow is computed at every point: the response times inflow and starts."""
    dynamic, parts, count = task.level.dynamic, task.frame.parts, task.frame.count
    members = len(task.level.members)
    first = task.rows.start if task.rows is not None else 0
    fed = [row for row in range(len(task.targets)) if task.inflow.feeds(row)]
    depth = count - first
    flows = aligned(np.zeros((dynamic + depth * len(fed), *parts.own, members), task.frame.dtype))
    steps: list[Call] = []
    for start, field in zip(flows, task.targets[:dynamic], strict=False):
        steps += [partial(np.copyto, start, given)] if (given := parts.read(field.start, start)) is not start else []
    for number, row in enumerate(fed):
        slab = flows[dynamic + depth * number : dynamic + depth * (number + 1)]
        steps += task.inflow.waveform(row, slab, task.waves, task.rows)
    for target, field in enumerate(task.targets):
        if not task.wanted[target]:
            continue
        blocks = [inverse[..., target, :, number, :1] for number in range(dynamic)]
        blocks += [without_start(inverse[..., target, :, row, first:], _first(task, row) - first) for row in fed]
        matrix = np.concatenate(blocks, axis=-1)
        out = parts.written(field.end)[None] if field.values is None else field.values
        if matrix.shape[:-2] == (1,):
            steps.append(_multiplying(matrix[0, -len(out) :], flows, out))
        else:
            steps += _each(matrix[..., -len(out) :, :], flows, out)
    return steps


def _each(matrix: Floats, flows: Floats, out: Floats) -> list[Call]:
    """Return the calls for components that differ: `matrix` (..., m, points, k) times `flows` (k, *lead, m)."""
    chips = matrix.ndim > 3
    rows = (matrix[:, 0] if chips else matrix).astype(out.dtype, copy=False)  # (chips, m, points, k): batches go along
    lead = (*matrix.shape[:1],) if chips else ()
    columns = np.moveaxis(
        flows.reshape(len(flows), *lead, -1, flows.shape[-1]), (0, -1), (-2, -3)
    )  # (chips, m, k, batch)
    packed, product = (np.empty(shape, out.dtype) for shape in (columns.shape, (*rows.shape[:-1], columns.shape[-1])))
    found = np.moveaxis(product, (-2, -3), (0, -1))
    target = out.reshape(found.shape)  # a view: only axes of chips and batch are joined
    multiplying = partial(np.matmul, rows, packed, product)
    return [partial(np.copyto, packed, columns), multiplying, partial(np.copyto, target, found)]


def _balance(task: Task) -> LinearSteps:
    """Return the steps of a level without storages: sum_l A_il e_l + r_i = 0 at each point."""
    inverse = -np.linalg.inv(task.inflow.wiring.own).astype(np.float64)
    if task.factored:
        return _balanced_factors(task, inverse[..., 0, 0])
    single = task.targets[0].end[None] if task.rows is None else task.targets[0].values
    if single is not None and (following := task.inflow.following(inverse, single, task.rows)):
        return LinearSteps(whole=[], each=following, terms=(None,))
    parts, members = task.frame.parts, len(task.level.members)
    shape = (1, *parts.lead) if task.rows is None else (task.frame.count, *parts.own)
    flows = np.zeros((len(task.targets), *shape, members), task.frame.dtype)
    steps: list[Call] = []
    for row in range(len(task.targets)):
        steps += task.inflow.waveform(row, flows[row], task.waves, task.rows)
    for target, field in enumerate(task.targets):
        if task.wanted[target]:
            end = field.end if task.rows is None or field.values is not None else parts.written(field.end)
            out = end[None] if task.rows is None or field.values is None else field.values
            gains = [inverse[..., target, row] for row in range(len(task.targets))]
            steps += combining(out, flows[:, -len(out) :], gains)
    return LinearSteps(whole=[], each=steps, terms=(None,) * len(task.targets))


def _balanced_factors(task: Task, gain: Floats) -> LinearSteps:
    """Return the steps of single unknowns without storage; `gain` (..., m) is effort per inflow.

    The weight of what stands still is the end, if no points are asked for.
    """
    steps: list[Call] = []
    factors, (field,) = task.inflow.factors(0, steps, None), task.targets
    ended = len(factors) == 1 and factors[0].basis is None and field.values is None
    weights = field.end[None] if ended else np.zeros((len(factors), *field.end.shape), field.end.dtype)
    for weight, factor in zip(weights, factors, strict=True):
        steps += summing(factor, weight, task.inflow.constant(0, factor))
    gain = task.inflow.unit(0) * gain
    steps += [] if (gain == 1.0).all() else [partial(np.multiply, weights, gain.astype(weights.dtype), weights)]
    every, still = task.frame.every, np.ones(len(task.frame.finer))
    bases = [still if factor.basis is None else factor.basis for factor in factors]
    terms = tuple(
        WaveformFactor(basis=basis, weight=weight, held=False, still=factor.still, guessed=factor.guessed, every=every)
        for basis, weight, factor in zip(bases, weights, factors, strict=True)
    )
    whole, each = ([], []) if ended else _drawn(task, [bases], weights)
    return LinearSteps(whole=[*steps, *whole], each=each, terms=(terms,))
