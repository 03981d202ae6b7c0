"""Sorts the flow into a level by the fields that it comes from, so that it can be added up field by field.

A field is an array of the efforts of some unknowns, a place an index into it. A level of m components of k members has
k fields, its rows: row r holds member number r of each component. What flows into a row is

* a wire: constant coefficients between single unknowns of two fields;
* a sheet: a dense matrix between two fields;
* a load: a nonlinear part, whose law is evaluated.

In all of these `into` are places in the row, `places` those in the field that the flow comes from, the `source`.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, Span, ranks, span
from lstm_analog.engines.phase.couplings import Couplings, Curved, receiving
from lstm_analog.engines.phase.structure import Level, Structure
from lstm_analog.network.laws import Block, BlockForm, High, blocks, partials, take
from lstm_analog.network.parts import Part


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the waveform of each unknown lies: the number of its field and the place there, (N,) each."""

    field: Indices
    place: Indices

    def by_field(self, nodes: Indices) -> list[tuple[int, Indices]]:
        """Return for each field that holds some of `nodes` (n,) its number, and which of the n these are, (k,)."""
        of = self.field[nodes]
        if of.size and (of == of[0]).all():
            return [(int(of[0]), np.arange(of.size))]
        return [(int(number), np.flatnonzero(of == number)) for number in np.unique(of)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Wire:
    """Flow into n places of a row: `values` (..., n) times the efforts at n places of field number `source`."""

    row: int
    into: Span
    source: int
    places: Span
    values: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Flow through a dense `matrix` (..., m, n) into m places of a row, from n places of field number `source`.

    The n unknowns are of one `group`, so that who keeps the product knows when to renew it. Sheets of equal `name`, the
    bank's array and which of its rows and columns, are the same matrix, also in another phase.
    """

    row: int
    into: Span
    source: int
    places: Span
    matrix: Floats
    group: int
    name: tuple[int, bytes, bytes]


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """Where flow of a part enters the level: that of n `elements` at a `terminal`, into n places of a row."""

    terminal: int
    row: int
    elements: Span
    into: Span


@dataclass(frozen=True, kw_only=True, eq=False)
class Own:
    """Which partial derivatives of a part are of the level's flow by its own efforts: into `row`, by that of `column`.

    They are those of block number `block` and the `elements` (n,), and belong to the components `into` (n,).
    """

    block: int
    row: int
    column: int
    elements: Indices
    into: Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class Load:
    """The elements of a nonlinear bank that feed the level, as a `part`, and the `routes` of their flow.

    `sources` are the numbers of the fields that they read; `own` is empty if the level's own are not among them.
    """

    part: Part
    routes: tuple[Route, ...]
    own: tuple[Own, ...]
    sources: frozenset[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Wiring:
    """All flow into a level of m components of k members, of which the first have storage.

    Attributes
    ----------
    wires, sheets, loads : tuples
        What flows in from other components and as guesses say, and through nonlinear parts.
    own : float array, (..., m, k, k)
        Constant coefficients d flow / d effort among the members of each component.
    offset : float array, (..., m, k)
        Constant flow into each member.
    capacity : float array, (..., m, dynamic)
        Capacity of the members with storage.
    """

    wires: tuple[Wire, ...]
    sheets: tuple[Sheet, ...]
    loads: tuple[Load, ...]
    own: Floats
    offset: Floats
    capacity: Floats

    def linear(self, row: int) -> list[Wire | Sheet]:
        """Return the wires and sheets into `row`."""
        every: tuple[Wire | Sheet, ...] = (*self.wires, *self.sheets)
        return [entry for entry in every if entry.row == row]

    def feeds(self, row: int) -> bool:
        """Return whether there is any flow into `row`: a load, a wire, a sheet or an offset."""
        loads = any(route.row == row for load in self.loads for route in load.routes)
        return loads or bool(self.linear(row)) or bool(self.offset[..., row].any())

    def unit(self, row: int) -> float:
        """Return the flow that counts as 1 in the weights of `row`: the largest coefficient of its wires.

        So most weights are efforts as they are, without a multiplication. It is 1 where a matrix feeds the row.
        """
        if any(sheet.row == row for sheet in self.sheets):
            return 1.0
        return float(max((np.abs(wire.values).max() for wire in self.wires if wire.row == row), default=1.0))

    def sources(self) -> frozenset[int]:
        """Return the numbers of all fields that the flow into the level depends on."""
        plain = {wire.source for wire in self.wires} | {sheet.source for sheet in self.sheets}
        return frozenset(plain).union(*(load.sources for load in self.loads))

    def slopes(self, efforts: Floats, high: High) -> Floats:
        """Return the derivatives of the flows into members by the efforts in their component, (..., m, k, k).

        They are those at `efforts` (..., unknowns) with the clock lines `high`.
        """
        values = [(load, partials(load.part, efforts, high)) for load in self.loads if load.own]
        leads = (value[own.block].shape[:-1] for load, value in values for own in load.own)
        lead = np.broadcast_shapes(*leads, self.own.shape[:-3])
        result = np.array(np.broadcast_to(self.own, (*lead, *self.own.shape[-3:])))
        for load, value in values:
            for own in load.own:
                result[..., own.into, own.row, own.column] += value[own.block][..., own.elements]
        return result


def wiring(couplings: Couplings, order: Structure, level: Level, first: int, places: Places, guesses: Places) -> Wiring:
    """Return the flow into `level` through the `couplings`, without the links that are negligible by their `order`.

    The rows of the level are the fields from number `first` on. `places` says in which fields all unknowns lie,
    `guesses` in which fields the guesses lie that torn links read.
    """
    mine = np.append((places.field >= first) & (places.field < first + level.members.shape[1]), False)
    wires, own = _wires(order, level, first, (places, guesses), mine)
    feeding = (curved for curved in couplings.curved if mine[curved.fed].any())
    loads = [_load(curved, couplings.high, level, first, places, mine) for curved in feeding]
    return Wiring(
        wires=tuple(wires),
        sheets=tuple(_sheets(couplings, first, places, mine)),
        loads=tuple(loads),
        own=own,
        offset=couplings.offset[..., level.members],
        capacity=couplings.capacity[..., level.members[:, : level.dynamic]],
    )


def _wires(
    order: Structure, level: Level, first: int, where: tuple[Places, Places], mine: Flags
) -> tuple[list[Wire], Floats]:
    """Return the wires into `level`, and the constant coefficients among the members of each component, (..., m, k, k).

    `where` are the places of unknowns and of guesses; `mine` (N + 1,) are the members of the level, the last flag being
    that of rows of -1.
    """
    (count, width), (places, guesses), links = level.members.shape, where, order.links
    lead = links.values.shape[:-1]
    own = np.zeros((*lead, count, width, width))
    wires: list[Wire] = []
    values = np.moveaxis(links.values, -1, 0)
    for row in range(width):
        chosen = np.flatnonzero(mine[links.rows] & (places.field[links.rows] == first + row))
        chosen = chosen[np.argsort(places.place[links.rows[chosen]], kind="stable")]
        rows, columns, torn = places.place[links.rows[chosen]], links.columns[chosen], order.torn[chosen]
        itself = mine[columns] & (places.place[columns] == rows) & ~torn
        inner = places.field[columns[itself]] - first
        np.add.at(np.moveaxis(own, (-3, -1), (0, 1))[..., row], (rows[itself], inner), values[chosen[itself]])
        for sources, others in ((places, ~itself & ~torn), (guesses, torn)):
            for number, some in sources.by_field(columns[others]):
                for these in _without_repetition(rows[others][some], some):
                    there = chosen[others][these]
                    into, away = span(places.place[links.rows[there]]), span(sources.place[links.columns[there]])
                    wires.append(Wire(row=row, into=into, source=number, places=away, values=links.values[..., there]))
    return wires, own if own.any() or not lead else own[(0,) * len(lead)]  # zeros need no axis of chips


def _without_repetition(rows: Indices, chosen: Indices) -> list[Indices]:
    """Return the numbers `chosen` (n,) in groups, so that no group has two of which the `rows` (n,) are equal.

    Each group can be added by index: of two numbers added to one place numpy would add one only.
    """
    group = ranks(rows)
    return [chosen[group == number] for number in range(int(group.max(initial=-1)) + 1)]


def _sheets(couplings: Couplings, first: int, places: Places, mine: Flags) -> list[Sheet]:
    """Return the dense matrices into the rows that are `mine`, divided by row, source field and group."""
    sheets = []
    for dense in couplings.dense:
        for row in np.unique(places.field[dense.rows[mine[dense.rows]]]) - first:
            chosen = np.flatnonzero(mine[dense.rows] & (places.field[dense.rows] == first + row))
            for these in _without_repetition(places.place[dense.rows[chosen]], chosen):
                for number, group, some in _by_field_and_group(couplings, places, dense.columns):
                    matrix = dense.matrix[..., span(these), :][..., span(some)]
                    sheet = Sheet(
                        row=int(row),
                        into=span(places.place[dense.rows[these]]),
                        source=number,
                        places=span(places.place[dense.columns[some]]),
                        matrix=matrix,
                        group=group,
                        name=(id(dense.matrix), these.tobytes(), some.tobytes()),
                    )
                    sheets.append(sheet)
    return sheets


def _by_field_and_group(couplings: Couplings, places: Places, columns: Indices) -> list[tuple[int, int, Indices]]:
    """Return the `columns` (n,) by field and group: the field's number, the group's, and which of them, (some,)."""
    return [
        (number, int(group), some[couplings.groups[columns[some]] == group])
        for number, some in places.by_field(columns)
        for group in np.unique(couplings.groups[columns[some]])
    ]


def _load(curved: Curved, high: High, level: Level, first: int, places: Places, mine: Flags) -> Load:
    """Return the elements of the nonlinear part `curved` that feed the rows that are `mine`, with their routes.

    Of some elements, fewer blocks may be other than zero than of the whole bank: where none of them has a limit.
    """
    inside = mine[curved.fed]
    elements = np.flatnonzero(inside.any(axis=0))
    part = curved.part if elements.size == inside.shape[1] else take(curved.part, elements)
    routes = []
    for terminal in range(inside.shape[0]):
        fed = curved.fed[terminal, elements]
        for row in range(level.members.shape[1]):
            chosen = np.flatnonzero(mine[fed] & (places.field[fed] == first + row))
            for these in _without_repetition(places.place[fed[chosen]], chosen) if chosen.size else ():
                into = span(places.place[fed[these]])
                routes.append(Route(terminal=terminal, row=row, elements=span(these), into=into))
    found = blocks(part, high)
    sources = {number for block in found for number, _ in places.by_field(block.columns)}
    return Load(
        part=part,
        routes=tuple(routes),
        own=tuple(_own_partials(found, curved.fed, first, places, mine)),
        sources=frozenset(sources),
    )


def _own_partials(couples: tuple[Block, ...], taking: Indices, first: int, places: Places, mine: Flags) -> list[Own]:
    """Return which partial derivatives of a part are of the level's flow by its own efforts, block by block.

    `couples` are its blocks, `taking` the unknowns that the flow enters, -1 for none. Dense blocks have none: a
    component that one leads back into is not solved, it is an obstacle of the order.
    """
    found: list[Own] = []
    fed = receiving(taking, mine.size)
    for number, block in enumerate(couples):
        if block.form is BlockForm.DENSE:
            continue
        rows, columns = block.rows, block.columns
        chosen = np.flatnonzero(mine[rows] & mine[columns] & fed[rows] & (places.place[rows] == places.place[columns]))
        row_of, column_of = places.field[rows[chosen]] - first, places.field[columns[chosen]] - first
        for row, column in sorted({*zip(row_of.tolist(), column_of.tolist(), strict=True)}):
            same = chosen[(row_of == row) & (column_of == column)]
            for these in _without_repetition(places.place[rows[same]], same):
                into = places.place[rows[these]]
                found.append(Own(block=number, row=row, column=column, elements=these, into=into))
    return found
