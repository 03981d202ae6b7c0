import numpy as np
import pytest

from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    KINDS,
    CheckValves,
    Conductors,
    Crossbars,
    Diodes,
    Factor,
    Followers,
    Inertances,
    Junctions,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Term,
    ThresholdSwitches,
    Transconductors,
)
from lstm_analog.network.shapes import Shape

SIZE = 14
PASSAGES = (
    {"limit": 0.8},
    {"deadband": 0.3},
    {"transition": 0.05},
    {"limit": [0.8, np.inf, 2.0], "deadband": 0.1, "transition": [0.1, np.inf, 1e9]},
)
"""What ports may have beside their control: a limit, a deadband, an orifice, all."""


class Sampler:
    """Banks of three elements between different unknowns, their numbers drawn at random, `lead` axes before them."""

    def __init__(self, seed, lead=()):
        self.rng, self.lead = np.random.default_rng(seed), lead

    def nodes(self, columns):
        return self.rng.permutation(np.arange(1, SIZE))[: 3 * columns].reshape(columns, 3)

    def value(self):
        return self.rng.uniform(-1.5, 1.5, (*self.lead, 3))

    def positive(self):
        return self.rng.uniform(0.5, 2.0, (*self.lead, 3))

    def factor(self, shape, p, n):
        return Factor(shape=shape, p=p, n=n, scale=self.value(), offset=self.value())

    def pairs(self, shapes, line=ALWAYS):
        out, p, n, q = self.nodes(4)
        ends = ((p, n), (q, p), (n, q))
        factors = tuple(self.factor(shape, *end) for shape, end in zip(shapes, ends, strict=False))
        return Pairs(label="pairs", line=line, factors=factors, out=out, current=self.value())

    def ports(self, shape, line=ALWAYS, **changes):
        a, b, p, n = self.nodes(4)
        values = {"conductance": self.positive(), "scale": self.value(), "offset": self.value()}
        return Ports(label="ports", line=line, shape=shape, a=a, b=b, p=p, n=n, **values, **changes)

    def conductors(self):
        a, b = self.nodes(2)
        return Conductors(label="conductors", a=a, b=b, conductance=self.positive())

    def switches(self, line=0):
        a, b = self.nodes(2)
        return Switches(label="switches", line=line, a=a, b=b, closed=self.positive(), opened=0.1 * self.positive())

    def transconductors(self):
        inputs, rows = self.nodes(2)
        matrix = self.rng.uniform(-1, 1, (*self.lead, 3, 2))
        return Transconductors(label="weights", inputs=inputs[:2], rows=rows, transconductance=matrix)

    def followers(self):
        nodes, first, second = self.nodes(3)
        terms = (Term(inputs=first, gain=self.value()), Term(inputs=second, gain=self.value()))
        values = {"terms": terms, "offset": self.value()}
        return Followers(label="followers", nodes=nodes, low=-0.4, high=[0.3, 2.0, np.inf], **values)

    def crossbars(self, **changes):
        inputs, plus, minus = self.nodes(3)
        positive, negative = self.rng.uniform(0, 1, (2, *self.lead, 3, 2))
        values = {"plus_load": self.positive(), "minus_load": self.positive()}
        ends = {"inputs": inputs[:2], "plus": plus, "minus": minus}
        return Crossbars(label="crossbars", positive=positive, negative=negative, **ends, **values, **changes)

    def opamps(self, **changes):
        plus, minus, out, state = self.nodes(4)
        names = ("transconductance", "current_limit", "conductance", "capacitance", "swing")
        numbers = {name: self.positive() for name in (*names, "clamp_conductance", "output_conductance")}
        clamp = 0.3 * self.positive()
        return OpAmps(
            label="opamps",
            state=state,
            plus=plus,
            minus=minus,
            out=out,
            offset=self.value(),
            clamp=clamp,
            **numbers,
            **changes,
        )

    def inertances(self, line=0):
        a, b, state = self.nodes(3)
        names = ("inertance", "closed", "opened", "closing")
        numbers = {name: self.positive() for name in names}
        return Inertances(label="inertances", line=line, a=a, b=b, state=state, **numbers)

    def spools(self):
        p, n, position, speed = self.nodes(4)
        numbers = {name: self.positive() for name in ("capacitance", "frequency", "damping")}
        return Spools(label="spools", p=p, n=n, position=position, speed=speed, **numbers)

    def stops(self):
        (nodes,) = self.nodes(1)
        ends = {"low": -0.2 * self.positive(), "high": 0.2 * self.positive()}
        return Stops(label="stops", nodes=nodes, conductance=self.positive(), band=0.2 * self.positive(), **ends)

    def threshold_switches(self):
        a, b, p, state = self.nodes(4)
        ends = {"lower": -0.2 * self.positive(), "upper": 0.2 * self.positive()}
        values = {"closed": self.positive(), "opened": 0.1 * self.positive()}
        return ThresholdSwitches(label="thresholds", a=a, b=b, p=p, n=b, state=state, **ends, **values)

    def rectifiers(self):
        a, b = self.nodes(2)
        valves = {"conductance": self.positive(), "cracking": 0.1 * self.positive(), "leak": 0.01 * self.positive()}
        return (
            Diodes(label="diodes", a=a, b=b, saturation=0.1 * self.positive(), slope=self.positive()),
            CheckValves(label="check_valves", a=a, b=b, **valves),
        )

    def setters(self):
        (nodes,) = self.nodes(1)
        return (
            Sources(label="sources", nodes=nodes, effort=self.value()),
            Junctions(label="junctions", nodes=nodes),
            Storages(label="storages", nodes=nodes, capacitance=self.positive()),
        )

    def all(self):
        """One bank of every kind and of every shape, and of each number of tiers."""
        stacks = [(shape,) for shape in Shape] + [
            (Shape.SIGMOID, Shape.TANH),
            (Shape.SIGMOID, Shape.TANH, Shape.SOFTPLUS),
        ]
        return (
            *self.setters(),
            self.followers(),
            self.conductors(),
            self.switches(),
            self.transconductors(),
            self.crossbars(),
            self.crossbars(transition=[0.05, np.inf, 0.1]),
            self.crossbars(end_flow=[0.3, np.inf, 1.0]),
            self.opamps(),
            self.opamps(common_mode=self.value(), output_limit=0.2 * self.positive()),
            self.inertances(),
            self.spools(),
            self.stops(),
            self.threshold_switches(),
            *self.rectifiers(),
            *(self.pairs(stack, line=0) for stack in stacks),
            *(self.ports(shape, line=0) for shape in Shape),
            *(self.ports(Shape.EXP, line=0, **passage) for passage in PASSAGES),
        )


@pytest.fixture
def sampler():
    return Sampler


@pytest.fixture
def kinds():
    return KINDS


@pytest.fixture
def size():
    return SIZE


@pytest.fixture
def rc():
    """Return a maker of: source - resistor - capacitor to the datum; keywords replace fields of the network."""

    def make(**changes):
        fields = {
            "domain": ELECTRICAL,
            "unknowns": Unknowns(groups=(Group(label="s", size=1, scale=1.0), Group(label="c", size=2, scale=0.5))),
            "parts": (
                Sources(label="drive", nodes=[1], effort=1.0),
                Conductors(label="wire", a=[1, 2], b=[2, 3], conductance=2.0),
                Storages(label="caps", nodes=[2, 3], capacitance=3.0),
            ),
            "lines": ("clock",),
            "provenance": (("model", "hand made"),),
        }
        return Network(**(fields | changes))

    return make
