"""What is read of a signal is held at a value: a hand on the pilot of a valve, a wire cut and tied to a supply."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import is_not
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, NetworkError, explain
from lstm_analog.imperfections.base import Streams, alter, unused_label, with_unknowns
from lstm_analog.network.bank import entries
from lstm_analog.network.graph import Network
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.network.parts import (
    DATUM,
    Conductors,
    Crossbars,
    Factor,
    Followers,
    Pairs,
    Ports,
    Sources,
    Spools,
    Term,
    Transconductors,
)

_Record = TypeVar("_Record")
_OTHER_SIDE = ("_neg", "_n")
"""Suffixes of the group that a signal is counted against, where it is the difference of two."""
_READINGS: Mapping[type, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys((Ports, Spools, Factor), ("p", "n"))
    | dict.fromkeys((Transconductors, Crossbars, Term), ("inputs",))
    | {Conductors: ("a", "b")}
)
"""The fields that are unknowns read by a part, or by an entry of one."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Clamp:
    """All that reads a `signal` of some `units` finds `value` there, whatever the network makes of it.

    The nodes themselves stay what they are, and still show what the weights ask for. `Machine.force` and `Machine.shut`
    make the clamps of gates.

    Attributes
    ----------
    signal : str
        As the network names it in its provenance: "forget", "l1 forget", "l0 backward output", of an LSTM of one layer
        or of several.
    value : float
        What is read, in units of signal of its wires: of a gate the value before the activation, from -16 to 16.
    units : tuple of int
        Which units; all if it is empty.
    """

    signal: str
    value: float
    units: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise InvalidValueError(explain("clamp value", must="be finite", got=self.value, do="give e.g. -16"))
        if not all(unit >= 0 for unit in self.units):
            must, do = "be whole numbers from 0 on", "count from zero"
            raise InvalidValueError(explain("clamp units", must=must, got=self.units, do=do))


@alter.register
def _(imperfection: Clamp, network: Network, streams: Streams) -> Network:
    groups = _groups(network, imperfection.signal)
    against = [label for label in groups if label.endswith(_OTHER_SIDE)]
    places = np.arange(network.unknowns.size)
    for label in groups:
        nodes = _units(network.unknowns[label], imperfection)
        if label in against:
            places[nodes] = DATUM
            continue
        scale = float(network.unknowns.scales()[nodes[0]])
        name = unused_label(network, f"{label}_clamp")
        network, held = with_unknowns(network, name, nodes.size, scale)
        effort = np.array(imperfection.value * scale)
        network = replace(network, parts=(*network.parts, Sources(label=name, nodes=held, effort=effort)))
        places[nodes] = held
    moves = _Moves(places=places, controls=_controls(network), read=np.zeros(places.size, dtype=bool))
    parts = tuple(moves.moved(part) for part in network.parts)
    if not moves.read[places != np.arange(places.size)].all():
        must, do = "be read by parts with equations", "clamp what is not clamped yet, and no transistor cells"
        got = "units that are not"
        raise NetworkError(explain(f"the signal {imperfection.signal}", must=must, got=got, do=do))
    return replace(network, parts=parts)


def _groups(network: Network, signal: str) -> list[str]:
    """Return the labels of the groups that carry `signal`; `NetworkError` if there are none."""
    said = signals_of(network.said(SIGNAL))
    found = [label for label, word in said.items() if word == signal]
    if not found:
        words = sorted(set(said.values()))
        must = f"be one of {', '.join(words)}" if words else "be named in the provenance of the network"
        raise NetworkError(explain("signal", must=must, got=ascii(signal)[:80], do="choose one that it carries"))
    return found


def _units(nodes: Indices, clamp: Clamp) -> Indices:
    if any(unit >= nodes.size for unit in clamp.units):
        must = f"be 0 to {nodes.size - 1}"
        raise InvalidValueError(explain("clamp units", must=must, got=clamp.units, do="choose among the units"))
    return nodes[list(clamp.units)] if clamp.units else nodes


def _controls(network: Network) -> Flags:
    """Return which unknowns of `network` control a pair or a port, (N,); the datum does not."""
    found = np.zeros(network.unknowns.size, dtype=bool)
    for part in network.parts:
        for end in part.factors if isinstance(part, Pairs) else (part,) if isinstance(part, Ports) else ():
            found[end.p] = found[end.n] = True
    found[DATUM] = False
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Moves:
    """Makes parts read the unknown `places[k]` instead of k, and sets `read[k]` where one did, both (N,).

    A conductor is moved only if its other end is in `controls`, the unknowns (N,) that control a pair or a port: it is
    a divider that passes the signal on. Conductors that drive the signal, or feed it back, stay.
    """

    places: Indices
    controls: Flags
    read: Flags

    def moved(self, record: _Record) -> _Record:
        """Return `record`, a part or an entry of one, with its readings moved; itself if it has none to move."""
        values: dict[str, Any] = {}
        for name in _READINGS.get(type(record), ()):
            old = getattr(record, name)
            new = self.places[old]
            if isinstance(record, Conductors):
                new = np.where(self.controls[record.b if name == "a" else record.a], new, old)
            if (old != new).any():
                self.read[old[old != new]] = True
                values[name] = new
        for name, held in entries(record) if isinstance(record, Pairs | Followers) else ():
            moved = tuple(map(self.moved, held))
            if any(map(is_not, moved, held)):
                values[name] = moved
        return replace(record, **values) if values else record  # type: ignore[type-var]
