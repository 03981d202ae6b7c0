"""Where the loops of a phase are cut, and how often what stands in them is computed.

A slow storage cuts its loops: the others settle as if it stood still, it moves, and they settle again. A weak
conductance that closes a loop through a dense bank (a leak while all else is open) is swept: each sweep leaves its
share of the error of the one before.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.engines.settle.links import NOTHING, CouplingGraph
from lstm_analog.engines.settle.stages import ComponentStage, Mode

WEAK = 1e-2
"""Coupling, as a share of its row's own conductance, up to which it is torn and swept where it closes a loop."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CutCouplings:
    """The couplings that are left, `whole`; the unknowns (size,) whose inputs were cut: `slow` ones, `weak` ones.

    `sweeps` is how often what hangs on the weak ones has to be computed.
    """

    whole: CouplingGraph
    slow: Flags
    weak: Flags
    sweeps: int


def cut(coupled: CouplingGraph, slow: Flags, hold: Floats, scales: Floats) -> CutCouplings:
    """Return the couplings `coupled` without those that `slow` storages and weak conductances cut.

    `hold` and `scales` (unknowns,) are what holds each row, and its unit.
    """
    size = slow.size
    late = _inside(coupled) & (coupled.heads < size)
    late[late] = slow[coupled.heads[late]]
    whole = coupled.only(~late)
    component = whole.components()
    through_bank = np.isin(component, component[size:])
    share = whole.shares(hold, scales)
    faint = _inside(whole) & through_bank[whole.heads] & (share <= WEAK)
    largest = float(share[faint].max(initial=0.0))
    return CutCouplings(
        whole=whole.only(~faint),
        slow=_marked(size, coupled.heads[late]),
        weak=_marked(size, whole.heads[faint]),
        sweeps=1 + int(np.ceil(np.log(NOTHING) / np.log(largest))) if largest else 1,
    )


def _inside(coupled: CouplingGraph) -> Flags:
    component = coupled.components()
    inside: Flags = (component[coupled.tails] == component[coupled.heads]) & ~coupled.own
    return inside


def _marked(size: int, chosen: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Flags:
    flags = np.zeros(size, dtype=bool)
    flags[chosen] = True
    return flags


def sequence(stages: list[ComponentStage], where: CutCouplings) -> list[ComponentStage]:
    """Return the `stages`, sorted by level, in the order in which they run, repeated as the cuts `where` demand."""
    early = [stage for stage in stages if not where.slow[stage.nodes].any()]
    late = [stage for stage in stages if where.slow[stage.nodes].any()]
    again = _behind(early, where.slow)
    once = [stage for stage in early if stage.mode is not Mode.EXPONENTIAL or stage not in again]
    return [*_swept(once, where), *late, *_swept(again, where)]


def _behind(stages: list[ComponentStage], marked: Flags) -> list[ComponentStage]:
    """Return the stages that depend on the unknowns `marked`, in one pass."""
    fresh, found = marked.copy(), []
    for stage in stages:
        if fresh[stage.inputs].any():
            fresh[stage.nodes] = True
            found.append(stage)
    return found


def _swept(stages: list[ComponentStage], where: CutCouplings) -> list[ComponentStage]:
    heads = [stage for stage in stages if where.weak[stage.nodes].any()]
    if not heads:
        return stages
    behind = _behind(stages, where.weak)
    round_ = [stage for stage in stages if stage in heads or stage in behind]
    settling = [stage for stage in round_ if stage.mode is not Mode.EXPONENTIAL]
    first = [stage for stage in stages if stage in settling or stage not in round_]
    return [*first, *(settling * max(where.sweeps - 2, 0)), *round_]
