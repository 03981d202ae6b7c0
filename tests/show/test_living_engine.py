"""The engine of the living page: a graph file alone, integrated in node, gives what Integrate gives."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page_engine import apart, in_node

from lstm_analog import imperfections as imp
from lstm_analog.compiler.electrical import BEHAVIOURAL, OPAMP_IDEAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import Integrate, start_efforts
from lstm_analog.export import Driven, write_json
from lstm_analog.machine import Machine, compile
from lstm_analog.model import random_lstm
from lstm_analog.model.random import Form
from lstm_analog.network.parts import Ports

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
def test_the_file_alone_gives_what_integrate_gives(
    tmp_path: Path, technology: object, timing: Timing, form: Form, layers: int, units: int
) -> None:
    built = machine(technology, timing, form, layers, units)
    built.write.json(tmp_path / "network.json", X)
    expected = Integrate(points=17, rtol=1e-9, atol=1e-11).run(built.network, built.schedule(X))
    ends, between = apart(in_node(tmp_path, built.network, 1e-8), expected)
    assert ends <= 2e-8
    assert between <= 1e-6


def test_worn_parts_with_kinks_and_leaks(tmp_path: Path) -> None:
    built = machine(DYNAMIC, CLOCKED, Form.LSTM, units=1).with_imperfection(WORN, imp.Streams(seed=1))
    built.write.json(tmp_path / "network.json", X)
    expected = Integrate(points=17, rtol=1e-9, atol=1e-11).run(built.network, built.schedule(X))
    assert max(apart(in_node(tmp_path, built.network, 1e-8), expected)) <= 1e-6


def test_a_smaller_tolerance_is_kept_by_few_more_steps(tmp_path: Path) -> None:
    built = machine(FULL, CLOCKED, Form.LSTM, units=1)
    built.write.json(tmp_path / "network.json", X)
    expected = Integrate(points=17, rtol=1e-10, atol=1e-12).run(built.network, built.schedule(X))
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
        start = Integrate(rtol=1e-8).run(each, schedule).efforts[0]
        write_json(tmp_path / "network.json", each, driven=Driven(schedule=schedule, once=1, start=start))
        steps.append(in_node(tmp_path, each, 1e-8).steps)
    assert steps[1] < 1.5 * steps[0]


ADDED = runpy.run_path(str(Path(__file__).resolve().parents[1] / "physics" / "test_added_parts.py"))


@pytest.mark.parametrize("name", ADDED["ADDED"])
def test_parts_of_ones_own_are_integrated_by_their_laws(tmp_path: Path, name: str) -> None:
    network, schedule = ADDED["driven"](ADDED["ADDED"][name])
    driven = Driven(schedule=schedule, once=4, start=start_efforts(network, schedule))
    write_json(tmp_path / "network.json", network, driven=driven)
    expected = Integrate(points=17, rtol=1e-9, atol=1e-11).run(network, schedule)
    assert max(apart(in_node(tmp_path, network, 1e-9), expected)) <= 1e-6
