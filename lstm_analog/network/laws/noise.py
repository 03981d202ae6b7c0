"""Spectral densities of the white noise in the flows of a part, from the declared law."""

from dataclasses import dataclass
from functools import lru_cache, singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.expressions import LINE, Program, number, substituted
from lstm_analog.network.laws.equations import bank_of
from lstm_analog.network.laws.records import High, is_on
from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Crossbars,
    Junctions,
    Part,
    Sources,
    Storages,
    Transconductors,
)
from lstm_analog.network.parts.base import CARRIER, THERMAL_ENERGY, Law
from lstm_analog.network.parts.passages import TUBE
from lstm_analog.network.quantities import BOLTZMANN, CHARGE, check_number

ROOM = 300.0
"""The temperature of noise unless another is given (K)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """White noise of m flows, each from the unknown in `tails` (m,) to that in `heads` (m,), independent of the others.

    `density` (..., m) is one-sided, in flow units squared per Hz.
    """

    tails: Indices
    heads: Indices
    density: Floats


@singledispatch
def noise(part: Part, effort: Floats, high: High, temperature: float = ROOM) -> tuple[Noise, ...]:
    """Return the noise of `part` at `effort` (..., unknowns) with the lines `high`, at a `temperature` in K.

    Thermal noise is that of a conductance without mean flow. A part without dissipation has no noise.

    Raises
    ------
    UnsupportedPartError
        For a part that declares no law, and for transistor cells: their models in a simulator know their noise.
    InvalidValueError
        If the temperature is not above zero.
    """
    bank, surroundings = bank_of(part), _surroundings(temperature)
    nodes, program = bank.nodes, _program(bank.law, is_on(bank.line, high))
    bound = program.bound(bank.parameters | surroundings)
    found = []
    for ends, one in zip(bank.law.noise, bound(lambda name: effort[..., nodes[name]]), strict=True):
        tails = nodes[ends[0]] if len(ends) > 1 else np.full(bank.size, DATUM)
        density = np.broadcast_to(one, (*np.shape(one)[:-1], bank.size))
        found.append(Noise(tails=tails, heads=nodes[ends[-1]], density=density))
    return tuple(found)


def _surroundings(temperature: float) -> dict[str, Floats]:
    check_number("temperature", temperature)
    return {THERMAL_ENERGY.name: np.array([BOLTZMANN * temperature]), CARRIER.name: np.array([CHARGE])}


@lru_cache(maxsize=256)
def _program(given: Law, on: bool) -> Program:
    return Program([substituted(density, {LINE: number(float(on))}) for density in given.noise.values()])


@noise.register
def _(part: Transconductors, effort: Floats, high: High, temperature: float = ROOM) -> tuple[Noise, ...]:
    return (_into(part.rows, np.abs(part.transconductance).sum(axis=-1), temperature),)


@noise.register
def _(part: Crossbars, effort: Floats, high: High, temperature: float = ROOM) -> tuple[Noise, ...]:
    return tuple(_into(node, tubes.sum(axis=-1) + load, temperature) for node, tubes, load in part.sides)


def _into(nodes: Indices, conductance: Floats, temperature: float) -> Noise:
    """Return the thermal noise of `conductance` (..., m) between `nodes` (m,) and unknowns that do not fluctuate."""
    bound = _program(TUBE, True).bound(_surroundings(temperature) | {"conductance": conductance})
    (density,) = bound(dict[str, Floats]().__getitem__)
    return Noise(tails=np.full(nodes.size, DATUM), heads=nodes, density=np.asarray(density))


noise.register(Sources | Junctions | Storages, lambda part, effort, high, temperature=ROOM: ())


@noise.register
def _(part: Cells, effort: Floats, high: High, temperature: float = ROOM) -> tuple[Noise, ...]:
    must, do = "declare its noise", "ask a simulator, which has the models of its transistors"
    raise UnsupportedPartError(explain(f"part {part.label}", must=must, got="a transistor-level cell", do=do))
