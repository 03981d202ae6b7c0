"""The flow of a part over the points of a segment, written into a buffer."""

from typing import cast

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High, flow_into
from lstm_analog.network.parts import Part


def flowing(part: Part, waves: Waves, high: High, out: Floats) -> Call:
    """Return the step that writes the flow of `part` at `waves` with `high` to `out` (points, *lead, terminals, m)."""
    efforts = cast(Floats, waves)  # all a law asks of efforts is some nodes of them, and the shape before the last axis
    return flow_into(part, efforts, high, out)
