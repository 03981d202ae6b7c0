"""Evaluate the laws of single tubes for a dense crossbar, and the conductance of ports as they are opened."""

from functools import cache

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.expressions import Program, derivative, effort
from lstm_analog.network.laws.equations import equations
from lstm_analog.network.parts import Crossbars, Ports, parameters_of, terminals_of
from lstm_analog.network.parts.passages import TUBE
from lstm_analog.network.parts.ports import opened
from lstm_analog.network.shapes import Shape


def tube_flow(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return the flow through tubes of `part` of `conductance` G (flow unit), at the `drop` of effort, (..., m, n)."""
    return _evaluated(part, 0, conductance, drop)


def tube_slope(part: Crossbars, conductance: Floats, drop: Floats) -> Floats:
    """Return d flow / d `drop` of `tube_flow` for the tubes of `part` of `conductance` G, (..., m, n)."""
    return _evaluated(part, 1, conductance, drop)


@cache
def _programs(absent: str) -> tuple[Program, Program]:
    """Return the programs of the flow into the end of a tube and of its slope; one of its two losses is `absent`."""
    value = equations(TUBE, frozenset((absent,)), True).flows["b"]
    return Program([value]), Program([derivative(value, effort("a"))])


def _evaluated(part: Crossbars, which: int, conductance: Floats, drop: Floats) -> Floats:
    losses = {"transition": part.transition[..., None], "end_flow": part.end_flow[..., None]}
    absent = "end_flow" if np.isfinite(part.transition).any() else "transition"
    program = _programs(absent)[which].bound({"conductance": conductance} | losses)
    (value,) = program({"a": drop, "b": np.zeros(1)}.__getitem__)
    result: Floats = np.asarray(value)
    return result


def opened_conductance(part: Ports, effort: Floats) -> Floats:
    """Return the conductance (..., m) that ports `part` have for small flows, opened at `effort` (..., unknowns)."""
    nodes = terminals_of(part)
    (value,) = _opening(part.shape).bound(parameters_of(part))(lambda name: effort[..., nodes[name]])
    result: Floats = np.asarray(value)
    return result


@cache
def _opening(shape: Shape) -> Program:
    return Program([opened(shape)])
