"""Runs points of a program: what sources impose at each, the calls of its stages, what records keep of it.

Points of which the kernel can do all are run as machine code, one after the other, while none needs Python. What
differs from point to point, its programs find where cursors point to.
"""

from collections.abc import Iterator

import numpy as np

from lstm_analog.arrays import Array, Indices, Span, span
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import WORTH, Judged, KernelProgram, addresses, executed, is_available
from lstm_analog.engines.record import Record
from lstm_analog.engines.settle.program import Instruction, RunProgram
from lstm_analog.engines.settle.workspace import ProgramTable, SettledSpace
from lstm_analog.expressions import putting, reading
from lstm_analog.network.parts import Sources


class ProgramPoints:
    """The points of a run of `program` in a `space` whose stages are bound."""

    def __init__(
        self, program: RunProgram, space: SettledSpace, records: tuple[Record, ...], progress: Progress | None
    ) -> None:
        """Take what a run works on; the `records` are written, and `progress` is told of each point."""
        self._program, self._space, self._records, self._progress = program, space, records, progress
        self._sources = {label: self._source(label) for label in program.changed}
        self._layout = (
            *((label, values.shape[:-2], values.strides) for label, (_, values, _) in self._sources.items()),
            *((np.arange(space.efforts.shape[-1])[each.nodes].tobytes(), each.efforts.shape) for each in records),
        )

    def _source(self, label: str) -> tuple[Span, Array, Indices]:
        """Return where the sources `label` are, what they impose, and which of that at each point, (1 + intervals,).

        What they impose, (..., changes, sources), has an entry for each point at which it changes.
        """
        entry = next(entry for entry in self._program.schedule.imposed if entry.label == label)
        (nodes,) = (
            part.nodes for part in self._program.network.parts if isinstance(part, Sources) and part.label == label
        )
        flags = self._program.changed[label]
        values = self._program.schedule.side_by_side(entry)[..., np.maximum(np.flatnonzero(flags) - 1, 0), :]
        return span(nodes), values.astype(self._space.efforts.dtype, copy=False), np.cumsum(flags) - 1

    def impose(self, instruction: Instruction, point: int) -> None:
        """Set the efforts that an `instruction` loads to those of a `point`."""
        for label in instruction.load:
            places, values, turn = self._sources[label]
            self._space.efforts[..., places] = values[..., turn[point], :]

    def keep(self, instruction: Instruction, point: int) -> None:
        """Write the efforts that an `instruction` keeps of a `point`, and tell that it is done."""
        for number in instruction.keep:
            record = self._records[number]
            record.efforts[..., record.places[point], :] = self._space.efforts[..., record.nodes]
        if self._progress is not None and point:
            self._progress(point, self._program.order.size - 1)

    def left(self, points: range) -> Iterator[int]:
        """Run `points` in their order, and yield each that has to be run otherwise."""
        if not is_available() or len(points) < WORTH:
            yield from points
            return
        start, order = points.start, self._program.order
        places = self._addresses()
        table = self._space.table(self._layout, places.shape[1])
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

    def _addresses(self) -> Indices:
        """Return where the values in force at each point lie, and where its records are, (points, cursors)."""
        given = [addresses(values, turn) for _, values, turn in self._sources.values()]
        return np.stack([*given, *(addresses(each.efforts, each.places) for each in self._records)], axis=1)

    def _of(self, instruction: Instruction, table: ProgramTable) -> KernelProgram | None:
        """Return the program of an `instruction`, None if the kernel cannot do it."""
        if instruction not in table.programs:
            table.programs[instruction] = None if instruction.uncertain else self._made(instruction, table.cursors)
        return table.programs[instruction]

    def _made(self, instruction: Instruction, cursors: Indices) -> KernelProgram | None:
        judged, efforts, labels = Judged(), self._space.efforts, list(self._sources)
        for label in instruction.load:
            (places, values, _), number = self._sources[label], labels.index(label)
            room = np.empty_like(efforts, shape=(*efforts.shape[:-1], values.shape[-1]))
            judged.copy(room, np.broadcast_to(values[..., 0, :], room.shape), cursors[number : number + 1], 1)
            judged.add([putting(efforts, places, room)])
        judged.add(self._space.calls_of(instruction))
        for number in instruction.keep:
            record, cursor = self._records[number], number + len(labels)
            found, fetching = reading(efforts, record.nodes)
            judged.add(fetching)
            judged.copy(record.efforts[..., 0, :], found, cursors[cursor : cursor + 1], 0)
        return None if judged.may_be_unsolved else judged.program()
