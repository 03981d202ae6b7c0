"""Part banks from the figures of a data sheet."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.network.parts import OpAmps


@dataclass(frozen=True, kw_only=True)
class OpAmpData:
    """An op-amp as its data sheet gives it: A0 (V/V), Hz, V/s, symmetric rail (V), ohm, offset (V)."""

    gain: float
    gain_bandwidth: float
    slew: float
    rail: float
    output_resistance: float
    offset: float


def opamps(label: str, data: OpAmpData, *, plus: Indices, minus: Indices, out: Indices, state: Indices) -> OpAmps:
    """Return the bank `label` of `OpAmps` with the figures of `data` at the nodes `plus`, `minus`, `out`, `state`.

    R_x = 1/G = 1 Gohm and the clamp at twice the rail, as in `reference/opamp_cell.cir`.
    """
    conductance = 1e-9
    transconductance = data.gain * conductance
    capacitance = transconductance / (2.0 * np.pi * data.gain_bandwidth)
    limit = data.slew * capacitance
    return OpAmps(
        label=label,
        plus=plus,
        minus=minus,
        out=out,
        state=state,
        transconductance=np.array(transconductance),
        current_limit=np.array(limit),
        conductance=np.array(conductance),
        capacitance=np.array(capacitance),
        offset=np.array(data.offset),
        swing=np.array(data.rail),
        clamp=np.array(2.0 * data.rail),
        clamp_conductance=np.array(10.0 * limit / data.rail),
        output_conductance=np.array(1.0 / data.output_resistance),
    )
