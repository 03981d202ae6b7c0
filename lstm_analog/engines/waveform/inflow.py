"""Makes the calls that add up the flow into each row of a level from other fields and through nonlinear parts.

A level has m components of k members each; row r of the level stands for the m members number r, so that a flow into a
row has shape (points, *lead, m).

There are two ways to add up. If all sources are sums of terms, basis(t) times weight, the flow is such a sum too, and
only weights are computed (`Inflow.terms`). Else the flow is computed at every point (`Inflow.waveform`).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.phase.wiring import Load, Route, Sheet, Wire, Wiring
from lstm_analog.engines.waveform.fields import (
    BatchParts,
    Field,
    WaveformTerm,
    Waves,
    covers,
    fewer_terms,
    sum_of_terms,
    two_axes,
)
from lstm_analog.engines.waveform.flows import Flow, adding_up, multiplied, multiplying, wired
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.expressions import Call, reading
from lstm_analog.network.laws import High, flow_into, rows


@dataclass(frozen=True, kw_only=True, eq=False)
class InflowTerm:
    """One term of the flow into a row: a `basis` (None for the constant 1) times its weight, the sum of some `flows`.

    `still` and `guessed` tell of the weight what those of `WaveformTerm` tell.
    """

    basis: Floats | None
    still: bool
    guessed: bool
    flows: list[Flow]


@dataclass(frozen=True, kw_only=True, eq=False)
class Inflow:
    """The flows into one level, and the calls that add them up.

    Attributes
    ----------
    wiring : Wiring
        Where flow into the level comes from: wires, sheets, loads, offset.
    fields : list of Field
        The fields of the segment by number; those with terms are replaced when these have been found.
    state : NetworkState
        The efforts at the start, and the stored products of matrices with them.
    high : tuple of bool
        Which clock lines are high.
    after : list of calls
        Calls to be made when the segment is accepted; those of this level are appended.
    parts : BatchParts
        The parts of the batch; flow at points is computed part by part.
    slack : float array, (N,)
        How far the effort of each unknown may be off so that a product stored for nearly the same efforts is used
        again; 0 where none is.
    guessing : bool
        Whether the segment has guesses.
    """

    wiring: Wiring
    fields: list[Field]
    state: NetworkState
    high: High
    after: list[Call]
    parts: BatchParts
    slack: Floats
    guessing: bool

    def terms(self, row: int, before: list[Call], functionals: Floats | None) -> list[InflowTerm]:
        """Return the terms of the flow into `row`, in multiples of `Wiring.unit`; all of its sources must have terms.

        The calls that must be made before those of the flows are appended to `before`. If only some `functionals`
        (k, finer) of the flow matter, their sum may be wrong in all else.
        """
        terms_of = [(entry, self._terms(entry, before, functionals)) for entry in self.wiring.linear(row)]
        steady = [term for _, terms in terms_of for term in terms if _is_constant(term.basis)]
        still, guessed = all(term.still for term in steady), all(term.guessed for term in steady)
        constant = InflowTerm(basis=None, still=still, guessed=guessed, flows=[])
        found, offset = [constant], self.wiring.offset[..., row].any()
        for entry, terms in terms_of:
            for term, flow in zip(terms, self._products(entry, terms, before, self.wiring.unit(row)), strict=True):
                if _is_constant(term.basis):
                    constant.flows.append(flow)
                    continue
                same = [other for other in found if other.basis is term.basis]
                if term.basis.ndim == 2 or not same:
                    basis = _per_place(entry, term.basis, self.wiring.own.shape[-3])
                    same = [InflowTerm(basis=basis, still=False, guessed=term.guessed, flows=[])]
                    found += same
                same[0].flows.append(flow)
        return found if constant.flows or offset or len(found) == 1 else found[1:]

    def weighing(self, row: int, term: InflowTerm, out: Floats) -> list[Call]:
        """Return the calls that write the weight of a `term` of the flow into `row` to `out` (*lead, m).

        That of the constant term includes the offset.
        """
        offset = self.wiring.offset[..., row] / self.wiring.unit(row)
        if term.basis is not None or not offset.any():
            return adding_up(term.flows, out)
        beginning = partial(np.copyto, out, offset.astype(out.dtype, copy=False))
        return [beginning, *adding_up(term.flows, out, begun=True)]

    def waveform(self, row: int, out: Floats, waves: Waves, points: slice | None) -> list[Call]:
        """Return the calls that write the flow into `row` at the `points` to `out` (points, *lead, m).

        `waves` are the efforts that nonlinear parts read, at the same points. Points None stand for the end of the
        segment alone, where `out` has one point.
        """
        calls, flows, begun = list[Call](), list[Flow](), False
        for load in self.wiring.loads:
            routes = [route for route in load.routes if route.row == row]
            whole = [covers(span, out.shape[-1]) for route in routes for span in (route.into, route.elements)]
            if whole == [True, True] and rows(load.part).shape == (1, out.shape[-1]) and not (begun or flows):
                calls, begun = list(flow_into(load.part, cast(Floats, waves), self.high, out[..., None, :])), True
            elif routes:
                flows += flows_of(load, routes, waves, self.high, out.dtype)
        flows += [self._flow(entry, points) for entry in self.wiring.linear(row)]
        calls += adding_up(flows, out, begun)
        offset = self.wiring.offset[..., row]
        return [*calls, partial(np.add, out, offset.astype(out.dtype, copy=False), out)] if offset.any() else calls

    def one_wire(self, gain: Floats, out: Floats, points: slice | None) -> list[Call]:
        """Return the calls that write the efforts of single unknowns that one wire alone feeds to `out`; else none.

        `gain` (..., m, k, k) is effort per flow, multiplied into the wire. `out` (points, *lead, m) and the `points`
        are those of `waveform`.
        """
        wiring = self.wiring
        alone = gain.shape[-1] == 1 == len(wiring.wires) and not (wiring.loads or wiring.sheets or wiring.offset.any())
        if not alone or not covers(wiring.wires[0].into, out.shape[-1]):
            return []
        wire = replace(wiring.wires[0], values=wiring.wires[0].values * gain[..., 0, 0])
        return list(self._flow(wire, points).written(out))

    def _flow(self, entry: Wire | Sheet, points: slice | None) -> Flow:
        """Return the flow through `entry` at the `points`, None for the end alone."""
        source = self.fields[entry.source]
        if points is None:
            return self._at_efforts(entry, source.end, source is self.fields[0], 1.0)
        if source.terms is not None and all(_is_constant(term.basis) for term in source.terms):
            flow = self._at_efforts(entry, source.end, source is self.fields[0], 1.0)
            value, calls = self.parts.shared(flow.value, flow.calls)
            return Flow(into=flow.into, value=value, calls=calls)
        if isinstance(entry, Wire):
            return wired(entry, source.at_points[points], 1.0)
        if source.terms is not None and all(term.basis.ndim == 1 for term in source.terms):
            return self._by_terms(entry, _held_first(source.terms), points)
        return multiplied(entry, source.at_points[points])

    def _terms(self, entry: Wire | Sheet, before: list[Call], functionals: Floats | None) -> tuple[WaveformTerm, ...]:
        """Return the terms of the source of `entry`, those held first.

        Through a matrix they are fewer where only some `functionals` of them matter; the calls that compute their
        weights are appended to `before`.
        """
        terms = _held_first(self.fields[entry.source].terms or ())
        if functionals is None or isinstance(entry, Wire) or self._slack_of(entry):
            return terms
        return fewer_terms(terms, functionals, before)

    def _products(
        self, entry: Wire | Sheet, terms: tuple[WaveformTerm, ...], before: list[Call], unit: float
    ) -> list[Flow]:
        """Return for each of the `terms` of the source the flow through `entry` of its weight, in multiples of `unit`.

        The calls that compute those of several terms through a matrix are appended to `before`.
        """
        if isinstance(entry, Wire) or len(terms) == 1:
            return [self._at_efforts(entry, term.weight, term.held, unit) for term in terms]
        return [Flow(into=entry.into, value=value, calls=()) for value in self._side_by_side(entry, terms, before)]

    def _at_efforts(self, entry: Wire | Sheet, efforts: Floats, held: bool, unit: float) -> Flow:
        """Return the flow through `entry` at the `efforts` (*lead, n) of its source; that of a wire is in a `unit`.

        `held` tells that these are efforts of the state, whose product with a matrix is stored.
        """
        if isinstance(entry, Wire):
            return wired(entry, efforts, unit)
        if not held:
            return multiplied(entry, efforts)
        refresh = self.state.product(entry, *reading(efforts, entry.places))
        return Flow(into=entry.into, value=self.state.image(entry).value, calls=(refresh,))

    def _side_by_side(self, entry: Sheet, terms: tuple[WaveformTerm, ...], before: list[Call]) -> Floats:
        """Return the flows of `entry` for the weights of several `terms`, those held first, (terms, *lead, m).

        The calls that compute them are appended to `before`. For the weight that is held they take the stored product;
        all other weights are multiplied by the matrix at once. When the segment is accepted, the sum of the terms'
        products at its end becomes the stored product, so that the next segment need not multiply, until what that
        leaves out has added up.
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

    def _moving_products(self, entry: Sheet, terms: tuple[WaveformTerm, ...], out: Floats) -> list[Call]:
        """Return the calls that write the flows of `entry` for the weights of `terms` to `out` (terms, *lead, m).

        With a slack, the product of nearly the same weights in an earlier segment serves again. Without, if the weights
        follow from guesses alone, their products at the end are stored for segments with a slack.
        """
        slack = self._slack_of(entry)
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

    def _by_terms(self, entry: Sheet, terms: tuple[WaveformTerm, ...], points: slice) -> Flow:
        """Return the flow of `entry` at the `points`, as the sum of its `terms`, those held first.

        The matrix is multiplied by their weights, not at every point.
        """
        before = list[Call]()
        value, calls = self.parts.shared(self._side_by_side(entry, terms, before), tuple(before))
        bases = [term.at_points[points] for term in terms]
        flow = np.empty((len(bases[0]), *value.shape[1:]), value.dtype)
        return Flow(into=entry.into, value=flow, calls=(*calls, *sum_of_terms(bases, value, flow)))

    def _slack_of(self, sheet: Sheet) -> float:
        """Return the least slack of the source of `sheet`."""
        return float(self.slack[self.fields[sheet.source].nodes].min())


def _per_place(entry: Wire | Sheet, basis: Floats, places: int) -> Floats:
    """Return a `basis` (points, n), one for each unknown of the source of `entry`, as one for each of the `places`."""
    if basis.ndim == 1:
        return basis
    result = np.zeros((len(basis), places))
    result[:, entry.into] = basis[:, entry.places]
    return result


def _held_first(terms: tuple[WaveformTerm, ...]) -> tuple[WaveformTerm, ...]:
    return tuple(sorted(terms, key=lambda term: not term.held))


def _is_constant(basis: Floats) -> bool:
    return bool((basis == 1.0).all())


def flows_of(load: Load, routes: list[Route], waves: Waves, high: High, dtype: np.dtype[Any]) -> list[Flow]:
    """Return the flows of the nonlinear `load` along `routes`; the calls of the first compute them all.

    They are numbers of `dtype`, at the efforts `waves` and with the clock lines `high`.
    """
    terminals, count = rows(load.part).shape
    flows = np.empty((terminals, *waves.shape[:-1], count), dtype)
    calls, found = flow_into(load.part, cast(Floats, waves), high, np.moveaxis(flows, 0, -2)), list[Flow]()
    for route in routes:
        value, fetching = reading(flows[route.terminal], route.elements)
        found.append(Flow(into=route.into, value=value, calls=(*calls, *fetching)))
        calls = ()
    return found
