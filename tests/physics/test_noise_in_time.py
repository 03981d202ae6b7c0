"""Noise along a run against closed forms, the fluctuation-dissipation theorem and ngspice's `.noise`."""

import subprocess

import numpy as np
import pytest
from noise_in_ngspice import at_rest, in_state, integrated, without_clock
from noisy_networks import noisy_ends, nonlinear_ends

import lstm_analog as la
from lstm_analog.engines import Integrate
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.engines.noise.propagation import propagate
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Followers,
    Inertances,
    Junctions,
    Pairs,
    Sources,
    Spools,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.shapes import Shape
from lstm_analog.network.trajectory import Save

KELVIN = 320.0
ENERGY = BOLTZMANN * KELVIN
OHM, FARAD = 1e4, 1e-10
"""1 us."""


def network(groups, parts, lines=()):
    unknowns = Unknowns(groups=tuple(Group(label=label, size=size, scale=1.0) for label, size in groups.items()))
    return Network(domain=ELECTRICAL, unknowns=unknowns, parts=parts, lines=lines, provenance=()).verify()


def schedule(durations, high=()):
    """Intervals of `durations` (s), `high` an array (intervals, lines) of the clock lines."""
    flags = np.asarray(high, dtype=bool) if len(high) else np.zeros((len(durations), 0), dtype=bool)
    names = tuple(f"part{k}" for k in range(len(durations)))
    return Schedule(names=names, high=flags, durations=durations, imposed=())


def along(made, driven, points=5):
    return LinearNoise(trajectory=Integrate(points=points).run(made, driven), temperature=KELVIN)


def covariances(linear, nodes):
    return np.array([noise.covariance for noise in linear.nodes(np.array(nodes))])


def rc():
    parts = (
        Conductors(label="r", a=[1], b=[0], conductance=1.0 / OHM),
        Storages(label="c", nodes=[1], capacitance=FARAD),
    )
    return network({"v": 1}, parts)


def test_a_resistor_charges_a_capacitor_to_the_energy_of_its_surroundings():
    """kT/C (1 - exp(-2t/RC))."""
    driven = schedule([1e-9, 0.1e-6, 0.3e-6, 2e-6, 50e-6])
    found = covariances(along(rc(), driven), [1])[:, 0, 0]
    np.testing.assert_allclose(found, ENERGY / FARAD * -np.expm1(-2e6 * driven.ends), rtol=1e-9)


def test_sample_paths_have_the_spectrum_of_a_resistor_and_a_capacitor():
    """Autocorrelation exp(-t/RC): by Wiener and Khintchine that is the spectrum; 40,000 paths, 0.5 % each."""
    linear = along(rc(), schedule([20e-6, *[0.25e-6] * 12]))
    paths = linear.paths(40_000, np.random.default_rng(0))["v"][:, 1:, 0]
    found = (paths[:, :1] * paths).mean(axis=0) * FARAD / ENERGY
    np.testing.assert_allclose(found, np.exp(-0.25 * np.arange(13)), atol=0.025)
    np.testing.assert_allclose(paths.var(axis=0) * FARAD / ENERGY, 1.0, atol=0.025)


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
        (
            Conductors(label="r", a=[1, 2, 4, 4], b=[2, 0, 3, 1], conductance=[1e-4, 3e-5, 2e-4, 1e-5]),
            Junctions(label="j", nodes=[4]),
            Storages(label="c", nodes=[1, 2, 3], capacitance=[1e-10, 3e-10, 2e-10]),
            Inertances(
                label="l", line=0, a=[3], b=[0], state=[5], inertance=2e-3, closed=1e-4, opened=1e-6, closing=1e-6
            ),
            Spools(label="s", p=[0], n=[0], position=[6], speed=[7], capacitance=1e-11, frequency=1e6, damping=0.4),
        ),
        lines=("valve",),
    )
    found = covariances(along(made, schedule([3e-4], [[True]])), range(1, 8))[-1]
    expected = ENERGY / np.array([1e-10, 3e-10, 2e-10, np.inf, 2e-3 * 1e-8, 1e-11, 1e-11])
    stored = [0, 1, 2, 4, 5, 6]
    np.testing.assert_allclose(found[np.ix_(stored, stored)], np.diag(expected[stored]), atol=1e-9 * ENERGY / 1e-11)
    shares = np.array([2e-4, 1e-5]) / 2.1e-4  # the junction follows the storages on both sides
    assert found[3, 3] == pytest.approx(shares**2 @ expected[[2, 0]], rel=1e-9)


def test_a_shut_valve_leaks_as_a_switch_that_is_open():
    """Shut for ever both have the noise of the leak."""
    charge = Storages(label="c", nodes=[1], capacitance=FARAD)
    line = Inertances(
        label="l", line=0, a=[1], b=[0], state=[2], inertance=1e-4, closed=1e-4, opened=1e-6, closing=1e-9
    )
    valve = network({"v": 1, "x": 1}, (charge, line), lines=("on",))
    switch = Switches(label="s", line=0, a=[1], b=[0], closed=1e-4, opened=1e-6)
    contact = network({"v": 1}, (charge, switch), lines=("on",))
    one, other = (covariances(along(made, schedule([30e-6], [[False]])), [1]) for made in (valve, contact))
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_an_unknown_without_capacity_has_a_density_and_no_variance():
    divider = network(
        {"in": 1, "mid": 1, "v": 1},
        (
            Sources(label="source", nodes=[1], effort=1.0),
            Conductors(label="r", a=[1, 2], b=[2, 0], conductance=1e-4),
            Junctions(label="j", nodes=[2]),
            Storages(label="c", nodes=[3], capacitance=FARAD),
            Conductors(label="far", a=[3], b=[0], conductance=1e-4),
        ),
    )
    (noise,) = along(divider, schedule([1e-5])).nodes(np.array([2]))
    assert noise.covariance.item() == 0.0
    assert noise.white.item() == pytest.approx(4 * ENERGY * 5e3)  # two of 10 kOhm side by side


# Switched capacitors

ON, OFF = [True, False], [False, False]


def test_each_opening_of_a_switch_leaves_kt_over_c_and_the_next_one_another():
    switch = Switches(label="s", line=0, a=[1], b=[0], closed=1.0 / OHM, opened=1e-19)
    made = network({"v": 1}, (switch, Storages(label="c", nodes=[1], capacitance=FARAD)), lines=("on",))
    high = [[True], [False]] * 4
    linear = along(made, schedule([20e-6, 5e-6] * 4, high))
    np.testing.assert_allclose(covariances(linear, [1])[:, 0, 0], ENERGY / FARAD, rtol=1e-6)
    paths = linear.paths(20_000, np.random.default_rng(1))["v"][:, 1:, 0]
    samples = paths[:, 1::2]
    np.testing.assert_allclose(np.corrcoef(samples.T), np.eye(4), atol=0.03)
    np.testing.assert_allclose(paths[:, 1::2], paths[:, ::2], atol=1e-3 * np.sqrt(ENERGY / FARAD))  # held


def test_charge_shared_by_two_capacitors_gains_noise_by_each_transfer():
    """With q = C1/(C1 + C2): v' = (1 - q)^2 v + q^2 kT/C1 + q kT/C2, from v = 0 on."""
    first, second = 1e-10, 3e-10
    made = network(
        {"v": 2},
        (
            Switches(label="sample", line=0, a=[1], b=[0], closed=1e-4, opened=1e-20),
            Switches(label="share", line=1, a=[1], b=[2], closed=1e-4, opened=1e-20),
            Storages(label="c", nodes=[1, 2], capacitance=[first, second]),
            Conductors(label="leak", a=[2], b=[0], conductance=1e-20),
        ),
        lines=("sample", "share"),
    )
    phases = [ON, OFF, [False, True], OFF] * 3
    found = covariances(along(made, schedule([30e-6, 1e-6] * 6, phases)), [2])[3::4, 0, 0]
    share, expected = first / (first + second), [0.0]
    for _ in range(3):
        sampled = share**2 * ENERGY / first + share * ENERGY / second
        expected.append((1.0 - share) ** 2 * expected[-1] + sampled)
    np.testing.assert_allclose(found, expected[1:], rtol=1e-6)


def test_correlated_double_sampling_takes_the_noise_of_the_reset_away():
    """Both samples have kT/C of the pixel and kT/C of their own: the difference has the second only, twice."""
    pixel, store = 1e-12, 4e-12
    made = network(
        {"pixel": 1, "follow": 1, "sample": 2},
        (
            Switches(label="reset", line=0, a=[1], b=[0], closed=1e-5, opened=1e-22),
            Followers(label="f", nodes=[2], terms=(Term(inputs=[1], gain=1.0),), offset=0.0, low=-np.inf, high=np.inf),
            Switches(label="first", line=1, a=[2], b=[3], closed=1e-5, opened=1e-22),
            Switches(label="second", line=2, a=[2], b=[4], closed=1e-5, opened=1e-22),
            Storages(label="c", nodes=[1, 3, 4], capacitance=[pixel, store, store]),
        ),
        lines=("reset", "first", "second"),
    )
    phases = np.zeros((6, 3), dtype=bool)
    phases[0, 0] = phases[2, 1] = phases[4, 2] = True
    phases[0, 1:] = True  # or the capacitors float where the run begins
    found = covariances(along(made, schedule([20e-6, 0.1e-6] * 3, phases)), [3, 4])[-1]
    np.testing.assert_allclose(np.diag(found), ENERGY / pixel + ENERGY / store, rtol=1e-6)
    assert found[0, 1] == pytest.approx(ENERGY / pixel, rel=1e-6)
    assert np.array([1.0, -1.0]) @ found @ [1.0, -1.0] == pytest.approx(2 * ENERGY / store, rel=1e-5)


# Pairs

VOLT = BOLTZMANN * KELVIN / CHARGE
TAIL = 1e-4


def loaded_pair(control):
    """Return a side of a pair into 10 kOhm and 10 pF, `control` volts at its input, and how long it takes."""
    tier = Factor(shape=Shape.SIGMOID, p=[1], n=[0], scale=1.0 / VOLT, offset=0.0)
    parts = (
        Sources(label="in", nodes=[1], effort=control),
        Pairs(label="pair", line=ALWAYS, factors=(tier,), out=[2], current=-TAIL),
        Conductors(label="load", a=[2], b=[0], conductance=1e-4),
        Storages(label="c", nodes=[2], capacitance=1e-11),
    )
    return network({"in": 1, "out": 1}, parts)


@pytest.mark.parametrize("control", [0.0, 0.03, -0.05])
def test_a_pair_on_a_load_has_its_shot_noise_and_that_of_the_load(control):
    """(2 q I s + 4 k T/R) R/(4 C)."""
    found = covariances(along(loaded_pair(control), schedule([3e-6])), [2])[-1, 0, 0]
    side = TAIL / (1.0 + np.exp(-control / VOLT))
    assert found == pytest.approx((2 * CHARGE * side + 4 * ENERGY / 1e4) * 1e4 / 4e-11, rel=1e-9)


TRANSISTORS = """a pair of transistors with a load, base currents left out
.model n npn is=1e-16 bf=1e15
vp p 0 {control} ac 1
q1 out p t n
q2 c2 0 t n
it t 0 0
qt t b m n
vm m 0 -3
vb b m {tail}
rl c out 10k
vc c 0 3
vc2 c2 0 3
cl out 0 10p
.options temp=46.85 tnom=46.85 gmin=1e-18 reltol=1e-9 abstol=1e-18
.control
op
print @qt[ic]
noise v(out) vp dec 200 1 1e13
print onoise_total
quit
.endc
.end
"""


@pytest.mark.parametrize("control", [0.0, 0.02])
def test_a_pair_of_transistors_in_ngspice_fluctuates_so(tmp_path, control):
    deck = tmp_path / "pair.cir"
    deck.write_text(TRANSISTORS.format(control=control, tail=0.75))
    done = subprocess.run(["ngspice", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    values = [float(line.split("=")[1]) for line in done.stdout.splitlines() if line.startswith(("@qt", "onoise"))]
    tail, simulated = values
    tier = Factor(shape=Shape.SIGMOID, p=[1], n=[0], scale=1.0 / VOLT, offset=0.0)
    parts = (
        Sources(label="in", nodes=[1], effort=control),
        Pairs(label="pair", line=ALWAYS, factors=(tier,), out=[2], current=-tail),
        Conductors(label="load", a=[2], b=[0], conductance=1e-4),
        Storages(label="c", nodes=[2], capacitance=1e-11),
    )
    found = covariances(along(network({"in": 1, "out": 1}, parts), schedule([3e-6])), [2])[-1, 0, 0]
    assert np.sqrt(found) == pytest.approx(simulated, rel=0.01)


# ngspice, clock state by clock state


def test_op_amps_on_the_bench_in_each_clock_state_in_ngspice(tmp_path):
    """Thermal noise of resistors, switches and op-amps' outputs, on every storage of a machine of one unit."""
    lstm = la.random_lstm(np.random.default_rng(0), inputs=1, hidden=1)
    machine = la.compile(lstm, la.electrical.OPAMP_BENCH)
    driven, made = machine.schedule(np.full((1, 1), 0.3)), machine.network
    nodes = np.sort(np.concatenate([part.nodes for part in made.parts if isinstance(part, Storages)]))
    for interval in (0, 1, 2, 4):  # reset, setup, compute, copy; hold and readout are as setup
        alone = in_state(driven, interval)
        fixed = without_clock(made, alone.phase(0))
        simulated = integrated(tmp_path, fixed, alone, nodes)
        np.testing.assert_allclose(at_rest(fixed, alone, nodes, shot=False), simulated, rtol=0.01)


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
    assert np.mean(spread[1:] ** 2 / expected[1:] ** 2) == pytest.approx(1.0, abs=0.05)


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
    form[4, 4], form[5, 5], form[4, 5], form[5, 4] = 1.0, 2.0, -0.5, -0.5
    whole = (covariances(linear, np.arange(6))[5] * form).sum()
    found = list(linear.origins(5, form))
    assert [number for number, _ in found] == [5, 4, 3, 2, 1, 0]
    shares = sum(share for _, share in found)
    assert shares.sum() == pytest.approx(whole, rel=1e-12)
    silent = [place for place, part in enumerate(bridge.network.parts) if isinstance(part, Sources | Storages)]
    assert not shares[silent].any()
    assert (shares[[2, 4, 6]] > 0).all()  # ports, contact, pump


def test_paths_keep_what_they_are_told_and_repeat():
    linear = along(rc(), schedule([1e-6, 2e-6]))
    one, other = (linear.paths(3, np.random.default_rng(5), Save(last=1)) for _ in range(2))
    assert one["v"].shape == (3, 1, 1)
    np.testing.assert_array_equal(one["v"], other["v"])
    assert one.engine.startswith("noise at 320 K along Integrate(")


def test_what_cannot_be_answered_is_refused():
    run = Integrate().run(rc(), schedule([1e-6]))
    with pytest.raises(InvalidShapeError, match="the trajectory must have 2 points an interval, got fewer"):
        LinearNoise(trajectory=run)
    less = Integrate(points=2, save=Save(last=1)).run(rc(), schedule([1e-6, 1e-6]))
    with pytest.raises(InvalidValueError, match="the trajectory must have kept everything, got less"):
        LinearNoise(trajectory=less)
    with pytest.raises(InvalidValueError, match="temperature must be positive, got 0"):
        LinearNoise(trajectory=Integrate(points=2).run(rc(), schedule([1e-6])), temperature=0.0)
    many = network(
        {"v": 601},
        (
            Conductors(label="r", a=np.arange(1, 602), b=np.zeros(601, dtype=int), conductance=1e-4),
            Storages(label="c", nodes=np.arange(1, 602), capacitance=1e-10),
        ),
    )
    with pytest.raises(UnsupportedError, match="the network must have at most 600 storages, got 601"):
        LinearNoise(trajectory=Integrate(points=2).run(many, schedule([1e-6])))
