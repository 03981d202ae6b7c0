"""The engine of the living page: a graph file alone, integrated in node, gives what the engines give."""

import runpy
from dataclasses import replace
from pathlib import Path

import by_hand
import numpy as np
import pytest
from page_engine import apart, in_node

from lstm_analog import imperfections as imp
from lstm_analog.analogies import NERVE, SIPHON, NerveCell, cells_of
from lstm_analog.compiler.electrical import BEHAVIOURAL, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Integrate, Waveform, start_efforts
from lstm_analog.export import Driven, write_json
from lstm_analog.machine import Machine, compile
from lstm_analog.model import random_lstm
from lstm_analog.model.random import Form
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    Conductors,
    Followers,
    Junctions,
    Ports,
    Sources,
    Storages,
    Term,
    ThresholdSwitches,
)
from lstm_analog.network.schedule import Schedule

FULL, DYNAMIC = (replace(OIL, detail=detail) for detail in (Detail.FULL, Detail.DYNAMIC))
X = np.random.default_rng(1).uniform(-1.0, 1.0, (1, 2))
WORN = (imp.Rangeability(ratio=3.0), imp.Deadband(z=0.1), imp.SeatLeak(share=0.05), imp.OrificePorts(transition=3e3))


def machine(technology: object, timing: Timing, form: Form, layers: int = 1, units: int = 2) -> Machine:
    """Return a machine whose phases end long before it has settled."""
    model = random_lstm(np.random.default_rng(0), 2, units, scale=2.0, form=form, layers=layers)
    return compile(model, technology, timing=timing, settling=3.0)


@pytest.mark.parametrize(
    ("technology", "timing", "form", "layers", "units"),
    [
        pytest.param(BEHAVIOURAL, CLOCKED, Form.LSTM, 2, 2, id="circuit, two layers"),
        pytest.param(OIL, GATED_LEAK, Form.LSTM, 1, 2, id="oil, leaking"),
        pytest.param(DYNAMIC, CLOCKED, Form.GRU, 1, 1, id="oil with masses, GRU"),
        pytest.param(BEHAVIOURAL, GATED_LEAK, Form.GRU, 1, 2, id="circuit, leaking, GRU"),
        pytest.param(OPAMP_IDEAL, CLOCKED, Form.LSTM, 1, 1, id="op-amps"),
    ],
)
def test_the_file_alone_gives_what_waveform_gives(
    tmp_path: Path, technology: object, timing: Timing, form: Form, layers: int, units: int
) -> None:
    built = machine(technology, timing, form, layers, units)
    built.write.json(tmp_path / "network.json", X)
    expected = Waveform(points=17, rtol=1e-9, atol=1e-11).run(built.network, built.schedule(X))
    ends, between = apart(in_node(tmp_path, built.network, 1e-8), expected)
    assert ends <= 2e-8
    assert between <= 1e-6


def test_worn_parts_with_kinks_and_leaks(tmp_path: Path) -> None:
    built = machine(DYNAMIC, CLOCKED, Form.LSTM, units=1).with_imperfection(WORN, imp.Streams(seed=1))
    built.write.json(tmp_path / "network.json", X)
    expected = Waveform(points=17, rtol=1e-9, atol=1e-11).run(built.network, built.schedule(X))
    assert max(apart(in_node(tmp_path, built.network, 1e-8), expected)) <= 1e-6


def test_a_smaller_tolerance_is_kept_by_few_more_steps(tmp_path: Path) -> None:
    built = machine(FULL, CLOCKED, Form.LSTM, units=1)
    built.write.json(tmp_path / "network.json", X)
    expected = Waveform(points=17, rtol=1e-11, atol=1e-13).run(built.network, built.schedule(X))
    rough, fine = (in_node(tmp_path, built.network, tolerance) for tolerance in (1e-5, 1e-9))
    assert apart(rough, expected)[0] / apart(fine, expected)[0] > 1e3
    assert fine.steps / rough.steps < 1e4 ** (1 / 4) * 1.5  # of order 4, that of 1e4 times less is 10 times as many


def test_a_valve_shut_by_its_pilot_does_not_make_short_steps(tmp_path: Path) -> None:
    built = machine(FULL, CLOCKED, Form.LSTM)
    shut = tuple(
        replace(part, offset=part.offset - 24.0 * np.sign(part.scale))
        if isinstance(part, Ports) and part.label.startswith("l0_c_keep")
        else part
        for part in built.network.parts
    )
    network, schedule = replace(built.network, parts=shut), built.schedule(X)
    free, steps = built.network, []
    for each in (free, network):
        start = start_efforts(each, schedule)
        write_json(tmp_path / "network.json", each, driven=Driven(schedule=schedule, once=1, start=start))
        steps.append(in_node(tmp_path, each, 1e-8).steps)
    assert steps[1] < 1.5 * steps[0]


ADDED = runpy.run_path(str(Path(__file__).resolve().parents[1] / "physics" / "test_added_parts.py"))


@pytest.mark.parametrize("name", ADDED["ADDED"])
def test_parts_of_ones_own_are_integrated_by_their_laws(tmp_path: Path, name: str) -> None:
    network, schedule = ADDED["driven"](ADDED["ADDED"][name])
    driven = Driven(schedule=schedule, once=4, start=start_efforts(network, schedule))
    write_json(tmp_path / "network.json", network, driven=driven)
    expected = Waveform(points=17, rtol=1e-9, atol=1e-11).run(network, schedule)
    assert max(apart(in_node(tmp_path, network, 1e-9), expected)) <= 1e-6


def driven_cells(cell: NerveCell, flows: list[float], seconds: float) -> tuple[Network, Schedule]:
    """Return cells that rest and then are each driven by one of the `flows`, both for so many `seconds`."""
    network = cells_of(cell, np.array(flows)[:, None], np.zeros(len(flows)), 1.0)
    return network, by_hand.schedule(np.full(2, seconds), drive=[[0.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("cell", "unit"), [pytest.param(NERVE, 1e-10, id="nerve"), pytest.param(SIPHON, 1e-7, id="siphon")]
)
@pytest.mark.parametrize(("tolerance", "close"), [(1e-8, 2e-6), (1e-11, 3e-9)])
def test_cells_fire_when_integrate_and_the_closed_form_say(
    tmp_path: Path, cell: NerveCell, unit: float, tolerance: float, close: float
) -> None:
    flows = [1.1 * unit, 3.0 * unit, 4.0 * unit]
    periods = cell.period(np.array(flows))
    network, schedule = driven_cells(cell, flows, 2.5 * float(periods[0]))
    driven = Driven(schedule=schedule, once=1, start=start_efforts(network, schedule))
    write_json(tmp_path / "network.json", network, driven=driven)
    run, expected = in_node(tmp_path, network, tolerance), Integrate(rtol=1e-10, atol=1e-13).run(network, schedule)
    for number, (period, node) in enumerate(zip(periods, network.unknowns["firing"], strict=True)):
        fired = np.array([time for time, name, on in run.switchings if on and name == f"firing_{number}"])
        np.testing.assert_allclose(fired, expected.switchings.closings(int(node)), atol=close * period)
        np.testing.assert_allclose(np.diff(fired), period, rtol=close)
    assert len(run.switchings) == expected.switchings.time.size


def small(groups: dict[str, int], *parts: object) -> Network:
    """Return a network of `parts` on a source called drive and the nodes of `groups`."""
    return by_hand.network(groups, Sources(label="drive", nodes=[1], effort=0.0), *parts)


INVERTED = small(
    {"drive": 1, "f": 1, "s": 1},
    Followers(label="not", terms=(Term(inputs=[3], gain=-1.0),), nodes=[2], offset=1.0, low=-np.inf, high=np.inf),
    ThresholdSwitches(label="s", a=[1], b=[0], p=[2], n=[0], state=[3], upper=0.6, lower=0.4, closed=1.0, opened=1e-9),
)
TAKEN_AWAY = small(
    {"drive": 1, "c": 1, "j": 1, "s": 1},
    Conductors(label="r", a=[1, 2], b=[2, 3], conductance=[1.0, 1.0]),
    Storages(label="c", nodes=[2], capacitance=1.0),
    Junctions(label="j", nodes=[3]),
    Conductors(label="load", a=[3], b=[0], conductance=1.0),
    ThresholdSwitches(
        label="s", a=[3], b=[0], p=[3], n=[0], state=[4], upper=0.5, lower=0.05, closed=1e3, opened=1e-12
    ),
)


@pytest.mark.parametrize("network", [INVERTED, TAKEN_AWAY], ids=["inverted", "taken away"])
def test_switches_that_set_each_other_off_are_refused_by_name(tmp_path: Path, network: Network) -> None:
    schedule = by_hand.schedule([1.0, 5.0], drive=[0.0, 2.0])
    start = np.zeros(network.unknowns.size)
    write_json(tmp_path / "network.json", network, driven=Driven(schedule=schedule, once=1, start=start))
    with pytest.raises(AssertionError, match="switches set each other off without end in"):
        in_node(tmp_path, network, 1e-8)
