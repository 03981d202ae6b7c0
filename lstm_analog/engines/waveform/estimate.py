"""Makes the calls that estimate the error of a segment, from the last Chebyshev coefficients of its waveforms.

The error of waveforms that are sums of terms follows from their weights, that of the others from their values.
"""

from functools import partial
from math import prod

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native.calls import Unless, following, largest, next_coefficients
from lstm_analog.engines.waveform import chebyshev
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.fields import BatchParts, Field, sum_of_terms
from lstm_analog.engines.waveform.segment import Tolerance
from lstm_analog.expressions import Call, where_less, widened

_NEGLIGIBLE = 1e-4
"""Truncation error of a basis, as a share of the tolerance for a weight of one unit, up to which no run estimates it.

Larger: fewer estimates, and errors that are not seen.
"""
_ROUNDING = 4.0
"""Size up to which a coefficient is rounding, in last places of one unit; larger: less safe in single precision."""
_KINK_DEGREE = 16
"""Degree from which on it is looked at whether coefficients fall as those of a waveform with a kink; lower: noise."""
_KINK_FALL = 24.0
"""Fall from the coefficients in the middle to the last ones up to which a waveform has a kink; larger: more points.

Those of a kink in the slope fall as 1/k^3, by 8 from the middle on, times a wave; those of a smooth waveform that is
resolved fall by the square root of its tolerance.
"""
_KINK_ERROR = 8.0
"""Factor on the estimated error of a waveform with a kink, since the last coefficients may lie in a trough of the wave.

Larger: more points. Op-amps that pass their clamps were 11 times as far off as estimated without it, at worst.
"""
_ONE = np.ones(1)


def estimate(
    arena: Floats,
    units: list[Floats],
    fields: list[Field],
    scales: Floats,
    grid: Grid,
    every: int,
    tolerance: Tolerance,
    parts: BatchParts,
    starts: list[tuple[list[Call], Floats]],
) -> tuple[list[Call], Floats]:
    """Return the calls that write the estimated error, in tolerances, to an array (1,), and that array.

    The last columns of `arena` (points, ...) are waveforms without terms, side by side, of one of the `parts` of the
    batch; `units`, field by field (m,), are their units of signal. Those with terms are among the `fields`, of unknowns
    with the units of signal `scales` (N,). Waveforms are those of the `grid`, bases have `every` times its degree; the
    error is counted in `tolerance`. `starts` are further estimates, of storages whose laws may have kinks.
    """
    verdict, degree = np.zeros(1), grid.degree
    if not degree:
        return [], verdict
    wide = np.concatenate([np.empty(0), *(np.tile(each, prod(parts.own)) for each in units)])
    kinked = bool(starts) and degree >= _KINK_DEGREE
    found = [_of_points(arena[:, -wide.size :], wide, degree, tolerance, parts, kinked)] if wide.size else []
    found += [one for field in fields for one in _of_terms(field, scales, every * degree, tolerance)] + starts
    calls = [call for some, _ in found for call in some]
    values = [value for _, value in found] or [verdict]
    return [*calls, *(partial(np.maximum, values[0], value, out=values[0]) for value in values[1:])], values[0]


def _of_points(
    solved: Floats, units: Floats, degree: int, tolerance: Tolerance, parts: BatchParts, kinked: bool
) -> tuple[list[Call], Floats]:
    """Return the calls that estimate the error of waveforms by their values, and the array (1,) they write it to.

    The waveforms `solved` (points, n) have the `units` (n,) of signal. At first all efforts are taken to be up to one
    unit; only if the error exceeds that tolerance is it compared with that of the efforts as they are at the edges.
    Where waveforms may be `kinked`, three coefficients in the middle are looked at, too.
    """
    middle = degree // 2
    some = chebyshev.coefficients(degree)[middle - 1 : middle + 2] if kinked else np.empty((0, degree + 1))
    tail = np.concatenate([some, chebyshev.last_coefficients(degree)])
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
        *_error(value, sizes, len(some)),
    )
    calls = list[Call]()
    (parts.each if parts.divided else calls).append(multiplying)
    calls += [
        partial(largest, sizes, found, 1.0 / (tolerance.units * units)),
        *_less(sizes, rounding),
        *_error(value, sizes, len(some)),
        Unless(value=value, limit=1.0, calls=again),
    ]
    return calls, value


def _error(value: Floats, sizes: Floats, middle: int) -> list[Call]:
    """Return the calls that write the error to `value` (1,) that follows from the `sizes` (k,) of some coefficients.

    The last ones come behind those of the `middle`, if any.
    """
    calls: list[Call] = [partial(following, value, sizes[middle:])]
    if not middle:
        return calls
    last, slow, more = np.empty(1), np.empty(1), np.empty(1)
    return [
        *calls,
        partial(largest, slow, sizes[None, :middle], np.array([1.0 / _KINK_FALL])),
        partial(largest, last, sizes[None, middle:], _ONE),
        partial(np.multiply, value, _KINK_ERROR, more),
        partial(np.subtract, last, slow, last),
        partial(where_less, 0.0, last, more, value, value),
    ]


def _less(sizes: Floats, rounding: float) -> list[Call]:
    """Return the calls that subtract `rounding` from the `sizes` (k,) of coefficients, down to zero; none without."""
    if not rounding:
        return []
    return [partial(np.subtract, sizes, rounding, sizes), partial(np.maximum, sizes, 0.0, out=sizes)]


def _of_terms(field: Field, scales: Floats, degree: int, tolerance: Tolerance) -> list[tuple[list[Call], Floats]]:
    """Return the calls that estimate the error of the waveforms of a `field` from its terms, and where they write it.

    It is one such pair, or none if the field has no terms or all bases are resolved. The errors of the bases, times the
    weights and summed, are a bound. Only if that exceeds 1 are the last coefficients of the waveforms themselves summed
    and judged: bases may be badly resolved where their sum is not.
    """
    last, terms = chebyshev.last_coefficients(degree), field.terms or ()
    tails = [last @ term.basis for term in terms]
    left = [next_coefficients(np.abs(tail.reshape(len(last), -1)).max(axis=1).tolist()) for tail in tails]
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
    summing = sum_of_terms([tails[k] / allowed for k in counts], weights, total)
    judging = (partial(largest, rows, total.reshape(len(last), -1), _ONE), partial(following, value, rows))
    return [([*calls, Unless(value=value, limit=1.0, calls=(*summing, *judging))], value)]
