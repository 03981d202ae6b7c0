"""Makes the steps that add up the flow into each member of a level, through everything but the member itself.

A level has m components of k members each; row r of the level stands for the m members number r, so that a flow into a
row has shape (points, *lead, m). A step is a call without arguments that reads and writes buffers bound to it.

There are two ways to add up. If all sources are known as sums of terms, basis(t) times weight, the flow is such a sum
too, and only weights are computed (`Inflow.factors`). Else the flow is computed at every point (`Inflow.waveform`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats, Span
from lstm_analog.engines.phase.wiring import Load, Sheet, Wire, Wiring
from lstm_analog.engines.waveform.fields import Field, WaveformFactor, Waves, covers
from lstm_analog.engines.waveform.kernels import flowing
from lstm_analog.engines.waveform.state import NetworkState, transposed
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High, rows

Basis = Floats | None
"""A function of time by its values at the points: (points,), or (points, m) with one for each of m unknowns.

None stands for the constant function 1.
"""


def reader(array: Floats, places: Span) -> Callable[[], Floats]:
    """Return a function that reads the `places` along the last axis of `array`: a view of it if they are a slice."""
    if isinstance(places, slice):
        view = array[..., places]
        return lambda: view
    return lambda: array[..., places]


def adder(array: Floats, places: Span, first: bool) -> Callable[[Floats], None]:
    """Return a function that adds a flow to the `places` along the last axis of `array`.

    The `first` flow, which fills the whole array, is copied instead; this holds for slices only.
    """
    if not isinstance(places, slice):

        def add(flow: Floats) -> None:
            array[..., places] += flow

        return add
    view = array[..., places]
    if first:
        return lambda flow: np.copyto(view, flow)
    return lambda flow: cast(None, np.add(view, flow, out=view))


@dataclass(frozen=True, kw_only=True, eq=False)
class InflowTerm:
    """One term of the flow into a row: a `basis` (a function of time) times the sum of the `flows`.

    Each of the `flows` is a pair: the places (of m) it enters, and a function that returns its weights (*lead, places).
    """

    basis: Basis
    flows: list[tuple[Span, Callable[[], Floats]]]


def summing(factor: InflowTerm, out: Floats, offset: Floats) -> list[Call]:
    """Return the steps that write `offset` (m,) plus the flows of `factor` into the buffer `out` (*lead, m)."""
    steps: list[Call] = []
    whole = bool(factor.flows) and covers(factor.flows[0][0], out.shape[-1]) and not offset.any()
    if not whole:
        steps.append(lambda: np.copyto(out, offset))
    for number, (into, flow) in enumerate(factor.flows):
        steps.append(adding(adder(out, into, first=whole and not number), flow))
    return steps


def adding(add: Callable[[Floats], None], flow: Callable[[], Floats]) -> Call:
    """Return the step that calls `flow` and passes what it returns to `add`."""
    return lambda: add(flow())


def _adding_wire(wire: Wire, drive: Floats, out: Floats) -> Call:
    """Return the step that adds to `out` (..., m) the flow of `wire` at `drive` (..., n), the efforts of its source."""
    if not isinstance(wire.places, slice) or not isinstance(wire.into, slice):
        return adding(adder(out, wire.into, first=False), _scaled(wire.values, reader(drive, wire.places)))
    efforts, target = drive[..., wire.places], out[..., wire.into]
    flow = np.empty(np.broadcast_shapes(wire.values.shape, efforts.shape))

    def add() -> None:
        np.multiply(wire.values, efforts, out=flow)
        np.add(target, flow, out=target)

    return add


@dataclass(frozen=True, kw_only=True, eq=False)
class Inflow:
    """The flows into one level, and the steps that add them up.

    Attributes
    ----------
    wiring : Wiring
        Where flow into the level comes from: wires, sheets, loads, offset.
    fields : list of Field
        The waveforms of all levels by number; the list grows while the segment is built.
    state : NetworkState
        The efforts at the start, and the stored products of matrices with them.
    high : tuple of bool
        Which clock lines are high.
    after : list of calls
        Steps for when the segment is accepted; those of this level are appended.
    """

    wiring: Wiring
    fields: list[Field]
    state: NetworkState
    high: High
    after: list[Call]

    def factors(self, row: int) -> list[InflowTerm]:
        """Return the flow into `row` as terms; all of its sources must have terms."""
        constant = InflowTerm(basis=None, flows=[])
        found = [constant]
        for entry in self._linear(row):
            terms = self.fields[entry.source].terms or ()
            for term, flow in zip(terms, self._products(entry, terms), strict=True):
                if _is_constant(term.basis):
                    constant.flows.append((entry.into, flow))
                    continue
                same = [factor for factor in found if factor.basis is term.basis]
                if term.basis.ndim == 2 or not same:
                    same = [InflowTerm(basis=self._per_row(entry, term.basis), flows=[])]
                    found += same
                same[0].flows.append((entry.into, flow))
        return found

    def waveform(self, row: int, out: Floats, waves: Waves, at: slice | None) -> list[Call]:
        """Return the steps that write the flow into `row` at the points `at` into `out` (points, *lead, m).

        `waves` are the efforts that nonlinear parts read, at the same points. With `at` None the flow is asked for at
        the end of the segment only, and `out` has one point.
        """
        steps: list[Call] = []
        for load in self.wiring.loads:
            steps += _adding_load(load, row, out, waves, self.high, first=not steps)
        if not steps:
            steps.append(lambda: np.copyto(out, 0.0))
        for entry in self._linear(row):
            source = self.fields[entry.source]
            constant = source.terms is not None and all(_is_constant(term.basis) for term in source.terms)
            if isinstance(entry, Wire):
                drive = source.end if constant or at is None else drawn(source.values)[at]
                steps.append(_adding_wire(entry, drive, out))
            elif constant or at is None:
                term = WaveformFactor(basis=np.ones(1), weight=source.end, held=source is self.fields[0])
                (flow,) = self._products(entry, (term,))
                steps.append(adding(adder(out, entry.into, first=False), flow))
            elif source.terms is not None and self._are_shared(source.terms):
                steps += self._by_terms(entry, source.terms, out, at)
            else:
                steps.append(self._by_points(entry, source, out, at))
        offset = self.wiring.offset[..., row]
        return [*steps, lambda: cast(None, np.add(out, offset, out=out))] if offset.any() else steps

    def feeds(self, row: int) -> bool:
        """Return whether there is any flow into `row`: a load, a wire, a sheet or an offset."""
        loads = any(route.row == row for load in self.wiring.loads for route in load.routes)
        return loads or bool(self._linear(row)) or bool(self.wiring.offset[..., row].any())

    def _linear(self, row: int) -> list[Wire | Sheet]:
        """Return the wires and sheets into `row`."""
        found: list[Wire | Sheet] = [wire for wire in self.wiring.wires if wire.row == row]
        return found + [sheet for sheet in self.wiring.sheets if sheet.row == row]

    def _per_row(self, entry: Wire | Sheet, basis: Floats) -> Floats:
        """Return a `basis` (points, n), one for each unknown of the source, as one for each place of the row."""
        if basis.ndim == 1:
            return basis
        result = np.zeros((len(basis), self.wiring.own.shape[-3]))
        result[:, entry.into] = basis[:, entry.places]
        return result

    def _are_shared(self, terms: tuple[WaveformFactor, ...]) -> bool:
        """Return whether each of the `terms` has one basis for all unknowns."""
        return all(term.basis.ndim == 1 for term in terms)

    def _products(self, entry: Wire | Sheet, terms: tuple[WaveformFactor, ...]) -> list[Callable[[], Floats]]:
        """Return for each of the `terms` of the source a function: the flow through `entry` of that term's weights.

        If the source moves (has several terms), the products are stored, and after the segment their sum at its end is
        the stored product of the new state: the matrix is not multiplied again.
        """
        if isinstance(entry, Wire):
            return [_scaled(entry.values, reader(term.weight, entry.places)) for term in terms]
        moving = len(terms) > 1  # a source with one term keeps its effort
        stored = [np.empty_like(self.state.image(entry).value) for _ in terms] if moving else []
        flows = []
        for number, term in enumerate(terms):
            drive = reader(term.weight, entry.places)
            product = self.state.product(entry, drive) if term.held else _multiplied(transposed(entry.matrix), drive)
            flows.append(_storing(product, stored[number]) if moving else product)
        if moving:
            self.after.append(_updating_image(self.state, entry, stored, terms))
        return flows

    def _by_terms(self, entry: Sheet, terms: tuple[WaveformFactor, ...], out: Floats, at: slice) -> list[Call]:
        """Return the steps that add the flow of `entry` to `out`, term by term: basis times product."""
        steps: list[Call] = []
        for term, flow in zip(terms, self._products(entry, terms), strict=True):
            basis = term.basis[at].reshape(-1, *(1,) * (out.ndim - 1))
            steps.append(adding(adder(out, entry.into, first=False), _scaled(basis, flow)))
        return steps

    def _by_points(self, entry: Sheet, source: Field, out: Floats, at: slice) -> Call:
        """Return the step that multiplies the matrix of `entry` by the efforts of `source` at every point."""
        drive = reader(drawn(source.values)[at], entry.places)
        add = adder(out, entry.into, first=False)
        matrix = transposed(entry.matrix)
        if matrix.ndim > 2:
            return adding(add, _multiplied(matrix, drive))
        return lambda: add((drive().reshape(-1, len(matrix)) @ matrix).reshape(*out.shape[:-1], -1))


def drawn(values: Floats | None) -> Floats:
    """Return the `values` of a field at the points, or an empty array if it has none."""
    return np.empty(0) if values is None else values


def _is_constant(basis: Floats) -> bool:
    return bool((basis == 1.0).all())


def _scaled(values: Floats, drive: Callable[[], Floats]) -> Callable[[], Floats]:
    return lambda: values * drive()


def _multiplied(matrix: Floats, drive: Callable[[], Floats]) -> Callable[[], Floats]:
    return lambda: np.matmul(drive(), matrix)


def _storing(flow: Callable[[], Floats], stored: Floats) -> Callable[[], Floats]:
    def store() -> Floats:
        np.copyto(stored, flow())
        return stored

    return store


def _updating_image(state: NetworkState, entry: Sheet, stored: list[Floats], terms: tuple[WaveformFactor, ...]) -> Call:
    """Return the step that sets the stored product of `entry` to that of the efforts at the end of the segment.

    These are the `terms` at their last point; `stored` are the products of their weights.
    """
    image = state.image(entry)
    last = [float(term.basis[-1]) for term in terms]

    def update() -> None:
        np.multiply(stored[0], last[0], out=image.value)
        for factor, product in zip(last[1:], stored[1:], strict=True):
            np.add(image.value, factor * product, out=image.value)
        image.stamp = state.stamps[entry.group]

    return update


def _adding_load(load: Load, row: int, out: Floats, waves: Waves, high: High, first: bool) -> list[Call]:
    """Return the steps that add the flow of the nonlinear `load` into `row` to `out`, or write it if it is `first`."""
    routes = [route for route in load.routes if route.row == row]
    if not routes:
        return []
    whole = all(covers(span, out.shape[-1]) for span in (routes[0].into, routes[0].elements))
    terminals = rows(load.part).shape
    if first and len(routes) == 1 and whole and terminals[0] == 1:
        return [flowing(load.part, waves, high, out[..., None, :])]
    flows = np.empty((*waves.shape[:-1], *terminals))
    steps = [flowing(load.part, waves, high, flows)]
    if first:
        steps.insert(0, lambda: np.copyto(out, 0.0))
    for route in routes:
        flow = reader(flows[..., route.terminal, :], route.elements)
        steps.append(adding(adder(out, route.into, first=False), flow))
    return steps
