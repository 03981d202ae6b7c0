"""Read recurrent modules by PyTorch's names: `weight_ih_l0 (4H, D)`, `weight_hh_l0 (4H, P)`, `bias_ih_l0 (4H,)`, ...

The rows of an LSTM are the gates i, f, g, o, those of a GRU r, z, n, H of each; a plain RNN has H rows. `_reverse` is
the backward direction, `weight_hr_l0 (P, H)` a projection; `nn.LSTMCell` and its siblings have the same names without
`_l0`. Names may begin with the path to the module: `encoder.lstm.weight_ih_l0`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.activations import TANH, Activation
from lstm_analog.model.formats.parametrised import plain
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.stacks import Only, Stack, alone, check_one, check_order, chosen
from lstm_analog.model.formats.tensor import DTYPES, FLOATS, Tensor, TensorMap
from lstm_analog.model.gates import Gate, GRUGate, RNNGate
from lstm_analog.model.layers import Head, Layer
from lstm_analog.model.weights import Cell, GRUCell, RecurrentCell, RNNCell

NAMES = re.compile(
    r"(?P<module>(?:.*\.)?)(?P<part>(?:weight|bias)_(?:ih|hh)|weight_hr)"
    r"(?:_l(?P<layer>0|[1-9][0-9]{0,5})(?P<reverse>_reverse)?)?",
    re.DOTALL,
)
LINEAR = re.compile(r"(?P<module>(?:.*\.)?)(?P<part>weight|bias)", re.DOTALL)
READ_OUTS = re.compile(
    r"(?:.*\.)?(?:head|fc|linear|dense|out|output|classifier|decoder|readout|regressor)_?[0-9]?", re.IGNORECASE
)
"""Names of a linear layer that follows the recurrent module."""

WEIGHTS = ("weight_ih", "weight_hh")
BIASES = ("bias_ih", "bias_hh")
KINDS = MappingProxyType({len(Gate): "LSTM", len(GRUGate): "GRU", len(RNNGate): "RNN"})
"""The kind of a module by its number of gates."""

TensorParts = Mapping[str, Tensor]
"""The tensors of one direction of one layer, by PyTorch's name without module and layer."""


@dataclass(frozen=True, kw_only=True)
class CellPlace:
    """A direction of a layer; a cell module is the forward direction of layer 0."""

    layer: int
    backward: bool

    def __str__(self) -> str:
        return f"layer {self.layer}{' reverse' if self.backward else ''}"


def stack_of(tensors: TensorMap, only: Only = None, hidden: Mapping[str, Activation] = MappingProxyType({})) -> Stack:
    """Return the layers and head in `tensors` by PyTorch's names.

    Without `only`, there must be one recurrent module and at most a linear layer that clearly follows it; whole
    numbers, such as counters, and tensors without elements are ignored. `hidden` has the activations of plain RNNs by
    module, if they are not tanh.

    Raises `FileFormatError` or `UnsupportedError` if a tensor is missing, extra or of another shape; the message names
    it.
    """
    named = plain(tensors)
    modules, rest = recurrent_modules(named)
    linears = _linears(named, rest)
    rest = [name for name in rest if _affects_outputs(named[name], linears)]
    if only is None:
        check_one(tuple(modules), lambda name: stack_of(tensors, name, hidden))
    names = tuple(modules) if only is None else chosen(tuple(modules), tuple(linears), only)
    if not names:
        _check_no_quantised(rest)
        must, do = "hold a recurrent module", "save weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..."
        raise format_error("tensors", must, listed(rest), do)
    stack = Stack(
        layers=tuple(
            layer for name in names if name in modules for layer in _layers(modules[name], hidden.get(name, TANH))
        )
    )
    if only is None:
        return replace(stack, head=_head_after(names[0], stack, linears, rest))
    heads = [name for name in names if name in linears and name not in modules]
    check_order(names, heads)
    return replace(stack, head=_head(linears[heads[0]]) if heads else None)


def recurrent_modules(tensors: TensorMap) -> tuple[dict[str, dict[CellPlace, TensorParts]], list[str]]:
    """Return the recurrent modules in `tensors` by the path to each, and the names of all other tensors."""
    modules: dict[str, dict[CellPlace, dict[str, Tensor]]] = {}
    rest = []
    for name, tensor in tensors.items():
        match = NAMES.fullmatch(name)
        if match is None:
            rest.append(name)
        else:
            place = CellPlace(layer=int(match["layer"] or 0), backward=match["reverse"] is not None)
            parts = modules.setdefault(match["module"].rstrip("."), {}).setdefault(place, {})
            if match["part"] in parts:
                raise format_error(tensor.label, "be there once", "an LSTM's and a cell's", "save one module a prefix")
            parts[match["part"]] = tensor
    return {name: dict(places) for name, places in modules.items()}, rest


def _affects_outputs(tensor: Tensor, linears: Mapping[str, TensorParts]) -> bool:
    """Return whether `tensor` may affect the outputs of a model.

    All do, except those that are no weight of `linears` and hold whole numbers or none.
    """
    idle = (tensor.kind in DTYPES and tensor.kind not in FLOATS) or not tensor.stored.size
    return not idle or any(tensor is part for parts in linears.values() for part in parts.values())


def _check_no_quantised(names: Iterable[str]) -> None:
    """Raise `UnsupportedError` if one of `names` shows a module that `quantize_dynamic` has packed."""
    packed = [name for name in names if "_all_weight_values." in name or "._packed_weight" in name]
    if packed:
        do = "save the state_dict of the module before it is quantised"
        raise unsupported("recurrent modules", "be float", f"quantised {listed(packed)}", do)


def _linears(tensors: TensorMap, names: Iterable[str]) -> dict[str, dict[str, Tensor]]:
    """Return possible linear layers among the tensors called `names`: a matrix `weight`, with or without a `bias`."""
    found: dict[str, dict[str, Tensor]] = {}
    for name in names:
        match = LINEAR.fullmatch(name)
        if match is not None:
            found.setdefault(match["module"].rstrip("."), {})[match["part"]] = tensors[name]
    return {name: parts for name, parts in found.items() if "weight" in parts and len(parts["weight"].shape) == 2}


def _head(parts: TensorParts) -> Head:
    return Head(weights=parts["weight"].numbers(), bias=parts["bias"].numbers() if "bias" in parts else None)


def _head_after(module: str, stack: Stack, linears: Mapping[str, TensorParts], rest: list[str]) -> Head | None:
    """Return the head if the other tensors are a linear layer that clearly follows `module`; raise for any others."""
    if not rest:
        return None
    fits = [
        name for name in linears if _follows(name, module) and linears[name]["weight"].shape[1] == stack.output_size
    ]
    if len(fits) == 1 and len(linears[fits[0]]) == len(rest):
        return _head(linears[fits[0]])
    must = "belong to the recurrent module or to a linear layer that clearly follows it"
    own = [name for name in rest if (name.startswith(f"{module}.") if module else "." not in name)]
    do = alone((module,), lambda name: stack)
    if any(linears[name]["weight"].shape[1] == stack.output_size for name in linears):
        do += ", or name after it the linear layer that reads it"
    if own:  # the module computes more than what is known here
        do = f"train one without {listed(own)}, whose meaning is not known here"
    raise format_error("tensors", must, listed(rest), do)


def _follows(linear: str, module: str) -> bool:
    """Return whether a `linear` layer follows `module` by its name: a later number in a Sequential, or a known name."""
    (outer, _, number), (other, _, first) = (name.rpartition(".") for name in (linear, module))
    if number.isdecimal() and first.isdecimal():
        return outer == other and int(number) > int(first)
    return READ_OUTS.fullmatch(linear) is not None


def _layers(places: Mapping[CellPlace, TensorParts], hidden: Activation) -> tuple[Layer, ...]:
    numbers = sorted({place.layer for place in places})
    if numbers != list(range(len(numbers))):
        raise format_error("layers", "be numbered from 0 without gaps", numbers[:20], "save every layer of the module")
    layers = []
    for number in numbers:
        ways = [CellPlace(layer=number, backward=backward) for backward in (False, True)]
        forward, backward = (_cell(way, places[way], hidden) if way in places else None for way in ways)
        if forward is None:
            raise format_error(f"layer {number}", "have a forward direction", "only a reverse", "save both directions")
        layers.append(Layer(forward=forward, backward=backward))
    return tuple(layers)


def _cell(place: CellPlace, parts: TensorParts, hidden: Activation) -> RecurrentCell:
    _check_complete(place, parts)
    kind = _kind(place, parts)
    _check_shapes(place, parts, kind)
    numbers = {part: tensor.numbers() for part, tensor in parts.items()}
    gates = numbers["weight_ih"].shape[0] // _units(parts)
    weights = {part: numbers[part].reshape(gates, -1, numbers[part].shape[1]) for part in WEIGHTS}
    biases = [numbers[part].reshape(gates, -1) for part in BIASES if part in numbers]
    if kind == "GRU":
        return gru(weights["weight_ih"], weights["weight_hh"], *biases)
    with np.errstate(over="ignore"):
        bias = biases[0] + biases[1] if biases else None
    if kind == "RNN":
        return RNNCell(input=weights["weight_ih"], recurrent=weights["weight_hh"], bias=bias, hidden=hidden)
    projection = numbers.get("weight_hr")
    return Cell(input=weights["weight_ih"], recurrent=weights["weight_hh"], bias=bias, projection=projection)


def gru(inputs: Floats, recurrent: Floats, bias: Floats | None = None, inner: Floats | None = None) -> GRUCell:
    """Return the cell with weights `inputs (3, H, D)`, `recurrent (3, H, H)` and PyTorch's two biases.

    `bias` and `inner` (3, H) are those of inputs and of h; the reset acts on `inner` of the gate n.
    """
    if bias is None or inner is None:
        return GRUCell(input=inputs, recurrent=recurrent, bias=bias)
    total = bias + inner
    total[GRUGate.NEW] = bias[GRUGate.NEW]
    return GRUCell(input=inputs, recurrent=recurrent, bias=total, recurrent_bias=inner[GRUGate.NEW])


def _units(parts: TensorParts) -> int:
    """Return the number of units H, the columns of the projection or of the recurrent weights."""
    return parts["weight_hr" if "weight_hr" in parts else "weight_hh"].shape[-1]


def _check_complete(place: CellPlace, parts: TensorParts) -> None:
    for tensor in parts.values():
        tensor.check_float()
    for group in (WEIGHTS, BIASES):
        missing = [part for part in group if part not in parts]
        if missing and (len(missing) == 1 or group is WEIGHTS):
            must, got = f"have both {group[0]} and {group[1]}", f"no {' and no '.join(missing)}"
            raise format_error(str(place), must, got, "save the whole state_dict")
    for part, tensor in parts.items():
        axes = 1 if part in BIASES else 2
        if len(tensor.shape) != axes or not tensor.stored.size:
            must, do = f"have {'one axis' if axes == 1 else 'two axes'} and no empty one", "save the weights as trained"
            raise format_error(tensor.label, must, f"shape {tensor.shape}", do)


def _kind(place: CellPlace, parts: TensorParts) -> str:
    rows, units = parts["weight_hh"].shape[0], _units(parts)
    kind = KINDS.get(rows // units, "") if rows % units == 0 else ""
    if not kind or (kind != "LSTM" and "weight_hr" in parts):
        what, must = f"weight_hh of {place}", "have 4 rows a unit (LSTM), 3 (GRU) or 1 (RNN)"
        raise format_error(what, must, f"{rows} rows of {units} units", "check which module it belongs to")
    return kind


def _check_shapes(place: CellPlace, parts: TensorParts, kind: str) -> None:
    rows, outputs = parts["weight_hh"].shape
    units = _units(parts)
    shapes = {"weight_ih": (rows, parts["weight_ih"].shape[1]), "bias_ih": (rows,), "bias_hh": (rows,)}
    for part, shape in (shapes | {"weight_hr": (outputs, units)}).items():
        if part in parts and parts[part].shape != shape:
            got, do = f"shape {parts[part].shape}", f"weight_hh says {kind} of {units} units; check whose it is"
            raise format_error(f"{part} of {place}", f"have shape {shape}", got, do)
