"""The compiler: LSTM -> signal network (no technology) -> physical network."""

from lstm_analog.compiler import behavioural, bicmos_lower, electrical, hydraulic, opamp, plumbing
from lstm_analog.compiler.compiled import Compiled, Drive, LayerLayout, Layout, Spot, decode, fit_ranges, lower, schedule
from lstm_analog.compiler.signals import SignalNetwork, signal_network
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing

__all__ = [
    "CLOCKED",
    "GATED_LEAK",
    "Compiled",
    "Drive",
    "LayerLayout",
    "Layout",
    "SignalNetwork",
    "Spot",
    "Timing",
    "behavioural",
    "bicmos_lower",
    "decode",
    "electrical",
    "fit_ranges",
    "hydraulic",
    "lower",
    "opamp",
    "plumbing",
    "schedule",
    "signal_network",
]
