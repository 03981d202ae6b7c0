"""Optimisers in numbers, step by step, and the motion that momentum follows as the rate falls to zero.

Time is counted in units in which the motion is w'' + a w' + grad f(w) = 0, a being the friction: a step of SGD with
momentum takes sqrt(rate) of it, and momentum = 1 - a sqrt(rate) (Qian 1999). Weights are (n,), paths (steps + 1, n).
"""

from math import sqrt

import numpy as np

from lstm_analog.analogies.losses import DescentLoss, Quadratic, checked_start
from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.quantities import check_count


@checked
def heavy_ball(loss: DescentLoss, start: Floats, *, rate: float, momentum: float, steps: int) -> Floats:
    """Return the path of SGD with momentum from `start`: v <- momentum v - rate grad(w), w <- w + v (Polyak 1964).

    It is semi-implicit Euler for the heavy ball, with steps of sqrt(`rate`) in time, so it is off by their first power
    (Hairer, Lubich and Wanner 2006). `loss` is any with a gradient, `momentum` the share of speed that a step keeps,
    `steps` their number.
    """
    path = _path(loss, start, rate, steps)
    speed = np.zeros_like(path[0])
    for k in range(steps):
        speed = momentum * speed - rate * loss.gradient(path[k], k)
        path[k + 1] = path[k] + speed
    return path


@checked
def nesterov(loss: DescentLoss, start: Floats, *, rate: float, momentum: float, steps: int) -> Floats:
    """Return the path of Nesterov's method from `start`: as `heavy_ball`, the gradient taken at w + momentum v.

    `loss` is any with a gradient; `rate`, `momentum` and `steps` as there. Nesterov 1983, with constant momentum.
    """
    path = _path(loss, start, rate, steps)
    speed = np.zeros_like(path[0])
    for k in range(steps):
        speed = momentum * speed - rate * loss.gradient(path[k] + momentum * speed, k)
        path[k + 1] = path[k] + speed
    return path


@checked
def adaptive_steps(
    loss: DescentLoss, start: Floats, *, rate: float, first: float | None, second: float, epsilon: float, steps: int
) -> Floats:
    """Return the path of Adam from `start` (Kingma and Ba 2015), or of RMSProp if `first` is None.

    Gradients and their squares are averaged over `first` and `second` in time, a step being `rate` of it: beta =
    1 - rate/first. Both averages begin at the first gradient, in place of Adam's correction of their bias, and
    `epsilon` stands below the root, g/sqrt(v + epsilon^2). `loss` is any with a gradient, `steps` their number.
    """
    path = _path(loss, start, rate, steps)
    mean = loss.gradient(path[0], 0)
    square, share = mean**2, 1.0 if first is None else rate / first
    for k in range(steps):
        slope = loss.gradient(path[k], k)
        mean = mean + share * (slope - mean)
        square = square + rate / second * (slope**2 - square)
        path[k + 1] = path[k] - rate * mean / np.sqrt(square + epsilon**2)
    return path


@checked
def damped_motion(loss: Quadratic, start: Floats, *, friction: float, time: Floats) -> Floats:
    """Return w(t), (k, n), of w'' + `friction` w' + grad f(w) = 0 from rest at `start`, in closed form.

    `loss` gives the principal axes, each of which is an oscillator of its own; `time` is (k,).
    """
    begin = checked_start(loss, start, {"friction": friction})
    half, (curvature, axes) = 0.5 * friction * floats(time, "time")[:, None], np.linalg.eigh(loss.hessian)
    split = np.sqrt(1.0 - 4.0 * curvature / friction**2 + 0j) * half
    twice = np.where(split == 0, 1.0, 2.0 * split)
    mean = np.where(split == 0, 1.0, -np.expm1(-2.0 * split) / twice)
    decay = np.exp(split - half) * (0.5 + 0.5 * np.exp(-2.0 * split) + half * mean)
    found: Floats = loss.minimum + (decay.real * (axes.T @ (begin - loss.minimum))) @ axes.T
    return found


@checked
def critical_momentum(curvature: float, rate: float) -> float:
    """Return (1 - sqrt(rate x curvature))^2, the momentum of fastest decay along one axis (Polyak 1964).

    Both roots of r^2 - (1 + m - `rate` `curvature`) r + m are then equal; for small rates it is 1 - a sqrt(rate) at
    the critical friction a = 2 sqrt(curvature). Along several axes the least curvature counts.

    >>> round(critical_momentum(1.0, 0.01), 12)
    0.81
    """
    if not 0 < rate * curvature < 1:
        must, got = "be between 0 and 1", rate * curvature
        raise InvalidValueError(explain("rate x curvature", must=must, got=got, do="lower the rate"))
    return (1.0 - sqrt(rate * curvature)) ** 2


def _path(loss: DescentLoss, start: Floats, rate: float, steps: int) -> Floats:
    """Return an array for the path (steps + 1, n) that begins at `start`; all is checked."""
    check_count("steps", steps)
    begin = checked_start(loss, start, {"rate": rate})
    return np.tile(begin, (steps + 1, 1))
