"""Derivatives of a part's flow by its parameters, from the declared law."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, singledispatch
from itertools import islice

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.expressions import LINE, Expression, Program, derivative, kinks, number, parameter, substituted
from lstm_analog.network.laws.equations import bank_of, flows_of
from lstm_analog.network.laws.records import High, is_on
from lstm_analog.network.parts import Part, law, parameters_of
from lstm_analog.network.parts.base import Law


@dataclass(frozen=True, kw_only=True, eq=False)
class Lever:
    """A parameter `name` of a part, its `unit` as a key of `Domain.units`, and d flow / d parameter by terminal.

    The terminals are in the order of `rows`. At a kink (`kinks_at`) the derivative is that of one of the two sides.
    """

    name: str
    unit: str
    slopes: Mapping[str, Expression]


def levers(part: Part) -> tuple[Lever, ...]:
    """Return a lever for each parameter of `part`; raise `UnsupportedPartError` for a part that declares no law."""
    return _levers(law(part))


def lever_slopes(part: Part, effort: Floats, high: High) -> dict[str, Floats]:
    """Return d flow / d parameter of `part` at `effort` (..., unknowns) with the lines `high`, by parameter.

    Shape (..., terminals, m), as `flow`; an element's flow depends on its own parameters only.
    """
    bank = bank_of(part)
    slopes = iter(bank.evaluated(_program(bank.law, is_on(bank.line, high)), effort))
    return {lever.name: bank.stacked(list(islice(slopes, len(lever.slopes))), effort) for lever in _levers(bank.law)}


@singledispatch
def lever_values(part: Part) -> dict[str, Floats]:
    """Return the parameters of `part` by name, (..., m), or (..., m, n) where they are a matrix.

    Raises `UnsupportedPartError` for a part that declares no law.
    """
    return parameters_of(part)


@singledispatch
def lever_sums(part: Part, effort: Floats, high: High, weights: Floats) -> dict[str, Floats]:
    """Return the derivative by each parameter of `part` of the sum of `weights` times its flows, with the lines `high`.

    `effort` (k, unknowns) are k moments; `weights` (sums, k, terminals, m) belong to the flows that `flow` returns for
    them. The result is (sums, *own) of a parameter (*own): one sum over moments, terminals and elements for each of the
    parameters that `lever_values` names.
    """
    slopes = lever_slopes(part, effort, high)
    return {name: np.einsum("ktm,rktm->rm", value, weights) for name, value in slopes.items()}


@singledispatch
def lever_flows(part: Part, effort: Floats, high: High, changes: Mapping[str, Floats]) -> Floats:
    """Return the flow that `changes` of the parameters of `part` of one chip add, to first order, (..., terminals, m).

    They are given by name, at `effort` (..., unknowns) with the lines `high`, in the shapes of `lever_values`.
    """
    slopes = lever_slopes(part, effort, high)
    return sum((slopes[name] * value for name, value in changes.items()), np.zeros(1))


def kinks_at(part: Part, effort: Floats, high: High) -> Floats:
    """Return quantities of `part` that are zero where its flow has a kink, at `effort` with the lines `high`.

    Shape (..., k, m) for the k kinks of its law. Raises `UnsupportedPartError` for a part that declares no law.
    """
    bank = bank_of(part)
    return bank.stacked(bank.evaluated(_turns(bank.law, is_on(bank.line, high)), effort), effort)


@lru_cache(maxsize=256)
def _turns(given: Law, on: bool) -> Program:
    known = {LINE: number(float(on))}
    flows = (substituted(value, known) for value in flows_of(given).values())
    return Program(list(dict.fromkeys(turn for flow in flows for turn in kinks(flow))))


@lru_cache(maxsize=256)
def _levers(given: Law) -> tuple[Lever, ...]:
    flows = flows_of(given)
    return tuple(
        Lever(name=name, unit=unit, slopes={end: derivative(value, parameter(name)) for end, value in flows.items()})
        for name, unit in given.units.items()
    )


@lru_cache(maxsize=256)
def _program(given: Law, on: bool) -> Program:
    known = {LINE: number(float(on))}
    return Program([substituted(slope, known) for lever in _levers(given) for slope in lever.slopes.values()])
