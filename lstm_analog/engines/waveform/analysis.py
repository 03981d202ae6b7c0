"""Decides for each field of a segment what is computed of it: terms, values at all points, the end alone, or nothing.

A field is the waveforms of one row of a level: m unknowns, one of each component. Fields are numbered: 0 is the state
itself, then the rows of the levels in order, then one field of guesses for each sweep with torn edges.

A field has terms if its waveforms are sums of few known bases, functions of time that are worked out once, times
weights. Then a run computes weights only: without terms behavioural machines took 1.2 to 2.4 times as long, op-amps and
plumbing as long. Computing a field at all points is dear, so it is done only where a later
level, an estimate of the error or a limit asks for it.
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
class FieldLayout:
    """The fields of all segments that solve the same levels in the same order, of whatever duration and points.

    Attributes
    ----------
    levels, wirings : tuples, one a level
        The levels, and what flows into each.
    first : tuple of int, one a level
        Number of the field of the level's first row; its other rows follow.
    places : Places
        In which field each unknown lies, and where.
    guessed : dict
        The unknowns whose waveforms are guessed, by sweep number.
    total : int
        The number of fields besides those of guesses.
    """

    levels: tuple[Level, ...]
    wirings: tuple[Wiring, ...]
    first: tuple[int, ...]
    places: Places
    guessed: dict[int, Indices]
    total: int


def field_layout(couplings: Couplings, order: Structure) -> FieldLayout:
    """Return the fields of segments of the phase of `couplings` that are solved in `order`."""
    levels = order.levels
    first = np.cumsum([1, *(level.members.shape[1] for level in levels)]).tolist()
    places = _placed(order, first, couplings.dynamic.size)
    guessed, guesses = _guesses(order, places, first[-1])
    wirings = tuple(
        wiring(couplings, order, level, number, places, guesses) for number, level in zip(first, levels, strict=False)
    )
    return FieldLayout(
        levels=levels, wirings=wirings, first=tuple(first[:-1]), places=places, guessed=guessed, total=first[-1]
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """What is to be computed in a segment.

    Attributes
    ----------
    fields : FieldLayout
        Its fields, and what flows into each level.
    factored, points, ends : lists of bool, one a field
        Whether the field has terms; whether its values at all points are asked for; whether its end is.
    states : bool
        Whether the ends of storages are asked for.
    """

    fields: FieldLayout
    factored: list[bool]
    points: list[bool]
    ends: list[bool]
    states: bool

    def read(self, factored: bool) -> set[int]:
        """Return the numbers of the fields that levels read which have terms, if `factored`, or which have none.

        The former read terms, the others values.
        """
        levels = zip(self.fields.wirings, self.fields.first, strict=True)
        return {source for wires, start in levels if self.factored[start] == factored for source in wires.sources()}

    @cached_property
    def wanted(self) -> list[bool]:
        """Whether each field is computed at all: its points or its end are asked for, or it is of storages."""
        found = [points or ends for points, ends in zip(self.points, self.ends, strict=True)]
        for level, first in zip(self.fields.levels, self.fields.first, strict=True):
            if self.states:
                found[first : first + level.dynamic] = [True] * level.dynamic
        return found

    @cached_property
    def started(self) -> list[bool]:
        """Whether the start of each field is read: of storages, by Newton's method and by guesses."""
        found = [False] * len(self.wanted)
        for level, wires, first in zip(self.fields.levels, self.fields.wirings, self.fields.first, strict=True):
            width = level.members.shape[1]
            many = width if is_newton(level, wires) or self.fields.guessed else level.dynamic
            found[first : first + many] = self.wanted[first : first + many]
        return found


def outline(
    fields: FieldLayout, count: int, terms: int, output: Wanted, wanted: Flags, watched: Flags, at_end: bool
) -> Outline:
    """Return what is computed of the `fields` of a segment in which `count` points describe known bases.

    Guesses are sums of so many `terms`, or if these are 0 waveforms. `output` says what the segment must yield; at its
    end, only the `wanted` unknowns (N,). The `watched` ones (N,) are computed at all points, and those that are guessed
    unless they are looked at `at_end` alone.
    """
    columns, none = [nodes for level in fields.levels for nodes in level.members.T], [False] * len(fields.guessed)
    factored = _factored(fields, [1] + [0] * (fields.total - 1) + [terms] * len(none), count)
    kept, states = output in (Wanted.END, Wanted.POINTS), output is not Wanted.GUESSES
    seen, last = watched.copy(), wanted & kept
    (last if at_end else seen)[np.concatenate([np.empty(0, np.int64), *fields.guessed.values()])] = True
    ends = [False, *(bool(last[nodes].any()) for nodes in columns), *none]
    every = output is Wanted.POINTS
    points = [every, *(every or bool(seen[nodes].any()) for nodes in columns), *none]
    _mark_needed(fields, factored, points, ends, states)
    return Outline(fields=fields, factored=factored, points=points, ends=ends, states=states)


def needs_ends_alone(fields: FieldLayout, terms: int, wanted: Flags) -> bool:
    """Return whether ends of the `fields` are all that is needed where guesses of so many `terms` are seen at the end.

    Ends are asked of the `wanted` unknowns (N,).
    """
    none = np.zeros_like(wanted)
    plan = outline(fields, sys.maxsize, terms, Wanted.END, wanted, none, True)
    return terms > 0 and not any(plan.points)


def sampled(fields: FieldLayout) -> Indices:
    """Return the storages among the `fields` that are no sums of known bases, at however many points, (k,)."""
    known = _factored(fields, [1] + [0] * (fields.total - 1) + [1] * len(fields.guessed), sys.maxsize)
    nodes = [
        level.members[:, : level.dynamic].ravel()
        for level, first in zip(fields.levels, fields.first, strict=True)
        if not known[first]
    ]
    return np.concatenate([np.empty(0, np.int64), *nodes])


def _placed(order: Structure, first: list[int], size: int) -> Places:
    """Return in which field each of `size` unknowns lies: those of no level, which do not move, in field 0."""
    field, place = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for number, level in zip(first, order.levels, strict=False):
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


def _factored(fields: FieldLayout, terms: list[int], count: int) -> list[bool]:
    """Return which of the `fields` have terms.

    It sets in `terms` how many they are; those of the state and of the guesses are there already.

    The fields of a level have terms if its equations are linear with constant coefficients, the same on all chips, if
    all it reads has terms, and if these are at most half as many as the `count` points, or three.
    """
    shared = [True] * len(terms)  # whether all unknowns of a field have the same bases
    for level, wires, start in zip(fields.levels, fields.wirings, fields.first, strict=True):
        width = level.members.shape[1]
        plain = wires.own.ndim == 3 and wires.capacity.ndim == 2 and not wires.loads
        plain = plain and level.order is Order.CONSTANT and (level.dynamic > 0 or width == 1)
        known = all(terms[source] for source in wires.sources())
        known = known and all(shared[sheet.source] for sheet in wires.sheets)
        number = level.dynamic + width + sum(terms[source] - 1 for source in wires.sources())
        if plain and known and number <= max(3, count // 2):
            same = not level.dynamic or alike(wires.own, wires.capacity)
            for field in range(start, start + width):
                terms[field] = number
                shared[field] = same and all(shared[source] for source in wires.sources())
    return [number > 0 for number in terms]


def _mark_needed(fields: FieldLayout, factored: list[bool], points: list[bool], ends: list[bool], states: bool) -> None:
    """Mark in `points` and `ends` those of the `fields` that levels read, at all points or at the end only.

    Levels are solved that have storages, if `states` are asked for, or that others read.
    """
    levels = list(zip(fields.levels, fields.wirings, fields.first, strict=True))
    for level, wires, start in reversed(levels):
        own = range(start, start + level.members.shape[1])
        if not states and not any(points[field] or ends[field] for field in own):
            continue
        if not factored[start]:
            points[start : start + level.dynamic] = [True] * level.dynamic  # so that their error can be estimated
        implicit = any(load.own for load in wires.loads) or level.order is not Order.CONSTANT
        if implicit and (level.dynamic or any(points[field] for field in own)):
            for field in own:
                points[field] = True
        at_points = level.dynamic > 0 or any(points[field] for field in own)
        if at_points or any(ends[field] for field in own):
            target = points if at_points and not factored[start] else ends
            for source in wires.sources() - set(own):
                target[source] = True


def is_newton(level: Level, wires: Wiring) -> bool:
    """Return whether `level`, fed by `wires`, needs Newton's method: its flows are not linear in its own efforts."""
    return level.order is not Order.CONSTANT or any(load.own for load in wires.loads)
