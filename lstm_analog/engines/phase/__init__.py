"""The analysis of a clock phase, which both `Settle` (at rest) and `Waveform` (over time) evaluate."""
