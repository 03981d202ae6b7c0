"""Laws of parts that set an unknown and carry no flow: sources, junctions, storages, and transistor-level cells.

The equations of cells are the models of a SPICE simulator. Also here: the neutral answers of dense banks, which set and
store nothing, and some elements of these banks as a bank.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.expressions import Call
from lstm_analog.network.bank import take_elements
from lstm_analog.network.cells import Cells
from lstm_analog.network.laws.base import blocks, capacity, flow, flow_into, idle, partials, rows, sets, take
from lstm_analog.network.laws.levers import lever_values
from lstm_analog.network.laws.records import Block, High, Idle, Kind, nothing
from lstm_analog.network.parts import Crossbars, Junctions, Part, Sources, Stops, Storages, Transconductors
from lstm_analog.network.parts.base import Law, law


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


@sets.register
def _(part: Transconductors | Crossbars) -> None:
    return None


@capacity.register
def _(part: Sources | Junctions | Transconductors | Crossbars) -> tuple[Indices, Floats]:
    return nothing(0), np.empty(0)


@take.register
def _(part: Sources | Junctions | Storages, elements: Indices) -> Part:
    return take_elements(part, elements)


@take.register
def _(part: Transconductors, elements: Indices) -> Part:
    return replace(part, rows=part.rows[elements], transconductance=part.transconductance[..., elements, :])


@take.register
def _(part: Crossbars, elements: Indices) -> Part:
    return replace(
        part,
        plus=part.plus[elements],
        minus=part.minus[elements],
        positive=part.positive[..., elements, :],
        negative=part.negative[..., elements, :],
        plus_load=part.plus_load[..., elements],
        minus_load=part.minus_load[..., elements],
        transition=part.transition[..., elements],
        end_flow=part.end_flow[..., elements],
    )


@idle.register
def _(part: Stops) -> Idle:
    return Idle(nodes=part.nodes, low=part.low, high=part.high)


@sets.register
def _(part: Cells) -> tuple[Kind, Indices]:
    return Kind.INSIDE, part.outputs


@capacity.register
def _(part: Cells) -> tuple[Indices, Floats]:
    return nothing(0), np.empty(0)


@blocks.register
def _(part: Cells, high: High) -> tuple[Block, ...]:
    return ()


def _refuse(part: Cells) -> UnsupportedPartError:
    must, got = "have equations in this package", "transistor-level Cells"
    do = "run it with engines.Ngspice(); on the command line --engine ngspice"
    return UnsupportedPartError(explain(f"part {part.label}", must=must, got=got, do=do))


@law.register
def _(part: Cells) -> Law:
    raise _refuse(part)


@take.register
def _(part: Cells, elements: Indices) -> Cells:
    return replace(part, pins=part.pins[:, elements])
