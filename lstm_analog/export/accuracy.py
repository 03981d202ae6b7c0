"""How closely a SPICE simulator is to follow the circuit: its tolerances and steps."""

from dataclasses import dataclass, replace

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import ALWAYS, Cells, OpAmps, Pairs, Ports

TOLERANCES = ("reltol", "vntol", "abstol", "chgtol")
"""Those of an `Accuracy`, in the order in which a deck gives them."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """A simulator's settings.

    `reltol`, `vntol` (V), `abstol` (A) and `chgtol` (C) are its tolerances; `steps` is how many time steps it takes in
    the longest interval at least. The steps govern the error of what has not settled: the trapezoidal rule leaves about
    1/(12 steps^2) of full scale in a gated leak.
    """

    reltol: float
    vntol: float
    abstol: float
    chgtol: float
    steps: int

    def __post_init__(self) -> None:
        """Check that all are positive."""
        for name, value in vars(self).items():
            if not value > 0:
                raise InvalidValueError(explain(name, must="be positive", got=value, do="give e.g. 1e-6"))


USUAL = Accuracy(reltol=1e-6, vntol=1e-9, abstol=1e-13, chgtol=1e-17, steps=100)
"""For circuits of 1 V and 100 pF; chosen so that ngspice 39 agrees with scipy to 1e-4 where nothing has settled."""

FINE = replace(USUAL, steps=400)
"""For a gated leak, which is read while it moves: as `USUAL`, but 400 steps an interval keep c and h within 1e-5 of
scipy at 20 time constants (ngspice 39, 120 random LSTMs of 1 unit, scales 3 and 6: z 7.4e-6, c 2.5e-6, h 1.6e-6)."""


BOARD = replace(USUAL, reltol=1e-5, vntol=1e-7, abstol=1e-11)
"""For op-amps, whose hold capacitors are small and clamps abrupt: what is read has settled, so that ngspice 39 agrees
with scipy to 1e-8 (1 to 8 units); at the tolerances of `USUAL` it now and then finds its time step too small."""

TRANSISTORS = Accuracy(reltol=1e-4, vntol=1e-7, abstol=1e-13, chgtol=1e-15, steps=24)
"""For transistor-level cells: h within 1.3e-4 and c within 6e-4 of what reltol 1e-6, chgtol 1e-16 and 60 steps give in
six times the time (ngspice 39, an LSTM of 3 units, scale 3, 12 steps)."""


@checked
def suited(network: Network) -> Accuracy:
    """Return `FINE` for a `network` in which a clock gates pairs or ports, whose flow counts to the last, else `USUAL`.

    What only switches carry has settled when it is read; what flows for exactly an interval is an integral over it.
    The charge tolerance is a tenth of the relative one, of the largest capacitor's charge at 1 V. Op-amps get `BOARD`,
    transistor cells `TRANSISTORS`.
    """
    gated = (part.line != ALWAYS for part in network.parts if isinstance(part, Pairs | Ports))
    if any(isinstance(part, Cells) for part in network.parts):
        return TRANSISTORS
    charges = [float(amount.max()) for part in network.parts if (amount := capacity(part)[1]).size]
    smooth = BOARD if any(isinstance(part, OpAmps) for part in network.parts) else USUAL
    chosen = FINE if any(gated) else smooth
    return replace(chosen, chgtol=float(f"{0.1 * chosen.reltol * max(charges, default=1e-10):.3g}"))
