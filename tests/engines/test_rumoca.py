"""rumoca runs the exported Modelica and agrees with scipy, on every kind of part and on whole machines."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from by_hand import network, schedule

import lstm_analog as la
from lstm_analog.compiler import hydraulic
from lstm_analog.engines import Integrate, Rumoca, Solver, Waveform, start_efforts
from lstm_analog.errors import InvalidValueError, SimulationError, SimulatorMissingError
from lstm_analog.export import write_modelica
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape

pytest.importorskip("rumoca")

FULL, DYNAMIC = (replace(hydraulic.OIL, detail=detail) for detail in (hydraulic.Detail.FULL, hydraulic.Detail.DYNAMIC))
INPUTS = np.random.default_rng(7).uniform(-1, 1, (3, 2))
EXACT = Integrate(rtol=1e-10, atol=1e-12)
WHOLE = Waveform(rtol=1e-10, atol=1e-12)
"""For machines, of which `Integrate` takes seconds."""
AGREE = 1e-7
"""Of the unit; issue 3 asks for 1e-6. Measured: 2e-8 at worst."""


SHORT, LONG = (1.0, 0.5, 2.0), (1.0, 0.5, 2.0, 2.0)


def difference(a, b):
    """Return the largest difference of two trajectories at the ends of intervals, in units of signal, any unknown."""
    nodes = np.arange(a.network.unknowns.size)
    ends = [trajectory.sample(a.schedule.ends, nodes) for trajectory in (a, b)]
    return float((np.abs(ends[0] - ends[1]) / a.network.unknowns.scales()).max())


# Networks made by hand.


def ladder():
    """Two RC sections, 1 s each, after a source."""
    return network(
        {"u": 1, "v": 2},
        Sources(label="u", nodes=[1], effort=np.array(0.0)),
        Conductors(label="r", a=[1, 2], b=[2, 3], conductance=np.array(1.0)),
        Storages(label="c", nodes=[2, 3], capacitance=np.array(1.0)),
    )


def test_the_rc_ladder_follows_its_closed_form():
    """From rest at 0 to the step 1: v2 = 1 - sum of two exponentials with the rates (3 -+ sqrt 5)/2."""
    net = ladder()
    run = Rumoca(points=100).run(net, schedule((1.0, 3.0), u=[0.0, 1.0]))
    late = run.time >= 1.0
    a, b = (3 - np.sqrt(5)) / 2, (3 + np.sqrt(5)) / 2
    t = run.time[late] - 1.0
    expected = 1 - (b * np.exp(-a * t) - a * np.exp(-b * t)) / (b - a)
    assert run.time.size > 100
    np.testing.assert_allclose(run["v"][late, 1], expected, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(run["v"][~late], 0.0)


def test_a_batch_is_run_one_sequence_after_another():
    net = ladder()
    plan = schedule((1.0, 3.0), u=[[[0.0], [1.0]], [[2.0], [-1.0]]])
    told = []
    run = Rumoca().run(net, plan, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    assert run.efforts.shape == (2, 3, 4)
    assert difference(run, EXACT.run(net, plan)) < 1e-8


PASSAGES = {
    "laminar": {},
    "limited": {"limit": np.array(0.3), "deadband": np.array(0.05)},
    "orifice": {"transition": np.array(0.2)},
    "both": {"limit": np.array(0.3), "transition": np.array(0.2)},
}


@pytest.mark.parametrize(
    ("shape", "passage"),
    [*((shape, "laminar") for shape in Shape), *((Shape.EXP, passage) for passage in PASSAGES if passage != "laminar")],
)
def test_ports_of_every_shape_and_law(shape, passage):
    net = network(
        {"u": 2, "v": 1},
        Sources(label="u", nodes=[1, 2], effort=np.array(0.0)),
        Ports(
            label="valve",
            line=0,
            shape=shape,
            a=[1],
            b=[3],
            p=[2],
            n=[DATUM],
            conductance=np.array(1.5),
            scale=np.array(0.9),
            offset=np.array(0.1),
            **PASSAGES[passage],
        ),
        Conductors(label="r", a=[3], b=[DATUM], conductance=np.array(2.0)),
        Storages(label="c", nodes=[3], capacitance=np.array(1.0)),
        lines=("open",),
    )
    plan = schedule(LONG, [0, 1, 1, 1], u=[[1.0, 0.2], [0.7, -0.3], [1.2, 0.4], [1.0, 0.15]])
    run = Rumoca().run(net, plan)
    assert np.abs(run["v"][-1]).min() > 0.1
    assert difference(run, EXACT.run(net, plan)) < 1e-8


@pytest.mark.parametrize("control", [-20.0, -9.001, -8.999, -1.0, 0.0, 5.0])
def test_the_ratio_of_softplus_to_sigmoid_keeps_its_digits(control):
    factor = Factor(shape=Shape.SOFTPLUS_RATIO, p=[1], n=[DATUM], scale=np.array(1.0), offset=np.array(control))
    net = network(
        {"u": 1, "v": 1},
        Sources(label="u", nodes=[1], effort=np.array(0.0)),
        Pairs(label="pair", line=ALWAYS, out=[2], current=np.array(1.0), factors=(factor,)),
        Conductors(label="r", a=[2], b=[DATUM], conductance=np.array(1.0)),
        Junctions(label="j", nodes=[2]),
    )
    plan = schedule(SHORT)
    assert difference(Rumoca().run(net, plan), EXACT.run(net, plan)) < 1e-11


@pytest.mark.parametrize("law", [{}, {"transition": np.array(0.3)}, {"end_flow": np.array(0.5)}])
def test_a_crossbar_between_followers_and_tanks(law):
    net = network(
        {"u": 3, "plus": 2, "minus": 2, "sum": 2},
        Sources(label="u", nodes=[1, 2, 3], effort=np.array(0.0)),
        Crossbars(
            label="rows",
            inputs=[1, 2, 3],
            plus=[4, 5],
            minus=[6, 7],
            positive=np.array([[1.0, 0.0, 0.5], [0.0, 0.0, 2.0]]),
            negative=np.array([[0.0, 0.3, 0.0], [0.7, 0.1, 0.0]]),
            plus_load=np.array([0.5, 0.0]),
            minus_load=np.array([1.7, 1.2]),
            **law,
        ),
        Storages(label="c", nodes=[4, 5, 6, 7], capacitance=np.array(1.0)),
        Followers(
            label="relay",
            nodes=[8, 9],
            terms=(Term(inputs=[4, 5], gain=np.array(1.0)), Term(inputs=[6, 7], gain=np.array(-2.0))),
            offset=np.array(0.1),
            low=np.array([-np.inf, -0.3]),
            high=np.array([np.inf, 0.5]),
        ),
    )
    waves = [[0.0, 0.0, 0.0], [1.0, -1.0, 0.5], [-0.4, 0.8, 2.0], [1.0, 1.0, -2.0]]
    plan = schedule(LONG, u=waves)
    run = Rumoca().run(net, plan)
    assert {-0.3, 0.5} <= set(run["sum"][:, 1])
    assert difference(run, EXACT.run(net, plan)) < 1e-8


def test_pairs_switches_transconductors_and_op_amps():
    """An integrating op-amp behind a stack of pairs and a weight, with a switch that shorts its capacitor's load."""
    sigmoid = Factor(shape=Shape.SIGMOID, p=[1], n=[2], scale=np.array(2.0), offset=np.array(0.1))
    tanh = Factor(shape=Shape.TANH, p=[2], n=[DATUM], scale=np.array(1.0), offset=np.array(0.0))
    one = np.array(1.0)
    net = network(
        {"u": 2, "v": 1, "x": 1, "y": 1},
        Sources(label="u", nodes=[1, 2], effort=np.array(0.2)),
        Pairs(label="pair", line=0, out=[3], current=np.array(-0.7), factors=(sigmoid, tanh)),
        Transconductors(label="w", inputs=[1, 2], rows=[3], transconductance=np.array([[0.4, -0.2]])),
        Conductors(label="r", a=[3, 5], b=[DATUM, DATUM], conductance=one),
        Switches(label="short", line=1, a=[3], b=[5], closed=np.array(3.0), opened=np.array(1e-6)),
        Storages(label="c", nodes=[3], capacitance=one),
        Junctions(label="j", nodes=[5]),
        OpAmps(
            label="amp",
            state=[4],
            plus=[3],
            minus=[5],
            out=[5],
            transconductance=np.array(5.0),
            current_limit=np.array(2.0),
            conductance=np.array(0.1),
            capacitance=one,
            offset=np.array(0.02),
            swing=np.array(1.5),
            clamp=np.array(0.1),
            clamp_conductance=np.array(10.0),
            output_conductance=np.array(20.0),
        ),
        lines=("on", "shorted"),
    )
    plan = schedule(SHORT, [[0, 1], [1, 0], [1, 1]], u=[[0.2, 0.1], [1.0, -1.0], [-0.4, 0.8]])
    run = Rumoca().run(net, plan)
    assert np.abs(run["x"]).max() > 0.1
    assert difference(run, EXACT.run(net, plan)) < 1e-8


# Whole machines.


def machine(technology, timing=la.CLOCKED):
    lstm = la.random_lstm(np.random.default_rng(11), 2, 2, scale=1.0)
    return la.compile(lstm, technology, timing=timing, settling=14.0)


@pytest.mark.parametrize(
    ("technology", "timing"),
    [
        (FULL, la.CLOCKED),
        (FULL, la.GATED_LEAK),
        (DYNAMIC, la.CLOCKED),
        (DYNAMIC, la.GATED_LEAK),
        (hydraulic.OIL, la.CLOCKED),
        (la.electrical.BEHAVIOURAL, la.CLOCKED),
        (la.electrical.BEHAVIOURAL, la.GATED_LEAK),
    ],
    ids=["full", "full leak", "dynamic", "dynamic leak", "ideal", "circuit", "circuit leak"],
)
def test_machines_agree_with_scipy_at_the_end_of_every_interval(technology, timing):
    """Every unknown of the network is compared."""
    built = machine(technology, timing)
    ours, theirs = built.run(INPUTS, engine=WHOLE), built.run(INPUTS, engine=Rumoca())
    assert "instead of" not in ours.trajectory.engine
    assert difference(ours.trajectory, theirs.trajectory) < AGREE
    assert np.abs(ours.h).max() > 0.1


class Plumbing:
    """The full plumbing, its file, and what it does unharmed."""

    def __init__(self, folder):
        self.machine = machine(FULL)
        self.path = Path(folder) / "plumbing.mo"
        self.machine.write.modelica(self.path, INPUTS)
        self.text = self.path.read_text(encoding="ascii")
        self.schedule = self.machine.schedule(INPUTS)
        self.expected = WHOLE.run(self.machine.network, self.schedule)

    def error(self, text):
        """Return how far the memories are from scipy's, in units, at the ends of intervals, with the file's `text`."""
        self.path.write_text(text, encoding="ascii")
        run = Rumoca().run_file(self.path, "plumbing", self.machine.network, self.schedule)
        nodes = np.concatenate([self.machine.network.unknowns[label] for label in ("l0_h", "l0_c")])
        ends = [trajectory.sample(self.schedule.ends, nodes) for trajectory in (run, self.expected)]
        return float(np.abs(ends[0] - ends[1]).max()) / FULL.pressure_unit

    def scaled(self, component, factor):
        """Return the text with the first parameter of `component` multiplied."""
        pattern = re.compile(rf"(  \w+ {component}\(\w+ = )([^,)]+)")
        assert len(pattern.findall(self.text)) == 1
        return pattern.sub(lambda found: f"{found[1]}{float(found[2]) * factor!r}", self.text)

    def tubes(self):
        """Return the names of all capillaries of weights, from the narrowest to the widest."""
        found = re.findall(r"Conductor (l0_rows_[pn]\d+i\d+)\(G = ([^)]+)\)", self.text)
        return [name for name, _ in sorted(found, key=lambda entry: float(entry[1]))]


@pytest.fixture(scope="module")
def plumbing(tmp_path_factory):
    return Plumbing(tmp_path_factory.mktemp("plumbing"))


def test_the_other_solver_agrees_too(plumbing):
    run = Rumoca(solver=Solver.BDF).run(plumbing.machine.network, plumbing.schedule)
    assert difference(run, plumbing.expected) < 1e-6


def test_the_file_unharmed_agrees(plumbing):
    assert len(plumbing.tubes()) == 4 * 2 * (2 + 2 + 1)
    assert plumbing.error(plumbing.text) < AGREE


@pytest.mark.parametrize("place", [0.0, 0.25, 0.5, 1.0])
def test_one_percent_on_one_capillary_is_noticed(plumbing, place):
    """From the narrowest to the widest. Of all 72 the least effect was 1.1e-6, of the 24 dummies 9e-6."""
    tubes = plumbing.tubes()
    assert plumbing.error(plumbing.scaled(tubes[round(place * (len(tubes) - 1))], 1.01)) > AGREE


def test_one_percent_on_one_dummy_is_noticed(plumbing):
    name = re.findall(r"Conductor (l0_rows_[pn]\d+load)", plumbing.text)[0]
    assert plumbing.error(plumbing.scaled(name, 1.01)) > AGREE


def test_a_flipped_port_is_noticed(plumbing):
    flipped, times = re.subn(r"(Port_exp l0_c_keep_top_e0\(.*scale = )", r"\1-", plumbing.text)
    assert times == 1
    assert plumbing.error(flipped) > 1e-2


def test_swapped_clocks_are_noticed(plumbing):
    swaps = {"copy_high[interval]": "compute0_high[interval]", "compute0_high[interval]": "copy_high[interval]"}
    swapped = re.sub(r"\w+_high\[interval\]", lambda found: swaps.get(found[0], found[0]), plumbing.text)
    assert swapped != plumbing.text
    assert plumbing.error(swapped) > 1e-2


# Refusals.


def test_a_broken_file_is_refused_in_rumocas_words(tmp_path):
    net = ladder()
    plan = schedule(SHORT)
    path = tmp_path / "ladder.mo"
    write_modelica(path, net, plan, name="ladder", start=start_efforts(net, plan))
    path.write_text(path.read_text().replace("v_0.pin", "v_9.pin"))
    with pytest.raises(SimulationError, match=r"rumoca must run the file, got CompileError: .*v_9.*: read its message"):
        Rumoca().run_file(path, "ladder", net, plan)


def test_no_rumoca_is_said_with_a_hint(tmp_path, monkeypatch):
    (tmp_path / "rumoca.py").write_text("raise ImportError('no rumoca here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    net = ladder()
    with pytest.raises(
        SimulatorMissingError, match=r"be installed, got no rumoca here: pip install rumoca==0\.10\.2, or use engine"
    ):
        Rumoca().run(net, schedule(SHORT))


def test_no_python_is_said_with_a_hint():
    net = ladder()
    with pytest.raises(SimulatorMissingError, match="rumoca must run in '/no/python'"):
        Rumoca(interpreter="/no/python").run(net, schedule(SHORT))


def test_a_run_that_takes_too_long_is_stopped_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    net = ladder()
    with pytest.raises(SimulationError, match=r"rumoca must end within 0\.01 s"):
        Rumoca(time_limit=0.01).run(net, schedule(SHORT))
    assert not list(tmp_path.iterdir())


def test_a_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    net = ladder()
    Rumoca(interpreter=sys.executable).run(net, schedule(SHORT))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"rtol": 0.0}, "rtol must be positive and finite, got 0.0"),
        ({"atol": np.inf}, "atol must be positive and finite, got inf"),
        ({"points": 1.5}, "points must be 1 to 1000000, whole, got 1.5"),
        ({"time_limit": -1.0}, "time_limit must be positive and at most a year, got -1.0"),
    ],
)
def test_settings_are_checked(setting, text):
    with pytest.raises(InvalidValueError, match=re.escape(text)):
        Rumoca(**setting)
