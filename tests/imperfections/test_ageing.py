"""Drift, phase-change memory, measured tables, temperature and presets, against published laws and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from stepwise_lstm import normals, run, stacked

import lstm_analog as la
from lstm_analog.engines import Settle
from lstm_analog.errors import InvalidShapeError, InvalidValueError, NetworkError, UnsupportedPartError
from lstm_analog.imperfections import (
    PRESETS,
    Drift,
    MeasuredDevices,
    OperatingTemperature,
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
    Streams,
    apply,
    imperfection_of,
)
from lstm_analog.network.parts import Ports

SEED = 4
STREAMS = Streams(seed=SEED)
X = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 2))
TABLE = MeasuredDevices(target=(0.0, 0.5, 1.0), mean=(0.02, 0.45, 0.9), sigma=(0.0, 0.01, 0.03))
PLACES = {
    "IDEAL": la.electrical.BEHAVIOURAL,
    "BENCH_BOARD": la.electrical.OPAMP_BENCH,
    "RRAM": la.electrical.BEHAVIOURAL,
    "PCM": la.electrical.BEHAVIOURAL,
    "FLOATING_GATE": la.electrical.BEHAVIOURAL,
    "WORKSHOP_OIL": la.hydraulic.OIL,
    "SKY130_MISMATCH": la.electrical.SKY130_MOS,
}


@pytest.fixture(scope="module")
def network():
    return la.compile(la.random_lstm(np.random.default_rng(0), 30, 40), la.electrical.BEHAVIOURAL).network


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, 3)


def sizes(network):
    """Return the conductances of the weights and, as shares of the largest, g."""
    size = np.abs(network.part("l0_rows").transconductance)
    return size, size / size.max()


def drawn(name: str, shape):
    return normals(SEED, f"{name} l0_rows").standard_normal(shape)


def test_drift_is_a_power_of_time_by_device(network):
    size, _ = sizes(network)
    made, _ = sizes(apply(Drift(exponent=0.05, spread=0.01, seconds=1e5, since=10.0), network, STREAMS))
    nu = 0.05 + 0.01 * drawn("drift", size.shape)
    np.testing.assert_allclose(made, size * (1e5 / 10.0) ** -nu, rtol=1e-12)
    kept, _ = sizes(apply(Drift(exponent=0.05, spread=0.01, seconds=1e5, compensated=True), network, STREAMS))
    assert kept.sum() == pytest.approx(size.sum(), rel=1e-12)
    assert np.std(np.log(kept / size)) == pytest.approx(0.01 * np.log(1e5), rel=0.05)


def test_phase_change_memory_follows_the_published_laws(network):
    """The equations of aihwkit 1.1.0, PCMLikeNoiseModel, spelt out; g in shares of Gmax = 25 uS, times in seconds."""
    size, g = sizes(network)
    made, _ = sizes(apply(PhaseChangeProgramming(), network, STREAMS))
    sigma = (0.26348 + 1.9650 * g - 1.1731 * g**2) / 25.0
    expected = np.maximum(g + sigma * drawn("phase-change programming", g.shape), 0.0)
    np.testing.assert_allclose(made / size.max(), expected, rtol=1e-12, atol=1e-15)

    aged, _ = sizes(apply(PhaseChangeDrift(seconds=86400.0), network, STREAMS))
    mean = np.clip(-0.0155 * np.log(g) + 0.0244, 0.049, 0.1)
    spread = np.clip(-0.0125 * np.log(g) - 0.0059, 0.008, 0.045)
    nu = np.abs(mean + spread * drawn("phase-change drift", g.shape))
    np.testing.assert_allclose(aged / size.max(), g * ((86400.0 + 20.0) / 20.0) ** -nu, rtol=1e-12)


def test_phase_change_memory_is_read_as_published(lstm):
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    made = machine.with_imperfection(PhaseChangeReadNoise(seconds=86400.0), STREAMS)
    size, g = sizes(machine.network)
    q = np.minimum(0.0088 / np.maximum(g**0.65, 1e-3), 0.2) * np.sqrt(np.log((86420.0 + 250e-9) / (2 * 250e-9)))
    stream = normals(SEED, "phase-change reading l0_rows")
    for stretch, _ in made.schedule(X).stretches(made.network):
        expected = np.maximum(size * (1.0 + q * stream.standard_normal(g.shape)), 0.0)
        np.testing.assert_allclose(sizes(stretch)[0], expected, rtol=1e-12)


def test_a_table_of_measurements_is_interpolated(network):
    size, g = sizes(network)
    made, _ = sizes(apply(TABLE, network, STREAMS))
    mean = np.where(g < 0.5, 0.02 + 0.86 * g, 0.9 * g)
    sigma = np.where(g < 0.5, 0.02 * g, 0.01 + 0.04 * (g - 0.5))
    expected = np.maximum(mean + sigma * drawn("measured", g.shape), 0.0)
    np.testing.assert_allclose(made / size.max(), expected, rtol=1e-10)
    assert imperfection_of("MeasuredDevices(target=(0.0, 1.0), mean=(0.0, 1.0), sigma=(0.0, 0.1))").sigma == (0.0, 0.1)


def test_nothing_happens_where_nothing_ages(network):
    nothing = (
        Drift(exponent=0.05, spread=0.01, seconds=1.0),
        Drift(exponent=0.0, spread=0.0, seconds=1e5),
        PhaseChangeProgramming(scale=0.0),
        PhaseChangeDrift(seconds=0.0),
        PhaseChangeReadNoise(seconds=1.0, scale=0.0),
        OperatingTemperature(celsius=27.0, per_kelvin=1e-4),
    )
    assert apply(nothing, network, STREAMS) is network


def test_a_warm_circuit_has_flatter_curves_and_the_same_ratios(lstm):
    """V_T goes with T, so every curve of a pair sees z T0/T; resistors that all change alike change no ratio."""
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    made = machine.with_imperfection(OperatingTemperature(celsius=77.0, per_kelvin=4e-4), STREAMS)
    weights = [stacked(lstm.layers[0].forward)] * len(X)
    expected = run(weights, X, steeper=300.15 / 350.15)
    gained = made.network.part("l0_c_load").conductance / machine.network.part("l0_c_load").conductance
    np.testing.assert_allclose(gained, 1.0 / (1.0 + 4e-4 * 50.0), rtol=1e-12)
    for field in ("closed", "opened"):
        gained = getattr(made.network.part("l0_c_take"), field) / getattr(machine.network.part("l0_c_take"), field)
        np.testing.assert_allclose(gained, 1.0 / (1.0 + 4e-4 * 50.0), rtol=1e-12)
    alike = machine.with_imperfection(OperatingTemperature(celsius=77.0), STREAMS)
    np.testing.assert_allclose(alike.run(X, engine=Settle()).h, expected, atol=1e-7)


def test_warm_channels_have_flatter_curves(lstm):
    """The share of open channels is a quotient of Boltzmann factors, so its control goes with 1/T, too."""
    machine = la.compile(lstm, la.electrical.CHANNELS, settling=24.0)
    expected = run([stacked(lstm.layers[0].forward)] * len(X), X, steeper=300.15 / 350.15)
    made = machine.with_imperfection(OperatingTemperature(celsius=77.0), STREAMS)
    np.testing.assert_allclose(made.run(X, engine=Settle()).h, expected, atol=1e-6)


def test_controls_and_offsets_of_channels_are_both_counted_in_units_of_kt(lstm):
    plain = la.compile(lstm, la.electrical.CHANNELS, settling=24.0).network
    port = next(part for part in plain.parts if isinstance(part, Ports))
    shifted = replace(port, offset=np.full(port.a.size, 0.3))
    plain = replace(plain, parts=tuple(shifted if part is port else part for part in plain.parts))
    made = apply(OperatingTemperature(celsius=77.0), plain, STREAMS).part(port.label)
    np.testing.assert_allclose(made.offset, 0.3 * 300.15 / 350.15, rtol=1e-12)
    np.testing.assert_allclose(made.scale, port.scale * 300.15 / 350.15, rtol=1e-12)


def test_a_temperature_without_a_law_is_refused_by_name(lstm):
    oil = la.compile(lstm, la.hydraulic.OIL).network
    with pytest.raises(InvalidValueError, match=r"^made_for and per_kelvin must be left out for plumbing"):
        apply(OperatingTemperature(celsius=60.0, per_kelvin=1e-4), oil, STREAMS)
    chip = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.BICMOS).network
    with pytest.raises(UnsupportedPartError, match=r"^the parts must have a law of temperature, got transistor cells"):
        apply(OperatingTemperature(celsius=60.0), chip, STREAMS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.sky130] * (name == "SKY130_MISMATCH")) for name in PRESETS],
)
def test_every_preset_applies_in_its_technology(name, lstm):
    machine = la.compile(lstm, PLACES[name], settling=24.0)
    preset = imperfection_of(name)
    assert preset.name == name
    assert preset.provenance
    made = machine.with_imperfection((preset, Drift(exponent=0.05, spread=0.0, seconds=2.0)), STREAMS)
    done = {text.partition("(")[0] for text in made.network.said("imperfection")}
    expected = {type(each).__name__ for each in preset.imperfections} | {"Drift"}
    assert done | {"StuckDevices"} == expected | {"StuckDevices"}  # of few devices none may be stuck
    if name not in ("BENCH_BOARD", "SKY130_MISMATCH"):  # `Settle` refuses summing stages at 24 time constants, cells
        assert np.isfinite(made.run(X, engine=Settle()).h).all()


def test_a_preset_that_does_not_fit_is_refused_by_name(lstm):
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL)
    with pytest.raises(NetworkError, match=r"must have OpAmps, got none"):
        machine.with_imperfection(PRESETS["BENCH_BOARD"], STREAMS)
    with pytest.raises(InvalidValueError, match=r"^preset must be one of IDEAL, .*did you mean 'RRAM'"):
        imperfection_of("RRAMS")


def test_the_table_of_rram_is_the_fit_to_the_measurements():
    """aihwkit 1.1.0, ReRamWan2022NoiseModel, a day after programming: uS of 40, by powers of g."""
    (table,) = (each for each in PRESETS["RRAM"].imperfections if isinstance(each, MeasuredDevices))
    g = np.array(table.target)
    fit = 0.701 + 22.086 * g - 50.773 * g**2 + 47.095 * g**3 - 16.458 * g**4
    np.testing.assert_allclose(table.sigma, fit / 40.0, atol=5e-5)
    assert table.mean == table.target


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Drift, {"exponent": 0.05, "spread": -0.1, "seconds": 1.0}, "drift spread must be at least 0"),
        (Drift, {"exponent": 0.05, "spread": 0.1, "seconds": 1.0, "since": 2.0}, "drift seconds must be positive"),
        (PhaseChangeDrift, {"seconds": -1.0}, "phase-change drift seconds must be positive"),
        (PhaseChangeReadNoise, {"seconds": 1e12}, "phase-change read noise seconds must be positive"),
        (MeasuredDevices, {"target": (0.0, 0.0), "mean": (0.0, 0.0), "sigma": (0.0, 0.0)}, "measured devices must be"),
        (OperatingTemperature, {"celsius": 100.0, "per_kelvin": -1.0}, "per_kelvin must leave resistances above zero"),
    ],
)
def test_bad_values_are_refused(kind, values, message):
    with pytest.raises(InvalidValueError, match=f"^{message}"):
        kind(**values)


def test_a_table_with_a_gap_is_refused():
    with pytest.raises(InvalidShapeError, match=r"^target, mean and sigma must be as many, one a row of the table"):
        MeasuredDevices(target=(0.0, 1.0), mean=(0.0,), sigma=(0.0, 0.1))
