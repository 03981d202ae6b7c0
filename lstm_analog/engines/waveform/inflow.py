"""Steps that add up what flows into a row of a level: whole waveforms, or the weights of a few factors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats, Span
from lstm_analog.engines.waveform.fields import Field, WaveformFactor, Waves, covers
from lstm_analog.engines.waveform.kernels import flowing
from lstm_analog.engines.waveform.lowrank import WORTHWHILE
from lstm_analog.engines.waveform.state import NetworkState, transposed
from lstm_analog.engines.waveform.wiring import Load, Sheet, Wire, Wiring
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High, rows

Basis = Floats | None
"""Values at the points, (points,) or (points, m); None for one that is 1 throughout."""


def taker(array: Floats, places: Span) -> Callable[[], Floats]:
    """Return what gives the `places` along the last axis of the buffer `array`: a view where they are a run."""
    if isinstance(places, slice):
        view = array[..., places]
        return lambda: view
    return lambda: array[..., places]


def adder(array: Floats, places: Span, first: bool) -> Callable[[Floats], None]:
    """Return what adds to the `places` of the buffer `array`; what comes `first` and fills it is copied."""
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
    """A part of what flows into a row: the `basis`, None for what is constant, times the sum of the `flows`."""

    basis: Basis
    flows: list[tuple[Span, Callable[[], Floats]]]


def summing(factor: InflowTerm, out: Floats, offset: Floats) -> list[Call]:
    """Return the steps that write `offset` and the flows of `factor` into the buffer `out` (*lead, m)."""
    steps: list[Call] = []
    whole = bool(factor.flows) and covers(factor.flows[0][0], out.shape[-1]) and not offset.any()
    if not whole:
        steps.append(lambda: np.copyto(out, offset))
    for number, (into, flow) in enumerate(factor.flows):
        steps.append(feeding(adder(out, into, first=whole and not number), flow))
    return steps


def feeding(add: Callable[[Floats], None], flow: Callable[[], Floats]) -> Call:
    """Return the step that adds what `flow` gives by `add`."""
    return lambda: add(flow())


def _wired(wire: Wire, drive: Floats, out: Floats) -> Call:
    """Return the step that adds the flow of `wire` at the efforts `drive` (..., of its source) to `out`."""
    if not isinstance(wire.places, slice) or not isinstance(wire.into, slice):
        return feeding(adder(out, wire.into, first=False), _scaled(wire.values, taker(drive, wire.places)))
    efforts, target = drive[..., wire.places], out[..., wire.into]
    flow = np.empty(np.broadcast_shapes(wire.values.shape, efforts.shape))

    def add() -> None:
        np.multiply(wire.values, efforts, out=flow)
        np.add(target, flow, out=target)

    return add


@dataclass(frozen=True, kw_only=True, eq=False)
class Inflow:
    """What flows into the rows of one level by its `wiring`, from `fields`, with the clock lines `high`.

    `wrong` (m, k) is how far the flow into each member may be off, `after` collects what is to be done when the segment
    is over.
    """

    wiring: Wiring
    fields: list[Field]
    state: NetworkState
    high: High
    wrong: Floats
    after: list[Call]

    def factors(self, row: int) -> list[InflowTerm]:
        """Return what flows into `row`, which must come from factored fields alone, by its factors."""
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
                    same = [InflowTerm(basis=self._spread(entry, term.basis), flows=[])]
                    found += same
                same[0].flows.append((entry.into, flow))
        return found

    def waveform(self, row: int, out: Floats, waves: Waves, at: slice | None) -> list[Call]:
        """Return the steps that write all that flows into `row` at the points `at` into `out` (points, *lead, m).

        `waves` is what the parts see, at the same points; None stands for the end alone.
        """
        steps: list[Call] = []
        for load in self.wiring.loads:
            steps += _loading(load, row, out, waves, self.high, first=not steps)
        if not steps:
            steps.append(lambda: np.copyto(out, 0.0))
        for entry in self._linear(row):
            source = self.fields[entry.source]
            constant = source.terms is not None and all(_is_constant(term.basis) for term in source.terms)
            if isinstance(entry, Wire):
                steps.append(_wired(entry, source.end if constant or at is None else drawn(source.values)[at], out))
            elif constant or at is None:
                term = WaveformFactor(basis=np.ones(1), weight=source.end, held=source is self.fields[0])
                (flow,) = self._products(entry, (term,))
                steps.append(feeding(adder(out, entry.into, first=False), flow))
            elif source.terms is not None and self._flat(source.terms):
                steps += self._outer(entry, source.terms, out, at)
            else:
                steps.append(self._whole(entry, source, out, at))
        offset = self.wiring.offset[..., row]
        return [*steps, lambda: cast(None, np.add(out, offset, out=out))] if offset.any() else steps

    def feeds(self, row: int) -> bool:
        """Return whether anything flows into `row`."""
        loads = any(route.row == row for load in self.wiring.loads for route in load.routes)
        return loads or bool(self._linear(row)) or bool(self.wiring.offset[..., row].any())

    def _linear(self, row: int) -> list[Wire | Sheet]:
        found: list[Wire | Sheet] = [wire for wire in self.wiring.wires if wire.row == row]
        return found + [sheet for sheet in self.wiring.sheets if sheet.row == row]

    def _spread(self, entry: Wire | Sheet, basis: Floats) -> Floats:
        """Return a `basis` of its own for each unknown of the source as one for each place of the row."""
        if basis.ndim == 1:
            return basis
        result = np.zeros((len(basis), self.wiring.own.shape[-3]))
        result[:, entry.into] = basis[:, entry.places]
        return result

    def _flat(self, terms: tuple[WaveformFactor, ...]) -> bool:
        return all(term.basis.ndim == 1 for term in terms)

    def _products(self, entry: Wire | Sheet, terms: tuple[WaveformFactor, ...]) -> list[Callable[[], Floats]]:
        """Return for each of the `terms` of the source what gives its weight times the coefficients of `entry`."""
        if isinstance(entry, Wire):
            return [_scaled(entry.values, taker(term.weight, entry.places)) for term in terms]
        moving = len(terms) > 1
        kept = [np.empty_like(self.state.image(entry).value) for _ in terms] if moving else []
        flows = []
        for number, term in enumerate(terms):
            drive = taker(term.weight, entry.places)
            product = self.state.product(entry, drive) if term.held else _applied(transposed(entry.matrix), drive)
            flows.append(_keeping(product, kept[number]) if moving else product)
        if moving:
            self.after.append(_moving_on(self.state, entry, kept, terms))
        return flows

    def _outer(self, entry: Sheet, terms: tuple[WaveformFactor, ...], out: Floats, at: slice) -> list[Call]:
        steps: list[Call] = []
        for term, flow in zip(terms, self._products(entry, terms), strict=True):
            basis = term.basis[at].reshape(-1, *(1,) * (out.ndim - 1))
            steps.append(feeding(adder(out, entry.into, first=False), _scaled(basis, flow)))
        return steps

    def _whole(self, entry: Sheet, source: Field, out: Floats, at: slice) -> Call:
        drive = taker(drawn(source.values)[at], entry.places)
        add = adder(out, entry.into, first=False)
        matrix = transposed(entry.matrix)
        if len(out) > 1 and matrix.size >= WORTHWHILE and (wrong := self._drive_error(entry)) > 0.0:
            product = self.state.waveform_product(matrix, len(out), wrong)
            return lambda: add(product(drive()))
        if matrix.ndim > 2:
            return feeding(add, _applied(matrix, drive))
        return lambda: add((drive().reshape(-1, len(matrix)) @ matrix).reshape(*out.shape[:-1], -1))

    def _drive_error(self, entry: Sheet) -> float:
        """Return how far all drivers of `entry` may be wrong at once."""
        most = np.maximum(np.abs(entry.matrix).sum(axis=-1), np.finfo(np.float64).tiny)
        return float((self.wrong[entry.into, entry.row] / most).min())


def drawn(values: Floats | None) -> Floats:
    """Return the `values` of a field that has them; nothing of one that nobody asked for any."""
    return np.empty(0) if values is None else values


def _is_constant(basis: Floats) -> bool:
    return bool((basis == 1.0).all())


def _scaled(values: Floats, drive: Callable[[], Floats]) -> Callable[[], Floats]:
    return lambda: values * drive()


def _applied(matrix: Floats, drive: Callable[[], Floats]) -> Callable[[], Floats]:
    return lambda: np.matmul(drive(), matrix)


def _keeping(flow: Callable[[], Floats], kept: Floats) -> Callable[[], Floats]:
    def keep() -> Floats:
        np.copyto(kept, flow())
        return kept

    return keep


def _moving_on(state: NetworkState, entry: Sheet, kept: list[Floats], terms: tuple[WaveformFactor, ...]) -> Call:
    """Return the step that makes of the products with the factors the image of where the drivers have come to."""
    image = state.image(entry)
    last = [float(term.basis[-1]) for term in terms]

    def move() -> None:
        np.multiply(kept[0], last[0], out=image.value)
        for share, product in zip(last[1:], kept[1:], strict=True):
            np.add(image.value, share * product, out=image.value)
        image.stamp = state.stamps[entry.group]

    return move


def _loading(load: Load, row: int, out: Floats, waves: Waves, high: High, first: bool) -> list[Call]:
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
        flow = taker(flows[..., route.terminal, :], route.elements)
        steps.append(feeding(adder(out, route.into, first=False), flow))
    return steps
