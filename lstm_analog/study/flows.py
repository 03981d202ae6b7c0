"""Flows out of the nodes of a network into its conductances, and the moments of a run at which they are computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, flow, rows
from lstm_analog.network.parts import DATUM, Conductors, Crossbars, Inertances, Part, Ports, Switches
from lstm_analog.network.trajectory import Trajectory

_PASSIVE = Conductors | Crossbars | Inertances | Ports | Switches
"""Parts through which flow passes from node to node; all others are sources of flow or store it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Moments of a run at which the same clock lines are `high`, with `efforts` (n, unknowns), in the effort unit.

    Sequences come one after the other. `weights` (n,) are the times (s) that the moments stand for: by the trapezoidal
    rule, except that the first stretch of an interval has the efforts at its end, as those at its beginning are still
    of the interval before.
    """

    high: High
    efforts: Floats
    weights: Floats


def moments_of(trajectory: Trajectory) -> Iterator[Moments]:
    """Yield the moments of all steps of `trajectory`, interval by interval, without the reset before the first step.

    The trajectory must have kept everything. With one point an interval its end stands for all of it. An interval at
    whose end nothing happens may have no point of its own; the next one then stands for both.
    """
    ends = np.searchsorted(trajectory.time, trajectory.schedule.ends)
    for interval, (first, last) in enumerate(pairwise(ends), start=1):
        if first == last:
            continue
        spans = np.diff(trajectory.time[first : last + 1])
        weights = 0.5 * (np.append(spans[1:], 0.0) + spans)
        weights[0] += 0.5 * spans[0]
        efforts = trajectory.efforts[..., first + 1 : last + 1, :]
        copies = efforts.size // (weights.size * efforts.shape[-1])
        yield Moments(
            high=trajectory.schedule.phase(interval),
            efforts=efforts.reshape(-1, efforts.shape[-1]),
            weights=np.tile(weights, copies),
        )


def mean_heat(trajectory: Trajectory) -> float:
    """Return the mean power (W) that the conductances of the network of `trajectory` turn to heat, reset left out."""
    energy = duration = 0.0
    for some in moments_of(trajectory):
        out = outflow(trajectory.network, some.efforts, some.high)
        energy += float(some.weights @ (some.efforts * out).sum(axis=1))
        duration += float(some.weights.sum())
    return energy / duration


def outflow(network: Network, efforts: Floats, high: High) -> Floats:
    """Return the flow out of each node of `network` into its conductances, of the shape of `efforts` (n, unknowns).

    `high` says which clock lines are high. Tubes of crossbars count as laminar at their inputs.
    """
    out = np.zeros_like(efforts)
    for part in network.parts:
        if isinstance(part, _PASSIVE):
            add_outflow(part, efforts, high, out)
    return out


@singledispatch
def add_outflow(part: Part, efforts: Floats, high: High, out: Floats) -> None:
    """Add to `out` (n, unknowns) the flow out of each node into `part` at `efforts`, with the lines `high`."""
    entering = flow(part, efforts, high)
    for terminal, nodes in enumerate(rows(part)):
        _add(out, nodes, -entering[..., terminal, :])


@add_outflow.register
def _(part: Crossbars, efforts: Floats, high: High, out: Floats) -> None:
    entering, sides = flow(part, efforts, high), ((part.plus, part.positive), (part.minus, part.negative))
    for side, (nodes, conductance) in enumerate(sides):
        leaving = conductance.sum(axis=-2) * efforts[..., part.inputs] - efforts[..., nodes] @ conductance
        _add(out, part.inputs, leaving)
        _add(out, nodes, -entering[..., side, :])
    for nodes, load in ((part.plus, part.plus_load), (part.minus, part.minus_load)):
        out[:, DATUM] -= (load * efforts[:, nodes]).sum(axis=1)


@add_outflow.register
def _(part: Inertances, efforts: Floats, high: High, out: Floats) -> None:
    leaving = part.closed * efforts[:, part.state]
    _add(out, part.a, leaving)
    _add(out, part.b, -leaving)


def _add(out: Floats, nodes: Indices, leaving: Floats) -> None:
    np.add.at(out.T, nodes, leaving.T)
