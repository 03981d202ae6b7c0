"""The polynomials of the kernel's tanh, exp and log1p, and their errors: `python benchmarks/minimax.py`.

Remez's exchange in long doubles: of all polynomials of so many terms, these have the least largest relative error of
(exp(r) - 1) / r for |r| <= ln 2 / 2, of artanh(s) / s for s^2 up to 0.0295, and of tanh(r) / r for |r| <= ln 2 / 4,
their first term being 1. `engines/native/kernel.c` has them to more digits, from the same exchange with 40; the
errors are those of the polynomials, not of the functions as computed, which `tests/engines/test_native.py` bounds.
"""

from collections.abc import Callable

import numpy as np
from measure import table

LONG = np.longdouble
TERMS = 40
"""Terms of the series that stand for the functions."""
GRID, ROUNDS = 2000, 10
"""Points on which the largest errors are looked for, and exchanges."""
Function = Callable[[np.ndarray], np.ndarray]


def series(terms: list[float]) -> Function:
    """Return the function that is the sum of `terms[k]` x^k."""
    return lambda x: np.polynomial.polynomial.polyval(x, np.array(terms, LONG))


def tangent(terms: int) -> list[float]:
    """Return the series of tanh(r) / r over z = r^2, which solves f' = 1 - f^2."""
    found = [LONG(1)]
    for k in range(1, terms):
        found.append(-sum(found[j] * found[k - 1 - j] for j in range(k)) / (2 * k + 1))
    return found


def exchanged(wanted: Function, count: int, low: float, high: float, weight: Function) -> tuple[np.ndarray, float]:
    """Return the `count` coefficients that are nearest to `wanted`, errors times `weight`, and the largest of these."""
    grid = LONG(low) + LONG(high - low) * (1 - np.cos(np.arange(GRID + 1, dtype=LONG) * np.pi / GRID)) / 2
    places = np.linspace(0, GRID, count + 3).astype(int)[1:-1]
    for _ in range(ROUNDS):
        x = grid[places]
        columns = [weight(x) * x**k for k in range(count)] + [(LONG(-1) ** np.arange(count + 1))]
        found = solved(np.stack(columns, axis=1), weight(x) * wanted(x))[:count]
        error = weight(grid) * (wanted(grid) - np.polynomial.polynomial.polyval(grid, found))
        parts = np.split(np.arange(GRID + 1), np.flatnonzero(np.diff(np.sign(error))) + 1)
        peaks = np.array([part[np.abs(error[part]).argmax()] for part in parts])
        while len(peaks) > count + 1:
            peaks = peaks[1:] if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else peaks[:-1]
        if len(peaks) < count + 1:
            break
        places = peaks
    return found, float(np.abs(error).max())


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the solution of a system of equations in long doubles, which LAPACK has not."""
    a = np.concatenate([matrix, right[:, None]], axis=1)
    for k in range(len(a)):
        pivot = k + int(np.abs(a[k:, k]).argmax())
        a[[k, pivot]] = a[[pivot, k]]
        a[k] /= a[k, k]
        others = np.arange(len(a)) != k
        a[others] -= a[others, k, None] * a[k]
    return a[:, -1]


def main() -> None:
    """Print the polynomials."""
    factorial = np.cumprod(np.arange(1, TERMS + 2, dtype=LONG))
    half, odd = np.log(LONG(2)) / 2 * (1 + 1e-4), ((np.sqrt(LONG(2)) - 1) / (np.sqrt(LONG(2)) + 1)) ** 2 * (1 + 2e-4)
    whole = series((1 / factorial).tolist())
    exp = (series(list(1 / factorial[1:])), lambda r: np.abs(r) / whole(r) + 1e-9, -half, half)
    artanh = (series([LONG(1) / (2 * k + 3) for k in range(TERMS)]), lambda z: z, 1e-12, odd)
    tanh = (series(tangent(TERMS)[1:]), lambda z: z, 1e-12, (half / 2) ** 2)
    found = []
    for name, (wanted, weight, low, high), counts in (
        *(("exp", exp, (5, 10)), ("artanh", artanh, (3, 7)), ("tanh", tanh, (3, 6))),
    ):
        for count in counts:
            terms, error = exchanged(wanted, count, low, high, weight)
            found.append((name, count, f"{error:.2g}", ", ".join(f"{term:.19g}" for term in terms)))
    print(table(("function", "terms after 1", "largest relative error", "coefficients"), found))


if __name__ == "__main__":
    main()
