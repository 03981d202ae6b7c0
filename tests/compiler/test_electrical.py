from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.errors import InvalidValueError


@pytest.mark.parametrize("field", ["capacitance", "row_resistance", "volts_per_unit", "gap"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_sizes_are_positive(field, value):
    with pytest.raises(InvalidValueError, match=rf"^BEHAVIOURAL {field} must be positive, got "):
        replace(BEHAVIOURAL, **{field: value})


def test_the_time_constant_is_the_slowest_pole():
    """Row: R C. Master: load and switch in series. Slave: its switch."""
    assert BEHAVIOURAL.time_constant == pytest.approx(1e-6)
    for change in (
        {"row_resistance": 3e4},
        {"load_resistance": 25e3},
        {"copy_resistance": 3e4},
        {"capacitance": 3e-10},
    ):
        assert replace(BEHAVIOURAL, **change).time_constant == pytest.approx(3e-6)
