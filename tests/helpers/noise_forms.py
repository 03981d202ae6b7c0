"""Small networks whose noise is known in closed form, at 320 K: each is returned with what theory says."""

import subprocess

import numpy as np
from by_hand import network, schedule

from lstm_analog.engines import Integrate
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.network.parts import (
    ALWAYS,
    Conductors,
    Factor,
    Followers,
    Pairs,
    Sources,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.shapes import Shape

KELVIN = 320.0
ENERGY = BOLTZMANN * KELVIN
VOLT = ENERGY / CHARGE
OHM, FARAD = 1e4, 1e-10
"""1 us."""
TAIL = 1e-4
ON, OFF = [True, False], [False, False]


def along(made, driven, points=5):
    return LinearNoise(trajectory=Integrate(points=points).run(made, driven), temperature=KELVIN)


def covariances(linear, nodes):
    return np.array([noise.covariance for noise in linear.nodes(np.array(nodes))])


def resistor_and_capacitor():
    resistor = Conductors(label="r", a=[1], b=[0], conductance=1.0 / OHM)
    return network({"v": 1}, resistor, Storages(label="c", nodes=[1], capacitance=FARAD))


def charging():
    """Return the variance at five moments and kT/C (1 - exp(-2t/RC))."""
    driven = schedule([1e-9, 0.1e-6, 0.3e-6, 2e-6, 50e-6])
    found = covariances(along(resistor_and_capacitor(), driven), [1])[:, 0, 0]
    return found, ENERGY / FARAD * -np.expm1(-2e6 * driven.ends)


def autocorrelation(paths):
    """Return the products of so many `paths` at rest, 0 to 3 RC apart, over kT/C, and exp(-t/RC)."""
    linear = along(resistor_and_capacitor(), schedule([20e-6, *[0.25e-6] * 12]))
    drawn = linear.paths(paths, np.random.default_rng(0))["v"][:, 1:, 0]
    return (drawn[:, :1] * drawn).mean(axis=0) * FARAD / ENERGY, np.exp(-0.25 * np.arange(13))


def sampler():
    """Return the noise of a capacitor whose switch opens four times; kT/C is what theory says."""
    switch = Switches(label="s", line=0, a=[1], b=[0], closed=1.0 / OHM, opened=1e-19)
    made = network({"v": 1}, switch, Storages(label="c", nodes=[1], capacitance=FARAD), lines=("on",))
    return along(made, schedule([20e-6, 5e-6] * 4, [[True], [False]] * 4))


def shared_charge():
    """Return the variance after each of three transfers from C1 to C2, and what theory says.

    With q = C1/(C1 + C2): v' = (1 - q)^2 v + q^2 kT/C1 + q kT/C2, from v = 0 on.
    """
    first, second = 1e-10, 3e-10
    made = network(
        {"v": 2},
        Switches(label="sample", line=0, a=[1], b=[0], closed=1e-4, opened=1e-20),
        Switches(label="share", line=1, a=[1], b=[2], closed=1e-4, opened=1e-20),
        Storages(label="c", nodes=[1, 2], capacitance=[first, second]),
        Conductors(label="leak", a=[2], b=[0], conductance=1e-20),
        lines=("sample", "share"),
    )
    phases = [ON, OFF, [False, True], OFF] * 3
    found = covariances(along(made, schedule([30e-6, 1e-6] * 6, phases)), [2])[3::4, 0, 0]
    share, expected = first / (first + second), [0.0]
    for _ in range(3):
        sampled = share**2 * ENERGY / first + share * ENERGY / second
        expected.append((1.0 - share) ** 2 * expected[-1] + sampled)
    return found, np.array(expected[1:])


def double_sampled():
    """Return the covariance of two samples of a pixel that was reset, and of what theory says.

    Both have kT/C of the pixel, the same, and kT/C of their own: their difference has the second only, twice.
    """
    pixel, store = 1e-12, 4e-12
    made = network(
        {"pixel": 1, "follow": 1, "sample": 2},
        Switches(label="reset", line=0, a=[1], b=[0], closed=1e-5, opened=1e-22),
        Followers(label="f", nodes=[2], terms=(Term(inputs=[1], gain=1.0),), offset=0.0, low=-np.inf, high=np.inf),
        Switches(label="first", line=1, a=[2], b=[3], closed=1e-5, opened=1e-22),
        Switches(label="second", line=2, a=[2], b=[4], closed=1e-5, opened=1e-22),
        Storages(label="c", nodes=[1, 3, 4], capacitance=[pixel, store, store]),
        lines=("reset", "first", "second"),
    )
    phases = np.zeros((6, 3), dtype=bool)
    phases[0, 0] = phases[2, 1] = phases[4, 2] = True
    phases[0, 1:] = True  # or the capacitors float where the run begins
    found = covariances(along(made, schedule([20e-6, 0.1e-6] * 3, phases)), [3, 4])[-1]
    return found, ENERGY / pixel + ENERGY / store * np.eye(2)


def pair(control, tail):
    """Return the variance at 10 kOhm and 10 pF behind a side of a pair, `control` volts at its input.

    And what theory says: (2 q I s + 4 k T/R) R/(4 C).
    """
    tier = Factor(shape=Shape.SIGMOID, p=[1], n=[0], scale=1.0 / VOLT, offset=0.0)
    parts = (
        Sources(label="in", nodes=[1], effort=control),
        Pairs(label="pair", line=ALWAYS, factors=(tier,), out=[2], current=-tail),
        Conductors(label="load", a=[2], b=[0], conductance=1e-4),
        Storages(label="c", nodes=[2], capacitance=1e-11),
    )
    found = covariances(along(network({"in": 1, "out": 1}, *parts), schedule([3e-6])), [2])[-1, 0, 0]
    side = tail / (1.0 + np.exp(-control / VOLT))
    return found, (2 * CHARGE * side + 4 * ENERGY / 1e4) * 1e4 / 4e-11


TRANSISTORS = """a pair of transistors with a load, base currents left out
.model n npn is=1e-16 bf=1e15
vp p 0 {control} ac 1
q1 out p t n
q2 c2 0 t n
qt t b m n
vm m 0 -3
vb b m 0.75
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


def pair_of_transistors(folder, control):
    """Return sigma behind a pair of transistors as ngspice integrates it in a `folder`, and that of the same `pair`."""
    deck = folder / "pair.cir"
    deck.write_text(TRANSISTORS.format(control=control))
    done = subprocess.run(["ngspice", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    tail, simulated = (
        float(line.split("=")[1]) for line in done.stdout.splitlines() if line.startswith(("@qt", "onoise"))
    )
    return simulated, np.sqrt(pair(control, tail)[0])
