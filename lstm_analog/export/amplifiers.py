"""Op-amps of netlist cards. What an op-amp does not have is not on its card."""

from collections.abc import Mapping

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.parts import OpAmps


def amplifiers_of(label: str, pins: tuple[Indices, ...], values: Mapping[str, Floats]) -> OpAmps:
    """Return the bank `label` of op-amps of cards with `pins` and `values`."""
    plus, minus, out, state = pins
    with np.errstate(divide="ignore"):  # an infinite conductance is refused by the bank, by its name
        conductance, output = 1.0 / values["rx"], 1.0 / values["rout"]
    return OpAmps(
        label=label,
        plus=plus,
        minus=minus,
        out=out,
        state=state,
        transconductance=values["gm"],
        current_limit=values["imax"],
        conductance=conductance,
        capacitance=values["cx"],
        offset=values["vos"],
        swing=values["swing"],
        clamp=values["clamp"],
        clamp_conductance=values["gclamp"],
        output_conductance=output,
        common_mode=values.get("cm", np.array(0.0)),
        output_limit=values.get("iout", np.array(np.inf)),
    )
