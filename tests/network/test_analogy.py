from dataclasses import dataclass, replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, UnsupportedPartError
from lstm_analog.network import laws
from lstm_analog.network.analogy import as_circuit, electrical_analogue, natural_units, scaled
from lstm_analog.network.bank import same_bank
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.parts import Followers, Term, ThresholdSwitches


@dataclass(frozen=True, kw_only=True)
class Diode:
    label: str = "d"


def plumbing(detail, timing=la.CLOCKED):
    lstm = la.random_lstm(np.random.default_rng(4), 2, 2, scale=3.0)
    return la.compile(lstm, replace(la.hydraulic.OIL, detail=detail), timing=timing, settling=12.0)


def test_flows_and_capacities_of_every_part_keep_their_form(sampler):
    """At efforts divided by E and flows by Q: C de/dt = q becomes (C E/Q) de/dt."""
    unit, flow_unit = 250.0, 3e-4
    rng = np.random.default_rng(7)
    for part in sampler(3).all():
        if isinstance(part, ThresholdSwitches):
            continue
        alike, effort = scaled(part, unit, flow_unit), unit * rng.uniform(-1.0, 1.0, 14)
        _, amounts = laws.capacity(part)
        np.testing.assert_allclose(laws.capacity(alike)[1], amounts * unit / flow_unit, rtol=1e-14)
        follows = isinstance(part, Followers)
        for high in ((True,), (False,)):
            got, given = laws.flow(alike, effort / unit, high), laws.flow(part, effort, high)
            scale = unit if follows else flow_unit
            np.testing.assert_allclose(
                got, given / scale, rtol=1e-12, atol=1e-13 * np.abs(given).max(initial=0) / scale
            )


def test_what_has_no_analogue_is_refused_by_name(sampler):
    for part, text in (
        (
            sampler(1).threshold_switches(),
            r"^part thresholds must have an electrical analogue, got a state that switches",
        ),
        (Diode(), r"^part Diode must declare its law, got none"),
    ):
        with pytest.raises(UnsupportedPartError, match=text):
            scaled(part, 1.0, 1.0)


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
    assert same_bank(found.terms[0], relay.terms[0], 0.0)
