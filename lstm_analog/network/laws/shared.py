"""Neutral answers of parts that set nothing or store nothing, and how each bank is cut."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.bank import take_elements
from lstm_analog.network.laws.base import capacity, nothing, sets, take
from lstm_analog.network.parts import (
    Conductors,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Transconductors,
)


@sets.register
def _(part: Conductors | Switches | Transconductors | Pairs | Ports) -> None:
    return None


@capacity.register
def _(
    part: Sources | Junctions | Followers | Conductors | Switches | Transconductors | Pairs | Ports,
) -> tuple[Indices, Floats]:
    return nothing(0), np.empty(0)


@take.register
def _(
    part: Sources | Junctions | Storages | Followers | Conductors | Switches | Ports | OpAmps, elements: Indices
) -> Part:
    return take_elements(part, elements)


@take.register
def _(part: Transconductors, elements: Indices) -> Part:
    return replace(part, rows=part.rows[elements], transconductance=part.transconductance[..., elements, :])


@take.register
def _(part: Pairs, elements: Indices) -> Part:
    share = tuple(take_elements(factor, elements) for factor in part.factors)
    return replace(part, factors=share, out=part.out[elements], current=part.current[..., elements])
