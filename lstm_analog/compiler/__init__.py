"""The compiler: LSTM -> signal network (no technology) -> physical network."""

from lstm_analog.compiler import behavioural, electrical, hydraulic, plumbing
from lstm_analog.compiler.compiled import (
    Compiled,
    HeadLayout,
    InputLayout,
    LayerLayout,
    Layout,
    Spot,
    decode,
    lower,
    schedule,
    state_sizes,
)
from lstm_analog.compiler.passes import signal_network, signal_networks
from lstm_analog.compiler.signals import SignalNetwork
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing

__all__ = [
    "CLOCKED",
    "GATED_LEAK",
    "Compiled",
    "HeadLayout",
    "InputLayout",
    "LayerLayout",
    "Layout",
    "SignalNetwork",
    "Spot",
    "Timing",
    "behavioural",
    "decode",
    "electrical",
    "hydraulic",
    "lower",
    "plumbing",
    "schedule",
    "signal_network",
    "signal_networks",
    "state_sizes",
]
