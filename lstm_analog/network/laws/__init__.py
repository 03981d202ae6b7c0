"""The physics of every part, written once; engines and exporters derive what they need from here.

Each law is a function dispatched on the kind of part. `effort` has shape (..., unknowns), `high` says which clock lines
are high. Flows count positive into a node. A law that a kind of part does not have gives its neutral answer (no flow,
no capacity); an unknown kind raises `UnsupportedPartError`. The laws stand beside this file, one family each.
"""

from lstm_analog.network.laws import dense, setters
from lstm_analog.network.laws.base import (
    blocks,
    capacity,
    flow,
    flow_into,
    idle,
    partials,
    partials_into,
    rows,
    sets,
    surplus,
    take,
)
from lstm_analog.network.laws.equations import bank_of
from lstm_analog.network.laws.levers import Lever, kinks_at, lever_flows, lever_slopes, lever_sums, lever_values, levers
from lstm_analog.network.laws.noise import Noise, noise
from lstm_analog.network.laws.records import Block, BlockForm, High, Idle, Kind, Order, diagonal, is_on

__all__ = [
    "Block",
    "BlockForm",
    "High",
    "Idle",
    "Kind",
    "Lever",
    "Noise",
    "Order",
    "bank_of",
    "blocks",
    "capacity",
    "diagonal",
    "flow",
    "flow_into",
    "idle",
    "is_on",
    "kinks_at",
    "lever_flows",
    "lever_slopes",
    "lever_sums",
    "lever_values",
    "levers",
    "noise",
    "partials",
    "partials_into",
    "rows",
    "sets",
    "surplus",
    "take",
]

FAMILIES = (dense, setters)
"""The modules that register the laws; named so that importing this package registers them all."""
