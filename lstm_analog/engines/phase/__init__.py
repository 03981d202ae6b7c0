"""Analyses a network in a clock phase: who acts on whom, how strongly, in which order; for `Settle` and `Waveform`."""
