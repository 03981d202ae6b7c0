"""Moves numbers between the efforts of a run and what differs from point to point: imposed efforts, kept records."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from lstm_analog.arrays import Array, Indices, Span, span
from lstm_analog.engines.native import Judged, addresses
from lstm_analog.engines.record import Record
from lstm_analog.engines.settle.program import Instruction, RunProgram
from lstm_analog.errors import NetworkError, explain
from lstm_analog.expressions import put
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources

ArrayLayout = tuple[object, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceInput:
    """The efforts that a source bank imposes in time, and where they go.

    `values` (changes, ..., sources, batch) has an entry for each change, `turn` (1 + intervals,) is the number of the
    entry in force at each point, `places` are the sources among the `efforts`. Chips lead the sources where they
    differ.
    """

    values: Array
    turn: Indices
    efforts: Array
    places: Span

    def load(self, point: int) -> None:
        """Copy the efforts of `point` into place."""
        self.efforts[..., self.places, :] = self.values[self.turn[point]]

    def add_to(self, judged: Judged, cursor: Indices) -> None:
        """Append the same to `judged`, of the point whose values lie where `cursor` (1,) says."""
        target = self.efforts[..., self.places, :]  # a copy, where places are apart
        judged.copy(target, np.broadcast_to(self.values[0], target.shape), cursor, 1)
        if not isinstance(self.places, slice):
            judged.add([partial(put, self.efforts, self.places, -2, target)])

    @property
    def addresses(self) -> Indices:
        """Where the values in force at each point lie, (1 + intervals,)."""
        return addresses(self.values, self.turn, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class RecordOutput:
    """Neighbouring nodes that a record keeps: `target` (points, ..., batch, n), and `source`, their efforts (..., n).

    `places` (1 + intervals,) says which of its points each point of the run is; -1 where it is none.
    """

    target: Array
    source: Array
    places: Indices

    def keep(self, point: int) -> None:
        """Copy the efforts to where those of `point` are kept."""
        self.target[self.places[point]] = self.source

    def add_to(self, judged: Judged, cursor: Indices) -> None:
        """Append the same to `judged`, of the point that is kept where `cursor` (1,) says."""
        judged.copy(self.target[0], self.source, cursor, 0)

    @property
    def addresses(self) -> Indices:
        """Where the efforts at each point are kept, (1 + intervals,)."""
        return addresses(self.target, self.places, 0)


class RunTransfers:
    """What a run of a `program` with `efforts` (..., unknowns, batch) imposes, and what it keeps in `records`.

    `layout` tells the arrays from those of other runs: their shapes and nodes.
    """

    def __init__(self, program: RunProgram, efforts: Array, records: tuple[Record, ...]) -> None:
        self._inputs = {label: _input(program, label, efforts) for label in program.changed}
        self._outputs = [_outputs(record, efforts) for record in records]
        self.layout: ArrayLayout = (
            *((label, given.values.shape[1:]) for label, given in self._inputs.items()),
            *((np.arange(efforts.shape[-2])[each.nodes].tobytes(), each.efforts.shape) for each in records),
        )

    def loads(self, instruction: Instruction) -> list[SourceInput]:
        """Return what an `instruction` loads."""
        return [self._inputs[label] for label in instruction.load]

    def keeps(self, instruction: Instruction) -> list[RecordOutput]:
        """Return what an `instruction` keeps."""
        return [output for number in instruction.keep for output in self._outputs[number]]

    @property
    def every(self) -> list[SourceInput | RecordOutput]:
        """All inputs and outputs, in the order of the cursors to their arrays."""
        return [*self._inputs.values(), *(output for some in self._outputs for output in some)]


def _input(program: RunProgram, label: str, efforts: Array) -> SourceInput:
    """Return what the source bank `label` imposes on the `efforts` (..., unknowns, batch) in a run of `program`."""
    entry = next(entry for entry in program.schedule.imposed if entry.label == label)
    nodes, flags = _sources(program.network, label).nodes, program.changed[label]
    intervals = np.maximum(np.flatnonzero(flags) - 1, 0)
    values = program.schedule.side_by_side(entry)[..., intervals, :]
    return SourceInput(
        values=np.ascontiguousarray(np.moveaxis(values, (-2, -3), (0, -1)), dtype=efforts.dtype),
        turn=np.cumsum(flags) - 1,
        efforts=efforts,
        places=span(nodes),
    )


def _sources(network: Network, label: str) -> Sources:
    part = network.part(label)
    if isinstance(part, Sources):
        return part
    raise NetworkError(explain(f"imposed {label}", must="name sources", got=type(part).__name__, do="fit the schedule"))


def _outputs(record: Record, efforts: Array) -> tuple[RecordOutput, ...]:
    """Return what a `record` keeps of `efforts` (..., unknowns, batch), a part for each run of neighbouring nodes."""
    nodes = np.arange(efforts.shape[-2])[record.nodes]
    breaks = np.flatnonzero(np.diff(nodes) != 1) + 1
    points, result = np.moveaxis(record.efforts, -2, 0), []
    for places in np.split(np.arange(nodes.size), breaks):
        first = int(nodes[places[0]])
        source = efforts[..., first : first + places.size, :].swapaxes(-1, -2)
        target = points[..., places[0] : places[-1] + 1]
        result.append(RecordOutput(target=target, source=source, places=record.places))
    return tuple(result)
