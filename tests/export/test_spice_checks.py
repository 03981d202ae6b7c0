"""What a deck must still say; how each refusal reads is tested through `read_spice` in test_spice_reader.py."""

import numpy as np
import pytest

from lstm_analog.errors import FileFormatError
from lstm_analog.export.dialects import NGSPICE
from lstm_analog.export.spice_checks import check_clocks, check_driven, check_settings, check_size, points
from lstm_analog.network.schedule import Schedule

SCHEDULE = Schedule(names=("a", "b"), high=[[True], [False]], durations=[1.0, 3.0], imposed=())
CLOCK = "vt_clk t_clk 0 pwl( 0 1.0 1.0 1.0 1.05 0.0 )"


def test_points_of_a_source():
    times, values = points(["v1", "a", "0", "pwl(", "0", "1k", "1m", "{x}", ")"], {"x": 5.0})
    assert (times.tolist(), values.tolist()) == ([0.0, 1e-3], [1000.0, 5.0])
    assert [array.tolist() for array in points(["v1", "a", "0", "2.5"], {})] == [[0.0], [2.5]]


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("v1 a 0 pwl( 0 1 1 2", r"^source v1 must close its bracket, got '2': restore it$"),
        ("v1 a 0 pwl( 0 1 0 2 )", r"^source v1 must have points in order of time"),
        ("v1 a 0 pwl( )", r"^source v1 must have points in order of time"),
    ],
)
def test_damaged_sources_are_refused(card, text):
    with pytest.raises(FileFormatError, match=text):
        points(card.split(), {})


def test_a_clock_may_be_written_otherwise_but_not_say_otherwise():
    check_clocks((CLOCK,), ("t",), SCHEDULE, 0.05)
    check_clocks((CLOCK.replace("0 1.0 1.0", "0 1.0 0.5 1.0 1.0"),), ("t",), SCHEDULE, 0.05)
    for other in (CLOCK.replace("1.05", "1.1"), CLOCK.replace("vt_clk", "vs_clk"), CLOCK.replace(" 0 pwl", " 1 pwl")):
        with pytest.raises(FileFormatError, match=r"^clock t must say what the interval lines say"):
            check_clocks((other,), ("t",), SCHEDULE, 0.05)
    with pytest.raises(FileFormatError, match=r"^clocks must be 1 sources, got '2'"):
        check_clocks((CLOCK, CLOCK), ("t",), SCHEDULE, 0.05)


def test_a_driven_source_holds_one_value_an_interval():
    values = np.array([2.0, 5.0])
    check_driven("v1", (np.array([0.0, 1.0, 1.05]), np.array([2.0, 2.0, 5.0])), values, SCHEDULE, 0.05)
    with pytest.raises(FileFormatError, match=r"^source v1 must hold one value an interval"):
        check_driven("v1", (np.array([0.0, 2.0]), np.array([2.0, 5.0])), values, SCHEDULE, 0.05)


def test_only_settings_stand_in_the_analysis():
    check_settings((".options reltol=1", ".save v(a)", ".tran 1 2", ".end"), NGSPICE)
    for lines in ((), (".end", ".save v(a)"), (".tran 1 2",), (".end", ".end")):
        with pytest.raises(FileFormatError, match=r"^netlist must end with .end"):
            check_settings(lines, NGSPICE)
    with pytest.raises(FileFormatError, match=r"^analysis line must be one of .*, got 'r1 a b 1'"):
        check_settings(("r1 a b 1", ".end"), NGSPICE)


@pytest.mark.parametrize("size", ["11", "-1", "1e3", "x", "9" * 5000])
def test_groups_are_no_larger_than_the_file(size):
    check_size("x" * 10, ["*| group a 10 1.0"])
    with pytest.raises(FileFormatError, match=r"^groups must have whole sizes, not more than this file can name"):
        check_size("x" * 10, [f"*| group a {size} 1.0"])
