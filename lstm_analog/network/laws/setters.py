"""Laws of parts that set an unknown and carry no flow: sources, junctions, storages, and transistor-level cells.

The equations of cells are the models of a SPICE simulator. Also here: the neutral answers of dense banks, which set and
store nothing.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.bank import take_elements
from lstm_analog.network.cells import Cells
from lstm_analog.network.laws.base import blocks, capacity, flow, flow_into, idle, partials, rows, sets, take
from lstm_analog.network.laws.levers import lever_values
from lstm_analog.network.laws.records import High, Idle, Kind, nothing
from lstm_analog.network.parts import Crossbars, Junctions, Sources, Stops, Storages, Transconductors
from lstm_analog.network.parts.base import Law, law

_SETTERS = Sources | Junctions | Storages
_DENSE = Transconductors | Crossbars

sets.register(Sources, lambda part: (Kind.IMPOSED, part.nodes))
sets.register(Junctions, lambda part: (Kind.BALANCED, part.nodes))
sets.register(Storages, lambda part: (Kind.STORED, part.nodes))
sets.register(Cells, lambda part: (Kind.INSIDE, part.outputs))
sets.register(_DENSE, lambda part: None)

capacity.register(Storages, lambda part: (part.nodes, part.capacitance))
capacity.register(Sources | Junctions | Cells | _DENSE, lambda part: (nothing(0), np.empty(0)))

rows.register(_SETTERS, lambda part: nothing(0, 0))
flow_into.register(_SETTERS, lambda part, effort, high, out: ())
blocks.register(_SETTERS | Cells, lambda part, high: ())
partials.register(_SETTERS, lambda part, effort, high: ())
idle.register(Stops, lambda part: Idle(nodes=part.nodes, low=part.low, high=part.high))

lever_values.register(Sources, lambda part: {"effort": part.effort})
lever_values.register(Storages, lambda part: {"capacitance": part.capacitance})
lever_values.register(Junctions, lambda part: {})

take.register(_SETTERS | _DENSE, take_elements)


@flow.register
def _(part: Sources | Junctions | Storages, effort: Floats, high: High) -> Floats:
    return np.empty((*effort.shape[:-1], 0, 0))


@take.register
def _(part: Cells, elements: Indices) -> Cells:
    return replace(part, pins=part.pins[:, elements])


@law.register
def _(part: Cells) -> Law:
    must, got = "have equations in this package", "transistor-level Cells"
    do = "run it with engines.Ngspice(); on the command line --engine ngspice"
    raise UnsupportedPartError(explain(f"part {part.label}", must=must, got=got, do=do))
