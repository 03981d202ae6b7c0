"""What runs of a network by `Settle` work on: efforts, and the calls that are bound to them, kept for the next run."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from lstm_analog.arrays import Array, Indices, span
from lstm_analog.engines.lending import Lender
from lstm_analog.engines.native import KernelProgram, compiled
from lstm_analog.engines.settle.binding import Matrices
from lstm_analog.engines.settle.program import Instruction
from lstm_analog.engines.settle.solving import calls
from lstm_analog.engines.settle.stages import ComponentStage, Key
from lstm_analog.expressions import Call, reading
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources

_Layout = tuple[object, ...]
"""What tells arrays that a run imposes and keeps from those of other runs, an entry each: shapes and strides."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SettledSpace:
    """The `efforts` (*lead, unknowns) of a run, chips leading, and what is bound to them; one run at a time.

    The unknowns `watched` (m,) have been from `lowest` to `highest`, (*lead, m). `lasting` says whether the calls are
    made often enough to be compiled, since no parameter changes in a run; all runs then round alike. The dictionaries
    are the cache: the calls of stages, the `matrices` that these share, the calls of instructions, their programs of
    the kernel, and the `cursors` (k,) to where that is which these impose and keep, by the layout of those k arrays.
    """

    efforts: Array
    watched: Indices
    lowest: Array
    highest: Array
    lasting: bool
    matrices: Matrices = field(default_factory=dict)
    bound: dict[Key, tuple[Call, ...]] = field(default_factory=dict)
    made: dict[Instruction, tuple[Call, ...]] = field(default_factory=dict)
    programs: dict[Instruction, KernelProgram | None] = field(default_factory=dict)
    cursors: dict[_Layout, Indices] = field(default_factory=dict)

    def begin(self, network: Network) -> None:
        """Set the efforts to those at which a run of `network` begins, and forget how far they went."""
        self.efforts.fill(0.0)
        for part in network.parts:
            if isinstance(part, Sources):
                self.efforts[..., part.nodes] = part.effort[..., None, :]
        self.lowest.fill(np.inf)
        self.highest.fill(-np.inf)

    def keep(self, instructions: Sequence[Instruction], layout: _Layout) -> None:
        """Drop what is made of other than these `instructions`, and programs for arrays of another `layout`."""
        if layout not in self.cursors:
            self.programs.clear()
            self.cursors.clear()
            self.cursors[layout] = np.zeros(len(layout), dtype=np.int64)
        some = set(instructions)
        for instruction in self.made.keys() - some:
            del self.made[instruction]
        for instruction in self.programs.keys() - some:
            del self.programs[instruction]

    def bind(self, stages: Mapping[Key, ComponentStage], stale: Collection[Key]) -> None:
        """Bind the `stages`, and no others; those that are `stale` again, for parameters of theirs have changed."""
        if stale:
            self.matrices.clear()
            self.made.clear()
            self.programs.clear()
        for key in {*self.bound.keys() - stages.keys(), *stale} & self.bound.keys():
            del self.bound[key]
        for key, stage in stages.items():
            if key not in self.bound:
                self.bound[key] = calls(stage, self.efforts, self.matrices)

    def calls_of(self, instruction: Instruction) -> tuple[Call, ...]:
        """Return the calls of all stages of an `instruction`, which are bound, and of what watches their nodes."""
        if instruction not in self.made:
            some = [call for stage in instruction.stages for call in self.bound[stage.key]]
            for stage in instruction.stages if self.watched.size else ():
                some += self.watching(stage.nodes)
            self.made[instruction] = compiled(some) if self.lasting else tuple(some)
        return self.made[instruction]

    def watching(self, nodes: Indices) -> list[Call]:
        """Return the calls that take into account how far those of the `nodes` (n,) are that are watched."""
        chosen, found = np.flatnonzero(np.isin(self.watched, nodes)), list[Call]()
        for part in np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1) if chosen.size else ():
            seen, fetching = reading(self.efforts, span(self.watched[part]))
            lowest, highest = self.lowest[..., span(part)], self.highest[..., span(part)]
            found += [*fetching, partial(np.minimum, lowest, seen, out=lowest)]
            found.append(partial(np.maximum, highest, seen, out=highest))
        return found


_LENDER: Lender[SettledSpace] = Lender()


def workspace(
    network: Network, shape: tuple[int, ...], dtype: DTypeLike, watched: Indices, lasting: bool
) -> AbstractContextManager[SettledSpace]:
    """Lend a workspace for runs of `network` with efforts of `shape` (*lead, unknowns) and `dtype`.

    The unknowns `watched` (m,) are always the same of one network. A workspace that is not `lasting` is new and serves
    one run only.
    """

    def fits(other: SettledSpace) -> bool:
        return other.efforts.shape == shape and other.efforts.dtype == dtype

    def new() -> SettledSpace:
        efforts, *extremes = (_batch_innermost((*shape[:-1], size), dtype) for size in (shape[-1], *2 * [watched.size]))
        return SettledSpace(efforts=efforts, watched=watched, lowest=extremes[0], highest=extremes[1], lasting=lasting)

    return _LENDER.lent(network, fits, new) if lasting else nullcontext(new())


def _batch_innermost(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an empty array of `shape` (*lead, m) in which the numbers of a batch lie side by side."""
    return np.empty((*shape[:-2], shape[-1], shape[-2]), dtype).swapaxes(-1, -2)
