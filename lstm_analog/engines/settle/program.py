"""Makes a program of a schedule: for each of its points, the start and the ends of intervals, what to load and run.

Points at which the same is to be done share one instruction, so that a long schedule has few of them. Two kinds of
stages are left out. Going forward: one that computes the same as in the interval before, from the same inputs. Going
backward: one that sets nothing that is recorded or read later.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from lstm_analog.arrays import Array, Flags, Floats, Indices
from lstm_analog.engines.record import Record
from lstm_analog.engines.settle.phase import Phase, phase
from lstm_analog.engines.settle.stages import ComponentStage, Key
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule

_ALIKE = 0.01
"""Relative difference of durations that share an analysis; larger: fewer analyses, less sharp on what settles."""
_REMEMBERED = 128
"""Instructions that stay cached, those of a few networks; larger: more memory."""
_PLANS = 8
"""Schedules whose instructions stay cached; larger: more memory."""

AT_REST = 1e-7
"""Distance from rest, in units of signal, that an interval taken at rest may leave; larger: fewer are run over time."""
_FARTHEST = 10.0
"""Distance from rest, in units of signal, from which a storage is taken to start; larger: more of them are checked."""

_IntervalKind = tuple[Phase, Phase | None, tuple[Sources, ...]]
"""The phase of an interval, the phase before unless parameters have changed since, and the sources that change."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Instruction:
    """What leads to a point.

    Attributes
    ----------
    phase : Phase
        That of the interval which ends there.
    load : tuple of str
        Labels of the banks of sources whose efforts are set first.
    stages : tuple of ComponentStage
        Those of the phase that are run.
    keep : tuple of int
        Numbers of the records that are written, in the order of the recorder's.
    checked : index array
        Places in `phase.unsettled` of storages of which the run checks whether they were near rest. Those are left out
        that no stage here sets, and those whose effect on what is wanted is negligible.
    controlled : tuple of ComponentStage
        Those of `phase.controlled` that the run checks, since a stage here sets them.
    """

    phase: Phase
    load: tuple[str, ...]
    stages: tuple[ComponentStage, ...]
    keep: tuple[int, ...]
    checked: Indices
    controlled: tuple[ComponentStage, ...]

    @cached_property
    def uncertain(self) -> bool:
        """Whether the phase is or may be run over time."""
        return bool(self.checked.size or self.controlled) or self.phase.over_time


@dataclass(frozen=True, kw_only=True, eq=False)
class RunProgram:
    """The `instructions` of a run of `network` under `schedule`.

    `order` (1 + intervals,) is the number of the instruction that leads to each point. `changed` says for each bank of
    imposed sources, by label, at which points its efforts change, (1 + intervals,); at the first they do.
    """

    network: Network
    schedule: Schedule
    instructions: tuple[Instruction, ...]
    order: Indices
    changed: dict[str, Flags]


def program(network: Network, schedule: Schedule, *, settled: float, kept: tuple[Record, ...]) -> RunProgram:
    """Return the program that computes what the records `kept` ask for of `network` under `schedule`, and no more.

    It is made from the last point to the first: an instruction leaves out what no later point asks for. `settled` is
    the number of time constants from which on a storage is at rest.
    """
    changed, varying = _changes(schedule), schedule.varying
    nodes = np.arange(network.unknowns.size)
    instructions, order = _planned(
        network,
        settled,
        schedule.durations.tobytes(),
        schedule.high.tobytes(),
        tuple((label, flags.tobytes()) for label, flags in changed.items()),
        tuple((nodes[record.nodes].tobytes(), (record.places >= 0).tobytes()) for record in kept),
        b"" if varying is None else varying.first.tobytes(),
    )
    return RunProgram(network=network, schedule=schedule, instructions=instructions, order=order, changed=changed)


def _changes(schedule: Schedule) -> dict[str, Flags]:
    """Return at which points each imposed bank changes, (1 + intervals,), by label; the start counts as a change.

    Interval 0 has the efforts of the start.
    """
    changed = {}
    for entry in schedule.imposed:
        flags = np.zeros(1 + len(schedule.names), dtype=bool)
        flags[0] = True
        if not entry.steady:
            moves = entry.efforts[..., 1:, :] != entry.efforts[..., :-1, :]
            flags[2:] = moves.any(axis=tuple(range(moves.ndim - 2))).any(axis=-1)  # in this order it is fastest
        changed[entry.label] = flags
    return changed


@lru_cache(maxsize=_PLANS)
def _planned(
    network: Network,
    settled: float,
    durations: bytes,
    lines: bytes,
    changed: tuple[tuple[str, bytes], ...],
    kept: tuple[tuple[bytes, bytes], ...],
    fresh: bytes,
) -> tuple[tuple[Instruction, ...], Indices]:
    """Return the instructions of a program, and the number of the one that leads to each point, (1 + intervals,).

    Arrays are bytes, so that they can be keys of the cache: the `durations` and clock `lines` of all intervals, which
    banks are `changed` at which points, the nodes of each record `kept` and at which points it is written, and the
    intervals that begin with `fresh` parameters.
    """
    flags = {label: np.frombuffer(points, dtype=bool) for label, points in changed}
    spans = np.frombuffer(durations, dtype=np.float64)
    high = np.frombuffer(lines, dtype=bool).reshape(spans.size, -1)
    starts = np.frombuffer(fresh, dtype=np.int64)
    intervals, kinds = _interval_kinds(network, settled, spans, high, flags, starts)
    wish = np.zeros(network.unknowns.size, dtype=bool).tobytes()
    written = np.stack([np.frombuffer(points, dtype=bool) for _, points in kept], axis=1)
    first, which = _alike(np.packbits(written, axis=1))
    keeping = [tuple(np.flatnonzero(row).tolist()) for row in written[first]]
    known: dict[tuple[int, int, bytes], tuple[int, bytes]] = {}
    instructions: dict[Instruction, int] = {}
    order: list[int] = []
    for kind, code in zip(kinds[::-1].tolist(), which[::-1].tolist(), strict=True):
        key = (kind, code, wish)
        if key not in known:
            saved = tuple(kept[number][0] for number in keeping[code])
            instruction, before = _instruction(intervals[kind], wish, saved, keeping[code])
            known[key] = instructions.setdefault(instruction, len(instructions)), before
        number, wish = known[key]
        order.append(number)
    return tuple(instructions), np.array(order[::-1], dtype=np.int64)


def _interval_kinds(
    network: Network, settled: float, lengths: Floats, high: Flags, changed: dict[str, Flags], fresh: Indices
) -> tuple[list[_IntervalKind], Indices]:
    """Return the kinds of interval, and the number of the one that leads to each point, (1 + intervals,).

    `lengths` (s) and clock lines `high` (intervals, lines) are those of all intervals; nothing is known of the interval
    before those that begin with `fresh` parameters. The start counts as an interval of infinite duration with the lines
    of the first.
    """
    durations, length = np.unique(lengths, return_inverse=True)
    settings = np.column_stack((length.reshape(-1), high)).astype(np.int64)
    settings = np.concatenate((settings[:1], settings))
    settings[0, 0] = durations.size  # for good
    first, which = _alike(settings)
    ratios, spans = (np.append(each, last) for each, last in zip(_spans(durations), (1.0, np.inf), strict=True))
    phases = [
        phase(network, tuple(lines), float(spans[kind]), settled).lasting(float(ratios[kind]))
        for lines, kind in zip(high[np.maximum(first - 1, 0)].tolist(), settings[first, 0].tolist(), strict=True)
    ]
    before = np.concatenate(([len(phases)], which[:-1]))
    before[1 + fresh[fresh < lengths.size]] = len(phases)
    rows = np.column_stack((which, before, *changed.values()))
    first, kinds = _alike(rows)
    sources = {part.label: part for part in network.parts if isinstance(part, Sources)}
    banks, earlier = [sources[label] for label in changed], [*phases, None]
    intervals = [
        (phases[row[0]], earlier[row[1]], tuple(bank for bank, flag in zip(banks, row[2:], strict=True) if flag))
        for row in rows[first].tolist()
    ]
    return intervals, kinds


def _spans(durations: Floats) -> tuple[Floats, Floats]:
    """Return for each of `durations` (s), which increase, its ratio to the duration that is analysed, and that (s).

    Durations that are nearly alike, as those of a clock that jitters, share the analysis of the shortest.
    """
    near = np.unique(np.floor(np.log(durations) / np.log(1.0 + _ALIKE)), return_index=True, return_inverse=True)
    spans = durations[near[1]][near[2].reshape(-1)]
    return durations / spans, spans


def _alike(rows: Array) -> tuple[Indices, Indices]:
    """Return where each kind of equal `rows` (k, n) comes first, and the kind of each row, (k,)."""
    _, first, kinds = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, kinds.reshape(-1)


@lru_cache(maxsize=_REMEMBERED)
def _instruction(
    kind: _IntervalKind, wanted: bytes, saved: tuple[bytes, ...], keep: tuple[int, ...]
) -> tuple[Instruction, bytes]:
    """Return the instruction of an interval of `kind`, and the flags of the unknowns that it reads from before.

    `wanted` are the flags of the unknowns that later points read, `saved` the nodes that the records `keep` read. Flags
    and nodes are bytes, so that they can be keys of the cache.
    """
    now, earlier, banks = kind
    at_end = np.frombuffer(wanted, dtype=bool).copy()
    for nodes in saved:
        at_end[np.frombuffer(nodes, dtype=np.int64)] = True
    imposed = np.zeros(at_end.size, dtype=bool)
    for bank in banks:
        imposed[bank.nodes] = True
    stages, before, weights = _needed(now, _may_change(now, earlier, imposed), at_end)
    loose = np.concatenate([np.empty(0, np.int64), *(stage.nodes for stage in stages if not stage.settles)])
    counts = now.left * weights[now.unsettled] * _FARTHEST > AT_REST
    checked = np.flatnonzero(np.isin(now.unsettled, loose) & counts)
    controlled = tuple(stage for stage in now.controlled if np.isin(stage.nodes, loose).any())
    if now.over_time:
        before = now.couplings.dynamic | now.couplings.imposed
    elif checked.size or controlled:  # if they are far from rest, a transient starts from all storages
        before |= now.couplings.dynamic
    load = tuple(bank for bank in banks if before[bank.nodes].any())
    for bank in load:
        before[bank.nodes] = False
    instruction = Instruction(
        phase=now,
        load=tuple(bank.label for bank in load),
        stages=stages,
        keep=keep,
        checked=checked,
        controlled=controlled,
    )
    return instruction, before.tobytes()


def _may_change(phase: Phase, before: Phase | None, imposed: Flags) -> tuple[bool, ...]:
    """Return which stages of `phase` may set other efforts than in the interval before, whose phase was `before`.

    `imposed` (unknowns,) are the sources that have changed. A stage that does not settle always may. A phase that may
    have been run over time has left its storages near their fixed points only: stages that set them may, too.
    """
    known: set[Key] = set()
    if before is not None:
        near = before.couplings.dynamic & before.may_be_over_time
        known = {stage.key for stage in before.stages if not near[stage.nodes].any()}
    changed, result = imposed.copy(), []
    for stage in phase.stages:
        other = not stage.settles or stage.key not in known or bool(changed[stage.inputs].any())
        if other:
            changed[stage.nodes] = True
        result.append(other)
    return tuple(result)


def _needed(phase: Phase, moving: tuple[bool, ...], wanted: Flags) -> tuple[tuple[ComponentStage, ...], Flags, Floats]:
    """Return the stages of `phase` to run for the unknowns `wanted` at its end, and the unknowns needed at its start.

    `moving` says which stages may set new efforts; flags are (unknowns,).

    The third are weights (unknowns,): estimates of the error, in units of signal, of what is wanted, if a stage sets
    this unknown wrong by one unit. They are products of the `gain` of the stages on the way, so 1 unless it leads
    through an open switch into a slow storage; amplification does not count. They tell which storages need not be
    checked: `OPAMP` of two layers of which outputs are kept takes half the time, since none of its intervals has to be
    run over time.
    """
    open_, chosen = wanted.copy(), []
    weights, largest = wanted.astype(np.float64), np.zeros(wanted.size)
    for stage, moves in zip(reversed(phase.stages), reversed(moving), strict=True):
        if moves and open_[stage.nodes].any():
            chosen.append(stage)
            open_[stage.nodes] = False
            open_[stage.inputs] = True
            own = weights[stage.nodes]
            largest[stage.nodes] = np.maximum(largest[stage.nodes], own)
            weights[stage.nodes] = 0.0
            weights[stage.inputs] = np.maximum(weights[stage.inputs], stage.gain * own.max())
            if not stage.settles:
                weights[stage.nodes] = own
    return tuple(reversed(chosen)), open_, largest
