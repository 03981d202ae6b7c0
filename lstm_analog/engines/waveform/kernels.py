"""The flow of a part over the points of a segment; by its law, or, where that is the same and faster, by its own way."""

from collections.abc import Callable
from functools import singledispatch
from typing import cast

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.network.laws import High, flow
from lstm_analog.network.parts import Part


@singledispatch
def kernel(part: Part, waves: Waves, high: High) -> Callable[[], Floats]:
    """Return what gives the flow of `part` at `waves` with the lines `high`, (points, *lead, terminals, m)."""
    efforts = cast(Floats, waves)  # all a law asks of efforts is some nodes of them, and the shape before the last axis
    return lambda: flow(part, efforts, high)
