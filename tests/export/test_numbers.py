import numpy as np
import pytest

from lstm_analog.errors import FileFormatError
from lstm_analog.export.numbers import BOUND, number_text, parse_number


def test_numbers_read_back_to_the_last_bit():
    rng = np.random.default_rng(0)
    values = [*rng.normal(size=200) * 10.0 ** rng.integers(-30, 30, 200), 0.0, -0.0, 5e-324, 1e299]
    for value in values:
        again = parse_number(number_text(value), {})
        assert again == value
        assert np.signbit(again) == np.signbit(value)


def test_infinity_is_a_bound():
    assert number_text(np.inf) == repr(BOUND)
    assert parse_number(number_text(-np.inf), {}) == -np.inf


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4.7k", 4700.0),
        ("4.7K", 4700.0),
        ("10MEG", 1e7),
        ("10m", 1e-2),
        ("100pF", 1e-10),
        ("1e3ohm", 1e3),
        ("-.5u", -0.5e-6),
        ("+3.", 3.0),
        ("1e-3n", 1e-12),
        ("5volt", 5.0),
        ("{r_load}", 5e3),
    ],
)
def test_spice_suffixes(text, value):
    assert parse_number(text, {"r_load": 5e3}) == pytest.approx(value, rel=1e-15)


GARBAGE = ("", "abc", "1 2", "{r_load", "1,5", "nan", "--1", "1_0", "inf", "1.2.3")


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_refused(text):
    with pytest.raises(FileFormatError, match=r"^netlist value must be a number, got .*: write digits with a SPICE"):
        parse_number(text, {"r_load": 1.0})
