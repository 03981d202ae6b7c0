"""The fast engine, `Waveform`."""

from lstm_analog.engines.waveform.engine import Waveform

__all__ = ["Waveform"]
