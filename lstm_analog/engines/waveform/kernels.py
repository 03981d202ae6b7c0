"""The flow of a part over the points of a segment, written into a buffer: by its law, or faster where it has a way.

A pair's factor with the datum on one side, or without an offset, is spared the arithmetic that changes nothing, and
sigmoid(u) = (1 + tanh(u/2))/2 is never written out: sigmoid(u) y = (tanh(u/2) + 1) y/2.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.network.laws import High, flow
from lstm_analog.network.parts import DATUM, Factor, OpAmps, Pairs, Part
from lstm_analog.network.shapes import Shape, curve

Step = Callable[[], None]
"""One thing to do in a segment, its buffers bound."""


@singledispatch
def flowing(part: Part, waves: Waves, high: High, out: Floats) -> Step:
    """Return the step that writes the flow of `part` at `waves` with `high` to `out` (points, *lead, terminals, m)."""
    own = kernel(part, waves, high, out[..., 0, :], 0) if out.shape[-2] == 1 else None
    efforts = cast(Floats, waves)  # all a law asks of efforts is some nodes of them, and the shape before the last axis
    return own or (lambda: np.copyto(out, flow(part, efforts, high)))


@flowing.register
def _(part: OpAmps, waves: Waves, high: High, out: Floats) -> Step:
    """Spare what an op-amp of this bank does not have: a node at the datum, a common mode, a limit of its output."""
    charge, given, spare = out[..., 0, :], out[..., 1, :], np.empty((*out.shape[:-2], out.shape[-1]))
    plus, common = _end(waves, part.plus), 0.5 * part.common_mode if part.common_mode.any() else None
    reach = part.output_limit / part.output_conductance
    steep, swing, clamp = part.transconductance / part.current_limit, part.swing, part.clamp

    def run() -> None:
        minus, x = waves[..., part.minus], waves[..., part.state]
        ahead = plus()
        np.subtract(ahead, minus, out=charge)
        np.add(charge, part.offset, out=charge)
        if common is not None:
            np.add(charge, common * (ahead + minus), out=charge)
        np.multiply(charge, steep, out=charge)
        np.tanh(charge, out=charge)
        np.multiply(charge, part.current_limit, out=charge)
        np.subtract(charge, np.multiply(x, part.conductance, out=spare), out=charge)
        np.tanh(np.divide(x, swing, out=given), out=given)
        np.multiply(given, swing, out=given)
        np.subtract(given, waves[..., part.out], out=given)
        if (np.abs(x, out=spare) > clamp).any():
            np.subtract(charge, part.clamp_conductance * _beyond(x, clamp), out=charge)
        if not part.unlimited and (np.abs(given, out=spare) > reach).any():
            np.subtract(charge, part.clamp_conductance * _beyond(given, reach), out=charge)
        np.multiply(given, part.output_conductance, out=given)

    return run


def _end(waves: Waves, nodes: Indices) -> Callable[[], Floats | float]:
    """Return what gives the efforts of `nodes`, a plain 0 where all are the datum."""
    return (lambda: waves[..., nodes]) if (nodes != DATUM).any() else lambda: 0.0


@singledispatch
def kernel(part: Part, waves: Waves, high: High, out: Floats, terminal: int) -> Step | None:
    """Return the step that writes the flow of `part` at `waves` into its `terminal` to `out` (points, *lead, m).

    None for a part whose law with the lines `high` is all there is.
    """
    return None


@kernel.register
def _(part: Pairs, waves: Waves, high: High, out: Floats, terminal: int) -> Step | None:
    curved = [factor for factor in part.factors if factor.shape is not Shape.LINEAR]
    linear = [_control(factor, waves, 1.0) for factor in part.factors if factor.shape is Shape.LINEAR]
    if not curved:
        return None
    first, *others = [_curve(factor, waves) for factor in curved]
    gain = _plain(part.current * 0.5 ** sum(factor.shape is Shape.SIGMOID for factor in curved))
    spare = np.empty(out.shape)

    def run() -> None:
        first(out)
        for write in others:
            write(spare)
            np.multiply(out, spare, out=out)
        times = gain
        for control in linear:
            effort = control(spare)
            if effort.strides[0] == 0:  # held: the same at every point
                times = effort[:1] * times
            else:
                np.multiply(out, effort, out=out)
        np.multiply(out, times, out=out)

    return run


def _plain(values: Floats) -> Floats | float:
    """Return `values` as one number if they are all the same."""
    if not values.size or (values != values.flat[0]).any():
        return values
    return float(values.flat[0])


def _control(factor: Factor, waves: Waves, share: float) -> Callable[[Floats], Floats]:
    """Return what gives a `share` of the control of `factor`, in the buffer given unless it is an effort as it is."""
    scale = _plain(factor.scale * share)
    offset = factor.offset * share if factor.offset.any() else None
    below = bool((factor.n != DATUM).any())

    def control(out: Floats) -> Floats:
        u = waves[..., factor.p]
        if below:
            u = np.subtract(u, waves[..., factor.n], out=out)
        if not isinstance(scale, float) or scale != 1.0:
            u = np.multiply(u, scale, out=out)
        return u if offset is None else np.add(u, offset, out=out)

    return control


def _curve(factor: Factor, waves: Waves) -> Callable[[Floats], None]:
    """Return what writes the curve of `factor`, twice that of a sigmoid, into a buffer."""
    control = _control(factor, waves, 0.5 if factor.shape is Shape.SIGMOID else 1.0)

    def tanh(out: Floats) -> None:
        np.tanh(control(out), out=out)

    def sigmoid(out: Floats) -> None:
        np.tanh(control(out), out=out)
        np.add(out, 1.0, out=out)

    def other(out: Floats) -> None:
        np.copyto(out, curve(factor.shape, control(out)))

    return {Shape.TANH: tanh, Shape.SIGMOID: sigmoid}.get(factor.shape, other)


def _beyond(value: Floats, limit: Floats) -> Floats:
    return value - np.clip(value, -limit, limit)
