"""Makes the calls that compute the slopes of a level: how the flows of its members change with their own efforts."""

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from lstm_analog.arrays import Flags, Floats, span
from lstm_analog.engines.phase.wiring import Load, Wiring
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.expressions import Call, adding, reading
from lstm_analog.network.laws import High, partials_into, rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Slopes:
    """The slopes d own flows / d own efforts of a level, `values` (k, k, points, *lead, m), after the `calls`.

    `present` (k, k) tells which may be other than zero.
    """

    values: Floats
    calls: tuple[Call, ...]
    present: Flags


def own_slopes(wiring: Wiring, waves: Waves, high: High, shape: tuple[int, ...]) -> Slopes:
    """Return the slopes of a level with this `wiring` at the efforts `waves`, which are of this `shape`.

    It is (points, *lead, m), and lacks the first point if all members have storage. `high` are the clock lines.
    """
    constant, loads = wiring.own, [load for load in wiring.loads if load.own]
    width = constant.shape[-1]
    values = np.zeros((width, width, *shape))
    present: Flags = np.any(constant.reshape(-1, width, width), axis=0)
    for own in (own for load in loads for own in load.own):
        present[own.row, own.column] = True
    calls: list[Call] = [
        partial(np.copyto, values[row, column], constant[..., row, column]) for row, column in np.argwhere(present)
    ]
    for load in loads:
        calls += _adding_partials(load, waves, high, values)
    return Slopes(values=values, calls=tuple(calls), present=present)


def _adding_partials(load: Load, waves: Waves, high: High, values: Floats) -> list[Call]:
    """Return the calls that add the partials of `load` at `waves` to the slopes `values`."""
    count = rows(load.part).shape[-1]
    found = {number: np.empty((*values.shape[2:-1], count)) for number in sorted({own.block for own in load.own})}
    calls = list(partials_into(load.part, cast(Floats, waves), high, found))
    for own in load.own:
        value, fetching = reading(found[own.block], span(own.elements))
        calls += [*fetching, adding(values[own.row, own.column], span(own.into), -1, value)]
    return calls
