"""Runs many chips and sequences: portion by portion, and apart where they cannot be solved side by side.

So that a chip that cannot be solved beside the others does not take them down. Each portion writes to its share of one
recorder.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import Protocol
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.portions import Portions
from lstm_analog.engines.record import Recorder
from lstm_analog.errors import ChipsWarning, SimulationError, UnsupportedError, explain, warn_caller
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory

_SHOWN = 8
"""Chips that a warning lists by number; the others are counted."""
_PORTIONS: WeakKeyDictionary[Network, dict[tuple[int, int], Network]] = WeakKeyDictionary()
"""The networks of portions of the chips of a network; engines know them again by their identity."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """What solved some chips or sequences, an `engine` with its settings, and its estimate of the `error`.

    `finite` tells that it has found all finite that it took down; else that remains to be seen.
    """

    engine: str
    error: float = nan
    finite: bool = False


class NetworkSolver(Protocol):
    """Runs a `network` under a `schedule`, all its chips side by side, writing to `record` and telling `progress`."""

    def __call__(self, network: Network, schedule: Schedule, record: Recorder, progress: Progress | None) -> Solved:
        """Return how it was solved; raise `SimulationError` or `UnsupportedError` if it cannot be."""
        ...


class _Telling(Protocol):
    """A `NetworkSolver` that knows whom to tell of its progress."""

    def __call__(self, network: Network, schedule: Schedule, record: Recorder) -> Solved:
        """Return how it was solved."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class _Group:
    """Some chips or sequences that were `solved` side by side, sequences with their `share` of the recorder.

    If it was one chip alone, its `number` and the `reason`.
    """

    solved: Solved
    share: Recorder | None = None
    number: int = -1
    reason: Exception | None = None


def run_chips(solve: NetworkSolver, record: Recorder, portions: Portions, progress: Progress | None) -> Trajectory:
    """Return what `solve` writes to `record`, of its network and schedule: `portions` side by side, if it can.

    If not, the chips of a portion are halved until each group can be solved; a chip that fails by itself is taken
    without the axis, as if it had been drawn alone. Warns, `ChipsWarning`, of the chips that were solved by themselves,
    and how. It tells `progress`.

    Raises
    ------
    SimulationError, UnsupportedError
        If a chip cannot be solved alone; the message has its number. Of one machine, as `solve` does.
    """
    network, schedule = record.network, record.schedule
    if network.chips:
        lead, each = (network.chips, *schedule.batch), partial(_chips, solve, record)
    else:  # what differs in the efforts alone is a batch
        lead, each = schedule.lead, partial(_sequences, solve, record)
    if len(portions.slices) == 1:
        groups = each(slice(None), progress)
    else:
        for part in portions.slices if network.chips else ():
            _portion(network, part)  # before threads ask for them
        groups = [group for several in portions.each(each, progress) for group in several]
    for share in (group.share for group in groups if group.share):
        record.join(share)
    _warn([group for group in groups if group.reason], network.chips)
    engines = dict.fromkeys(group.solved.engine for group in groups)
    engine = ("; some chips: " if network.chips else "; some sequences: ").join(engines)
    finite, error = all(group.solved.finite for group in groups), np.max([group.solved.error for group in groups])
    return record.trajectory(engine=engine, lead=lead, error=float(error), finite=finite)


def _sequences(solve: NetworkSolver, record: Recorder, part: slice, progress: Progress | None) -> list[_Group]:
    """Solve the sequences `part` of a run that is taken down in `record`, telling `progress`."""
    network, schedule = record.network, record.schedule
    if part == slice(None):
        sequences = replace(schedule, chips=0) if schedule.chips else schedule
        return [_Group(solved=solve(network, sequences, record, progress))]
    share = record.share(part)
    found = solve(network, schedule.of_sequences(part), share, progress)
    return [_Group(solved=found, share=share)]


def _chips(solve: NetworkSolver, record: Recorder, part: slice, progress: Progress | None) -> list[_Group]:
    """Solve the chips `part` of a run that is taken down in `record`, telling `progress`, apart if they have to be."""
    network, schedule = record.network, record.schedule
    try:
        if part == slice(None):
            return [_Group(solved=solve(network, schedule, record, progress))]
        numbers = np.arange(network.chips)[part]
        of_part = _portion(network, part), schedule.of_chips(numbers)
        return [_Group(solved=solve(*of_part, record.share(part), progress))]
    except (SimulationError, UnsupportedError) as reason:
        return list(_apart(partial(solve, progress=progress), record, np.arange(network.chips)[part], reason))


def _portion(network: Network, part: slice) -> Network:
    """Return the chips `part` of `network`, the same object each time while `network` is there."""
    known = _PORTIONS.setdefault(network, {})
    if (part.start, part.stop) not in known:
        known[part.start, part.stop] = of_chips(network, part)
    return known[part.start, part.stop]


def _apart(solve: _Telling, record: Recorder, numbers: Indices, reason: Exception) -> Iterator[_Group]:
    """Yield groups of the chips `numbers`, neighbours, which could not be solved side by side for that `reason`."""
    network, schedule = record.network, record.schedule
    if numbers.size == 1:
        yield _alone(solve, record, int(numbers[0]), reason)
        return
    for half in np.array_split(numbers, 2):
        share = record.share(slice(int(half[0]), int(half[-1]) + 1))
        try:
            found = solve(of_chips(network, half), schedule.of_chips(half), share)
        except (SimulationError, UnsupportedError):
            yield from _apart(solve, record, half, reason)
        else:
            yield _Group(solved=found)


def _alone(solve: _Telling, record: Recorder, number: int, reason: Exception) -> _Group:
    """Return how chip `number` was solved alone, for that `reason`; raise what names it if it cannot be."""
    network = record.network
    try:
        found = solve(of_chips(network, number), record.schedule.of_chips(number), record.share(number))
    except (SimulationError, UnsupportedError) as why:
        what, do = f"chip {number} of {network.chips}", "draw the others without it, by Streams(first=..., chips=...)"
        raise type(why)(explain(what, must="be solved", got=f"({why})", do=do)) from why
    return _Group(solved=found, number=number, reason=reason)


def _warn(alone: list[_Group], count: int) -> None:
    """Warn of the chips that were solved `alone`, of `count`, if there are any."""
    if alone:
        numbers = ", ".join(str(group.number) for group in alone[:_SHOWN])
        more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
        what, must = f"chips {numbers}{more} of {count}", "be solved beside the others"
        do = f"expect it to take longer; each was solved alone, the first by {alone[0].solved.engine}"
        warn_caller(ChipsWarning(explain(what, must=must, got=f"({alone[0].reason})", do=do)))
