"""Chips that cannot be solved side by side are solved apart, so that one of them does not take the others down."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import ChipsWarning, SimulationError, UnsupportedError, explain, warn_caller
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory

NetworkSolver = Callable[[Network, Schedule], Trajectory]
"""Runs a network under a schedule, all its chips side by side."""

_SHOWN = 8
"""Chips that a warning lists by number; the others are counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """The `numbers` of some chips and what became of them; `alone` if it was one without an axis."""

    numbers: Indices
    found: Trajectory
    alone: bool


def run_chips(solve: NetworkSolver, network: Network, schedule: Schedule) -> Trajectory:
    """Return what `solve` makes of `network` under `schedule`: of all its chips side by side, if it can.

    If not, the chips are halved until each group can be solved; a chip that fails by itself is taken without the axis,
    as if it had been drawn alone. Warns, `ChipsWarning`, of the chips that were solved by themselves, and how.

    Raises
    ------
    SimulationError, UnsupportedError
        If a chip cannot be solved alone; the message has its number. Of one machine, as `solve` does.
    """
    if not network.chips:  # what differs in the efforts alone is a batch
        if not schedule.chips:
            return solve(network, schedule)
        found = solve(network, replace(schedule, chips=0))
        return _changed(found, lambda one: replace(one, schedule=schedule))
    try:
        return solve(network, schedule)
    except (SimulationError, UnsupportedError) as reason:
        groups = list(_groups(solve, network, schedule, np.arange(network.chips)))
        _warn(groups, network.chips, reason)
    return _joined(groups, network, schedule)


def _groups(solve: NetworkSolver, network: Network, schedule: Schedule, numbers: Indices) -> Iterator[_Group]:
    """Yield groups of the chips `numbers`, which could not be solved side by side."""
    if numbers.size == 1:
        yield _Group(numbers=numbers, found=_alone(solve, network, schedule, int(numbers[0])), alone=True)
        return
    for half in np.array_split(numbers, 2):
        try:
            found = solve(of_chips(network, half), schedule.of_chips(half))
        except (SimulationError, UnsupportedError):
            yield from _groups(solve, network, schedule, half)
        else:
            yield _Group(numbers=half, found=found, alone=False)


def _alone(solve: NetworkSolver, network: Network, schedule: Schedule, number: int) -> Trajectory:
    try:
        found = solve(of_chips(network, number), schedule.of_chips(number))
    except (SimulationError, UnsupportedError) as reason:
        what, do = f"chip {number} of {network.chips}", "draw the others without it, by Streams(first=..., chips=...)"
        raise type(reason)(explain(what, must="be solved", got=f"({reason})", do=do)) from reason
    extremes = tuple(replace(each, lowest=each.lowest[None], highest=each.highest[None]) for each in found.extremes)
    return replace(_changed(found, lambda one: replace(one, efforts=one.efforts[None])), extremes=extremes)


def _warn(groups: list[_Group], count: int, reason: Exception) -> None:
    alone = [group for group in groups if group.alone]
    if alone:
        numbers = ", ".join(str(group.numbers[0]) for group in alone[:_SHOWN])
        more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
        what, must = f"chips {numbers}{more} of {count}", "be solved beside the others"
        do = f"expect it to take longer; each was solved alone, the first by {alone[0].found.engine}"
        warn_caller(ChipsWarning(explain(what, must=must, got=f"({reason})", do=do)))


def _joined(groups: list[_Group], network: Network, schedule: Schedule) -> Trajectory:
    engines = dict.fromkeys(group.found.engine for group in groups)
    order = np.argsort(np.concatenate([group.numbers for group in groups]))

    def stacked(arrays: list[Floats]) -> Floats:  # by chip, whatever group it was in
        return np.concatenate(arrays)[order]

    joined: list[Trajectory] = [
        replace(
            parts[0],
            network=network,
            schedule=schedule,
            efforts=stacked([part.efforts for part in parts]),
            engine="; some chips: ".join(engines),
            error=max(part.error for part in parts),
            more=(),
        )
        for parts in zip(*(group.found.each for group in groups), strict=True)
    ]
    extremes = tuple(
        replace(each[0], lowest=stacked([one.lowest for one in each]), highest=stacked([one.highest for one in each]))
        for each in zip(*(group.found.extremes for group in groups), strict=True)
    )
    return replace(joined[0], more=tuple(joined[1:]), extremes=extremes)


def _changed(found: Trajectory, change: Callable[[Trajectory], Trajectory]) -> Trajectory:
    """Return `found` with each of the parts of what was kept as `change` makes it."""
    changed: Trajectory = change(found)
    return replace(changed, more=tuple(change(one) for one in found.more))
