"""Keras layers to the records of this package.

Keras keeps a kernel `(D, gates H)`, gates in columns: i f c o of an LSTM, z r h of a GRU (its bias twice where the
reset acts after the product), one of a SimpleRNN. A layer that goes backwards returns its outputs in the order in which
it made them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.formats.keras_activations import activation_of
from lstm_analog.model.formats.keras_graph import KNOWN, LayerConfig, layer_of
from lstm_analog.model.formats.stacks import Stack, listed
from lstm_analog.model.formats.state_dict import gru
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.weights import Cell, RecurrentCell, RNNCell

SILENT = ("InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
"""Layers that do nothing once trained."""

TRAINING = ("initializer", "regularizer", "constraint", "dropout")
"""Ends of the names of options that matter in training only."""

_GATES = MappingProxyType({"LSTM": 4, "GRU": 3, "SimpleRNN": 1})
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

    @staticmethod
    def preset(name: str, arrays: tuple[Tensor, ...]) -> "LayerFile":
        """Return the layer `name` with Keras' presets, of the kind that the shapes of its `arrays` show."""
        per = next((n for n, each in enumerate(arrays) if n and len(each.shape) == 2 and "/0" in each.name[-2:]), 0)
        options: dict[str, Any] = {"name": name, "return_sequences": True, "use_bias": len(arrays) in (3, 6)}
        if len(arrays) < 2 or len(arrays[1].shape) == 1:
            options["use_bias"] = len(arrays) == 2
            return LayerFile(config=LayerConfig(kind="Dense", name=name, options=options), arrays=arrays, old=False)
        ratio = arrays[1].shape[1] // max(arrays[1].shape[0], 1)
        kind = next((name for name, gates in _GATES.items() if gates == ratio), "LSTM")
        options["reset_after"] = options["use_bias"] and len(arrays[2].shape) == 2
        if per:
            ways = [{"class_name": kind, "config": options | {"go_backwards": back}} for back in (False, True)]
            wrapped = {"name": name, "layer": ways[0], "backward_layer": ways[1], "merge_mode": "concat"}
            kind, options = "Bidirectional", wrapped
        return LayerFile(config=LayerConfig(kind=kind, name=name, options=options), arrays=arrays, old=False)


def keras_stack(files: Sequence[LayerFile]) -> Stack:
    """Return the layers and the head that the layers in `files` make, one after the other.

    Raises `UnsupportedError` naming the first layer or option that is not offered.
    """
    chain = _Chain(layers=(), head=None, reverse=False, ended=False)
    for file in files:
        if file.config.kind not in SILENT:
            chain = _extended(chain, file)
    if not chain.layers:
        do = "save the model with its LSTM"
        raise FileFormatError(
            explain("model", must=f"hold one of {', '.join(_GATES)}", got=listed(f.config.name for f in files), do=do)
        )
    if chain.reverse and not chain.ended:
        must, got = "return its outputs in the order of time", "go_backwards with return_sequences"
        do = "turn the outputs round with a layer of your own, and set return_sequences=False or use Bidirectional"
        raise UnsupportedError(explain("last layer", must=must, got=got, do=do))
    return Stack(layers=chain.layers, head=chain.head)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Chain:
    """The layers so far; whether they hand on their outputs in `reverse` order; whether one handed on its last only."""

    layers: tuple[Layer, ...]
    head: Head | None
    reverse: bool
    ended: bool


def _extended(chain: _Chain, file: LayerFile) -> _Chain:
    config = file.config
    if config.kind not in _MAKERS or chain.head is not None:
        must = f"be one of {', '.join(_MAKERS)}" if chain.head is None else "end with its Dense layer"
        do = "take part of the model: load(path, only='lstm'), or several names in order"
        raise UnsupportedError(explain(config.label, must=must, got="another", do=do))
    _check_options(config)
    return _MAKERS[config.kind](chain, file)


def _check_options(config: LayerConfig) -> None:
    strange = [
        name for name, value in config.options.items() if value and name not in KNOWN and not name.endswith(TRAINING)
    ]
    if strange:
        raise UnsupportedError(
            explain(config.label, must="have options known here", got=listed(strange), do="build it without them")
        )


def _refused(config: LayerConfig, must: str, got: object, do: str = "build it without") -> UnsupportedError:
    return UnsupportedError(explain(config.label, must=must, got=ascii(got)[:80], do=do))


def _recurrent(chain: _Chain, file: LayerFile) -> _Chain:
    """Add a layer of one direction; a stack of cells adds one a cell."""
    config, options = file.config, file.config.options
    cells = _inner_cells(config)
    rest = _in_order_of(cells, file.arrays)
    made = [_cell(cell, rest, file.old) for cell in cells]
    _check_all_used(config, rest)
    reverse = chain.reverse != bool(options.get("go_backwards"))
    layers = tuple(Layer(backward=cell) if reverse else Layer(forward=cell) for cell in made)
    return _after(chain, config, layers, reverse)


def _inner_cells(config: LayerConfig) -> list[LayerConfig]:
    if config.kind != "RNN":
        return [config]
    cell = layer_of(config.options.get("cell"))
    cells = [layer_of(entry) for entry in cell.options.get("cells", ())] if cell.kind == "StackedRNNCells" else [cell]
    for each in cells:
        _check_options(each)
        if each.kind not in _CELLS:
            raise _refused(each, f"be one of {', '.join(_CELLS)}", each.kind)
    return cells


def _in_order_of(cells: Sequence[LayerConfig], arrays: Sequence[Tensor]) -> list[Tensor]:
    """Return `arrays` by the `cells` that they belong to: a .keras file has gru_cell, gru_cell_1, then lstm_cell."""
    kinds = [_CELLS[cell.kind] for cell in cells if cell.kind in _CELLS]
    numbers = [kinds[:n].count(kind) for n, kind in enumerate(kinds)]
    folders = [f"/cells/{kind}{f'_{n}' if n else ''}/" for kind, n in zip(kinds, numbers, strict=True)]

    def place(tensor: Tensor) -> int:
        return next((n for n, folder in enumerate(folders) if folder in tensor.name), 0)

    return sorted(arrays, key=place)


def _bidirectional(chain: _Chain, file: LayerFile) -> _Chain:
    config, options = file.config, file.config.options
    ways = [layer_of(options.get(name)) for name in ("layer", "backward_layer") if options.get(name) is not None]
    if len(ways) == 1:  # Keras 2 makes the backward layer like the forward one
        ways.append(
            replace(ways[0], options={**ways[0].options, "go_backwards": not ways[0].options.get("go_backwards")})
        )
    if options.get("merge_mode", "concat") != "concat":
        raise _refused(config, "put its directions side by side (concat)", options["merge_mode"])
    turned = [bool(way.options.get("go_backwards")) for way in ways]
    if turned != [False, True] or chain.reverse:
        raise _refused(config, "run forward, then backward", turned, "build it of a forward layer, on forward inputs")
    rest = list(file.arrays)
    cells = []
    for way in ways:
        _check_options(way)
        if way.kind not in _GATES:
            raise _refused(way, f"be one of {', '.join(_GATES)}", way.kind)
        cells.append(_cell(way, rest, file.old))
    _check_all_used(config, rest)
    return _after(chain, ways[0], (Layer(forward=cells[0], backward=cells[1]),), reverse=False)


def _after(chain: _Chain, config: LayerConfig, layers: tuple[Layer, ...], reverse: bool) -> _Chain:
    if chain.ended:
        raise _refused(config, "follow a layer with return_sequences", "return_sequences=False")
    ended = not config.options.get("return_sequences", False)
    return replace(chain, layers=(*chain.layers, *layers), reverse=reverse, ended=ended)


def _dense(chain: _Chain, file: LayerFile) -> _Chain:
    config, options = file.config, file.config.options
    if config.kind == "TimeDistributed":
        inner = layer_of(options.get("layer"))
        if inner.kind != "Dense":
            raise _refused(config, "hold a Dense layer", inner.kind)
        return _dense(chain, replace(file, config=inner))
    _check_options(config)
    if options.get("activation") not in (None, "linear"):
        do = "leave it out: load(path, only='lstm'), and apply it to h yourself, or take the activation out of it"
        raise _refused(config, "be linear", options["activation"], do)
    if not chain.layers:
        raise _refused(config, "follow a recurrent layer", "the first one", "leave it out: load(path, only='lstm')")
    rest = list(file.arrays)
    weights = _next(config, rest).T
    _check_units(config, weights.shape[0])
    bias = _next(config, rest) if options.get("use_bias", True) else None
    _check_all_used(config, rest)
    return replace(chain, head=Head(weights=weights, bias=bias, final=chain.ended))


_MAKERS: Mapping[str, Callable[[_Chain, LayerFile], _Chain]] = MappingProxyType(
    dict.fromkeys((*_GATES, "RNN"), _recurrent)
    | {"Bidirectional": _bidirectional}
    | {"Dense": _dense, "TimeDistributed": _dense}
)


def _cell(config: LayerConfig, rest: list[Tensor], old: bool) -> RecurrentCell:
    """Take the arrays of one cell from the front of `rest` and make it."""
    biased, kind = config.options.get("use_bias", True), config.kind.removesuffix("Cell")
    kernel, recurrent = _next(config, rest), _next(config, rest)
    bias = _next(config, rest) if biased else None
    if kernel.ndim != 2 or recurrent.ndim != 2 or kernel.shape[1] != recurrent.shape[1]:
        got = f"shapes {kernel.shape} and {recurrent.shape}"
        raise FileFormatError(explain(config.label, must="have kernels of equal width", got=got, do="save it again"))
    gates = _GATES[kind]
    if recurrent.shape[1] != gates * recurrent.shape[0]:
        must, got = f"have {gates} columns a unit", f"shape {recurrent.shape}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save it again"))
    _check_units(config, recurrent.shape[0])
    candidate = activation_of(config, "activation", "tanh", old)
    inputs, inner = _by_gate(kernel, gates), _by_gate(recurrent, gates)
    rows = None
    if kind != "GRU" and bias is not None:
        rows = _row(config, bias, (gates * inner.shape[1],)).reshape(gates, -1)
    if kind == "SimpleRNN":
        return RNNCell(input=inputs, recurrent=inner, bias=rows, hidden=candidate)
    gate = activation_of(config, "recurrent_activation", "sigmoid", old)
    if kind == "LSTM":
        return Cell(input=inputs, recurrent=inner, bias=rows, gate=gate, candidate=candidate, hidden=candidate)
    return _gru(config, inputs[_Z_R_H], inner[_Z_R_H], bias, gate, candidate)


def _gru(
    config: LayerConfig, inputs: Floats, inner: Floats, bias: Floats | None, gate: Activation, candidate: Activation
) -> RecurrentCell:
    after = bool(config.options.get("reset_after", False))
    units = inputs.shape[1]
    biases: list[Floats] = []
    if bias is not None:
        rows = _row(config, bias, (2, 3 * units) if after else (3 * units,)).reshape(-1, 3, units)[:, _Z_R_H]
        biases = list(rows)
    return replace(gru(inputs, inner, *biases), reset_after=after, gate=gate, candidate=candidate)


def _row(config: LayerConfig, bias: Floats, shape: tuple[int, ...]) -> Floats:
    if bias.shape != shape:
        must, got = f"have a bias of shape {shape}", f"{bias.shape}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save it again"))
    return bias


def _by_gate(kernel: Floats, gates: int) -> Floats:
    """Return a kernel (n, gates H) as (gates, H, n)."""
    return np.moveaxis(kernel.reshape(kernel.shape[0], gates, -1), 0, 2)


def _next(config: LayerConfig, rest: list[Tensor]) -> Floats:
    if not rest:
        raise FileFormatError(explain(config.label, must="have its arrays", got="too few", do="save the model again"))
    return rest.pop(0).numbers()


def _check_units(config: LayerConfig, units: int) -> None:
    """Refuse arrays of another number of `units` than the configuration says, if it does."""
    said = config.options.get("units", units)
    if said != units:
        must, got = f"have {ascii(said)[:40]} units, as it says", f"arrays of {units}"
        raise FileFormatError(explain(config.label, must=must, got=got, do="save the model again"))


def _check_all_used(config: LayerConfig, rest: Sequence[Tensor]) -> None:
    if rest:
        got, do = listed(tensor.name for tensor in rest), "save the model again"
        raise FileFormatError(explain(config.label, must="have no more arrays", got=got, do=do))
