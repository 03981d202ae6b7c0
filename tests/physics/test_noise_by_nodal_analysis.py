"""Noise along a trajectory against calculations that share no code with it: nodal analysis, the Lyapunov equation."""

from functools import cache, reduce

import numpy as np
import pytest
from by_hand import network, schedule
from scipy.linalg import expm

from lstm_analog.engines import Integrate
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.engines.noise.devices import Device, _noise
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Junctions,
    Pairs,
    Ports,
    Sources,
    Storages,
    Switches,
)
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.shapes import Shape

KELVIN = 310.0
ENERGY = BOLTZMANN * KELVIN
DURATIONS = np.array([2e-7, 5e-8, 1e-6, 3e-7])
CLOSED, OPENED = 1e-4, 1e-9


def random_conductances(seed: int):
    """Return capacities, the number of junctions, and conductances between all of them and ground, a switch last."""
    rng = np.random.default_rng(seed)
    capacities, junctions = 10.0 ** rng.uniform(-12, -10, rng.integers(2, 5)), int(rng.integers(1, 4))
    size = capacities.size + junctions
    ends = [(a, b) for a in range(1, size + 1) for b in range(a) if b == 0 or rng.uniform() < 0.7]
    return capacities, junctions, np.array([*ends, (1, size)]), 10.0 ** rng.uniform(-6, -4, len(ends))


def linear_noise(capacities, junctions, ends, conductance):
    storages = capacities.size
    (a, b), last = ends[:-1].T, ends[-1:].T
    made = network(
        {"v": storages, "j": junctions},
        Conductors(label="g", a=a, b=b, conductance=conductance),
        Storages(label="c", nodes=np.arange(1, storages + 1), capacitance=capacities),
        Junctions(label="sum", nodes=storages + 1 + np.arange(junctions)),
        Switches(label="s", line=0, a=last[0], b=last[1], closed=CLOSED, opened=OPENED),
        lines=("k",),
    )
    driven = schedule(DURATIONS, [[False], [True], [False], [True]])
    return LinearNoise(trajectory=Integrate(points=3).run(made, driven), temperature=KELVIN)


def propagated(rates, intensity, duration, covariance):
    """Return the transition matrix and the covariance after `duration`, by Van Loan's exponential of a block matrix."""
    steps = int(np.ceil(np.abs(rates).sum(axis=1).max() * duration))
    size = len(rates)
    block = np.block([[-rates, intensity], [np.zeros_like(rates), rates.T]]) * (duration / steps)
    whole = expm(block)
    once = whole[size:, size:].T
    for _ in range(steps):
        covariance = once @ covariance @ once.T + once @ whole[:size, size:]
    return np.linalg.matrix_power(once, steps), covariance


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_have_the_noise_of_their_nodal_analysis(seed):
    """Storages, junctions that follow them, the density of the white noise on these, and shares that add up."""
    capacities, junctions, ends, conductance = random_conductances(seed)
    linear, n, size = (
        linear_noise(capacities, junctions, ends, conductance),
        capacities.size,
        capacities.size + junctions,
    )
    incidence = np.zeros((size + 1, len(ends)))
    for column, (a, b) in enumerate(ends):
        incidence[a, column], incidence[b, column] = 1.0, -1.0
    incidence = incidence[1:]
    form = np.random.default_rng(seed).normal(size=(size + 1, size + 1))
    covariance = np.zeros((n, n))
    for number, found in enumerate(linear.nodes(np.arange(1, size + 1))):
        values = np.append(conductance, CLOSED if number % 2 else OPENED)
        nodal = incidence @ np.diag(values) @ incidence.T
        follow = -np.linalg.solve(nodal[n:, n:], nodal[n:, :n])
        read = np.vstack((np.eye(n), follow))
        rates = -(nodal[:n, :n] + nodal[:n, n:] @ follow) / capacities[:, None]
        entering = read.T @ incidence / capacities[:, None]
        intensity = entering @ np.diag(2.0 * ENERGY * values) @ entering.T
        transition, covariance = propagated(rates, intensity, DURATIONS[number], covariance)
        expected = read @ covariance @ read.T
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-9, atol=1e-12 * expected.max())
        np.testing.assert_allclose(linear.propagation(number)[0][0], transition, rtol=1e-9, atol=1e-12)
        solved = np.linalg.solve(nodal[n:, n:], incidence[n:])
        white = np.zeros((size, size))
        white[n:, n:] = solved @ np.diag(4.0 * ENERGY * values) @ solved.T
        np.testing.assert_allclose(found.white, white, rtol=1e-9, atol=1e-12 * white.max())
        shares = sum(share.sum() for _, share in linear.origins(number, form))
        assert shares == pytest.approx((form[1:, 1:] * expected).sum(), rel=1e-8, abs=0.0)


# A storage that charges opens the port through which another one drains: rates and noise change by the factor 20.

SUPPLY, G1, C1, G2, C2, G0, STEEP, LENGTH = 1.5, 1e-6, 1e-12, 2e-7, 3e-12, 2e-7, 2.0, 3e-6


@cache
def opening_port(points: int, pieces: int):
    """Return the noise of the network in one interval of `LENGTH`, or in so many `pieces` of it, after a silent one."""
    made = network(
        {"x": 1, "on": 1, "v": 2},
        Sources(label="x", nodes=[1], effort=0.0),
        Sources(label="on", nodes=[2], effort=SUPPLY),
        Conductors(label="g", a=[1, 2], b=[3, 4], conductance=[G1, G2]),
        Ports(
            label="port",
            line=ALWAYS,
            shape=Shape.EXP,
            **{name: np.array([node]) for name, node in {"a": 4, "b": 0, "p": 3, "n": 0}.items()},
            conductance=G0,
            scale=STEEP,
            offset=0.0,
        ),
        Storages(label="c", nodes=[3, 4], capacitance=[C1, C2]),
    )
    lengths = [1e-12, *[LENGTH / pieces] * pieces]
    driven = schedule(lengths, None, x=[0.0, *[SUPPLY] * pieces])
    engine = Integrate(points=points, rtol=1e-9, atol=1e-12)
    return LinearNoise(trajectory=engine.run(made, driven), temperature=KELVIN)


def by_steps(count: int):
    """Return the covariance after `LENGTH` and d end / d start, by the classical Runge-Kutta method: numpy alone."""

    def slope(state):
        (one, other), transition, covariance = state
        opened = G0 * np.exp(STEEP * one)
        rates = np.array([[-G1 / C1, 0.0], [-STEEP * opened * other / C2, -(opened + G2) / C2]])
        noise = 2.0 * ENERGY * np.diag([G1 / C1**2, (opened + G2) / C2**2])
        moved = np.array([G1 * (SUPPLY - one) / C1, (G2 * (SUPPLY - other) - opened * other) / C2])
        return moved, rates @ transition, rates @ covariance + covariance @ rates.T + noise

    def along(state, slopes, length):
        return tuple(value + length * each for value, each in zip(state, slopes, strict=True))

    state, step = (np.array([0.0, G2 * SUPPLY / (G2 + G0)]), np.eye(2), np.zeros((2, 2))), LENGTH / count
    for _ in range(count):
        k1 = slope(state)
        k2 = slope(along(state, k1, step / 2))
        k3 = slope(along(state, k2, step / 2))
        k4 = slope(along(state, k3, step))
        mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
        state = along(state, mean, step)
    return state[1], state[2]


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_port_that_opens_has_the_noise_of_the_equation_solved_in_small_steps(pieces):
    linear = opening_port(129, pieces)
    transition, covariance = by_steps(600)
    *_, found = linear.nodes(np.array([3, 4]))
    sizes = np.sqrt(np.outer(*[np.diagonal(covariance)] * 2))
    assert np.abs((found.covariance - covariance) / sizes).max() < 2.5e-3
    through = reduce(np.matmul, (linear.propagation(number)[0][0] for number in range(pieces, 0, -1)))
    np.testing.assert_allclose(through, transition, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("pieces", [1, 3])
def test_what_settles_at_once_has_the_noise_of_the_network_as_it_is_at_the_end(pieces):
    """A storage charges slowly and steers a pair into a load of 0.1 us: 2 q I of the side, at any moment.

    A fixed point of dP/dt = A P + P A' + B, so P = B/(2 A), while B changes in each piece by some percent.
    """
    side = Factor(shape=Shape.SIGMOID, p=[2], n=[0], scale=3.0, offset=-1.0)
    made = network(
        {"x": 1, "slow": 1, "out": 1},
        Sources(label="x", nodes=[1], effort=1.0),
        Conductors(label="g", a=[1, 3], b=[2, 0], conductance=[1e-9, 1e-4]),
        Storages(label="c", nodes=[2, 3], capacitance=[1e-9, 1e-11]),
        Pairs(label="pair", line=ALWAYS, factors=(side,), out=[3], current=-1e-4),
    )
    run = Integrate(points=17).run(made, schedule([1e-3, *[0.5 / pieces] * pieces], x=[0.0, *[1.0] * pieces]))
    found = [each.covariance.item() for each in LinearNoise(trajectory=run, temperature=KELVIN).nodes(np.array([3]))]
    current = 1e-4 / (1.0 + np.exp(1.0 - 3.0 * run.at_ends("slow", np.arange(1 + pieces))[:, 0]))
    expected = (2.0 * CHARGE * current + 4.0 * ENERGY * 1e-4) * 1e4 / (4.0 * 1e-11)
    assert np.ptp(expected) > 0.4 * expected.max()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_paths_remember_as_the_transition_says():
    """The port reads the storage that charges, and nothing reads the other way: the memory is not symmetric."""
    linear, count = opening_port(129, 3), 4000
    drawn = linear.paths(count, np.random.default_rng(0)).efforts[:, 2:, 3:]
    drawn = drawn - drawn.mean(axis=0)
    before = list(linear.nodes(np.array([3, 4])))[1].covariance
    expected = linear.propagation(2)[0][0] @ before
    found = drawn[:, 1].T @ drawn[:, 0] / count
    sizes = np.sqrt(np.outer(drawn[:, 1].var(axis=0), drawn[:, 0].var(axis=0)))
    assert np.abs((found - expected) / sizes).max() < 5.0 / np.sqrt(count)
    assert np.abs((found - expected.T) / sizes).max() > 0.2


def test_origins_add_up_where_rates_change():
    linear, form = opening_port(129, 1), np.zeros((5, 5))
    form[3:, 3:] = [[0.3, -0.7], [0.1, 1.0]]
    *_, found = linear.nodes(np.array([3, 4]))
    shares = sum(share for _, share in linear.origins(1, form))
    assert shares.sum() == pytest.approx((form[3:, 3:] * found.covariance).sum(), rel=1e-11, abs=0.0)
    assert shares[3] == pytest.approx(shares.sum(), rel=0.9, abs=0.0)
    assert shares[3] > 0.1 * shares.sum()


def test_a_bipolar_transistor_has_shot_noise_and_that_of_its_base_resistance():
    device = Device(name="q.x1.q1", nodes=("c", "b", "e"))
    found = {"@q.x1.q1[ic]": -2e-6, "@q.x1.q1[gm]": 7e-5, "@q.x1.q1[gx]": 1.0 / 150.0}
    expected = 2.0 * CHARGE * 2e-6 + 4.0 * ENERGY * 7e-5**2 * 150.0
    assert _noise(device, found, 4.0 * ENERGY) == (pytest.approx(expected, rel=1e-12, abs=0.0), 0.0)
    assert _noise(device, found | {"@q.x1.q1[gx]": 0.0}, 4.0 * ENERGY)[0] == pytest.approx(
        2.0 * CHARGE * 2e-6, rel=1e-9, abs=0.0
    )
