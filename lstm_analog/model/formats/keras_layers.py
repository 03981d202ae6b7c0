"""Keras layers to the records of this package.

Keras keeps a kernel `(D, gates H)`, gates in columns: i f c o of an LSTM, z r h of a GRU (its bias twice where the
reset acts after the product), one of a SimpleRNN. What CuDNN layers of Keras 2 have in the same columns are the rows of
each gate's matrix, one after the other, and the bias is twice there (`tf_keras/src/saving/legacy/hdf5_format.py`,
`_convert_rnn_weights`); the length of the bias tells them. A layer that goes backwards returns its outputs in the
order in which it made them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.formats.keras_activations import activation_of
from lstm_analog.model.formats.keras_graph import KNOWN, LayerConfig, layer_of
from lstm_analog.model.formats.stacks import listed
from lstm_analog.model.formats.state_dict import gru
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.model.layers import Layer
from lstm_analog.model.weights import Cell, RecurrentCell, RNNCell

TRAINING = ("initializer", "regularizer", "constraint", "dropout")
"""Ends of the names of options that matter in training only."""

GATES = MappingProxyType({"LSTM": 4, "GRU": 3, "SimpleRNN": 1, "CuDNNLSTM": 4, "CuDNNGRU": 3})
"""Columns a unit of the kernels of each kind of layer."""

_CELLS = MappingProxyType({"LSTMCell": "lstm_cell", "GRUCell": "gru_cell", "SimpleRNNCell": "simple_rnn_cell"})
"""Cells that an RNN layer may have, and the folders in which a .keras file keeps their arrays."""

_Z_R_H = [1, 0, 2]
"""Where r, z, n stand in Keras' order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerFile:
    """A layer as a file holds it: its configuration, its arrays in Keras' order, and whether Keras 1 or 2 wrote it."""

    config: LayerConfig
    arrays: tuple[Tensor, ...]
    old: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Recurrent:
    """Recurrent layers, bottom first, and how the top one answers.

    `reverse`: in the order opposite to time; `final`: with its last h only; `held`: at masked steps with the h before.
    """

    layers: tuple[Layer, ...]
    reverse: bool
    final: bool
    held: bool


def recurrent_part(files: Sequence[LayerFile]) -> Recurrent:
    """Return what the recurrent layers in `files` make, one after the other.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    part = Recurrent(layers=(), reverse=False, final=False, held=False)
    for file in files:
        check_options(file.config)
        part = (_bidirectional if file.config.kind == "Bidirectional" else _recurrent)(part, file)
    if part.reverse and not part.final:
        must, got = "return its outputs in the order of time", "go_backwards with return_sequences"
        raise refused(files[-1].config, must, got, "set return_sequences=False, or use Bidirectional")
    return part


def check_options(config: LayerConfig, *also: str) -> None:
    """Refuse a layer of `config` with options that are set, not known and not named in `also`."""
    strange = [
        name
        for name, value in config.options.items()
        if value and name not in (*KNOWN, *also) and not name.endswith(TRAINING)
    ]
    if strange:
        raise UnsupportedError(
            explain(config.label, must="have options known here", got=listed(strange), do="build it without them")
        )


def refused(config: LayerConfig, must: str, got: object, do: str = "build it without") -> UnsupportedError:
    """Return the error that the layer of `config` `must` be what it is not, with what was `got` and what to `do`."""
    return UnsupportedError(explain(config.label, must=must, got=ascii(got)[:80], do=do))


def _recurrent(part: Recurrent, file: LayerFile) -> Recurrent:
    """Add a layer of one direction; a stack of cells adds one a cell."""
    config, options = file.config, file.config.options
    cells = _inner_cells(config)
    rest = _in_order_of(cells, file.arrays)
    made = [_cell(cell, rest, file.old) for cell in cells]
    check_all_used(config, rest)
    reverse = part.reverse != bool(options.get("go_backwards"))
    layers = tuple(Layer(backward=cell) if reverse else Layer(forward=cell) for cell in made)
    return _after(part, config, layers, reverse, held=not options.get("zero_output_for_mask"))


def _inner_cells(config: LayerConfig) -> list[LayerConfig]:
    if config.kind != "RNN":
        return [config]
    cell = layer_of(config.options.get("cell"))
    cells = [layer_of(entry) for entry in cell.options.get("cells", ())] if cell.kind == "StackedRNNCells" else [cell]
    for each in cells:
        check_options(each)
        if each.kind not in _CELLS:
            raise refused(each, f"be one of {', '.join(_CELLS)}", each.kind)
    return cells


def _in_order_of(cells: Sequence[LayerConfig], arrays: Sequence[Tensor]) -> list[Tensor]:
    """Return `arrays` by the `cells` that they belong to: a .keras file has gru_cell, gru_cell_1, then lstm_cell."""
    kinds = [_CELLS[cell.kind] for cell in cells if cell.kind in _CELLS]
    numbers = [kinds[:n].count(kind) for n, kind in enumerate(kinds)]
    folders = [f"/cells/{kind}{f'_{n}' if n else ''}/" for kind, n in zip(kinds, numbers, strict=True)]

    def place(tensor: Tensor) -> int:
        return next((n for n, folder in enumerate(folders) if folder in tensor.name), 0)

    return sorted(arrays, key=place)


def _bidirectional(part: Recurrent, file: LayerFile) -> Recurrent:
    config, options = file.config, file.config.options
    ways = [layer_of(options.get(name)) for name in ("layer", "backward_layer") if options.get(name) is not None]
    if len(ways) == 1:  # Keras 2 makes the backward layer like the forward one
        ways.append(
            replace(ways[0], options={**ways[0].options, "go_backwards": not ways[0].options.get("go_backwards")})
        )
    if options.get("merge_mode", "concat") != "concat":
        raise refused(config, "put its directions side by side (concat)", options["merge_mode"])
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
        cells.append(_cell(way, rest, file.old))
    check_all_used(config, rest)
    return _after(part, ways[0], (Layer(forward=cells[0], backward=cells[1]),), reverse=False, held=False)


def _after(part: Recurrent, config: LayerConfig, layers: tuple[Layer, ...], reverse: bool, held: bool) -> Recurrent:
    if part.final:
        raise refused(config, "follow a layer with return_sequences", "return_sequences=False")
    final = not config.options.get("return_sequences", False)
    return Recurrent(layers=(*part.layers, *layers), reverse=reverse, final=final, held=held)


def _cell(config: LayerConfig, rest: list[Tensor], old: bool) -> RecurrentCell:
    """Take the arrays of one cell from the front of `rest` and make it."""
    kind = config.kind.removesuffix("Cell")
    gates = GATES[kind]
    kernel, recurrent = taken(config, rest), taken(config, rest)
    bias = taken(config, rest) if config.options.get("use_bias", True) else None
    _check_kernels(config, kernel, recurrent, gates)
    inputs, inner = _by_gate(kernel, gates), _by_gate(recurrent, gates)
    packed = gates > 1 and bias is not None and bias.shape == (2 * gates * inner.shape[1],)
    if packed:  # each gate's numbers as CuDNN has them, by rows
        inputs, inner = np.swapaxes(inputs, 1, 2).reshape(inputs.shape), np.swapaxes(inner, 1, 2)
    candidate = activation_of(config, "activation", "tanh", old)
    if kind == "SimpleRNN":
        return RNNCell(input=inputs, recurrent=inner, bias=_rows(config, bias, inner.shape[:2], 1), hidden=candidate)
    gate = activation_of(config, "recurrent_activation", "sigmoid", old)
    if gates == GATES["LSTM"]:
        rows = _rows(config, bias, inner.shape[:2], 2 if packed else 1)
        return Cell(input=inputs, recurrent=inner, bias=rows, gate=gate, candidate=candidate, hidden=candidate)
    return _gru(config, inputs, inner, bias, gate, candidate)


def _check_kernels(config: LayerConfig, kernel: Floats, recurrent: Floats, gates: int) -> None:
    """Refuse kernels `(D, gates H)` and `(H, gates H)` of other shapes."""
    if kernel.ndim != 2 or recurrent.ndim != 2 or kernel.shape[1] != recurrent.shape[1]:
        got = f"shapes {kernel.shape} and {recurrent.shape}"
        raise FileFormatError(explain(config.label, must="have kernels of equal width", got=got, do="save it again"))
    if recurrent.shape[1] != gates * recurrent.shape[0]:
        must, got = f"have {gates} columns a unit", f"shape {recurrent.shape}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save it again"))
    check_units(config, recurrent.shape[0])


def _gru(
    config: LayerConfig, inputs: Floats, inner: Floats, bias: Floats | None, gate: Activation, candidate: Activation
) -> RecurrentCell:
    """Return a GRU; one whose bias is doubled in one row is CuDNN's, which resets after the product."""
    units = inputs.shape[1]
    packed = bias is not None and bias.shape == (6 * units,)
    after = packed or bool(config.options.get("reset_after", False))
    biases: list[Floats] = []
    if bias is not None:
        rows = bias if packed else _checked(config, bias, (2, 3 * units) if after else (3 * units,))
        biases = list(rows.reshape(-1, 3, units)[:, _Z_R_H])
    made = gru(inputs[_Z_R_H], inner[_Z_R_H], *biases)
    return replace(made, reset_after=after, gate=gate, candidate=candidate)


def _rows(config: LayerConfig, bias: Floats | None, shape: tuple[int, ...], times: int) -> Floats | None:
    """Return a `bias`, which is there `times` over, in the `shape` (gates, H)."""
    if bias is None:
        return None
    rows: Floats = _checked(config, bias, (times * prod(shape),)).reshape(times, *shape).sum(axis=0)
    return rows


def _checked(config: LayerConfig, bias: Floats, shape: tuple[int, ...]) -> Floats:
    if bias.shape != shape:
        must, got = f"have a bias of shape {shape}", f"{bias.shape}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save it again"))
    return bias


def _by_gate(kernel: Floats, gates: int) -> Floats:
    """Return a kernel (n, gates H) as (gates, H, n)."""
    return np.moveaxis(kernel.reshape(kernel.shape[0], gates, -1), 0, 2)


def taken(config: LayerConfig, rest: list[Tensor]) -> Floats:
    """Return the numbers of the first of the arrays in `rest` of the layer of `config`, and take it out of them."""
    if not rest:
        raise FileFormatError(explain(config.label, must="have its arrays", got="too few", do="save the model again"))
    return rest.pop(0).numbers()


def check_units(config: LayerConfig, units: int) -> None:
    """Refuse arrays of another number of `units` than the `config` of their layer says, if it does."""
    said = config.options.get("units", units)
    if said != units:
        must, got = f"have {ascii(said)[:40]} units, as it says", f"arrays of {units}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save the model again"))


def check_all_used(config: LayerConfig, rest: Sequence[Tensor]) -> None:
    """Refuse arrays that are in `rest` once the layer of `config` has taken its own."""
    if rest:
        got, do = listed(tensor.name for tensor in rest), "save the model again"
        raise FileFormatError(explain(config.label, must="have no more arrays", got=got, do=do))
