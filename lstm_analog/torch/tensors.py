"""Convert PyTorch's tensors for the readers of files, and refuse those without plain numbers by name."""

from typing import Any

import torch
from torch import nn

from lstm_analog.arrays import Floats
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.formats.tensor import Tensor, TensorMap


def tensors_of(module: nn.Module) -> TensorMap:
    """Return the tensors in the state dict of `module` by name, as float64 or int64.

    Raises `UnsupportedError` for a tensor that is quantised, complex, sparse or without numbers.
    """
    state = module.state_dict()
    for key, value in state.items():
        _check(key, value)
    kinds = {key: "float64" if value.is_floating_point() else "int64" for key, value in state.items()}
    return {key: Tensor(name=key, kind=kinds[key], stored=array_of(value)) for key, value in state.items()}


def array_of(value: Any) -> Floats:
    """Return the numbers of the tensor `value` in float64."""
    array: Floats = value.detach().to(dtype=torch.float64, device="cpu").numpy()
    return array


def _check(key: str, value: Any) -> None:
    what = f"tensor {key[:80]!a}"
    if not isinstance(value, torch.Tensor) or value.is_quantized:
        got = value.dtype if isinstance(value, torch.Tensor) else "one packed by quantisation"
        raise unsupported(what, "be float", got, "give the module before it is quantised")
    if value.is_complex():
        raise unsupported(what, "be real", value.dtype, "train it with real numbers")
    if value.is_meta or nn.parameter.is_lazy(value):
        do = "load its weights before" if value.is_meta else "call the module once before"
        raise unsupported(what, "have numbers", "none yet", do)
    if value.layout is not torch.strided:
        raise unsupported(what, "be dense", value.layout, "call to_dense() on it")
