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
from lstm_analog.engines.record import Watch
from lstm_analog.engines.settle.binding import Matrices
from lstm_analog.engines.settle.program import Instruction
from lstm_analog.engines.settle.solving import calls
from lstm_analog.engines.settle.stages import ComponentStage, Key, Mode
from lstm_analog.expressions import Call, reading
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle
from lstm_analog.network.parts import Sources


@dataclass(frozen=True, kw_only=True, eq=False)
class Monitor:
    """The `lowest` and `highest` efforts (*lead, m) so far of the m nodes that have `limits`."""

    limits: Idle
    lowest: Array
    highest: Array

    def note(self, efforts: Array) -> None:
        """Update the extremes from all of `efforts` (*lead, unknowns)."""
        seen = efforts[..., self.limits.nodes]
        np.minimum(self.lowest, seen, out=self.lowest)
        np.maximum(self.highest, seen, out=self.highest)

    def calls(self, stage: ComponentStage, efforts: Array) -> tuple[Call, ...]:
        """Return the calls that update the extremes from what `stage` has set in `efforts` (*lead, unknowns)."""
        chosen, found = np.flatnonzero(np.isin(self.limits.nodes, stage.nodes)), list[Call]()
        for part in np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1) if chosen.size else ():
            seen, fetching = reading(efforts, span(self.limits.nodes[part]))
            lowest, highest = self.lowest[..., span(part)], self.highest[..., span(part)]
            found += [*fetching, partial(np.minimum, lowest, seen, out=lowest)]
            found.append(partial(np.maximum, highest, seen, out=highest))
        return tuple(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramTable:
    """The `programs` of instructions, None where the kernel cannot do one.

    What they impose and keep lies where `cursors` (k,) point to.
    """

    cursors: Indices
    programs: dict[Instruction, KernelProgram | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class SettledSpace:
    """The `efforts` (*lead, unknowns) of a run, chips leading, and what is bound to them; one run at a time.

    `monitors` watch nodes with limits. `lasting` says whether the calls are made often enough to be compiled, since no
    parameter changes in a run; all runs then round alike. The dictionaries are the cache: the calls of stages,
    the `matrices` that these share, the calls of instructions, and their programs by the layout of the arrays that a
    run imposes and keeps.
    """

    efforts: Array
    monitors: tuple[Monitor, ...]
    lasting: bool
    matrices: Matrices = field(default_factory=dict)
    bound: dict[Key, tuple[Call, ...]] = field(default_factory=dict)
    made: dict[Instruction, tuple[Call, ...]] = field(default_factory=dict)
    tables: dict[tuple[object, ...], ProgramTable] = field(default_factory=dict)

    def begin(self, network: Network) -> None:
        """Set the efforts to those at which a run of `network` begins, and forget what was monitored."""
        self.efforts.fill(0.0)
        for part in network.parts:
            if isinstance(part, Sources):
                self.efforts[..., part.nodes] = part.effort[..., None, :]
        for monitor in self.monitors:
            monitor.lowest.fill(np.inf)
            monitor.highest.fill(-np.inf)

    def bind(self, stages: Mapping[Key, ComponentStage], stale: Collection[Key]) -> None:
        """Bind the `stages`, and no others; those that are `stale` again, for parameters of theirs have changed."""
        if stale:
            self.matrices.clear()
            self.made.clear()
            self.tables.clear()
        for key in {*self.bound.keys() - stages.keys(), *stale} & self.bound.keys():
            del self.bound[key]
        for key, stage in stages.items():
            if key not in self.bound:
                self.bound[key] = self._calls(stage)

    def _calls(self, stage: ComponentStage) -> tuple[Call, ...]:
        """Return the calls of a `stage`, with the monitors of its nodes."""
        if stage.mode is Mode.TRANSIENT:
            return ()  # the executor runs it
        watching = (call for monitor in self.monitors for call in monitor.calls(stage, self.efforts))
        return (*calls(stage, self.efforts, self.matrices), *watching)

    def calls_of(self, instruction: Instruction) -> tuple[Call, ...]:
        """Return the calls of all stages of an `instruction`, which are bound."""
        if instruction not in self.made:
            some = tuple(call for stage in instruction.stages for call in self.bound[stage.key])
            self.made[instruction] = compiled(some) if self.lasting else some
        return self.made[instruction]

    def table(self, layout: tuple[object, ...], cursors: int) -> ProgramTable:
        """Return the programs for arrays of a `layout`, with so many `cursors`; those for other arrays are dropped."""
        if layout not in self.tables:
            self.tables.clear()
            self.tables[layout] = ProgramTable(cursors=np.zeros(cursors, dtype=np.int64))
        return self.tables[layout]

    def keep(self, instructions: Sequence[Instruction]) -> None:
        """Drop what is made of other than these `instructions`."""
        for instruction in self.made.keys() - set(instructions):
            del self.made[instruction]
            for table in self.tables.values():
                table.programs.pop(instruction, None)


_LENDER: Lender[SettledSpace] = Lender()


def workspace(
    network: Network, shape: tuple[int, ...], dtype: DTypeLike, watches: tuple[Watch, ...], lasting: bool
) -> AbstractContextManager[SettledSpace]:
    """Lend a workspace for runs of `network` with efforts of `shape` (*lead, unknowns) and `dtype`.

    The `watches` are those of `network`. A workspace that is not `lasting` is new and serves one run only.
    """

    def fits(other: SettledSpace) -> bool:
        return other.efforts.shape == shape and other.efforts.dtype == dtype

    def new() -> SettledSpace:
        monitors = tuple(_monitor(watch.limits, shape, dtype) for watch in watches)
        return SettledSpace(efforts=_batch_innermost(shape, dtype), monitors=monitors, lasting=lasting)

    return _LENDER.lent(network, fits, new) if lasting else nullcontext(new())


def _monitor(limits: Idle, shape: tuple[int, ...], dtype: DTypeLike) -> Monitor:
    size = (*shape[:-1], limits.nodes.size)
    return Monitor(limits=limits, lowest=_batch_innermost(size, dtype), highest=_batch_innermost(size, dtype))


def _batch_innermost(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an empty array of `shape` (*lead, m) in which the numbers of a batch lie side by side."""
    return np.empty((*shape[:-2], shape[-1], shape[-2]), dtype).swapaxes(-1, -2)
