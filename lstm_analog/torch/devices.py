"""The weights of a PyTorch module as the devices of a machine, and the errors that imperfections make of them.

Imperfections act through `imperfections.apply` on a network of these devices alone, so each law stands in its own
module and nowhere here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections import (
    AtStep,
    DeviceSpread,
    Drift,
    Flicker,
    MeasuredDevices,
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
    ProgrammingError,
    Quantisation,
    ReadNoise,
    Streams,
    StuckDevices,
    VerifiedProgramming,
    apply,
)
from lstm_analog.imperfections.applying import records_in
from lstm_analog.imperfections.order import ORDER
from lstm_analog.model.formats.refusals import format_error, unsupported
from lstm_analog.model.formats.state_dict import LINEAR, NAMES
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.parts import Transconductors
from lstm_analog.network.varying import IN_TIME
from lstm_analog.torch.reading import short
from lstm_analog.torch.tensors import array_of

OF_DEVICES: tuple[type, ...] = (
    *(Quantisation, MeasuredDevices, PhaseChangeProgramming, VerifiedProgramming, ProgrammingError, DeviceSpread),
    StuckDevices,
    *(Drift, PhaseChangeDrift, ReadNoise, PhaseChangeReadNoise, Flicker),
)
"""Kinds of imperfection whose effect is a function of the weights alone."""

_ONE_READING = AtStep(number=0, step_time=1.0)
"""Holds what fluctuates from step to step as it is in the first; that step's length (s) then has no effect."""

Column = tuple[Any, ...]
"""Tensors (m,) or (m, n), one or several, whose sum is one or more columns of a bank; a device holds the sum."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightBank:
    """Weights that are the devices of one bank of a machine, and so share its Gmax.

    `columns` are the columns of the bank, views of the parameters of a module: a change of them changes the module.
    `trained` is whether any of these is.
    """

    columns: tuple[Column, ...]
    trained: bool

    @property
    def weights(self) -> Any:
        """The weights as a tensor (m, n), a copy."""
        return torch.cat([_two_axes(sum(column)) for column in self.columns], dim=1)

    def change(self, weights: Any) -> None:
        """Give the bank these `weights` (m, n); of a sum of two biases, the first takes the difference."""
        differences = (weights - self.weights).split([_two_axes(column[0]).shape[1] for column in self.columns], dim=1)
        for (first, *_), difference in zip(self.columns, differences, strict=True):
            first.add_(difference.reshape(first.shape))

    def clip(self, deviations: float) -> None:
        """Clip the weights at so many standard `deviations` of their bank, to either side of zero, if it is trained.

        Weights that are much alike, as in a bank of one, are clipped at so many times the size of their mean instead,
        or they would end at zero.
        """
        if not self.trained or deviations == np.inf:
            return
        weights = self.weights
        limit = deviations * max(float(weights.std(unbiased=False)), abs(float(weights.mean())))
        self.change(weights.clamp(-limit, limit))


def weight_banks(module: nn.Module, only: Sequence[str] | None) -> tuple[WeightBank, ...]:
    """Return the banks that the recurrent modules and linear layers in `module` are on a machine.

    `only` are the names of the inner modules that are on it, all recurrent and linear ones if None.

    Raises `InvalidValueError` if there is no inner module of such a name, `UnsupportedError` if one of them is of a
    kind that no machine is built of, or its weights are computed from others, `FileFormatError` if there are none.
    """
    inner = {short(module, name): part for name, part in module.named_modules()}
    for name in only or ():
        if name not in inner:
            do = f"choose of {', '.join(map(repr, filter(None, inner)))}"
            raise InvalidValueError(explain("only", must="name inner modules", got=repr(name)[:80], do=do))
    kinds = (nn.RNNBase, nn.RNNCellBase, nn.Linear)
    chosen = only if only is not None else [name for name, part in inner.items() if isinstance(part, kinds)]
    banks = tuple(bank for name in chosen for bank in _banks(name, inner[name]))
    if not banks:
        do = "give a module that holds an nn.LSTM, nn.GRU or nn.RNN"
        raise format_error("module", "have weights that are devices", "none", do)
    return banks


def check_of_devices(imperfections: object) -> None:
    """Raise `UnsupportedError` for one of `imperfections` whose effect is not a function of the weights alone.

    Kinds that users have registered are left to their own `alter`.
    """
    for record in records_in(imperfections):
        if type(record) in ORDER and type(record) not in OF_DEVICES:
            do = "leave it out here, and judge the machine with it"
            must = f"act on the weights alone: {', '.join(kind.__name__ for kind in OF_DEVICES)}"
            raise unsupported("imperfection in training", must, type(record).__name__, do)


def erring_weights(weights: Sequence[Floats], imperfections: object, streams: Streams) -> list[Floats]:
    """Return the `weights` (m, n) of each bank as `imperfections` drawn from `streams` make them.

    What changes from step to step is that of one step. The names of these banks are not those of a machine, so no
    machine draws the same numbers, whatever its seed.
    """
    parts = (
        Transconductors(
            label=f"finetuned_{number}",
            inputs=np.arange(each.shape[1]),
            rows=np.arange(each.shape[0]),
            transconductance=each,
        )
        for number, each in enumerate(weights)
    )
    network = Network(domain=ELECTRICAL, unknowns=Unknowns(groups=()), parts=tuple(parts), lines=(), provenance=())
    network = apply(imperfections, network, streams)
    if network.said(IN_TIME):
        network = apply(_ONE_READING, network, streams)
    return [part.transconductance for part in network.parts if isinstance(part, Transconductors)]


@contextmanager
def errors_in(banks: Sequence[WeightBank], imperfections: object, streams: Streams) -> Iterator[None]:
    """Give the devices of `banks` the errors that `imperfections` drawn from `streams` make, and take them away after.

    The weights are then what they were, to the last bit.
    """
    kept = [(first, first.clone()) for bank in banks for first, *_ in bank.columns]
    erring = erring_weights([array_of(bank.weights) for bank in banks], imperfections, streams)
    try:
        for bank, weights in zip(banks, erring, strict=True):
            bank.change(torch.tensor(weights))
        yield
    finally:
        for first, before in kept:
            first.copy_(before)


def _banks(name: str, part: Any) -> Iterator[WeightBank]:
    """Yield the banks of `part`, an inner module called `name`."""
    if type(part) is nn.Linear:
        yield _bank(_plain_weights(name, part), [("weight",), ("bias",)])
    elif type(part) in (nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell):
        weights = _plain_weights(name, part)
        for end in sorted({key.removeprefix("weight_ih") for key in weights if key.startswith("weight_ih")}):
            yield from _direction(weights, end, gru=isinstance(part, nn.GRU | nn.GRUCell))
    else:
        must = "be an nn.LSTM, nn.GRU, nn.RNN, a cell of these or an nn.Linear, to be devices of a machine"
        raise unsupported(f"module {name!r}", must, type(part).__name__, "name those that are in only=")


def _direction(weights: Mapping[str, Any], end: str, *, gru: bool) -> Iterator[WeightBank]:
    """Yield the banks of one direction of a layer, the names of whose `weights` end in `end`.

    They are those of `compiler.cells`: of a `gru`, what the reset gate multiplies has a bank of its own.
    """
    inputs, recurrent, bias, inner = (f"{name}{end}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    whole = [(inputs,), (recurrent,), (bias, inner)]
    if gru:
        first = 2 * weights[recurrent].shape[1]
        yield _bank(weights, whole, slice(first))
        yield _bank(weights, [(recurrent,), (inner,)], slice(first, None))
        yield _bank(weights, [(inputs,), (bias,)], slice(first, None))
        return
    yield _bank(weights, whole)
    if f"weight_hr{end}" in weights:
        yield _bank(weights, [(f"weight_hr{end}",)])


def _bank(weights: Mapping[str, Any], columns: Sequence[tuple[str, ...]], rows: slice = slice(None)) -> WeightBank:
    """Return the bank of these `rows` of the `weights` that its `columns` name; a bias may be missing."""
    named = [each for each in columns if each[0] in weights]
    return WeightBank(
        columns=tuple(tuple(weights[name].detach()[rows] for name in each) for each in named),
        trained=any(weights[name].requires_grad for each in named for name in each),
    )


def _plain_weights(name: str, part: Any) -> dict[str, Any]:
    """Return the parameters of the inner module `part` called `name`; raise if its weights are computed from them."""
    found = dict(part.named_parameters(recurse=False))
    strange = sorted(key for key in found if not (NAMES.fullmatch(key) or LINEAR.fullmatch(key)))
    if strange:
        what, do = f"parameters of module {name!r}", "remove its weight norm before"
        raise unsupported(what, "be its weights", ", ".join(strange), do)
    return found


def _two_axes(column: Any) -> Any:
    return column if column.ndim > 1 else column[:, None]
