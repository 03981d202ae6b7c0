"""Conductances under control: ports."""

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import LINE, Expression, absolute, beyond, clip, effort, let, parameter
from lstm_analog.network.bank import node_array, positive_array, positive_limit_array, value_array
from lstm_analog.network.parts.base import THERMAL, CardNames, Law, check_bank, check_least, law
from lstm_analog.network.parts.passages import throttled
from lstm_analog.network.shapes import CURVES, Shape


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
        Largest |v|. Equal-percentage trim (s = exp) of rangeability R opens from exp(-ln(R)/2) to exp(ln(R)/2), so its
        limit is ln(R)/2. R = 50 by the makers, 10 installed (docs/hydraulics.md#trim). Infinite: unlimited.
    deadband : float array, (..., m)
        Dimensionless control that the stiction of the spool takes before it moves. Zero: none.
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
    limit: Floats = positive_limit_array()
    deadband: Floats = value_array(0.0)
    transition: Floats = positive_limit_array()

    def __post_init__(self) -> None:
        """Check the label and the arrays."""
        check_bank(self)
        check_least(self.deadband, f"{self.label}.deadband", "give the control that stiction eats, or 0")

    @cached_property
    def laminar(self) -> bool:
        """Whether all flows are proportional to the difference of efforts."""
        return bool(np.isinf(self.transition).all())

    @cached_property
    def free(self) -> bool:
        """Whether the opening of every port equals its control: no limit, no deadband."""
        return bool(np.isinf(self.limit).all() and not self.deadband.any())


CONTROL = parameter("scale") * (effort("p") - effort("n")) + parameter("offset")
"""The control u of a port."""


def opened(shape: Shape) -> Expression:
    """Return G0 s(v), the conductance of ports of `shape` for small flows, as an expression of their control."""
    limit = parameter("limit")
    opening = let("v", clip(beyond(let("u", CONTROL), parameter("deadband")), -limit, limit))
    return parameter("conductance") * let("s", CURVES[shape](opening))


@cache
def _port(shape: Shape) -> Law:
    flow = LINE * opened(shape) * throttled(effort("a") - effort("b"), parameter("transition"))
    return Law(
        terminals=("a", "b", "p", "n"),
        through={("a", "b"): flow},
        units={
            "conductance": "conductance",
            "scale": "per_effort",
            "offset": "1",
            "limit": "1",
            "deadband": "1",
            "transition": "effort",
        },
        neutral={"limit": math.inf, "deadband": 0.0, "transition": math.inf},
        cards=CardNames(
            device=f"port_{shape.value}",
            values={
                "conductance": "g0",
                "scale": "k0",
                "offset": "o0",
                "limit": "lim",
                "deadband": "dead",
                "transition": "pcr",
            },
            inner={"v": "opening"},
            extras={"stops": ("limit", "deadband"), "orifice": ("transition",)},
        ),
        noise={("a", "b"): THERMAL * LINE * absolute(opened(shape))},
    )


law.register(Ports, lambda part: _port(part.shape))
