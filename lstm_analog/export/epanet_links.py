"""Find the parts of a hydraulic network that conduct while given clock lines are high, as EPANET's pipes and valves.

A pipe loses `dp = q/G + square q |q|`: a tube and its ends. A valve has no linear loss in EPANET. A laminar port
becomes a valve of `square` = P/(G G0), G0 being its conductance at rest and P the pressure unit: two such valves divide
a pressure as the ports do, at any flow, and at rest pass the ports' flow at the pressure P.
"""

from dataclasses import dataclass, fields, replace
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidShapeError, UnsupportedError, UnsupportedPartError, explain
from lstm_analog.network import parts
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, is_on
from lstm_analog.network.laws.tubes import opened_conductance
from lstm_analog.network.parts import DATUM, Part


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
        return EpanetLinks(**{name: column[chosen] for name, column in vars(self).items()})


def links(network: Network, effort: Floats, high: High) -> tuple[EpanetLinks, EpanetLinks]:
    """Return all pipes and all valves of `network` that conduct at `effort` (unknowns,) with the lines `high`.

    Raises `UnsupportedPartError` if a part has no counterpart in EPANET, `UnsupportedError` if tubes obey the law of
    orifices, `InvalidShapeError` if a part has chip axes.
    """
    unit = network.unknowns.scales()
    pipes, valves = [_NO_PATHS], [_NO_PATHS]
    for bank, part in enumerate(network.parts):
        paths = _paths(part, effort, unit, high)
        if paths.conductance.ndim > 1:
            got, do = paths.conductance.shape, "write one chip"
            raise InvalidShapeError(explain(f"{part.label} conductance", must="be a vector", got=got, do=do))
        conducting = replace(paths, bank=paths.bank + bank).take(np.flatnonzero(paths.conductance > 0))
        (valves if isinstance(part, parts.Ports) else pipes).append(conducting)
    return _joined(pipes), _joined(valves)


def _joined(each: list[EpanetLinks]) -> EpanetLinks:
    columns = {entry.name: [getattr(item, entry.name) for item in each] for entry in fields(EpanetLinks)}
    return EpanetLinks(**{name: np.concatenate(column) for name, column in columns.items()})


def _tubes(a: Indices, b: Indices, conductance: Floats, square: Floats | None = None) -> EpanetLinks:
    """Return paths of bank 0, without a square loss unless `square` is given."""
    none, element = np.zeros(conductance.shape[-1], dtype=np.int64), np.arange(conductance.shape[-1])
    square = np.zeros_like(conductance) if square is None else square
    return EpanetLinks(bank=none, element=element, a=a, b=b, conductance=conductance, square=square)


_NO_PATHS = _tubes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))


@singledispatch
def _paths(part: Part, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    must, do = "have a counterpart in EPANET", "check its statics by another simulator"
    raise UnsupportedPartError(explain(f"part {type(part).__name__}", must=must, got="none", do=do))


@_paths.register
def _(
    part: parts.Sources | parts.Junctions | parts.Storages | parts.Followers | parts.Spools | parts.Stops,
    effort: Floats,
    unit: Floats,
    high: High,
) -> EpanetLinks:
    return _NO_PATHS


@_paths.register
def _(part: parts.Conductors, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    return _tubes(part.a, part.b, part.conductance)


@_paths.register
def _(part: parts.Switches | parts.Inertances, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    return _tubes(part.a, part.b, part.closed) if is_on(part.line, high) else _NO_PATHS


@_paths.register
def _(part: parts.Pairs, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    if is_on(part.line, high):
        must, do = "be shut in a steady state", "check machines with CLOCKED timing"
        raise UnsupportedPartError(explain(f"part Pairs {part.label} for EPANET", must=must, got="a flow", do=do))
    return _NO_PATHS


@_paths.register
def _(part: parts.Ports, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    if not is_on(part.line, high):
        return _NO_PATHS
    own = opened_conductance(part, effort)
    pressure = unit[np.maximum(part.a, part.b)]
    square = pressure / (own * part.conductance) if part.laminar else 1.0 / (own**2 * part.transition)
    return _tubes(part.a, part.b, own, square)


@_paths.register
def _(part: parts.Crossbars, effort: Floats, unit: Floats, high: High) -> EpanetLinks:
    if np.isfinite(part.transition).any():
        must, do = "be tubes for EPANET", "check orifices by another simulator"
        raise UnsupportedError(explain(part.label, must=must, got="orifices", do=do))
    tails = np.tile(part.inputs, part.plus.size)
    plus, minus = (np.repeat(nodes, part.inputs.size) for nodes in (part.plus, part.minus))
    banks = [part.positive.reshape(*part.positive.shape[:-2], -1), part.plus_load]
    banks += [part.negative.reshape(*part.negative.shape[:-2], -1), part.minus_load]
    conductance = np.concatenate(banks, axis=-1)
    ends = np.concatenate([part.end_flow.repeat(part.inputs.size, axis=-1), part.end_flow] * 2, axis=-1)
    a = np.concatenate((tails, part.plus, tails, part.minus))
    b = np.concatenate((plus, np.full_like(part.plus, DATUM), minus, np.full_like(part.minus, DATUM)))
    return _tubes(a, b, conductance, 1.0 / (np.where(conductance > 0, conductance, 1.0) * ends))
