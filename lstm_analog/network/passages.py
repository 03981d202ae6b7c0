"""Passages for flow whose resistance need not be a plain number: crossbars of tubes, and ports under control.

A tube or port is at heart a conductance. What a real one adds is declared here with neutral values (infinite, zero), at
which the flow is exactly linear; `laws.resistance` has the equations. The electrical parts use the neutral ones.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats_of_shape, indices, limits_of_shape
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.bank import Role, node_array, positive_array, put, settle, value_array
from lstm_analog.network.labels import check_label
from lstm_analog.network.shapes import Shape

ALWAYS = -1
"""The clock line of a part that no clock switches."""


_UNBOUND: Any = np.inf
_NONE: Any = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Crossbars:
    """Dense banks of conductances from shared `inputs` (n,) to manifolds in pairs, `plus` and `minus` (m,), and loads.

    The flow into plus_j is sum_i positive_ji (e_i - e_plus_j) - plus_load_j e_plus_j, likewise minus: the manifold
    settles at the mean of the inputs weighted by conductance (Millman 1940). Drivers are to be sources or followers.
    `positive`, `negative` (..., m, n) >= 0 and `plus_load`, `minus_load` (..., m) >= 0 in the conductance unit.

    Tubes are laminar (Hagen-Poiseuille, Re < 2300) unless one of these, (..., m), is finite for all tubes of a row:
    `transition` (effort unit) makes them orifices, q = G dp / (1 + (dp/transition)^2)^(1/4); `end_flow` (flow unit) is
    the flow at which entrance and exit lose as much as the tube, dp = q/G (1 + |q|/end_flow). It is mu L/(0.046 rho)
    whatever the bore (`reference/hydraulic.md` B1). Both at once are refused.
    """

    label: str
    inputs: Indices
    plus: Indices
    minus: Indices
    positive: Floats
    negative: Floats
    plus_load: Floats
    minus_load: Floats
    transition: Floats = field(default=_UNBOUND, metadata={"role": Role.LIMITS})
    end_flow: Floats = field(default=_UNBOUND, metadata={"role": Role.LIMITS})

    def __post_init__(self) -> None:
        """Check the label, the nodes, the shapes, that no conductance is below zero, and that one law is asked for."""
        check_label(self.label)
        for name in ("inputs", "plus", "minus"):
            put(self, name, indices(getattr(self, name), f"{self.label}.{name}"))
        size = (self.plus.size, self.inputs.size)
        shapes = {"positive": size, "negative": size, "plus_load": size[:1], "minus_load": size[:1]}
        for name, shape in shapes.items():
            array = floats_of_shape(getattr(self, name), f"{self.label}.{name}", shape)
            _check_least(array, f"{self.label}.{name}", "put a negative weight on the other manifold")
            put(self, name, array)
        for name in ("transition", "end_flow"):
            put(self, name, limits_of_shape(getattr(self, name), f"{self.label}.{name}", size[:1]))
            _check_positive(getattr(self, name), f"{self.label}.{name}")
        if np.isfinite(self.transition).any() and np.isfinite(self.end_flow).any():
            must, got = "be orifices or tubes with end losses", "transition and end_flow both finite"
            raise InvalidValueError(explain(self.label, must=must, got=got, do="leave one infinite"))

    @cached_property
    def linear(self) -> bool:
        """Whether all flows are proportional to the difference of efforts."""
        return bool(np.isinf(self.transition).all() and np.isinf(self.end_flow).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Ports:
    """Conductances under control: flow from a to b is G0 s(v) f(e_a - e_b); a pseudo-resistor, a valve.

    The control is u = scale (e_p - e_n) + offset, the opening v = clip(sign(u) max(|u| - deadband, 0), -limit, limit);
    f(dp) = dp / (1 + (dp/transition)^2)^(1/4). Shut while `line` is low.

    Attributes
    ----------
    conductance : float array, (..., m)
        G0 (conductance unit), of small flows.
    scale, offset : float array, (..., m)
        Per effort unit; dimensionless.
    limit : float array, (..., m)
        Rangeability: equal-percentage trim (s = exp) of range R opens from exp(-ln(R)/2) to exp(ln(R)/2), so limit is
        ln(R)/2. R = 50 by the makers, 10 installed (`reference/hydraulic.md` A3). Infinite: unlimited.
    deadband : float array, (..., m)
        Stiction of the spool, what the control has to overcome. Zero: none.
    transition : float array, (..., m)
        Effort difference above which the flow goes with its root: Simscape's `q = Cd A sqrt(2/rho) dp / (dp^2 +
        pcr^2)^(1/4)` with pcr = transition, so G0 = Cd A sqrt(2/(rho pcr)) goes with the area. Two such ports in series
        split a pressure as the squares of their areas: sigmoid(z) takes areas exp(z/4), exp(-z/4). Infinite: laminar,
        areas exp(z/2), exp(-z/2).
    """

    label: str
    line: int
    shape: Shape
    a: Indices = node_array()
    b: Indices = node_array()
    p: Indices = node_array()
    n: Indices = node_array()
    conductance: Floats = positive_array()
    scale: Floats = value_array()
    offset: Floats = value_array()
    limit: Floats = field(default=_UNBOUND, metadata={"role": Role.LIMITS})
    deadband: Floats = field(default=_NONE, metadata={"role": Role.VALUES})
    transition: Floats = field(default=_UNBOUND, metadata={"role": Role.LIMITS})

    def __post_init__(self) -> None:
        """Check the label and the arrays."""
        check_label(self.label)
        settle(self, self.label)
        for name in ("limit", "transition"):
            _check_positive(getattr(self, name), f"{self.label}.{name}")
        _check_least(self.deadband, f"{self.label}.deadband", "give the control that stiction eats, or 0")

    @cached_property
    def laminar(self) -> bool:
        """Whether all flows are proportional to the difference of efforts."""
        return bool(np.isinf(self.transition).all())

    @cached_property
    def free(self) -> bool:
        """Whether every control opens its port as far as it says: no limit, no deadband."""
        return bool(np.isinf(self.limit).all() and not self.deadband.any())


def _check_least(array: Floats, what: str, do: str) -> None:
    if (array < 0).any():
        raise InvalidValueError(explain(what, must="be >= 0", got=float(array.min()), do=do))


def _check_positive(array: Floats, what: str) -> None:
    if not (array > 0).all():
        do = "give infinity for none"
        raise InvalidValueError(explain(what, must="be positive", got=float(array.min()), do=do))
