"""Transistor cells seen from outside: nodes inside them as unknowns, and one clock state of a schedule alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.cells import Cells
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.schedule import Schedule


def expose_nodes(network: Network, nodes: Sequence[str]) -> Network:
    """Return `network` with the `nodes` inside its cells as unknowns, in groups called `<bank>_<node>`.

    Raises `InvalidValueError` unless there is one bank of cells, and these nodes in it.
    """
    banks = [part for part in network.parts if isinstance(part, Cells)]
    if len(banks) != 1:
        do = "compile in a technology of transistor cells"
        raise InvalidValueError(explain("the network", must="have one bank of cells", got=len(banks), do=do))
    (part,) = banks
    inside = {word for card in part.circuit.cards for word in card.split()[1:]}
    missing = [node for node in nodes if node not in inside]
    if missing:
        do = f"choose nodes of {part.device}"
        raise InvalidValueError(explain("nodes", must="be inside the cells", got=", ".join(missing), do=do))
    size, first = part.pins.shape[1], network.unknowns.size
    added = tuple(Group(label=f"{part.label}_{node}", size=size, scale=1.0) for node in nodes)
    circuit = replace(
        part.circuit,
        terminals=(*part.circuit.terminals, *nodes),
        outputs=(*part.circuit.outputs, *nodes),
    )
    others = (circuit if each.name == part.device else each for each in part.library.subcircuits)
    pins = first + np.arange(len(nodes) * size).reshape(len(nodes), size)
    opened = replace(
        part, library=replace(part.library, subcircuits=tuple(others)), pins=np.concatenate((part.pins, pins))
    )
    return replace(
        network,
        unknowns=Unknowns(groups=(*network.unknowns.groups, *added)),
        parts=tuple(opened if each is part else each for each in network.parts),
    )


def alone(schedule: Schedule, interval: int) -> Schedule:
    """Return the schedule that holds for ever what `schedule` has in an `interval`."""
    chosen = slice(interval, interval + 1)
    return Schedule(
        names=schedule.names[chosen],
        high=schedule.high[chosen],
        durations=schedule.durations[chosen],
        imposed=tuple(replace(each, efforts=each.efforts[..., chosen, :]) for each in schedule.imposed),
    )
