"""Ports that feed single unknowns, whose conductance others control: which they are, and what they do to them."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from lstm_analog.arrays import Indices, Span, numbered
from lstm_analog.engines.phase.structure import Level
from lstm_analog.engines.phase.wiring import Wiring
from lstm_analog.engines.waveform.fields import covers
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.laws import Order, rows, take
from lstm_analog.network.parts import Part, Ports
from lstm_analog.network.shapes import Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class PortEnds:
    """Laminar ports, `part` (n,), that feed the places `into` of a stage from the unknowns `others`, (n,)."""

    part: Ports
    into: Span
    others: Indices


def port_ends(wires: Wiring) -> list[PortEnds]:
    """Return the laminar ports that feed single unknowns through `wires`, by the ends that do."""
    found = []
    for load, route in ((each, route) for each in wires.loads if each.own for route in each.routes):
        part = cast(Ports, some_of(load.part, route.elements))
        others = part.b if np.array_equal(rows(part)[route.terminal], part.a) else part.a
        found.append(PortEnds(part=part, into=route.into, others=others))
    return found


def some_of(part: Part, elements: Span) -> Part:
    """Return the `elements` of `part`, itself if these are all: what is known of it is not worked out again."""
    chosen = numbered(elements)
    return part if chosen.size == rows(part).shape[1] else take(part, chosen)


def is_controlled(level: Level, wires: Wiring) -> bool:
    """Return whether components of `level` are single unknowns whose conductance others control, not they themselves.

    Of the flow into them, `wires`, only that of laminar ports then depends on their own efforts, and linearly.
    """
    own = [load for load in wires.loads if load.own]
    single = level.members.shape[1] == 1 and level.order is not Order.NONLINEAR
    return single and all(isinstance(load.part, Ports) and load.part.laminar for load in own)


def unheld(conductance: float) -> SimulationError:
    """Return the error of an unknown whose ports have shut, so that no `conductance` above zero is left."""
    what, must = "an unknown behind ports", "be held by a conductance above zero in a phase in which it settles"
    got, do = f"{conductance:.3g}", "tie it to something else too, or run it with Waveform"
    return SimulationError(explain(what, must=must, got=got, do=do))


def are_bridges(ports: list[PortEnds], size: int) -> bool:
    """Return whether `ports` are two banks of `size` ports in the order of the level, each opposed to the other's.

    Two that open exponentially against each other split as a sigmoid.
    """
    if len(ports) != 2 or not all(covers(port.into, size) for port in ports):
        return False
    a, b = (port.part for port in ports)
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("p", "n", "conductance"))
    opposed = np.array_equal(a.scale, -b.scale) and np.array_equal(a.offset, -b.offset)
    return same and opposed and a.shape is b.shape is Shape.EXP and a.free and b.free
