"""Find the chain of steps and recurrent layers in the streams of a model, and make the model of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.folding import composed, fed_through
from lstm_analog.model.formats.labels import rows_of
from lstm_analog.model.formats.own_model import written
from lstm_analog.model.formats.streams import ModelStreams, Stream
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.lstm import LSTM
from lstm_analog.model.steps import Affine, Dense, Formula, ModelStep, Pool, Pooling, RowStep
from lstm_analog.model.whole import Model


class Objection(NamedTuple):
    """The parts of an error about a model: `what` it is, what it `must` be, what it `got`."""

    what: str
    must: str
    got: str


LINEAR = "be h, a state or a linear read-out"
"""The rule for the output of a stack, in errors."""

NUMERIC = "be h, a state or computed of h by numeric steps"
"""The rule for the output of a whole model, in errors."""


class ObjectedError(Exception):
    """A signal is computed in an unsupported way; its arguments are the parts of an `Objection`."""


class RowSelection(Enum):
    """The rows of a stream in an output: those of all steps, those at the end, or those of the last step."""

    EVERY = "every step"
    FINAL = "the end"
    LAST = "the last step"


@dataclass(frozen=True, kw_only=True, eq=False)
class ChainAnswer:
    """An output of a model: the rows `reading` of a `stream`; `label` is its name in messages."""

    label: str
    stream: Stream
    reading: RowSelection


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """The parts of a model: numeric steps `before` and `after` its recurrent `layers`, each with its output stream.

    `between` are the linear steps before each layer except the first; `final` is as in `Model`. `label` is the name of
    the output in messages.
    """

    label: str
    before: tuple[tuple[ModelStep, Stream], ...]
    layers: tuple[Stream, ...]
    between: tuple[tuple[ModelStep, ...], ...]
    after: tuple[tuple[ModelStep, Stream], ...]
    final: bool

    @property
    def folded(self) -> tuple[Layer, ...]:
        """The recurrent layers, with the linear steps between them folded into their input weights."""
        made = [each.made for each in self.layers if isinstance(each.made, Layer)]
        pairs = zip(made, made[1:], self.between, strict=False)
        return (*made[:1], *(_folded(below, layer, steps) for below, layer, steps in pairs))

    def model(self, name: str) -> Model:
        """Return the model; its recurrent part is called `name`."""
        before, after = (tuple(step for step, _ in steps) for steps in (self.before, self.after))
        return Model(lstm=LSTM(layers=self.folded, name=name), before=before, after=after, final=self.final)

    def head(self) -> Head | None:
        """Return the steps `after` as a linear head, None if there are none; raise `ObjectedError` for other steps."""
        dense = self.after[0][0] if self.after else None
        for step, stream in self.after[isinstance(dense, Dense) :]:
            got = "the last step of a backward layer" if step == Pooling(pool=Pool.LAST) else stream.label
            raise ObjectedError(self.label, LINEAR, got)
        return Head(weights=dense.weights, bias=dense.bias, final=self.final) if isinstance(dense, Dense) else None


def answer_of(streams: ModelStreams, label: str, array: Array) -> ChainAnswer | None:
    """Return the output called `label` whose labels in `streams` are `array`, in any order of axes; None if none is."""
    stream = streams.of(array)
    if stream is None:
        return None
    ways = [array]
    if array.ndim == 4:  # (time, directions, batch, units), or in layout 1 (batch, time, directions, units)
        ways = [each.reshape(*each.shape[:2], -1) for each in (array.transpose(0, 2, 1, 3), array)]
    if stream.width == 1 and (not array.ndim or array.shape[-1] > 1):
        ways = [array[..., None]]
    for way in ways:
        found = streams.vectors(f"choice of {stream.label}", way)
        reading = None if found is None else _reading(found[0], found[1], way.ndim)
        if found is not None and reading is not None:
            return ChainAnswer(label=label, stream=found[0], reading=reading)
    return None


def _reading(stream: Stream, rows: Array, axes: int) -> RowSelection | None:
    """Return which selection of `stream` the row numbers `rows` are, in an array with `axes` axes; None if none."""
    count = prod(stream.lead)
    ends = rows_of(stream.rows[count:], stream.rows)
    every = [stream.steps, stream.steps.T] if count and len(stream.lead) == 2 else []
    if any(_same(rows, each) for each in every) and (len(stream.lead) < 2 or stream.lead[0] > 1 or axes > 2):
        return RowSelection.EVERY
    if ends is not None and ends.size and _same(rows, ends):
        return RowSelection.FINAL
    return RowSelection.LAST if every and stream.timed and _same(rows, stream.steps[-1]) else None


def _same(rows: Array, order: Array) -> bool:
    """Return whether `rows` equals `order`, apart from axes of length one."""
    return rows.size == order.size and np.array_equal(rows.squeeze(), order.squeeze())


def parts_of(answer: ChainAnswer) -> Parts:
    """Return the parts of the model with the output `answer`; raise `ObjectedError` if they are no chain."""
    path, stream = list[tuple[ModelStep | Layer, Stream]](), answer.stream
    while stream.made is not None:
        step, below = _stage(stream)
        path.insert(0, (step, stream))
        if below is None:
            break
        stream = below
    places = [n for n, (step, _) in enumerate(path) if isinstance(step, Layer)]
    if not places:
        got = path[-1][1].label if path else stream.label
        raise ObjectedError(answer.label, "come from a recurrent layer", got)
    between = [_linear_steps(path[a + 1 : b], path[b][1]) for a, b in pairwise(places)]
    after = _steps(path[places[-1] + 1 :])
    pooled = any(isinstance(step, Pooling) for step, _ in after)
    if answer.reading is RowSelection.LAST:
        after = ((Pooling(pool=Pool.LAST), path[places[-1]][1]), *after)
    return Parts(
        label=answer.label,
        before=_steps(path[: places[0]]),
        layers=tuple(path[n][1] for n in places),
        between=tuple(between),
        after=after,
        final=answer.reading is RowSelection.FINAL and not pooled,
    )


def same_models(first: Model, second: Model) -> bool:
    """Return whether the models `first` and `second` are equal to the last bit."""
    (words, arrays), (others, numbers) = written(first), written(second)
    return words == others and all(np.array_equal(array, numbers[name]) for name, array in arrays.items())


def layers_below(streams: Sequence[Stream]) -> set[int]:
    """Return the numbers of all recurrent streams from which `streams` are computed, without `streams` themselves."""
    found, left = set[int](), [below for stream in streams for below in stream.reads]
    seen = set[int]()
    while left:
        stream = left.pop()
        if stream.number not in seen:
            seen.add(stream.number)
            left += stream.reads
            found |= {stream.number} if isinstance(stream.made, Layer) else set()
    return found


def _stage(stream: Stream) -> tuple[ModelStep | Layer, Stream | None]:
    """Return the step that computes `stream`, and the stream that it reads, None if that is not known."""
    if isinstance(stream.made, ModelStep | Layer):
        return stream.made, stream.reads[0] if stream.reads else None
    lines, open_ones = [stream], {each.number: each for each in stream.reads}
    while len(open_ones) > 1:
        latest = open_ones.pop(max(open_ones))
        if not isinstance(latest.made, RowStep):
            got = f"{latest.label} and another signal"
            raise ObjectedError(stream.label, "be computed of one row of features", got)
        lines.append(latest)
        open_ones |= {each.number: each for each in latest.reads}
    (below,) = open_ones.values()
    lines.sort(key=lambda line: line.number)
    numbers = {below.number: 0, **{line.number: n for n, line in enumerate(lines, start=1)}}
    made = tuple(line.made for line in lines if isinstance(line.made, RowStep))
    reads = tuple(tuple(numbers[each.number] for each in line.reads) for line in lines)
    name = f"formula of {len(lines)} lines" if lines[1:] else str(stream.made.value if stream.made else "")
    return Formula(name=name, steps=made, reads=reads), below


def _steps(path: Sequence[tuple[ModelStep | Layer, Stream]]) -> tuple[tuple[ModelStep, Stream], ...]:
    """Return the steps in `path`, with consecutive scalings, or a matrix and a scaling, merged."""
    found = list[tuple[ModelStep, Stream]]()
    for step, stream in path:
        last = found[-1][0] if found else None
        if isinstance(step, Layer):
            continue
        if isinstance(step, Affine) and isinstance(last, Dense):
            found[-1] = (biased(last, step), stream)
        elif isinstance(step, Affine) and isinstance(last, Affine):
            scale, offset = np.broadcast_arrays(step.scale * last.scale, step.scale * last.offset + step.offset)
            found[-1] = (Affine(scale=scale, offset=offset), stream)
        else:
            found.append((step, stream))
    return tuple(found)


def biased(dense: Dense, affine: Affine) -> Dense:
    """Return `dense` followed by `affine` as one step."""
    rows = len(dense.weights)
    scale, offset = (np.broadcast_to(each, (rows,)) for each in (affine.scale, affine.offset))
    bias = offset if dense.bias is None else dense.bias * scale + offset
    return Dense(weights=dense.weights * scale[:, None], bias=bias)


def _linear_steps(path: Sequence[tuple[ModelStep | Layer, Stream]], top: Stream) -> tuple[ModelStep, ...]:
    """Return the steps in `path` between two layers, the upper of which is `top`; raise for one that is not linear."""
    for step, stream in path:
        if not isinstance(step, Affine | Dense):
            must = "read the outputs of the layer below, or a linear map of them"
            raise ObjectedError(top.label, must, stream.label)
    return tuple(step for step, _ in _steps(path))


def _folded(below: Layer, layer: Layer, steps: Sequence[ModelStep]) -> Layer:
    """Return `layer` with the linear `steps` between the layer `below` and itself folded into its input weights."""
    read: Dense | None = None
    for step in steps:
        read = composed(read, step, below.output_size if read is None else len(read.weights))
    return layer if read is None else fed_through(layer, read)
