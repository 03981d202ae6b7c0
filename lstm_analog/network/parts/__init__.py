"""The part banks: each record holds all like parts of a network as arrays, and declares the law of one element.

Node arrays have shape (m,) and count the network's unknowns, 0 being the datum. Parameters have shape (m,); leading
axes (chips) may stand before it. A scalar means m equal parts. A family of parts is a file; transistor-level cells
stand in `network.cells`.
"""

from typing import get_args

from lstm_analog.network.cells import Cells
from lstm_analog.network.parts.base import ALWAYS, DATUM, law, line_of, parameters_of, terminals_of
from lstm_analog.network.parts.crossbars import Crossbars
from lstm_analog.network.parts.linear import Conductors, Switches, Transconductors
from lstm_analog.network.parts.moving import Inertances, Spools, Stops
from lstm_analog.network.parts.opamps import OpAmps
from lstm_analog.network.parts.pairs import Factor, Pairs
from lstm_analog.network.parts.ports import Ports
from lstm_analog.network.parts.rectifiers import CheckValves, Diodes
from lstm_analog.network.parts.setters import Followers, Junctions, Sources, Storages, Term
from lstm_analog.network.parts.thresholds import ThresholdSwitches

__all__ = [
    "ALWAYS",
    "DATUM",
    "KINDS",
    "Cells",
    "CheckValves",
    "Conductors",
    "Crossbars",
    "Diodes",
    "Factor",
    "Followers",
    "Inertances",
    "Junctions",
    "OpAmps",
    "Pairs",
    "Part",
    "Ports",
    "Sources",
    "Spools",
    "Stops",
    "Storages",
    "Switches",
    "Term",
    "ThresholdSwitches",
    "Transconductors",
    "law",
    "line_of",
    "parameters_of",
    "terminals_of",
]

Part = (
    Sources
    | Junctions
    | Storages
    | Followers
    | Conductors
    | Switches
    | Transconductors
    | Crossbars
    | Pairs
    | Ports
    | OpAmps
    | Cells
    | Inertances
    | Spools
    | Stops
    | ThresholdSwitches
    | Diodes
    | CheckValves
)

KINDS: tuple[type[Part], ...] = get_args(Part)
"""All kinds of part."""
