"""Sorts the flows into the unknowns in a clock phase by how they depend on efforts, so that each kind has fast code.

A bank that is linear with constant coefficients is replaced by these: a coefficient for each element, or one matrix.
Pairs are products of curves; laminar ports are conductances that other efforts control. For all other banks the law of
the part is evaluated. All of this comes from the laws of the parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.graph import Network, line_of
from lstm_analog.network.laws import BlockForm, High, Kind, Order, blocks, flow, is_on, partials, rows, take
from lstm_analog.network.parts import Conductors, Followers, Pairs, Part, Ports, Switches


class Way(Enum):
    """How a flow depends on efforts.

    CONSTANT: not at all. DIAGONAL: a constant coefficient times one effort for each row. DENSE: a constant matrix.
    PRODUCT: products of curves (pairs). CONTROLLED: through a conductance that other efforts control (ports). LAW: by
    its law, in any other way.
    """

    CONSTANT = "constant"
    DIAGONAL = "diagonal"
    DENSE = "dense"
    PRODUCT = "product"
    CONTROLLED = "controlled"
    LAW = "law"


_WHOLE = (Way.CONSTANT, Way.DIAGONAL, Way.DENSE)
"""The ways of which `values` say all, so that the part need not be taken apart."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Feed:
    """The flow of one bank into m unknowns.

    Attributes
    ----------
    part : Part
        The bank.
    high : tuple of bool
        Which clock lines are high.
    number : int
        Tells the feeds of a bank apart.
    way : Way
        How the flow depends on efforts.
    rows : index array, (m,)
        The unknowns that the flow enters; -1 where a source or follower sets the unknown.
    columns : index array, (m,) or (n,)
        Efforts that the flow depends on: of DIAGONAL and DENSE those that are multiplied, of CONTROLLED the other ends.
    values : float array or None
        Constants (..., m), coefficients (..., m) or the matrix (..., m, n); None for the other ways.
    names : index array, (unknowns,)
        For each unknown the one that it equals and is called by here.
    elements : index array, (m,), or None
        Which of the flows of the whole bank these are; None for all of them.
    """

    part: Part
    high: High
    number: int
    way: Way
    rows: Indices
    columns: Indices
    values: Floats | None
    names: Indices
    elements: Indices | None = None

    @property
    def name(self) -> tuple[object, ...]:
        """The feed's identity: feeds of equal name are the same flow, also in another phase."""
        return self.part.label, self.number, is_on(line_of(self.part), self.high)

    @property
    def controls(self) -> Indices:
        """The unknowns, besides `columns`, that the flow depends on: controls of pairs and ports, all of a law."""
        if isinstance(self.part, Pairs):
            return np.concatenate([end for factor in self.part.factors for end in (factor.p, factor.n)])
        if isinstance(self.part, Ports) and self.way is Way.CONTROLLED:
            return np.concatenate((self.part.p, self.part.n))
        if self.way is Way.LAW:
            return np.concatenate([block.columns for block in blocks(self.part, self.high)])
        return np.empty(0, np.int64)

    def of(self, nodes: Indices) -> tuple["Feed", ...]:
        """Return the feeds into the sorted `nodes` (n,), in their order: as many as this bank feeds each node times."""
        fed = np.flatnonzero(np.isin(self.rows, nodes))
        order = fed[np.argsort(self.rows[fed], kind="stable")].reshape(nodes.size, -1)
        return tuple(self._of_elements(order[:, k]) for k in range(order.shape[1]))

    def _of_elements(self, elements: Indices) -> "Feed":
        """Return the feed of some `elements` only; a matrix is a view, for it may be the largest array there is."""
        dense, whole = self.way is Way.DENSE, self.way in _WHOLE
        return replace(
            self,
            part=self.part if whole else take(self.part, elements),
            rows=self.rows[elements],
            columns=self.columns if dense or not self.columns.size else self.columns[elements],
            values=None if self.values is None else self._chosen(self.values, elements),
            elements=elements if self.elements is None else self.elements[elements],
        )

    def _chosen(self, values: Floats, elements: Indices) -> Floats:
        chosen = _run(elements)
        return values[..., chosen, :] if self.way is Way.DENSE else values[..., chosen]

    def refitted(self, changed: "ChangedBanks") -> "Feed":
        """Return the same flow with the parameters that its bank has now, if it is one of those `changed`."""
        if self.part.label not in changed.banks:
            return self
        whole, chosen = changed.bank(self), self.elements
        if self.way not in _WHOLE:
            return replace(self, part=whole if chosen is None else take(whole, chosen))
        values = changed.values(self)
        return replace(self, part=whole, values=values if chosen is None else self._chosen(values, chosen))


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangedBanks:
    """The `banks` of a network whose parameters have changed, by label.

    `named` are those banks with nodes by other names, `known` their coefficients, matrices and constants: each is
    worked out once.
    """

    banks: dict[str, Part]
    named: dict[tuple[str, int], Part] = field(default_factory=dict)
    known: dict[tuple[object, ...], list[Floats]] = field(default_factory=dict)

    def bank(self, feed: Feed) -> Part:
        """Return the bank of `feed` with the names that it calls nodes by."""
        key = (feed.part.label, id(feed.names))
        if key not in self.named:
            self.named[key] = renamed(self.banks[feed.part.label], feed.names)
        return self.named[key]

    def values(self, feed: Feed) -> Floats:
        """Return the coefficients (..., m), matrix (..., m, n) or constants (..., m) of the whole bank of `feed`."""
        part, still = self.banks[feed.part.label], feed.way is Way.CONSTANT
        key = (part.label, is_on(line_of(part), feed.high), still)
        if key not in self.known:
            rest = np.zeros(feed.names.size)
            self.known[key] = _constants(part, rest, feed.high) if still else list(partials(part, rest, feed.high))
        return self.known[key][feed.number - (len(blocks(part, feed.high)) if still else 0)]


def _constants(part: Part, rest: Floats, high: High) -> list[Floats]:
    """Return what flows into each terminal of `part` at the efforts `rest` (unknowns,), (..., m), where it does."""
    still = flow(part, rest, high)
    return [into for terminal in range(still.shape[-2]) if (into := still[..., terminal, :]).any()]


def _run(elements: Indices) -> slice | Indices:
    """Return `elements` as a slice if they follow each other, so that indexing by it is a view."""
    if elements.size and (np.diff(elements) == 1).all():
        return slice(int(elements[0]), int(elements[-1]) + 1)
    return elements


def feeds(network: Network, names: Indices, high: High) -> tuple[Feed, ...]:
    """Return the feeds of the unknowns of `network` with the clock lines `high`.

    `names` (unknowns,) says for each unknown which one it equals, by which it is called.
    """
    kinds = network.kinds()
    balanced = np.zeros(network.unknowns.size, dtype=bool)
    balanced[kinds[Kind.BALANCED]] = balanced[kinds[Kind.STORED]] = True
    followed = np.zeros_like(balanced)
    followed[kinds[Kind.FOLLOWED]] = True
    rest = np.zeros(network.unknowns.size)
    found: list[Feed] = []
    for part in (renamed(part, names) for part in network.parts):
        open_to = followed if isinstance(part, Followers) else balanced
        for number, (way, row, columns, values) in enumerate(_flows(part, rest, high)):
            fed = np.where(open_to[row], row, -1)
            if (fed >= 0).any():
                found.append(
                    Feed(
                        part=part,
                        high=high,
                        number=number,
                        way=way,
                        rows=fed,
                        columns=columns,
                        values=values,
                        names=names,
                    )
                )
    return tuple(found)


def _flows(part: Part, rest: Floats, high: High) -> Iterator[tuple[Way, Indices, Indices, Floats | None]]:
    """Yield the flows of `part`: way, rows, columns and values each, as in `Feed`; `rest` (unknowns,) is all zero."""
    couplings, fed, none = blocks(part, high), rows(part), np.empty(0, np.int64)  # `rows` refuses what has no law
    if not couplings:
        return
    if all(block.order is Order.CONSTANT for block in couplings):
        for block, value in zip(couplings, partials(part, rest, high), strict=True):
            way = Way.DENSE if block.form is BlockForm.DENSE else Way.DIAGONAL
            yield way, block.rows, block.columns, value
        still = flow(part, rest, high)
        for terminal, row in enumerate(fed):
            if still[..., terminal, :].any():
                yield Way.CONSTANT, row, none, still[..., terminal, :]
    elif isinstance(part, Pairs):
        yield Way.PRODUCT, part.out, none, None
    elif isinstance(part, Ports) and part.laminar:
        yield Way.CONTROLLED, part.a, part.b, None
        yield Way.CONTROLLED, part.b, part.a, None
    else:
        for row in fed:
            yield Way.LAW, row, none, None


def renamed(part: Part, names: Indices) -> Part:
    """Return `part` with each unknown k replaced by `names[k]`, the one that it equals.

    Conductors, switches and ports that then join an unknown to itself are left out.
    """
    moved: Part = _renamed(part, names)  # type: ignore[assignment]
    return _only(moved, moved.a != moved.b) if isinstance(moved, Conductors | Switches | Ports) else moved


def _only(part: Part, wanted: NDArray[np.bool_]) -> Part:
    return part if wanted.all() else take(part, np.flatnonzero(wanted))


def _renamed(record: object, names: Indices) -> object:
    changes: dict[str, object] = {}
    for entry in fields(record):  # type: ignore[arg-type]
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray) and value.dtype == np.int64:
            if (names[value] != value).any():
                changes[entry.name] = names[value]
        elif isinstance(value, tuple):
            inner = tuple(_renamed(item, names) for item in value)
            if any(new is not old for new, old in zip(inner, value, strict=True)):
                changes[entry.name] = inner
    return replace(record, **changes) if changes else record  # type: ignore[type-var]
