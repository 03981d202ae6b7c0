"""Tolerances and time steps for a SPICE simulator, with presets by kind of circuit."""

from dataclasses import dataclass, replace
from math import inf

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.bank import put_plain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import ALWAYS, Cells, OpAmps, Pairs, Ports

TOLERANCES = ("reltol", "vntol", "abstol", "chgtol")
"""The fields of an `Accuracy` that are tolerances, in the order of a deck."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Tolerances and least number of time steps of a simulator.

    `reltol`, `vntol` (V), `abstol` (A) and `chgtol` (C) are its tolerances; `steps` is the least number of time steps
    in the longest interval. The steps govern the error of signals that have not settled: the trapezoidal rule leaves
    about 1/(12 steps^2) of full scale in a gated leak.
    """

    reltol: float
    vntol: float
    abstol: float
    chgtol: float
    steps: int

    def __post_init__(self) -> None:
        """Check that all are positive and finite; they become numbers of Python."""
        put_plain(self)
        for name, value in vars(self).items():
            if not 0 < value < inf:
                raise InvalidValueError(explain(name, must="be positive and finite", got=value, do="give e.g. 1e-6"))


USUAL = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-17, steps=100)
"""For circuits of 1 V and 100 pF; chosen so that ngspice 39 agrees with scipy to 1e-4 where nothing has settled."""

FINE = replace(USUAL, steps=400)
"""For a gated leak, which has not settled when it ends: as `USUAL`, but 400 steps keep c and h within 1e-5 of
scipy at 20 time constants (ngspice 39, 120 random LSTMs of 1 unit, scales 3 and 6: z 7.4e-6, c 2.5e-6, h 1.6e-6)."""


BOARD = replace(USUAL, reltol=1e-5, vntol=1e-7, abstol=1e-11)
"""For op-amps, with small hold capacitors and abrupt clamps: signals have settled when read, so that ngspice 39 agrees
with scipy to 1e-8 (1 to 8 units); with the tolerances of `USUAL` it sometimes fails with "timestep too small"."""

TRANSISTORS = Accuracy(reltol=1e-4, vntol=1e-7, abstol=1e-13, chgtol=1e-15, steps=24)
"""For transistor-level cells: h within 1.3e-4 and c within 6e-4 of what reltol 1e-6, chgtol 1e-16 and 60 steps give in
six times the time (ngspice 39, an LSTM of 3 units, scale 3, 12 steps)."""


@checked
def suited(network: Network) -> Accuracy:
    """Return the preset for `network`: `FINE` if a clock gates pairs or ports, `BOARD` for op-amps, else `USUAL`.

    Flow through switches has settled when it is read; gated flow is integrated over an interval, so its error stays.
    The charge tolerance is set to reltol/10 times the charge of the largest capacitor at 1 V. Transistor cells get
    `TRANSISTORS` unchanged.
    """
    gated = (part.line != ALWAYS for part in network.parts if isinstance(part, Pairs | Ports))
    if any(isinstance(part, Cells) for part in network.parts):
        return TRANSISTORS
    charges = [float(amount.max()) for part in network.parts if (amount := capacity(part)[1]).size]
    smooth = BOARD if any(isinstance(part, OpAmps) for part in network.parts) else USUAL
    chosen = FINE if any(gated) else smooth
    return replace(chosen, chgtol=float(f"{0.1 * chosen.reltol * max(charges, default=1e-10):.3g}"))
