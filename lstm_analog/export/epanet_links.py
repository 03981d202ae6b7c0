"""Find the parts of a hydraulic network that conduct while given clock lines are high, as EPANET's pipes and valves.

A pipe loses `dp = q/G + square q |q|`: a tube and its ends. A valve has no linear loss in EPANET. A laminar port
becomes a valve of `square` = P/(G G0), G0 being its conductance at rest and P the pressure unit: two such valves divide
a pressure as the ports do, at any flow, and at rest pass the ports' flow at the pressure P.
"""

from dataclasses import dataclass, fields
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidShapeError, UnsupportedError, UnsupportedPartError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, is_on
from lstm_analog.network.laws.tubes import opened_conductance
from lstm_analog.network.parts import (
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class EpanetLinks:
    """Paths from `a` to `b`, (m,), with the loss q/G + square q |q| at a flow q.

    `conductance` G is in m3/(s Pa), `square` in Pa s2/m6. `bank` is the number of the part in the network, `element`
    that of the path among all paths of the part, whatever the clock.
    """

    bank: Indices
    element: Indices
    a: Indices
    b: Indices
    conductance: Floats
    square: Floats

    def take(self, chosen: Indices) -> "EpanetLinks":
        """Return the `chosen` paths (k,) alone."""
        return EpanetLinks(**{entry.name: getattr(self, entry.name)[chosen] for entry in fields(self)})


@dataclass(frozen=True, kw_only=True, eq=False)
class _Paths:
    a: Indices
    b: Indices
    conductance: Floats
    square: Floats


def links(network: Network, effort: Floats, high: High) -> tuple[EpanetLinks, EpanetLinks]:
    """Return all pipes and all valves of `network` that conduct at `effort` (unknowns,) with the lines `high`.

    Raises `UnsupportedPartError` if a part has no counterpart in EPANET, `UnsupportedError` if tubes obey the law of
    orifices, `InvalidShapeError` if a part has chip axes.
    """
    unit = network.unknowns.scales()
    pipes: list[EpanetLinks] = []
    valves: list[EpanetLinks] = []
    for bank, part in enumerate(network.parts):
        paths = _paths(part, effort, unit, high)
        if paths.conductance.ndim > 1:
            got, do = paths.conductance.shape, "write one chip"
            raise InvalidShapeError(explain(f"{part.label} conductance", must="be a vector", got=got, do=do))
        (valves if isinstance(part, Ports) else pipes).append(_numbered(bank, paths))
    return _joined(pipes), _joined(valves)


def _numbered(bank: int, paths: _Paths) -> EpanetLinks:
    size = paths.conductance.size
    every = EpanetLinks(bank=np.full(size, bank), element=np.arange(size), **vars(paths))
    return every.take(np.flatnonzero(paths.conductance > 0))


def _joined(each: list[EpanetLinks]) -> EpanetLinks:
    every = [_numbered(0, _no_paths()), *each]
    return EpanetLinks(
        **{entry.name: np.concatenate([getattr(item, entry.name) for item in every]) for entry in fields(EpanetLinks)}
    )


def _tubes(a: Indices, b: Indices, conductance: Floats) -> _Paths:
    return _Paths(a=a, b=b, conductance=conductance, square=np.zeros_like(conductance))


def _no_paths() -> _Paths:
    none = np.empty(0, dtype=np.int64)
    return _tubes(none, none, np.empty(0))


@singledispatch
def _paths(part: Part, effort: Floats, unit: Floats, high: High) -> _Paths:
    must, do = "have a counterpart in EPANET", "check its statics by another simulator"
    raise UnsupportedPartError(explain(f"part {type(part).__name__}", must=must, got="none", do=do))


@_paths.register
def _(
    part: Sources | Junctions | Storages | Followers | Spools | Stops, effort: Floats, unit: Floats, high: High
) -> _Paths:
    return _no_paths()


@_paths.register
def _(part: Conductors, effort: Floats, unit: Floats, high: High) -> _Paths:
    return _tubes(part.a, part.b, part.conductance)


@_paths.register
def _(part: Switches | Inertances, effort: Floats, unit: Floats, high: High) -> _Paths:
    return _tubes(part.a, part.b, part.closed) if is_on(part.line, high) else _no_paths()


@_paths.register
def _(part: Pairs, effort: Floats, unit: Floats, high: High) -> _Paths:
    if is_on(part.line, high):
        must, do = "be shut in a steady state", "check machines with CLOCKED timing"
        raise UnsupportedPartError(explain(f"part Pairs {part.label} for EPANET", must=must, got="a flow", do=do))
    return _no_paths()


@_paths.register
def _(part: Ports, effort: Floats, unit: Floats, high: High) -> _Paths:
    if not is_on(part.line, high):
        return _no_paths()
    own = opened_conductance(part, effort)
    pressure = unit[np.maximum(part.a, part.b)]
    square = pressure / (own * part.conductance) if part.laminar else 1.0 / (own**2 * part.transition)
    return _Paths(a=part.a, b=part.b, conductance=own, square=square)


@_paths.register
def _(part: Crossbars, effort: Floats, unit: Floats, high: High) -> _Paths:
    if np.isfinite(part.transition).any():
        must, do = "be tubes for EPANET", "check orifices by another simulator"
        raise UnsupportedError(explain(part.label, must=must, got="orifices", do=do))
    tails = np.tile(part.inputs, part.plus.size)
    plus, minus = (np.repeat(nodes, part.inputs.size) for nodes in (part.plus, part.minus))
    banks = [part.positive.reshape(*part.positive.shape[:-2], -1), part.plus_load]
    banks += [part.negative.reshape(*part.negative.shape[:-2], -1), part.minus_load]
    conductance = np.concatenate(banks, axis=-1)
    ends = np.concatenate([part.end_flow.repeat(part.inputs.size, axis=-1), part.end_flow] * 2, axis=-1)
    return _Paths(
        a=np.concatenate((tails, part.plus, tails, part.minus)),
        b=np.concatenate((plus, np.full_like(part.plus, DATUM), minus, np.full_like(part.minus, DATUM))),
        conductance=conductance,
        square=1.0 / (np.where(conductance > 0, conductance, 1.0) * ends),
    )
