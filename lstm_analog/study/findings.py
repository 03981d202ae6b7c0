"""The findings of a design check, with figures, limits, places and advice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf, isnan
from typing import Any, Self

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
    """The quantity that was checked: the value is its name in the table, `advice` says what to change."""

    advice: str

    def __new__(cls, value: str, advice: str) -> Self:
        """Return the rule with this `value` and `advice`."""
        rule = object.__new__(cls)
        rule._value_, rule.advice = value, advice
        return rule

    REYNOLDS = "Reynolds number", "narrower and longer tubes, more of them in parallel, or a more viscous fluid"
    END_LOSS = (
        "end loss, share",
        "longer tubes, more of them in parallel (its bore does not matter), or a more viscous fluid",
    )
    ENTRANCE = "entrance length, share", "longer tubes, or more of them in parallel"
    BORE_SMALL = "least bore, mm", "leave out weights this small, or shorten the capillaries or raise unit_conductance"
    BORE_LARGE = "largest bore, mm", "use several tubes in parallel, or lower unit_conductance"
    INERTANCE = "inertance I/R over tau", "narrower tubes: I/R = rho d^2/(24 mu); or a slower tank"
    DAMPING = "damping", "narrower tubes, or a larger chamber; it rings until 2 I/R has passed a few times"
    COMPLIANCE = "yield of the tubes, share", "less volume in the tubes, no air, or a larger pilot chamber"
    HAMMER_FULL = (
        "water hammer at full flow, Pa",
        "never shut a solenoid before its tank has settled, or slower solenoids",
    )
    HAMMER_SETTLED = "water hammer when settled, Pa", "longer phases: compile with more settling"
    TRIM = (
        "trim range, ln",
        "a run tells how far signals go; a trim of more range, orifice ports (twice ln R), smaller weights",
    )
    STOPS_HIGH = "upper stop or overflow, units above", "a longer stroke or taller tube, or a smaller pressure_unit"
    STOPS_LOW = "lower stop or dry, units below", "a longer stroke or higher datum, or a smaller pressure_unit"
    RELAY_HIGH = "relay output, Pa below supply", "raise supply, or lower pressure_unit"
    RELAY_LOW = "relay output, Pa above the atmosphere", "raise the datum, or lower pressure_unit"
    CAVITATION = "absolute pressure, Pa", "raise the datum; degas the fluid"
    ELEVATION = "elevation, units", "level gauges and pilots, or raise pressure_unit"
    TEMPERATURE = "uneven temperature, share", "mount the tubes of a manifold on one block"
    SETTLING = "left when the clock strikes, share", "compile with more settling"
    LEAK = "phase against leak, tau", "shorter phases: the optimum is ln(1/leak) time constants; or tighter seats"
    DROOP = "leak while holding, share", "tighter seats, or a shorter step"
    MANIFOLD = (
        "chamber time constant over tau",
        "smaller pilot chambers, a larger least_total or unit_conductance, or a slower tank",
    )
    SWEPT = "solenoid swept volume, units", "larger tanks or smaller solenoids"
    SEAL = "seal friction, units", "rolling diaphragms, wider pistons, or a larger pressure_unit"
    PRELOAD = "spring travel, m", "a longer spring, or a lower datum"
    CAPILLARY = (
        "capillary rise, units",
        "wider tubes, clean ones, a wetting agent; read against a datum tube of the same bore",
    )
    RELAY_FLOW = "relay flow, m3/s", "a larger relay, or a smaller unit_conductance or tank"
    RELAY_TIME = "relay time constant over tau", "faster relays, or a slower tank"
    RELAY_DAMPING = (
        "relay damping without load",
        "more bleed, a slower relay, or less volume at its outlet: below 1/2 a heavy valve hunts",
    )
    SPOOL_TIME = "spool time constant over tau", "lighter spools on stiffer springs, or a slower tank"
    SPOOL_DAMPING = "spool damping", "more overlap or a dashpot: it rings for 1/(zeta w)"
    COLUMN = "weights of a column, share", "smaller weights, or a smaller unit_conductance"
    ROW_SINK = (
        "current into a row driver, uA",
        "a larger row_current, a smaller unit_conductance, or smaller recurrent weights",
    )
    CELL_RANGE = (
        "|c|, units",
        "compile with inputs, which set the state scale, 2 at most; else weights that keep c smaller",
    )
    STEERED = "f c pair, share of its current", "a larger state_scale: the product f c compresses large c"
    HEADROOM = "least collector over base, V", "more supply, or a larger state_scale"
    RAIL = (
        "op-amp output, share of the rail",
        "compile with inputs, which makes the volts of a unit fit, or higher rails",
    )
    PHASE_MARGIN = (
        "op-amp phase margin, degrees",
        "less capacitance at the row, a smaller feedback resistance, or a slower op-amp",
    )
    SLEW = "op-amp slewing, share of the phase", "a faster op-amp, longer phases, or fewer volts a unit"
    OUTPUT = "op-amp output current, share", "larger resistances, or an op-amp that gives more"
    ROOM = "signal, share of its room", "compile with Fit.SHRINK, or with a technology of more room"
    LINE = "line driver, mA", "a stronger buffer, smaller conductances, or fewer volts a unit"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Finding:
    """The comparison of one figure with its limit.

    * `rule`, `severity`: the quantity that was checked, and how serious it is.
    * `part`, `where`: label of the bank of parts, or `machine`, and its worst element.
    * `value`, `limit`: the figure of that element and the limit, in the unit that the rule names.
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
        return self.rule.advice

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
