"""Nerve cells: rates in closed form, by the network, by other simulators and by an exact walk with noise."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest
from scipy.optimize import curve_fit

from lstm_analog.analogies.nerve import NERVE, SIPHON, NerveCell, cells_of, counted_rates, rectifier
from lstm_analog.engines import Integrate, Ngspice, Rumoca, Settle, Waveform
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.network.domain import ELECTRICAL, HYDRAULIC
from lstm_analog.network.parts import CheckValves, Diodes

PICO = 1e-12
INTEGRATOR = replace(NERVE, leak=1e-16, seal=1e-16)


def one_cell(cell):
    return cells_of(cell, np.ones((1, 1)), np.zeros(1), 1.0)


@pytest.mark.parametrize(("cell", "drives"), [(NERVE, (150e-12, 400e-12)), (SIPHON, (1.5e-7, 4e-7))])
def test_rates_are_those_of_the_closed_form(cell, drives):
    flows = np.array(drives)
    times = cell.period(flows)
    network = one_cell(cell)
    for flow, period in zip(flows, times, strict=True):
        run = Integrate().run(network, steps([0.0, flow], 3.5 * period))
        spikes = run.switchings.closings(int(network.unknowns["firing"][0]))
        np.testing.assert_allclose(np.diff(spikes), period, rtol=1e-7)


def steps(flows, seconds):
    return by_hand.schedule(np.full(len(flows), seconds), drive=np.column_stack((flows, np.ones(len(flows)))))


def test_a_siphon_runs_on_rumoca_too():
    period = float(SIPHON.period(np.array(4e-7)))
    run = Rumoca(points=300).run(one_cell(SIPHON), steps([0.0, 4e-7], 3.5 * period))
    state = run.efforts[:, -1]
    rises = run.time[1:][(state[1:] > 0.5) & (state[:-1] <= 0.5)]
    np.testing.assert_allclose(np.diff(rises), period, rtol=1e-6)


def test_below_and_beyond_what_it_can_do_a_cell_does_not_fire():
    flows = np.array([-100.0, 0.0, 99.0, 3000.0]) * PICO
    np.testing.assert_array_equal(NERVE.rate(flows), 0.0)
    assert NERVE.rate(np.array(101 * PICO)) > 0.0


def test_without_a_leak_the_rate_is_a_rectifier():
    """J/(C D): the emptying takes 150 us of each period."""
    flows = np.linspace(-200, 200, 9) * PICO
    charge = NERVE.capacitance * (NERVE.upper - NERVE.lower)
    exact = np.maximum(flows, 0.0) / charge
    np.testing.assert_allclose(INTEGRATOR.rate(flows), exact, atol=1e-3 * exact.max() + 200e-6 * exact.max() ** 2)


def test_a_layer_counts_to_a_rectified_sum_the_better_the_longer_it_counts():
    """The error of a count is at most one: it falls as 1/time."""
    rng = np.random.default_rng(3)
    weights, bias, x = rng.normal(size=(4, 3)), rng.normal(size=4), rng.uniform(0, 1, (2, 3))
    gain, charge = 100 * PICO, NERVE.capacitance * (NERVE.upper - NERVE.lower)
    network = cells_of(INTEGRATOR, weights, bias, gain)
    exact = np.maximum(x @ weights.T + bias, 0.0)
    for seconds in (0.05, 0.2):
        found = counted_rates(network, x, seconds, rest=1e-3) * charge / gain
        assert np.abs(found - exact).max() <= (1.0 / seconds) * charge / gain + 0.02


def test_with_noise_the_rate_is_that_of_siegert():
    """Against 4,000 cells that walk from empty to full, in steps of tau/2000."""
    sigma, flow = 3e-3, 95 * PICO
    rng, tau = np.random.default_rng(1), NERVE.capacitance / (NERVE.leak + NERVE.seal)
    step = tau / 2000
    v, time, passed = np.full(4000, NERVE.lower), 0.0, 0.0
    decay, kick = np.exp(-step / tau), sigma * np.sqrt(-np.expm1(-2 * step / tau))
    while v.size:
        v = flow / NERVE.leak + (v - flow / NERVE.leak) * decay + kick * rng.standard_normal(v.size)
        time += step
        beyond = v > NERVE.upper
        passed += time * beyond.sum()
        v = v[~beyond]
    emptied = NERVE.period(np.array(150 * PICO)) - 1.0 / replace(NERVE, emptying=1.0).rate(np.array(150 * PICO))
    np.testing.assert_allclose(1.0 / NERVE.noisy_rate(np.array(flow), sigma), passed / 4000 + emptied, rtol=0.03)
    assert NERVE.rate(np.array(flow)) == 0.0


def test_the_rate_with_noise_is_a_softplus_within_three_percent():
    """Of width, place and height fitted, from far below the threshold to twice its drive."""
    flows, sigma = np.linspace(40.0, 200.0, 33), 3e-3

    def softplus(x, height, place, width):
        return height * np.logaddexp(0.0, (x - place) / width)

    rates = NERVE.noisy_rate(flows * PICO, sigma)
    fitted, _ = curve_fit(softplus, flows, rates, p0=(10.0, 100.0, 20.0))
    off = np.abs(rates - softplus(flows, *fitted)).max() / rates.max()
    assert off < 0.03
    bare = np.abs(rates - NERVE.rate(flows * PICO)).max() / rates.max()
    assert bare > 3.0 * off


PARTS = {
    "diode": (Diodes(label="d", a=[1], b=[2], saturation=1e-12, slope=0.0258), ELECTRICAL, 1e-5, 1.0),
    "valve": (CheckValves(label="v", a=[1], b=[2], conductance=1e-9, cracking=20.0, leak=1e-14), HYDRAULIC, 1e-11, 1e3),
}


@pytest.mark.parametrize("name", PARTS)
def test_rectifiers_on_every_engine(name):
    part, domain, load, unit = PARTS[name]
    network = rectifier(part, domain, load)
    x = np.linspace(-1.0, 1.0, 9) * unit
    plan = by_hand.schedule(np.full(1 + x.size, 1e-3), drive=np.append(0.0, x))
    exact = closed_form(part, load, x)
    for engine in (Integrate(), Waveform(), Settle(), Ngspice(), Rumoca(points=2)):
        found = engine.run(network, plan).at_ends("out", np.arange(1, 1 + x.size))[:, 0]
        np.testing.assert_allclose(found, exact, atol=2e-6 * unit, err_msg=type(engine).__name__)
    assert np.abs(exact - np.maximum(x, 0.0)).max() < 0.45 * unit


def closed_form(part, load, x):
    """Return the effort at the load: for the diode by bisection on its current, for the valve from its two branches."""
    if isinstance(part, CheckValves):
        g, leak, crack = (float(each[0]) for each in (part.conductance, part.leak, part.cracking))
        opened = (g * (x - crack) + leak * x) / (g + leak + load)
        return np.where(x - leak * x / (leak + load) > crack, opened, leak * x / (leak + load))
    low, high = np.minimum(x, 0.0) - 1.0, np.maximum(x, 0.0) + 1.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        surplus = float(part.saturation[0]) * np.expm1((x - middle) / float(part.slope[0])) - load * middle
        low, high = np.where(surplus > 0.0, middle, low), np.where(surplus > 0.0, high, middle)
    return low


def test_wrong_cells_and_engines_are_refused_by_name():
    with pytest.raises(InvalidValueError, match="cell lower must be below upper"):
        replace(NERVE, lower=30e-3)
    with pytest.raises(InvalidValueError, match="cell capacitance must be"):
        NerveCell(capacitance=-1.0, leak=1.0, upper=1.0, lower=0.1, emptying=1.0, seal=1.0)
    with pytest.raises(InvalidShapeError, match="weights and bias must fit"):
        cells_of(NERVE, np.ones((2, 3)), np.ones(3), 1.0)
    with pytest.raises(UnsupportedError, match="engine must say when states switch"):
        counted_rates(one_cell(NERVE), np.array([150 * PICO]), 0.01, engine=Ngspice())


def test_noise_does_not_make_a_cell_fire_that_never_empties():
    """What fills it faster than the switch empties it keeps it between the thresholds, or above the upper one."""
    flows = np.array([1500.0, 2500.0, 5e4, 1e6]) * PICO
    noisy = NERVE.noisy_rate(flows, 1e-3)
    np.testing.assert_array_equal(noisy[1:], 0.0)
    np.testing.assert_allclose(noisy[0], NERVE.rate(flows[0]), rtol=1e-3)
    with pytest.raises(InvalidValueError, match=r"^sigma must be positive, got 0\.0"):
        NERVE.noisy_rate(flows, 0.0)
