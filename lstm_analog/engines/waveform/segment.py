"""A segment: a stretch of one clock phase in which every waveform is one polynomial through Chebyshev points."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Keep, Outline, is_newton, outline
from lstm_analog.engines.waveform.couplings import Couplings, Flags
from lstm_analog.engines.waveform.fields import Field, Span, Term, Waves, span
from lstm_analog.engines.waveform.images import Images
from lstm_analog.engines.waveform.inflow import Inflow, Step
from lstm_analog.engines.waveform.levels import Frame, Task, linear_steps
from lstm_analog.engines.waveform.newton import Unsolved, newton_steps
from lstm_analog.engines.waveform.structure import Structure

_SWEEPS = 30
_SHARE = 0.1
"""Share of the tolerance that sweeps and Newton's method may use up."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """What is allowed to be wrong: `rtol` of the effort or of its scale, if that is larger, and `atol` scales."""

    rtol: float
    atol: float

    @property
    def units(self) -> float:
        """The tolerance in units of signal, for efforts of the order of one unit."""
        return self.rtol + self.atol


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The `steps` of levels that are solved one after the other; again, if `torn` fields feed back, until these rest.

    `weakness` is the strength with which they do, `scales` (m,) are the units of each.
    """

    steps: list[Step]
    torn: tuple[Field, ...]
    scales: tuple[Floats, ...]
    weakness: float
    tolerance: float

    def run(self) -> int:
        """Solve the levels and return how many sweeps it took; `Unsolved` if they do not come to rest."""
        if not self.torn:
            for step in self.steps:
                step()
            return 1
        for field in self.torn:
            np.copyto(_values(field), field.start)
        for number in range(1, _SWEEPS):
            before = [_values(field).copy() for field in self.torn]
            for step in self.steps:
                step()
            moved = (
                np.abs(_values(field) - old) / scale
                for field, old, scale in zip(self.torn, before, self.scales, strict=True)
            )
            if self.weakness * max((float(size.max()) for size in moved), default=0.0) <= self.tolerance:
                return number
        raise Unsolved


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """The steps that take the efforts of a network over a segment, buffers bound; made by `segment`.

    `nodes` (k,) are the unknowns whose `starts` (*lead, k) are read. `arena` (points, total) are the waveforms of all
    `drawn` fields, side by side, `units` (total,) their scales, `least` (total,) one over what is tolerated of these;
    `tail` (2, points) gives the last coefficients. `moving` are the unknowns that end elsewhere, with their ends, `groups`
    those they belong to; `after` is done then. `fixed` are the last coefficients of bases that are not drawn, with their
    weights and scales.
    """

    degree: int
    nodes: Indices
    starts: Floats
    drawn: tuple[Field, ...]
    arena: Floats
    units: Floats
    least: Floats
    tail: Floats
    sweeps: tuple[Sweep, ...]
    after: list[Step]
    moving: tuple[tuple[Span, Floats], ...]
    groups: tuple[int, ...]
    images: Images
    fixed: tuple[tuple[float, Floats, Floats], ...]
    tolerance: Tolerance

    def solve(self, effort: Floats) -> int:
        """Find all waveforms from the start `effort` (*lead, N); return the number of sweeps, `Unsolved` if it fails."""
        np.take(effort, self.nodes, axis=-1, out=self.starts, mode="clip")
        return max([sweep.run() for sweep in self.sweeps], default=1)

    def error(self) -> float:
        """Return the estimated error in tolerances: the last Chebyshev coefficients of the waveforms."""
        worst = 0.0
        if self.arena.size:
            tail = self.tail @ self.arena
            worst = float(np.abs(tail * self.least).max())
            if worst > 1.0:  # too much for one unit: perhaps not for the efforts there are
                worst = float((np.abs(tail) / self._allowed()).max())
        for tail_of_basis, weight, scale in self.fixed:
            size = np.abs(weight).max(axis=tuple(range(weight.ndim - 1)))
            allowed = self.tolerance.rtol * size + self.tolerance.units * scale
            worst = max(worst, tail_of_basis * float((size / allowed).max()))
        return worst

    def needed(self, share: float) -> int:
        """Return the degree that would do for the waveforms found, with an error of a `share` of the tolerance."""
        if not self.arena.size:
            return self.degree
        size = (np.abs(chebyshev.coefficients(self.degree) @ self.arena) / self._allowed()).max(axis=1)
        large = np.flatnonzero(size > share)
        return int(large[-1]) + 2 if large.size else 2

    def _allowed(self) -> Floats:
        size = np.maximum(np.abs(self.arena[0]), np.abs(self.arena[-1]))
        allowed: Floats = self.tolerance.rtol * size + self.tolerance.units * self.units
        return allowed

    def commit(self, effort: Floats) -> None:
        """Write where the waveforms end into `effort` (*lead, N)."""
        for places, end in self.moving:
            effort[..., places] = end
        self.images.moved(self.groups)
        for step in self.after:
            step()

    def sample(self, at: Floats, path: Floats) -> None:
        """Write the waveforms `at` (k,), from 0 at the start to 1 at the end, into `path` (*lead, k, N).

        What is held is left out.
        """
        matrix = chebyshev.evaluation(self.degree, at)
        for field in self.drawn:
            path[..., field.nodes] = np.moveaxis(np.tensordot(matrix, _values(field), axes=1), 0, -2)


def _values(field: Field) -> Floats:
    return field.start if field.values is None else field.values


def segment(
    couplings: Couplings,
    order: Structure,
    images: Images,
    *,
    duration: float,
    degree: int,
    keep: Keep,
    wanted: Flags,
    tolerance: Tolerance,
) -> Segment:
    """Return the segment of `duration` (s) and polynomials of `degree` in the phase of `couplings`, solved in `order`.

    A `degree` of 0 asks for the state of rest. `images` are shared by all segments of a run, `keep` says what is kept,
    of which `wanted` unknowns (N,), and `tolerance` how well.
    """
    frame = _frame(duration, degree, images.lead)
    plan = outline(couplings, order, frame.count, keep, wanted)
    scales = couplings.scales
    fields, drawn, arena, starts = _buffers(plan, frame)
    after: list[Step] = []
    numbers = sorted({level.sweep for level in plan.levels})
    steps: dict[int, list[Step]] = {number: [] for number in numbers}
    for place, level in enumerate(plan.levels):
        task = _task(plan, place, fields, frame, images, couplings, after)
        if task is None:
            continue
        if is_newton(level, task.inflow.wiring):
            steps[level.sweep] += newton_steps(task, _SHARE * tolerance.units * scales[level.members])
        else:
            found, terms = linear_steps(task)
            steps[level.sweep] += found
            _name_terms(fields, plan.first[place], terms)
    units = np.concatenate([np.empty(0), *(np.tile(scales[field.nodes], _batch(frame)) for field in drawn)])
    moving = tuple((span(fields[k].nodes), fields[k].end) for k in _moving(plan))
    return Segment(
        degree=degree,
        nodes=np.concatenate([field.nodes for field in fields]),
        starts=starts,
        drawn=drawn,
        arena=arena,
        units=units,
        least=1.0 / (tolerance.units * units),
        tail=np.ascontiguousarray(chebyshev.coefficients(degree)[-2:]) if degree else np.zeros((1, 1)),
        sweeps=_joined([_sweep(plan, k, steps[k], fields, order, scales, tolerance) for k in numbers]),
        after=after,
        moving=moving,
        groups=tuple(np.unique([couplings.groups[node] for k in _moving(plan) for node in fields[k].nodes]).tolist()),
        images=images,
        fixed=tuple(_fixed(fields, scales, degree)),
        tolerance=tolerance,
    )


def _frame(duration: float, degree: int, lead: tuple[int, ...]) -> Frame:
    slope = chebyshev.differentiation(degree) / duration if degree else np.zeros((1, 1))
    return Frame(slope=slope, lead=lead)


def _batch(frame: Frame) -> int:
    return int(np.prod(frame.lead))


def _moving(plan: Outline) -> list[int]:
    """Return the numbers of the fields whose ends are known: storages, and what is asked for."""
    found = []
    for level, first in zip(plan.levels, plan.first, strict=True):
        for number in range(first, first + level.members.shape[1]):
            if number < first + level.dynamic or plan.points[number] or plan.ends[number]:
                found.append(number)
    return found


def _joined(sweeps: list[Sweep]) -> tuple[Sweep, ...]:
    """Return `sweeps` as one if nothing is torn, so that a segment is one list of steps."""
    if any(sweep.torn for sweep in sweeps) or not sweeps:
        return tuple(sweeps)
    return (replace(sweeps[0], steps=[step for sweep in sweeps for step in sweep.steps]),)


def _buffers(plan: Outline, frame: Frame) -> tuple[list[Field], tuple[Field, ...], Floats, Floats]:
    nodes: list[Indices] = [plan.held, *(column for level in plan.levels for column in level.members.T)]
    sizes = [part.size * _batch(frame) * asked for part, asked in zip(nodes, [False, *plan.points[1:]], strict=True)]
    ends = np.cumsum([0, *sizes])
    arena = np.zeros((frame.count, int(ends[-1])))
    fields: list[Field] = []
    places = np.cumsum([0, *(part.size for part in nodes)])
    starts = np.zeros((*frame.lead, int(places[-1])))
    for number, part in enumerate(nodes):
        shape = (*frame.lead, part.size)
        start = starts[..., places[number] : places[number + 1]]
        if not number:
            fields.append(_held(part, start, frame))
            continue
        values = None
        if sizes[number]:
            values = arena[:, ends[number] : ends[number + 1]].reshape(frame.count, *shape)
        end = np.zeros(shape) if values is None else values[-1]
        fields.append(Field(nodes=part, start=start, end=end, values=values, terms=None))
    return fields, tuple(field for field, size in zip(fields, sizes, strict=True) if size), arena, starts


def _held(nodes: Indices, start: Floats, frame: Frame) -> Field:
    values = np.broadcast_to(start, (frame.count, *start.shape))
    term = Term(basis=np.ones(frame.count), weight=start, held=True)
    return Field(nodes=nodes, start=start, end=start, values=values, terms=(term,))


def _task(
    plan: Outline,
    place: int,
    fields: list[Field],
    frame: Frame,
    images: Images,
    couplings: Couplings,
    after: list[Step],
) -> Task | None:
    level, wires, first = plan.levels[place], plan.wirings[place], plan.first[place]
    own = range(first, first + level.members.shape[1])
    wanted = tuple(plan.points[field] or plan.ends[field] or field < first + level.dynamic for field in own)
    if not any(wanted):
        return None
    at_end = not level.dynamic and not any(plan.points[field] for field in own)
    rows = None if at_end else slice(1 if level.dynamic == len(own) else 0, None)
    count = 1 if rows is None else frame.count - rows.start
    waves = Waves(fields, plan.places, (count, *frame.lead), rows)
    return Task(
        level=level,
        inflow=Inflow(wiring=wires, fields=fields, images=images, high=couplings.high, after=after),
        targets=tuple(fields[field] for field in own),
        frame=frame,
        factored=plan.factored[first],
        at_end=at_end,
        wanted=wanted,
        waves=waves,
    )


def _name_terms(fields: list[Field], first: int, terms: tuple[tuple[Term, ...] | None, ...]) -> None:
    for number, found in enumerate(terms, start=first):
        field = fields[number]
        fields[number] = Field(
            nodes=field.nodes, start=field.start, end=field.end, values=field.values, terms=found
        )


def _sweep(
    plan: Outline,
    number: int,
    steps: list[Step],
    fields: list[Field],
    order: Structure,
    scales: Floats,
    tolerance: Tolerance,
) -> Sweep:
    levels = [wires for level, wires in zip(plan.levels, plan.wirings, strict=True) if level.sweep == number]
    sources = sorted({wire.source for wires in levels for wire in wires.wires if wire.torn})
    torn = tuple(fields[source] for source in sources)
    return Sweep(
        steps=steps,
        torn=torn,
        scales=tuple(scales[field.nodes] for field in torn),
        weakness=order.weakness,
        tolerance=_SHARE * tolerance.units,
    )


def _fixed(fields: list[Field], scales: Floats, degree: int) -> list[tuple[float, Floats, Floats]]:
    """Return the last coefficients of the bases whose waveforms are not drawn, with their weights and scales."""
    found = []
    for field in fields[1:]:
        if field.values is None and degree:
            for term in field.terms or ():
                tail = float(np.abs(chebyshev.coefficients(degree)[-2:] @ term.basis).max())
                if tail > np.finfo(np.float64).eps:
                    found.append((tail, term.weight, scales[field.nodes]))
    return found
