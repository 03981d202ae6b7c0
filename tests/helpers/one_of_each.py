"""A small network of one part of each kind that a graph shows with edges of its own."""

from dataclasses import replace

import by_hand
import numpy as np

from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape


def everything() -> Network:
    """Return one part of each kind, with numbers that are awkward to write: a third, minus zero, infinities."""
    source, store, junction, follower, state, plus, minus = range(1, 8)
    shapes, pilots = tuple(Shape)[:3], (source, follower, source)
    tiers = tuple(
        Factor(shape=shape, p=[p], n=[DATUM], scale=1 / 3, offset=-0.0) for shape, p in zip(shapes, pilots, strict=True)
    )
    device = OpAmpData(gain=1e5, gain_bandwidth=1e7, slew=1e7, rail=4.5, output_resistance=100.0, offset=0.0)
    labels = ("supply", "cap", "node", "buffer", "inner", "plus", "minus")
    parts = (
        Sources(label="supply", nodes=[source], effort=5e-324),
        Storages(label="cap", nodes=[store], capacitance=1e-9),
        Junctions(label="node", nodes=[junction, plus, minus]),
        Followers(
            label="buffer",
            nodes=[follower],
            terms=(Term(inputs=[store], gain=2.0), Term(inputs=[source], gain=-0.1)),
            offset=0.0,
            low=-np.inf,
            high=np.inf,
        ),
        Conductors(label="load", a=[source, junction], b=[store, DATUM], conductance=[1e-3, 2e-3]),
        Switches(label="gate", line=0, a=[junction], b=[store], closed=1e-2, opened=1e-12),
        Transconductors(
            label="rows",
            inputs=[source, follower],
            rows=[store, junction],
            transconductance=[[1.0, -0.0], [3.0, -4.0]],
        ),
        Crossbars(
            label="bars",
            inputs=[source, follower],
            plus=[plus],
            minus=[minus],
            positive=[[0.1 + 0.2, 0.0]],
            negative=[[0.0, 1e300]],
            plus_load=[0.0],
            minus_load=[1.0],
        ),
        Pairs(label="product", line=0, factors=tiers, out=[junction], current=5e-4),
        Ports(
            label="drain",
            line=ALWAYS,
            shape=Shape.SOFTPLUS,
            a=[store],
            b=[DATUM],
            p=[source],
            n=[DATUM],
            conductance=7e-6,
            scale=1.5,
            offset=0.0,
        ),
        opamps("amp", device, plus=[source], minus=[store], out=[junction], state=[state]),
    )
    made = by_hand.network(dict.fromkeys(labels, 1), *parts, lines=("gate",))
    return replace(made, provenance=(("model", "two  blanks <and> &amp; $(more)"), ("empty", ""))).verify()
