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
"""What tells the arrays that a run imposes and records from those of other runs: an entry for each, with its shape."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SettledSpace:
    """The efforts of a run, and a cache of calls that are bound to them; one run at a time.

    Attributes
    ----------
    efforts : array, (*lead, unknowns)
        Chips leading, then the batch.
    watched : index array, (m,)
        The nodes with limits.
    lowest, highest : arrays, (*lead, m)
        Their extreme efforts in this run.
    lasting : bool
        Whether no parameter changes in a run, so that calls are made often enough to be compiled; all runs then round
        alike.
    matrices, bound : dict
        The calls of stages by key, and the matrices that they share.
    made, programs : dict
        The calls of instructions, and their programs of the kernel: None where it cannot do them.
    cursors : dict
        By layout of k arrays, the one for which the programs are made: their addresses (k,), set at each point.
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

    def drop_others(self, instructions: Sequence[Instruction], layout: _Layout) -> None:
        """Drop calls and programs of all but these `instructions`, and programs for arrays of another `layout`."""
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
        """Bind those of the `stages` that are not bound, or `stale`: their parameters have changed. Drop all others."""
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
        """Return the calls of all stages of an `instruction`, which are bound, and those that watch their nodes.

        One that is uncertain is not watched by its calls, for what they find may be rejected.
        """
        if instruction not in self.made:
            some = [call for stage in instruction.stages for call in self.bound[stage.key]]
            for stage in instruction.stages if self.watched.size and not instruction.uncertain else ():
                some += self.watching(stage.nodes)
            self.made[instruction] = compiled(some) if self.lasting else tuple(some)
        return self.made[instruction]

    def watching(self, nodes: Indices) -> list[Call]:
        """Return the calls by which `lowest` and `highest` take the efforts of the `nodes` (n,) into account."""
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
