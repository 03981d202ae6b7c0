"""What all tests share: those of EPANET and of SKY130 are left out where these cannot be had.

Numpy does the work of the engines, as for a user without the extra `fast`; in tests/engines their kernel does it.
With LSTM_ANALOG_NATIVE=1 in the environment it does so in all tests.
"""

import gc
import os
import sys
from importlib.util import find_spec

import pytest

from lstm_analog.compiler.model_files import model_folder
from lstm_analog.compiler.sky130 import SKY130
from lstm_analog.engines.native import library
from lstm_analog.errors import LibraryMissingError

WHEELS_UP_TO = (3, 13)
"""EPANET comes with wntr, which has no wheels for newer Pythons yet."""
ABSENT = find_spec("wntr") is None and sys.version_info[:2] > WHEELS_UP_TO
os.environ.setdefault(library.SWITCH, "0")
collect_ignore = ["study/test_epanet_state.py"] if ABSENT else []  # it imports wntr


def is_modelled() -> bool:
    """Return whether the models of SKY130 are on this computer."""
    try:
        return model_folder(SKY130.devices).is_dir()
    except LibraryMissingError:
        return False


def pytest_collection_finish() -> None:
    """Let no search for garbage go through what was imported and collected: 0.3 s each, and some tests ask for many.

    Others are made less often: runs leave few cycles behind, and searches took a twentieth of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    absent = [*(["epanet"] if ABSENT else []), *([] if is_modelled() else ["sky130"])]
    if absent:
        left_out = [item for item in items if any(item.get_closest_marker(name) for name in absent)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
