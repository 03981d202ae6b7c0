"""The compiler: LSTM -> signal network (no technology) -> physical network."""

from lstm_analog.compiler import behavioural, bicmos_lower, electrical, hydraulic, opamp, plumbing
from lstm_analog.compiler.compiled import Compiled, Drive, LayerLayout, Layout, Spot, decode, lower, schedule
from lstm_analog.compiler.scaling import Fit, Ranges, Scaling, scaled
from lstm_analog.compiler.signals import SignalNetwork, signal_network
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing

__all__ = [
    "CLOCKED",
    "GATED_LEAK",
    "Compiled",
    "Drive",
    "Fit",
    "LayerLayout",
    "Layout",
    "Ranges",
    "Scaling",
    "SignalNetwork",
    "Spot",
    "Timing",
    "behavioural",
    "bicmos_lower",
    "decode",
    "electrical",
    "hydraulic",
    "lower",
    "opamp",
    "plumbing",
    "scaled",
    "schedule",
    "signal_network",
]
