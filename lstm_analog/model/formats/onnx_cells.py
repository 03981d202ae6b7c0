"""Make cells of ONNX recurrent nodes.

The rows of an LSTM's weights `(directions, 4H, D)` are the gates i o f c, those of its peepholes i o f, those of a GRU
z r h; an RNN has H rows. ONNX operator schemas, LSTM-14, GRU-14 and RNN-14.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.activations import LINEAR, RELU, SIGMOID, SOFTPLUS, TANH, Activation, Curve
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Value
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.state_dict import gru
from lstm_analog.model.layers import Layer
from lstm_analog.model.weights import Cell, RecurrentCell, RNNCell

RECURRENT = MappingProxyType({"LSTM": 4, "GRU": 3, "RNN": 1})
"""The recurrent operations, and the number of gates in their weights."""

PRESETS = MappingProxyType({"LSTM": (b"Sigmoid", b"Tanh", b"Tanh"), "GRU": (b"Sigmoid", b"Tanh"), "RNN": (b"Tanh",)})
"""The default activations of each operation."""

DIRECTIONS = MappingProxyType({"forward": (False,), "reverse": (True,), "bidirectional": (False, True)})
PLAIN = MappingProxyType({"sigmoid": SIGMOID, "tanh": TANH, "relu": RELU, "softplus": SOFTPLUS})
SCALED = MappingProxyType({"hardsigmoid": (0.2, 0.5), "affine": (1.0, 0.0)})
"""Activations `s(alpha z + beta)`, with default alpha and beta."""

KNOWN = frozenset(
    """
    activations activation_alpha activation_beta direction hidden_size layout input_forget linear_before_reset
    """.split()  # noqa: SIM905 - as in keras_graph
)
_IFGO, _IFO, _RZN = [0, 2, 3, 1], [0, 2, 1], [1, 0, 2]
"""The places of our gates in ONNX's order."""

_ADVICE = "export the model again"


def ways_of(node: Node) -> tuple[bool, ...]:
    """Return whether each direction of `node` is backward."""
    word = _text(node.attributes.get("direction", b"forward"))
    if word not in DIRECTIONS:
        raise format_error(node.label, f"run {', '.join(DIRECTIONS)}", ascii(word), _ADVICE)
    return DIRECTIONS[word]


def layer_of(node: Node, inputs: Inputs, opened: Callable[[Value], str]) -> Layer:
    """Return the layer of a recurrent `node` with these `inputs`.

    `opened` returns the name of the graph's input from which a value is computed, "" if there is none.

    Raises `FileFormatError` if shapes do not fit each other, `UnsupportedError` for weights that are not in the file,
    and for unsupported options, with their names.
    """
    strange = sorted(set(node.attributes) - KNOWN)
    if strange:
        do = "export it without, or train it so that it needs none"
        raise unsupported(node.label, "have options known here", listed(strange), do)
    _check_given(node, inputs, opened)
    ways = ways_of(node)
    lstm = node.operation == "LSTM"
    gates = RECURRENT[node.operation]
    recurrent = _weights(node, inputs, 2, "R")
    units = recurrent.shape[-1]
    if node.attributes.get("hidden_size", units) != units:
        got = node.attributes["hidden_size"]
        raise format_error(f"hidden_size of {node.label}", f"be {units}, as R says", got, _ADVICE)
    weights = _weights(node, inputs, 1, "W")
    parts: dict[str, tuple[Floats, tuple[int, ...]]]
    parts = {"input": (weights, (gates * units, weights.shape[-1])), "recurrent": (recurrent, (gates * units, units))}
    if _has(inputs, 3):
        parts["bias"] = (_weights(node, inputs, 3, "B"), (2 * gates * units,))
    if lstm and _has(inputs, 7):
        parts["peephole"] = (_weights(node, inputs, 7, "P"), (3 * units,))
    for name, (array, shape) in parts.items():
        if array.shape != (len(ways), *shape):
            raise format_error(f"{name} of {node.label}", f"have shape {(len(ways), *shape)}", array.shape, _ADVICE)
    make = _MAKERS[node.operation]
    curves = list(_activations(node, len(ways)))
    cells = [make(node, {name: array[n] for name, (array, _) in parts.items()}, curves[n]) for n in range(len(ways))]
    named = dict(zip(("backward" if backward else "forward" for backward in ways), cells, strict=True))
    return Layer(**named)


def _lstm_cell(node: Node, parts: Mapping[str, Floats], curves: tuple[Activation, ...]) -> RecurrentCell:
    weights: dict[str, Any] = {
        name: parts[name].reshape(4, -1, parts[name].shape[-1])[_IFGO] for name in ("input", "recurrent")
    }
    bias = parts["bias"].reshape(2, 4, -1).sum(axis=0)[_IFGO] if "bias" in parts else None
    peephole = parts["peephole"].reshape(3, -1)[_IFO] if "peephole" in parts else None
    gate, candidate, hidden = curves
    cell = Cell(**weights, bias=bias, peephole=peephole, gate=gate, candidate=candidate, hidden=hidden)
    return _coupled(node, cell) if node.attributes.get("input_forget", 0) else cell


def _coupled(node: Node, cell: Cell) -> Cell:
    """Return a cell whose forget gate is 1 - i as one whose input gate is 1 - f, with f = s(-z_i)."""
    if cell.gate.complement != replace(cell.gate, slope=-cell.gate.slope):
        must, do = "have a gate with 1 - s(z) = s(-z) where input_forget is set", "train it with a sigmoid"
        raise unsupported(node.label, must, cell.gate, do)
    flipped: dict[str, Any] = {}
    for name in ("input", "recurrent", "bias", "peephole"):
        array = getattr(cell, name)
        if array is not None:  # i f g o to f g o, of the peepholes i f o to f o
            flipped[name] = np.concatenate([-array[:1], array[2:]])
    return replace(cell, **flipped, coupled=True)


def _gru_cell(node: Node, parts: Mapping[str, Floats], curves: tuple[Activation, ...]) -> RecurrentCell:
    inputs, recurrent = (parts[n].reshape(3, -1, parts[n].shape[-1])[_RZN] for n in ("input", "recurrent"))
    biases = list(parts["bias"].reshape(2, 3, -1)[:, _RZN]) if "bias" in parts else []
    after = bool(node.attributes.get("linear_before_reset", 0))
    if biases and not after:  # without a reset between them, the two biases of n are one
        biases = [biases[0] + biases[1]]
    made = gru(inputs, recurrent, *biases)
    return replace(made, reset_after=after, gate=curves[0], candidate=curves[1])


def _rnn_cell(node: Node, parts: Mapping[str, Floats], curves: tuple[Activation, ...]) -> RecurrentCell:
    bias = parts["bias"].reshape(2, 1, -1).sum(axis=0) if "bias" in parts else None
    return RNNCell(input=parts["input"][None], recurrent=parts["recurrent"][None], bias=bias, hidden=curves[0])


_WEIGHTS = MappingProxyType({1: "W", 2: "R", 3: "B", 7: "P"})
"""The inputs of a recurrent node that are weights."""

_MAKERS = MappingProxyType({"LSTM": _lstm_cell, "GRU": _gru_cell, "RNN": _rnn_cell})


def _has(inputs: Inputs, n: int) -> bool:
    return n < len(inputs) and inputs[n] is not None


def _check_given(node: Node, inputs: Inputs, opened: Callable[[Value], str]) -> None:
    """Raise `UnsupportedError` if weights are inputs of the graph and no numbers were given for them."""
    values = {name: inputs[n] for n, name in _WEIGHTS.items() if _has(inputs, n)}
    open_ones = {name: opened(value) for name, value in values.items() if value is not None}
    missing = {name: entry for name, entry in open_ones.items() if entry}
    if missing:
        got = ", ".join(f"the graph's input {entry[:80]!a} for {name}" for name, entry in missing.items())
        arrays = ", ".join(f"{entry[:80]!a}: ..." for entry in dict.fromkeys(missing.values()))
        do = f"give their numbers: load(path, weights={{{arrays}}})"
        raise unsupported(f"weights of {node.label}", "be numbers", got, do)


def _weights(node: Node, inputs: Inputs, n: int, name: str) -> Floats:
    value = inputs[n] if _has(inputs, n) else None
    if value is None or value.origin is not Origin.NUMBERS or value.array.dtype != np.float64:
        got = "none" if value is None else value.why or value.origin.value
        do = "export the model with its weights as constants"
        got = got if value is None or value.origin is not Origin.NUMBERS else f"numbers of {value.array.dtype}"
        raise unsupported(f"{name} of {node.label}", "be float numbers of the file", got, do)
    if value.array.ndim != (2 if name in "BP" else 3) or not value.array.size:
        must, got = "have an axis of directions and no empty one", f"shape {value.array.shape}"
        raise format_error(f"{name} of {node.label}", must, got, _ADVICE)
    return value.array


def _activations(node: Node, directions: int) -> Iterator[tuple[Activation, ...]]:
    """Yield the activations of each direction: gate, candidate and, for an LSTM, hidden; for an RNN only hidden."""
    presets = PRESETS[node.operation]
    names = [_text(word).lower() for word in node.attributes.get("activations", presets * directions)]
    if len(names) != len(presets) * directions:
        raise format_error(node.label, f"name {len(presets) * directions} activations", len(names), _ADVICE)
    alphas, betas = (iter(node.attributes.get(f"activation_{word}", ())) for word in ("alpha", "beta"))
    made = []
    for name in names:
        if name in SCALED:
            alpha, beta = (
                float(next(given, preset)) for given, preset in zip((alphas, betas), SCALED[name], strict=True)
            )
            curve = Curve.CLIP if name == "hardsigmoid" else LINEAR.curve
            made.append(Activation(curve=curve, slope=alpha, offset=beta))
        elif name in PLAIN:
            made.append(PLAIN[name])
        else:
            must = f"have activations among {', '.join((*PLAIN, *SCALED))}"
            raise unsupported(node.label, must, ascii(name[:40]), "train it with one of these")
    for n in range(directions):
        yield tuple(made[n * len(presets) : (n + 1) * len(presets)])


def _text(word: object) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
