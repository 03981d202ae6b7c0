"""Activations by Keras' names."""

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
"""By Keras' names; the hard sigmoid of Keras 1 and 2 is the steeper one."""


def activation_of(config: LayerConfig, option: str, preset: str, old: bool) -> Activation:
    """Return the activation that `option` of the layer `config` names, the `preset` one if it does not.

    `old` are the files of Keras 1 and 2. Raises `UnsupportedError` for one that is not offered.
    """
    name = config.options.get(option, preset)
    if isinstance(name, dict):
        name = name.get("config", name)
    name = "linear" if name is None else name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        must, do = f"have an {option} of {', '.join(ACTIVATIONS)}", "train it with one of these"
        raise UnsupportedError(explain(config.label, must=must, got=ascii(name)[:80], do=do))
    return STEEP_HARD_SIGMOID if old and name == "hard_sigmoid" else ACTIVATIONS[name]
