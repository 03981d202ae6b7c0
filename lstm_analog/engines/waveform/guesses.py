"""Makes the guesses of a segment: waveforms at torn edges, which levels read before they are found."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats, Indices, Span, span
from lstm_analog.engines.native import compiled
from lstm_analog.engines.native.judging import Unless, largest
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field, WaveformFactor, constant_field, two_axes
from lstm_analog.engines.waveform.levels import Frame
from lstm_analog.engines.waveform.resolution import sweep_limit
from lstm_analog.engines.waveform.segment import Guess, Segment, Tolerance, values_of
from lstm_analog.expressions import Call, putting, reading, widened


@dataclass(frozen=True, kw_only=True, eq=False)
class Guessing:
    """How the guesses of a segment are described, and when they rest.

    Attributes
    ----------
    grid : Grid
        The points of the segment.
    terms : int
        The Chebyshev polynomials that a guess is a sum of: 0 for waveforms by their values at all points.
    still : bool
        Whether the guess is that all stands still, of one term.
    effect : float array, (points - 1, points - 1), optional
        It makes of an error at all points but the first what it does: its integral, if torn edges act on slow storages
        only; None if the error itself counts.
    limit : float
        A guess that is off by at most this, in units of signal, rests.
    """

    grid: Grid
    terms: int
    still: bool
    effect: Floats | None
    limit: float

    def setting(self, guess: Guess, waves: Floats, grid: Grid) -> list[Call]:
        """Return the calls that set the `guess` to the `waves` (points, *lead, m) at the points of a `grid`."""
        values, found = two_axes(values_of(guess.field)), two_axes(waves)
        if self.terms:
            weights = two_axes(guess.weights)
            fitting = chebyshev.fitting(grid, self.terms, self.effect is not None).astype(waves.dtype)
            functions = chebyshev.functions(self.grid.degree, self.terms).astype(waves.dtype)
            return [partial(np.matmul, fitting, found, weights), partial(np.matmul, functions, weights, values)]
        if grid == self.grid:
            return [partial(np.copyto, values, found)]
        return [partial(np.matmul, chebyshev.refinement(grid, self.grid).astype(waves.dtype), found, values)]


def guessing(order: Structure, grid: Grid, terms: int, still: bool, tolerance: Tolerance) -> Guessing:
    """Return how guesses of so many `terms` at edges torn as in `order` are described at the points of `grid`.

    They are that all stands `still`, or waveforms; `tolerance` is that of the segment.
    """
    effect = chebyshev.integration(grid) if order.slow and grid.degree else None
    return Guessing(grid=grid, terms=terms, still=still, effect=effect, limit=sweep_limit(order, tolerance))


def guesses(plan: Outline, fields: list[Field], frame: Frame, described: Guessing, scales: Floats) -> dict[int, Guess]:
    """Return the guess of each sweep of `plan` with torn edges, by sweep number, and append its field to `fields`.

    The fields have the points of `frame`. `described` says what guesses are; errors count in units of signal, `scales`
    (N,).
    """
    found = {}
    for sweep, nodes in plan.fields.guessed.items():
        weights = np.zeros((described.terms, *frame.lead, nodes.size), frame.dtype)
        fields.append(_field(nodes, weights, frame, described.still))
        found[sweep] = _guess(plan, fields, weights, described, 1.0 / scales[nodes])
    return found


def _field(nodes: Indices, weights: Floats, frame: Frame, still: bool) -> Field:
    """Return the field of guesses of `nodes` (m,) that are sums of polynomials times `weights` (terms, *lead, m)."""
    if still:
        return constant_field(nodes, weights[0], frame.count, frame.every, held=False)
    values = np.zeros((frame.count, *weights.shape[1:]), frame.dtype)
    bases = chebyshev.functions(len(frame.finer) - 1, len(weights)).T if len(weights) else ()
    terms = tuple(
        WaveformFactor(basis=basis, weight=weight, held=False, still=False, guessed=True, every=frame.every)
        for basis, weight in zip(bases, weights, strict=True)
    )
    return Field(nodes=nodes, start=values[0], end=values[-1], values=values, terms=terms or None)


def _guess(plan: Outline, fields: list[Field], weights: Floats, described: Guessing, units: Floats) -> Guess:
    """Return the guess whose field is the last of `fields`, a sum with these `weights`.

    `units` (m,) are one over the units of signal of its unknowns.
    """
    own, beginning, gathering, judging = fields[-1], list[Call](), list[Call](), list[Call]()
    guessed, target = values_of(own), own.start if described.still else values_of(own)
    waves, apart, moved = np.empty(guessed.shape, guessed.dtype), np.empty(guessed.shape, guessed.dtype), np.empty(1)
    for number, some in plan.fields.places.by_field(own.nodes):
        places = span(plan.fields.places.place[own.nodes[some]])
        start, fetching = reading(fields[number].start, places)
        beginning += [*fetching, putting(target, span(some), start)]
        part, fetching = reading(values_of(fields[number]), places)
        gathering += [*fetching, putting(waves, span(some), part)]
        judging += [*fetching, *_subtracting(part, guessed, span(some), apart)]
    change, widening = widened(apart)
    judging += widening
    judging += [] if (units == 1.0).all() else [partial(np.multiply, change, units, change)]
    worked = two_axes(change)
    if described.effect is not None:
        worked = np.empty((len(described.effect), worked.shape[1]))
        judging.append(partial(np.matmul, described.effect, two_axes(change[1:]), worked))
    judging.append(partial(largest, moved, worked.reshape(1, -1), np.ones(1)))
    found = Guess(
        field=own,
        weights=weights,
        still=described.still,
        beginning=compiled(beginning),
        gathering=compiled(gathering),
        waves=waves,
        judging=(),
        moved=moved,
        limit=described.limit,
    )
    if not described.still:
        again = (*gathering, *described.setting(found, waves, described.grid))
        judging.append(Unless(value=moved, limit=described.limit, calls=again))
    return replace(found, judging=compiled(judging))


def _subtracting(found: Floats, guessed: Floats, places: Span, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write to the `places` of `out` what was `found` less what was `guessed` there."""
    if isinstance(places, slice):
        return (partial(np.subtract, found, guessed[..., places], out[..., places]),)
    efforts, fetching = reading(guessed, places)
    room = np.empty(found.shape, found.dtype)
    return *fetching, partial(np.subtract, found, efforts, room), putting(out, places, room)


def starting(found: dict[int, Guess], first: Segment | None, described: Guessing) -> tuple[Call, ...]:
    """Return the calls that make the first guesses `found`: that nothing moves, or what the segment `first` finds.

    That one is coarser than the segment, whose guesses are `described`.
    """
    if first is None:
        return compiled(call for guess in found.values() for call in guess.beginning)
    coarse = [sweep.guess for sweep in first.sweeps if sweep.guess]
    calls: list[Call] = []
    for guess, before in zip((found[key] for key in sorted(found)), coarse, strict=True):
        calls += [*before.gathering, *described.setting(guess, before.waves, first.grid)]
    return compiled(calls)
