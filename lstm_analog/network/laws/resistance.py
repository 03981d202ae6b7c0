"""How flow answers to a difference of efforts where it is not simply proportional, and how a sticking valve opens."""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.network.passages import Crossbars, Ports


def opening(part: Ports, control: Floats) -> Floats:
    """Return v = clip(sign(u) max(|u| - deadband, 0), -limit, limit) of ports `part` at the `control` u (..., m)."""
    if part.free:
        return control
    beyond = control - np.clip(control, -part.deadband, part.deadband)
    result: Floats = np.clip(beyond, -part.limit, part.limit)
    return result


def opening_slope(part: Ports, control: Floats) -> Floats:
    """Return dv/du of `opening` for the ports `part` at the `control` u (..., m): 1, or 0 where it sticks or stops."""
    size = np.abs(control)
    return np.where((size > part.deadband) & (size < part.limit + part.deadband), 1.0, 0.0)


def throttled(drop: Floats, transition: Floats) -> Floats:
    """Return f(dp) = dp / (1 + (dp/pcr)^2)^(1/4) at the `drop` dp; pcr = `transition`, infinite for f(dp) = dp.

    Simscape's regularised orifice (Isothermal Liquid, Local Restriction); f -> sqrt(pcr |dp|) for |dp| >> pcr.
    """
    result: Floats = drop * (1.0 + (drop / transition) ** 2) ** -0.25
    return result


def throttled_slope(drop: Floats, transition: Floats) -> Floats:
    """Return df/d(dp) of `throttled` at the `drop` dp with `transition` pcr."""
    square = (drop / transition) ** 2
    result: Floats = (1.0 + 0.5 * square) * (1.0 + square) ** -1.25
    return result


def tube_flow(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return the flow through the tubes of `part` that have the `conductance` G, at the `drop` dp, (..., m, n).

    An orifice, G f(dp); or a tube with end losses, the root of dp = q/G (1 + |q|/q_e), q_e being the end flow.
    """
    if np.isfinite(part.transition).any():
        return conductance * throttled(drop, part.transition[..., None])
    loss = 4.0 * conductance * np.abs(drop) / part.end_flow[..., None]
    result: Floats = 2.0 * conductance * drop / (1.0 + np.sqrt(1.0 + loss))
    return result


def tube_slope(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return d flow / d `drop` of `tube_flow` for the tubes of `part` of `conductance` G, (..., m, n)."""
    if np.isfinite(part.transition).any():
        return conductance * throttled_slope(drop, part.transition[..., None])
    loss = 4.0 * conductance * np.abs(drop) / part.end_flow[..., None]
    result: Floats = conductance / np.sqrt(1.0 + loss)
    return result
