"""Where the weights of a module stand in the banks of its machine, so that derivatives find their way back.

A signal network whose weights are replaced by their numbers, 1, 2, 3, ..., has these numbers where the weights stand.
A machine whose weights are all as large as the largest of their bank has the conductance that a bank makes of a weight.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler import lower, signal_networks
from lstm_analog.compiler.manifolds import dense_weights
from lstm_analog.compiler.signals import OperationChain, SignalNetwork, SignalOperation, Sum
from lstm_analog.engines.sensitivity import Sensitivities
from lstm_analog.machine import Machine
from lstm_analog.model.formats.refusals import unsupported
from lstm_analog.model.formats.state_dict import stack_of
from lstm_analog.model.formats.tensor import TensorMap
from lstm_analog.network.parts import Crossbars, Part, Transconductors


def weight_slopes(machine: Machine, tensors: TensorMap, found: tuple[Sensitivities, ...]) -> dict[str, Floats]:
    """Return the derivatives of a result by the weights in `tensors`, of which `machine` is built, by their names.

    `found` are those by the parameters of each pass, of one result. The scales of the compiler count as constant, and
    rounding to values that can be bought, programming errors and all else between a weight and its device as a straight
    line of slope 1. At zero, where a weight changes the bank that it stands in, the slope is the mean of the two sides.

    Raises `UnsupportedError` if a weighted sum is no bank of `Transconductors` or `Crossbars`.
    """
    counts = _counted(tensors)
    total = np.zeros(1 + sum(values.size for values in counts.values()))  # the first takes what is no weight
    networks = (_signal_networks(tensors), _signal_networks(_numbered(tensors, counts)))
    for compiled, slopes, plain, numbered in zip(machine.passes, found, *networks, strict=True):
        full = _with_largest(plain)
        probe = lower(machine.technology, full, compiled.timing, compiled.settling).network
        for own, ids, largest in zip(_sums(plain), _sums(numbered), _sums(full), strict=True):
            part = compiled.network.part(own.label)
            built = _by_weight(part, slopes.parameters[own.label], dense_weights(own))
            gains = _gains(probe.part(own.label), dense_weights(largest))
            np.add.at(total, np.rint(dense_weights(ids)).astype(np.int64), built * gains)
    return {name: total[values] for name, values in counts.items()}


def _counted(tensors: TensorMap) -> dict[str, Indices]:
    """Return a number for each weight in `tensors`, counted from 1; two biases that are added have the same."""
    counts: dict[str, Indices] = {}
    total = 1
    for name, tensor in tensors.items():
        twin = name.replace("bias_hh", "bias_ih")
        if twin not in counts:
            counts[twin] = total + np.arange(int(np.prod(tensor.shape))).reshape(tensor.shape)
            total += counts[twin].size
    return {name: counts[name.replace("bias_hh", "bias_ih")] for name in tensors}


def _numbered(tensors: TensorMap, counts: Mapping[str, Indices]) -> TensorMap:
    """Return `tensors` with the numbers `counts` of weights in their places; of two biases that are added, one is 0."""
    return {
        name: replace(tensor, stored=np.where(name.startswith("bias_hh"), 0.0, counts[name]))
        for name, tensor in tensors.items()
    }


def _signal_networks(tensors: TensorMap) -> tuple[SignalNetwork, ...]:
    return signal_networks(stack_of(tensors).lstm("torch"))


def _sums(network: SignalNetwork) -> list[Sum]:
    return [operation for operation in network.operations if isinstance(operation, Sum)]


def _with_largest(network: SignalNetwork) -> SignalNetwork:
    """Return `network` with all weights of each sum as large as its largest."""

    def changed(operation: SignalOperation) -> SignalOperation:
        if not isinstance(operation, Sum):
            return operation
        largest = float(np.abs(dense_weights(operation)).max(initial=0.0)) or 1.0
        bias = None if operation.bias is None else np.full_like(operation.bias, largest)
        return replace(operation, weights=np.full_like(operation.weights, largest), bias=bias)

    def chained(chain: OperationChain) -> OperationChain:
        return replace(chain, operations=tuple(map(changed, chain.operations)))

    stages = tuple(replace(stage, chains=tuple(map(chained, stage.chains))) for stage in network.stages)
    return replace(network, stages=stages)


def _gains(part: Part, weights: Floats) -> Floats:
    """Return d conductance / d weight of the bank `part`, which was built of `weights` (m, n) above zero."""
    if isinstance(part, Transconductors):
        return part.transconductance / weights
    if isinstance(part, Crossbars):
        return (part.positive - part.negative) / weights
    must, do = "be a bank of Transconductors or Crossbars to have slopes", "choose another technology"
    raise unsupported(f"the weighted sum {part.label}", must, type(part).__name__, do)


def _by_weight(part: Part, slopes: Mapping[str, Floats], weights: Floats) -> Floats:
    """Return the derivative by what each of `weights` (m, n) adds to the conductance of its device in the bank `part`.

    `slopes` are those by the parameters of the bank. A dummy gives way for the device where the bank has dummies, so
    that the sum of all on a manifold stays.
    """
    if not isinstance(part, Crossbars):
        plain: Floats = slopes["transconductance"][0]
        return plain
    filled = bool(part.plus_load.any() or part.minus_load.any())
    plus, minus = (
        slopes[bank][0] - (slopes[load][0][:, None] if filled else 0.0)
        for bank, load in (("positive", "plus_load"), ("negative", "minus_load"))
    )
    result: Floats = np.where(weights > 0.0, plus, np.where(weights < 0.0, -minus, 0.5 * (plus - minus)))
    return result
