"""The text of graph files for the living page, whose engine integrates them."""

import tempfile
from pathlib import Path

import numpy as np

from lstm_analog.engines import start_efforts
from lstm_analog.export import Driven, write_json
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.study.epanet import tubes_in


def graph_text(network: Network, fed: Schedule, technology: object = None) -> str:
    """Return the text of the graph file of `network` driven by `fed`, as `write_json` writes it.

    If a `technology` is given, tubes have bores and lengths.
    """
    driven = Driven(schedule=fed, once=min(1, len(fed.names) - 1), start=start_efforts(network, fed))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.json"
        write_json(path, network, driven=driven, tubes=tubes_in(technology, network))
        return path.read_text(encoding="ascii")


def still(network: Network, duration: float = 1.0) -> Schedule:
    """Return the schedule of a `network` without clock: one interval of `duration` (s)."""
    high = np.zeros((1, len(network.lines)), dtype=bool)
    return Schedule(names=("rest",), high=high, durations=np.array([duration]), imposed=())
