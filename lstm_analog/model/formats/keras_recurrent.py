"""Make a stack of the recurrent layers of a Keras model and the linear layers between them.

A backward layer of Keras returns its outputs in the order of computation, the last step first. Linear layers between
two recurrent ones are folded into the weights of the upper one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from lstm_analog.model.folding import composed, fed_through
from lstm_analog.model.formats.keras_graph import RECURRENT, LayerConfig, layer_of
from lstm_analog.model.formats.keras_layers import (
    GATES,
    LayerFile,
    cell_of,
    check_all_used,
    check_options,
    misfit,
    refused,
)
from lstm_analog.model.formats.keras_steps import steps_of
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.model.layers import Layer
from lstm_analog.model.steps import Dense, named

_CELLS = MappingProxyType({"LSTMCell": "lstm_cell", "GRUCell": "gru_cell", "SimpleRNNCell": "simple_rnn_cell"})
"""Kinds of cells in an RNN layer, and the folder of a .keras file with their arrays."""

LINEAR = ("Dense", "TimeDistributed", "BatchNormalization", "Normalization", "Rescaling", "Activation")
"""Layers that are folded into the weights of the next one if they have no activation."""

_MERGED = MappingProxyType({"sum": 1.0, "ave": 0.5})
"""Ways of a Bidirectional to merge its directions besides `concat`, as a factor of their sum."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasStack:
    """Recurrent layers, bottom first, and how the outputs of the top one are used.

    `read` is a linear map of its outputs, or None. `reverse`: outputs are in reverse order of time; `final`: only the
    last h is used; `held`: masked steps have the h before.
    """

    layers: tuple[Layer, ...]
    read: Dense | None
    reverse: bool
    final: bool
    held: bool

    @property
    def width(self) -> int:
        """The number of features of its output, for each step or for each sequence."""
        return self.layers[-1].output_size if self.read is None else len(self.read.weights)


def recurrent_part(files: Sequence[LayerFile]) -> KerasStack:
    """Return the stack of the layers `files`, recurrent ones and linear ones between them.

    Raises `FileFormatError` if an array is missing or does not fit, `UnsupportedError` for an unsupported layer or
    option, with its name.
    """
    part = KerasStack(layers=(), read=None, reverse=False, final=False, held=False)
    for file in files:
        if file.config.kind in RECURRENT:
            check_options(file.config)
            part = (_bidirectional if file.config.kind == "Bidirectional" else _recurrent)(part, file)
        else:
            part = linearly_read(part, file)
    if part.reverse and not part.final:
        must, got = "return its outputs in the order of time", "go_backwards with return_sequences"
        top = [file for file in files if file.config.kind in RECURRENT][-1]
        raise refused(top.config, must, got, "set return_sequences=False, or use Bidirectional")
    return part


def linearly_read(part: KerasStack, file: LayerFile) -> KerasStack:
    """Return `part` followed by the linear layer in `file`.

    Raises `UnsupportedError` if the layer is not linear, `FileFormatError` if it takes another number of features.
    """
    if file.config.kind not in LINEAR:
        raise refused(
            file.config, f"be one of {', '.join(RECURRENT)}, or linear: {', '.join(LINEAR)}", file.config.kind
        )
    shape = (part.width,) if part.final else (None, part.width)
    read = part.read
    for step in steps_of(file, shape):
        width = part.width if read is None else len(read.weights)
        read = composed(read, step, width)
        if read is None:
            raise refused(file.config, "be linear", named(step), "take the activation out of it")
    return replace(part, read=read)


def _recurrent(part: KerasStack, file: LayerFile) -> KerasStack:
    """Return `part` with a further layer of one direction, or one for each of the cells stacked in it."""
    config, options = file.config, file.config.options
    cells = _inner_cells(config)
    rest = _in_order_of(cells, file.arrays)
    made = [cell_of(cell, rest, file.old) for cell in cells]
    check_all_used(config, rest)
    reverse = part.reverse != bool(options.get("go_backwards"))
    layers = tuple(Layer(backward=cell) if reverse else Layer(forward=cell) for cell in made)
    return _after(part, config, layers, reverse, held=not options.get("zero_output_for_mask"))


def _inner_cells(config: LayerConfig) -> list[LayerConfig]:
    if config.kind != "RNN":
        return [config]
    cell = layer_of(config.options.get("cell"))
    cells = [cell]
    if cell.kind == "StackedRNNCells":
        match cell.options.get("cells"):
            case [_, *_] as entries:
                cells = [layer_of(entry) for entry in entries]
            case other:
                raise misfit(cell, "hold cells, one at least", ascii(other)[:80])
    for each in cells:
        check_options(each)
        if each.kind not in _CELLS:
            raise refused(each, f"be one of {', '.join(_CELLS)}", each.kind)
    return cells


def _in_order_of(cells: Sequence[LayerConfig], arrays: Sequence[Tensor]) -> list[Tensor]:
    """Return `arrays` in the order of their `cells`; a .keras file has gru_cell, gru_cell_1, then lstm_cell."""
    kinds = [_CELLS[cell.kind] for cell in cells if cell.kind in _CELLS]
    numbers = [kinds[:n].count(kind) for n, kind in enumerate(kinds)]
    folders = [f"/cells/{kind}{f'_{n}' if n else ''}/" for kind, n in zip(kinds, numbers, strict=True)]

    def place(tensor: Tensor) -> int:
        return next((n for n, folder in enumerate(folders) if folder in tensor.name), 0)

    return sorted(arrays, key=place)


def _bidirectional(part: KerasStack, file: LayerFile) -> KerasStack:
    config, options = file.config, file.config.options
    ways = [layer_of(options.get(name)) for name in ("layer", "backward_layer") if options.get(name) is not None]
    if len(ways) == 1:  # Keras 2 makes the backward layer like the forward one
        ways.append(
            replace(ways[0], options={**ways[0].options, "go_backwards": not ways[0].options.get("go_backwards")})
        )
    turned = [bool(way.options.get("go_backwards")) for way in ways]
    if turned != [False, True]:
        got = f"go_backwards {turned}"
        raise refused(config, "run forward, then backward", got, "build it of a forward layer")
    if part.reverse:
        must, got = "be fed in the order of time", "what a layer with go_backwards puts out"
        raise refused(config, must, got, "build the layer before it without go_backwards")
    rest = list(file.arrays)
    cells = []
    for way in ways:
        check_options(way)
        if way.kind not in GATES:
            raise refused(way, f"be one of {', '.join(GATES)}", way.kind)
        cells.append(cell_of(way, rest, file.old))
    check_all_used(config, rest)
    layer = Layer(forward=cells[0], backward=cells[1])
    made = _after(part, ways[0], (layer,), reverse=False, held=False)
    return replace(made, read=_merged(config, layer))


def _merged(config: LayerConfig, layer: Layer) -> Dense | None:
    """Return the map by which a Bidirectional `layer` merges its directions, None if they stay side by side."""
    mode = config.options.get("merge_mode", "concat")
    if mode == "concat":
        return None
    if not isinstance(mode, str) or mode not in _MERGED:
        must, do = f"merge its directions by concat, {' or '.join(_MERGED)}", "build it with merge_mode='concat'"
        raise refused(config, must, mode, do)
    widths = [cell.output_size for cell in layer.cells]
    if len(set(widths)) > 1:
        raise misfit(config, "have as many units forward as backward to merge them", widths)
    return Dense(weights=_MERGED[mode] * np.hstack([np.eye(width) for width in widths]))


def _after(part: KerasStack, config: LayerConfig, layers: tuple[Layer, ...], reverse: bool, held: bool) -> KerasStack:
    if part.final:
        raise refused(config, "follow a layer with return_sequences", "return_sequences=False")
    if part.read is not None:
        layers = (fed_through(layers[0], part.read), *layers[1:])
    final = not config.options.get("return_sequences", False)
    return KerasStack(layers=(*part.layers, *layers), read=None, reverse=reverse, final=final, held=held)
