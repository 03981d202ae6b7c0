"""The compiler: LSTM -> signal network (no technology) -> physical network."""

from lstm_analog.compiler import behavioural, bicmos_lower, channels, electrical, hydraulic, opamp, plumbing
from lstm_analog.compiler.compiled import (
    Compiled,
    Drive,
    HeadLayout,
    InputLayout,
    LayerLayout,
    Layout,
    Spot,
    decode,
    drives_of,
    fed_by,
    lower,
    schedule,
    state_sizes,
)
from lstm_analog.compiler.passes import signal_network, signal_networks
from lstm_analog.compiler.scaling import Fit, Ranges, Scaling, bounded, scaled
from lstm_analog.compiler.signals import SignalNetwork
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing

__all__ = [
    "CLOCKED",
    "GATED_LEAK",
    "Compiled",
    "Drive",
    "Fit",
    "HeadLayout",
    "InputLayout",
    "LayerLayout",
    "Layout",
    "Ranges",
    "Scaling",
    "SignalNetwork",
    "Spot",
    "Timing",
    "behavioural",
    "bicmos_lower",
    "bounded",
    "channels",
    "decode",
    "drives_of",
    "electrical",
    "fed_by",
    "hydraulic",
    "lower",
    "opamp",
    "plumbing",
    "scaled",
    "schedule",
    "signal_network",
    "signal_networks",
    "state_sizes",
]
