"""The network: labelled unknowns and the part banks between them. Engines and exporters read nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidTypeError, InvalidValueError, NetworkError, explain
from lstm_analog.network.bank import put, same_bank
from lstm_analog.network.domain import Domain
from lstm_analog.network.fluids import Filling
from lstm_analog.network.labels import check_label, repeated
from lstm_analog.network.laws import BlockForm, Kind, blocks, sets
from lstm_analog.network.parameters import count_chips
from lstm_analog.network.parts import ALWAYS, DATUM, Part

_MOST_COUNTED = 1_000_000
"""Largest network in which the error for an unset unknown names it; that search takes 8 bytes for each unknown."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Group:
    """A labelled run of `size` unknowns; `scale` is the effort (effort unit) that stands for one unit of signal."""

    label: str
    size: int
    scale: float

    def __post_init__(self) -> None:
        """Check label, size and scale."""
        check_label(self.label)
        whole = isinstance(self.size, int | np.integer)
        for name, value in (("size", self.size), ("scale", self.scale)):
            if not (np.isfinite(value) and value > 0 and whole):
                must = "be positive and finite, size a whole number"
                raise InvalidValueError(
                    explain(f"{self.label}.{name}", must=must, got=value, do="give a number above zero")
                )


@checked_record
@dataclass(frozen=True, kw_only=True)
class Unknowns:
    """The unknowns of a network: number 0 is the datum, then the groups in order."""

    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        """Make the groups a tuple."""
        put(self, "groups", tuple(self.groups))

    @property
    def size(self) -> int:
        """The number of unknowns, the datum included."""
        return 1 + sum(group.size for group in self.groups)

    def __getitem__(self, label: str) -> Indices:
        """Return the unknowns of the group `label`, shape (size,); `NetworkError` names the labels there are."""
        start = 1
        for group in self.groups:
            if group.label == label:
                return np.arange(start, start + group.size)
            start += group.size
        known = ", ".join(group.label for group in self.groups)
        raise NetworkError(explain("label", must=f"be one of {known}", got=repr(label)[:80], do="probe another group"))

    def scales(self) -> Floats:
        """Return the scale of every unknown (effort unit), shape (size,), read-only; 1 for the datum."""
        return self._scales

    @cached_property
    def _scales(self) -> Floats:
        scales, sizes = zip((1.0, 1), *((group.scale, group.size) for group in self.groups), strict=True)
        found = np.repeat(np.array(scales, dtype=np.float64), sizes)
        found.flags.writeable = False
        return found

    def names(self) -> list[str]:
        """Return the name of every unknown: `0` for the datum, else `<label>_<number>`."""
        return ["0", *(f"{group.label}_{k}" for group in self.groups for k in range(group.size))]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A physical network: the single source of truth that engines run, exporters write and studies perturb.

    Attributes
    ----------
    domain : Domain
        What effort and flow are called.
    unknowns : Unknowns
        Node efforts and internal states.
    parts : tuple of Part
        The banks; their laws stand in `network.laws`.
    lines : tuple of str
        The clock lines that switches, pairs and ports refer to by number.
    provenance : tuple of (str, str)
        Where the network comes from, and what was done to it: printable keys and values; a key may come more than once.
    filling : Filling or None
        What flows in it, if it is plumbing and that is known.
    """

    domain: Domain
    unknowns: Unknowns
    parts: tuple[Part, ...]
    lines: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    filling: Filling | None = None

    def __post_init__(self) -> None:
        """Check kinds and labels, and that the provenance is printable ASCII on one line, its keys single words."""
        _check_kinds(self)
        for line in self.lines:
            check_label(line)
        for key, _ in self.provenance:
            check_label(key)
        for entry in (text for pair in self.provenance for text in pair):
            if not (entry.isascii() and entry.isprintable()):
                raise InvalidValueError(
                    explain("provenance", must="be printable ASCII", got=ascii(entry)[:80], do="rename the source")
                )

    @checked
    def part(self, label: str) -> Part:
        """Return the part bank called `label`, or raise `NetworkError` with the labels there are."""
        for part in self.parts:
            if part.label == label:
                return part
        known = ", ".join(part.label for part in self.parts)
        raise NetworkError(explain("part", must=f"be one of {known}", got=repr(label)[:80], do="choose another"))

    @checked
    def said(self, key: str) -> tuple[str, ...]:
        """Return the values of the provenance under `key`, in order; empty if there is none."""
        return tuple(value for name, value in self.provenance if name == key)

    def kinds(self) -> dict[Kind, Indices]:
        """Return the unknowns (k,) that each kind of setter determines, in the order of the parts."""
        found = [setting for part in self.parts if (setting := sets(part)) is not None]
        return {
            kind: np.concatenate([np.empty(0, np.int64), *(nodes for k, nodes in found if k is kind)]) for kind in Kind
        }

    @cached_property
    def chips(self) -> int:
        """How many chips the parameters describe, side by side on a leading axis; 0 if they carry no such axis."""
        return count_chips(self.parts)

    def verify(self) -> "Network":
        """Return the network itself if it is well formed.

        Raises
        ------
        NetworkError
            If there are no unknowns, labels repeat, an index points nowhere, an unknown is set by no part or by two, or
            a junction has no conductance of its own.
        InvalidShapeError
            If the parameters of two banks describe different numbers of chips.
        """
        self._checked  # noqa: B018 - raises
        return self

    @cached_property
    def _checked(self) -> None:
        _check_labels(self)
        _check_indices(self)
        _check_setters(self)
        _check_junctions(self)
        self.chips  # noqa: B018 - raises

    @checked
    def equals(self, other: "Network", *, rtol: float) -> bool:
        """Return whether `other` is the same network, provenance included, numbers of parts within relative `rtol`."""
        return (
            (self.domain, self.unknowns, self.lines, self.provenance, self.filling)
            == (other.domain, other.unknowns, other.lines, other.provenance, other.filling)
            and len(self.parts) == len(other.parts)
            and all(same_bank(a, b, rtol) for a, b in zip(self.parts, other.parts, strict=True))
        )


_KINDS = {
    "domain": Domain,
    "unknowns": Unknowns,
    "filling": Filling | None,
    **dict.fromkeys(("parts", "lines", "provenance"), tuple | list),
}
"""What each field of a network is. Parts of a user's own kind are any records with a label."""


def _check_kinds(network: Network) -> None:
    """Raise `InvalidTypeError` for a field of another kind; make tuples of the parts, the lines and the provenance."""
    for name, kind in _KINDS.items():
        if not isinstance(getattr(network, name), kind):
            raise _not_of_kind(name, getattr(network, name))
    parts: tuple[object, ...] = network.parts
    for part in parts:
        if not is_dataclass(part) or not isinstance(getattr(part, "label", None), str):
            raise _not_of_kind("parts", part)
    pairs: tuple[object, ...] = network.provenance
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise _not_of_kind("provenance", pair)
    put(network, "provenance", tuple(map(tuple, network.provenance)))
    for name in ("parts", "lines"):
        put(network, name, tuple(getattr(network, name)))


def _not_of_kind(name: str, value: object) -> InvalidTypeError:
    must, got = "be what the attributes of Network say", " ".join(ascii(value)[:60].split())
    return InvalidTypeError(explain(f"network {name}", must=must, got=got, do="give that"))


def _check_labels(network: Network) -> None:
    if not network.unknowns.groups:
        raise NetworkError(explain("unknowns", must="be at least one group", got="none", do="add a group"))
    spaces = {
        "group labels": [group.label for group in network.unknowns.groups],
        "part labels": [part.label for part in network.parts],
        "clock lines": list(network.lines),
    }
    for what, labels in spaces.items():
        if twice := repeated(labels):
            raise NetworkError(explain(what, must="differ", got=", ".join(twice), do="rename one"))


def _node_arrays(record: object) -> Iterator[tuple[str, Indices]]:
    if is_dataclass(record):
        for entry in fields(record):
            value = getattr(record, entry.name)
            if isinstance(value, np.ndarray) and value.dtype == np.int64:
                yield entry.name, value
            elif isinstance(value, tuple):
                for item in value:
                    yield from _node_arrays(item)


def _check_indices(network: Network) -> None:
    size, lines = network.unknowns.size, len(network.lines)
    for part in network.parts:
        for name, nodes in _node_arrays(part):
            if nodes.size and int(nodes.max()) >= size:
                must, got = f"count the {size} unknowns", int(nodes.max())
                raise NetworkError(explain(f"{part.label}.{name}", must=must, got=got, do="take nodes from Unknowns"))
        line: Any = getattr(part, "line", ALWAYS)
        if not isinstance(line, int | np.integer) or not ALWAYS <= line < lines:
            must, do = f"be one of the {lines} clock lines", "number a line, or ALWAYS"
            raise NetworkError(explain(f"{part.label}.line", must=must, got=ascii(line)[:60], do=do))


def _check_setters(network: Network) -> None:
    found, size = network.kinds().values(), network.unknowns.size
    missing = size - 1 - sum(nodes.size for nodes in found)
    if missing > 0 and size > _MOST_COUNTED:  # a forged size: said before anything as large is made
        must, do = f"set each of {size - 1} unknowns", "shrink the groups to what is set"
        raise NetworkError(explain("the parts", must=must, got=f"{missing} too few", do=do))
    times = np.zeros(size, dtype=int)
    for nodes in found:
        np.add.at(times, nodes, 1)
    if times[DATUM]:
        raise NetworkError(explain("the datum", must="be set by no part", got="a setter", do="use another node"))
    wrong = np.flatnonzero(times[1:] != 1) + 1
    if wrong.size:
        name, number = network.unknowns.names()[wrong[0]], int(times[wrong[0]])
        must = "be set by exactly one source, follower, storage, junction, cell or internal state"
        do = f"fix it and {wrong.size - 1} more" if wrong.size > 1 else "add or remove one"
        raise NetworkError(explain(f"unknown {name}", must=must, got=f"{number} setters", do=do))


def _check_junctions(network: Network) -> None:
    low = tuple(False for _ in network.lines)
    bare = np.zeros(network.unknowns.size, dtype=bool)
    bare[network.kinds()[Kind.BALANCED]] = True
    for part in network.parts:
        for block in blocks(part, low) if bare.any() else ():
            if block.form is BlockForm.DIAGONAL:
                bare[block.rows[block.rows == block.columns]] = False
    if bare.any():
        name = network.unknowns.names()[int(np.flatnonzero(bare)[0])]
        must, do = "have a conductance of its own in every clock phase", "add a load or make it a storage"
        raise NetworkError(explain(f"junction {name}", must=must, got=f"{int(bare.sum())} without", do=do))
