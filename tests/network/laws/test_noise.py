"""Densities of noise against closed forms, and against ngspice's `.noise` of resistors and transistors."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidValueError, UnsupportedPartError
from lstm_analog.network.laws import flow, noise
from lstm_analog.network.parts import (
    ALWAYS,
    Cells,
    Conductors,
    Crossbars,
    Factor,
    OpAmps,
    Pairs,
    Ports,
    Storages,
    Switches,
)
from lstm_analog.network.quantities import BOLTZMANN, CHARGE
from lstm_analog.network.shapes import TWO_SIDED, Shape

KELVIN = 300.15
VOLT = BOLTZMANN * KELVIN / CHARGE
DECK = """two pairs on a tail, all of transistors without base currents
.model n npn is=1e-16 bf=1e15
vp1 p1 0 dc {first} ac 1
vp2 p2 0 {second}
vc1 c1 0 3
vc2 c2 0 3
vc3 c3 0 3
q1 c1 p2 e1 n
q2 c2 x e1 n
vx x 0 0
q3 e1 p1 t n
q4 c3 y t n
vy y 0 -1
qt t b m n
vm m 0 -3
vb b m 0.6
h1 out mid vc1 1
h2 mid 0 vc2 {other}
r1 z 0 2k
.options gmin=1e-18 reltol=1e-9 abstol=1e-18
.control
op
print @qt[ic]
noise v(out) vp1 lin 1 1k 1k
print onoise_spectrum
noise v(z) vp1 lin 1 1k 1k
print onoise_spectrum
quit
.endc
.end
"""


def simulated(tmp_path, first, second, other):
    """Return the tail current, the density of its two-tier stack at the upper pair, and that of 2 kOhm (V2/Hz)."""
    deck = tmp_path / "noise.cir"
    deck.write_text(DECK.format(first=first - 1.0, second=second, other=other))
    done = subprocess.run(["ngspice", "-b", deck], capture_output=True, text=True, timeout=60, check=False)
    lines = [line.split("=")[1] for line in done.stdout.splitlines() if " = " in line and line.startswith(("@", "on"))]
    current, upper, resistor = map(float, lines)
    return current, upper**2, resistor**2


def stack(current, upper):
    """Return a pair of the shape `upper` upon one side of another, controls in volts at the nodes 1 and 2."""
    tiers = [
        Factor(shape=shape, p=[node], n=[0], scale=(0.5 if shape is Shape.TANH else 1.0) / VOLT, offset=0.0)
        for node, shape in ((1, Shape.SIGMOID), (2, upper))
    ]
    return Pairs(label="stack", line=ALWAYS, factors=tuple(tiers), out=[3], current=[current])


@pytest.mark.parametrize(("upper", "other"), [(Shape.SIGMOID, 0.0), (Shape.TANH, -1.0)])
@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (0.03, -0.05), (-0.06, 0.02)])
def test_stacks_of_transistors_in_ngspice_fluctuate_so(tmp_path, upper, other, first, second):
    current, density, _ = simulated(tmp_path, first, second, other)
    (found,) = noise(stack(current, upper), np.array([0.0, first, second, 0.0]), (), KELVIN)
    np.testing.assert_allclose(found.density, density, rtol=2e-5)  # ngspice prints seven digits
    assert found.heads.tolist() == [3]


def test_resistors_in_ngspice_fluctuate_so(tmp_path):
    (found,) = noise(Conductors(label="r", a=[1], b=[2], conductance=1.0 / 2e3), np.zeros(3), (), KELVIN)
    np.testing.assert_allclose(found.density * 2e3**2, simulated(tmp_path, 0.0, 0.0, 0.0)[2], rtol=1e-6)
    assert (found.tails.tolist(), found.heads.tolist()) == ([1], [2])


def test_a_charge_held_on_a_capacitor_has_the_energy_of_its_surroundings():
    """The integral of S/(G^2 + (2 pi f C)^2) over all f is kT/C."""
    farad = 1e-12
    for high, siemens in (((True,), 1e-3), ((False,), 1e-9)):
        switch = Switches(label="s", line=0, a=[1], b=[0], closed=1e-3, opened=1e-9)
        (found,) = noise(switch, np.zeros(2), high, KELVIN)
        f = np.tan(np.linspace(0, np.pi / 2, 2001)[:-1]) * siemens / (2 * np.pi * farad)
        variance = np.trapezoid(found.density / (siemens**2 + (2 * np.pi * f * farad) ** 2), f)
        assert variance == pytest.approx(BOLTZMANN * KELVIN / farad, rel=1e-3)


def test_all_kinds_answer_at_chips_and_batches(sampler):
    effort = np.random.default_rng(0).uniform(-1, 1, (4, 2, 14)) * (np.arange(14) > 0)
    for part in sampler(0, (4, 1)).all():
        for each in noise(part, effort, (True,)):
            assert each.tails.shape == each.heads.shape == (3,)
            assert each.density.shape[-1] == 3
            assert np.broadcast_shapes(each.density.shape, (4, 2, 3)) == (4, 2, 3)
            assert (each.density >= 0).all()
    assert not noise(Storages(label="c", nodes=[1], capacitance=1.0), effort, (True,))


def test_pairs_that_are_off_are_silent_and_one_side_is_never_louder_than_both(sampler):
    effort = np.random.default_rng(1).uniform(-1, 1, (5, 14))
    for shape in Shape:
        part = sampler(0).pairs((shape,), line=0)
        (on,), (off,) = (noise(part, effort, (high,)) for high in (True, False))
        whole = 2 * CHARGE * np.abs(part.current)
        carried = whole if shape in TWO_SIDED else 2 * CHARGE * np.abs(flow(part, effort, (True,))[..., 0, :])
        np.testing.assert_allclose(on.density, np.broadcast_to(carried, on.density.shape))
        assert not off.density.any()


def test_a_manifold_hears_all_its_tubes():
    bars = Crossbars(
        label="w", inputs=[1, 2], plus=[3], minus=[4], positive=[[1.0, 2.0]], negative=[[0.0, 4.0]],
        plus_load=3.0, minus_load=0.5,
    )  # fmt: skip
    density = [each.density.item() for each in noise(bars, np.zeros(5), (), KELVIN)]
    assert density == pytest.approx([4 * BOLTZMANN * KELVIN * 6.0, 4 * BOLTZMANN * KELVIN * 4.5], rel=1e-9, abs=0.0)


def test_an_op_amp_has_the_noise_of_its_pair_at_its_input_and_of_its_output_resistance():
    """4.5 uA and 1/(5.7 kOhm): sqrt(2 q I)/gm = 6.8 nV/sqrt(Hz); 75 Ohm: sqrt(4 k T R) = 1.1 nV/sqrt(Hz)."""
    names = ("capacitance", "swing", "clamp", "clamp_conductance")
    numbers = {"transconductance": 1 / 5.7e3, "current_limit": 4.5e-6, "output_conductance": 1 / 75.0}
    amplifier = OpAmps(
        label="u", plus=[1], minus=[2], out=[3], state=[4], conductance=1e-30, offset=0.0,
        **numbers, **dict.fromkeys(names, 1.0),
    )  # fmt: skip
    stage, output = noise(amplifier, np.zeros(5), (), KELVIN)
    assert (stage.heads.item(), output.heads.item()) == (4, 3)
    assert np.sqrt(stage.density.item()) * 5.7e3 == pytest.approx(
        np.sqrt(2 * 1.602176634e-19 * 4.5e-6) * 5.7e3, rel=1e-9, abs=0.0
    )
    assert np.sqrt(output.density.item()) * 75.0 == pytest.approx(
        np.sqrt(4 * 1.380649e-23 * 300.15 * 75.0), rel=1e-9, abs=0.0
    )
    leaking = replace(amplifier, conductance=1e-3)
    more = noise(leaking, np.zeros(5), (), KELVIN)[0].density - stage.density
    assert more.item() == pytest.approx(4 * 1.380649e-23 * 300.15 * 1e-3, rel=1e-9, abs=0.0)


def test_a_port_is_a_conductance_as_far_as_it_is_open_and_silent_when_shut():
    """G0 exp(u) at u = 2 (0.3) - 0.1."""
    port = Ports(
        label="p", line=0, shape=Shape.EXP, a=[1], b=[2], p=[3], n=[0], conductance=3e-6, scale=2.0, offset=-0.1
    )
    (on,), (off,) = (noise(port, np.array([0.0, 0.0, 0.0, 0.3]), (high,), KELVIN) for high in (True, False))
    assert on.density.item() == pytest.approx(4 * 1.380649e-23 * 300.15 * 3e-6 * np.exp(0.5), rel=1e-9, abs=0.0)
    assert off.density.item() == 0.0


def test_what_knows_no_noise_is_refused():
    part = object.__new__(Cells)
    object.__setattr__(part, "label", "cell")
    with pytest.raises(UnsupportedPartError, match="part cell must declare its noise, got a transistor-level cell"):
        noise(part, np.zeros(3), ())
    with pytest.raises(InvalidValueError, match="temperature must be positive, got 0"):
        noise(Conductors(label="r", a=[1], b=[2], conductance=1.0), np.zeros(3), (), 0.0)
