"""How a machine is driven, as graph files hold it."""

from lstm_analog.engines import start_efforts
from lstm_analog.export import Driven
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind
from lstm_analog.network.schedule import Schedule


def driven(network: Network, fed: Schedule) -> Driven:
    """Return how `network` is driven as it is `fed`: the reset comes once; where it starts, unless only SPICE knows."""
    inside = network.kinds()[Kind.INSIDE].size
    return Driven(schedule=fed, once=1, start=None if inside else start_efforts(network, fed.sequence(0)))
