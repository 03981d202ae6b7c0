"""Chips over corners: the table of a stand-in of the simulator, and one corner against another in ngspice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import FileFormatError, InvalidShapeError, InvalidTypeError, InvalidValueError, SimulationError
from lstm_analog.study import CornerPoint, CornerTable, Failure, WaferSetting, corners
from lstm_analog.study.corner_table import points_of

NOMINAL, SLOPE, RECALIBRATED = WaferSetting
MODULE = import_module("lstm_analog.study.corners")
modelled = pytest.mark.sky130


@cache
def case():
    rng = np.random.default_rng(3)
    return la.random_lstm(rng, inputs=2, hidden=1), rng.uniform(-1.0, 1.0, (3, 2))


def table(errors, failures=()):
    return CornerTable(
        settings=(NOMINAL, SLOPE),
        corners=("tt", "ss"),
        temperatures=(27.0,),
        supplies=(4.5, 5.0),
        errors=np.reshape(errors, (2, 2, 1, 2)),
        failures=failures,
    )


FOUND = table([0.001, 0.002, 0.03, 0.004, 1e-4, np.nan, 0.003, 2e-4], (Failure(chip=5, reason="no convergence"),))


def test_the_worst_of_each_setting_is_told_with_its_point():
    point = CornerPoint(setting=NOMINAL, corner="ss", temperature=27.0, supply=4.5)
    assert FOUND.worst(NOMINAL) == (0.03, point)
    assert dict(FOUND.summary()) == {
        "nominal calibration": "at most 0.03: ss, 27 C, 4.5 V, nominal calibration",
        "one factor a wafer": "at most 0.003: ss, 27 C, 4.5 V, one factor a wafer",
        "failures": "1 of 8 points",
    }
    none = table(np.full(8, np.nan))
    assert none.worst(SLOPE)[1] is None
    assert none.summary()[1] == ("one factor a wafer", "no point was solved")
    with pytest.raises(InvalidShapeError, match=r"errors must have shape \(2, 2, 1, 2\), got \(8,\): take what study"):
        replace(FOUND, errors=np.zeros(8))
    with pytest.raises(InvalidTypeError, match=r"^errors must be real numbers, got <U5: "):
        replace(FOUND, errors=np.full((2, 2, 1, 2), "small"))
    with pytest.raises(ValueError, match="read-only"):
        FOUND.errors[0] = 1.0


def test_the_table_is_text_and_csv(tmp_path):
    assert str(FOUND).splitlines() == [
        "| set for a wafer | corner | C | 4.5 V | 5 V |",
        "|---|---|---|---|---|",
        "| nominal calibration | tt | 27 | 0.0010 | 0.0020 |",
        "| nominal calibration | ss | 27 | 0.0300 | 0.0040 |",
        "| one factor a wafer | tt | 27 | 0.0001 | failed |",
        "| one factor a wafer | ss | 27 | 0.0030 | 0.0002 |",
    ]
    FOUND.write(tmp_path / "corners.csv")
    rows = (tmp_path / "corners.csv").read_text().splitlines()
    assert rows[0] == "setting,corner,temperature (C),supply (V),largest error"
    assert rows[3] == "nominal calibration,ss,27.0,4.5,0.03"
    assert rows[6] == "one factor a wafer,tt,27.0,5.0,"


def test_the_supply_changes_fastest():
    points = points_of((NOMINAL,), ("tt", "ss"), (0.0, 27.0), (4.5, 5.0))
    assert [(each.corner, each.temperature, each.supply) for each in points[:5]] == [
        ("tt", 0.0, 4.5),
        ("tt", 0.0, 5.0),
        ("tt", 27.0, 4.5),
        ("tt", 27.0, 5.0),
        ("ss", 0.0, 4.5),
    ]


def test_the_picture_has_every_field():
    figure = la.show.corners(FOUND)
    texts = [text.get_text() for axes in figure.axes[:2] for text in axes.texts]
    assert texts == ["1.0", "2.0", "30.0", "4.0", "0.1", "x", "3.0", "0.2"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["nominal calibration", "one factor a wafer"]
    la.show.corners(table(np.full(8, np.nan)))


def told(**changed):
    """Return what `corners` finds of a small chip of textbook transistors, whose one corner has no name."""
    lstm, x = case()
    given = {"sections": ("",), "temperatures": (27.0,), "supplies": (5.0,), "settings": (NOMINAL,)} | changed
    return corners(lstm, given.pop("technology", "bicmos"), x, settling=12.0, **given)


def test_points_are_those_of_machines_compiled_one_by_one():
    lstm, x = case()
    found = told(temperatures=(27.0, 85.0), supplies=(4.5, 5.0))
    for place, celsius in enumerate((27.0, 85.0)):
        met = replace(la.electrical.BICMOS.conditions, temperature=celsius, supply=5.0)
        machine = la.compile(lstm, replace(la.electrical.BICMOS, conditions=met), settling=12.0)
        error = np.abs(machine.run(x, engine="ngspice").h - lstm(x).h).max()
        assert found.errors[0, 0, place, 1] == error
    assert found.errors[0, 0, 1].min() > 10.0 * found.errors[0, 0, 0].max(), "a fixed bias does not follow kT/q"


@dataclass(frozen=True, kw_only=True)
class OwnEngine:
    """An engine that is none of the package's, of which a study does not know how many chips it takes at a time."""

    engine: la.engines.Ngspice

    def run(self, network, schedule, save=None):
        return self.engine.run(network, schedule, save)


def test_an_engine_of_your_own_is_given_every_point():
    """All points of a wafer had the error of its first."""
    given = {"temperatures": (27.0, 85.0)}
    np.testing.assert_array_equal(
        told(**given, engine=OwnEngine(engine=la.engines.Ngspice())).errors, told(**given).errors
    )


def test_what_is_set_for_a_wafer_is_found_once_for_its_points(monkeypatch):
    found, ran = [], []

    def slope(technology, engine, *, settling):
        found.append((technology.conditions.temperature, technology.conditions.supply, settling))
        return 1.03

    def run(passes, x, state, lengths, solve):
        ran.append(dict(passes[0].network.provenance)["conditions"])
        raise SimulationError("no convergence")

    monkeypatch.setattr(MODULE, "wafer_slope", slope)
    monkeypatch.setattr(MODULE, "run_through", run)
    result = told(settings=(SLOPE,), temperatures=(0.0, 85.0), supplies=(4.5, 5.5))
    assert found == [(27.0, 5.0, 12.0)]
    assert [text.partition(" C")[0] for text in ran] == ["0", "0", "85", "85"]
    assert all("slope 1.03" in text for text in ran)
    assert result.failures == tuple(Failure(chip=number, reason="no convergence") for number in range(4))
    assert np.isnan(result.errors).all()


def test_a_recalibrated_wafer_has_the_calibration_that_was_found(monkeypatch):
    made = replace(la.electrical.BICMOS.trims, hidden_load=12345.0)
    monkeypatch.setattr(MODULE, "calibrate", lambda *given, **named: made)
    for setting, calibration in ((RECALIBRATED, made), (NOMINAL, None)):
        engine = la.engines.Ngspice()
        wafer = MODULE.Wafer(technology=la.electrical.BICMOS, setting=setting, engine=engine, settling=12.0)
        assert wafer.design.calibration == calibration


def test_points_of_a_folder_are_not_run_again_and_workers_find_the_same(tmp_path, monkeypatch):
    first = told(folder=tmp_path)
    with ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(told(executor=pool).errors, first.errors)
    monkeypatch.setattr(MODULE, "run_through", lambda *given: pytest.fail("a point was run again"))
    np.testing.assert_array_equal(told(folder=tmp_path).errors, first.errors)
    with pytest.raises(FileFormatError, match="must be of this study"):
        told(folder=tmp_path, temperatures=(28.0,))


def test_what_cannot_be_run_is_refused_by_name():
    with pytest.raises(InvalidTypeError, match="technology must be of transistor cells, got 'opamp': give BICMOS"):
        told(technology="opamp")
    with pytest.raises(InvalidValueError, match=r"temperatures must be at least one, all different, got \(27\.0"):
        told(temperatures=(27.0, 27.0))
    with pytest.raises(InvalidValueError, match="settings must be at least one"):
        told(settings=())
    with pytest.raises(InvalidValueError, match=r"corner of .* must be left out: its models are text, got ss"):
        told(sections=("ss",))


@modelled
def test_a_slow_wafer_is_further_off_than_a_typical_one():
    typical, slow = told(technology="sky130_mos", sections=("tt", "ss")).errors.ravel()
    assert typical < 0.002
    assert slow > 2.0 * typical
