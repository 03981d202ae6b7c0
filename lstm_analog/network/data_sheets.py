"""Part banks from the figures of a data sheet."""

from dataclasses import dataclass, fields

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.parts import ALWAYS, DATUM, Factor, OpAmps, Pairs
from lstm_analog.network.quantities import check_number
from lstm_analog.network.shapes import Shape


@checked_record
@dataclass(frozen=True, kw_only=True)
class OpAmpData:
    """The figures of an op-amp's data sheet: `gain` A0 (V/V), `gain_bandwidth` (Hz), `slew` rate (V/s).

    The output swings to `rail` (V) either side of zero behind `output_resistance` (ohm); `offset` (V) is that of the
    input. `rejection` is the common-mode rejection ratio (V/V), `output_current` the most it gives (A), `bias_current`
    what flows out of either input (A).
    """

    gain: float
    gain_bandwidth: float
    slew: float
    rail: float
    output_resistance: float
    offset: float
    rejection: float = np.inf
    output_current: float = np.inf
    bias_current: float = 0.0

    def __post_init__(self) -> None:
        """Check that the figures are positive, and offset and bias current finite; a limit may be infinite."""
        for entry in fields(self):
            name, value = f"op-amp {entry.name}", getattr(self, entry.name)
            if entry.name in ("offset", "bias_current"):
                if not np.isfinite(value):
                    raise InvalidValueError(explain(name, must="be finite", got=value, do="give SI units"))
            elif entry.name not in ("rejection", "output_current") or value != np.inf:
                check_number(name, value)


def opamps(label: str, data: OpAmpData, *, plus: Indices, minus: Indices, out: Indices, state: Indices) -> OpAmps:
    """Return the bank `label` of `OpAmps` with the figures of `data` at the nodes `plus`, `minus`, `out`, `state`.

    R_x = 1/G = 1 Gohm and the clamp at twice the rail, see docs/opamps.md#op-amp.
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
        common_mode=np.array(1.0 / data.rejection),
        output_limit=np.array(data.output_current),
    )


def tails(label: str, nodes: Indices, current: Floats) -> Pairs:
    """Return the bank `label` of constant flows `current` (..., m) into `nodes` (m,), as pairs with a factor of one."""
    none, datum = np.array(0.0), np.full_like(nodes, DATUM)
    straight = Factor(shape=Shape.LINEAR, p=datum, n=datum, scale=none, offset=np.array(1.0))
    return Pairs(label=label, line=ALWAYS, factors=(straight,), out=nodes, current=current)
