"""What all tests share: those of EPANET are left out where it cannot be had."""

import sys
from importlib.util import find_spec

import pytest

WHEELS_UP_TO = (3, 13)
"""EPANET comes with wntr, which has no wheels for newer Pythons yet."""
ABSENT = find_spec("wntr") is None and sys.version_info[:2] > WHEELS_UP_TO
collect_ignore = ["study/test_epanet_state.py"] if ABSENT else []  # it imports wntr


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ABSENT:
        left_out = [item for item in items if item.get_closest_marker("epanet")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
