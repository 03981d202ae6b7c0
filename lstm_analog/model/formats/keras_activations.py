"""Activations by Keras' names: those of cells, which a machine computes, and those of numeric steps."""

from collections.abc import Mapping
from types import MappingProxyType

from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.activations import (
    HARD_SIGMOID,
    LINEAR,
    RELU,
    SIGMOID,
    SOFTPLUS,
    STEEP_HARD_SIGMOID,
    TANH,
    Activation,
)
from lstm_analog.model.formats.keras_graph import LayerConfig
from lstm_analog.model.formulas import (
    clipped,
    elu,
    formula,
    gated,
    gelu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    silu,
    softsign,
)
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import ModelStep, Softmax

ACTIVATIONS = MappingProxyType(
    {
        "sigmoid": SIGMOID,
        "tanh": TANH,
        "relu": RELU,
        "linear": LINEAR,
        "softplus": SOFTPLUS,
        "hard_sigmoid": HARD_SIGMOID,
    }
)
"""Activations of cells; Keras 1 and 2 have the steeper hard sigmoid instead."""


CURVES: Mapping[str, tuple[ModelStep, ...]] = MappingProxyType(
    {
        "softmax": (Softmax(),),
        "log_softmax": (log_softmax(),),
        "gelu": (gelu(rough=False),),
        "elu": (elu(1.0),),
        "celu": (elu(1.0),),
        "selu": (elu(1.6732632423543772, 1.0507009873554805),),
        "leaky_relu": (leaky_relu(0.2),),
        "relu6": clipped(0.0, 6.0),
        "hard_tanh": clipped(-1.0, 1.0),
        "exponential": (formula("exp", (Operation.EXP, (0,))),),
        "silu": (silu(),),
        "swish": (silu(),),
        "hard_silu": (gated("hard swish", HARD_SIGMOID),),
        "hard_swish": (gated("hard swish", HARD_SIGMOID),),
        "mish": (mish(),),
        "softsign": (softsign(),),
        "log_sigmoid": (log_sigmoid(),),
    }
)
"""Activations of numeric steps, with the constants of keras/src/activations/activations.py."""


def curve_of(config: LayerConfig, old: bool) -> tuple[ModelStep, ...]:
    """Return the numeric steps of the activation of the layer `config`.

    `old` and the errors are as in `activation_of`.
    """
    name = _name(config, "activation", "linear")
    if isinstance(name, str) and name in CURVES:
        return CURVES[name]
    curve = activation_of(config, "activation", "linear", old, (*ACTIVATIONS, *CURVES))
    return () if curve == LINEAR else (curve,)


def activation_of(
    config: LayerConfig, option: str, preset: str, old: bool, known: tuple[str, ...] = tuple(ACTIVATIONS)
) -> Activation:
    """Return the activation that `option` of the layer `config` names, or the `preset` one if it has no such option.

    `old` says that Keras 1 or 2 wrote the file. Raises `UnsupportedError` for an activation that is not in `known`.
    """
    name = _name(config, option, preset)
    if not isinstance(name, str) or name not in ACTIVATIONS:
        must, do = f"have an {option} of {', '.join(known)}", "train it with one of these"
        raise UnsupportedError(explain(config.label, must=must, got=ascii(name)[:80], do=do))
    return STEEP_HARD_SIGMOID if old and name == "hard_sigmoid" else ACTIVATIONS[name]


def _name(config: LayerConfig, option: str, preset: str) -> object:
    name = config.options.get(option, preset)
    if isinstance(name, dict):
        name = name.get("config", name)
    return "linear" if name is None else name
