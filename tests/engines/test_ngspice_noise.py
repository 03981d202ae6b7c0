"""Noise by ngspice of cells that are known in closed form: spectra, operating points, transients."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import schedule
from noisy_cells import CHARGE, ENERGY, FARAD, OHM, flickering, pair, resistor, sampler

from lstm_analog.engines import Ngspice
from lstm_analog.engines.noise.devices import devices_of, operating_noise
from lstm_analog.engines.noise.noisy_transient import NoisyRuns
from lstm_analog.engines.noise.spectra import Band, alone, expose_nodes, noise_spectra
from lstm_analog.errors import InvalidValueError, SimulationError

BAND = Band(low=10.0, high=1e11, points=10)
NOTHING = np.empty(0, dtype=np.int64)


def spectra(network, signals, *, efforts=None, held=NOTHING, state=None):
    size = network.unknowns.size
    return noise_spectra(
        network,
        schedule([1e-6]) if state is None else state,
        efforts=np.zeros(size) if efforts is None else efforts,
        held=held,
        signals=signals,
        band=BAND,
        engine=Ngspice(),
    )


def test_a_resistor_has_4ktr_and_its_capacitor_kt_over_c():
    network = resistor()
    (out,) = network.unknowns["cell_out"].tolist()
    found = spectra(network, [{out: 1.0}, {out: 3.0}])
    told = {(source.bank, source.card, source.mechanism): row for row, source in enumerate(found.sources)}
    row = told["cell", "r1", "thermal"]
    assert found.density[0, row, 0] == pytest.approx(4.0 * ENERGY * OHM, rel=1e-4, abs=0.0)
    assert found.variance.sum(axis=1) == pytest.approx([ENERGY / FARAD, 9.0 * ENERGY / FARAD], rel=1e-3, abs=0.0)


@pytest.mark.parametrize("control", [0.0, 0.03, -0.06])
def test_a_pair_has_what_is_left_of_2qi(control):
    network, law = pair(control)
    p, n = (int(network.unknowns[f"cell_{node}"][0]) for node in "pn")
    found = spectra(network, [{p: 1.0, n: -1.0}])
    assert found.variance.sum() == pytest.approx(law, rel=2e-3, abs=0.0)


def test_a_held_node_stays_where_it_was_put_and_has_no_noise():
    network = sampler()
    (out,) = network.unknowns["cell_out"].tolist()
    efforts = np.zeros(network.unknowns.size)
    efforts[out] = 0.4
    found = spectra(network, [{out: 1.0}], efforts=efforts, held=np.array([out]))
    assert found.variance.sum() < 1e-6 * ENERGY / FARAD
    devices = devices_of(network)
    noise = operating_noise(network, schedule([1e-6]), devices, efforts=efforts, held=np.array([out]), engine=Ngspice())
    assert noise.density.tolist() == [0.0]


def test_of_a_closed_switch_the_textbook_has_kt_over_c_and_the_model_nothing():
    """SPICE's oldest law, 8/3 k T gm, is nothing without a voltage: `.noise` misses kT/C of level 1 switches."""
    network, state = sampler(), schedule([1e-6], s_ck=[5.0])
    (out,) = network.unknowns["cell_out"].tolist()
    efforts = np.ones(network.unknowns.size)
    found = spectra(network, [{out: 1.0}], efforts=efforts, state=state)
    assert found.variance.sum() < 1e-6 * ENERGY / FARAD
    (device,) = devices_of(network)
    noise = operating_noise(network, state, (device,), efforts=efforts, held=NOTHING, engine=Ngspice())
    overdrive = 5.0 - 1.0 - 0.7
    conductance = 120e-6 * 2.0 / 0.6 * overdrive
    assert noise.density[0] == pytest.approx(4.0 * ENERGY * conductance, rel=1e-3, abs=0.0)
    assert noise.overdrive[0] == pytest.approx(overdrive, rel=1e-3, abs=0.0)


def test_currents_of_a_pair_are_2qi_of_each_collector():
    network, _ = pair(0.03)
    devices = devices_of(network)
    efforts = np.zeros(network.unknowns.size)
    noise = operating_noise(network, schedule([1e-6]), devices, efforts=efforts, held=NOTHING, engine=Ngspice())
    share = 1.0 / (1.0 + np.exp(-0.03 * CHARGE / ENERGY))
    shot = dict(zip((device.name for device in devices), noise.density.tolist(), strict=True))
    assert shot["q.xcell_0.q1"] == pytest.approx(2.0 * CHARGE * 20e-6 * share, rel=2e-3, abs=0.0)
    assert shot["q.xcell_0.q2"] == pytest.approx(2.0 * CHARGE * 20e-6 * (1.0 - share), rel=2e-3, abs=0.0)
    assert shot["r.xcell_0.r1"] == pytest.approx(4.0 * ENERGY / OHM, rel=1e-6, abs=0.0)


def test_a_channel_in_saturation_has_two_thirds_of_4kt_gm():
    """gm is kp W/L (vgs - vto); the simulator's `.noise` has the same."""
    network = flickering()
    (out,) = network.unknowns["cell_out"].tolist()
    devices, efforts = devices_of(network), np.zeros(network.unknowns.size)
    noise = operating_noise(network, schedule([1e-6]), devices, efforts=efforts, held=NOTHING, engine=Ngspice())
    density = dict(zip((device.name for device in devices), noise.density.tolist(), strict=True))
    law = 4.0 * ENERGY * 2.0 / 3.0 * 120e-6 * 20.0 * 0.2
    assert density["m.xcell_0.m1"] == pytest.approx(law, rel=1e-3, abs=0.0)
    found = spectra(network, [{out: 1.0}])
    thermal = [each.card == "m1" and each.mechanism == "thermal" for each in found.sources]
    assert found.density[0, thermal, 0].sum() == pytest.approx(law * OHM**2, rel=1e-3, abs=0.0)


def runs(network, schedule, period):
    devices, engine = devices_of(network), Ngspice()
    efforts = engine.run(network, schedule).sample(schedule.ends, np.arange(network.unknowns.size))
    noise = tuple(
        operating_noise(network, alone(schedule, k), devices, efforts=efforts[k], held=NOTHING, engine=engine)
        for k in range(len(schedule.names))
    )
    return NoisyRuns(
        network=network, schedule=schedule, devices=devices, noise=noise, efforts=efforts, period=period, engine=engine
    )


def test_transients_make_kt_over_c_of_a_resistor():
    """Intervals of four time constants; numbers held for 0.1 time constants take 1.7 % of sigma."""
    network, tau = resistor(), OHM * FARAD
    noisy = runs(network, schedule((4.0 * tau,) * 60), 0.1 * tau)
    found = noisy.ends(network.unknowns["cell_out"], range(1, 6))
    assert found.shape == (5, 60, 1)
    sigma = (found[:, 2:] - 1.0).std()
    assert sigma == pytest.approx(0.983 * np.sqrt(ENERGY / FARAD), rel=0.1, abs=0.0)
    assert abs(np.corrcoef(found[0, 2:, 0], found[1, 2:, 0])[0, 1]) < 0.4
    np.testing.assert_array_equal(noisy.ends(network.unknowns["cell_out"], [2]), found[1:2])


def test_transients_make_kt_over_c_of_a_switch_that_opens():
    network = sampler()
    tau = FARAD / (120e-6 * 2.0 / 0.6 * 3.3)
    clock = [[5.0], [0.0]] * 30
    plan = schedule((30.0 * tau,) * 60, s_ck=clock)
    noise = runs(network, plan, 0.2 * tau)
    found = noise.ends(network.unknowns["cell_out"], range(1, 4))
    opened = found[:, 1::2, 0]
    assert (opened - opened.mean()).std() == pytest.approx(np.sqrt(ENERGY / FARAD), rel=0.2, abs=0.0)


def test_flicker_noise_of_a_model_that_has_it_is_told_apart():
    """kf is that of the model: density falls as 1/f, ten times a decade."""
    network = flickering()
    (out,) = network.unknowns["cell_out"].tolist()
    found = spectra(network, [{out: 1.0}])
    (row,) = (
        row for row, source in enumerate(found.sources) if source.mechanism == "1/f" and found.density[0, row].any()
    )
    slow = found.density[0, row, : 2 * BAND.points + 1 : BAND.points]
    np.testing.assert_allclose(slow[:-1] / slow[1:], 10.0, rtol=1e-3)


def test_a_network_without_cells_is_refused():
    network = resistor()
    bare = replace(network, parts=network.parts[:-1])
    with pytest.raises(InvalidValueError, match="the network must have one bank of cells, got 0"):
        expose_nodes(bare)


def test_a_failure_says_what_ngspice_said():
    network = resistor()
    with pytest.raises(SimulationError, match="ngspice must find the noise"):
        spectra(network, [{1: float("nan")}])


def test_an_operating_point_that_cannot_be_read_is_said_in_its_words(program):
    network = sampler()
    engine = Ngspice(program=program("echo 'singular matrix'; echo nonsense > point.raw"))
    with pytest.raises(
        SimulationError, match="ngspice must find an operating point, got singular matrix; raw file must"
    ):
        operating_noise(
            network,
            schedule([1e-6], s_ck=[5.0]),
            devices_of(network),
            efforts=np.ones(network.unknowns.size),
            held=NOTHING,
            engine=engine,
        )
