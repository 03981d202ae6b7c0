"""The flow of a part over the points of a segment, written into a buffer: by its law, or faster where it has a way.

A pair's factor with the datum on one side, or without an offset, is spared the arithmetic that changes nothing, and
sigmoid(u) = (1 + tanh(u/2))/2 is never written out: sigmoid(u) y = (tanh(u/2) + 1) y/2.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.network.laws import High, flow
from lstm_analog.network.parts import DATUM, Factor, Pairs, Part
from lstm_analog.network.shapes import Shape, curve

Step = Callable[[], None]


def flowing(part: Part, waves: Waves, high: High, out: Floats) -> Step:
    """Return the step that writes the flow of `part` at `waves` with `high` into `out` (points, *lead, terminals, m)."""
    own = kernel(part, waves, high, out[..., 0, :], 0) if out.shape[-2] == 1 else None
    efforts = cast(Floats, waves)  # all a law asks of efforts is some nodes of them, and the shape before the last axis
    return own or (lambda: np.copyto(out, flow(part, efforts, high)))


@singledispatch
def kernel(part: Part, waves: Waves, high: High, out: Floats, terminal: int) -> Step | None:
    """Return the step that writes the flow of `part` at `waves` into its `terminal` to `out` (points, *lead, m).

    None for a part whose law with the lines `high` is all there is.
    """
    return None


@kernel.register
def _(part: Pairs, waves: Waves, high: High, out: Floats, terminal: int) -> Step | None:
    sigmoids = sum(factor.shape is Shape.SIGMOID for factor in part.factors)
    current = _plain(part.current * 0.5**sigmoids)
    first, *others = [_factor(factor, waves, out.shape) for factor in part.factors]
    spare = np.empty(out.shape)

    def run() -> None:
        first(out)
        for other in others:
            other(spare)
            np.multiply(out, spare, out=out)
        if current is not None:
            np.multiply(out, current, out=out)

    return run


def _plain(values: Floats) -> Floats | float | None:
    """Return `values` as one number if they are all the same, None if that is 1."""
    if not values.size or (values != values.flat[0]).any():
        return values
    return None if values.flat[0] == 1.0 else float(values.flat[0])


def _factor(factor: Factor, waves: Waves, shape: tuple[int, ...]) -> Callable[[Floats], None]:
    """Return what writes the curve of `factor`, twice that of a sigmoid, into a buffer of `shape`."""
    half = 0.5 if factor.shape is Shape.SIGMOID else 1.0
    scale = _plain(factor.scale * half)
    offset = factor.offset * half if factor.offset.any() else None
    below = bool((factor.n != DATUM).any())

    def control(out: Floats) -> Floats:
        u = waves[..., factor.p]
        if below:
            u = np.subtract(u, waves[..., factor.n], out=out)
        if scale is not None:
            u = np.multiply(u, scale, out=out)
        if offset is not None:
            u = np.add(u, offset, out=out)
        return u

    def tanh(out: Floats) -> None:
        np.tanh(control(out), out=out)

    def sigmoid(out: Floats) -> None:
        tanh(out)
        np.add(out, 1.0, out=out)

    def other(out: Floats) -> None:
        np.copyto(out, curve(factor.shape, control(out)))

    return {Shape.TANH: tanh, Shape.SIGMOID: sigmoid}.get(factor.shape, other)
