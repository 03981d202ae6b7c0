"""Compute weights that a state dict holds parametrised: normalised, pruned, or under the names of a wrapper.

PyTorch computes such a weight before each forward; here it is computed once, by the same formula, as in evaluation:

    weight_norm      W = g v / |v|, the norm over all axes but that of g   (Salimans, Kingma, NeurIPS 2016)
    spectral_norm    W = V / (u' V v), with the u and v that were stored   (Miyato et al., ICLR 2018)
    pruning          W = mask V
"""

import re
from collections.abc import Mapping

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.tensor import Tensor, TensorMap

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of a path that `torch.compile` and others put before the name of the wrapped module."""

PARALLEL = "module."
"""The prefix of every name in an `nn.DataParallel`."""

_PARAMETRISED = re.compile(r"(?P<path>(?:.*\.)?)parametrizations\.(?P<name>[^.]+)\.(?P<part>.+)", re.DOTALL)
_SUFFIXED = re.compile(r"(?P<weight>.+)_(?P<part>g|v|u|orig|mask)", re.DOTALL)
_FORMS = (frozenset("gv"), frozenset(["orig", "u", "v"]), frozenset(["orig", "mask"]))
_NEW_PARTS = {"original0": "g", "original1": "v", "original": "orig", "0._u": "u", "0._v": "v"}
"""The parts of weight_norm and spectral_norm, by their names in `torch.nn.utils.parametrizations`."""


def plain(tensors: TensorMap) -> TensorMap:
    """Return `tensors` with the names and numbers that the weights have when a model runs.

    Raises `UnsupportedError` for a parametrisation whose formula is not known here.
    """
    named = _unwrapped(tensors)
    groups: dict[str, dict[str, Tensor]] = {}
    made: dict[str, Tensor] = {}
    for name, tensor in named.items():
        weight, part = _part_of(name)
        if part:
            groups.setdefault(weight, {})[part] = tensor
        made[name] = tensor
    for weight, parts in groups.items():
        computed = _computed(parts) if frozenset(parts) in _FORMS and weight not in named else None
        if computed is not None:
            for tensor in parts.values():
                del made[tensor.name]
            made[weight] = Tensor(name=weight, kind="float64", stored=computed)
    left = [name for name in made if _PARAMETRISED.fullmatch(name)]
    if left:
        must, do = "be of weight_norm or spectral_norm", "call parametrize.remove_parametrizations before saving"
        raise unsupported("parametrised weights", must, listed(left), do)
    return made


def _unwrapped(tensors: TensorMap) -> dict[str, Tensor]:
    parallel = bool(tensors) and all(name.startswith(PARALLEL) for name in tensors)
    named: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        parts = name.removeprefix(PARALLEL if parallel else "").split(".")
        short = ".".join(part for part in parts if part not in WRAPPERS)
        if short in named:
            do = "save the inner module's state_dict alone"
            raise format_error(tensor.label, "be there once", "it with and without wrapper", do)
        named[short] = Tensor(name=short, kind=tensor.kind, stored=tensor.stored)
    return named


def _part_of(name: str) -> tuple[str, str]:
    """Return the weight of which a tensor called `name` may be a part, and which part; or the name and ""."""
    new = _PARAMETRISED.fullmatch(name)
    if new is not None and new["part"] in _NEW_PARTS:
        return f"{new['path']}{new['name']}", _NEW_PARTS[new["part"]]
    old = _SUFFIXED.fullmatch(name)
    return (old["weight"], old["part"]) if old is not None and new is None else (name, "")


def _computed(parts: Mapping[str, Tensor]) -> Floats | None:
    """Return the weight computed from `parts`; None if their shapes do not fit each other."""
    numbers = {
        part: each.stored.astype(np.float64) if (part, each.kind) == ("mask", "bool") else each.numbers()
        for part, each in parts.items()
    }
    with np.errstate(all="ignore"):  # what is not finite is refused when it is read
        if "g" in numbers:
            return _normalised(numbers["g"], numbers["v"])
        original = numbers["orig"]
        if "mask" in numbers:
            return original * numbers["mask"] if numbers["mask"].shape == original.shape else None
        flat, u, v = original.reshape(len(original), -1), numbers["u"], numbers["v"]
        return original / (u @ flat @ v) if (u.shape, v.shape) == (flat.shape[:1], flat.shape[1:]) else None


def _normalised(g: Floats, v: Floats) -> Floats | None:
    """Return g v / |v|, with the norm over each axis along which `g` has one element, or over all axes."""
    if g.ndim not in (0, v.ndim) or any(size not in (1, full) for size, full in zip(g.shape, v.shape, strict=False)):
        return None
    over = tuple(axis for axis in range(v.ndim) if not g.ndim or g.shape[axis] == 1)
    made: Floats = g * v / np.sqrt((v * v).sum(axis=over, keepdims=True))
    return made
