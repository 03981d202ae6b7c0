"""Evaluate the laws of single tubes for a dense crossbar, and the conductance of ports as they are opened."""

from functools import cache
from typing import NamedTuple

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.expressions import Program, derivative, effort, parameter
from lstm_analog.network.laws.equations import equations
from lstm_analog.network.parts import Crossbars, Ports, parameters_of, terminals_of
from lstm_analog.network.parts.passages import TUBE
from lstm_analog.network.parts.ports import opened
from lstm_analog.network.shapes import Shape

_LOSSES = ("transition", "end_flow")
"""The two losses that tubes may have beside their conductance, by the names of their parameters."""


def tube_levers(part: Crossbars, conductance: Floats, drop: Floats) -> dict[str, Floats]:
    """Return d flow / d parameter of tubes of `part` of `conductance` G at the `drop` of effort, (..., m, n) each.

    By the conductance, and by the loss that the tubes have.
    """
    slopes = _evaluated(part, _programs(_loss(part)).levers, conductance, drop)
    return dict(zip(("conductance", _loss(part)), slopes, strict=True))


def tube_flow(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return the flow through tubes of `part` of `conductance` G (flow unit), at the `drop` of effort, (..., m, n)."""
    return _evaluated(part, _programs(_loss(part)).flow, conductance, drop)[0]


def tube_slope(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return d flow / d `drop` of `tube_flow` for the tubes of `part` of `conductance` G, (..., m, n)."""
    return _evaluated(part, _programs(_loss(part)).slope, conductance, drop)[0]


class _TubePrograms(NamedTuple):
    """The programs of the flow into the end of a tube, of its slope, and of its derivatives by `tube_levers`."""

    flow: Program
    slope: Program
    levers: Program


@cache
def _programs(loss: str) -> _TubePrograms:
    """Return the programs of a tube that has one `loss`."""
    value = equations(TUBE, frozenset(_LOSSES).difference((loss,)), True).flows["b"]
    levers = [derivative(value, parameter(name)) for name in ("conductance", loss)]
    return _TubePrograms(Program([value]), Program([derivative(value, effort("a"))]), Program(levers))


def _loss(part: Crossbars) -> str:
    """Return which of the two losses the tubes of `part` have."""
    return _LOSSES[0] if np.isfinite(part.transition).any() else _LOSSES[1]


def _evaluated(part: Crossbars, program: Program, conductance: Floats, drop: Floats) -> list[Floats]:
    """Return what `program` makes of tubes of `part` of `conductance` at the `drop` of effort."""
    losses = {name: getattr(part, name)[..., None] for name in _LOSSES}
    values = program.bound({"conductance": conductance} | losses)({"a": drop, "b": np.zeros(1)}.__getitem__)
    return [np.asarray(value) for value in values]


def opened_conductance(part: Ports, effort: Floats) -> Floats:
    """Return the conductance (..., m) that ports `part` have for small flows, opened at `effort` (..., unknowns)."""
    nodes = terminals_of(part)
    (value,) = _opening(part.shape).bound(parameters_of(part))(lambda name: effort[..., nodes[name]])
    result: Floats = np.asarray(value)
    return result


@cache
def _opening(shape: Shape) -> Program:
    return Program([opened(shape)])
