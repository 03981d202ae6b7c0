"""Relays with a bandwidth: the closed form of their lag in every engine, and what it does to a machine."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import network, schedule

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Settle, Waveform
from lstm_analog.errors import InvalidValueError, NetworkError
from lstm_analog.imperfections import RelayGain, RelayLag, Streams, apply
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.parts import Followers, Sources, Spools, Term
from lstm_analog.study.findings import Rule, Severity

ANY = Streams(seed=0)
SLOW = RelayLag(frequency=20.0, damping=0.6)
FAST = RelayLag(frequency=400.0, damping=0.7)


def relay(high=np.inf):
    """Return a relay of 2 a - b + 1 kPa, `high` (Pa) at most, with both from outside."""
    terms = (Term(inputs=[1], gain=2.0), Term(inputs=[2], gain=-1.0))
    return network(
        {"drive": 2, "out": 1},
        Sources(label="drive", nodes=[1, 2], effort=0.0),
        Followers(label="relay", nodes=[3], terms=terms, offset=1e3, low=-np.inf, high=high),
        domain=HYDRAULIC,
        scale=1e4,
    )


def stepped(network, engine, durations=(0.5, 0.1)):
    """Return `out` a while after a has gone from 0 to 10 kPa and b from 0 to 5 kPa."""
    plan = schedule(durations, drive=[[0.0, 0.0], [1e4, 5e3]])
    return float(engine.run(network, plan).at_ends("out", np.array([1]))[0, 0])


def lagged(frequency, damping, time):
    """Return 1 - exp(-zeta w t) (cos w_d t + zeta w/w_d sin w_d t): the step response of a lag of second order."""
    ringing = frequency * np.sqrt(1.0 - damping**2)
    wave = np.cos(ringing * time) + damping * frequency / ringing * np.sin(ringing * time)
    return 1.0 - np.exp(-damping * frequency * time) * wave


ENGINES = (Integrate(rtol=1e-10, atol=1e-8), Waveform(), Ngspice(), Rumoca())


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_a_relay_answers_a_step_with_the_lag_of_second_order(engine):
    """In ngspice the step is a ramp that takes a share of the interval, so the answer is late by half of that."""
    out = stepped(apply(SLOW, relay(), ANY).verify(), engine)
    late = 15.0 if isinstance(engine, Ngspice) else 1e-2
    assert out == pytest.approx(1e3 + 15e3 * lagged(20.0, 0.6, 0.1), abs=late)
    assert stepped(relay(), Integrate()) == pytest.approx(16e3, rel=1e-12)


def test_a_lag_twice_is_two_in_a_row():
    """The cascade by the residues of 1/s (w^2/(s^2 + 2 zeta w s + w^2))^2, found numerically, on the same step."""
    twice = apply((SLOW, SLOW), relay(), ANY).verify()
    rate, damp = 20.0, 0.6
    one = np.array([[0.0, rate], [-rate, -2.0 * damp * rate]])
    chain = np.block([[one, np.zeros((2, 2))], [np.array([[0.0, 0.0], [rate, 0.0]]), one]])
    rest = np.linalg.solve(chain, -np.array([0.0, rate, 0.0, 0.0]))
    values, vectors = np.linalg.eig(chain + 1e-9 * np.diag([1.0, -1.0, 0.5, 0.3]))
    state = rest - (vectors * np.exp(values * 0.1)) @ np.linalg.solve(vectors, rest.astype(complex))
    assert stepped(twice, Integrate(rtol=1e-10, atol=1e-8)) == pytest.approx(1e3 + 15e3 * state[2].real, rel=1e-4)


def test_the_gain_of_a_relay_counts_once_whether_it_lags_or_not():
    for records in ((RelayGain(gain=0.5),), (SLOW, RelayGain(gain=0.5))):
        network = relay()
        for record in records:
            network = apply(record, network, ANY)
        assert stepped(network, Integrate(), (0.5, 4.0)) == pytest.approx(1e3 + 0.5 * 15e3, rel=1e-6)


def test_a_relay_at_its_stop_stays_there():
    assert stepped(apply(SLOW, relay(high=4e3), ANY), Integrate(), (0.5, 4.0)) == pytest.approx(4e3, rel=1e-12)


def test_relays_that_lag_settle_where_those_that_do_not_do():
    """A lag moves poles, no fixed point; slow relays leave more when the clock strikes, and the report knows them."""
    lstm, x = la.random_lstm(np.random.default_rng(0), 1, 1), np.random.default_rng(1).uniform(-1, 1, (2, 1))
    made = la.compile(lstm, replace(la.hydraulic.OIL, detail=Detail.FULL), settling=12.0)
    fast, slow = (made.with_imperfection(lag, ANY) for lag in (FAST, RelayLag(frequency=3.0, damping=0.8)))
    np.testing.assert_allclose(fast.run(x, engine=Settle()).h, made.run(x, engine=Settle()).h, atol=1e-10)
    reports = [la.compare(each.run(x), lstm) for each in (made, fast, slow)]
    assert reports[1].worst < 2.0 * reports[0].worst
    assert reports[2].worst > 10.0 * reports[0].worst
    assert reports[2].by_clock > reports[2].worst
    settled = [each.run(x, engine=Settle()).h for each in (made, slow)]  # in pauses spools take their exponential
    assert np.abs(settled[1] - settled[0]).max() < 0.1 * reports[2].worst


def test_the_check_knows_the_lag_and_the_bill_counts_no_spools_for_it():
    made = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.hydraulic.OIL)
    slow = made.with_imperfection(SLOW, ANY)
    assert made.check().worst(Rule.SPOOL_TIME) is None
    lag = slow.check().worst(Rule.SPOOL_TIME)
    assert lag.value == pytest.approx(1.0 / (0.6 * 20.0) / 0.5, rel=1e-12)
    assert lag.severity is Severity.WARNING
    assert slow.bill_of_materials().items == made.bill_of_materials().items


def test_an_infinite_bandwidth_is_none_and_impossible_ones_are_refused():
    assert apply(RelayLag(frequency=np.inf, damping=0.7), relay(), ANY).equals(relay(), rtol=0.0)
    assert not any(isinstance(part, Spools) for part in relay().parts)
    for what, wrong in (("frequency", 0.0), ("frequency", np.nan), ("damping", np.inf), ("damping", -1.0)):
        with pytest.raises(InvalidValueError, match=rf"^relay lag {what} must be positive, got .*: give rad/s, "):
            RelayLag(**({"frequency": 1.0, "damping": 0.7} | {what: wrong}))
    bare = replace(relay(), parts=(Sources(label="all", nodes=[1, 2, 3], effort=0.0),))
    with pytest.raises(NetworkError, match=r"^the network must have Followers, got none: "):
        apply(SLOW, bare, ANY)
