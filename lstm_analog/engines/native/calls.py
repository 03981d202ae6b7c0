"""Calls beside numpy's functions: they decide by a number, and solve small linear systems side by side.

The kernel does the same (`kernel.c`, `solving.inc`); without it these functions work. Of many systems, entry (a, b) of
all matrices lies together, the systems along the last axes. A singular system gives NaN, for its caller to look for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from lstm_analog.arrays import Array, Flags, Floats, Indices
from lstm_analog.expressions import Call, make


@dataclass(frozen=True, kw_only=True, eq=False)
class Unless:
    """The call that makes `calls` unless `value` (1,) is at most `limit`; they are made if it is NaN."""

    value: Floats
    limit: float
    calls: tuple[Call, ...]

    def __call__(self) -> None:
        """Make the calls if they are due."""
        if not self.value[0] <= self.limit:
            make(self.calls)


@dataclass(frozen=True, kw_only=True, eq=False)
class Positive:
    """The call that raises the `refusal` of the least of the `values` (...) unless all of them are above zero."""

    values: Array
    refusal: Callable[[float], Exception]

    def __call__(self) -> None:
        """Raise the refusal unless all values are above zero."""
        least = float(self.values.min(initial=inf))
        if not least > 0.0:
            raise self.refusal(least)


class Unsolved(ArithmeticError):  # noqa: N818 - not an error of the user: what is not solved is tried another way
    """A value did not come within its limit, though its calls were repeated as often as they may be."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeat:
    """The call that makes `calls` until `value` (1,) is at most `limit`; after `most` times it raises `Unsolved`."""

    calls: tuple[Call, ...]
    value: Floats
    limit: float
    most: int

    def __call__(self) -> None:
        """Make the calls as often as it takes."""
        for _ in range(self.most):
            make(self.calls)
            if self.value[0] <= self.limit:
                return
        raise Unsolved


@dataclass(frozen=True, kw_only=True, eq=False)
class Otherwise:
    """The call that makes `calls`, and `instead` if one of these raises `Unsolved`."""

    calls: tuple[Call, ...]
    instead: Call

    def __call__(self) -> None:
        """Make the calls, and the other one if they are not solved."""
        try:
            make(self.calls)
        except Unsolved:
            self.instead()


def largest_each(out: Floats, values: Floats, scale: Floats) -> None:
    """Write the largest size of `values` (k, n, m) times `scale` (k, m) over the first two axes to `out` (m,)."""
    np.max(np.abs(values * scale[:, None]), axis=(0, 1), out=out)


def largest(out: Floats, values: Floats, scale: Floats) -> None:
    """Write the largest size of each row of `values` (k, n), times `scale` (n,) or (1,), to `out` (k,)."""
    np.max(np.abs(values * scale), axis=1, out=out)


def following(value: Floats, sizes: Floats) -> None:
    """Write `next_coefficients` of the `sizes` (k,) to `value` (1,)."""
    value[0] = next_coefficients(sizes.tolist())


def next_coefficients(last: list[float]) -> float:
    """Return 16 times the sum of the coefficients that follow the `last` ones, if they go on falling as these do.

    `last` are sizes of Chebyshev coefficients, two at least, lowest degree first; the result is infinite if one is not
    finite. They are taken in pairs, the larger of each, since every second one may vanish; of two or three sizes the
    first stands alone. The slowest fall counts, of those to the last pair from each before it, and the last pair is
    taken to be no smaller than the fall before it predicts: it may be small by chance, at a change of sign. The factor
    16 bounds what collocation adds to what the coefficients leave out (`tests/engines/test_chebyshev.py`).
    """
    if not all(map(isfinite, last)):
        return inf
    alone = 1 if len(last) < 4 else 0
    pairs = [max(last[k : k + 2]) for k in range(alone or len(last) % 2, len(last), 2)]
    *earlier, after = [*last[:alone], *pairs]
    if len(earlier) > 1 and after and earlier[-2]:
        after = max(after, earlier[-1] * min(1.0, earlier[-1] / earlier[-2]))
    falls = [(after / before) ** (1.0 / (len(earlier) - k)) if before else inf for k, before in enumerate(earlier)]
    ratio = max(falls) if after else 0.0
    return 16.0 * after * min(10.0, ratio / (1.0 - ratio) if ratio < 1.0 else 10.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """Which entries of small matrices, all alike, may be other than zero.

    In row a they are in the `columns[starts[a] : starts[a + 1]]`, as in a sparse matrix in rows (CSR).
    """

    starts: Indices
    columns: Indices


def entries(present: Flags) -> Entries:
    """Return the entries that are `present` (rows, columns)."""
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return Entries(starts=starts.astype(np.int64), columns=np.nonzero(present)[1].astype(np.int64))


def write_products(out: Floats, matrix: Floats, vectors: Floats, present: Entries) -> None:
    """Write the products of `matrix` (a, b, points, ...) and `vectors` (b, points, ...) to `out` (a, points, ...).

    The entries of the matrix that are not `present` are zero. It may be one for all points: (a, b, 1, ...).
    """
    np.einsum("ab...,b...->a...", matrix, vectors, out=out)


def add_products(out: Floats, matrix: Floats, vectors: Floats, present: Entries) -> None:
    """Add the products that `write_products` writes, of `matrix` and `vectors` by the entries `present`, to `out`."""
    out += np.einsum("ab...,b...->a...", matrix, vectors)


def invert_negative(out: Floats, matrices: Floats, chosen: Floats) -> None:
    """Write the inverses of minus `matrices` (k, k, points, ..., m) to `out` where `chosen` (m,) is above zero."""
    some = chosen > 0.0
    given = np.moveaxis(matrices[..., some], (0, 1), (-2, -1))
    same = bool((given == given[:1]).all())
    out[..., some] = -np.moveaxis(_inverse(given[:1] if same else given), (-2, -1), (0, 1))


def invert_collocation(out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, chosen: Floats) -> None:
    """Write the inverses of the matrices of `collocation` to `out` (n, n, ..., m) where `chosen` (m,) is above zero.

    `slopes`, `capacity` and `derivative` are those of `collocation`.
    """
    some = chosen > 0.0
    found = _inverse(collocation(slopes[..., some], capacity[..., some, :], derivative))
    out[..., some] = np.moveaxis(found, (-2, -1), (0, 1))


def solve_collocation(out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, right: Floats) -> None:
    """Write the solutions of the equations of `collocation` with the `right` sides (d, points, ..., m) to `out`.

    `slopes`, `capacity` and `derivative` are those of `collocation`.
    """
    matrices = collocation(slopes, capacity, derivative)
    sides = np.moveaxis(right, (0, 1), (-2, -1)).reshape(*matrices.shape[:-1], 1)
    try:
        found = np.linalg.solve(matrices, sides)
    except np.linalg.LinAlgError:
        found = np.full(sides.shape, np.nan)
    out[...] = np.moveaxis(found.reshape(*sides.shape[:-2], *out.shape[:2]), (-2, -1), (0, 1))


def collocation(slopes: Floats, capacity: Floats, derivative: Floats) -> Floats:
    """Return the matrices C D - S of k members at all points, (..., m, n, n) with n = k x points.

    `slopes` S (k, k, points, ..., m) may lack the first point, `capacity` C (..., m, d) is that of the members with
    storage, which come first: their efforts at the first point are given. `derivative` D (points, points) is the matrix
    that differentiates.
    """
    width, count, lead = len(slopes), len(derivative), slopes.shape[3:]
    matrix = np.zeros((*lead, width, count, width, count))
    each = np.arange(count - slopes.shape[2], count)
    for row, column in np.ndindex(width, width):
        matrix[..., row, each, column, each] = -np.moveaxis(slopes[row, column], 0, -1)
    for row in range(capacity.shape[-1]):
        matrix[..., row, :, row, :] += capacity[..., row, None, None] * derivative
        matrix[..., row, 0, :, :] = 0.0
        matrix[..., row, 0, row, 0] = 1.0
    return matrix.reshape(*lead, width * count, width * count)


def _inverse(matrices: Floats) -> Floats:
    """Return the inverses of `matrices` (..., n, n), NaN if one is singular."""
    try:
        return np.linalg.inv(matrices).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.full(matrices.shape, np.nan)
