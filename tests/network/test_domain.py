import re
from dataclasses import replace

import pytest

from lstm_analog.errors import InvalidValueError
from lstm_analog.network.domain import DOMAINS, ELECTRICAL, HYDRAULIC


def test_domains_go_by_their_names():
    assert DOMAINS == {"electrical": ELECTRICAL, "hydraulic": HYDRAULIC}


@pytest.mark.parametrize("name", ["Electrical", "a\n.control", ""])
def test_a_name_is_a_label(name):
    with pytest.raises(InvalidValueError, match=r"^label must be"):
        replace(ELECTRICAL, name=name)


@pytest.mark.parametrize("field", ["effort_unit", "flow", "capacitance_unit"])
def test_words_are_printable(field):
    text = re.escape(f"domain {field} must be printable ASCII, got 'V\\n.control': spell the unit in letters")
    with pytest.raises(InvalidValueError, match=f"^{text}$"):
        replace(ELECTRICAL, **{field: "V\n.control"})
