"""The one factor that is set for all chips of some wafers of transistor cells, found by simulation at their corner.

The slope factor of pairs in weak inversion differs from wafer to wafer, and with it what a pair makes of its input. As
all signals are voltages over resistors, one change of the reference current and of the rows, the same for all cells and
chips, puts it right; the resistors and the calibration of the design stay.
"""

from dataclasses import replace

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.technologies import chosen_technology
from lstm_analog.doors import checked
from lstm_analog.engines import EngineLike, Ngspice
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidTypeError, explain
from lstm_analog.study.calibration_sweep import measure_gains

_CLOSE = 1e-3
"""Change of the factor below which it is found. Smaller: more sweeps; h moves by less than this."""
_SWEEPS = 3
"""Most sweeps: the first finds the factor within 0.01, the second within 0.001."""


@checked
def wafer_slope(technology: Bicmos | str, engine: EngineLike, *, settling: float) -> float:
    """Return the `slope` to set in the conditions of `technology` for wafers of its corner.

    It makes the gains right, on average, with which the five pairs of a cell see their inputs, as measured by `engine`
    in sweeps with the calibration of the technology and phases of `settling` time constants.

    Raises
    ------
    InvalidTypeError
        If the technology is not of transistor cells.
    InvalidValueError
        If its calibration is for other sizes or models.
    """
    sizes, simulated = chosen_technology(technology), chosen_engine(engine, Ngspice())
    if not isinstance(sizes, Bicmos):
        got, do = ascii(technology)[:80], "give SKY130_MOS, or another record of that kind"
        raise InvalidTypeError(explain("technology", must="be of transistor cells", got=got, do=do))
    slope = sizes.conditions.slope
    for _ in range(_SWEEPS):
        turned = replace(sizes, conditions=replace(sizes.conditions, slope=slope))
        found = measure_gains(turned, simulated, settling)
        gains = (found.input, found.forget, found.candidate, found.output, found.tanh)
        before, slope = slope, slope * len(gains) / sum(gains)
        if abs(slope / before - 1.0) < _CLOSE:
            break
    return slope
