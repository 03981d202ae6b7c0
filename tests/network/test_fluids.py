"""The liquids against published tables, over the whole range in which their laws hold."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidValueError
from lstm_analog.network.fluids import GLYCEROL_60, PURE_WATER, VG32
from lstm_analog.network.properties import (
    LAWS,
    Constant,
    GlycerolDensity,
    GlycerolViscosity,
    LubricatingOil,
    Property,
    Walther,
)

WATER = {
    0: (999.84, 1.792, 75.65),
    10: (999.70, 1.3059, 74.22),
    20: (998.21, 1.0016, 72.74),
    30: (995.65, 0.7972, 71.19),
    40: (992.22, 0.6527, 69.60),
    60: (983.20, 0.4660, 66.24),
    80: (971.79, 0.3540, 62.67),
    100: (958.37, 0.2816, 58.91),
}
"""Density (kg/m3), viscosity (mPa s) and surface tension (mN/m): tables of IAPWS-95, R12-08 and R1-76 at one
atmosphere."""
VAPOUR = {0.01: 611.657, 10: 1228.2, 20: 2339.3, 30: 4247.0, 60: 19946.0, 80: 47414.0, 100: 101418.0}
"""Pa: IAPWS-95 saturation; the first is the triple point."""


@pytest.mark.parametrize(("temperature", "table"), WATER.items())
def test_water_has_the_properties_that_are_tabulated(temperature: float, table: tuple[float, float, float]) -> None:
    water = PURE_WATER.at(temperature)
    density, viscosity, tension = table
    assert water.density == pytest.approx(density, rel=2e-5)
    assert water.viscosity == pytest.approx(viscosity * 1e-3, rel=3e-4)
    assert water.surface_tension == pytest.approx(tension * 1e-3, abs=1e-5)


@pytest.mark.parametrize(("temperature", "table"), VAPOUR.items())
def test_water_boils_where_it_is_tabulated(temperature: float, table: float) -> None:
    assert PURE_WATER.at(temperature).vapour_pressure == pytest.approx(table, rel=1e-4)


@pytest.mark.parametrize(("temperature", "table"), [(0, 29.9), (10, 17.4), (20, 10.8), (30, 7.19), (40, 5.08)])
def test_glycerol_has_the_viscosity_that_dow_tabulates(temperature: float, table: float) -> None:
    assert GLYCEROL_60.at(temperature).viscosity == pytest.approx(table * 1e-3, rel=0.02)


@pytest.mark.parametrize(("temperature", "table"), [(15, 1156.5), (20, 1153.8), (30, 1148.3)])
def test_glycerol_has_the_density_that_was_measured(temperature: float, table: float) -> None:
    """L. W. Bosart, A. O. Snoddy, Ind. Eng. Chem. 20 (1928) 1377; Cheng promises 0.8 %."""
    assert GLYCEROL_60.at(temperature).density == pytest.approx(table, rel=8e-3)


def test_glycerol_lowers_the_vapour_pressure_by_the_water_that_is_missing() -> None:
    """Raoult: 22.2 mol of water and 6.5 mol of glycerol in each kilogram."""
    assert GLYCEROL_60.vapour_pressure == pytest.approx(2339.3 * 22.2 / (22.2 + 6.515), rel=1e-3)


def test_oil_has_the_viscosity_of_its_grade_and_thins_by_four_percent_a_kelvin() -> None:
    assert VG32.at(40.0).viscosity == pytest.approx(860.0 * 32e-6)
    assert VG32.at(100.0).viscosity == pytest.approx(VG32.at(100.0).density * 5.4e-6)
    assert VG32.thinning == pytest.approx(np.log(VG32.viscosity / VG32.at(41.0).viscosity), rel=0.02)
    assert VG32.thinning == pytest.approx(0.04, rel=0.1)


def test_oil_expands_as_petroleum_tables_say() -> None:
    """Table 54D: at the standard temperature the density itself, its slope there 0.6278 kg/m3 a kelvin for any oil."""
    for density in (850.0, 900.0):
        oil = LubricatingOil(density=density)
        assert oil.at(15.0) == density
        assert (oil.at(14.99) - oil.at(15.01)) / 0.02 == pytest.approx(0.6278, rel=1e-6)
    assert VG32.at(40.0).density == pytest.approx(860.0, rel=1e-7)
    expansion = np.log(VG32.at(20.0).density / VG32.at(60.0).density) / 40.0
    assert expansion == pytest.approx(7e-4, rel=0.1), "what handbooks give for mineral oils, 1/K"


def test_fluid_is_thinner_lighter_and_nearer_to_boiling_when_warmer() -> None:
    for fluid in (VG32, PURE_WATER, GLYCEROL_60):
        warmer = [fluid.at(t) for t in np.linspace(4.5, 100.0, 21)]
        assert (np.diff([each.viscosity for each in warmer]) < 0).all()
        assert (np.diff([each.density for each in warmer]) < 0).all()
        assert (np.diff([each.vapour_pressure for each in warmer]) >= 0).all()
        assert fluid.at(100.0).thinning > 0


@pytest.mark.parametrize("what", ["viscosity", "density", "vapour", "tension"])
def test_the_law_that_does_not_hold_is_named(what: str) -> None:
    narrow = replace(VG32, **{f"{what}_law": Constant(value=1.0, lowest=30.0, highest=50.0)})
    assert narrow.at(50.0).temperature == 50.0
    for temperature in (29.9, 50.1):
        text = rf"^ISO VG 32 temperature must be 30 to 50 C, got {temperature}: stay where the law of its {what} holds$"
        with pytest.raises(InvalidValueError, match=text):
            narrow.at(temperature)


def test_every_law_is_listed_and_says_its_source() -> None:
    assert set(Property.__subclasses__()) == set(LAWS)
    for law in set(LAWS) - {Constant}:
        assert any(character.isdigit() for character in law.__doc__ or "") or "law" in (law.__doc__ or "")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: GlycerolDensity(glycerol=60.0),
            r"^glycerol must be 0 to 1, got 60\.0: give a share by mass, 0\.6 for 60",
        ),
        (lambda: GlycerolViscosity(glycerol=-0.1), r"^glycerol must be 0 to 1"),
        (lambda: LubricatingOil(density=0.0), r"^density at 15 C must be positive, got 0\.0"),
        (
            lambda: Walther(warm=1e-7, hot=1e-8, density=VG32.density_law, lowest=0.0, highest=100.0),
            r"^kinematic viscosity must be above 3e-07 m2/s, got 1e-07: give m2/s",
        ),
    ],
)
def test_a_law_without_a_value_is_refused(make, text) -> None:
    with pytest.raises(InvalidValueError, match=text):
        make()
