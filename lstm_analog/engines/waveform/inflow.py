"""Makes the calls that add up the flow into each member of a level, through everything but the member itself.

A level has m components of k members each; row r of the level stands for the m members number r, so that a flow into a
row has shape (points, *lead, m). Calls read and write buffers bound to them.

There are two ways to add up. If all sources are known as sums of terms, basis(t) times weight, the flow is such a sum
too, and only weights are computed (`Inflow.factors`). Else the flow is computed at every point (`Inflow.waveform`).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.phase.wiring import Load, Route, Sheet, Wire, Wiring
from lstm_analog.engines.waveform.fields import BatchParts, Field, WaveformFactor, Waves, covers, fewer_terms, two_axes
from lstm_analog.engines.waveform.flows import Flow, adding_up, multiplied, multiplying, wired
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, reading
from lstm_analog.network.laws import High, flow_into, rows

Basis = Floats | None
"""A function of time by its values at the points: (points,), or (points, m) with one for each of m unknowns.

None stands for the constant function 1.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class InflowTerm:
    """One term of the flow into a row: a `basis` (a function of time) times the sum of the `flows` of its weights.

    `still` tells that these are of efforts alone that do not move, `guessed` that they are of these and guesses alone.
    """

    basis: Basis
    still: bool
    guessed: bool
    flows: list[Flow]


def summing(factor: InflowTerm, out: Floats, offset: Floats) -> list[Call]:
    """Return the calls that write `offset` (m,) plus the flows of `factor` into the buffer `out` (*lead, m)."""
    begun = bool(offset.any())
    beginning = [partial(np.copyto, out, offset.astype(out.dtype, copy=False))] if begun else []
    return [*beginning, *adding_up(factor.flows, out, begun)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Inflow:
    """The flows into one level, and the calls that add them up.

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
        Calls for when the segment is accepted; those of this level are appended.
    parts : BatchParts
        The parts of the batch whose inflow is computed at points.
    slack : float array, (N,)
        How far efforts of each unknown may be off where a product with a matrix can be spared; 0 where it cannot.
    guessing : bool
        Whether waveforms are guessed in the segment.
    """

    wiring: Wiring
    fields: list[Field]
    state: NetworkState
    high: High
    after: list[Call]
    parts: BatchParts
    slack: Floats
    guessing: bool

    def factors(self, row: int, before: list[Call], asked: Floats | None) -> list[InflowTerm]:
        """Return the flow into `row` as terms, in units of `unit`; all of its sources must have terms.

        The calls that their flows need to have been made are appended to `before`. If some functions (k, finer) of the
        flow are all that is `asked`, the terms may be right for these alone.
        """
        terms_of = [(entry, self._terms(entry, before, asked)) for entry in self.wiring.linear(row)]
        steady = [term for _, terms in terms_of for term in terms if _is_constant(term.basis)]
        still, guessed = all(term.still for term in steady), all(term.guessed for term in steady)
        constant = InflowTerm(basis=None, still=still, guessed=guessed, flows=[])
        found, offset = [constant], self.wiring.offset[..., row].any()
        for entry, terms in terms_of:
            for term, flow in zip(terms, self._products(entry, terms, before, self.unit(row)), strict=True):
                if _is_constant(term.basis):
                    constant.flows.append(flow)
                    continue
                same = [factor for factor in found if factor.basis is term.basis]
                if term.basis.ndim == 2 or not same:
                    basis = _per_place(entry, term.basis, self.wiring.own.shape[-3])
                    same = [InflowTerm(basis=basis, still=False, guessed=term.guessed, flows=[])]
                    found += same
                same[0].flows.append(flow)
        return found if constant.flows or offset or len(found) == 1 else found[1:]

    def unit(self, row: int) -> float:
        """Return the flow that counts as 1 in the terms of `row`: with it most weights are efforts; 1 for matrices."""
        if any(sheet.row == row for sheet in self.wiring.sheets):
            return 1.0
        return float(max((np.abs(wire.values).max() for wire in self.wiring.wires if wire.row == row), default=1.0))

    def constant(self, row: int, term: InflowTerm) -> Floats:
        """Return the constant flow into `row`, in units of `unit`, if it belongs to this `term`, else zero."""
        return self.wiring.offset[..., row] / self.unit(row) if term.basis is None else np.zeros(1)

    def waveform(self, row: int, out: Floats, waves: Waves, at: slice | None) -> list[Call]:
        """Return the calls that write the flow into `row` at the points `at` into `out` (points, *lead, m).

        `waves` are the efforts that nonlinear parts read, at the same points. With `at` None the flow is asked for at
        the end of the segment only, and `out` has one point.
        """
        calls, flows, begun = list[Call](), list[Flow](), False
        for load in self.wiring.loads:
            routes = [route for route in load.routes if route.row == row]
            whole = [covers(span, out.shape[-1]) for route in routes for span in (route.into, route.elements)]
            if whole == [True, True] and rows(load.part).shape[0] == 1 and not (begun or flows):
                calls, begun = flowing(load, waves, self.high, out[..., None, :]), True
            elif routes:
                flows += _of_load(load, routes, out, waves, self.high)
        flows += [flow for entry in self.wiring.linear(row) for flow in self._flows(entry, out, at, calls)]
        calls += adding_up(flows, out, begun)
        offset = self.wiring.offset[..., row]
        return [*calls, partial(np.add, out, offset.astype(out.dtype, copy=False), out)] if offset.any() else calls

    def following(self, gain: Floats, out: Floats, at: slice | None) -> list[Call]:
        """Return the calls that write efforts to `out` (points, *lead, m) that follow one wire; none if others do not.

        `gain` (..., m, k, k) are efforts per flow; the points are those `at` which `waveform` tells it.
        """
        wiring, calls = self.wiring, list[Call]()
        alone = gain.shape[-1] == 1 == len(wiring.wires) and not (wiring.loads or wiring.sheets or wiring.offset.any())
        if not alone or not covers(wiring.wires[0].into, out.shape[-1]):
            return []
        wire = replace(wiring.wires[0], values=wiring.wires[0].values * gain[..., 0, 0])
        flows = self._flows(wire, out, at, calls)
        return [*calls, *(call for flow in flows for call in flow.written(out))]

    def _flows(self, entry: Wire | Sheet, out: Floats, at: slice | None, before: list[Call]) -> list[Flow]:
        """Return what flows through `entry` at the points `at`, as parts of `out` (points, *lead, m).

        The calls that these need to have been made are appended to `before`.
        """
        source = self.fields[entry.source]
        constant = source.terms is not None and all(_is_constant(term.basis) for term in source.terms)
        if constant or at is None:
            held = source is self.fields[0]
            term = WaveformFactor(basis=np.ones(1), weight=source.end, held=held, still=held, guessed=held, every=1)
            found = self._products(entry, (term,), before, 1.0)
            return found if at is None else [flow.shared(self.parts) for flow in found]
        if isinstance(entry, Wire):
            return [wired(entry, drawn(source.values)[at], 1.0)]
        if source.terms is not None and all(term.basis.ndim == 1 for term in source.terms):
            return [self._by_terms(entry, _held_first(source.terms), out, at)]
        return [multiplied(entry, drawn(source.values)[at])]

    def feeds(self, row: int) -> bool:
        """Return whether there is any flow into `row`: a load, a wire, a sheet or an offset."""
        loads = any(route.row == row for load in self.wiring.loads for route in load.routes)
        return loads or bool(self.wiring.linear(row)) or bool(self.wiring.offset[..., row].any())

    def _terms(self, entry: Wire | Sheet, before: list[Call], asked: Floats | None) -> tuple[WaveformFactor, ...]:
        """Return the terms of the source of `entry`, those held first; fewer where these need be right for `asked`."""
        terms = _held_first(self.fields[entry.source].terms or ())
        if asked is None or isinstance(entry, Wire) or _slack(entry, self):
            return terms
        return fewer_terms(terms, asked, before)

    def _products(
        self, entry: Wire | Sheet, terms: tuple[WaveformFactor, ...], before: list[Call], unit: float
    ) -> list[Flow]:
        """Return for each of the `terms` of the source the flow through `entry` of that term's weights, in a `unit`.

        Through a matrix these flows lie side by side, and the calls that compute them are appended to `before`.
        """
        if isinstance(entry, Wire):
            return [wired(entry, term.weight, unit) for term in terms]
        if len(terms) > 1:
            return [Flow(into=entry.into, value=value, calls=()) for value in self._side_by_side(entry, terms, before)]
        (term,) = terms  # the source keeps its effort
        if not term.held:
            return [multiplied(entry, term.weight)]
        refresh = self.state.product(entry, *reading(term.weight, entry.places))
        return [Flow(into=entry.into, value=self.state.image(entry).value, calls=(refresh,))]

    def _side_by_side(self, entry: Sheet, terms: tuple[WaveformFactor, ...], before: list[Call]) -> Floats:
        """Return the flows of `entry` for the weights of several `terms`, those held first, (terms, *lead, m).

        The calls that compute them are appended to `before`: the matrix is multiplied by all weights that are not held
        at once. After the segment the sum of the products at its end is the stored product of the new state, so that
        the matrix is not multiplied again, until what that leaves out has added up.
        """
        image, held = self.state.image(entry), [term for term in terms if term.held]
        flows = np.empty((len(terms), *image.value.shape), image.value.dtype)
        for term, flow in zip(held, flows, strict=False):
            refresh = self.state.product(entry, *reading(term.weight, entry.places))
            before += [refresh, partial(np.copyto, flow, image.value)]
        self.after.extend(image.count_error(float(sum(abs(term.basis[-1]) for term in held))) if self.guessing else [])
        before += self._moving_products(entry, terms[len(held) :], flows[len(held) :])
        last = np.array([[term.basis[-1] for term in terms]], flows.dtype)
        summing = partial(np.matmul, last, two_axes(flows), image.value.reshape(1, -1))
        self.after.extend([summing, partial(np.copyto, image.stamp, image.version)])
        self.after.extend([image.expire()] if self.guessing else [])
        return flows

    def _moving_products(self, entry: Sheet, terms: tuple[WaveformFactor, ...], out: Floats) -> list[Call]:
        """Return the calls that write the flows of `entry` for the weights of `terms` to `out` (terms, *lead, m)."""
        slack = _slack(entry, self)
        if not slack or out.dtype != np.float64:
            packed, making = multiplying(entry, [term.weight for term in terms], out)
            if self.guessing and all(term.guessed for term in terms) and out.dtype == np.float64:
                self.after.extend(self.state.near(entry, False, packed[0].shape).summing(packed, out))
            return making
        calls: list[Call] = []
        for term, flow in zip(terms, out, strict=True):
            allowed, (drive, fetching) = slack / float(np.abs(term.basis).max()), reading(term.weight, entry.places)
            near, image, off = self.state.near(entry, term.still, drive.shape), self.state.image(entry), np.empty(1)
            refreshing = near.refreshing(drive, image.transposed, allowed, off)
            calls += [*fetching, *refreshing, partial(np.copyto, flow, near.value)]
            in_slacks = partial(np.multiply, off, abs(float(term.basis[-1])) / slack, off)
            self.after.extend([in_slacks, partial(np.add, image.off, off, image.off)])
        return calls

    def _by_terms(self, entry: Sheet, terms: tuple[WaveformFactor, ...], out: Floats, at: slice) -> Flow:
        """Return the flow of `entry` as the sum of its `terms`, those held first: bases times products."""
        before = list[Call]()
        value, calls = self.parts.held(self._side_by_side(entry, terms, before), tuple(before))
        bases = np.stack([term.at_points[at] for term in terms], axis=1).astype(out.dtype, copy=False)
        room = np.empty((len(bases), *value.shape[1:]), out.dtype)
        summing = partial(np.matmul, bases, value.reshape(len(value), -1), room.reshape(len(room), -1))
        return Flow(into=entry.into, value=room, calls=(*calls, summing))


def _per_place(entry: Wire | Sheet, basis: Floats, places: int) -> Floats:
    """Return a `basis` (points, n), one for each unknown of the source of `entry`, as one for each of the `places`."""
    if basis.ndim == 1:
        return basis
    result = np.zeros((len(basis), places))
    result[:, entry.into] = basis[:, entry.places]
    return result


def _slack(entry: Sheet, inflow: Inflow) -> float:
    """Return how far efforts may be off where that spares a product with the matrix of `entry`; 0 where none is."""
    return float(inflow.slack[inflow.fields[entry.source].nodes].min())


def drawn(values: Floats | None) -> Floats:
    """Return the `values` of a field at the points, or an empty array if it has none."""
    return np.empty(0) if values is None else values


def _held_first(terms: tuple[WaveformFactor, ...]) -> tuple[WaveformFactor, ...]:
    return tuple(sorted(terms, key=lambda term: not term.held))


def _is_constant(basis: Floats) -> bool:
    return bool((basis == 1.0).all())


def _of_load(load: Load, routes: list[Route], out: Floats, waves: Waves, high: High) -> list[Flow]:
    """Return the flows of the nonlinear `load` along `routes`, as parts of `out`; the first makes them all."""
    flows = np.empty((*waves.shape[:-1], *rows(load.part).shape), out.dtype)
    calls, found = tuple(flowing(load, waves, high, flows)), list[Flow]()
    for route in routes:
        value, fetching = reading(flows[..., route.terminal, :], route.elements)
        found.append(Flow(into=route.into, value=value, calls=(*calls, *fetching)))
        calls = ()
    return found


def flowing(load: Load, waves: Waves, high: High, out: Floats) -> list[Call]:
    """Return the calls that write the flow of `load` at the efforts `waves` to `out` (points, *lead, terminals, m).

    `high` says which clock lines are high.
    """
    return list(flow_into(load.part, cast(Floats, waves), high, out))  # a law asks only for `shape` and `gathered`
