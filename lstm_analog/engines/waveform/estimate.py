"""Makes the calls that estimate the error of a segment, from the last Chebyshev coefficients of its waveforms.

Waveforms that are sums of known bases are judged by their weights, the others by their values at the points.

Besides, it adds to storages what weak feedback did to them beyond its guess that all stands still. A torn edge whose
guess was close enough is not solved again. Where it acts on a storage that hardly discharges within the segment, its
effect to first order is known all the same: (G/C) times the integral of what was found less the guess. That is the
first correction of waveform relaxation, at the end of the segment only. Sums of known bases, which the points need not
resolve, are integrated by their values there all the same, within some per cent.
"""

from functools import partial
from math import prod

import numpy as np

from lstm_analog.arrays import Floats, ranks, span
from lstm_analog.engines.native.calls import Unless, following, largest, next_coefficients
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Structure
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import BatchParts, Field
from lstm_analog.engines.waveform.segment import Tolerance
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, adding, combining, reading, widened

_NEGLIGIBLE = 1e-4
"""Truncation error of a known basis, as a share of the tolerance for weights of one unit, that no run looks at."""
_ROUNDING = 4.0
"""Size of a coefficient that is rounding, in last places of one unit; larger: less safe in single precision."""
_ONE = np.ones(1)


def estimate(
    arena: Floats,
    units: list[Floats],
    fields: list[Field],
    scales: Floats,
    degree: int,
    every: int,
    tolerance: Tolerance,
    parts: BatchParts,
) -> tuple[list[Call], Floats]:
    """Return the calls that write the estimated error, in tolerances, to an array (1,), and that array.

    The last columns of `arena` (points, ...) are the waveforms that are no sums of known bases, side by side, of one of
    the `parts` of the batch; `units`, field by field (m,), are their units of signal. The sums are among the `fields`,
    of unknowns with the units of signal `scales` (N,). Waveforms are polynomials of that `degree`, known bases of
    `every` times that; the error is counted in `tolerance`.
    """
    verdict = np.zeros(1)
    if not degree:
        return [], verdict
    wide = np.concatenate([np.empty(0), *(np.tile(each, prod(parts.own)) for each in units)])
    found = [_of_points(arena[:, -wide.size :], wide, degree, tolerance, parts)] if wide.size else []
    found += [one for field in fields for one in _of_terms(field, scales, every * degree, tolerance)]
    calls = [call for some, _ in found for call in some]
    values = [value for _, value in found] or [verdict]
    return [*calls, *(partial(np.maximum, values[0], value, out=values[0]) for value in values[1:])], values[0]


def _of_points(
    solved: Floats, units: Floats, degree: int, tolerance: Tolerance, parts: BatchParts
) -> tuple[list[Call], Floats]:
    """Return the calls that estimate the error of waveforms by their values, and where they write it.

    What is allowed is first that of efforts of one unit; if the error is beyond that, that of the efforts there are.
    """
    tail = chebyshev.last(degree)
    own = np.empty((len(tail), units.size), solved.dtype)
    multiplying = partial(np.matmul, tail.astype(solved.dtype, copy=False), solved, own)
    found = parts.collected(own)
    room, widening = widened(found)
    rounding = _ROUNDING * np.finfo(solved.dtype).eps / tolerance.units if widening else 0.0
    (first, widening_first), (last, widening_last) = (
        widened(parts.collected(some)[0]) for some in (solved[:1], solved[-1:])
    )
    units = np.tile(units, first.size // units.size)
    value, sizes, allowed, end = np.zeros(1), np.empty(len(tail)), np.empty(units.size), np.empty(units.size)
    again: tuple[Call, ...] = (
        *widening,
        *widening_first,
        *widening_last,
        partial(np.absolute, first, allowed),
        partial(np.absolute, last, end),
        partial(np.maximum, allowed, end, out=allowed),
        partial(np.multiply, allowed, tolerance.rtol, allowed),
        partial(np.add, allowed, tolerance.units * units, allowed),
        partial(np.divide, room, allowed, room),
        partial(largest, sizes, room, _ONE),
        *_less(sizes, rounding),
        partial(following, value, sizes),
    )
    calls = list[Call]()
    (parts.each if parts.divided else calls).append(multiplying)
    calls += [
        partial(largest, sizes, found, 1.0 / (tolerance.units * units)),
        *_less(sizes, rounding),
        partial(following, value, sizes),
        Unless(value=value, limit=1.0, calls=again),
    ]
    return calls, value


def _less(sizes: Floats, rounding: float) -> list[Call]:
    """Return the calls that take `rounding` off the `sizes` (k,) of coefficients, so that these are not below zero."""
    if not rounding:
        return []
    return [partial(np.subtract, sizes, rounding, sizes), partial(np.maximum, sizes, 0.0, out=sizes)]


def _of_terms(field: Field, scales: Floats, degree: int, tolerance: Tolerance) -> list[tuple[list[Call], Floats]]:
    """Return the calls that estimate the error of a `field` that is a sum of known bases times weights, if it matters.

    The sum of the errors of the bases bounds it, and counts up to 1; beyond, coefficients are summed first: bases may
    each be badly resolved where their sum is not.
    """
    last, terms = chebyshev.last(degree), field.terms or ()
    tails = [(last @ term.basis).reshape(len(last), -1) for term in terms]
    left = [next_coefficients(np.abs(tail).max(axis=1).tolist()) for tail in tails]
    sizes = [float(np.abs(term.basis).max()) for term in terms]
    counts = [k for k, size in enumerate(sizes) if left[k] > _NEGLIGIBLE * tolerance.units * size]
    if not counts:
        return []
    allowed = tolerance.units * float(scales[field.nodes].min())
    weights, calls = np.empty((len(counts), *terms[0].weight.shape)), list[Call]()
    value, one, rows = np.zeros(1), np.empty(1), np.empty(len(last))
    for number, k in enumerate(counts):
        calls.append(partial(np.copyto, weights[number], terms[k].weight))
        largest_of = one if number else value
        calls.append(partial(largest, largest_of, weights[number].reshape(1, -1), np.array([left[k] / allowed])))
        if number:
            calls.append(partial(np.add, value, one, value))
    total = np.empty((len(last), *weights[0].shape))
    spread = [tails[k] / allowed for k in counts]
    judging = (partial(largest, rows, total.reshape(len(last), -1), _ONE), partial(following, value, rows))
    return [([*calls, Unless(value=value, limit=1.0, calls=(*_summing(total, spread, weights), *judging))], value)]


def _summing(total: Floats, tails: list[Floats], weights: Floats) -> tuple[Call, ...]:
    """Return the calls that write the sum of `tails`, each (k, 1) or (k, m), times `weights` to `total` (k, *lead, m).

    Weights are (tails, *lead, m).
    """
    if all(tail.shape[1] == 1 for tail in tails):
        flat = weights.reshape(len(weights), -1)
        return (partial(np.matmul, np.concatenate(tails, axis=1), flat, total.reshape(len(total), -1)),)
    axes = (1,) * (weights.ndim - 2)
    return combining(total, weights, [tail.reshape(len(tail), *axes, -1) for tail in tails])


def with_drift(
    writing: list[Call],
    couplings: Couplings,
    order: Structure,
    places: Places,
    fields: list[Field],
    state: NetworkState,
    grid: Grid,
    duration: float,
) -> list[Call]:
    """Return the calls `writing`, which write ends into `state`, and those that add what torn edges did in `duration`.

    `duration` is in seconds, the edges are those of `order` among the `couplings`. Their waveforms are those of the
    `fields`, which `places` finds, at the points of `grid`; they were guessed to stand still.
    """
    torn = order.links.only(np.flatnonzero(order.torn))
    gains = duration * torn.values / couplings.capacity[..., torn.rows]
    weights, finding, adding_up = chebyshev.integration(grid)[-1:], list[Call](), list[Call]()
    for number, some in places.by_field(torn.columns):
        start, values = fields[number].start, fields[number].values
        if values is None:  # it stands still
            continue
        integral, still = np.empty((1, start.size)), np.empty(start.shape)
        moved = integral.reshape(start.shape)
        finding.append(partial(np.matmul, weights, values[1:].reshape(grid.degree, -1), integral))
        finding.append(partial(np.multiply, start, float(weights.sum()), still))
        finding.append(partial(np.subtract, moved, still, moved))
        turns = ranks(torn.rows[some])
        for turn in range(1 + int(turns.max())):
            chosen = some[turns == turn]
            change, fetching = reading(moved, span(places.place[torn.columns[chosen]]))
            effect = np.empty(change.shape)
            finding += [*fetching, partial(np.multiply, change, gains[..., chosen], effect)]
            adding_up.append(adding(state.effort, span(torn.rows[chosen]), effect))
    return [*finding, *writing, *adding_up]
