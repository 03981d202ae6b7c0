"""Opens the loops of a phase at slow storages and leaks, and repeats stages to make good what that neglects.

A slow storage opens its loops. The other unknowns settle as if it stood still; then it moves by its exponential; then
what depends on it settles again. A leak that closes a loop through a dense bank (an open switch in parallel) is torn:
the loop is solved with the old effort at the torn edge, and solved again with the new one. Each such sweep multiplies
the error by the relative strength of the leak.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.engines.settle.links import NEGLIGIBLE, CouplingGraph
from lstm_analog.engines.settle.stages import ComponentStage, Mode

WEAK = 1e-2
"""Coupling, as a share of its row's own conductance, up to which it is torn and swept where it closes a loop."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TornCouplings:
    """The graph without the torn edges, `whole`, and the unknowns into which edges were torn.

    `slow` (unknowns,) are the heads that are slow storages, `weak` (unknowns,) the heads of leaks. What depends on the
    latter is solved `sweeps` times.
    """

    whole: CouplingGraph
    slow: Flags
    weak: Flags
    sweeps: int


def tear(coupled: CouplingGraph, slow: Flags, conductance: Floats, scales: Floats) -> TornCouplings:
    """Return the graph `coupled` without the edges inside loops that lead into `slow` storages or are leaks.

    `conductance` and `scales` (unknowns,) are each unknown's own conductance and its unit of signal.
    """
    size = slow.size
    into_slow = _inside(coupled) & (coupled.heads < size)
    into_slow[into_slow] = slow[coupled.heads[into_slow]]
    whole = coupled.only(~into_slow)
    component = whole.components()
    through_bank = np.isin(component, component[size:])
    strength = whole.relative_strengths(conductance, scales)
    leaks = _inside(whole) & through_bank[whole.heads] & (strength <= WEAK)
    largest = float(strength[leaks].max(initial=0.0))
    return TornCouplings(
        whole=whole.only(~leaks),
        slow=_marked(size, coupled.heads[into_slow]),
        weak=_marked(size, whole.heads[leaks]),
        sweeps=1 + int(np.ceil(np.log(NEGLIGIBLE) / np.log(largest))) if largest else 1,
    )


def _inside(coupled: CouplingGraph) -> Flags:
    """Return which edges of `coupled` lie inside a loop of several nodes, (k,)."""
    component = coupled.components()
    inside: Flags = (component[coupled.tails] == component[coupled.heads]) & ~coupled.own
    return inside


def _marked(size: int, chosen: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Flags:
    """Return flags (`size`,) that are set at the `chosen` numbers."""
    flags = np.zeros(size, dtype=bool)
    flags[chosen] = True
    return flags


def sequence(stages: list[ComponentStage], torn: TornCouplings) -> list[ComponentStage]:
    """Return the `stages`, sorted by level, in the order in which they run, some of them repeatedly.

    First all that settles, then the slow storages that `torn` names, then again what depends on these.
    """
    early = [stage for stage in stages if not torn.slow[stage.nodes].any()]
    moving = [stage for stage in stages if torn.slow[stage.nodes].any()]
    again = _dependent(early, torn.slow)
    once = [stage for stage in early if stage.mode is not Mode.EXPONENTIAL or stage not in again]
    return [*_swept(once, torn), *moving, *_swept(again, torn)]


def _dependent(stages: list[ComponentStage], marked: Flags) -> list[ComponentStage]:
    """Return those of `stages`, in order, that depend on `marked` unknowns (unknowns,), directly or through others."""
    changed, found = marked.copy(), []
    for stage in stages:
        if changed[stage.inputs].any():
            changed[stage.nodes] = True
            found.append(stage)
    return found


def _swept(stages: list[ComponentStage], torn: TornCouplings) -> list[ComponentStage]:
    """Return the `stages` with those repeated that depend on leaks; exponentials run once, in the last sweep."""
    heads = [stage for stage in stages if torn.weak[stage.nodes].any()]
    if not heads:
        return stages
    dependent = _dependent(stages, torn.weak)
    repeated = [stage for stage in stages if stage in heads or stage in dependent]
    settling = [stage for stage in repeated if stage.mode is not Mode.EXPONENTIAL]
    first = [stage for stage in stages if stage in settling or stage not in repeated]
    return [*first, *(settling * max(torn.sweeps - 2, 0)), *repeated]
