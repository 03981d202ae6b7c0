"""The noise of transistor cells as a table: by clock state, part and mechanism."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.study.noise import NoisySignal
from lstm_analog.study.sampled_noise import SampledNoise

RowKey = tuple[str, str, str]
"""Clock state, part, mechanism."""


@dataclass(frozen=True, kw_only=True)
class NoiseRow:
    """What a `part` makes by a mechanism, its `kind`, while the clock stands in a `state`.

    All are standard deviations in signal units, root mean square over units.

    Attributes
    ----------
    state, part, kind : str
        The clock state, of all steps; the part; "shot", "thermal" or "1/f".
    c, h : float
        What of it is held after the last step, simulated.
    c_by_hand, h_by_hand : float
        The same by hand.
    c_standing, h_standing : float
        What is on the terminals while the clock stands so, and held by nothing.
    """

    state: str
    part: str
    kind: str
    c: float
    h: float
    c_by_hand: float
    h_by_hand: float
    c_standing: float
    h_standing: float


def rows_of(
    simulated: SampledNoise, estimated: SampledNoise, standing: Mapping[RowKey, Floats]
) -> tuple[NoiseRow, ...]:
    """Return the rows of noise `simulated` and `estimated` after the last step, and of what is `standing`.

    The last are variances of c and h, (2,), by state, part and mechanism. Rows come by state, as they follow in a run,
    the largest part of h first.
    """
    held = [dict(_held(each, signal)) for each in (simulated, estimated) for signal in (NoisySignal.C, NoisySignal.H)]
    keys = dict.fromkeys(key for found in (*held, standing) for key in found)
    states = list(dict.fromkeys((*simulated.intervals, *(state for state, _, _ in keys))))
    none = np.zeros(2)
    variances = np.array([[*(found.get(key, 0.0) for found in held), *standing.get(key, none)] for key in keys])
    sigmas = np.sqrt(np.maximum(variances, 0.0)).tolist()
    rows = [_row(key, sigma) for key, sigma in zip(keys, sigmas, strict=True) if any(sigma)]
    return tuple(sorted(rows, key=lambda row: (states.index(row.state), -max(row.h, row.h_by_hand), -row.h_standing)))


def _row(key: RowKey, sigma: list[float]) -> NoiseRow:
    c, h, c_by_hand, h_by_hand, *standing = sigma
    return NoiseRow(
        state=key[0],
        part=key[1],
        kind=key[2],
        c=c,
        h=h,
        c_by_hand=c_by_hand,
        h_by_hand=h_by_hand,
        c_standing=standing[0],
        h_standing=standing[1],
    )


def largest_of(rows: tuple[NoiseRow, ...]) -> tuple[NoiseRow, ...]:
    """Return those of `rows` that make a hundredth of the largest variance in a column, or more."""
    sigmas = np.array([[value for value in astuple(row) if isinstance(value, float)] for row in rows])
    chosen = (sigmas >= 0.1 * sigmas.max(axis=0)).any(axis=1)
    return tuple(row for row, is_large in zip(rows, chosen.tolist(), strict=True) if is_large)


def _held(found: SampledNoise, signal: NoisySignal) -> Iterator[tuple[RowKey, float]]:
    """Yield state, part and mechanism with the variance of `signal` after the last step, intervals of a name summed."""
    variance = found.origins(signal).variance
    names = np.array(found.intervals[: len(variance)])
    for state in dict.fromkeys(names.tolist()):
        by_part = variance[names == state].sum(axis=0).tolist()
        yield from (
            ((state, part, kind), value) for part, kind, value in zip(found.parts, found.kinds, by_part, strict=True)
        )
