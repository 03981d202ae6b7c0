"""The findings of a design check, with figures, limits, places and advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isnan
from types import MappingProxyType
from typing import Any

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record


class Severity(Enum):
    """How serious a finding is; the value is the message."""

    FINE = "within its limit"
    NOTE = "beyond its limit, yet harmless as long as the rest holds"
    WARNING = "beyond its limit"


class Bound(Enum):
    """The side of its limit on which a figure must be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


class Rule(Enum):
    """The quantity that was checked; the value is its name in the table."""

    REYNOLDS = "Reynolds number"
    END_LOSS = "end loss, share"
    ENTRANCE = "entrance length, share"
    BORE_SMALL = "least bore, mm"
    BORE_LARGE = "largest bore, mm"
    INERTANCE = "inertance I/R over tau"
    DAMPING = "damping"
    COMPLIANCE = "yield of the tubes, share"
    HAMMER_FULL = "water hammer at full flow, Pa"
    HAMMER_SETTLED = "water hammer when settled, Pa"
    TRIM = "trim range, ln"
    STOPS_HIGH = "upper stop or overflow, units above"
    STOPS_LOW = "lower stop or dry, units below"
    RELAY_HIGH = "relay output, Pa below supply"
    RELAY_LOW = "relay output, Pa above the atmosphere"
    CAVITATION = "absolute pressure, Pa"
    ELEVATION = "elevation, units"
    TEMPERATURE = "uneven temperature, share"
    SETTLING = "left when the clock strikes, share"
    LEAK = "phase against leak, tau"
    DROOP = "leak while holding, share"
    MANIFOLD = "chamber time constant over tau"
    SWEPT = "solenoid swept volume, units"
    SEAL = "seal friction, units"
    PRELOAD = "spring travel, m"
    CAPILLARY = "capillary rise, units"
    RELAY_FLOW = "relay flow, m3/s"
    RELAY_TIME = "relay time constant over tau"
    RELAY_DAMPING = "relay damping without load"
    SPOOL_TIME = "spool time constant over tau"
    SPOOL_DAMPING = "spool damping"
    COLUMN = "weights of a column, share"
    ROW_SINK = "current into a row driver, uA"
    CELL_RANGE = "|c|, units"
    STEERED = "f c pair, share of its current"
    HEADROOM = "least collector over base, V"
    RAIL = "op-amp output, share of the rail"
    PHASE_MARGIN = "op-amp phase margin, degrees"
    SLEW = "op-amp slewing, share of the phase"
    OUTPUT = "op-amp output current, share"
    ROOM = "signal, share of its room"
    LINE = "line driver, mA"


ADVICE = MappingProxyType(
    {
        Rule.REYNOLDS: "narrower and longer tubes, more of them in parallel, or a more viscous fluid",
        Rule.END_LOSS: "longer tubes, more of them in parallel (its bore does not matter), or a more viscous fluid",
        Rule.ENTRANCE: "longer tubes, or more of them in parallel",
        Rule.BORE_SMALL: "leave out weights this small, or shorten the capillaries or raise unit_conductance",
        Rule.BORE_LARGE: "use several tubes in parallel, or lower unit_conductance",
        Rule.INERTANCE: "narrower tubes: I/R = rho d^2/(24 mu); or a slower tank",
        Rule.DAMPING: "narrower tubes, or a larger chamber; it rings until 2 I/R has passed a few times",
        Rule.COMPLIANCE: "less volume in the tubes, no air, or a larger pilot chamber",
        Rule.HAMMER_FULL: "never shut a solenoid before its tank has settled, or slower solenoids",
        Rule.HAMMER_SETTLED: "longer phases: compile with more settling",
        Rule.TRIM: "a run tells how far signals go; a trim of more range, orifice ports (twice ln R), smaller weights",
        Rule.STOPS_HIGH: "a longer stroke or taller tube, or a smaller pressure_unit",
        Rule.STOPS_LOW: "a longer stroke or higher datum, or a smaller pressure_unit",
        Rule.RELAY_HIGH: "raise supply, or lower pressure_unit",
        Rule.RELAY_LOW: "raise the datum, or lower pressure_unit",
        Rule.CAVITATION: "raise the datum; degas the fluid",
        Rule.ELEVATION: "level gauges and pilots, or raise pressure_unit",
        Rule.TEMPERATURE: "mount the tubes of a manifold on one block",
        Rule.SETTLING: "compile with more settling",
        Rule.LEAK: "shorter phases: the optimum is ln(1/leak) time constants; or tighter seats",
        Rule.DROOP: "tighter seats, or a shorter step",
        Rule.MANIFOLD: "smaller pilot chambers, a larger least_total or unit_conductance, or a slower tank",
        Rule.SWEPT: "larger tanks or smaller solenoids",
        Rule.SEAL: "rolling diaphragms, wider pistons, or a larger pressure_unit",
        Rule.PRELOAD: "a longer spring, or a lower datum",
        Rule.CAPILLARY: "wider tubes, clean ones, a wetting agent; read against a datum tube of the same bore",
        Rule.RELAY_FLOW: "a larger relay, or a smaller unit_conductance or tank",
        Rule.RELAY_TIME: "faster relays, or a slower tank",
        Rule.RELAY_DAMPING: "more bleed, a slower relay, or less volume at its outlet: below 1/2 a heavy valve hunts",
        Rule.SPOOL_TIME: "lighter spools on stiffer springs, or a slower tank",
        Rule.SPOOL_DAMPING: "more overlap or a dashpot: it rings for 1/(zeta w)",
        Rule.COLUMN: "smaller weights, or a smaller unit_conductance",
        Rule.ROW_SINK: "a larger row_current, a smaller unit_conductance, or smaller recurrent weights",
        Rule.CELL_RANGE: "compile with inputs, which set the state scale, 2 at most; else weights that keep c smaller",
        Rule.STEERED: "a larger state_scale: the product f c compresses large c",
        Rule.HEADROOM: "more supply, or a larger state_scale",
        Rule.RAIL: "compile with inputs, which makes the volts of a unit fit, or higher rails",
        Rule.PHASE_MARGIN: "less capacitance at the row, a smaller feedback resistance, or a slower op-amp",
        Rule.SLEW: "a faster op-amp, longer phases, or fewer volts a unit",
        Rule.OUTPUT: "larger resistances, or an op-amp that gives more",
        Rule.ROOM: "compile with Fit.SHRINK, or with a technology of more room",
        Rule.LINE: "a stronger buffer, smaller conductances, or fewer volts a unit",
    }
)
"""Advice by rule."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Finding:
    """The comparison of one figure with its limit.

    * `rule`: the quantity that was checked.
    * `severity`: how serious it is.
    * `part`: label of the bank of parts, or `machine`.
    * `where`: the worst element.
    * `value`, `limit`: the figure of the worst element and the limit, in the unit that the rule names.
    * `bound`: the side of the limit on which the figure must be.
    * `beyond`, `total`: the number of elements beyond the limit, and of all elements.
    * `assumed`: whether the figure or the limit depends on an assumed size of a bought part.
    """

    rule: Rule
    severity: Severity
    part: str
    where: str
    value: float
    limit: float
    bound: Bound
    beyond: int
    total: int
    assumed: bool

    @property
    def advice(self) -> str:
        """What to change."""
        return ADVICE[self.rule]

    @property
    def strain(self) -> float:
        """The used part of the limit: up to 1 within it, more beyond; infinite beyond one that is not above zero."""
        above, below = (self.value, self.limit) if self.bound is Bound.AT_MOST else (self.limit, self.value)
        if below > 0.0 and not isnan(above):
            return above / below
        return inf if self.beyond else 1.0

    @property
    def excess(self) -> float:
        """How far the figure is beyond the limit, in the unit that the rule names; below zero within it."""
        return self.value - self.limit if self.bound is Bound.AT_MOST else self.limit - self.value

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as strings and numbers."""
        return {
            "rule": self.rule.value,
            "severity": self.severity.name.lower(),
            "part": self.part,
            "where": self.where,
            "value": self.value,
            "limit": self.limit,
            "bound": self.bound.value,
            "beyond": self.beyond,
            "of": self.total,
            "assumed": self.assumed,
            "advice": self.advice,
        }


def place_of(names: Sequence[str], *ends: Indices) -> Callable[[int], str]:
    """Return the function from the number of an element to its place: the `names` of the unknowns at its `ends`."""
    return lambda number: " to ".join(names[int(nodes[number])] for nodes in ends)


def judge(
    rule: Rule,
    values: Floats,
    limit: float,
    *,
    part: str = "machine",
    place: Callable[[int], str] = lambda number: f"element {number}",
    bound: Bound = Bound.AT_MOST,
    worst: Severity = Severity.WARNING,
    assumed: bool = False,
) -> Finding:
    """Return the finding of `rule` on `values` (..., k), k >= 1, of the bank `part` against `limit`.

    Leading axes are chips; the worst of them counts for an element. A value that is no number is beyond the limit.

    `place` returns the name of an element, `bound` is the side of the limit to keep to, `worst` the severity beyond it,
    `assumed` whether it depends on an assumed size.
    """
    most = bound is Bound.AT_MOST
    each = values.reshape(-1, values.shape[-1])
    values = each.max(axis=0) if most else each.min(axis=0)
    number = int(values.argmax() if most else values.argmin())
    beyond = int((~(values <= limit) if most else ~(values >= limit)).sum())
    return Finding(
        rule=rule,
        severity=worst if beyond else Severity.FINE,
        part=part,
        where=place(number),
        value=float(values[number]),
        limit=float(limit),
        bound=bound,
        beyond=beyond,
        total=values.size,
        assumed=assumed,
    )
