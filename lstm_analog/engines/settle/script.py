"""A schedule as a script: for each of its points (its start and the ends of its intervals) what to load and to run."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.settle.phase import Phase, phase
from lstm_analog.engines.settle.plan import Flags, moved, needed
from lstm_analog.engines.settle.stages import Stage
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What happens on the way to a point: source banks to `load`, `stages` to run, whether to `keep` the result."""

    load: tuple[str, ...]
    stages: tuple[Stage, ...]
    keep: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Script:
    """The `scenes` and which of them leads to each point, `order` (1 + intervals,).

    `changed` says at which points each imposed bank changes, the first included.
    """

    network: Network
    schedule: Schedule
    scenes: tuple[Scene, ...]
    order: Indices
    changed: dict[str, Flags]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Act:
    """One kind of interval: its phase, the stages that may move in it, the banks that change at its beginning."""

    phase: Phase
    moving: tuple[bool, ...]
    banks: tuple[Sources, ...]


def script(network: Network, schedule: Schedule, *, settled: float, kept: Flags, nodes: Indices) -> Script:
    """Return the script that gives the `nodes` of `network` under `schedule` at the `kept` points, (1 + intervals,).

    `settled` is the number of time constants at which a storage counts as settled.
    """
    changed = _changes(schedule)
    acts, kinds = _acts(network, schedule, settled, changed)
    wanted = np.zeros(network.unknowns.size, dtype=bool)
    known: dict[bytes, int] = {wanted.tobytes(): 0}
    wishes, scenes = [wanted], list[Scene]()
    seen: dict[tuple[int, bool, int], tuple[int, int]] = {}
    order, wish = np.zeros(kinds.size, dtype=np.int64), 0
    for point in range(kinds.size - 1, -1, -1):
        key = (int(kinds[point]), bool(kept[point]), wish)
        if key not in seen:
            scene, before = _scene(acts[key[0]], wishes[wish], key[1], nodes)
            number = known.setdefault(before.tobytes(), len(wishes))
            if number == len(wishes):
                wishes.append(before)
            seen[key] = len(scenes), number
            scenes.append(scene)
        order[point], wish = seen[key]
    return Script(network=network, schedule=schedule, scenes=tuple(scenes), order=order, changed=changed)


def _changes(schedule: Schedule) -> dict[str, Flags]:
    """Return at which points each imposed bank changes; the first point and the first interval have the same."""
    changed = {}
    for entry in schedule.imposed:
        flags = np.zeros(1 + len(schedule.names), dtype=bool)
        flags[0] = True
        if not entry.steady:
            moves = entry.efforts[..., 1:, :] != entry.efforts[..., :-1, :]
            flags[2:] = moves.any(axis=(*range(moves.ndim - 2), -1))
        changed[entry.label] = flags
    return changed


def _acts(
    network: Network, schedule: Schedule, settled: float, changed: dict[str, Flags]
) -> tuple[list[_Act], Indices]:
    """Return the kinds of intervals and which of them leads to each point."""
    settings = np.column_stack((schedule.high, schedule.durations))
    settings = np.concatenate((settings[:1], settings))
    settings[0, -1] = np.inf
    rows, which = np.unique(settings, axis=0, return_inverse=True)
    which = which.reshape(-1)
    phases = [phase(network, tuple(row[:-1].astype(bool).tolist()), float(row[-1]), settled) for row in rows]
    traits = np.column_stack((which, np.concatenate(([-1], which[:-1])), *(flags for flags in changed.values())))
    kinds, number = np.unique(traits, axis=0, return_inverse=True)
    banks = {part.label: part for part in network.parts if isinstance(part, Sources)}
    acts = []
    for row in kinds:
        moving = tuple(banks[label] for label, flag in zip(changed, row[2:], strict=True) if flag)
        imposed = np.zeros(network.unknowns.size, dtype=bool)
        for bank in moving:
            imposed[bank.nodes] = True
        before = phases[row[1]] if row[1] >= 0 else None
        acts.append(_Act(phase=phases[row[0]], moving=moved(phases[row[0]], before, imposed), banks=moving))
    return acts, number.reshape(-1)


def _scene(act: _Act, wanted: Flags, keep: bool, nodes: Indices) -> tuple[Scene, Flags]:
    at_end = wanted.copy()
    if keep:
        at_end[nodes] = True
    stages, before = needed(act.phase, act.moving, at_end)
    load = tuple(bank for bank in act.banks if before[bank.nodes].any())
    for bank in load:
        before[bank.nodes] = False
    return Scene(load=tuple(bank.label for bank in load), stages=stages, keep=keep), before
