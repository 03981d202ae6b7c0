"""Neutral answers of parts that set or store nothing, and the selection of elements of dense banks."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.bank import take_elements
from lstm_analog.network.laws.base import capacity, idle, sets, take
from lstm_analog.network.laws.records import Idle, nothing
from lstm_analog.network.parts import Crossbars, Junctions, Part, Sources, Stops, Storages, Transconductors


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
