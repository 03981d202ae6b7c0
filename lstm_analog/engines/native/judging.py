"""Calls that judge numbers: whether they are positive, their largest sizes, what follows the last of a series.

The kernel has the same (`kernel.c`); these are what they do where there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.expressions import Call, make


@dataclass(frozen=True, kw_only=True, eq=False)
class Unless:
    """The call that makes `calls` unless `value` (1,) is at most `limit`; NaN is not."""

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
        """Raise it if that is due."""
        least = float(self.values.min(initial=inf))
        if not least > 0.0:
            raise self.refusal(least)


class Unsolved(ArithmeticError):  # noqa: N818 - not an error of the user: what is not solved is tried another way
    """What was repeated as often as it may be did not come within its limit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeat:
    """The call that makes `calls` until `value` (1,) is at most `limit`, `most` times; beyond, it is `Unsolved`."""

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
    """The call that makes `calls`, and where these are `Unsolved` makes `instead`."""

    calls: tuple[Call, ...]
    instead: Call

    def __call__(self) -> None:
        """Make the calls, or what is made instead."""
        try:
            make(self.calls)
        except Unsolved:
            self.instead()


def largest_each(out: Floats, values: Floats, scale: Floats) -> None:
    """Write the largest size in each column of all `values` (k, n, m), times `scale` (k, m), to `out` (m,)."""
    np.max(np.abs(values * scale[:, None]), axis=(0, 1), out=out)


def largest(out: Floats, values: Floats, scale: Floats) -> None:
    """Write the largest size of each row of `values` (k, n), times `scale` (n,) or (1,), to `out` (k,)."""
    np.max(np.abs(values * scale), axis=1, out=out)


def following(value: Floats, sizes: Floats) -> None:
    """Write `next_coefficients` of the `sizes` (k,) to `value` (1,)."""
    value[0] = next_coefficients(sizes.tolist())


def next_coefficients(last: list[float]) -> float:
    """Return 16 times the sum of the coefficients that follow the `last` ones, if they go on falling as these do.

    Infinity where one is not finite.

    `last` are sizes of Chebyshev coefficients, lowest degree first. They are taken in pairs, the larger of each, since
    every second one may vanish. Of the falls from pair to pair the slowest counts, and the last pair is taken to be no
    smaller than the fall before it predicts, for it may be small by chance, at a change of sign. With the factor 16 it
    bounds what collocation adds to what the coefficients leave out (`tests/engines`). Of three the first is a pair.
    """
    if not all(map(isfinite, last)):
        return inf
    last = [last[0], *last] if len(last) == 3 else last
    *earlier, after = [max(last[k : k + 2]) for k in range(len(last) % 2, len(last), 2)]
    if len(earlier) > 1 and after and earlier[-2]:
        after = max(after, earlier[-1] * min(1.0, earlier[-1] / earlier[-2]))
    falls = [(after / before) ** (1.0 / (len(earlier) - k)) if before else inf for k, before in enumerate(earlier)]
    ratio = max(falls) if after else 0.0
    return 16.0 * after * min(10.0, ratio / (1.0 - ratio) if ratio < 1.0 else 10.0)
