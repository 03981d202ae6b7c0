"""Makes the guesses of a segment: waveforms at torn edges, which levels read before they are found."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats, Indices, Span, aligned, span
from lstm_analog.engines.native import compiled
from lstm_analog.engines.native.calls import Unless, largest
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field, WaveformTerm, constant_field, two_axes
from lstm_analog.engines.waveform.levels import Frame
from lstm_analog.engines.waveform.pieces import sweep_limit
from lstm_analog.engines.waveform.segment import Feedback, Guess, Segment, Tolerance, values_of
from lstm_analog.expressions import Call, putting, reading, widened

_WRONG = 0.3
"""Share of a correction of guesses by their errors at the end that counts as wrong; larger: fewer are corrected."""
_EACH = 2
"""Of how many points one is looked at where a guess is compared with what is found; larger: less is seen."""


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
    at_end : bool
        Whether it is compared with what is found at the end alone.
    effect : float array, (points - 1, points - 1), optional
        It makes of an error at all points but the first what it does: its integral, if torn edges act on slow storages
        only; None if the error itself counts.
    limit : float
        A guess that is off by at most this, in units of signal, rests.
    """

    grid: Grid
    terms: int
    still: bool
    at_end: bool
    effect: Floats | None
    limit: float

    def setting(self, guess: Guess, waves: Floats, grid: Grid) -> list[Call]:
        """Return the calls that set the `guess` to the `waves` (points, *lead, m) at the points of a `grid`."""
        found = two_axes(waves)
        if self.terms:
            weights = two_axes(guess.weights)
            calls: list[Call] = [partial(np.matmul, self._fitting(grid).astype(waves.dtype), found, weights)]
            if guess.field.values is not None:
                functions = chebyshev.functions(self.grid.degree, self.terms).astype(waves.dtype)
                calls.append(partial(np.matmul, functions, weights, two_axes(guess.field.values)))
            return calls
        values = two_axes(values_of(guess.field))
        if grid == self.grid:
            return [partial(np.copyto, values, found)]
        return [partial(np.matmul, chebyshev.refinement(grid, self.grid).astype(waves.dtype), found, values)]

    def missing(self, grid: Grid) -> Floats:
        """Return the matrix from waveforms at the points of `grid` to the effect of what a guess of them leaves out."""
        kept = chebyshev.functions(grid.degree, self.terms) @ self._fitting(grid)
        left = np.eye(grid.degree + 1) - kept
        return _some(left if self.effect is None else chebyshev.integration(grid) @ left[1:])

    def apart(self) -> Floats:
        """Return the matrix to the effect of errors, from what is found above the weights of the polynomials.

        What is found is the waveforms at the points, or at the end alone, where an error grows from the start, and its
        integral is half of it (`correcting`).
        """
        if self.at_end:
            return self._share * np.array([[1.0, *[-1.0] * self.terms]])
        effect = np.eye(self.grid.degree + 1) if self.effect is None else np.pad(self.effect, ((0, 0), (1, 0)))
        chosen = _some(effect)
        return np.hstack([chosen, -chosen @ chebyshev.functions(self.grid.degree, self.terms)])

    def correcting(self, guess: Guess, effect: Floats) -> list[Call]:
        """Return the calls that add to the `guess` what it is found to lack at the end, whose `effect` is (1, k).

        A guess that describes what a coarser segment found, with storages that stood still, lacks what their drift
        does, which grows from the start about as the time. Some of it is taken to be wrong.
        """
        growing = self._fitting(self.grid) @ chebyshev.points(self.grid)[:, None] / self._share
        weights, room, wrong = two_axes(guess.weights), np.empty_like(two_axes(guess.weights)), np.empty(1)
        return [
            partial(np.matmul, growing.astype(weights.dtype), effect, room),
            partial(np.add, weights, room, weights),
            partial(np.multiply, guess.moved, _WRONG, wrong),
            partial(np.add, guess.missed, wrong, guess.missed),
        ]

    @property
    def _share(self) -> float:
        """The effect of an error that grows as the time to one unit at the end."""
        return 1.0 if self.effect is None else 0.5

    def _fitting(self, grid: Grid) -> Floats:
        return chebyshev.fitting(grid, self.terms, self.effect is not None)


def guessing(order: Structure, grid: Grid, terms: int, how: Feedback, tolerance: Tolerance) -> Guessing:
    """Return how guesses of so many `terms` at edges torn as in `order` are described at the points of `grid`.

    `how` says what they are, and how they are compared; `tolerance` is that of the segment.
    """
    return Guessing(
        grid=grid,
        terms=terms,
        still=how is Feedback.STILL,
        at_end=how is Feedback.AT_END,
        effect=chebyshev.integration(grid) if order.slow and grid.degree else None,
        limit=sweep_limit(order, tolerance),
    )


def guesses(plan: Outline, fields: list[Field], frame: Frame, described: Guessing, scales: Floats) -> dict[int, Guess]:
    """Return the guess of each sweep of `plan` with torn edges, by sweep number, and append its field to `fields`.

    The fields have the points of `frame`. `described` says what guesses are; errors count in units of signal, `scales`
    (N,).
    """
    found = {}
    for sweep, nodes in plan.layout.guessed.items():
        number, count = len(fields), 1 if described.at_end else frame.count
        stack = aligned(np.zeros((count + described.terms, *frame.lead, nodes.size), frame.dtype))
        read = not described.terms or number in plan.sources(with_terms=False)
        fields.append(_field(nodes, stack[count:], frame, described.still, read))
        found[sweep] = _guess(plan, fields, stack, described, 1.0 / scales[nodes])
    return found


def _field(nodes: Indices, weights: Floats, frame: Frame, still: bool, read: bool) -> Field:
    """Return the field of guesses of `nodes` (m,) that are sums of polynomials times `weights` (terms, *lead, m).

    It has values if these are `read`.
    """
    if still:
        return constant_field(nodes, weights[0], frame.count, frame.every, held=False)
    values = np.zeros((frame.count if read else 1, *weights.shape[1:]), frame.dtype)
    bases = chebyshev.functions(len(frame.finer_derivative) - 1, len(weights)).T if len(weights) else ()
    terms = tuple(
        WaveformTerm(basis=basis, weight=weight, held=False, still=False, guessed=True, every=frame.every)
        for basis, weight in zip(bases, weights, strict=True)
    )
    return Field(nodes=nodes, start=values[0], end=values[-1], values=values if read else None, terms=terms or None)


def _guess(plan: Outline, fields: list[Field], stack: Floats, described: Guessing, units: Floats) -> Guess:
    """Return the guess whose field is the last of `fields`.

    `stack` (points + terms, *lead, m) has room for what is found, at the points or the end alone, above the weights of
    the guess. `units` (m,) are one over the units of signal of its unknowns.
    """
    own, count = fields[-1], len(stack) - described.terms
    waves, target = stack[:count], own.start if described.still else values_of(own)
    beginning, gathering, subtracting = list[Call](), list[Call](), list[Call]()
    apart = np.empty(waves.shape, waves.dtype)
    for number, some in plan.layout.places.by_field(own.nodes):
        places, field = span(plan.layout.places.place[own.nodes[some]]), fields[number]
        start, fetching = reading(field.start, places)
        beginning += [*fetching, putting(target, span(some), start)]
        part, fetching = reading(field.end[None] if described.at_end else values_of(field), places)
        gathering += [*fetching, putting(waves, span(some), part)]
        if not described.at_end and own.values is not None:
            subtracting += [*fetching, *_subtracting(part, own.values, span(some), apart)]
    found = Guess(
        field=own,
        weights=stack[count:],
        still=described.still,
        at_end=described.at_end,
        beginning=compiled(beginning),
        gathering=compiled(gathering),
        waves=waves,
        judging=(),
        missed=np.zeros(1),
        moved=np.empty(1),
        limit=described.limit,
    )
    return replace(found, judging=compiled(_judging(found, stack, apart, subtracting, described, units)))


def _judging(
    guess: Guess, stack: Floats, apart: Floats, subtracting: list[Call], described: Guessing, units: Floats
) -> list[Call]:
    """Return the calls that compare the `guess` with what is found, and unless it rests make it better.

    `stack` has what is found above the weights; the calls `subtracting` write the difference to `apart` (points, ...).
    `units` (m,) are one over the units of signal.
    """
    if described.terms and (described.effect is not None or not described.still):
        matrix, waves, judging = described.apart(), stack, [*guess.gathering]
    else:
        effect = described.effect
        matrix = np.eye(len(apart)) if effect is None else np.pad(effect, ((0, 0), (1, 0)))
        waves, judging = apart, subtracting
    found, weighing = _weighed(matrix, two_axes(waves), units, guess.moved)
    judging = [*judging, *weighing]
    if described.still:
        return judging
    if described.at_end:
        judging.append(partial(np.add, guess.moved, guess.missed, guess.moved))
        again = described.correcting(guess, found)
    else:
        gathering = () if described.terms else guess.gathering
        again = [*gathering, *described.setting(guess, guess.waves, described.grid)]
    return [*judging, Unless(value=guess.moved, limit=described.limit, calls=tuple(again))]


def _weighed(matrix: Floats, waves: Floats, units: Floats, out: Floats) -> tuple[Floats, list[Call]]:
    """Return `matrix` (k, n) times `waves` (n, *lead x m), and the calls that compute it and its largest size.

    They write that to `out` (1,), in units of signal: `units` (m,) are one over these.
    """
    calls, product = list[Call](), waves
    if not np.array_equal(matrix, np.eye(len(waves))):
        product = np.empty((len(matrix), waves.shape[1]), waves.dtype)
        calls.append(partial(np.matmul, matrix.astype(waves.dtype), waves, product))
    wide, widening = widened(product)
    scale = np.ones(1) if (units == 1.0).all() else np.tile(units, wide.size // units.size)
    return product, [*calls, *widening, partial(largest, out, wide.reshape(1, -1), scale)]


def _some(effect: Floats) -> Floats:
    """Return the rows of the matrix `effect` that are looked at, the last one among them."""
    return effect[(len(effect) - 1) % _EACH :: _EACH]


def _subtracting(found: Floats, guessed: Floats, places: Span, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write to the `places` of `out` what was `found` less what was `guessed` there."""
    if isinstance(places, slice):
        return (partial(np.subtract, found, guessed[..., places], out[..., places]),)
    efforts, fetching = reading(guessed, places)
    room = np.empty(found.shape, found.dtype)
    return *fetching, partial(np.subtract, found, efforts, room), putting(out, places, room)


def starting(found: dict[int, Guess], first: Segment | None, described: Guessing, scales: Floats) -> tuple[Call, ...]:
    """Return the calls that make the first guesses `found`: that nothing moves, or what the segment `first` finds.

    That one is coarser than the segment, whose guesses are `described`. Units of signal are `scales` (N,).
    """
    if first is None:
        return compiled(call for guess in found.values() for call in guess.beginning)
    coarse = [sweep.guess for sweep in first.sweeps if sweep.guess]
    calls: list[Call] = []
    for guess, before in zip((found[key] for key in sorted(found)), coarse, strict=True):
        calls += [*before.gathering, *described.setting(guess, before.waves, first.grid)]
        if described.at_end:
            units = 1.0 / scales[guess.field.nodes]
            calls += _weighed(described.missing(first.grid), two_axes(before.waves), units, guess.missed)[1]
    return compiled(calls)
