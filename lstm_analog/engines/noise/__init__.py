"""Noise of a network in time: how far its efforts fluctuate along a run, sample paths, and which part made it."""

from lstm_analog.engines.noise.linear import LinearNoise

__all__ = ["LinearNoise"]
