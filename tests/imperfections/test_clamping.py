"""Gates held at a value, against the digital LSTM whose row of that gate has no weights and the bias that gives it."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import Clamp, Streams, apply, recorded
from lstm_analog.model import HARD_SIGMOID, Form
from lstm_analog.model.gates import Gate, GRUGate

X = np.random.default_rng(1).uniform(-1, 1, (6, 2))
FORMS = {
    "BEHAVIOURAL": (la.electrical.BEHAVIOURAL, la.CLOCKED, 1e-8),
    "BEHAVIOURAL, leak": (la.electrical.BEHAVIOURAL, la.GATED_LEAK, 1e-6),
    "OPAMP_IDEAL": (la.electrical.OPAMP_IDEAL, la.CLOCKED, 1e-5),
    "OPAMP": (la.electrical.OPAMP, la.CLOCKED, 1e-4),
    "OIL": (la.hydraulic.OIL, la.CLOCKED, 1e-8),
    "OIL, leak": (la.hydraulic.OIL, la.GATED_LEAK, 1e-6),
    "OIL, full": (replace(la.hydraulic.OIL, detail=Detail.FULL), la.CLOCKED, 1e-8),
    "OIL, dynamic": (replace(la.hydraulic.OIL, detail=Detail.DYNAMIC), la.CLOCKED, 1e-8),
}


def drawn(seed=0, **values):
    return la.random_lstm(np.random.default_rng(seed), 2, 3, scale=2.0, **values)


def held(lstm, gate, z, unit, layer=0, *, backward=False):
    """Return `lstm` whose `gate` of `unit` is z before its curve, whatever comes in."""
    there = lstm.layers[layer]
    name = "backward" if backward else "forward"
    cell = getattr(there, name)
    changed = {key: np.array(getattr(cell, key)) for key in ("input", "recurrent", "bias")}
    for key, value in (("input", 0.0), ("recurrent", 0.0), ("bias", z)):
        changed[key][gate, unit] = value
    layers = list(lstm.layers)
    layers[layer] = replace(there, **{name: replace(cell, **changed)})
    return replace(lstm, layers=tuple(layers))


def logit(value):
    return float(
        np.clip(np.log(value / (1.0 - value)) if 0.0 < value < 1.0 else np.copysign(99.0, value - 0.5), -16, 16)
    )


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", FORMS)
def test_a_gate_is_held_at_a_value(name, value):
    """Any two of machines, values and gates meet."""
    gate = ("forget", "output")[(list(FORMS).index(name) + (value == 0.3)) % 2]
    technology, timing, tolerance = FORMS[name]
    lstm = drawn()
    machine = la.compile(lstm, technology, timing=timing, settling=30.0)
    run = machine.force(gate, value, unit=1).run(X, engine="settle")
    theirs = held(lstm, Gate[gate.upper()], logit(value), 1)(X)
    assert np.abs(run.h - theirs.h).max() < tolerance
    assert np.abs(run.h - lstm(X).h).max() > 1e-3


def test_whole_waveforms_and_ngspice_say_the_same():
    lstm = drawn()
    machine = la.compile(lstm, la.hydraulic.OIL).shut("forget", unit=(0, 2))
    theirs = held(held(lstm, Gate.FORGET, -16.0, 0), Gate.FORGET, -16.0, 2)(X)
    for engine, tolerance in (("waveform", 1e-6), ("ngspice", 1e-4)):
        assert np.abs(machine.run(X, engine=engine).h - theirs.h).max() < tolerance, engine


def test_a_netlist_has_the_clamp_in_it(tmp_path):
    lstm = drawn()
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL).shut("output", unit=1)
    machine.write.spice(tmp_path / "shut.cir", X)
    deck = la.read_spice(tmp_path / "shut.cir")
    again = la.engines.Settle().run(deck.network, deck.schedule)
    assert np.abs(again["l0_h"][..., 1]).max() < 1e-6
    assert "Clamp(signal='output', value=-16.0, units=(1,))" in str(recorded(machine.network)[0])


def test_a_memory_that_is_held_keeps_what_it_has():
    lstm = drawn()
    start = np.array([0.5, -0.4, 0.3])
    run = la.compile(lstm, la.hydraulic.OIL).hold(unit=1).run(X, engine="settle", state=(np.zeros(3), start))
    np.testing.assert_allclose(run.c[:, 1], -0.4, atol=1e-5)


def test_gates_of_other_layers_directions_and_cells():
    for lstm, gate, where in (
        (drawn(layers=2), Gate.OUTPUT, {"layer": 1}),
        (drawn(bidirectional=True), Gate.INPUT, {"backward": True}),
        (drawn(layers=2, bidirectional=True), Gate.INPUT, {"layer": 1, "backward": True}),
        (drawn(form=Form.GRU), GRUGate.UPDATE, {}),
        (drawn(form=Form.GRU), GRUGate.RESET, {}),
    ):
        run = la.compile(lstm, la.electrical.BEHAVIOURAL).force(gate.name.lower(), 0.8, unit=2, **where)
        theirs = held(lstm, gate, logit(0.8), 2, where.get("layer", 0), backward=where.get("backward", False))
        found = run.run(X, engine="settle").h
        assert np.abs(found - theirs(X).h).max() < 1e-9
        assert np.abs(found - lstm(X).h).max() > 1e-4


def test_a_curve_with_ends_is_held_there():
    lstm = drawn()
    cell = lstm.layers[0].forward
    lstm = replace(lstm, layers=(replace(lstm.layers[0], forward=replace(cell, gate=HARD_SIGMOID)),))
    run = la.compile(lstm, la.electrical.BEHAVIOURAL).shut("forget").run(X, engine="settle")
    theirs = lstm
    for unit in range(3):
        theirs = held(theirs, Gate.FORGET, -9.0, unit)
    assert np.abs(run.h - theirs(X).h).max() < 1e-9


def test_all_units_or_one_of_several_chips():
    lstm = drawn()
    spread = la.imperfections.DeviceSpread(share=0.01)
    chips = la.compile(lstm, la.electrical.BEHAVIOURAL).with_imperfection(spread, Streams(seed=3, chips=4))
    run = chips.shut("output").run(X, engine="settle")
    assert np.abs(run.h).max() < 1e-6


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m: m.shut("forgot"), InvalidValueError, "did you mean 'forget'"),
        (lambda m: m.shut("forget", unit=3), InvalidValueError, "unit must be 0 to 2"),
        (lambda m: m.shut("forget", unit=True), InvalidTypeError, "unit must be"),
        (lambda m: m.shut("forget", unit=()), InvalidValueError, "unit must be one at least"),
        (lambda m: m.shut("forget", layer=1), InvalidValueError, "the place must be layer 0, got layer 1"),
        (lambda m: m.shut("forget", backward=True), InvalidValueError, "got layer 0 backward"),
        (lambda m: m.force("forget", 1.5), InvalidValueError, "value of forget must be 1.13e-07 to 1"),
        (lambda m: m.force("forget", np.nan), InvalidValueError, "value of forget must be"),
        (lambda m: m.force("cell", -2.0), InvalidValueError, "value of cell must be -1 to 1"),
    ],
)
def test_what_there_is_not_is_refused_by_name(call, error, text):
    with pytest.raises(error, match=text):
        call(la.compile(drawn(), la.electrical.BEHAVIOURAL))


def test_signals_and_machines_that_cannot_be_clamped_are_refused_by_name():
    machine = la.compile(drawn(), la.electrical.BEHAVIOURAL)
    with pytest.raises(NetworkError, match=r"signal must be one of .*forget"):
        apply(Clamp(signal="lid", value=0.0), machine.network, Streams(seed=0))
    with pytest.raises(InvalidValueError, match="clamp units must be 0 to 2"):
        apply(Clamp(signal="forget", value=0.0, units=(3,)), machine.network, Streams(seed=0))
    with pytest.raises(InvalidValueError, match="clamp value must be finite"):
        Clamp(signal="forget", value=np.inf)
    with pytest.raises(InvalidValueError, match="clamp units must be whole"):
        Clamp(signal="forget", value=0.0, units=(-1,))
    with pytest.raises(UnsupportedError, match="cells with a gate that keeps"):
        la.compile(drawn(form=Form.RNN), la.electrical.BEHAVIOURAL).hold()
    with pytest.raises(NetworkError, match="must be read by parts with equations"):
        la.compile(drawn(), la.electrical.BICMOS).shut("forget")


def test_what_is_held_already_is_refused_by_name():
    machine = la.compile(drawn(), la.hydraulic.OIL).shut("forget", unit=0)
    for unit in (0, None):
        with pytest.raises(NetworkError, match="units that are not: clamp what is not clamped yet"):
            machine.force("forget", 1.0, unit=unit)
    assert len(recorded(machine.shut("forget", unit=1).network)) == 2
