"""Makes the guesses of a segment: waveforms at torn edges, which levels read before they are found.

A guess is that nothing moves, or a sum of few Chebyshev polynomials, or values at all points (`segment.Feedback`). When
the levels have been solved it is compared with the waveforms found. What counts is the effect that its error has behind
the torn edges: the error itself, or its integral where these are storages that hardly discharge within the segment.

Such storages are corrected where guesses stood still and were close enough, so that levels are not solved again
(`with_drift`): the effect is (G/C) times the integral of the waveform found less the guess, to first order. It is the
first correction of waveform relaxation, made at the end of the segment only. Sums of terms, which the points need not
resolve, are integrated by their values there all the same, so that it is wrong by some per cent.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats, Indices, aligned, ranks, span
from lstm_analog.engines.native import compiled
from lstm_analog.engines.native.calls import Unless, largest
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.analysis import Outline
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import Field, WaveformTerm, constant_field, two_axes
from lstm_analog.engines.waveform.levels import Frame
from lstm_analog.engines.waveform.pieces import sweep_limit
from lstm_analog.engines.waveform.segment import Feedback, Guess, Segment, Tolerance, values_of
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, adding, putting, reading, widened

_WRONG = 0.3
"""Share of a correction of a guess by its error at the end that counts as wrong; larger: fewer corrections will do."""
_EACH = 2
"""Guesses are compared with waveforms at every so-many-th point; larger: errors between are missed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Guessing:
    """How the guesses of a segment with the points of `grid` are described, and how large their errors may be.

    A guess is a sum of so many `terms`, Chebyshev polynomials, or if these are 0 given by its values at all points. If
    it is `still` it is that nothing moves: one polynomial, the constant. It is compared with the waveforms found at all
    points, or `at_end` alone. The matrix `effect` (points - 1, points - 1) takes an error at all points but the first
    to its integral; None if the error itself counts. Effects up to `limit`, in units of signal, are accepted.
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
                matrix = chebyshev.polynomials(self.grid.degree, self.terms).astype(waves.dtype)
                calls.append(partial(np.matmul, matrix, weights, two_axes(guess.field.values)))
            return calls
        values = two_axes(values_of(guess.field))
        if grid == self.grid:
            return [partial(np.copyto, values, found)]
        return [partial(np.matmul, chebyshev.refinement(grid, self.grid).astype(waves.dtype), found, values)]

    def omitted(self, grid: Grid) -> Floats:
        """Return the matrix from waveforms at the points of `grid` to the effect of what their guess leaves out."""
        left = np.eye(grid.degree + 1) - chebyshev.polynomials(grid.degree, self.terms) @ self._fitting(grid)
        return _some(left if self.effect is None else chebyshev.integration(grid) @ left[1:])

    def error(self) -> Floats | None:
        """Return the matrix to the effect of the error of a guess; None if it is the error itself.

        For a guess whose terms may change it acts on the waveforms found, above the weights of the polynomials; else on
        their difference from the guess at the points. A waveform found at the end alone differs from the guess by the
        sum of its weights, for there all polynomials are 1.
        """
        if self.at_end:
            return self._growth * np.array([[1.0, *[-1.0] * self.terms]])
        effect = None if self.effect is None else np.pad(self.effect, ((0, 0), (1, 0)))
        if not self.by_weights:
            return effect
        chosen = _some(np.eye(self.grid.degree + 1) if effect is None else effect)
        return np.hstack([chosen, -chosen @ chebyshev.polynomials(self.grid.degree, self.terms)])

    @property
    def by_weights(self) -> bool:
        """Whether a guess is compared by its weights; else by its values at the points."""
        return self.terms > 0 and (self.effect is not None or not self.still)

    def correcting(self, guess: Guess, effect: Floats) -> list[Call]:
        """Return the calls that add to the `guess` its error at the end, whose `effect` is (1, k).

        A guess that a coarser segment found, with storages that stood still, lacks what their drift does. That grows
        from the start about as the time, and so does what is added; a share of it is taken to be wrong.
        """
        growing = self._fitting(self.grid) @ chebyshev.points(self.grid)[:, None] / self._growth
        weights, room, wrong = two_axes(guess.weights), np.empty_like(two_axes(guess.weights)), np.empty(1)
        return [
            partial(np.matmul, growing.astype(weights.dtype), effect, room),
            partial(np.add, weights, room, weights),
            partial(np.multiply, guess.moved, _WRONG, wrong),
            partial(np.add, guess.missed, wrong, guess.missed),
        ]

    @property
    def _growth(self) -> float:
        """The effect of an error that grows as the time, to one unit at the end: that unit, or its integral."""
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
        found[sweep] = _guess(plan.layout.places, fields, stack, described, 1.0 / scales[nodes])
    return found


def _field(nodes: Indices, weights: Floats, frame: Frame, still: bool, read: bool) -> Field:
    """Return the field of guesses of `nodes` (m,) that are sums of polynomials times `weights` (terms, *lead, m).

    It has values at the points of `frame` if these are `read`. If it is `still`, the one polynomial is the constant.
    """
    if still:
        return constant_field(nodes, weights[0], frame.count, frame.every, held=False)
    values = np.zeros((frame.count if read else 1, *weights.shape[1:]), frame.dtype)
    bases = chebyshev.polynomials(len(frame.finer_derivative) - 1, len(weights)).T if len(weights) else ()
    terms = tuple(
        WaveformTerm(basis=basis, weight=weight, held=False, still=False, guessed=True, every=frame.every)
        for basis, weight in zip(bases, weights, strict=True)
    )
    return Field(nodes=nodes, start=values[0], end=values[-1], values=values if read else None, terms=terms or None)


def _guess(places: Places, fields: list[Field], stack: Floats, described: Guessing, units: Floats) -> Guess:
    """Return the guess whose field is the last of `fields`; the waveforms found are in those that `places` says.

    `stack` (points + terms, *lead, m) has room for these, at the points or the end alone, above the weights of the
    guess. `units` (m,) are one over the units of signal of its unknowns.
    """
    own, count = fields[-1], len(stack) - described.terms
    waves, target = stack[:count], own.start if described.still else values_of(own)
    beginning, gathering, subtracting = list[Call](), list[Call](), list[Call]()
    difference = np.empty(waves.shape, waves.dtype)
    for number, some in places.by_field(own.nodes):
        field, there, here = fields[number], span(places.place[own.nodes[some]]), span(some)
        start, fetching = reading(field.start, there)
        beginning += [*fetching, putting(target, here, start)]
        part, fetching = reading(field.end[None] if described.at_end else values_of(field), there)
        gathering += [*fetching, putting(waves, here, part)]
        if not described.by_weights:  # `here` is a slice: guessed unknowns are in the order of their fields
            subtract = partial(np.subtract, part, own.at_points[..., here], difference[..., here])
            subtracting += [*fetching, subtract]
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
    compared = (stack, found.gathering) if described.by_weights else (difference, tuple(subtracting))
    return replace(found, judging=compiled(_judging(found, *compared, described, units)))


def _judging(
    guess: Guess, compared: Floats, comparing: tuple[Call, ...], described: Guessing, units: Floats
) -> list[Call]:
    """Return the calls that write the effect of the error of `guess` to `moved`, and change it if that is too large.

    The calls `comparing` write to `compared` (n, *lead, m) what `Guessing.error` acts on. `units` (m,) are one over the
    units of signal.
    """
    found, weighing = _effect(described.error(), two_axes(compared), units, guess.moved)
    judging = [*comparing, *weighing]
    if described.still:
        return judging
    if described.at_end:
        judging.append(partial(np.add, guess.moved, guess.missed, guess.moved))
        again = described.correcting(guess, found)
    else:
        gathering = () if described.by_weights else guess.gathering
        again = [*gathering, *described.setting(guess, guess.waves, described.grid)]
    return [*judging, Unless(value=guess.moved, limit=described.limit, calls=tuple(again))]


def _effect(matrix: Floats | None, waves: Floats, units: Floats, out: Floats) -> tuple[Floats, list[Call]]:
    """Return `matrix` (k, n) times `waves` (n, *lead x m), and the calls that compute it and its largest size.

    None stands for the waves themselves. The size is written to `out` (1,), in units of signal: `units` (m,) are one
    over these.
    """
    calls, product = list[Call](), waves
    if matrix is not None:
        product = np.empty((len(matrix), waves.shape[1]), waves.dtype)
        calls.append(partial(np.matmul, matrix.astype(waves.dtype), waves, product))
    wide, widening = widened(product)
    scale = np.ones(1) if (units == 1.0).all() else np.tile(units, wide.size // units.size)
    return product, [*calls, *widening, partial(largest, out, wide.reshape(1, -1), scale)]


def _some(effect: Floats) -> Floats:
    """Return the rows of the matrix `effect` that are compared, the last one among them."""
    return effect[(len(effect) - 1) % _EACH :: _EACH]


def starting(found: dict[int, Guess], coarse: Segment | None, described: Guessing, scales: Floats) -> tuple[Call, ...]:
    """Return the calls that make the first guesses `found`: that nothing moves, or what the segment `coarse` finds.

    The guesses of the finer segment are `described`. Units of signal are `scales` (N,).
    """
    if coarse is None:
        return compiled(call for guess in found.values() for call in guess.beginning)
    earlier = [sweep.guess for sweep in coarse.sweeps if sweep.guess]
    calls: list[Call] = []
    for guess, before in zip((found[key] for key in sorted(found)), earlier, strict=True):
        calls += [*before.gathering, *described.setting(guess, before.waves, coarse.grid)]
        if described.at_end:
            units = 1.0 / scales[guess.field.nodes]
            calls += _effect(described.omitted(coarse.grid), two_axes(before.waves), units, guess.missed)[1]
    return compiled(calls)


def with_drift(
    writing: list[Call],
    couplings: Couplings,
    order: Structure,
    places: Places,
    fields: list[Field],
    state: NetworkState,
    grid: Grid,
    duration: float,
    slack: Floats,
) -> list[Call]:
    """Return the calls `writing`, which write ends into `state`, with those that add the drift through torn edges.

    These edges are those of `order` among the `couplings`; the unknowns at their tails were guessed to stand still, and
    have values at the points of `grid`; `places` says where among `fields`. `duration` (s) is the segment's. Stored
    products do not include the drift: its largest size is added to `state.drift`, in units of `slack` (N,) if not 0.
    """
    torn = order.links.only(np.flatnonzero(order.torn))
    gains = duration * torn.values / couplings.capacity[..., torn.rows]
    per_slack = np.divide(1.0, slack, out=np.zeros_like(slack), where=slack > 0.0)
    quadrature, finding, adding_up = chebyshev.integration(grid)[-1:], list[Call](), list[Call]()
    for number, some in places.by_field(torn.columns):
        start, values = fields[number].start, fields[number].at_points
        integral, still = np.empty((1, start.size)), np.empty(start.shape)
        moved = integral.reshape(start.shape)
        finding.append(partial(np.matmul, quadrature, values[1:].reshape(grid.degree, -1), integral))
        finding.append(partial(np.multiply, start, float(quadrature.sum()), still))
        finding.append(partial(np.subtract, moved, still, moved))
        turns = ranks(torn.rows[some])
        for turn in range(1 + int(turns.max())):
            chosen = some[turns == turn]
            change, fetching = reading(moved, span(places.place[torn.columns[chosen]]))
            effect = np.empty(change.shape)
            finding += [*fetching, partial(np.multiply, change, gains[..., chosen], effect)]
            most, slacks = np.empty(1), np.tile(per_slack[torn.rows[chosen]], effect.size // chosen.size)
            adding_up.append(adding(state.effort, span(torn.rows[chosen]), effect))
            adding_up.append(partial(largest, most, effect.reshape(1, -1), slacks))
            adding_up.append(partial(np.add, state.drift, most, state.drift))
    return [*finding, *writing, *adding_up]
