"""A network under a schedule that a simulator can be given as text: checked, with all that pieces of the text need."""

from collections.abc import Sequence
from dataclasses import dataclass

from lstm_analog.errors import InvalidShapeError, UnsupportedError, explain
from lstm_analog.export.accuracy import Accuracy
from lstm_analog.export.cards import Cards, cards
from lstm_analog.export.cells import check_models
from lstm_analog.export.dialects import Dialect
from lstm_analog.export.numbers import BOUND
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.domain import DOMAINS
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import repeated
from lstm_analog.network.parts import Cells, Part, Transconductors
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.varying import check_steady

_EDGE, _TRANSISTORS = 1e-4, 0.1
"""Rise time of clocks and inputs over the shortest interval; the longer one is for transistor cells, whose switches
inject a charge that depends on it and was calibrated with it.

Signals after an edge are late by half of it. Shorter: ngspice rounds the corners off (its breakpoints are at least 5e-7
of the longest interval apart). Longer: 1e-3 leaves an error of 1e-4 where signals have not settled (`tests/export`).
"""
_CLOSEST = 3e-5
"""The shortest interval over the longest step of a simulator; smaller: ngspice 39 takes edges closer than 5e-5 of that
step as one, stops there, or passes over the interval and says nothing (measured with 24, 100 and 400 steps)."""
_FINEST = 1e-13
"""Rise time over the end of a schedule; smaller: 15 digits do not tell where an edge begins and ends."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Netlist:
    """A `network` under a `schedule`, to be written in a `dialect`.

    `names` are those of its unknowns, the datum first; `banks` its parts with their cards; edges take `rise` (s).
    """

    network: Network
    schedule: Schedule
    dialect: Dialect
    names: Sequence[str]
    banks: tuple[tuple[Part, Cards], ...]
    rise: float


def netlist(network: Network, schedule: Schedule, dialect: Dialect) -> Netlist:
    """Return `network` under `schedule`, to be written in `dialect`, unchecked."""
    banks, rise = tuple((part, cards(part)) for part in network.parts), rise_time(network, schedule)
    names = network.unknowns.names()
    return Netlist(network=network, schedule=schedule, dialect=dialect, names=names, banks=banks, rise=rise)


def checked_netlist(network: Network, schedule: Schedule, dialect: Dialect, accuracy: Accuracy) -> Netlist:
    """Return `network` under `schedule`, to be written in `dialect` for a simulator with `accuracy`.

    Raises `NetworkError` if they do not fit, `InvalidShapeError` if the network has chips or an empty bank or the
    schedule several sequences, `UnsupportedError` or `FileAccessError` if the files of its device models are not those
    that it names or cannot be had in `dialect`, `UnsupportedError` if its domain is another of a known name, intervals
    are too short for a simulator, or two values get one name.
    """
    schedule.fit(network.verify())
    schedule.single("a netlist")
    if DOMAINS.get(network.domain.name, network.domain) != network.domain:
        must, do = "have the units of that name", "give a domain of your own another name"
        raise UnsupportedError(explain(f"domain {network.domain.name}", must=must, got="others", do=do))
    check_one_chip(network)
    _check_edges(schedule, accuracy.steps, rise_time(network, schedule))
    check_steady(network)
    check_models(network, dialect)
    made = netlist(network, schedule, dialect)
    for part, read in made.banks:
        if not (read.pins[0].size and (not isinstance(part, Transconductors) or part.inputs.size)):
            do = "leave the bank out"
            raise InvalidShapeError(explain(f"part {part.label}", must="have an element", got="none", do=do))
    if wrong := repeated(f"{part.label}_{key}" for part, read in made.banks for key in read.values):
        must, do = "differ: they are called <bank>_<value>", "rename a bank"
        raise UnsupportedError(explain("parameters of a deck", must=must, got=", ".join(wrong), do=do))
    return made


def rise_time(network: Network, schedule: Schedule) -> float:
    """Return the rise time (s) of clocks and inputs in a deck of `network` under `schedule`."""
    slow = any(isinstance(part, Cells) for part in network.parts)
    return (_TRANSISTORS if slow else _EDGE) * float(schedule.durations.min())


def _check_edges(schedule: Schedule, steps: int, rise: float) -> None:
    """Raise if a simulator could not tell edges apart that take `rise` (s), in `steps` of the longest interval."""
    shortest, longest, end = float(schedule.durations.min()), float(schedule.durations.max()), schedule.ends[-1]
    if shortest * steps < _CLOSEST * longest:
        must = f"be at least {_CLOSEST * longest / steps:.3g} s, a share of the longest, for edges to be told apart"
        do = "make it longer or the longest shorter, or ask for more steps"
        raise UnsupportedError(explain("the shortest interval of a deck", must=must, got=f"{shortest:.3g} s", do=do))
    if not rise > _FINEST * end or end >= BOUND:
        must, do = f"end before {rise / _FINEST:.3g} s", "write fewer steps"
        raise UnsupportedError(explain("a deck", must=must, got=f"{end:.3g} s", do=do))
