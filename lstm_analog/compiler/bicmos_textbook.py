"""The calibration of transistor cells by the equations of ideal pairs."""

from lstm_analog.compiler.bicmos import LINEAR_TAIL, READING_TAIL, Bicmos
from lstm_analog.compiler.bicmos_calibration import Calibration


def textbook(technology: Bicmos) -> Calibration:
    """Return the calibration of `technology` by the equations of ideal pairs, from which a real one starts.

    The pair of f c is made linear by a resistor `2 load - 2 V_T/I` between its emitters; I is each tail current, and
    V_T is n kT/q for pairs of slope factor n.
    """
    thermal, current = technology.pair_volts, technology.reference_current
    volts = technology.cell_load * current
    return Calibration(
        input_gain=1.0,
        forget_gain=1.0,
        candidate_gain=1.0,
        output_gain=1.0,
        emitter_resistance=2.0 * (technology.cell_load - thermal / (LINEAR_TAIL * current)),
        cell_volts=volts,
        divider_ratio=2.0 * thermal / volts,
        hidden_load=technology.volts_per_unit / (READING_TAIL * current),
        cell_follower=1.0,
        hidden_follower=1.0,
        residual=0.0,
        technology=technology.digest,
        models=technology.models_digest,
        corner=technology.conditions.corner,
        simulator="none: textbook values",
    )
