import re

import numpy as np
import pytest

from lstm_analog.engines import Ngspice
from lstm_analog.export.dialects import NGSPICE, curve_text
from lstm_analog.export.emit import fill
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, Conductors, Factor, Junctions, Pairs, Sources
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape, curve

CONTROLS = np.array([0.0, -700.0, -100.0, -15.1, -14.9, -3.0, -1e-3, 0.5, 3.0, 36.0, 100.0, 700.0])


@pytest.mark.parametrize("shape", Shape)
def test_expressions_use_what_all_simulators_have(shape):
    words = set(re.findall(r"[a-z]+", curve_text(shape, "u0"))) - {"u", "v"}
    assert words <= {"tanh", "exp", "ln", "abs", "min", "max"}
    assert "^" not in curve_text(shape, "u0")


@pytest.mark.parametrize("shape", Shape)
def test_ngspice_evaluates_the_curves(shape):
    """A pair's current into 1 ohm is the curve itself, at any control."""
    network = Network(
        domain=ELECTRICAL,
        unknowns=Unknowns(groups=(Group(label="u", size=1, scale=1.0), Group(label="s", size=1, scale=1.0))),
        lines=(),
        provenance=(),
        parts=(
            Sources(label="drive", nodes=[1], effort=0.0),
            Pairs(
                label="p",
                line=ALWAYS,
                factors=(Factor(shape=shape, p=[1], n=[0], scale=1.0, offset=0.0),),
                out=[2],
                current=1.0,
            ),
            Conductors(label="r", a=[2], b=[0], conductance=1.0),
            Junctions(label="j", nodes=[2]),
        ),
    )
    schedule = Schedule(
        names=("part",) * CONTROLS.size,
        high=np.zeros((CONTROLS.size, 0)),
        durations=np.full(CONTROLS.size, 1e-6),
        imposed=(Imposed(label="drive", efforts=CONTROLS[:, None]),),
    )
    run = Ngspice().run(network, schedule)
    got = run.sample(schedule.ends - 0.5e-6, np.array([2]))[:, 0]
    np.testing.assert_allclose(got, curve(shape, CONTROLS), rtol=1e-8, atol=1e-12)


def test_a_dialect_says_how_to_run_it():
    assert fill(NGSPICE.run, deck="a.cir") == "ngspice -b -n -r out.raw a.cir"
