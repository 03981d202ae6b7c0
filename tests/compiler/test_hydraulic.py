"""The presets against their own rules, and sizes that no plumbing has."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler.hardware import Line, OpenTube, SpringPiston, bore, bundle, decay_time, end_loss
from lstm_analog.compiler.hydraulic import GLYCEROL, OIL, WATER, Detail, Hydraulic
from lstm_analog.errors import InvalidTypeError, InvalidValueError
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.network.fluids import PURE_WATER, VG32
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import Crossbars, Storages
from lstm_analog.network.properties import Constant

PRESETS = (OIL, WATER, GLYCEROL)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_tank_line_sets_the_time_constant_in_as_few_tubes_as_keep_the_end_loss(preset: Hydraulic) -> None:
    line, fluid = preset.tank_line, preset.fluid
    total = line.conductance(fluid)
    assert preset.time_constant == pytest.approx({"OIL": 0.5}.get(preset.name, 5.0))
    flow = np.array(2.0 * preset.pressure_unit * total)
    assert end_loss(flow / line.count, line.length, fluid) <= 0.01
    assert line.count == 1 or end_loss(flow / (line.count - 1), line.length, fluid) > 0.01
    assert float(bore(np.array(total / line.count), line.length, fluid)) == pytest.approx(line.bore)


def test_bundle_keeps_the_conductance_whatever_its_count() -> None:
    lines = [bundle(conductance=2e-9, length=0.3, fluid=VG32, drop=drop) for drop in (1.0, 20e3, 200e3)]
    assert [line.count for line in lines] == [1, 20, 192]
    assert [line.conductance(VG32) for line in lines] == pytest.approx([2e-9] * 3)


def test_full_detail_waits_for_the_slowest_manifold() -> None:
    slow = replace(OIL, pilot=1e-9, detail=Detail.FULL)
    assert slow.time_constant == pytest.approx(1e-9 / (3.0 * 2e-11))


@pytest.mark.parametrize("detail", [Detail.FULL, Detail.DYNAMIC])
def test_phases_wait_for_the_slowest_half_bridge(detail) -> None:
    """Two ports of 2e-12 fill the pilot behind a bridge in 2.5 s; with phases for the tank, 0.5 s, h was 0.02 off."""
    slow = replace(OIL, port_conductance=2e-12, detail=detail)
    assert slow.time_constant == pytest.approx(OIL.pilot / 4e-12)
    lstm, x = random_lstm(np.random.default_rng(1), 1, 1, scale=2.0), np.array([[0.4], [-0.7]])
    assert np.abs(compile(lstm, slow, settling=24.0).run(x).h - lstm(x).h).max() < 1e-7


@pytest.mark.parametrize("damping", [1.0, 3.0, 1e9, 1e200])
def test_a_spool_in_honey_decays_as_slowly_as_its_friction_asks(damping) -> None:
    """The slow root is that of b = 2 zeta w v against w^2: 2 zeta/w; computed as a difference it was infinite."""
    slow = damping + np.sqrt(damping**2 - 1.0) if damping < 10.0 else 2.0 * damping
    assert decay_time(5.0, damping) == pytest.approx(slow / 5.0)


def test_the_manifold_of_least_total_follows_its_tubes_at_the_stated_rate() -> None:
    """Weights near zero: its volume, the pilot, fills through G_u S_min."""
    pilot = 1e-9
    slow = replace(OIL, pilot=pilot, detail=Detail.FULL)
    machine = compile(random_lstm(np.random.default_rng(0), 1, 1, scale=1e-3), slow)
    network = machine.network
    tubes = next(part for part in network.parts if isinstance(part, Crossbars))
    totals = tubes.positive.sum(axis=1) + tubes.plus_load
    np.testing.assert_allclose(totals, slow.unit_conductance * slow.least_total)
    volumes = [part for part in network.parts if isinstance(part, Storages)]
    compliance = {int(node): float(c) for part in volumes for node, c in zip(*capacity(part), strict=True)}
    assert {compliance[int(node)] for node in (*tubes.plus, *tubes.minus)} == {pilot}
    assert slow.time_constant == pytest.approx(pilot / totals[0])


def test_reach_of_a_tank() -> None:
    assert OIL.reach() == pytest.approx((-50e3, 50e3))
    low, high = WATER.reach()
    assert low == -WATER.datum
    assert high == pytest.approx(998.2041 * 9.81 * 1.2 - 5886.0)


PISTON = SpringPiston(area=1e-3, stroke=0.05, travel=0.2, seal_friction=0.05)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: replace(OIL, tank=0.0), "OIL tank must be positive, got 0.0: give SI units above zero"),
        (lambda: replace(WATER, datum=20e3), "WATER datum must be below what a full tank holds, 1.175e\\+04 Pa, got"),
        (lambda: replace(OIL, pressure_unit=np.nan), "OIL pressure_unit must be positive, got nan"),
        (lambda: replace(OIL, seat_leak=1.0), "OIL seat_leak must be below 1, got 1.0: give the share of the open"),
        (lambda: Line(bore=0.0, length=0.3, count=20), "tube bore must be positive, got 0.0: give SI units above"),
        (lambda: Line(bore=2e-3, length=0.3, count=0), "tube count must be positive, got 0"),
        (lambda: Line(bore=2e-3, length=0.3, count=1.5), "tube count must be whole, got 1.5: count them"),
        (lambda: OpenTube(height=-1.0, wetting_spread=0.1), "open tube height must be positive, got -1.0"),
        (lambda: replace(PISTON, travel=np.inf), "spring piston travel must be positive, got inf"),
        (lambda: replace(OIL.hardware, supply=-1.0), "INDUSTRIAL supply must be positive, got -1.0"),
        (lambda: replace(OIL.hardware, rangeability=1.0), "INDUSTRIAL rangeability must be above 1, got 1.0: give"),
        (lambda: replace(OIL.hardware, least_bore=0.02), "INDUSTRIAL bores must be in order, got 0.02 and 0.01: give"),
        (lambda: replace(VG32, viscosity_law=Constant(value=-1.0)), "ISO VG 32 viscosity must be positive, got -1.0"),
        (lambda: replace(VG32, viscosity_law=Constant(value=np.nan)), "ISO VG 32 viscosity must be positive, got nan"),
        (lambda: replace(VG32, density_law=Constant(value=0.0)), "ISO VG 32 density must be positive"),
        (
            lambda: PURE_WATER.at(101.0),
            "water temperature must be 0 to 100 C, got 101.0: stay where the",
        ),
        (lambda: PURE_WATER.at(np.nan), "water temperature must be 0 to 100 C, got nan"),
        (lambda: bore(np.array([1e-11, 0.0]), 0.3, VG32), "tube conductance must be positive, got 0.0: leave the tube"),
        (lambda: bore(np.array([-1e-11]), 0.3, VG32), "tube conductance must be positive, got -1e-11: leave the"),
        (lambda: bore(np.array([1e-11]), 0.0, VG32), "tube length must be positive, got 0.0"),
        (lambda: bundle(conductance=-1.0, length=0.3, fluid=VG32, drop=1e4), "tube conductance must be positive"),
        (lambda: bundle(conductance=1e-9, length=0.3, fluid=VG32, drop=0.0), "pressure drop must be positive, got"),
    ],
)
def test_size_that_no_plumbing_has_is_refused_by_name(make, text: str) -> None:
    with pytest.raises(InvalidValueError, match=f"^{text}"):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: replace(OIL, pressure_unit="10k"), "OIL pressure_unit must be a number, got '10k': give SI units"),
        (lambda: replace(OIL, tank=None), "OIL tank must be a number, got None"),
        (lambda: replace(OIL, fluid="oil"), "OIL fluid must be of kind Fluid, got 'oil': take one of a preset"),
        (lambda: replace(OIL, detail="full"), "OIL detail must be of kind Detail, got 'full'"),
        (lambda: replace(OIL, vessel=None), "OIL vessel must be of kind SpringPiston or OpenTube, got None"),
        (lambda: Line(bore=2e-3, length=0.3, count=True), "tube count must be a number, got True"),
        (lambda: replace(VG32, tension_law=0.03), "ISO VG 32 tension_law must be of kind Property, got 0.03"),
        (
            lambda: replace(VG32, viscosity_law=Constant(value="thick")),
            "value must be a number of float64, got 'thick'",
        ),
    ],
)
def test_what_is_no_size_at_all_is_refused_by_name(make, text: str) -> None:
    with pytest.raises(InvalidTypeError, match=f"^{text}"):
        make()


def test_counts_and_sizes_may_be_numpys() -> None:
    line = Line(bore=np.float64(2e-3), length=np.float32(0.5), count=np.int64(3))
    assert line.conductance(VG32) == pytest.approx(3.0 * Line(bore=2e-3, length=0.5, count=1).conductance(VG32))
