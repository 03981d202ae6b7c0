"""`model_from_torch`: read a whole PyTorch module with a `forward` of its own as a model with the same outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from lstm_analog.arrays import Array, Floats, plain
from lstm_analog.errors import InvalidTypeError, InvalidValueError, LstmAnalogError, UnsupportedError, explain
from lstm_analog.model import Model
from lstm_analog.model.formats.chains import (
    NUMERIC,
    ChainAnswer,
    ObjectedError,
    Parts,
    answer_of,
    parts_of,
    same_models,
)
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.layers import Layer
from lstm_analog.model.steps import Embedding
from lstm_analog.torch.labelled import INSTEAD, Labelled, LabelledRun
from lstm_analog.torch.reading import PROBES as TRIED
from lstm_analog.torch.reading import SAME, advice_for, check_hooks, check_module, outputs_of, trace_of
from lstm_analog.torch.steps import labels_of
from lstm_analog.torch.tensors import array_of

PROBES = ((3, 2), (2, 41), (41, 2))
"""Sizes of the first axes of x for which `forward` is run on labels; the result must be the same model.

They differ in all axes, so that a number in the model cannot come from a size. The long ones detect a forward that
reads only the last few steps.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Traced:
    """The `parts` of a module, whether its input has time before batch, and the `key` of its output."""

    parts: Parts
    time_first: bool
    key: int | str | None


def model_from_torch(module: nn.Module, x: ArrayLike, *, output: int | str | None = None, name: str = "torch") -> Model:
    """Return a PyTorch `module` with numeric steps around its `nn.LSTM`, `nn.GRU` or `nn.RNN` as a whole model.

    The recurrent part can be compiled, the other steps stay numeric. A copy of the module is run in evaluation mode on
    labels instead of numbers, which shows what it does to any input; then on `x` and on made-up batches, for which the
    model must have the same outputs. The model takes (batch, time, features), or (batch, time) before an embedding,
    even if the module has another order of axes.

    Parameters
    ----------
    module : torch.nn.Module
        Embeddings, linear layers, scalings, activations, normalisations, dropout; recurrent modules; mean, largest
        value or last step over time. Other functions in its `forward` are refused by name.
    x : array or tensor
        A batch as the module takes it, whose axes and dtype are used; it is one of the batches tested.
    output : int, str or None
        The index or key of the output, if `forward` returns several in a tuple or a dict.
    name : str
        The name of the recurrent part.

    Raises
    ------
    UnsupportedError
        For an unsupported function, with its name and that of the inner module that calls it.
    InvalidTypeError
        If `module` is no module, or `x` no batch of numbers.
    """
    check_module(module)
    module = dict(module.named_children()).get("_orig_mod", module)  # of torch.compile
    check_hooks(module)
    array = plain(x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x, "x")
    if array.dtype.kind not in "iuf" or not 1 <= array.ndim <= 3 or not array.size:
        got, do = f"{array.dtype} of shape {array.shape}", "give a batch as the module takes it"
        raise InvalidTypeError(explain("x", must="be numbers with one to three axes", got=got, do=do))
    try:
        return _model_of(module, array, array.ndim > 2, output, name)
    except UnsupportedError as refusal:
        if array.ndim != 2 or array.dtype.kind != "f":
            raise
        try:  # (time, features)
            return _model_of(module, array, True, output, name)
        except UnsupportedError:
            raise refusal from None


def _model_of(module: nn.Module, x: Floats, vectors: bool, output: int | str | None, name: str) -> Model:
    """Return the model of `module`, whose input has `vectors` on its last axis, or is of single numbers."""
    what = f"module {type(module).__name__}"
    shapes = [(*(probe[: x.ndim - vectors]), *x.shape[x.ndim - vectors :]) for probe in PROBES]
    traced = [_traced(module, shape, x.dtype.kind != "f", vectors, output) for shape in shapes]
    models = [each.parts.model(name) for each in traced]
    if not all(same_models(models[0], other) for other in models[1:]):
        must, got = "compute the same of sequences of any number and length", "numbers that follow from these"
        raise unsupported(what, must, got, advice_for(module))
    _check_answers(module, models[0], x, vectors, traced[0])
    return models[0]


def _traced(
    module: nn.Module, shape: tuple[int, ...], whole: bool, vectors: bool, output: int | str | None
) -> "_Traced":
    """Return the parts of `module`, found by its forward on labels of this `shape`."""
    twin, trace = trace_of(module)
    what, do = f"module {type(module).__name__}", advice_for(module)
    try:
        with torch.no_grad():
            answer = twin(trace.opened(shape, whole=whole, vectors=vectors))
        key, chosen = _chosen(trace, answer, output)
        return _Traced(parts=parts_of(chosen), time_first=not trace.turned, key=key)
    except ObjectedError as error:
        objected, must, got = error.args
        raise unsupported(objected, must, got, do) from None
    except UnsupportedError as error:
        raise UnsupportedError(f"{what}: {str(error).removesuffix(INSTEAD)}{do}") from None
    except LstmAnalogError:
        raise
    except Exception as reason:  # noqa: BLE001 - it is the user's code, and what it says is told
        raise unsupported(what, f"take x of shape {shape}", f"{type(reason).__name__}: {reason}"[:160], do) from None


def _chosen(trace: LabelledRun, answer: Any, output: int | str | None) -> tuple[int | str | None, ChainAnswer]:
    """Return the key of the output among the entries of `answer`, what forward returned, and that output."""
    entries = _entries(answer)
    if output is not None and output not in entries:
        got, do = ascii(output)[:80], f"choose of {', '.join(map(repr, entries))}"
        raise InvalidValueError(explain("output", must="be an entry of what forward returns", got=got, do=do))
    wanted = entries if output is None else {output: entries[output]}
    found = {key: _read(trace, key, value) for key, value in wanted.items() if isinstance(value, Labelled)}
    read = {key: each for key, each in found.items() if each is not None}
    made = {key: each for key, each in read.items() if not isinstance(each.stream.made, Layer)}
    if len({(each.stream.number, each.reading) for each in made.values()}) > 1:
        got, do = ", ".join(map(repr, made)), f"choose one, output={next(iter(made))!r}"
        raise InvalidValueError(explain("answers of forward", must="be one, or be chosen", got=got, do=do))
    for key, each in (made or read).items():
        return key, each
    got = "another arrangement of one" if found else type(answer).__name__
    raise ObjectedError("the answer of forward", NUMERIC, got)


def _entries(answer: Any) -> Mapping[int | str | None, Any]:
    """Return the entries of `answer`, what forward returned, by key or index; the key of a single tensor is None."""
    if isinstance(answer, Mapping):
        return dict(answer)
    return dict(enumerate(answer)) if isinstance(answer, tuple | list) else {None: answer}


def _read(trace: LabelledRun, key: int | str | None, value: Any) -> ChainAnswer | None:
    label = "the answer of forward" if key is None else f"answer {key!r} of forward"
    return answer_of(trace.streams, label, labels_of(value))


def _check_answers(module: nn.Module, model: Model, x: Array, vectors: bool, traced: _Traced) -> None:
    """Raise if the outputs of `module` and `model` differ for `x` or for a made-up batch of the same kind."""
    for given in (x, *(_made_up(model, x, vectors, *sizes) for sizes in TRIED)):
        theirs, same = _answer(module, given, traced.key)
        fed = given.swapaxes(0, 1) if traced.time_first and given.ndim - vectors == 2 else given
        ours = model(fed if vectors or isinstance(next(iter(model.before), None), Embedding) else fed[..., None])
        ways = [theirs, theirs.swapaxes(0, 1)] if theirs.ndim > 1 else [theirs]
        apart = [_difference(way.reshape(ours.shape), ours) for way in ways if way.size == ours.size]
        most = same * abs(ours[np.isfinite(ours)]).max(initial=0.0)
        if not any(each <= most for each in apart):
            got = f"answers {min(apart):.2g} apart" if apart else f"an answer of shape {theirs.shape}"
            what, must = f"module {type(module).__name__}", "answer to x what the steps of its forward make"
            raise unsupported(what, must, got, advice_for(module))


def _difference(one: Floats, other: Floats) -> float:
    """Return the largest difference of two arrays; what is infinite or NaN in both is equal."""
    with np.errstate(invalid="ignore"):
        equal = (one == other) | (np.isnan(one) & np.isnan(other))
        return float(np.where(equal, 0.0, abs(one - other)).max())


def _made_up(model: Model, x: Array, vectors: bool, batch: int, steps: int, size: float) -> Array:
    """Return a batch of the axes and dtype of `x`, of numbers up to `size`, or of words in the embedding of `model`."""
    shape = (batch, steps)[2 - x.ndim + vectors :] + x.shape[x.ndim - vectors :]
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    first = next(iter(model.before), None)
    if isinstance(first, Embedding):
        return numbers * 7 % len(first.table)
    return numbers % 5 if x.dtype.kind != "f" else size * np.sin(numbers.astype(float))


def _answer(module: nn.Module, x: Array, key: int | str | None) -> tuple[Floats, float]:
    """Return the output `key` of `module` for `x` and its tolerance, in float64, or in float32 if that fails."""
    fed = torch.as_tensor(np.array(x))
    try:
        answer = _entries(outputs_of(module, fed, torch.float64))[key]
    except Exception:  # noqa: BLE001 - it is the user's code, and may begin at torch.zeros(...) or take x.float()
        answer = _entries(outputs_of(module, fed, torch.float32))[key]
    return array_of(answer), SAME.get(answer.dtype, SAME[torch.float32])
