"""Noise along a run against closed forms, the fluctuation-dissipation theorem and ngspice's `.noise`."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import network, schedule
from noise_forms import (
    ENERGY,
    FARAD,
    KELVIN,
    TAIL,
    along,
    autocorrelation,
    charging,
    covariances,
    double_sampled,
    pair,
    pair_of_transistors,
    resistor_and_capacitor,
    sampler,
    shared_charge,
)
from noise_in_ngspice import at_rest, integrated, without_clock
from noisy_networks import noisy_ends, nonlinear_ends

import lstm_analog as la
from lstm_analog.engines import Integrate
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.engines.noise.pieces import propagate
from lstm_analog.engines.noise.spectra import alone
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.network.parts import Conductors, Inertances, Junctions, Sources, Spools, Storages, Switches
from lstm_analog.network.trajectory import Save
from lstm_analog.network.varying import VaryingParameters


def test_a_resistor_charges_a_capacitor_to_the_energy_of_its_surroundings():
    found, law = charging()
    np.testing.assert_allclose(found, law, rtol=1e-9)


def test_sample_paths_have_the_spectrum_of_a_resistor_and_a_capacitor():
    """Autocorrelation exp(-t/RC): by Wiener and Khintchine that is the spectrum; 40,000 paths, 0.5 % each."""
    found, law = autocorrelation(40_000)
    np.testing.assert_allclose(found, law, atol=0.025)


def test_stiff_modes_and_modes_that_do_not_decay_propagate_together():
    """Rates 1e12 and 1e-3 per second over 1 us: B/(2a) of the fast one, B t of the slow one."""
    rates = np.diag([-1e12, -1e-3, 0.0])
    transition, added = propagate(rates, np.diag([2.0, 3.0, 5.0]), 1e-6)
    np.testing.assert_allclose(np.diag(added), [1e-12, 3e-6 * (1 - 1e-9), 5e-6], rtol=1e-9)
    np.testing.assert_allclose(np.diag(transition), [0.0, 1.0 - 1e-9, 1.0], rtol=1e-15)


def test_passive_networks_at_rest_have_half_kt_in_each_storage():
    """Equipartition: kT/C whatever resistors lie between, also behind a junction; an inertance has L G^2, a spool C."""
    made = network(
        {"v": 3, "mid": 1, "x": 1, "position": 1, "speed": 1},
        Conductors(label="r", a=[1, 2, 4, 4], b=[2, 0, 3, 1], conductance=[1e-4, 3e-5, 2e-4, 1e-5]),
        Junctions(label="j", nodes=[4]),
        Storages(label="c", nodes=[1, 2, 3], capacitance=[1e-10, 3e-10, 2e-10]),
        Inertances(label="l", line=0, a=[3], b=[0], state=[5], inertance=2e-3, closed=1e-4, opened=1e-6, closing=1e-6),
        Spools(label="s", p=[0], n=[0], position=[6], speed=[7], capacitance=1e-11, frequency=1e6, damping=0.4),
        lines=("valve",),
    )
    found = covariances(along(made, schedule([3e-4], [[True]])), range(1, 8))[-1]
    expected = ENERGY / np.array([1e-10, 3e-10, 2e-10, np.inf, 2e-3 * 1e-8, 1e-11, 1e-11])
    stored = [0, 1, 2, 4, 5, 6]
    np.testing.assert_allclose(found[np.ix_(stored, stored)], np.diag(expected[stored]), atol=1e-9 * ENERGY / 1e-11)
    shares = np.array([2e-4, 1e-5]) / 2.1e-4  # the junction follows the storages on both sides
    assert found[3, 3] == pytest.approx(shares**2 @ expected[[2, 0]], rel=1e-9, abs=0.0)


def test_a_shut_valve_leaks_as_a_switch_that_is_open():
    """Shut for ever both have the noise of the leak."""
    charge = Storages(label="c", nodes=[1], capacitance=FARAD)
    line = Inertances(
        label="l", line=0, a=[1], b=[0], state=[2], inertance=1e-4, closed=1e-4, opened=1e-6, closing=1e-9
    )
    valve = network({"v": 1, "x": 1}, charge, line, lines=("on",))
    switch = Switches(label="s", line=0, a=[1], b=[0], closed=1e-4, opened=1e-6)
    contact = network({"v": 1}, charge, switch, lines=("on",))
    one, other = (covariances(along(made, schedule([30e-6], [[False]])), [1]) for made in (valve, contact))
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_an_unknown_without_capacity_has_a_density_and_no_variance():
    divider = network(
        {"in": 1, "mid": 1, "v": 1},
        Sources(label="source", nodes=[1], effort=1.0),
        Conductors(label="r", a=[1, 2], b=[2, 0], conductance=1e-4),
        Junctions(label="j", nodes=[2]),
        Storages(label="c", nodes=[3], capacitance=FARAD),
        Conductors(label="far", a=[3], b=[0], conductance=1e-4),
    )
    (noise,) = along(divider, schedule([1e-5])).nodes(np.array([2]))
    assert noise.covariance.item() == 0.0
    assert noise.white.item() == pytest.approx(4 * ENERGY * 5e3, rel=1e-9, abs=0.0)  # two of 10 kOhm side by side


# Switched capacitors and pairs


def test_each_opening_of_a_switch_leaves_kt_over_c_and_the_next_one_another():
    linear = sampler()
    np.testing.assert_allclose(covariances(linear, [1])[:, 0, 0], ENERGY / FARAD, rtol=1e-6)
    paths = linear.paths(20_000, np.random.default_rng(1))["v"][:, 1:, 0]
    np.testing.assert_allclose(np.corrcoef(paths[:, 1::2].T), np.eye(4), atol=0.03)
    np.testing.assert_allclose(paths[:, 1::2], paths[:, ::2], atol=1e-3 * np.sqrt(ENERGY / FARAD))  # held


def test_charge_shared_by_two_capacitors_gains_noise_by_each_transfer():
    found, law = shared_charge()
    np.testing.assert_allclose(found, law, rtol=1e-6)


def test_correlated_double_sampling_takes_the_noise_of_the_reset_away():
    found, law = double_sampled()
    np.testing.assert_allclose(found, law, rtol=1e-6)
    difference = np.array([1.0, -1.0])
    assert difference @ found @ difference == pytest.approx(difference @ law @ difference, rel=1e-5, abs=0.0)
    assert difference @ found @ difference == pytest.approx(0.4 * found[0, 0], rel=1e-9, abs=0.0)


@pytest.mark.parametrize("control", [0.0, 0.03, -0.05])
def test_a_pair_on_a_load_has_its_shot_noise_and_that_of_the_load(control):
    found, law = pair(control, TAIL)
    assert found == pytest.approx(law, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("control", [0.0, 0.02])
def test_a_pair_of_transistors_in_ngspice_fluctuates_so(tmp_path, control):
    simulated, found = pair_of_transistors(tmp_path, control)
    assert found == pytest.approx(simulated, rel=0.01)


# ngspice, clock state by clock state


def test_op_amps_on_the_bench_in_each_clock_state_in_ngspice(tmp_path):
    """Thermal noise of resistors, switches and op-amps' outputs, on every storage of a machine of one unit."""
    lstm = la.random_lstm(np.random.default_rng(0), inputs=1, hidden=1)
    machine = la.compile(lstm, la.electrical.OPAMP_BENCH)
    driven, made = machine.schedule(np.full((1, 1), 0.3)), machine.network
    nodes = np.sort(np.concatenate([part.nodes for part in made.parts if isinstance(part, Storages)]))
    for interval in (0, 1, 2, 4):  # reset, setup, compute, copy; hold and readout are as setup
        state = alone(driven, interval)
        fixed = without_clock(made, state.phase(0))
        simulated = integrated(tmp_path, fixed, state, nodes)
        np.testing.assert_allclose(at_rest(fixed, state, nodes, shot=False), simulated, rtol=0.01)


# Paths of the nonlinear network


def test_noise_imposed_from_outside_makes_the_same_of_a_network(bridge):
    """Ports, pairs, switches, all kinds of interval: no part of `engines.noise` but where flows enter."""
    linear = LinearNoise(trajectory=Integrate(points=33).run(bridge.network, bridge.schedule), temperature=KELVIN)
    pieces = [40, 30, 1, 40, 1, 50, 1]
    nominal, found = noisy_ends(
        bridge.network, bridge.schedule, Integrate(rtol=1e-8, atol=1e-11), pieces=pieces, paths=1000,
        rng=np.random.default_rng(3), factor=30.0, temperature=KELVIN,
    )  # fmt: skip
    np.testing.assert_allclose(nominal, linear.trajectory.sample(bridge.schedule.ends, np.arange(6)), atol=1e-7)
    spread = found[..., 4:6].std(axis=0) / 30.0
    expected = np.sqrt(np.diagonal(covariances(linear, [4, 5]), axis1=-2, axis2=-1))
    np.testing.assert_allclose(spread[1:], expected[1:], rtol=0.08)  # 1,000 paths: 2.2 %; the first interval floats
    assert np.mean(spread[1:] ** 2 / expected[1:] ** 2) == pytest.approx(1.0, rel=1e-9, abs=0.05)


def test_linear_paths_are_those_of_the_nonlinear_network_while_noise_is_small(unpaused):
    """A diode e^(4 v): with 0.2 V of noise, 30,000 times what there is, the linear law is off by some percent."""
    linear = LinearNoise(trajectory=Integrate(points=33).run(unpaused.network, unpaused.schedule), temperature=KELVIN)
    small, large = (
        nonlinear_ends(linear, paths=400, rng=np.random.default_rng(4), factor=factor)[..., 4:6]
        for factor in (1.0, 3e4)
    )
    expected = np.sqrt(np.diagonal(covariances(linear, [4, 5]), axis1=-2, axis2=-1))
    np.testing.assert_allclose(small.std(axis=0), expected, rtol=0.12)
    assert np.abs(large.std(axis=0) / 3e4 / small.std(axis=0) - 1.0).max() > 0.02


# Origins, batches, refusals


def test_origins_add_up_to_the_variance(bridge):
    linear = LinearNoise(trajectory=Integrate(points=9).run(bridge.network, bridge.schedule), temperature=KELVIN)
    form = np.zeros((6, 6))
    form[4, 4], form[5, 5], form[4, 5], form[5, 4] = 1.0, 2.0, -0.9, -0.1
    whole = (covariances(linear, np.arange(6))[5] * form).sum()
    found = list(linear.origins(5, form))
    assert [number for number, _ in found] == [5, 4, 3, 2, 1, 0]
    shares = sum(share for _, share in found)
    assert shares.sum() == pytest.approx(whole, rel=1e-12, abs=0.0)
    silent = [place for place, part in enumerate(bridge.network.parts) if isinstance(part, Sources | Storages)]
    assert not shares[silent].any()
    assert (shares[[2, 4, 6]] > 0).all()  # ports, contact, pump


def test_paths_keep_what_they_are_told_and_repeat():
    linear = along(resistor_and_capacitor(), schedule([1e-6, 2e-6]))
    one, other = (linear.paths(3, np.random.default_rng(5), Save(last=1)) for _ in range(2))
    assert one["v"].shape == (3, 1, 1)
    np.testing.assert_array_equal(one["v"], other["v"])
    assert one.engine.startswith("noise at 320 K along Integrate(")


def test_what_cannot_be_answered_is_refused():
    run = Integrate().run(resistor_and_capacitor(), schedule([1e-6]))
    with pytest.raises(InvalidShapeError, match="the trajectory must have 2 points an interval, got fewer"):
        LinearNoise(trajectory=run)
    less = Integrate(points=2, save=Save(last=1)).run(resistor_and_capacitor(), schedule([1e-6, 1e-6]))
    with pytest.raises(InvalidValueError, match="the trajectory must have kept everything, got less"):
        LinearNoise(trajectory=less)
    with pytest.raises(InvalidValueError, match="temperature must be positive, got 0"):
        LinearNoise(trajectory=Integrate(points=2).run(resistor_and_capacitor(), schedule([1e-6])), temperature=0.0)
    many = network(
        {"v": 601},
        Conductors(label="r", a=np.arange(1, 602), b=np.zeros(601, dtype=int), conductance=1e-4),
        Storages(label="c", nodes=np.arange(1, 602), capacitance=1e-10),
    )
    with pytest.raises(UnsupportedError, match="the network must have at most 600 storages, got 601"):
        LinearNoise(trajectory=Integrate(points=2).run(many, schedule([1e-6])))


def test_noise_is_that_of_the_parameters_of_each_interval():
    """Where they change from step to step, each interval propagates as in a network that has its parameters always."""

    def drifted(load):
        leak = Conductors(label="leak", a=[2], b=[0], conductance=load)
        return network({"drive": 1, "c": 1}, Sources(label="drive", nodes=[1], effort=0.0), *tied(), leak)

    def tied():
        yield Conductors(label="r", a=[1], b=[2], conductance=1e-4)
        yield Storages(label="c", nodes=[2], capacitance=FARAD)

    varying = VaryingParameters(first=[0, 1], draw=lambda: iter((drifted(1e-4), drifted(3e-4))))
    steady = schedule([1e-6, 1e-6], drive=[0.0, 1.0])
    run = Integrate(points=17).run(drifted(1e-4), replace(steady, varying=varying))
    found = [LinearNoise(trajectory=run).propagation(number) for number in (0, 1, 0)]
    for number, load in enumerate((1e-4, 3e-4, 1e-4)):
        always = replace(run, network=drifted(load), schedule=steady)
        np.testing.assert_array_equal(found[number], LinearNoise(trajectory=always).propagation(number % 2))
