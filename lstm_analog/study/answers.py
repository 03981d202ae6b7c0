"""The outputs of the numeric LSTM that netlists must reproduce, and where to read them in each pass."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled, Spot
from lstm_analog.model import LSTM, State
from lstm_analog.study.certificate import ShownSignal


def answers(lstm: LSTM, passes: tuple[Compiled, ...], x: Floats, start: State) -> list[tuple[ShownSignal, ...]]:
    """Return the signals that each pass must reproduce for `x` (time, inputs) from `start`: h of its chains, then y.

    Their values are those of `lstm`; `passes` are its compiled networks.
    """
    trace, head = lstm.trace(x, start), lstm.head
    said = [(f"{chain.label}_h", 1.0, layer.h) for chain, layer in zip(lstm.chains, trace.layers, strict=True)]
    if head is not None and trace.outputs.y is not None:
        said.append(("y", head.gain, np.atleast_2d(trace.outputs.y)))
    left = iter(said)
    return [tuple(_signal(each, spot, next(left)) for spot in _spots(each)) for each in passes]


def _spots(compiled: Compiled) -> Iterator[tuple[Spot, bool]]:
    """Yield the spots of h and y in a pass, and whether each runs backward in time."""
    layout = compiled.layout
    yield from ((place.h, place.backward) for place in layout.layers)
    if layout.head is not None:
        yield layout.head.y, layout.backward


def _signal(compiled: Compiled, where: tuple[Spot, bool], said: tuple[str, float, Floats]) -> ShownSignal:
    (spot, backward), (label, unit, values) = where, said
    ends = compiled.cycle.ends(spot.interval, len(values)).tolist()
    return ShownSignal(
        label=label,
        group=spot.group,
        against=spot.against,
        gain=np.broadcast_to(np.array(spot.gain or 1.0), values.shape[-1:]),
        unit=unit,
        ends=tuple(ends[::-1] if backward else ends),
        values=values,
    )
