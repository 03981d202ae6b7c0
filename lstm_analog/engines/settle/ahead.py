"""Runs points of a program as machine code, while none needs Python: what is imposed, all stages, what is kept."""

from collections.abc import Iterator

import numpy as np

from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import WORTH, Judged, KernelProgram, executed, is_available
from lstm_analog.engines.settle.program import Instruction, RunProgram
from lstm_analog.engines.settle.transfers import RunTransfers
from lstm_analog.engines.settle.workspace import ProgramTable, SettledSpace


class PointsAhead:
    """Runs points of a `program` ahead in a `space` whose stages are bound, each by the kernel's program of its kind.

    What the `transfers` impose and keep differs from point to point: programs find it where cursors point to.
    """

    def __init__(
        self, program: RunProgram, space: SettledSpace, transfers: RunTransfers, progress: Progress | None
    ) -> None:
        """Take what the programs are made of; `progress` is told of the points that they run."""
        self._program, self._space, self._transfers, self._progress = program, space, transfers, progress

    def left(self, points: range) -> Iterator[int]:
        """Run `points` in their order, and yield each that has to be run otherwise."""
        if not is_available() or len(points) < WORTH:
            yield from points
            return
        start, order = points.start, self._program.order
        every = self._transfers.every
        table = self._space.table(self._transfers.layout, len(every))
        places = np.stack([np.zeros_like(order), *(each.addresses for each in every)], axis=1)[:, 1:]
        programs = [self._of(each, table) for each in self._program.instructions]
        missing = np.array([program is None for program in programs])[order[points.start : points.stop]]

        def run(rows: slice) -> None:
            def tell(row: int) -> None:
                if self._progress is not None and rows.start + row:
                    self._progress(rows.start + row, order.size - 1)

            executed(programs, order[rows], places[rows], table.cursors, tell if self._progress else None)

        for point in (start + np.flatnonzero(missing)).tolist():
            run(slice(start, point))
            yield point
            start = point + 1
        run(slice(start, points.stop))

    def _of(self, instruction: Instruction, table: ProgramTable) -> KernelProgram | None:
        """Return the program of an `instruction`, None if the kernel cannot do it."""
        if instruction not in table.programs:
            table.programs[instruction] = None if instruction.uncertain else self._made(instruction, table)
        return table.programs[instruction]

    def _made(self, instruction: Instruction, table: ProgramTable) -> KernelProgram | None:
        transfers = self._transfers
        cursors = {id(each): table.cursors[k : k + 1] for k, each in enumerate(transfers.every)}
        judged = Judged()
        for given in transfers.loads(instruction):
            given.add_to(judged, cursors[id(given)])
        judged.add(self._space.calls_of(instruction))
        for kept in transfers.keeps(instruction):
            kept.add_to(judged, cursors[id(kept)])
        return None if judged.may_be_unsolved else judged.program()
