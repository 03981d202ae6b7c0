"""Parts that set an unknown and carry no flow: sources, junctions and storages."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import Call
from lstm_analog.network.laws.base import blocks, capacity, flow, flow_into, partials, rows, sets
from lstm_analog.network.laws.levers import lever_values
from lstm_analog.network.laws.records import Block, High, Kind, nothing
from lstm_analog.network.parts import Junctions, Sources, Storages


@sets.register
def _(part: Sources) -> tuple[Kind, Indices]:
    return Kind.IMPOSED, part.nodes


@sets.register
def _(part: Junctions) -> tuple[Kind, Indices]:
    return Kind.BALANCED, part.nodes


@sets.register
def _(part: Storages) -> tuple[Kind, Indices]:
    return Kind.STORED, part.nodes


@capacity.register
def _(part: Storages) -> tuple[Indices, Floats]:
    return part.nodes, part.capacitance


@rows.register
def _(part: Sources | Junctions | Storages) -> Indices:
    return nothing(0, 0)


@flow.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High) -> Floats:
    return np.empty((*effort.shape[:-1], 0, 0))


@flow_into.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High, out: Floats) -> tuple[Call, ...]:
    return ()


@blocks.register
def _(part: Sources | Junctions | Storages, high: High) -> tuple[Block, ...]:
    return ()


@partials.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High) -> tuple[Floats, ...]:
    return ()


@lever_values.register
def _(part: Sources | Junctions | Storages) -> dict[str, Floats]:
    values = {Sources: ("effort",), Junctions: (), Storages: ("capacitance",)}[type(part)]
    return {name: getattr(part, name) for name in values}
