"""The laws of transistor-level cells that a network needs; their equations are the models of a SPICE simulator."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.cells import Cells
from lstm_analog.network.laws.base import blocks, capacity, sets, take
from lstm_analog.network.laws.records import Block, High, Kind, nothing
from lstm_analog.network.parts.base import Law, law


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
