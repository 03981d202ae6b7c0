"""The noise of transistor cells by hand: kT/C of switches, shot noise of pairs, thermal noise of resistors.

No simulator: currents are those of ideal pairs at the signals of a run. With a tail current I of which the transistors
have the shares p, the shot noise 2 q I p of each returns in part through its partners: outputs of weights w receive
2 q I (sum of p w^2 - (sum of p w)^2), one-sided. Over a product sigmoid(u) tanh(l) with its upper tier, the weights
being 1 and -1, that is 2 q I (1 - product^2); over sigmoid(u) times a linear l, whose lower pair is degenerated,
2 q I (1 - sigmoid^2). A load R on a capacitor C has the noise bandwidth 1/(4 R C). A channel in weak inversion has
2 q I as a junction has (Sarpeshkar, Delbruck and Mead 1993), and sees 1 of z in n kT/q.

Left out, for the sizes say nothing about them: base resistances, followers, row drivers, the bias generator, parasitic
capacitances, 1/f. A switch has kT/C whatever drives it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.bicmos import LINEAR_TAIL, READING_TAIL, Bicmos
from lstm_analog.compiler.bicmos_cell import DEGENERATION
from lstm_analog.compiler.bicmos_conditions import thermal_voltage
from lstm_analog.compiler.timing import COPY, RESET, compute_line
from lstm_analog.model.gates import Gate
from lstm_analog.network.quantities import CHARGE
from lstm_analog.study.sampled_noise import StepSignals

_SHOT, _THERMAL = "shot", "thermal"
_GATES = MappingProxyType({RESET: "gates of reset", COPY: "gates of slaves"})
"""The switches that are closed in an interval, but for those of the masters."""

NoiseCause = tuple[str, str]
"""A part and a mechanism."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CellEstimate:
    """The noise of cells of a `technology` by hand, at the `signals` of a run.

    `columns` (4, units) are the total conductances of the columns of i, f, g and o (S), weights and termination.
    """

    technology: Bicmos
    signals: StepSignals
    columns: Floats

    def added(self, interval: str) -> Mapping[NoiseCause, Floats]:
        """Return what an `interval` of that name adds to c and h of units: (steps, units, 2, 2), signal units squared.

        Empty where no capacitor is connected.
        """
        if interval == compute_line(0):
            return self._computed()
        return {(_GATES[interval], _THERMAL): self._switched()} if interval in _GATES else {}

    def _switched(self) -> Floats:
        """Return kT/C of both sides."""
        volts = np.array([self.technology.unit_of_c, self.technology.unit_of_h])
        each = 2.0 * self._thermal_energy / self.technology.hold_capacitance / volts**2
        return np.broadcast_to(np.diag(each), (*self.signals.c.shape, 2, 2))

    def _computed(self) -> dict[NoiseCause, Floats]:
        """Return what filling the masters adds: the noise of new c goes on to new h, behind one more pole."""
        technology, onward = self.technology, self.signals.by_c
        pole_of_c = 1.0 / (technology.cell_load * technology.hold_capacitance)
        pole_of_h = 1.0 / (technology.trims.hidden_load * technology.hold_capacitance)
        shared = pole_of_h / (pole_of_c + pole_of_h)
        found = dict[NoiseCause, Floats]()
        for cause, density in self._densities_of_c().items():
            c = density * pole_of_c / 4.0
            found[cause] = _matrix(c, onward * shared * c, onward**2 * shared * c)
        for cause, density in self._densities_of_h().items():
            h = density * pole_of_h / 4.0
            found[cause] = found.get(cause, 0.0) + _matrix(0.0 * h, 0.0 * h, h)
        return found

    def _densities_of_c(self) -> dict[NoiseCause, Floats]:
        """Return the white noise of new c before the pole of its loads: one-sided, (steps, units), c squared per Hz."""
        i, f, g, _ = np.moveaxis(self.signals.gates, 1, 0)
        technology, volts = self.technology, self.technology.unit_of_c
        adding, linear = self._current / technology.state_scale, LINEAR_TAIL * self._current
        gain = (technology.cell_load / volts) ** 2
        tails = 2.0 * self._of_tail(linear) + 4.0 * self._of_resistor(technology.trims.emitter_resistance)
        by_z = self.signals.by_z[:, : Gate.OUTPUT] ** 2 * self._of_columns[: Gate.OUTPUT]
        return {
            ("loads of c", _THERMAL): gain * 2.0 * self._of_resistor(technology.cell_load) + 0.0 * i,
            ("product i g", _SHOT): gain * 2.0 * CHARGE * adding * (1.0 - (i * g) ** 2),
            ("product i g", _THERMAL): gain * self._of_tail(adding) * (i * g) ** 2,
            ("product f c", _SHOT): gain * 4.0 * CHARGE * linear * (1.0 - f**2),
            ("product f c", _THERMAL): gain * tails * f**2,
            ("columns", _THERMAL): by_z.sum(axis=1),
        }

    def _densities_of_h(self) -> dict[NoiseCause, Floats]:
        """Return the white noise of new h before the pole of its loads, but for what comes with c, as that of c."""
        o, tanh = self.signals.gates[:, Gate.OUTPUT], np.tanh(self.signals.c)
        technology, tail = self.technology, READING_TAIL * self._current
        gain = (technology.trims.hidden_load / self.technology.unit_of_h) ** 2
        ratio = technology.trims.divider_ratio * technology.state_scale
        divider = 8.0 * self._thermal_energy * technology.divider * ratio * (1.0 - ratio)
        return {
            ("loads of h", _THERMAL): gain * 2.0 * self._of_resistor(technology.trims.hidden_load) + 0.0 * o,
            ("product o tanh(c)", _SHOT): gain * 2.0 * CHARGE * tail * (1.0 - (o * tanh) ** 2),
            ("product o tanh(c)", _THERMAL): gain * self._of_tail(tail) * (o * tanh) ** 2,
            ("divider", _THERMAL): self.signals.by_c**2 * divider / (2.0 * self.technology.sensed_volts) ** 2,
            ("columns", _THERMAL): self.signals.by_z[:, Gate.OUTPUT] ** 2 * self._of_columns[Gate.OUTPUT],
        }

    @property
    def _of_columns(self) -> Floats:
        """The density of z by the resistors of its column, both sides, (4, units); 1 of z is n kT/q, of g twice."""
        volts = self.technology.sensed_volts * np.array([2.0 if gate is Gate.CELL else 1.0 for gate in Gate])[:, None]
        return 8.0 * self._thermal_energy / self.columns / volts**2

    def _of_resistor(self, resistance: float) -> float:
        """Return the density of the current of a `resistance` (ohm), A squared per Hz."""
        return 4.0 * self._thermal_energy / resistance

    def _of_tail(self, current: float) -> float:
        """Return the density of a tail `current` (A): of its emitter resistor, and what that leaves of shot noise."""
        kept = DEGENERATION * self.technology.warmth / self._thermal_volts
        thermal = self._of_resistor(DEGENERATION * self.technology.warmth / current) * (kept / (1.0 + kept)) ** 2
        return thermal + 2.0 * CHARGE * current / (1.0 + kept) ** 2

    @property
    def _current(self) -> float:
        return self.technology.reference_current * self.technology.warmth

    @property
    def _thermal_volts(self) -> float:
        return thermal_voltage(self.technology.conditions.temperature)

    @property
    def _thermal_energy(self) -> float:
        """KT of the cells (J)."""
        return CHARGE * self._thermal_volts


def _matrix(c: Floats, both: Floats, h: Floats) -> Floats:
    """Return the covariances (..., 2, 2) of variances `c` and `h` and the covariance of `both`."""
    return np.stack((np.stack((c, both), axis=-1), np.stack((both, h), axis=-1)), axis=-2)
