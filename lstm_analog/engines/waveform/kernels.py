"""Makes the step that writes the flow of a part at the points of a segment into a buffer."""

from typing import cast

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High, flow_into
from lstm_analog.network.parts import Part


def flowing(part: Part, waves: Waves, high: High, out: Floats) -> Call:
    """Return the step that writes the flow of `part` at the efforts `waves` to `out` (points, *lead, terminals, m).

    `high` says which clock lines are high.
    """
    efforts = cast(Floats, waves)  # a law only indexes efforts by nodes, and asks for their shape before the last axis
    return flow_into(part, efforts, high, out)
