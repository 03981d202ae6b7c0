"""What the Modelica file says: one place a part, legal names, one setter an unknown; what it refuses."""

import re
from dataclasses import dataclass, fields
from itertools import product

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler import hydraulic
from lstm_analog.errors import (
    FileAccessError,
    InvalidShapeError,
    InvalidValueError,
    NetworkError,
    UnsupportedPartError,
)
from lstm_analog.export import effort_names, model_name, modelica_models, write_modelica
from lstm_analog.export.modelica_models import ModelicaModel
from lstm_analog.export.modelica_parts import components
from lstm_analog.network.parts import (
    ALWAYS,
    KINDS,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.shapes import Shape

INPUTS = np.random.default_rng(3).uniform(-1, 1, (2, 2))


@pytest.fixture(scope="module")
def machine():
    lstm = la.random_lstm(np.random.default_rng(5), 2, 3, scale=1.0)
    return la.compile(lstm, hydraulic.OIL, settling=14.0)


@pytest.fixture(scope="module")
def text(machine, tmp_path_factory):
    path = tmp_path_factory.mktemp("modelica") / "Oil-1.mo"
    machine.write.modelica(path, INPUTS)
    return path.read_text(encoding="ascii")


def rc(**changes):
    """Return a source, a conductor and a storage; `changes` to the parts by label."""
    parts = {
        "u": Sources(label="u", nodes=[1], effort=np.array(1.0)),
        "r": Conductors(label="r", a=[1], b=[2], conductance=np.array(1.0)),
        "c": Storages(label="c", nodes=[2], capacitance=np.array(1.0)),
    }
    return by_hand.network({"u": 1, "v": 1}, *(parts | changes).values())


def schedule(*batch):
    return by_hand.schedule(np.ones(1), u=np.ones((*batch, 1, 1)))


def write(path, network=None, plan=None, name="rc", start=(0.0, 1.0, 1.0)):
    write_modelica(path, network or rc(), plan or schedule(), name=name, start=np.array(start))


def components_of(text):
    """Return model and name of every component of the file."""
    body = text.partition("// ---- clock")[2]
    return re.findall(r"^  ([A-Z]\w*) (\w+)[(;]", body, re.MULTILINE)


def test_every_capillary_has_its_own_place_and_value(machine, text):
    bank = machine.network.part("l0_rows")
    for side, manifold in (("p", bank.positive), ("n", bank.negative)):
        for row, column in np.argwhere(manifold):
            expected = f"  Conductor l0_rows_{side}{row}i{column}(G = {float(manifold[row, column])!r});\n"
            assert text.count(expected) == 1
    weights = [name for _, name in components_of(text) if re.fullmatch(r"l0_rows_[pn]\d+i\d+", name)]
    assert len(weights) == np.count_nonzero(bank.positive) + np.count_nonzero(bank.negative)


def test_names_are_legal_and_differ(text):
    names = [name for _, name in components_of(text)]
    assert len(names) == len(set(names)) > 150
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_every_unknown_is_a_component_and_every_pin_exists(machine, text):
    names = {name for _, name in components_of(text)}
    assert {variable.split(".")[0] for variable in effort_names(machine.network)} <= names
    ends = re.findall(r"connect\((\w+)\.\w+, (\w+)\.\w+\);", text)
    assert len(ends) == text.count("connect(")
    assert {name for pair in ends for name in pair} <= names


def test_a_label_of_a_part_may_be_the_name_of_an_unknown(tmp_path):
    twin = Conductors(label="v_0", a=[1], b=[2], conductance=np.array(2.0))
    write(tmp_path / "rc.mo", rc(r=twin))
    text = (tmp_path / "rc.mo").read_text()
    assert [name for _, name in components_of(text)] == ["interval", "datum", "u_0", "v_0_e0", "v_0"]


def test_the_model_is_named_after_its_file_and_says_how_to_run_it(text):
    assert text.startswith("// Oil-1.mo: hydraulic network, 11 intervals")
    assert "model oil_1 " in text
    assert text.endswith("end oil_1;\n")
    assert "Session().load('Oil-1.mo', model='oil_1')" in text
    assert "atol=1e-07" in text
    assert 'Real e(unit = "Pa")' in text
    assert max(map(len, text.splitlines())) < 300


def test_what_changes_is_a_table_and_what_does_not_a_number(text):
    assert text.count("parameter Real x_0_values[11]") == 1
    assert "Source x_0(effort = x_0_values[interval]);" in text
    assert "Source rail_hi_0(effort = 10000.0);" in text
    assert "Source l0_c_start_0(effort = 0.0);" in text


@pytest.mark.parametrize(
    ("path", "name"), [("a/Airline.mo", "airline"), ("2 b.mo", "m_2_b"), ("model.mo", "m_model"), ("\u00fc.mo", "m__")]
)
def test_model_names(path, name):
    assert model_name(path) == name


@dataclass(frozen=True)
class Siphon:
    """A part that nobody has registered."""

    label: str = "s"


def declared():
    """Yield a bank of each form of each kind that declares a law."""
    ends = {name: [k] for k, name in enumerate("abpnx", start=1)}
    two = {name: ends[name] for name in "ab"}
    for terms, low in product((1, 2), (-np.inf, -1.0)):
        inputs = tuple(Term(inputs=[k + 2], gain=1.0) for k in range(terms))
        yield Followers(label="f", terms=inputs, nodes=[1], offset=0.0, low=low, high=np.inf)
    for shapes in product(Shape, Shape):
        factors = tuple(Factor(shape=shape, p=[k], n=[0], scale=1.0, offset=0.0) for k, shape in enumerate(shapes, 2))
        yield Pairs(label="p", line=0, factors=factors, out=[1], current=1.0)
    for shape, limit, deadband, transition in product(Shape, (1.0, np.inf), (0.0, 0.1), (1.0, np.inf)):
        values = {"conductance": 1.0, "scale": 1.0, "offset": 0.0}
        more = {"limit": limit, "deadband": deadband, "transition": transition}
        yield Ports(label="p", line=ALWAYS, shape=shape, **two, p=[3], n=[4], **values, **more)
    yield Conductors(label="c", **two, conductance=1.0)
    yield Switches(label="s", line=0, **two, closed=1.0, opened=0.1)
    yield Inertances(label="i", line=0, **two, state=[3], inertance=1.0, closed=1.0, opened=0.1, closing=1.0)
    yield Spools(label="s", p=[1], n=[2], position=[3], speed=[4], capacitance=1.0, frequency=1.0, damping=1.0)
    for low, high in ((-1.0, 1.0), (-np.inf, 1.0)):
        yield Stops(label="s", nodes=[1], low=low, high=high, conductance=1.0, band=0.1)
    for more in ({}, {"common_mode": 0.1, "output_limit": 1.0}):
        pins = {"state": [1], "plus": [2], "minus": [3], "out": [4]}
        values = dict.fromkeys(AMPLIFIER, 1.0)
        yield OpAmps(label="o", **pins, **values, **more)


AMPLIFIER = (
    *("transconductance", "current_limit", "conductance", "capacitance", "offset", "swing", "clamp"),
    *("clamp_conductance", "output_conductance"),
)
MODELS = (
    *(each for each in vars(modelica_models).values() if isinstance(each, ModelicaModel)),
    *(entry.model for part in declared() for entry in components(part)),
)
FUNCTIONS = {"der", "abs", "exp", "log", "max", "min", "sqrt", "tanh", "noEvent"}
"""Those of Modelica 3 that every tool has; no algorithm, function, array of components or library."""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_is_balanced_and_speaks_plain_modelica(model):
    """As many equations as flows: what Modelica 3 asks of a component, whose connectors' efforts are given to it."""
    assert len(model.equations) == len(model.pins)
    bound = [variable for variable in model.variables if variable.startswith("Real ") and " = " in variable]
    given = [variable for variable in model.variables if variable.startswith("input ")]
    assert [*bound, *given] == sorted(model.variables, key=lambda variable: variable.startswith("input "))
    for text in (*model.equations, *bound):
        assert set(re.findall(r"(\w+)\(", text)) <= FUNCTIONS
        assert set(re.findall(r"\b(?:when|for|sample|reinit|initial|algorithm|assert|semiLinear)\b", text)) == set()


def test_models_of_one_name_are_one_model():
    """A file defines each once, whatever the banks that use it have or lack."""
    known = {}
    for model in MODELS:
        assert known.setdefault(model.name, model) == model


def test_an_unknown_part_is_refused_by_name():
    with pytest.raises(UnsupportedPartError, match="part Siphon must declare its law, got none"):
        components(Siphon())


WRITTEN = {
    "Sources": "label nodes effort",
    "Junctions": "label nodes",
    "Storages": "label nodes capacitance",
    "Followers": "label terms nodes offset low high",
    "Conductors": "label a b conductance",
    "Switches": "label line a b closed opened",
    "Transconductors": "label inputs rows transconductance",
    "Crossbars": "label inputs plus minus positive negative plus_load minus_load transition end_flow",
    "Pairs": "label line factors out current",
    "Ports": "label line shape a b p n conductance scale offset limit deadband transition",
    "Cells": "label device library temperature pins",  # refused by name, as in test_cells
    "OpAmps": "label state plus minus out transconductance current_limit conductance capacitance offset swing clamp "
    "clamp_conductance output_conductance common_mode output_limit",
    "Inertances": "label line a b state inertance closed opened closing",
    "Spools": "label p n position speed capacitance frequency damping",
    "Stops": "label nodes low high conductance band",
    "ThresholdSwitches": "label a b p n state upper lower closed opened",
    "Diodes": "label a b saturation slope",
    "CheckValves": "label a b conductance cracking leak",
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_of_a_part_is_dropped_in_silence(kind):
    """A field added to a bank must reach `modelica_parts`, or be refused there; then add it here."""
    assert {entry.name for entry in fields(kind)} == set(WRITTEN[kind.__name__].split())


@pytest.mark.parametrize(("levels", "written"), [([0.5, 0.5], "0.5"), ([0.5, 0.25], "u_0_values[interval]")])
def test_a_source_that_keeps_its_effort_is_a_number(tmp_path, levels, written):
    """The same in every interval, though it is imposed."""
    imposed = (Imposed(label="u", efforts=np.array(levels)[:, None]),)
    plan = Schedule(names=("a", "b"), high=np.zeros((2, 0), bool), durations=np.ones(2), imposed=imposed)
    write(tmp_path / "rc.mo", plan=plan)
    text = (tmp_path / "rc.mo").read_text()
    assert f"Source u_0(effort = {written});" in text


def test_a_batch_is_refused(tmp_path):
    write(tmp_path / "rc.mo", plan=schedule(1))
    with pytest.raises(InvalidShapeError, match=r"a Modelica file must have one sequence, got batch \(2,\): write one"):
        write(tmp_path / "two.mo", plan=schedule(2))
    assert [path.name for path in tmp_path.iterdir()] == ["rc.mo"]


@pytest.mark.parametrize("name", ["model", "time", "exp"])
def test_words_of_modelica_are_refused(tmp_path, name):
    with pytest.raises(InvalidValueError, match=f"model name must be no word of Modelica, got {name}: rename it"):
        write(tmp_path / "rc.mo", name=name)


@pytest.mark.parametrize("name", ["Big", "a b", "x;end", ""])
def test_names_that_could_do_harm_are_refused(tmp_path, name):
    with pytest.raises(InvalidValueError, match="label must be a lower-case letter"):
        write(tmp_path / "rc.mo", name=name)


@pytest.mark.parametrize("start", [np.zeros(2), np.zeros((2, 3))])
def test_a_start_of_another_network_is_refused(tmp_path, start):
    with pytest.raises(InvalidShapeError, match="start must have"):
        write(tmp_path / "rc.mo", start=start)


def test_a_crossbar_driven_by_a_storage_is_refused(tmp_path):
    """Its law does not load the driver; a tube would."""
    bar = Crossbars(
        label="bar",
        inputs=[2],
        plus=[2],
        minus=[2],
        positive=np.ones((1, 1)),
        negative=np.ones((1, 1)),
        plus_load=np.ones(1),
        minus_load=np.ones(1),
    )
    with pytest.raises(NetworkError, match=r"bar\.inputs must be sources or followers, .* got v_0: put a follower"):
        write(tmp_path / "rc.mo", rc(bar=bar))


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(FileAccessError, match="must be writable"):
        write(tmp_path / "no" / "rc.mo")
    assert not list(tmp_path.iterdir())
