"""Transistor cells seen from outside: the nodes inside them as unknowns, and one clock state of a schedule alone."""

from dataclasses import replace

import numpy as np

from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.cells import Cells, flat, nodes_of
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.schedule import Schedule


def expose_nodes(network: Network) -> Network:
    """Return `network` with its cells in one level, all nodes inside them as unknowns in groups `<bank>_<node>`.

    So a transient tells the voltages of all, from which an operating point is found; that of a cell of 5 V transistors
    is not found without. Raises `InvalidValueError` unless there is one bank of cells, as there is not in a chip with
    mismatch, or with circuits for its reference, bias row and clocks.
    """
    banks = [part for part in network.parts if isinstance(part, Cells)]
    if len(banks) != 1:
        do = "compile in transistor cells without services, and without mismatch"
        raise InvalidValueError(explain("the network", must="have one bank of cells", got=len(banks), do=do))
    (part,) = banks
    circuit = flat(part.library, part.device)
    inside = dict.fromkeys(node for card in circuit.cards for node in nodes_of(card) if node != "0")
    nodes = tuple(node for node in inside if node not in circuit.terminals)
    size, first = part.pins.shape[1], network.unknowns.size
    added = tuple(Group(label=f"{part.label}_{node}", size=size, scale=1.0) for node in nodes)
    whole = replace(circuit, terminals=(*circuit.terminals, *nodes), outputs=(*circuit.outputs, *nodes))
    pins = first + np.arange(len(nodes) * size).reshape(len(nodes), size)
    opened = replace(part, library=replace(part.library, subcircuits=(whole,)), pins=np.concatenate((part.pins, pins)))
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
