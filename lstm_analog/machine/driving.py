"""How a machine is driven, as graph files and Modelica hold it."""

from collections.abc import Callable
from pathlib import Path

from lstm_analog.engines import start_efforts
from lstm_analog.export import Driven, model_name, write_modelica
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind
from lstm_analog.network.schedule import Schedule

WriteGraph = Callable[..., None]
"""Writes a network to a path with what drives it, and its tubes: `export.write_json`, `export.write_graphml`."""


def driven(network: Network, fed: Schedule) -> Driven:
    """Return how `network` is driven as it is `fed`: the reset comes once; where it starts, unless only SPICE knows."""
    inside = network.kinds()[Kind.INSIDE].size
    return Driven(schedule=fed, once=1, start=None if inside else start_efforts(network, fed.sequence(0)))


def write_driven_modelica(path: str | Path, network: Network, fed: Schedule) -> None:
    """Write `network` as it is `fed` to `path` as a Modelica model named after the file, with where it starts."""
    write_modelica(path, network, fed, name=model_name(path), start=start_efforts(network, fed))
