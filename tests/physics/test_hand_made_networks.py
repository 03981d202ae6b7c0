"""Integrate against closed forms, Ngspice against Integrate, netlists there and back, on three small networks."""

import numpy as np
import pytest
from scipy.linalg import expm

from lstm_analog.engines import Integrate, Ngspice
from lstm_analog.export import NGSPICE, Accuracy, read_spice, write_spice

FINE = Integrate(rtol=1e-10, atol=1e-12, points=20000)
SPICE = Ngspice(accuracy=Accuracy(reltol=1e-7, vntol=1e-10, abstol=1e-14, chgtol=1e-18, steps=600))


def agree(case, *, tolerance, engine=SPICE):
    """Compare ngspice, at its own points, with `Integrate` on the same network, but for at the edges."""
    ours, theirs = FINE.run(case.network, case.schedule), engine.run(case.network, case.schedule)
    after = theirs.time[:, None] - case.schedule.ends
    within = 1e-3 * case.schedule.durations.min() + 1e-6 * case.schedule.durations.max()  # its edges, our first point
    away = ~((after > 0.0) & (after < within)).any(axis=1)
    every = np.arange(case.network.unknowns.size)
    error = np.abs(ours.sample(theirs.time[away], every) - theirs.efforts[away]).max()
    assert theirs.time.size > 600
    assert error <= tolerance
    return error


def same_after_writing(case, tmp_path):
    path = tmp_path / "deck.cir"
    write_spice(path, case.network, case.schedule, NGSPICE, SPICE.accuracy)
    deck = read_spice(path)
    np.testing.assert_array_equal(deck.schedule.high, case.schedule.high)
    np.testing.assert_array_equal(deck.schedule.durations, case.schedule.durations)
    np.testing.assert_array_equal(deck.schedule.imposed[0].efforts, case.schedule.imposed[0].efforts)
    return deck.network.equals(case.network, rtol=1e-15)


# RC ladder


def ladder_in_closed_form(case, time):
    """`C de/dt = -K e + b u`: each interval relaxes from where the last one ended, by the matrix exponential."""
    g = case.network.part("r").conductance
    c = case.network.part("c").capacitance
    k = np.diag(g + np.append(g[1:], 0.0)) - np.diag(g[1:], 1) - np.diag(g[1:], -1)
    rates = -k / c[:, None]
    levels, ends = case.schedule.imposed[0].efforts[:, 0], case.schedule.ends
    start, state, begin = np.full(4, levels[0]), [], 0.0
    for level, end in zip(levels, ends, strict=True):
        inside = (time > begin) & (time <= end) if begin else time <= end
        state += [level + expm(rates * (t - begin)) @ (start - level) for t in time[inside]]
        start, begin = level + expm(rates * (end - begin)) @ (start - level), end
    return np.array(state)


def test_ladder_follows_the_matrix_exponential(ladder):
    run = Integrate(rtol=1e-10, atol=1e-12, points=30).run(ladder.network, ladder.schedule)
    np.testing.assert_allclose(run["node"], ladder_in_closed_form(ladder, run.time), atol=1e-9)
    assert np.abs(run["node"][-1] + 0.5).max() > 1e-3  # it has not settled: the whole path counts


def test_ladder_in_ngspice(ladder):
    agree(ladder, tolerance=5e-5)


# Op-amp inverter


def linear_inverter(case):
    """Return gain out/in at rest and the time constant, from the two Kirchhoff equations solved by hand."""
    part = case.network.part("u")
    gin, gf = case.network.part("r").conductance
    go = part.output_conductance[0]
    # v_sum (gin + gf) - v_out gf = vin gin;   v_out (go + gf) - v_sum gf = x go
    kirchhoff = np.array([[gin + gf, -gf], [-gf, go + gf]])
    by_input, by_state = np.linalg.solve(kirchhoff, [[gin, 0.0], [0.0, go]]).T
    gm, g, c = part.transconductance[0], part.conductance[0], part.capacitance[0]
    rate = (gm * by_state[0] + g) / c
    x = -gm * by_input[0] / (gm * by_state[0] + g)
    return by_input[1] + by_state[1] * x, 1.0 / rate


def test_inverter_has_its_gain_and_bandwidth(inverter):
    case = inverter([0.0, 1e-3], [1e-8, 1e-6], slew=1e9)
    gain, time_constant = linear_inverter(case)
    assert gain == pytest.approx(-2.0, rel=1e-4)  # - Rf / Rin, short of 3/A0
    assert time_constant == pytest.approx(3.0 / (2 * np.pi * 1e7), rel=0.01)  # closed loop: beta GBW
    run = Integrate(rtol=1e-10, atol=1e-14, points=50).run(case.network, case.schedule)
    time = run.time - 1e-8
    after = time > 1e-12
    # The output starts at what goes straight through Rin and Rf, then relaxes.
    part, (gin, gf) = case.network.part("u"), case.network.part("r").conductance
    straight = np.linalg.solve([[gin + gf, -gf], [-gf, part.output_conductance[0] + gf]], [gin, 0.0])[1]
    expected = 1e-3 * (gain + (straight - gain) * np.exp(-time[after] / time_constant))
    np.testing.assert_allclose(run["out"][after, 0], expected, atol=2e-9)


def test_inverter_slews(inverter):
    case = inverter([0.0, 1.0], [1e-8, 1e-6], gain_bandwidth=1e8)
    run = FINE.run(case.network, case.schedule)
    slope = np.abs(np.diff(run["state"][:, 0]) / np.diff(run.time)).max()
    assert 0.99e7 < slope <= 1e7 * (1 + 1e-6)


def test_inverter_stops_at_its_rails_and_does_not_wind_up(inverter):
    levels, durations = [0.0, 5.0, 0.0], [1e-7, 30e-6, 3e-6]
    for clamp, state, recovers in ((None, 2.1 * 4.5, True), (1e6, 100.0, False)):
        case = inverter(levels, durations, clamp=clamp)
        run = Integrate(rtol=1e-8, atol=1e-10, points=50).run(case.network, case.schedule)
        assert np.abs(run["out"]).max() < 4.5
        assert bool(np.abs(run["state"]).max() <= state * (1 + 1e-6)) is recovers
        assert bool(abs(run["out"][-1, 0]) < 1e-3) is recovers
        assert np.abs(run["out"]).max() > 4.3


@pytest.mark.parametrize(("level", "tolerance"), [(1e-3, 1e-6), (1.0, 2e-3), (5.0, 5e-3)])
def test_inverter_in_ngspice(inverter, level, tolerance):
    case = inverter([0.0, level, 0.0, 0.0], [1e-8, 1e-6, 1e-8, 4e-6], gain_bandwidth=2e6)
    agree(case, tolerance=tolerance)


def test_inverter_gives_no_more_than_its_output_current(inverter):
    """-2 V take 0.1 mA. One of 20 uA behind 10 kohm stops where its clamp, 10 I_max/rail, takes all of I_max."""
    limits = {"output_current": 20e-6, "output_resistance": 1e4}
    case = inverter([0.0, 1.0, 1.0, 1.0], [1e-8, 1e-6, 1e-8, 20e-6], gain_bandwidth=5e7, **limits)
    out = FINE.run(case.network, case.schedule)["out"][-1, 0]
    given = 20e-6 + 0.1 * 4.5 / 1e4
    np.testing.assert_allclose(out, 1.0 - given * 30e3, rtol=1e-3)
    np.testing.assert_allclose(SPICE.run(case.network, case.schedule)["out"][-1, 0], out, atol=1e-6)


def test_inverter_there_and_back(inverter, tmp_path):
    assert same_after_writing(inverter([0.0, 1e-3], [1e-8, 1e-6], offset=-2e-3), tmp_path)
    limits = {"output_current": 20e-6, "rejection": 1e4}
    assert same_after_writing(inverter([0.0, 1e-3], [1e-8, 1e-6], **limits), tmp_path)


# Switched half-bridge


def sigmoid(u):
    return 1.0 / (1.0 + np.exp(-u))


def test_bridge_in_closed_form(bridge):
    """Opposed sigmoid ports: mid -> bottom + sigmoid(u)(top - bottom) at the rate G0/C; then charge flows."""
    run = Integrate(rtol=1e-10, atol=1e-12).run(bridge.network, bridge.schedule)
    mid, store = (run.at_ends(label, np.arange(7))[:, 0] for label in ("mid", "store"))
    target = -1.0 + sigmoid(0.7) * 3.0
    np.testing.assert_allclose((mid[0], store[0]), 0.0, atol=1e-12)
    np.testing.assert_allclose(mid[1], target * (1 - np.exp(-3.0)), rtol=1e-6)
    together = mid[1] * 1e-10 / 4e-10
    gap = mid[1] * np.exp(-4e-6 * 1e-4 * (1 / 1e-10 + 1 / 3e-10))
    np.testing.assert_allclose(mid[3], together + 0.75 * gap, rtol=1e-6)
    np.testing.assert_allclose(store[3], together - 0.25 * gap, rtol=1e-6)
    pumped = 2e-5 * np.tanh(0.7) * sigmoid(-2 * 0.7 - 0.25) * 5e-6 / 3e-10
    np.testing.assert_allclose(store[5], store[3] + pumped, rtol=1e-6)
    np.testing.assert_allclose((mid[5], store[6]), (mid[3], store[5]), rtol=1e-6)


def test_bridge_in_ngspice(bridge):
    agree(bridge, tolerance=2e-4)
