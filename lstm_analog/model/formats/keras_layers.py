"""Make cells of Keras layers, and check options and arrays for all readers of layers.

Keras has a kernel `(D, gates H)` with gates in columns: i f c o of an LSTM, z r h of a GRU (with two biases if the
reset acts after the product), one of a SimpleRNN. CuDNN layers of Keras 2 have the rows of each gate's matrix, one
after the other, in these columns, and two biases (`tf_keras/src/saving/legacy/hdf5_format.py`,
`_convert_rnn_weights`), by which they are recognised. Activations are read by Keras' names: those of cells, which a
machine computes, and those of numeric steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, UnsupportedError
from lstm_analog.model import formulas
from lstm_analog.model.activations import (
    HARD_SIGMOID,
    LINEAR,
    RELU,
    SIGMOID,
    SOFTPLUS,
    STEEP_HARD_SIGMOID,
    TANH,
    Activation,
)
from lstm_analog.model.formats.keras_graph import KNOWN, LayerConfig
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.state_dict import gru
from lstm_analog.model.formats.tensor import Tensor
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import ModelStep, Softmax
from lstm_analog.model.weights import Cell, RecurrentCell, RNNCell

ACTIVATIONS = MappingProxyType(
    {
        "sigmoid": SIGMOID,
        "tanh": TANH,
        "relu": RELU,
        "linear": LINEAR,
        "softplus": SOFTPLUS,
        "hard_sigmoid": HARD_SIGMOID,
    }
)
"""Activations of cells; Keras 1 and 2 have the steeper hard sigmoid instead."""


CURVES: Mapping[str, tuple[ModelStep, ...]] = MappingProxyType(
    {
        "softmax": (Softmax(),),
        "log_softmax": (formulas.log_softmax(),),
        "gelu": (formulas.gelu(rough=False),),
        "elu": (formulas.elu(1.0),),
        "celu": (formulas.elu(1.0),),
        "selu": (formulas.elu(1.6732632423543772, 1.0507009873554805),),
        "leaky_relu": (formulas.leaky_relu(0.2),),
        "relu6": formulas.clipped(0.0, 6.0),
        "hard_tanh": formulas.clipped(-1.0, 1.0),
        "exponential": (formulas.formula("exp", (Operation.EXP, (0,))),),
        "silu": (formulas.silu(),),
        "swish": (formulas.silu(),),
        "hard_silu": (formulas.gated("hard swish", HARD_SIGMOID),),
        "hard_swish": (formulas.gated("hard swish", HARD_SIGMOID),),
        "mish": (formulas.mish(),),
        "softsign": (formulas.softsign(),),
        "log_sigmoid": (formulas.log_sigmoid(),),
    }
)
"""Activations of numeric steps, with the constants of keras/src/activations/activations.py."""


def curve_of(config: LayerConfig, old: bool) -> tuple[ModelStep, ...]:
    """Return the numeric steps of the activation of the layer `config`.

    `old` and the errors are as in `activation_of`.
    """
    name = _name(config, "activation", "linear")
    if isinstance(name, str) and name in CURVES:
        return CURVES[name]
    curve = activation_of(config, "activation", "linear", old, (*ACTIVATIONS, *CURVES))
    return () if curve == LINEAR else (curve,)


def activation_of(
    config: LayerConfig, option: str, preset: str, old: bool, known: tuple[str, ...] = tuple(ACTIVATIONS)
) -> Activation:
    """Return the activation that `option` of the layer `config` names, or the `preset` one if it has no such option.

    `old` says that Keras 1 or 2 wrote the file. Raises `UnsupportedError` for an activation that is not in `known`.
    """
    name = _name(config, option, preset)
    if not isinstance(name, str) or name not in ACTIVATIONS:
        must, do = f"have an {option} of {', '.join(known)}", "train it with one of these"
        raise unsupported(config.label, must, ascii(name)[:80], do)
    return STEEP_HARD_SIGMOID if old and name == "hard_sigmoid" else ACTIVATIONS[name]


def _name(config: LayerConfig, option: str, preset: str) -> object:
    name = config.options.get(option, preset)
    if isinstance(name, dict):
        name = name.get("config", name)
    return "linear" if name is None else name


TRAINING = ("initializer", "regularizer", "constraint", "dropout")
"""Suffixes of the names of options that affect only training."""

GATES = MappingProxyType({"LSTM": 4, "GRU": 3, "SimpleRNN": 1, "CuDNNLSTM": 4, "CuDNNGRU": 3})
"""Number of gates in the kernels of each kind of layer."""

_Z_R_H = [1, 0, 2]
"""The places of r, z, n in Keras' order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerFile:
    """A layer in a file: its configuration, its arrays in Keras' order, and whether Keras 1 or 2 wrote it (`old`).

    `mask_ends` is whether the Keras that wrote it hands no mask on from a recurrent layer, as from 3.16 on.
    """

    config: LayerConfig
    arrays: tuple[Tensor, ...]
    old: bool
    mask_ends: bool = False


def check_options(config: LayerConfig, *also: str) -> None:
    """Raise if the layer of `config` has an option set that is neither known nor named in `also`."""
    strange = [
        name
        for name, value in config.options.items()
        if value and name not in (*KNOWN, *also) and not name.endswith(TRAINING)
    ]
    if strange:
        raise unsupported(config.label, "have options known here", listed(strange), "build it without them")


def refused(config: LayerConfig, must: str, got: object, do: str = "build it without") -> UnsupportedError:
    """Return the error that the layer of `config` `must` be something and got `got`, with the advice `do`."""
    return unsupported(config.label, must, ascii(got)[:80], do)


def misfit(config: LayerConfig, must: str, got: object, do: str = "save the model again") -> FileFormatError:
    """Return the error that the layer of `config` `must` have something else than `got` in the file; `do` is advice."""
    return format_error(config.label, must, got, do)


def cell_of(config: LayerConfig, rest: list[Tensor], old: bool) -> RecurrentCell:
    """Make the cell of `config` from the first arrays of `rest`, which are removed; `old` is as in `LayerFile`.

    Raises `FileFormatError` if an array is missing or has another shape, `UnsupportedError` for an unsupported
    activation.
    """
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
    """Raise unless the kernels have the shapes `(D, gates H)` and `(H, gates H)`."""
    if kernel.ndim != 2 or recurrent.ndim != 2 or kernel.shape[1] != recurrent.shape[1]:
        got = f"shapes {kernel.shape} and {recurrent.shape}"
        raise misfit(config, "have kernels of equal width", got, "save it again")
    if recurrent.shape[1] != gates * recurrent.shape[0]:
        raise misfit(config, f"have {gates} columns a unit", f"shape {recurrent.shape}", "save it again")
    check_units(config, recurrent.shape[0])


def _gru(
    config: LayerConfig, inputs: Floats, inner: Floats, bias: Floats | None, gate: Activation, candidate: Activation
) -> RecurrentCell:
    """Return a GRU; one with both biases in one row is CuDNN's, whose reset acts after the product."""
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
    """Return the sum of the `times` biases in `bias`, in the `shape` (gates, H)."""
    if bias is None:
        return None
    rows: Floats = _checked(config, bias, (times * prod(shape),)).reshape(times, *shape).sum(axis=0)
    return rows


def _checked(config: LayerConfig, bias: Floats, shape: tuple[int, ...]) -> Floats:
    if bias.shape != shape:
        raise misfit(config, f"have a bias of shape {shape}", bias.shape, "save it again")
    return bias


def _by_gate(kernel: Floats, gates: int) -> Floats:
    """Return a kernel (n, gates H) as (gates, H, n)."""
    return np.moveaxis(kernel.reshape(kernel.shape[0], gates, -1), 0, 2)


def taken(config: LayerConfig, rest: list[Tensor]) -> Floats:
    """Remove the first array from `rest` and return its numbers; `config` is that of its layer."""
    if not rest:
        raise misfit(config, "have its arrays", "too few")
    return rest.pop(0).numbers()


def check_units(config: LayerConfig, units: int) -> None:
    """Raise if `units`, the number in the arrays, differs from that in the `config` of their layer."""
    said = config.options.get("units", units)
    if said != units:
        raise misfit(config, f"have {ascii(said)[:40]} units, as it says", f"arrays of {units}")


def check_all_used(config: LayerConfig, rest: Sequence[Tensor]) -> None:
    """Raise if arrays of the layer of `config` are left in `rest`."""
    if rest:
        raise misfit(config, "have no more arrays", listed(tensor.name for tensor in rest))
