"""`finetune`: train a PyTorch module on with the errors of devices in its weights, so that machines tolerate them."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from lstm_analog.doors import checked
from lstm_analog.errors import InvalidTypeError, InvalidValueError, SimulationError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.base import check_range
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.torch.devices import WeightBank, check_of_devices, errors_in, weight_banks
from lstm_analog.torch.reading import check_module

EPOCHS = 40
"""Passes over the loader; more of them: slower and a little better, `benchmarks/finetuning.py`."""

RATE = 6e-3
"""The learning rate of Adam at the beginning; it falls to zero along a cosine. Half of it does as well there."""

CLIP = 2.0
"""Standard deviations of a bank at which its weights are clipped, or means if these are larger.

Errors are shares of Gmax, so a few large weights make all others inaccurate. Smaller: less error, less freedom; larger:
the worst chips are lost, `benchmarks/finetuning.py`. Below 1.73, that of an even distribution, each step clips again.
"""

DISTILLATION = 1.0
"""Weight of the distance to the outputs of the clean model, beside a weight of 1 of the loss; 3 does as well there."""

_MOST_EPOCHS = 1_000_000
_MOST_SEED = 2**63 - 1

Loss = Callable[[Any, Any], Any]
"""Function from the output of a module and the targets of a batch to a scalar tensor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Finetuning:
    """What `finetune` was asked for, with the copy `module` that it trains, its `banks` and the `clean` copy."""

    module: Any
    clean: Any
    banks: tuple[WeightBank, ...]
    imperfections: object
    loss: Loss
    clip: float
    distillation: float


@checked
def finetune(
    module: nn.Module,
    loader: Iterable[Any],
    imperfections: object,
    *,
    loss: Loss,
    seed: int,
    epochs: int = EPOCHS,
    rate: float = RATE,
    clip: float = CLIP,
    distillation: float = DISTILLATION,
    only: Sequence[str] | None = None,
) -> nn.Module:
    """Return a copy of a trained `module` that was trained on with `imperfections` in its weights.

    Each batch sees the weights of another chip: the devices of each bank err as `imperfections.apply` makes them err,
    and the gradient at these weights changes those without errors (straight through). Then the weights of each bank
    are clipped. What changes from step to step in a run, such as `ReadNoise`, is held here for a whole sequence. The
    outputs of the `module` as given, in evaluation mode, are a second target (distillation). The weights returned are
    those to program, read by `from_torch` and `model_from_torch`.

    It is reproducible by `seed` on the CPU, and touches neither the `module` nor the state of PyTorch's random numbers.
    No chip that a machine draws is one of these, whatever its seed.

    Parameters
    ----------
    module : torch.nn.Module
        A trained module on the CPU that holds an `nn.LSTM`, `nn.GRU`, `nn.RNN` or their cells.
    loader : iterable of (x, targets)
        Batches of training data, such as a `DataLoader`; gone through in each epoch. The module is called with x.
    imperfections : record, preset or tuple of them
        Those of devices, `torch.devices.OF_DEVICES`; others are refused by name.
    loss : function
        Returns the loss, a scalar tensor, for the output of the module and the targets of a batch. Of an output that
        is a tuple, the first entry counts.
    seed : int
        Seed of the chips, and of PyTorch where the loader or the module draw from it.
    epochs : int
        Passes over the `loader`.
    rate : float
        Learning rate of Adam at the beginning.
    clip : float
        Standard deviations of its bank at which a weight is clipped, or sizes of its mean, if that is larger; infinity
        for no clipping.
    distillation : float
        Weight of the mean squared difference from the outputs of the clean module, relative to their mean square;
        beside it the loss has the weight 1.
    only : sequence of str, optional
        Names of the inner modules that are devices of the machine; all recurrent and linear ones unless given. Others
        stay numeric, as those around the recurrent part of `model_from_torch`, and have no errors. They are trained,
        too.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        For an argument of the wrong kind or out of range, a loader without batches, or a loss that is no scalar.
    SimulationError
        If the loss becomes infinite or not a number.
    UnsupportedError
        For an imperfection that is not one of devices, a module that is not on the CPU or frozen, an inner module of a
        kind that no machine is built of, or an output that is no tensor.
    FileFormatError
        If no weight of the module is a device.
    """
    check_module(module)
    check_of_devices(imperfections)
    _check_numbers(epochs, rate, clip, distillation, seed)
    _check_parameters(module)
    weight_banks(module, only)  # raises, before a copy does, if weights are computed
    tuned = deepcopy(module)
    tuning = _Finetuning(
        module=tuned,
        clean=deepcopy(module).eval(),
        banks=weight_banks(tuned, only),
        imperfections=imperfections,
        loss=loss,
        clip=clip,
        distillation=distillation,
    )
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(seed)
        _train(tuning, loader, Streams(seed=seed), epochs, rate)
    for each, given in zip(tuned.modules(), module.modules(), strict=True):
        each.training = given.training
    return tuned


def _train(tuning: _Finetuning, loader: Iterable[Any], streams: Streams, epochs: int, rate: float) -> None:
    """Train the module of `tuning`, each batch with the errors of the next chip of `streams`."""
    tuning.module.train()
    parameters = [each for each in tuning.module.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        before = streams.first
        for pair in loader:
            optimizer.zero_grad()
            _add_gradient(tuning, _pair(pair), streams)
            optimizer.step()
            for bank in tuning.banks:
                bank.clip(tuning.clip)
            streams = replace(streams, first=streams.first + 1)
        if streams.first == before:
            do = "give a DataLoader or a list, which can be gone through again"
            raise InvalidValueError(explain("loader", must="give batches in each epoch", got="none", do=do))
        schedule.step()


def _add_gradient(tuning: _Finetuning, pair: tuple[Any, Any], streams: Streams) -> None:
    """Add the gradient of the loss of a batch, a `pair` of x and targets, at weights with errors from `streams`."""
    x, targets = pair
    with errors_in(tuning.banks, tuning.imperfections, streams):
        answer = _answer(tuning.module(x))
        loss = tuning.loss(answer, targets)
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            got, do = ascii(loss)[:80], "give a function such as torch.nn.functional.cross_entropy"
            raise InvalidTypeError(explain("loss", must="return a scalar tensor", got=got, do=do))
        if tuning.distillation:
            loss = loss + tuning.distillation * _distance(answer, tuning.clean, x)
        if not torch.isfinite(loss):
            raise SimulationError(explain("loss", must="be finite", got=loss.item(), do="lower rate or imperfections"))
        loss.backward()


def _distance(answer: Any, clean: Any, x: Any) -> Any:
    """Return the mean squared difference of `answer` from that of the `clean` module to `x`, by its mean square."""
    with torch.no_grad():
        target = _answer(clean(x))
    return nn.functional.mse_loss(answer, target) / target.square().mean().clamp(min=torch.finfo(target.dtype).tiny)


def _answer(answer: Any) -> Any:
    """Return the tensor in what a forward returned: itself, or its first entry."""
    found = answer[0] if isinstance(answer, tuple) else answer
    if not isinstance(found, torch.Tensor):
        do = "wrap the module in one whose forward returns the output"
        raise unsupported("output of module", "be a tensor", type(found).__name__, do)
    return found


def _pair(pair: Any) -> tuple[Any, Any]:
    """Return x and targets of a batch; raise unless it is such a `pair`."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        got = f"{len(pair)} entries" if isinstance(pair, tuple | list) else type(pair).__name__
        raise InvalidTypeError(explain("batches of loader", must="be (x, targets)", got=got, do="wrap the loader"))
    return pair[0], pair[1]


def _check_parameters(module: nn.Module) -> None:
    if not any(each.requires_grad for each in module.parameters()):
        raise unsupported("parameters of module", "require gradients", "none that does", "call requires_grad_() on it")
    places = sorted({str(each.device) for each in module.parameters()} - {"cpu"})
    if places:
        raise unsupported("module", "be on the CPU", ", ".join(places), "call cpu() on it")


def _check_numbers(epochs: int, rate: float, clip: float, distillation: float, seed: int) -> None:
    """Raise `InvalidValueError` unless all arguments of `finetune` that are numbers are in range."""
    check_range("seed", seed, 0, _MOST_SEED, "give a whole number")
    check_range("epochs", epochs, 1, _MOST_EPOCHS, "count passes over the loader")
    check_range("distillation", distillation, 0.0, np.inf, "give a weight, 0 for no distillation")
    for name, value, most in (("rate", rate, "and finite"), ("clip", clip, "or infinite")):
        if not value > 0.0 or (name == "rate" and value == np.inf):
            raise InvalidValueError(explain(name, must=f"be positive {most}", got=value, do="leave it at its default"))
