from dataclasses import dataclass, replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, UnsupportedPartError
from lstm_analog.network.analogy import as_circuit, electrical_analogue, natural_units, scaled
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import KINDS, Cells, Followers, OpAmps, Term, ThresholdSwitches, Transconductors


@dataclass(frozen=True, kw_only=True)
class Diode:
    label: str = "d"


def plumbing(detail, timing=la.CLOCKED):
    lstm = la.random_lstm(np.random.default_rng(4), 2, 2, scale=3.0)
    return la.compile(lstm, replace(la.hydraulic.OIL, detail=detail), timing=timing, settling=12.0)


def test_kinds_without_an_analogue_are_electrical_already():
    missing = {kind for kind in KINDS if scaled.dispatch(kind) is scaled.dispatch(Diode)}
    assert missing == {Cells, OpAmps, ThresholdSwitches, Transconductors}
    with pytest.raises(UnsupportedPartError, match=r"^part Diode must have an electrical analogue, got none"):
        scaled(Diode(), 1.0, 1.0)


def test_units_are_positive():
    network = plumbing(la.hydraulic.Detail.IDEAL).network
    with pytest.raises(InvalidValueError, match=r"^flow must be positive, got 0\.0: give what one unit stands for$"):
        electrical_analogue(network, effort=1.0, flow=0.0)


def test_the_largest_tank_is_one_millifarad_and_the_deck_says_what_a_volt_is():
    machine = plumbing(la.hydraulic.Detail.FULL)
    effort, flow = natural_units(machine.network)
    assert (effort, flow) == (10e3, 1e3 * 10e3 * 1e-9)
    network = electrical_analogue(machine.network, effort=effort, flow=flow)
    assert network.domain == ELECTRICAL
    assert network.part("l0_c_master").capacitance.max() == pytest.approx(1e-3)
    assert dict(network.provenance)["analogy"].startswith("of a hydraulic network: 1 V is 10000 Pa")


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
@pytest.mark.parametrize("detail", la.hydraulic.Detail)
def test_the_analogue_runs_alike(detail, timing):
    machine = plumbing(detail, timing)
    x = np.random.default_rng(5).uniform(-1, 1, (2, 2))
    circuit = as_circuit(machine.network, machine.schedule(x))
    ours, theirs = (
        machine.run(x).trajectory.efforts,
        la.engines.Waveform().run(circuit.network, circuit.schedule).efforts,
    )
    np.testing.assert_allclose(circuit.effort * theirs, ours, rtol=0, atol=1e-6 * circuit.effort)


def test_an_electrical_network_is_its_own_circuit():
    machine = la.compile(la.random_lstm(np.random.default_rng(4), 1, 1), la.electrical.BEHAVIOURAL)
    fed = machine.schedule([[0.5]])
    circuit = as_circuit(machine.network, fed)
    assert circuit.network is machine.network
    assert circuit.schedule is fed
    assert circuit.effort == 1.0


def test_limits_of_relays_are_volts_of_the_analogue():
    relay = Followers(label="r", terms=(Term(inputs=[1], gain=2.0),), nodes=[2], offset=5e3, low=-30e3, high=40e3)
    found = scaled(relay, 10e3, 1e-6)
    assert (found.offset, found.low, found.high) == (0.5, -3.0, 4.0)
    assert found.terms == relay.terms
