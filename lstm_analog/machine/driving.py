"""Write a machine with its schedule and start values, for graph files and Modelica."""

from collections.abc import Callable
from pathlib import Path

from lstm_analog.engines import start_efforts
from lstm_analog.export import Driven, model_name, write_modelica
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind
from lstm_analog.network.schedule import Schedule

WriteGraph = Callable[..., None]
"""Function that writes a network with its schedule and tubes: `export.write_json` or `export.write_graphml`."""


def driven(network: Network, fed: Schedule) -> Driven:
    """Return the schedule `fed` of `network` with its reset as the one interval that does not repeat, and its start.

    The start is None for transistor cells, whose operating point only a SPICE simulator finds.
    """
    inside = network.kinds()[Kind.INSIDE].size
    return Driven(schedule=fed, once=1, start=None if inside else start_efforts(network, fed.sequence(0)))


def write_driven_modelica(path: str | Path, network: Network, fed: Schedule) -> None:
    """Write `network` under the schedule `fed` to `path`, as a Modelica model named after the file."""
    write_modelica(path, network, fed, name=model_name(path), start=start_efforts(network, fed))
