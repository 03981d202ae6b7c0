"""Flow that is not proportional to the drop of effort: orifices, and tubes with end losses."""

import math

from lstm_analog.expressions import Expression, absolute, effort, let, parameter, sqrt
from lstm_analog.network.parts.base import THERMAL, Law


def throttled(drop: Expression, transition: Expression) -> Expression:
    """Return f(dp) = dp / (1 + (dp/pcr)^2)^(1/4) at the `drop` dp; pcr = `transition`, infinite for f(dp) = dp.

    Simscape's regularised orifice (Isothermal Liquid, Local Restriction); f -> sqrt(pcr |dp|) for |dp| >> pcr. It is
    written as the root of a root because some tools cannot differentiate a power of 1/4.
    """
    steep = let("q", drop / transition)
    return drop / sqrt(sqrt(1.0 + steep * steep))


def _tube() -> Law:
    """Return the law of one tube of a crossbar.

    An orifice, G f(dp); or a tube with end losses, the root of dp = q/G (1 + |q|/q_e), q_e being the end flow.
    """
    drop, conductance = effort("a") - effort("b"), parameter("conductance")
    loss = 4.0 * conductance * absolute(drop) / parameter("end_flow")
    lossy = 2.0 / (1.0 + sqrt(1.0 + loss))
    return Law(
        terminals=("a", "b"),
        through={("a", "b"): conductance * throttled(drop, parameter("transition")) * lossy},
        units={"conductance": "conductance", "transition": "effort", "end_flow": "flow"},
        neutral={"transition": math.inf, "end_flow": math.inf},
        noise={("a", "b"): THERMAL * conductance},
    )


TUBE = _tube()
"""One tube of a crossbar: an orifice if its transition is finite, one with end losses if its end flow is."""
