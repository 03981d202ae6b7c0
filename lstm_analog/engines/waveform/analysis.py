"""Decides what a segment computes of each field: its terms, its values at all points, its end alone, or nothing.

A field holds the waveforms of one row of a level: m unknowns, one of each component. Fields are numbered: 0 is the
state itself, then the rows of the levels in order, then one field of guesses for each sweep with torn edges.

A field has terms if its waveforms are sums of a few bases (functions of time, worked out once) times weights. Then a
run computes weights only: without terms behavioural machines took 1.2 to 2.4 times as long, op-amps and plumbing as
long. Values at all points are dear, so they are computed only where a later level, an estimate of the error or a limit
reads them.
"""

import sys
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.phase.structure import Level, Structure
from lstm_analog.engines.phase.wiring import Places, Wiring, wiring
from lstm_analog.engines.waveform.chebyshev import alike
from lstm_analog.network.laws import Order


class Wanted(Enum):
    """What a segment must yield: guesses, storages at its end, recorded unknowns at its end, or all at its points."""

    GUESSES = "guesses"
    STATES = "states"
    END = "end"
    POINTS = "points"


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelFields:
    """A `level`, the `wiring` of the flow into it, and the number of the field of its `first` row; the others follow.

    `wiring` counts rows from 0; its sources are numbers of fields.
    """

    level: Level
    wiring: Wiring
    first: int

    @property
    def numbers(self) -> range:
        """The numbers of its fields."""
        return range(self.first, self.first + self.level.members.shape[1])

    @property
    def storages(self) -> range:
        """The numbers of its fields of storages, which come first."""
        return range(self.first, self.first + self.level.dynamic)

    @property
    def is_newton(self) -> bool:
        """Whether it needs Newton's method: flows into it are not linear in its own efforts."""
        return self.level.order is not Order.CONSTANT or any(load.own for load in self.wiring.loads)


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldLayout:
    """The fields of all segments that solve the same levels in the same order, of whatever duration and points.

    Attributes
    ----------
    levels : tuple of LevelFields
        The levels in the order in which they are solved.
    places : Places
        In which field each unknown lies, and where.
    guessed : dict
        The unknowns whose waveforms are guessed, by sweep number.
    """

    levels: tuple[LevelFields, ...]
    places: Places
    guessed: dict[int, Indices]

    def solved(self) -> list[Indices]:
        """Return the unknowns of each field of the levels, that is of the fields from number 1 on."""
        return [nodes for each in self.levels for nodes in each.level.members.T]


def field_layout(couplings: Couplings, order: Structure) -> FieldLayout:
    """Return the fields of segments of the phase of `couplings` that are solved in `order`."""
    *first, total = np.cumsum([1, *(level.members.shape[1] for level in order.levels)]).tolist()
    places = _placed(order, first, couplings.dynamic.size)
    guessed, guesses = _guesses(order, places, total)
    levels = (
        LevelFields(level=level, wiring=wiring(couplings, order, level, number, places, guesses), first=number)
        for number, level in zip(first, order.levels, strict=True)
    )
    return FieldLayout(levels=tuple(levels), places=places, guessed=guessed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """What a segment computes of the fields of a `layout`.

    Attributes
    ----------
    layout : FieldLayout
        The fields, and what flows into each level.
    has_terms, points, ends : lists of bool, one a field
        Whether the field has terms; whether its values at all points are asked for; whether its end is.
    states : bool
        Whether the ends of storages are asked for.
    """

    layout: FieldLayout
    has_terms: list[bool]
    points: list[bool]
    ends: list[bool]
    states: bool

    def sources(self, with_terms: bool) -> set[int]:
        """Return the fields that the levels `with_terms` read, which read terms, or the others, which read values."""
        levels = (each for each in self.layout.levels if self.has_terms[each.first] == with_terms)
        return {source for each in levels for source in each.wiring.sources()}

    @cached_property
    def computed(self) -> list[bool]:
        """Whether each field is computed at all: its points or its end are asked for, or it is of storages."""
        found = [points or ends for points, ends in zip(self.points, self.ends, strict=True)]
        for number in (number for each in self.layout.levels for number in each.storages if self.states):
            found[number] = True
        return found

    @cached_property
    def started(self) -> list[bool]:
        """Whether the start of each field is read: of storages, by Newton's method and by guesses."""
        found = [False] * len(self.computed)
        for each in self.layout.levels:
            for number in each.numbers if each.is_newton or self.layout.guessed else each.storages:
                found[number] = self.computed[number]
        return found


def outline(
    layout: FieldLayout, count: int, terms: int, output: Wanted, wanted: Flags, watched: Flags, at_end: bool
) -> Outline:
    """Return what a segment computes of the fields of `layout` if it gives bases by their values at `count` points.

    Guesses are sums of so many `terms`, or if these are 0 waveforms. `output` says what the segment must yield; at its
    end, only the `wanted` unknowns (N,). The `watched` ones (N,) are computed at all points, and those that are guessed
    unless guesses are compared `at_end` alone.
    """
    none = [False] * len(layout.guessed)
    has_terms = _has_terms(layout, terms, count)
    kept, states = output in (Wanted.END, Wanted.POINTS), output is not Wanted.GUESSES
    seen, last = watched.copy(), wanted & kept
    (last if at_end else seen)[np.concatenate([np.empty(0, np.int64), *layout.guessed.values()])] = True
    ends = [False, *(bool(last[nodes].any()) for nodes in layout.solved()), *none]
    every = output is Wanted.POINTS
    points = [every, *(every or bool(seen[nodes].any()) for nodes in layout.solved()), *none]
    plan = Outline(layout=layout, has_terms=has_terms, points=points, ends=ends, states=states)
    _mark_sources(plan)
    return plan


def needs_ends_alone(layout: FieldLayout, terms: int, wanted: Flags) -> bool:
    """Return whether no field of `layout` is needed at points if guesses of so many `terms` are compared at the end.

    The segment yields the `wanted` unknowns (N,) at its end.
    """
    none = np.zeros_like(wanted)
    plan = outline(layout, sys.maxsize, terms, Wanted.END, wanted, none, True)
    return terms > 0 and not any(plan.points)


def sampled(layout: FieldLayout) -> Indices:
    """Return the storages in fields of `layout` without terms, however many points bases have, (k,).

    The points of a segment must resolve their waveforms.
    """
    known = _has_terms(layout, 1, sys.maxsize)
    nodes = (each.level.members[:, : each.level.dynamic].ravel() for each in layout.levels if not known[each.first])
    return np.concatenate([np.empty(0, np.int64), *nodes])


def _placed(order: Structure, first: list[int], size: int) -> Places:
    """Return in which field each of `size` unknowns lies: those of no level, which do not move, in field 0.

    The fields of each level of `order` begin with its number `first`.
    """
    field, place = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for number, level in zip(first, order.levels, strict=True):
        for row, nodes in enumerate(level.members.T):
            field[nodes], place[nodes] = number + row, np.arange(nodes.size)
    place[field == 0] = np.flatnonzero(field == 0)
    return Places(field=field, place=place)


def _guesses(order: Structure, places: Places, total: int) -> tuple[dict[int, Indices], Places]:
    """Return which unknowns are guessed in each sweep, and in which field each guess lies: from number `total` on."""
    torn = np.zeros(places.field.size, dtype=bool)
    torn[order.links.columns[order.torn]] = True
    field, place = np.zeros_like(places.field), np.zeros_like(places.place)
    guessed: dict[int, Indices] = {}
    for sweep in sorted({level.sweep for level in order.levels}):
        members = np.concatenate([level.members.T.ravel() for level in order.levels if level.sweep == sweep])
        nodes = members[torn[members]]
        if nodes.size:
            field[nodes], place[nodes] = total + len(guessed), np.arange(nodes.size)
            guessed[sweep] = nodes
    return guessed, Places(field=field, place=place)


def _has_terms(layout: FieldLayout, guess_terms: int, count: int) -> list[bool]:
    """Return which fields of `layout` have terms, if guesses have so many `guess_terms`.

    The fields of a level have terms if its equations are linear with constant coefficients, the same on all chips, if
    all fields that it reads have terms, and if its terms are at most half as many as the `count` points, or three.
    Its terms are one for each start of a storage, one for the constant flow into each row, and those of its sources.
    """
    many = [1, *(0 for _ in layout.solved()), *(guess_terms for _ in layout.guessed)]
    shared = [True] * len(many)  # whether all unknowns of a field have the same bases
    for each in layout.levels:
        level, wires, sources = each.level, each.wiring, each.wiring.sources()
        plain = wires.own.ndim == 3 and wires.capacity.ndim == 2 and not wires.loads
        plain = plain and level.order is Order.CONSTANT and (level.dynamic > 0 or len(each.numbers) == 1)
        known = all(many[source] for source in sources) and all(shared[sheet.source] for sheet in wires.sheets)
        number = level.dynamic + len(each.numbers) + sum(many[source] - 1 for source in sources)
        if plain and known and number <= max(3, count // 2):
            same = not level.dynamic or alike(wires.own, wires.capacity)
            for field in each.numbers:
                many[field] = number
                shared[field] = same and all(shared[source] for source in sources)
    return [number > 0 for number in many]


def _mark_sources(plan: Outline) -> None:
    """Mark in `plan.points` and `plan.ends` the fields that levels read: at all points, or at the end only.

    Only levels that are solved read: those with storages, if states are asked for, and those that are read themselves.
    """
    points, ends = plan.points, plan.ends
    for each in reversed(plan.layout.levels):
        if not plan.states and not any(points[field] or ends[field] for field in each.numbers):
            continue
        has_terms, dynamic = plan.has_terms[each.first], each.level.dynamic > 0
        for field in each.storages if not has_terms else ():
            points[field] = True  # so that its error can be estimated
        at_points = dynamic or any(points[field] for field in each.numbers)
        for field in each.numbers if each.is_newton and at_points else ():
            points[field] = True
        if at_points or any(ends[field] for field in each.numbers):
            target = points if at_points and not has_terms else ends
            for source in each.wiring.sources().difference(each.numbers):
                target[source] = True
