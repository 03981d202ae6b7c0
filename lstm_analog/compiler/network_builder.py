"""A network under construction, and parts in which several technologies do the same."""

from abc import ABC
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.domain import Domain
from lstm_analog.network.fluids import Filling
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Factor,
    Followers,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
)
from lstm_analog.network.shapes import Shape


class NetworkBuilder(ABC):
    """A network under construction; it changes as groups and banks are added.

    Groups are numbered in the order in which their nodes are first asked for. `label` names a group or a bank, `size`
    is its number of nodes, `scale` the effort of one unit of its signal. `parts` are the banks so far, in order.
    `domain`, which each kind of builder sets, has the names and units of efforts and flows. `nodes`, `a`, `b` and
    `inputs` are unknowns, `line` is the name of one of the clock `lines`; sizes are in SI units.
    """

    domain: Domain

    def __init__(self, scale: float, lines: tuple[str, ...] = ()) -> None:
        """Start without groups; one that is given no scale of its own has `scale` (effort unit)."""
        self.parts: list[Part] = []
        self.lines = lines
        self._scale = scale
        self._groups: dict[str, Group] = {}
        self._starts: dict[str, int] = {}

    def network(self, provenance: tuple[tuple[str, str], ...], filling: Filling | None = None) -> Network:
        """Return the network of all groups and banks, with its `provenance` and `filling`.

        Raises `NetworkError` if it is not well formed.
        """
        return Network(
            domain=self.domain,
            unknowns=Unknowns(groups=tuple(self._groups.values())),
            parts=tuple(self.parts),
            lines=self.lines,
            provenance=provenance,
            filling=filling,
        ).verify()

    def has_group(self, label: str) -> bool:
        """Return whether there is a group `label`."""
        return label in self._groups

    def nodes(self, label: str, size: int, scale: float | None = None) -> Indices:
        """Return the unknowns (size,) of the group `label`, which is made if it is new."""
        if label not in self._groups:
            self._starts[label] = 1 + sum(group.size for group in self._groups.values())
            self._groups[label] = Group(label=label, size=size, scale=self._scale if scale is None else scale)
        return np.arange(self._starts[label], self._starts[label] + size)

    def sources(self, label: str, effort: Floats, scale: float | None = None) -> Indices:
        """Add sources at `effort` (m,), in the effort unit, and return their nodes (m,)."""
        nodes = self.nodes(label, effort.size, scale)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes

    def junctions(self, label: str, nodes: Indices) -> None:
        """Add junctions at `nodes`."""
        self.parts.append(Junctions(label=label, nodes=nodes))

    def storages(self, label: str, nodes: Indices, capacitance: float | Floats) -> None:
        """Add storages of `capacitance` from `nodes` to the datum."""
        self.parts.append(Storages(label=label, nodes=nodes, capacitance=np.asarray(capacitance)))

    def conductors(self, label: str, a: Indices, b: Indices, conductance: float | Floats) -> None:
        """Add conductors of `conductance` from `a` to `b`."""
        self.parts.append(Conductors(label=label, a=a, b=b, conductance=np.asarray(conductance)))

    def to_datum(self, label: str, nodes: Indices, conductance: float) -> None:
        """Add conductors of `conductance` from `nodes` to the datum."""
        self.conductors(label, nodes, np.full_like(nodes, DATUM), conductance)

    def switches(self, label: str, line: str, a: Indices, b: Indices, *, closed: float, opened: float) -> None:
        """Add switches from `a` to `b`, of conductance `closed` while `line` is high, `opened` while it is low."""
        sizes = {"closed": np.array(closed), "opened": np.array(opened)}
        self.parts.append(Switches(label=label, line=self.lines.index(line), a=a, b=b, **sizes))

    def adders(self, label: str, nodes: Indices, *inputs: Indices) -> None:
        """Add followers at `nodes` (m,) of the plain sum of `inputs`, (m,) each, that never clip."""
        none, unbound = np.array(0.0), np.array(np.inf)
        terms = tuple(Term(inputs=each, gain=np.array(1.0)) for each in inputs)
        self.parts.append(Followers(label=label, nodes=nodes, terms=terms, offset=none, low=-unbound, high=unbound))


class DomainBuilder(NetworkBuilder):
    """A network of a given `domain` under construction."""

    def __init__(self, domain: Domain, scale: float, lines: tuple[str, ...] = ()) -> None:
        """Start without groups; `scale` and `lines` are as in `NetworkBuilder`."""
        NetworkBuilder.__init__(self, scale, lines)
        self.domain = domain


STEEPNESS = MappingProxyType({Shape.SIGMOID: 1.0, Shape.TANH: 2.0})
"""The control of the half-bridge of a curve, over that of the curve: tanh(u) = 2 sigmoid(2 u) - 1."""


def half_bridge(
    labels: tuple[str, str],
    ends: tuple[Indices, Indices, Indices],
    curve: Factor,
    conductance: float,
    limit: float = np.inf,
) -> tuple[Ports, ...]:
    """Return the opposed ports `labels` between `ends`, (m,) each: from the top to the middle, and on to the bottom.

    They are `conductance` e^{v/2} and e^{-v/2}, so that the middle settles at bottom + sigmoid(v) (top - bottom); v is
    the control of the `curve`, a sigmoid or tanh, times its `STEEPNESS`. |v|/2 goes up to `limit`.
    """
    top, middle, bottom = ends
    half = 0.5 * STEEPNESS[curve.shape]
    return tuple(
        Ports(
            label=label,
            line=ALWAYS,
            shape=Shape.EXP,
            a=a,
            b=b,
            p=curve.p,
            n=curve.n,
            conductance=np.array(conductance),
            scale=share * curve.scale,
            offset=share * curve.offset + 0.0,  # no minus zero
            limit=np.array(limit),
        )
        for label, share, a, b in ((labels[0], half, top, middle), (labels[1], -half, middle, bottom))
    )


def gated_leak(
    label: str, line: int, store: Indices, falling: Factor, add: tuple[Factor, ...], *, rate: float, unit: float
) -> tuple[Ports, Pairs]:
    """Return the drain and the inflow of the storages `store` (m,), on while the clock `line` is high for a time T.

    `C de/dt = -C a e + q` with a = softplus(-z)/T and q = C a add/sigmoid(-z). `falling` is the control -z, of any
    curve; `add` are the factors of the product that is added; `rate` is C/T, `unit` the effort of one unit. With
    constant gates this is exactly `m' = sigmoid(z) m + add`, because exp(-softplus(-z)) = sigmoid(z)
    (docs/physics.md#gated-leak). The labels of both banks begin with `label`.
    """
    drain = Ports(
        label=f"{label}_drain",
        line=line,
        shape=Shape.SOFTPLUS,
        a=store,
        b=np.full_like(store, DATUM),
        p=falling.p,
        n=falling.n,
        conductance=np.array(rate),
        scale=falling.scale,
        offset=falling.offset,
    )
    factors = (*add, replace(falling, shape=Shape.SOFTPLUS_RATIO))
    return drain, Pairs(label=f"{label}_fill", line=line, out=store, current=np.array(rate * unit), factors=factors)
