"""Valves and relays under control: spools, half-bridges of ports, and relays with unequal arms.

Throughout, `builder` is the plumbing under construction, a `control` opens the parts, `label` names a bank, `top` and
`bottom` are unknowns (m,).
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.compiler.plumbing_builder import Control, PlumbingBuilder
from lstm_analog.network.parts import ALWAYS, DATUM, Followers, Ports, Spools, Term
from lstm_analog.network.shapes import Shape


def add_lever(builder: PlumbingBuilder, label: str, control: Control, low: float, high: float) -> Indices:
    """Add relays with unequal arms that follow `control` from `low` to `high` (pressure units); return their nodes."""
    nodes, unit = builder.nodes(label, control.p.size), builder.technology.pressure_unit
    ends = [(control.p, unit * control.scale)]
    ends += [(control.n, -unit * control.scale)] if (control.n != DATUM).any() else []
    relay = Followers(
        label=f"{label}_relay",
        nodes=nodes,
        terms=tuple(Term(inputs=end, gain=gain) for end, gain in ends),
        offset=np.array(unit * control.offset),
        low=np.array(unit * low),
        high=np.array(unit * high),
    )
    builder.parts.append(relay)
    return nodes


def add_spool(builder: PlumbingBuilder, label: str, control: Control) -> Control:
    """Return the control of a valve: the given `control`, or in dynamic detail that of a spool which it moves."""
    technology, hardware = builder.technology, builder.technology.hardware
    if technology.detail is not Detail.DYNAMIC:
        return control
    position, speed = (builder.nodes(f"{label}_{state}", control.p.size) for state in ("spool", "speed"))
    spools = Spools(
        label=f"{label}_piston",
        p=control.p,
        n=control.n,
        position=position,
        speed=speed,
        capacitance=np.array(technology.pilot),
        frequency=np.array(hardware.spool_frequency),
        damping=np.array(hardware.spool_damping),
    )
    builder.parts.append(spools)
    return replace(control, p=position, n=np.full_like(position, DATUM))


def add_bridge(
    builder: PlumbingBuilder, label: str, control: Control, gain: float, top: Indices, bottom: Indices
) -> Indices:
    """Add two opposed ports and return the nodes in between, at bottom + sigmoid(`gain` z) (top - bottom).

    z is the signal of the `control`.
    """
    middle, control = builder.chamber(label, control.p.size), add_spool(builder, label, control)
    for name, sign, a, b in (("top", 1.0, top, middle), ("bot", -1.0, middle, bottom)):
        port = Ports(
            label=f"{label}_{name}",
            line=ALWAYS,
            shape=Shape.EXP,
            a=a,
            b=b,
            p=control.p,
            n=control.n,
            conductance=np.array(builder.technology.port_conductance),
            scale=0.5 * sign * gain * control.scale,
            offset=np.array(0.5 * sign * gain * control.offset + 0.0),
        )
        builder.parts.append(port)
    return middle
