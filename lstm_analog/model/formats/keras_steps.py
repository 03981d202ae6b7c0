"""Turn Keras layers into numeric steps of a model: tables, matrices, curves, scalings, means, shapes.

A Dense layer has a kernel `(n, units)`; a trained normalisation is a factor and an offset for each feature.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf, prod
from sys import float_info
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.formats.keras_graph import LayerConfig, layer_of
from lstm_analog.model.formats.keras_layers import (
    LayerFile,
    check_all_used,
    check_options,
    check_units,
    curve_of,
    misfit,
    refused,
    taken,
)
from lstm_analog.model.formulas import clipped, elu, layer_normalization, leaky_relu
from lstm_analog.model.steps import Affine, Dense, Embedding, Masking, ModelStep, Pool, Pooling, Reshape, Softmax

KerasShape = tuple[int | None, ...]
"""Sizes of the axes of a sequence (time, features) or of a vector (features,), without the batch; None is any."""

_Maker = Callable[[LayerFile, KerasShape], tuple[ModelStep, ...]]
"""Function from a layer of a file and the shape of its inputs to its steps."""

_SEQUENCE = 2
"""Number of axes of a sequence, without the batch."""


def steps_of(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    """Return the numeric steps of the layer in `file` for signals of `shape`.

    Raises `FileFormatError` if an array is missing, extra or of another shape, `UnsupportedError` for an unsupported
    layer or option.
    """
    kind = file.config.kind
    if kind not in _MAKERS:
        raise refused(file.config, f"be one of {', '.join(_MAKERS)}", kind, "build the model without it")
    make, options = _MAKERS[kind]
    check_options(file.config, *options)
    return make(file, shape)


def dense_of(file: LayerFile) -> Dense:
    """Return the matrix and the bias of the Dense layer in `file`, without its activation."""
    config, rest = file.config, list(file.arrays)
    kernel = taken(config, rest)
    if kernel.ndim != 2:
        raise misfit(config, "have a kernel of two axes", f"shape {kernel.shape}")
    check_units(config, kernel.shape[1])
    bias = taken(config, rest) if config.options.get("use_bias", True) else None
    check_all_used(config, rest)
    if bias is not None and bias.shape != kernel.shape[1:]:
        raise misfit(config, f"have a bias of shape {kernel.shape[1:]}", f"shape {bias.shape}")
    return Dense(weights=kernel.T, bias=bias)


def inner_dense(file: LayerFile) -> LayerFile:
    """Return `file`, or the Dense layer inside it if it is a TimeDistributed one."""
    if file.config.kind != "TimeDistributed":
        return file
    inner = layer_of(file.config.options.get("layer"))
    if inner.kind != "Dense":
        raise refused(file.config, "hold a Dense layer", inner.kind)
    check_options(inner)
    return LayerFile(config=inner, arrays=file.arrays, old=file.old)


def _embedding(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    config, rest = file.config, list(file.arrays)
    table = taken(config, rest)
    check_all_used(config, rest)
    said = tuple(config.options.get(name) for name in ("input_dim", "output_dim"))
    if table.shape != said:
        raise misfit(config, f"have a table of shape {ascii(said)[:60]}, as it says", f"shape {table.shape}")
    return (Embedding(table=table, masked=bool(config.options.get("mask_zero"))),)


def _masking(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    return (Masking(value=_number(file.config, "mask_value", 0.0)),)


def _dense(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    dense = inner_dense(file)
    return (dense_of(dense), *curve_of(dense.config, dense.old))


def _activation(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    check_all_used(file.config, file.arrays)
    return curve_of(file.config, file.old)


def _relu(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    """Return `min(max(x, 0), most)`; without a most, Keras 3 writes None, Keras 2 nothing."""
    most = file.config.options.get("max_value")
    return clipped(0.0, inf if most is None else _positive(file.config, "max_value", inf))


def _leaky_relu(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    """Return `x` above zero, `negative_slope x` below; Keras 2 calls the slope alpha."""
    old = _number(file.config, "alpha", 0.3)
    return (leaky_relu(_number(file.config, "negative_slope", old)),)


def _elu(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    return (elu(_number(file.config, "alpha", 1.0)),)


def _softmax(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    _check_last_axis(file.config, shape)
    return (Softmax(),)


def _pooling(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    _check_channels_last(file.config)
    if len(shape) != _SEQUENCE:
        raise refused(file.config, "pool a sequence (batch, time, features)", "another", "let it follow a sequence")
    pooled = Pooling(pool=Pool.MEAN if "Average" in file.config.kind else Pool.MAX)
    if not file.config.options.get("keepdims"):
        return (pooled,)
    return pooled, _reshaped(file.config, shape[1:], (1, -1))


def _flatten(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    _check_channels_last(file.config)
    return (_reshaped(file.config, shape, (-1,)),) if len(shape) > 1 else ()


def _reshape(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    match file.config.options.get("target_shape"):
        case [*target] if target and all(isinstance(size, int) for size in target):
            return (_reshaped(file.config, shape, tuple(target)),)
        case other:
            raise misfit(file.config, "have a target shape", ascii(other)[:80])


def _reshaped(config: LayerConfig, shape: KerasShape, target: tuple[int, ...]) -> Reshape:
    """Return the step from `shape` to `target`, in which -1 stands for the remaining size."""
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) < len(shape) or not sizes:
        do = "build the model with Input(shape=(steps, features))"
        raise refused(config, "follow sequences of a fixed number of steps", f"shape {shape}", do)
    rest = prod(size for size in target if size != -1)
    made = tuple(prod(sizes) // max(rest, 1) if size == -1 else size for size in target)
    if prod(made) != prod(sizes) or min(made) < 1:
        raise misfit(config, f"have a target shape of as many numbers as {sizes}", ascii(target)[:80])
    return Reshape(taken=sizes, made=made)


def _check_channels_last(config: LayerConfig) -> None:
    if config.options.get("data_format") not in (None, "channels_last"):
        raise refused(config, "have its features last", config.options["data_format"], "build it with channels_last")


def _batch_normalization(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    """Return `gamma (x - mean) / sqrt(variance + epsilon) + beta`, with mean and variance of the training."""
    config, rest = file.config, list(file.arrays)
    _check_last_axis(config, shape)
    gamma = taken(config, rest) if config.options.get("scale", True) else np.array(1.0)
    beta = taken(config, rest) if config.options.get("center", True) else np.array(0.0)
    mean, variance = taken(config, rest), taken(config, rest)
    check_all_used(config, rest)
    return (_normalised(config, mean, variance + _number(config, "epsilon", 1e-3), gamma, beta),)


def _layer_normalization(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    config, rest = file.config, list(file.arrays)
    _check_last_axis(config, shape)
    gamma = taken(config, rest) if config.options.get("scale", True) else None
    beta = taken(config, rest) if config.options.get("center", True) else None
    check_all_used(config, rest)
    sizes = {each.shape for each in (gamma, beta) if each is not None}
    if len(sizes) > 1 or any(len(size) != 1 for size in sizes):
        raise misfit(config, "have one number a feature in each array", f"shapes {sorted(sizes)}")
    size = min(sizes, default=())
    scale, offset = np.ones(size) if gamma is None else gamma, np.zeros(size) if beta is None else beta
    return (layer_normalization(scale, offset, _positive(config, "epsilon", 1e-3)),)


def _normalization(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    """Return `(x - mean) / sqrt(variance)`, both from data or given; a deviation below 1e-7 is replaced by it."""
    config, rest = file.config, list(file.arrays)
    _check_last_axis(config, shape)
    if config.options.get("mean") is None:
        mean, variance = taken(config, rest), taken(config, rest)
        rest = rest[1:]  # a counter
    else:
        mean, variance = (_numbers(config, name) for name in ("mean", "variance"))
    check_all_used(config, rest)
    least = np.maximum(variance, _LEAST_DEVIATION**2)
    return (_normalised(config, mean.reshape(-1), least.reshape(-1), np.array(1.0), np.array(0.0)),)


_LEAST_DEVIATION = 1e-7
"""`keras.backend.epsilon()`, the least divisor of a Normalization."""


def _normalised(config: LayerConfig, mean: Floats, variance: Floats, gamma: Floats, beta: Floats) -> Affine:
    fits = mean.ndim == 1 and all(each.shape in ((), mean.shape) for each in (gamma, beta))
    if variance.shape != mean.shape or not fits or not (variance > 0).all():
        must, got = "have a mean and a positive variance a feature", f"shapes {mean.shape} and {variance.shape}"
        raise misfit(config, must, got, "train or save it again")
    scale = gamma / np.sqrt(variance)
    return Affine(scale=scale, offset=beta - scale * mean)


def _rescaling(file: LayerFile, shape: KerasShape) -> tuple[ModelStep, ...]:
    scale, offset = (_numbers(file.config, name) for name in ("scale", "offset"))
    if scale.ndim != offset.ndim:
        scale, offset = scale + np.zeros(offset.shape), offset + np.zeros(scale.shape)
    return (Affine(scale=scale, offset=offset),)


def _check_last_axis(config: LayerConfig, shape: KerasShape) -> None:
    axis = config.options.get("axis", -1)
    given = axis if isinstance(axis, Sequence) else [axis]
    if list(given) not in ([-1], [len(shape)]):
        raise refused(config, "act on the last axis", axis, "build it with axis=-1")


def _number(config: LayerConfig, option: str, preset: float) -> float:
    value = config.options.get(option, preset)
    if not isinstance(value, int | float) or not abs(value) <= float_info.max:  # a JSON may have any whole number
        raise misfit(config, f"have a number {option}", ascii(value)[:60])
    return float(value)


def _positive(config: LayerConfig, option: str, preset: float) -> float:
    value = _number(config, option, preset)
    if value <= 0:
        raise misfit(config, f"have its {option} above zero", value)
    return value


def _numbers(config: LayerConfig, option: str) -> Floats:
    """Return an option that is one number or one for each feature, in any nesting of lists."""
    try:
        values = np.asarray(config.options.get(option, 0.0), dtype=np.float64).squeeze()
    except (TypeError, ValueError, OverflowError):
        values = np.array(np.nan)
    if values.ndim > 1 or not np.isfinite(values).all():
        raise misfit(config, f"have a number {option}, or one a feature", ascii(config.options.get(option))[:60])
    return values


_NORMED = ("axis", "epsilon", "center", "scale")
_MAKERS: Mapping[str, tuple[_Maker, tuple[str, ...]]] = MappingProxyType(
    {
        "Embedding": (_embedding, ("output_dim", "mask_zero")),
        "Masking": (_masking, ("mask_value",)),
        "Dense": (_dense, ()),
        "TimeDistributed": (_dense, ()),
        "Activation": (_activation, ()),
        "ReLU": (_relu, ("max_value",)),
        "LeakyReLU": (_leaky_relu, ("negative_slope", "alpha")),
        "ELU": (_elu, ("alpha",)),
        "Softmax": (_softmax, ("axis",)),
        "GlobalAveragePooling1D": (_pooling, ("data_format", "keepdims")),
        "GlobalMaxPooling1D": (_pooling, ("data_format", "keepdims")),
        "Flatten": (_flatten, ("data_format",)),
        "Reshape": (_reshape, ("target_shape",)),
        "BatchNormalization": (_batch_normalization, (*_NORMED, "momentum", "renorm_momentum", "virtual_batch_size")),
        "LayerNormalization": (_layer_normalization, _NORMED),
        "Normalization": (_normalization, ("axis", "mean", "variance")),
        "Rescaling": (_rescaling, ("scale", "offset")),
    }
)
"""The maker of the steps of each kind of layer, and the options that it knows besides those that all layers have."""
