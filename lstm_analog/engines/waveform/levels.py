"""Makes the steps that solve one linear level of a segment: components with constant coefficients.

The equations of a component are collocated: they hold at every point t of the segment. With efforts e_it of member i,
capacity C_i, coefficients A_il among the members, inflow r_it from elsewhere, and the matrix D that differentiates,

    C_i sum_s D_ts e_is = sum_l A_il e_lt + r_it     for members with storage, at all t but the first (the start),
    0 = sum_l A_il e_lt + r_it                       for the others, at all t.

Solved once, they are a matrix (`chebyshev.response`) from the inflow and the starts to all efforts; a run multiplies by
it. Components that are alike share one. If the inflow is a sum of few terms, basis times weight, so are the efforts:
the response to each basis is worked out once, and a run computes weights only.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, aligned
from lstm_analog.engines.phase.structure import Level
from lstm_analog.engines.waveform.chebyshev import alike, basis_response, response, start_response, without_start
from lstm_analog.engines.waveform.fields import BatchParts, Field, WaveformTerm, Waves, sum_of_terms, two_axes
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.expressions import Call, combining


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The points of a segment, the axes `lead` of chips and batch that all efforts have, and the `parts` of the batch.

    `derivative` (points, points) is the matrix from values at the points to derivatives there (1/s); at rest it is
    (1, 1) and zero. `finer_derivative` is that of the finer points by which bases are given; the points are number 0,
    `every`, 2 `every` ... of them. The second point is `gap` (s) after the start. Efforts are numbers of `dtype`.
    """

    derivative: Floats
    finer_derivative: Floats
    every: int
    gap: float
    parts: BatchParts
    dtype: np.dtype[Any]

    @property
    def lead(self) -> tuple[int, ...]:
        """The axes of chips and batch."""
        return self.parts.lead

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.derivative)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A level to solve: m components of k members each.

    Attributes
    ----------
    level : Level
        The components.
    inflow : Inflow
        What flows into them.
    targets : tuple of k fields
        The buffers to which the waveforms of each row are written.
    frame : Frame
        The points.
    has_terms : bool
        Whether the waveforms are sums of terms.
    points : slice, optional
        Points at which the inflow is needed: not the start if all members have storage. None for the end alone, where
        no more is asked for and no member has storage: one point will do.
    end_only : bool
        Whether no more than the end is asked for and no level reads the terms.
    computed : tuple of k bool
        Which of the targets are computed.
    waves : Waves
        The efforts at these points, as the laws of nonlinear parts read them.
    """

    level: Level
    inflow: Inflow
    targets: tuple[Field, ...]
    frame: Frame
    has_terms: bool
    points: slice | None
    end_only: bool
    computed: tuple[bool, ...]
    waves: Waves


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearSteps:
    """The steps that solve a linear level: those for the `whole` batch, then those for `each` part of it, at points.

    `terms` has the terms of each of its targets, None without.
    """

    whole: list[Call]
    each: list[Call]
    terms: tuple[tuple[WaveformTerm, ...] | None, ...]


def linear_steps(task: Task) -> LinearSteps:
    """Return the steps that solve the linear level of `task`."""
    own, capacity = task.inflow.wiring.own, task.inflow.wiring.capacity
    none: tuple[None, ...] = (None,) * len(task.targets)
    if not task.level.dynamic:
        balance = -np.linalg.inv(own).astype(np.float64)
        if task.has_terms:
            return _balance_by_terms(task, balance[..., 0, 0])
        return LinearSteps(whole=[], each=_balance_at_points(task, balance), terms=none)
    if alike(own, capacity):
        own, capacity = own[:1], capacity[:1]
    if task.has_terms:
        return _solve_by_terms(task, response(own, capacity, task.frame.finer_derivative))
    each = _solve_at_points(task, response(own, capacity, task.frame.derivative))
    return LinearSteps(whole=[], each=each, terms=none)


def _first(task: Task, row: int) -> int:
    """Return the first point at which the inflow into `row` matters: 1 for storages, whose start is given."""
    return 1 if row < task.level.dynamic else 0


def _functionals(task: Task, inverse: Floats, row: int) -> Floats | None:
    """Return the sums over the finer points of the flow into `row` that alone are needed, (k, finer); None if all is.

    Where only ends are asked for, these are its effects on the end of each target, and its value at the end.
    """
    if not task.end_only or len(inverse) > 1:
        return None
    effects = without_start(inverse[0, :, -1, row], _first(task, row))
    return np.vstack([effects, np.eye(effects.shape[1])[-1:]])


def _solve_by_terms(task: Task, inverse: Floats) -> LinearSteps:
    """Return the steps of a level with storages whose inflow is a sum of terms, and the terms of its targets.

    There is a term for each start of a member with storage, and one for each term of the inflow.
    """
    dynamic, every, steps = task.level.dynamic, task.frame.every, list[Call]()
    inputs = [
        (row, term)
        for row in range(len(task.targets))
        for term in task.inflow.terms(row, steps, _functionals(task, inverse, row))
    ]
    weights = np.zeros((dynamic + len(inputs), *task.frame.lead, len(task.level.members)), task.frame.dtype)
    steps += [partial(np.copyto, weights[number], task.targets[number].start) for number in range(dynamic)]
    for weight, (row, term) in zip(weights[dynamic:], inputs, strict=True):
        steps += task.inflow.weighing(row, term, weight)
    bases, terms = list[list[Floats]](), list[tuple[WaveformTerm, ...]]()
    for target in range(len(task.targets)):
        starts = [start_response(inverse, target, number) for number in range(dynamic)]
        responses = [
            task.inflow.wiring.unit(row) * basis_response(inverse, target, row, term.basis, _first(task, row))
            for row, term in inputs
        ]
        kinds = [(number == target, False, False) for number in range(dynamic)]
        kinds += [(False, term.still, term.guessed) for _, term in inputs]
        bases.append([*starts, *responses])
        terms.append(
            tuple(
                WaveformTerm(basis=basis, weight=weight, held=held, still=still, guessed=guessed, every=every)
                for basis, weight, (held, still, guessed) in zip(bases[-1], weights, kinds, strict=True)
            )
        )
    whole, each = _write_sums(task, bases, weights)
    return LinearSteps(whole=[*steps, *whole], each=each, terms=tuple(terms))


def _write_sums(task: Task, bases: list[list[Floats]], weights: Floats) -> tuple[list[Call], list[Call]]:
    """Return the steps that write the sums of `bases`, some for each target, times `weights` (bases, *lead, m).

    Those that write ends are for the whole batch, the others, which write points that are asked for, for each part.
    """
    whole, each, parts = list[Call](), list[Call](), task.frame.parts
    share = parts.read(weights) if any(field.values is not None for field in task.targets) else weights
    for field, some in zip(task.targets, bases, strict=True):
        if field.values is None or parts.divided:
            whole += sum_of_terms([basis[-1:] for basis in some], weights, field.end[None])
        if field.values is not None:
            each += sum_of_terms([basis[:: task.frame.every] for basis in some], share, field.values)
    return whole, each


def _multiplying(matrix: Floats, flows: Floats, out: Floats) -> Call:
    """Return the step that writes `matrix` (points, k) times `flows` (k, *lead, m) to `out` (points, *lead, m)."""
    return partial(np.matmul, matrix.astype(out.dtype, copy=False), flows.reshape(len(flows), -1), two_axes(out))


def _solve_at_points(task: Task, inverse: Floats) -> list[Call]:
    """Return the steps of a level with storages whose inflow is computed at every point.

    The response is multiplied by the starts and the inflow, one above the other.
    """
    dynamic, parts, members = task.level.dynamic, task.frame.parts, len(task.level.members)
    first = min(_first(task, row) for row in range(len(task.targets)))
    fed = [row for row in range(len(task.targets)) if task.inflow.wiring.feeds(row)]
    depth = task.frame.count - first
    flows = aligned(np.zeros((dynamic + depth * len(fed), *parts.own, members), task.frame.dtype))
    steps: list[Call] = []
    for start, field in zip(flows, task.targets[:dynamic], strict=False):
        steps += [partial(np.copyto, start, given)] if (given := parts.read(field.start, start)) is not start else []
    for number, row in enumerate(fed):
        slab = flows[dynamic + depth * number : dynamic + depth * (number + 1)]
        steps += task.inflow.waveform(row, slab, task.waves, task.points)
    for target, field in enumerate(task.targets):
        if not task.computed[target]:
            continue
        blocks = [inverse[..., target, :, number, :1] for number in range(dynamic)]
        blocks += [without_start(inverse[..., target, :, row, first:], _first(task, row) - first) for row in fed]
        matrix = np.concatenate(blocks, axis=-1)
        out = parts.written(field.end)[None] if field.values is None else field.values
        if matrix.shape[:-2] == (1,):
            steps.append(_multiplying(matrix[0, -len(out) :], flows, out))
        else:
            steps += _multiplying_each(matrix[..., -len(out) :, :], flows, out)
    return steps


def _multiplying_each(matrix: Floats, flows: Floats, out: Floats) -> list[Call]:
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


def _balance_at_points(task: Task, inverse: Floats) -> list[Call]:
    """Return the steps of a level without storages: at each point `inverse` (..., m, k, k) times the inflow."""
    parts, frame, targets, at_end = task.frame.parts, task.frame, task.targets, task.points is None
    single = targets[0].end[None] if at_end else targets[0].values
    if single is not None and (following := task.inflow.one_wire(inverse, single, task.points)):
        return following
    shape = (1, *parts.lead) if at_end else (frame.count, *parts.own)
    flows = np.zeros((len(targets), *shape, len(task.level.members)), frame.dtype)
    steps: list[Call] = []
    for row, flow in enumerate(flows):
        steps += task.inflow.waveform(row, flow, task.waves, task.points)
    for target, field in enumerate(targets):
        if task.computed[target]:
            end = field.end if at_end or field.values is not None else parts.written(field.end)
            out = end[None] if at_end or field.values is None else field.values
            gains = [inverse[..., target, row] for row in range(len(targets))]
            steps += combining(out, flows[:, -len(out) :], gains)
    return steps


def _balance_by_terms(task: Task, gain: Floats) -> LinearSteps:
    """Return the steps of single unknowns without storage; `gain` (..., m) is effort per inflow.

    If the inflow is constant and no points are asked for, its weight is written to the end at once.
    """
    steps: list[Call] = []
    found, (field,) = task.inflow.terms(0, steps, None), task.targets
    constant = len(found) == 1 and found[0].basis is None and field.values is None
    weights = field.end[None] if constant else np.zeros((len(found), *field.end.shape), field.end.dtype)
    for weight, term in zip(weights, found, strict=True):
        steps += task.inflow.weighing(0, term, weight)
    gain = task.inflow.wiring.unit(0) * gain
    steps += [] if (gain == 1.0).all() else [partial(np.multiply, weights, gain.astype(weights.dtype), weights)]
    one, every = np.ones(len(task.frame.finer_derivative)), task.frame.every
    bases = [one if term.basis is None else term.basis for term in found]
    terms = tuple(
        WaveformTerm(basis=basis, weight=weight, held=False, still=term.still, guessed=term.guessed, every=every)
        for basis, weight, term in zip(bases, weights, found, strict=True)
    )
    whole, each = ([], []) if constant else _write_sums(task, [bases], weights)
    return LinearSteps(whole=[*steps, *whole], each=each, terms=(terms,))
