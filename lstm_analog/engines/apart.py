"""Runs many chips and sequences: portion by portion, and apart where they cannot be solved side by side.

So that a chip that cannot be solved beside the others does not take them down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.portions import Portions
from lstm_analog.errors import ChipsWarning, SimulationError, UnsupportedError, explain, warn_caller
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Extremes, Save, Trajectory

_SHOWN = 8
"""Chips that a warning lists by number; the others are counted."""
_PORTIONS: WeakKeyDictionary[Network, dict[tuple[int, int], Network]] = WeakKeyDictionary()
"""The networks of portions of the chips of a network; engines know them again by their identity."""


class NetworkSolver(Protocol):
    """Runs a `network` under a `schedule`, all its chips side by side, telling `progress`."""

    def __call__(self, network: Network, schedule: Schedule, progress: Progress | None) -> Trajectory:
        """Return its trajectory."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """The `numbers` of some chips, or sequences, and what became of them.

    `alone` if it was one chip without an axis, of which `reason` says why.
    """

    numbers: Indices
    found: Trajectory
    alone: bool = False
    reason: Exception | None = None


def run_chips(
    solve: NetworkSolver, network: Network, schedule: Schedule, portions: Portions, progress: Progress | None
) -> Trajectory:
    """Return what `solve` makes of `network` under `schedule`, telling `progress`: `portions` side by side, if it can.

    If not, the chips of a portion are halved until each group can be solved; a chip that fails by itself is taken
    without the axis, as if it had been drawn alone. Warns, `ChipsWarning`, of the chips that were solved by themselves,
    and how.

    Raises
    ------
    SimulationError, UnsupportedError
        If a chip cannot be solved alone; the message has its number. Of one machine, as `solve` does.
    """
    if not network.chips:  # what differs in the efforts alone is a batch
        return _run_sequences(solve, network, schedule, portions, progress)
    if len(portions.slices) == 1:
        try:
            return solve(network, schedule, progress)
        except (SimulationError, UnsupportedError) as reason:
            whole = partial(solve, progress=progress)
            found = iter([list(_groups(whole, network, schedule, np.arange(network.chips), reason))])
    else:
        parts = {part.start: _portion(network, part) for part in portions.slices}

        def solved(part: slice, told: Progress) -> list[_Group]:
            numbers, of_part = np.arange(part.start, part.stop), partial(solve, progress=told)
            try:
                found = of_part(parts[part.start], schedule.of_chips(numbers))
            except (SimulationError, UnsupportedError) as reason:
                return list(_groups(of_part, network, schedule, numbers, reason))
            return [_Group(numbers=numbers, found=found)]

        found = portions.each(solved, progress)
    joined = _Joined(network.chips)
    for groups in found:
        joined.add(groups)
    joined.warn()
    return joined.trajectory(network, schedule, (network.chips, *schedule.batch))


def _run_sequences(
    solve: NetworkSolver, network: Network, schedule: Schedule, portions: Portions, progress: Progress | None
) -> Trajectory:
    sequences = replace(schedule, chips=0) if schedule.chips else schedule
    if len(portions.slices) == 1:
        found = solve(network, sequences, progress)
        if sequences is schedule:
            return found
        return _changed(found, lambda one: replace(one, schedule=schedule))

    def solved(part: slice, told: Progress) -> list[_Group]:
        numbers = np.arange(part.start, part.stop)
        return [_Group(numbers=numbers, found=solve(network, sequences.of_sequences(part), told))]

    joined = _Joined(portions.slices[-1].stop)
    for groups in portions.each(solved, progress):
        joined.add(groups)
    return joined.trajectory(network, schedule, schedule.lead)


def _portion(network: Network, part: slice) -> Network:
    """Return the chips `part` of `network`, the same object each time while `network` is there."""
    known = _PORTIONS.setdefault(network, {})
    if (part.start, part.stop) not in known:
        known[part.start, part.stop] = of_chips(network, part)
    return known[part.start, part.stop]


_Alone = Callable[[Network, Schedule], Trajectory]


def _groups(
    solve: _Alone, network: Network, schedule: Schedule, numbers: Indices, reason: Exception
) -> Iterator[_Group]:
    """Yield groups of the chips `numbers`, which could not be solved side by side for that `reason`."""
    if numbers.size == 1:
        found = _alone(solve, network, schedule, int(numbers[0]))
        yield _Group(numbers=numbers, found=found, alone=True, reason=reason)
        return
    for half in np.array_split(numbers, 2):
        try:
            found = solve(of_chips(network, half), schedule.of_chips(half))
        except (SimulationError, UnsupportedError):
            yield from _groups(solve, network, schedule, half, reason)
        else:
            yield _Group(numbers=half, found=found)


def _alone(solve: _Alone, network: Network, schedule: Schedule, number: int) -> Trajectory:
    try:
        found = solve(of_chips(network, number), schedule.of_chips(number))
    except (SimulationError, UnsupportedError) as reason:
        what, do = f"chip {number} of {network.chips}", "draw the others without it, by Streams(first=..., chips=...)"
        raise type(reason)(explain(what, must="be solved", got=f"({reason})", do=do)) from reason
    extremes = tuple(replace(each, lowest=each.lowest[None], highest=each.highest[None]) for each in found.extremes)
    return replace(_changed(found, lambda one: replace(one, efforts=one.efforts[None])), extremes=extremes)


class _Joined:
    """The run of `count` chips, or sequences, put together from groups as they come, in order.

    Their arrays are not held twice.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: list[tuple[Save, Floats, Floats]] = []
        self._engines: dict[str, None] = {}
        self._errors: list[float] = []
        self._limits: list[tuple[Extremes, ...]] = []
        self._alone: list[tuple[int, str, Exception | None]] = []

    def add(self, groups: list[_Group]) -> None:
        """Copy the efforts of the `groups` to their places."""
        for group in groups:
            self._kept = self._kept or [self._empty(one) for one in group.found.each]
            for (_, _, efforts), one in zip(self._kept, group.found.each, strict=True):
                efforts[group.numbers] = one.efforts
            self._engines[group.found.engine] = None
            self._errors.append(group.found.error)
            self._limits.append(group.found.extremes)
            self._alone += [(int(group.numbers[0]), group.found.engine, group.reason)] if group.alone else []

    def _empty(self, one: Trajectory) -> tuple[Save, Floats, Floats]:
        return one.saved, one.time, np.empty((self._count, *one.efforts.shape[1:]))

    def warn(self) -> None:
        """Warn of the chips that were solved alone, if any were."""
        if self._alone:
            numbers = ", ".join(str(number) for number, _, _ in self._alone[:_SHOWN])
            more = f" and {len(self._alone) - _SHOWN} more" if len(self._alone) > _SHOWN else ""
            _, engine, reason = self._alone[0]
            what, must = f"chips {numbers}{more} of {self._count}", "be solved beside the others"
            do = f"expect it to take longer; each was solved alone, the first by {engine}"
            warn_caller(ChipsWarning(explain(what, must=must, got=f"({reason})", do=do)))

    def trajectory(self, network: Network, schedule: Schedule, lead: tuple[int, ...]) -> Trajectory:
        """Return the run of `network` under `schedule`, with the leading axes `lead`."""
        for _, _, efforts in self._kept:
            efforts.flags.writeable = False  # or the trajectory would take a copy
        engine = ("; some chips: " if network.chips else "; some sequences: ").join(self._engines)
        first, *more = (
            Trajectory(
                network=network,
                schedule=schedule,
                time=time,
                efforts=efforts.reshape(*lead, *efforts.shape[-2:]),
                engine=engine,
                saved=saved,
                error=float(np.max(self._errors)),
            )
            for saved, time, efforts in self._kept
        )
        extremes = tuple(map(_stacked if network.chips else _farthest, zip(*self._limits, strict=True)))
        return replace(first, more=tuple(more), extremes=extremes)


def _stacked(each: tuple[Extremes, ...]) -> Extremes:
    """Return the extremes of all chips, of those of `each` group."""
    lowest, highest = np.concatenate([one.lowest for one in each]), np.concatenate([one.highest for one in each])
    return replace(each[0], lowest=lowest, highest=highest)


def _farthest(each: tuple[Extremes, ...]) -> Extremes:
    """Return the extremes of all sequences, of those of `each` group."""
    lowest, highest = np.min([one.lowest for one in each], axis=0), np.max([one.highest for one in each], axis=0)
    return replace(each[0], lowest=lowest, highest=highest)


def _changed(found: Trajectory, change: Callable[[Trajectory], Trajectory]) -> Trajectory:
    """Return `found` with each of the parts of what was kept as `change` makes it."""
    changed: Trajectory = change(found)
    return replace(changed, more=tuple(change(one) for one in found.more))
