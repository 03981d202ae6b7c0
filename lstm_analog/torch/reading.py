"""`from_torch`: read the weights of a PyTorch module, and check that its forward computes what they say."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidTypeError, LstmAnalogError, explain
from lstm_analog.model import LSTM, RELU
from lstm_analog.model.formats.parametrised import PARALLEL, WRAPPERS, plain
from lstm_analog.model.formats.refusals import listed, unsupported
from lstm_analog.model.formats.stacks import Only, Stack, alone
from lstm_analog.model.formats.state_dict import recurrent_modules, stack_of
from lstm_analog.model.layers import Layer
from lstm_analog.torch.labelled import LabelledRun
from lstm_analog.torch.steps import STEPS
from lstm_analog.torch.tensors import array_of, tensors_of

HARMLESS = (*(nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell), nn.Linear, nn.Identity, nn.Dropout)
"""Modules that a machine computes, or that do nothing after training; subclasses are not included."""

COMPUTING = (BasePruningMethod, SpectralNorm, WeightNorm)
"""Forward hooks that compute a weight from others in the state dict, as `formats.parametrised` does."""

PROBES = ((2, 5, 1.0), (3, 23, 40.0))
"""Batch, time and largest number of the inputs with which a module is tested: short and small, long and large."""

SAME = MappingProxyType({torch.float64: 1e-9, torch.float32: 1e-4})
"""Largest difference of an output of this dtype from that of the weights in float64, relative to its largest number.

Sums in float32 are rounded by 6e-8, which five steps of an LSTM magnify to 1e-6, to 3e-5 with 30 times the weights that
PyTorch begins with (two layers of up to 256 units, measured).
"""


def from_torch(module: nn.Module, *, only: Only = None, name: str = "torch") -> LSTM:
    """Return the LSTM, GRU or stack of them in a PyTorch `module`, in float64.

    It takes `x` (batch, time, inputs), whatever the module's `batch_first` is. A copy of a module with a `forward` of
    its own is run on a made-up batch, in float64, or in float32 if its `forward` only accepts that: its output must be
    that of its weights, at every step or at the last, so that no other computation is lost.

    Parameters
    ----------
    module : torch.nn.Module
        An `nn.LSTM`, `nn.GRU`, `nn.RNN`, a cell of these, or a module that holds one, perhaps with the `nn.Linear`
        that follows it.
    only : str, sequence of str or None
        As in `load`: the names of the inner modules to take, in the order in which they follow each other.
    name : str
        The name of the LSTM.

    Raises
    ------
    FileFormatError, UnsupportedError
        If it holds several recurrent modules or unsupported ones, has forward hooks, or computes something else; the
        message names them.
    """
    check_module(module)
    if only is not None:
        return _named(module, only, advice_for).lstm(name)
    tensors = tensors_of(module)
    modules = list(_modules(module))
    outer = [each for each in modules if len(list(_modules(each))) > 1]
    _check_kinds(module, [each for each in modules if each not in outer], advice_for)
    check_hooks(module)
    lstm = stack_of(tensors, None, rectified(module)).lstm(name)
    known = all(type(each).forward in (nn.Module.forward, nn.Sequential.forward) for each in outer)
    return lstm if known else _read_as(module, lstm)


def check_module(module: nn.Module) -> None:
    """Raise `InvalidTypeError` unless `module` is an `nn.Module`, `UnsupportedError` if it is scripted or traced."""
    if not isinstance(module, nn.Module):
        do = "give an nn.LSTM or a module that holds one"
        raise InvalidTypeError(explain("module", must="be an nn.Module", got=type(module).__name__, do=do))
    if isinstance(module, torch.jit.ScriptModule):
        got, do = "a scripted or traced one", "give the module that it was made of"
        raise unsupported("module", "be one of Python", got, do)


def _named(module: nn.Module, only: str | Sequence[str], advice: Callable[[nn.Module], str]) -> Stack:
    """Return the stack of the inner modules that `only` names; raise with `advice` if one is not of `HARMLESS`."""
    stack = stack_of(tensors_of(module), only, rectified(module))
    inner = {short(module, name): part for name, part in module.named_modules()}
    parts = [inner.get(name, module) for name in ((only,) if isinstance(only, str) else only)]
    _check_kinds(module, parts, advice)
    for part in parts:
        check_hooks(part)
    return stack


def _modules(module: nn.Module) -> Iterator[nn.Module]:
    """Yield `module` and all modules inside it, but for those that compute weights."""
    yield module
    for name, each in module.named_children():
        if name != "parametrizations":
            yield from _modules(each)


def short(module: nn.Module, name: str) -> str:
    """Return the `name` of an inner module of `module` as in `only`: without the prefixes of wrappers."""
    bare = f"{name}.".removeprefix(PARALLEL if type(module) is nn.DataParallel else "")
    return ".".join(part for part in bare.split(".") if part and part not in WRAPPERS)


def rectified(module: nn.Module) -> dict[str, Any]:
    """Return RELU by name for each plain RNN in `module` with that activation."""
    rnns = (nn.RNN, nn.RNNCell)
    parts = [(name, part) for name, part in module.named_modules() if isinstance(part, rnns)]
    return {short(module, name): RELU for name, part in parts if part.nonlinearity == "relu"}


def advice_for(module: nn.Module) -> str:
    """Return the advice to read one of the recurrent parts of `module` alone, or its weights alone."""
    tensors = tensors_of(module)
    try:
        modules, _ = recurrent_modules(plain(tensors))
    except LstmAnalogError:
        modules = {}
    if not modules:
        return "give a module that holds an nn.LSTM, nn.GRU or nn.RNN"
    inner = {short(module, name): type_before_parametrizations(part) for name, part in module.named_modules()}
    own = {name for name in modules if inner.get(name) in HARMLESS}
    if own:
        return f"{alone(own, lambda name: _named(module, name, lambda _: ''))}, and do the rest yourself"
    part = alone(modules, lambda name: stack_of(tensors, name))
    return f"save its state_dict, of that file {part}, and do yourself what its forward adds"


def _check_kinds(module: nn.Module, parts: Sequence[nn.Module], advice: Callable[[nn.Module], str]) -> None:
    kinds = map(type_before_parametrizations, parts)
    strange = sorted({kind.__name__ for kind in kinds if kind not in HARMLESS})
    if strange:
        must = "be an LSTM or GRU with at most a Linear layer after it"
        raise unsupported(f"module {type(module).__name__}", must, listed(strange), advice(module))


def check_hooks(module: nn.Module) -> None:
    """Raise `UnsupportedError` if `module` has forward hooks other than `COMPUTING`: they may change its outputs."""
    for name, part in module.named_modules():
        hooks = (*part._forward_pre_hooks.values(), *part._forward_hooks.values())  # noqa: SLF001 - told nowhere else
        count = sum(not isinstance(hook, COMPUTING) for hook in hooks)
        if count:
            do = "call remove() of what register_forward_hook returned, and do yourself what it did"
            what = ".".join(filter(None, (f"module {type(module).__name__}", name)))
            raise unsupported(what, "have no forward hooks", count, do)


def _read_as(module: nn.Module, lstm: LSTM) -> LSTM:
    """Return `lstm` with its head at every step or the last, as in the forward of `module`; refuse other forwards."""
    readings = [(lstm, False), (lstm, True)]
    if lstm.head is not None:
        readings = [(replace(lstm, head=replace(lstm.head, final=last)), last) for last in (False, True)]
    reasons: list[str] = []
    for turned in (False, True):
        left = readings
        for batch, steps, size in PROBES:
            x = size * np.sin(np.arange(float(batch * steps * lstm.input_size))).reshape(batch, steps, -1)
            left = _agreeing(module, left, x, turned, reasons)
        if left and not _rearranges(module, (*((41, 2) if turned else (2, 41)), lstm.input_size)):
            return left[0][0]
        reasons += ["one that reads other steps of longer ones"] if left else []
    must = f"answer to x (batch, time, {lstm.input_size}) what its LSTM or GRU and its Linear layer do, and no more"
    raise unsupported(f"module {type(module).__name__}", must, reasons[0], advice_for(module))


def _rearranges(module: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Return whether a recurrent part of `module` reads an input of this `shape` in other steps or another order."""
    twin, trace = trace_of(module)
    try:
        with torch.no_grad():
            twin(trace.opened(shape, whole=False, vectors=True))
    except Exception:  # noqa: BLE001 - what cannot be seen so was tried with numbers
        return trace.rearranged
    return trace.rearranged


def trace_of(module: nn.Module) -> tuple[nn.Module, LabelledRun]:
    """Return a copy of `module` in evaluation mode, and the run on labels to which its functions are passed."""
    twin = deepcopy(module).to(device="cpu", dtype=torch.float64).eval()
    tensors, rectifying, found = tensors_of(module), rectified(module), dict[str, Sequence[Layer]]()

    def layers(name: str) -> Sequence[Layer]:
        if name not in found:
            found[name] = stack_of(tensors, short(module, name), rectifying).layers
        return found[name]

    trace = LabelledRun(layers, STEPS)
    for inner, part in twin.named_modules():
        part.register_forward_pre_hook(lambda part, args, inner=inner: trace.path.append(inner))
        part.register_forward_hook(lambda part, args, answer: trace.left())
    return twin, trace


def _agreeing(
    module: nn.Module, readings: Sequence[tuple[LSTM, bool]], x: Floats, turned: bool, reasons: list[str]
) -> list[tuple[LSTM, bool]]:
    """Return those of the `readings` whose output for `x` is that of `module`; if none, append to `reasons` why."""
    if not readings:
        return []
    try:
        answer, same = _answer(module, x, turned)
    except Exception as reason:  # noqa: BLE001 - it is the user's code, and what it says is told
        reasons.append(f"{type(reason).__name__}: {reason}"[:120])
        return []
    expected = [(reading, _expected(*reading, x)) for reading in readings]
    fits = [(reading, each) for reading, each in expected if each.size == answer.size]
    apart = [float(np.abs(answer.reshape(each.shape) - each).max()) for _, each in fits]
    right = [fit[0] for fit, error in zip(fits, apart, strict=True) if error <= same * float(np.abs(fit[1]).max())]
    if not right:
        reasons += [f"answers {error:.2g} apart" for error in apart] or [f"an answer of shape {answer.shape}"]
    return right


def _expected(lstm: LSTM, last: bool, x: Floats) -> Floats:
    """Return the output of a module with the weights of `lstm` for `x`, at every step or only at the `last`."""
    outputs = lstm(x)
    if outputs.y is not None:
        return outputs.y
    return np.concatenate(outputs.state.h[-len(lstm.layers[-1].cells) :], axis=-1) if last else outputs.h


def _answer(module: nn.Module, x: Floats, turned: bool) -> tuple[Floats, float]:
    """Return the output of `module` for `x` (batch, time, ...), and its tolerance by `SAME`.

    If `turned`, the first two axes of its input and output are swapped.
    """
    fed = torch.as_tensor(x.swapaxes(0, 1) if turned else x)
    try:
        answer = outputs_of(module, fed, torch.float64)
    except Exception:  # it is the user's code
        if all(each.dtype == torch.float64 for each in module.parameters()):
            raise
        answer = outputs_of(module, fed, torch.float32)  # it may begin at torch.zeros(...), or take x.float()
    answer = answer[0] if isinstance(answer, tuple) else answer
    array = array_of(answer)
    same = SAME.get(answer.dtype, SAME[torch.float32])
    return array.swapaxes(0, 1) if turned and array.shape[:2] == x.shape[1::-1] else array, same


def outputs_of(module: nn.Module, x: Any, kind: Any) -> Any:
    """Return what a copy of `module` in evaluation mode answers to `x`, floats in the dtype `kind`."""
    twin = deepcopy(module).to(device="cpu", dtype=kind).eval()
    with torch.no_grad():
        return twin(x.to(kind) if x.is_floating_point() else x)
