"""The state of a run that all its segments share: the efforts, and stored products of dense matrices with efforts.

A crossbar whose inputs have not changed since the last segment need not be multiplied again. So each group of unknowns
has a version number, and a product is stored with the version that it was computed from, its stamp. Without that 512
units took twice as long, 128 units 1.05 times.

The module also says what sources impose on the state in each interval.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, Span, span
from lstm_analog.engines.native.calls import Unless, largest
from lstm_analog.engines.phase.wiring import Sheet
from lstm_analog.engines.waveform.fields import two_axes
from lstm_analog.expressions import Call, Refresh, advance
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule

_TRUSTED = 8.0
"""Error of a stored product, in slacks, from which it is computed anew; larger: fewer products, larger errors.

A slack is by how much efforts may differ from those that were multiplied, so that a product is spared.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldProduct:
    """The stored product of a matrix (m, n) with the efforts at its columns (*lead, n): an image.

    Attributes
    ----------
    transposed : float array, (n, m)
        The matrix; (chips, n, m) if it differs from chip to chip.
    value : float array, (*lead, m)
        The product.
    stamp : int array, (1,)
        The version of the efforts that it was computed from; -1: of none.
    version : int array, (1,)
        The present version of these efforts; while it is equal to the stamp, the product is not computed again.
    off : float array, (1,)
        A bound of how far the efforts of the product are from the present ones, in slacks: it grows by what products
        were spared (`NearProduct`), and by drifts.
    drift : float array, (1,)
        The sum of all drifts of the run, in slacks; a drift is a correction that is added to storages after a segment.
    seen : float array, (1,)
        How much of that is counted in `off`.
    """

    transposed: Floats
    value: Floats
    stamp: Indices
    version: Indices
    off: Floats
    drift: Floats
    seen: Floats

    def count_error(self, left: float) -> list[Call]:
        """Return the calls that update `off` at the end of a segment: the new product has a share `left` of it."""
        return [
            partial(np.add, self.off, self.drift, self.off),
            partial(np.subtract, self.off, self.seen, self.off),
            partial(np.copyto, self.seen, self.drift),
            partial(np.multiply, self.off, left, self.off),
        ]

    def expire(self) -> Call:
        """Return the call that has the product computed anew if it is too far off."""
        anew = (partial(np.copyto, self.stamp, np.full(1, -1)), partial(np.copyto, self.off, 0.0))
        return Unless(value=self.off, limit=_TRUSTED, calls=anew)


@dataclass(frozen=True, kw_only=True, eq=False)
class NearProduct:
    """The stored product, `value` (*lead, m), of a matrix with `weights` (*lead, n), which spares that of similar ones.

    Before the first product the weights are infinite.
    """

    weights: Floats
    value: Floats

    def refreshing(self, drive: Floats, matrix: Floats, slack: float, off: Floats) -> tuple[Call, ...]:
        """Return the calls that multiply the weights `drive` (*lead, n) by the transposed `matrix` (n, m), if need be.

        They keep the stored product if its weights differ from these by at most `slack`, and write to `off` (1,) by how
        much they do.
        """
        again = (partial(np.copyto, self.weights, drive), partial(np.matmul, drive, matrix, self.value))
        apart = np.empty_like(self.weights)
        return (
            partial(np.subtract, self.weights, drive, apart),
            partial(largest, off, apart.reshape(1, -1), np.ones(1)),
            Unless(value=off, limit=slack, calls=(*again, partial(np.copyto, off, 0.0))),
        )

    def summing(self, weights: Floats, values: Floats) -> tuple[Call, ...]:
        """Return the calls that store the sum of k `weights` (k, *lead, n), and of their products `values`, as one.

        These are the weights of the Chebyshev polynomials of a guess, all of which are 1 at the end of a segment: their
        sum is the guess there, which is near the weights of the segment that follows.
        """
        return tuple(
            partial(np.matmul, np.ones((1, len(some))), two_axes(some), to.reshape(1, -1))
            for some, to in ((weights, self.weights), (values, self.value))
        )


def transposed(matrix: Floats) -> Floats:
    """Return `matrix` (m, n) or (chips, 1, m, n) transposed, (n, m) or (chips, n, m); efforts times it are flows."""
    plain = matrix if matrix.ndim == 2 else matrix[..., 0, :, :]
    return np.swapaxes(plain, -1, -2)


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkState:
    """The efforts of a network at the present time of a run, and what was computed from them; the run changes it.

    Attributes
    ----------
    effort : float array, (*lead, N)
        The efforts at the end of the last accepted segment, and what sources have imposed since.
    stamps : int array, (1 + groups,)
        The version of each group of unknowns, the datum first: one more whenever an effort of it may have changed.
    drift : float array, (1,)
        The sum of all drifts in the run, see `HeldProduct`.
    known : dict
        Stored products by the name of their matrix; phases share them.
    nearby : dict
        Products with weights that hardly change from segment to segment, by whether these are of efforts that do not
        move, and the name of their matrix.
    rooms : list of float arrays
        Scratch memory: a step that has written to it leaves nothing there for the next.
    """

    effort: Floats
    stamps: Indices
    known: dict[tuple[int, bytes, bytes], HeldProduct]
    nearby: dict[tuple[bool, tuple[int, bytes, bytes]], NearProduct] = field(default_factory=dict)
    rooms: list[Floats] = field(default_factory=list)
    drift: Floats = field(default_factory=lambda: np.zeros(1))

    def image(self, sheet: Sheet) -> HeldProduct:
        """Return the stored product of the dense matrix of `sheet` with its efforts; new ones are not computed yet."""
        if sheet.name not in self.known:
            self.known[sheet.name] = HeldProduct(
                transposed=transposed(sheet.matrix.astype(self.effort.dtype, copy=False)),
                value=np.empty((*self.effort.shape[:-1], sheet.matrix.shape[-2]), self.effort.dtype),
                stamp=np.full(1, -1),
                version=self.stamps[sheet.group : sheet.group + 1],
                off=np.zeros(1),
                drift=self.drift,
                seen=self.drift.copy(),
            )
        return self.known[sheet.name]

    def product(self, sheet: Sheet, drive: Floats, fetching: tuple[Call, ...]) -> Refresh:
        """Return the call that brings the stored product of `sheet` up to date, from the efforts `drive`.

        It multiplies, after the calls `fetching`, only if these have a new version.
        """
        image = self.image(sheet)
        multiplying = partial(np.matmul, drive, image.transposed, image.value)
        return Refresh(stamp=image.stamp, version=image.version, calls=(*fetching, multiplying))

    def near(self, sheet: Sheet, still: bool, shape: tuple[int, ...]) -> NearProduct:
        """Return the stored product of the matrix of `sheet` with weights of this `shape` that hardly change.

        Those of efforts that do not move, `still`, have one of their own.
        """
        image, key = self.image(sheet), (still, sheet.name)
        if key not in self.nearby:
            self.nearby[key] = NearProduct(weights=np.full(shape, np.inf), value=np.empty_like(image.value))
        return self.nearby[key]

    def scratch(self, numbers: int) -> Floats:
        """Return memory for so many `numbers`, (numbers,), that other steps overwrite."""
        if not any(room.size >= numbers for room in self.rooms):
            self.rooms.append(np.zeros(numbers))
        return next(room for room in self.rooms if room.size >= numbers)[:numbers]

    def mark_changed(self, groups: Indices) -> Call:
        """Return the call that gives these `groups` of unknowns a new version, since their efforts have changed."""
        return partial(advance, self.stamps, groups)

    def forget(self) -> None:
        """Set the efforts to zero and drop all products, so that no run depends on the one before.

        What Newton's method keeps, its last solution and slopes, stays: answers change within its tolerance.
        """
        self.effort[...] = self.drift[0] = 0.0
        for image in self.known.values():
            image.stamp[0], image.off[0], image.seen[0] = -1, 0.0, 0.0
        for near in self.nearby.values():
            near.weights.fill(np.inf)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImposedWaveform:
    """The `efforts` that a bank of m sources imposes on the unknowns `places`, which lie in `groups`, in each interval.

    Efforts are (..., intervals, m), with one interval for all if they are steady. Axes of chips and sequences come
    before, of length 1 or none where all have the same. `changes` (intervals,) says where the efforts differ from those
    of the interval before.
    """

    places: Span
    groups: Indices
    efforts: Floats
    changes: Flags

    def impose(self, state: NetworkState, number: int) -> None:
        """Set the efforts in `state` to those imposed in interval `number`."""
        last = self.efforts.shape[-2] - 1
        state.effort[..., self.places] = self.efforts[..., min(number, last), :]
        state.mark_changed(self.groups)()


@dataclass(frozen=True, kw_only=True, eq=False)
class SourcePlaces:
    """A bank of `sources` of a network, the unknowns `places` that it drives, and the `groups` in which these lie."""

    sources: Sources
    places: Span
    groups: Indices


def source_places(network: Network) -> tuple[SourcePlaces, ...]:
    """Return which unknowns each bank of sources of `network` drives."""
    sizes = [group.size for group in network.unknowns.groups]
    groups = np.repeat(np.arange(1 + len(sizes)), [1, *sizes])
    banks = (part for part in network.parts if isinstance(part, Sources))
    return tuple(
        SourcePlaces(sources=part, places=span(part.nodes), groups=np.unique(groups[part.nodes])) for part in banks
    )


def imposed_waveforms(
    places: tuple[SourcePlaces, ...], schedule: Schedule, dtype: np.dtype[Any]
) -> list[ImposedWaveform]:
    """Return what each bank of sources, with its `places`, imposes in each interval of `schedule`.

    Efforts are numbers of `dtype`. Banks that `schedule` does not drive impose their own efforts.
    """
    driven, found = {entry.label: entry for entry in schedule.imposed}, []
    for each in places:
        entry = driven.get(each.sources.label)
        changes = np.zeros(len(schedule.names), dtype=bool)
        changes[0] = True
        efforts = each.sources.effort[..., None, :] if entry is None else schedule.side_by_side(entry)
        if entry is not None and entry.steady:
            efforts = efforts[..., :1, :]
        elif entry is not None:
            moves = efforts[..., 1:, :] != efforts[..., :-1, :]
            changes[1:] = moves.any(axis=tuple(range(moves.ndim - 2))).any(axis=-1)  # in this order it is fastest
        given = efforts.astype(dtype, copy=False)
        found.append(ImposedWaveform(places=each.places, groups=each.groups, efforts=given, changes=changes))
    return found
