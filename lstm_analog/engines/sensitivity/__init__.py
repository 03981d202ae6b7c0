"""Derivatives of a run: what parameters of parts, inputs and initial states do to results, by one reverse pass."""

from lstm_analog.engines.sensitivity.records import Parameters, Sensitivities, Slope
from lstm_analog.engines.sensitivity.reverse import sensitivities

__all__ = ["Parameters", "Sensitivities", "Slope", "sensitivities"]
